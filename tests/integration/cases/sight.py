"""Spend that is not seen, not yet, or not as this namespace's: no data is never zero, and it is told."""

from __future__ import annotations

from cases import case
from partial_answers import PartialAnswers
from trial import Seen, Trial, budget, deployment, pool, world


def _source_is_lost(seen: Seen) -> bool:
    return seen.is_lost("SourceHealthy")


def _pool_not_metered(seen: Seen) -> bool:
    return seen.condition("Metered", "pool")[0] == "False"


def _not_metered(seen: Seen) -> bool:
    return seen.is_lost("Metered")


@case
def renamed_metric(trial: Trial) -> None:
    trial.play("renamed.prom")
    trial.wait_for("the source is lost", _source_is_lost, until=190)
    trial.watch_until(trial.second + 8)
    trial.expect_told("SourceHealthy", r"\bagent_cost_usd\b", status="False")
    trial.expect_told("Metered", of="pool", status="False", reason="SourceLost")
    trial.expect_nobody_stopped()


@case
def renamed_metric_and_stop(trial: Trial) -> None:
    stop = {"action": "Stop", "afterSeconds": 10}
    trial.play("renamed-with-a-unit.prom", world(onSourceLoss=stop))
    trial.wait_for("the source is lost", _source_is_lost, until=185)
    trial.wait_for("agents stop", lambda seen: seen.replicas["researcher"] == 0, until=215)
    trial.watch_until(trial.second + 3)
    trial.expect_told("SourceHealthy", "agent_cost_usd_dollars_total", status="False")


@case
def misspelt_agent(trial: Trial) -> None:
    trial.play("misspelt.prom")
    trial.wait_for("the agent is not metered", _not_metered, until=200)
    trial.expect_told("Metered", "researcher", "Researcher", status="False", reason="NeverSeen")
    trial.wait_for("its pool tells it too", _pool_not_metered, until=trial.second + 10)
    trial.expect_told("Metered", "researcher", "Researcher", of="pool", status="False", reason="NeverSeen")
    trial.expect_nobody_stopped()


@case
def misspelt_agent_beside_another(trial: Trial) -> None:
    trial.play("misspelt-with-a-dash.prom", world("researcher", "writer"))
    trial.wait_for("the agent is not metered", _not_metered, until=200)
    trial.expect_told("Metered", "researcher", "re-searcher", status="False", reason="NeverSeen")
    trial.expect_nobody_stopped()


@case
def gateway_namespace(trial: Trial) -> None:
    source = {"metric": "litellm_spend_metric_total", "labels": {"agent": "api_key_alias"}}
    trial.stage.kubectl("create", "namespace", "llm-gateway")  # the gateway's own, without any pool or budget
    trial.play("gateway-namespace.prom", source=source)
    trial.watch_until(60)
    unclaimed = [line for line in trial.metrics().splitlines() if line.startswith("purser_unclaimed_spend_usd_total")]
    trial.expect(any("llm-gateway" in line for line in unclaimed), f"unclaimed spend is not shown: {unclaimed}")
    trial.wait_for("the agent is not metered", _not_metered, until=200)
    trial.expect_told("Metered", "researcher", "namespace", status="False")
    events = [each for each in trial.stage.list("llm-gateway", "Event") if each["reason"] == "UnclaimedSpend"]
    trial.expect(len(events) > 0, "nothing is told in the namespace that spends and has no pool")
    trial.expect("no AgentPool names" in events[0]["message"], f"no way out: {events[0]}")


@case
def late_shard(trial: Trial) -> None:
    storage = {"out_of_order_time_window": "1h"}
    objects = [deployment(), deployment("writer"), pool("researcher", "writer"), budget()]
    trial.play("late-shard.prom", objects, source={"backfill": "1h"}, storage=storage)
    trial.wait_for("what came late is booked", lambda seen: seen.spent >= 20, until=220)
    trial.expect_spent("20", "20.3")


@case
def a_minute_late(trial: Trial) -> None:
    objects = [deployment(), deployment("writer"), pool("researcher", "writer"), budget("20")]
    trial.play("a-minute-late.prom", objects, source={"backfill": "1h"}, storage={"out_of_order_time_window": "1h"})
    trial.watch_until(60)
    trial.expect_spent("18", "24.5")


@case
def neighbour_without_numbers(trial: Trial) -> None:
    trial.play("neighbour.prom", world(limit="20"))
    trial.wait_for("the agents stop", lambda seen: seen.replicas["researcher"] == 0, until=50)
    trial.watch_until(trial.second + 5)
    told = trial.seen[-1].told()
    trial.expect("secret-project" not in told, f"another namespace's labels are shown: {told}")
    trial.expect_told("SourceHealthy")


@case
def answers_with_a_warning(trial: Trial) -> None:
    answers = PartialAnswers({"warnings": ["store 10.0.0.7 is not reachable"]})
    trial.play("a-dollar-a-second.prom", world(limit="30"), through=answers.start)
    trial.wait_for("what is in the answers is booked", lambda seen: seen.spent >= 10, until=45)
    trial.wait_for("the agents stop", lambda seen: seen.replicas["researcher"] == 0, until=70)
    trial.watch_until(trial.second + 3)
    trial.expect_told("SourceHealthy", "store 10.0.0.7", status="False", reason="IncompleteAnswer")
    answers.end()


@case
def answers_that_are_partial(trial: Trial) -> None:
    answers = PartialAnswers({"isPartial": True})
    trial.play("a-dollar-a-second.prom", world(limit="30"), through=answers.start)
    trial.wait_for("what is in the answers is booked", lambda seen: seen.spent >= 10, until=45)
    trial.watch_until(trial.second + 8)
    trial.expect_told("SourceHealthy", "(?i)partial", status="False", reason="IncompleteAnswer")
    answers.end()


@case
def lost_ledger(trial: Trial) -> None:
    trial.play("thirty-dollars.prom", world(limit="20"), source={"backfill": "1h"})
    trial.wait_for("the agents stop", lambda seen: seen.replicas["researcher"] == 0, until=60)
    trial.watch_until(60)
    trial.lose_the_ledger(source={"backfill": "0s"})
    trial.watch_until(90)
    trial.expect(trial.seen[-1].replicas["researcher"] == 0, "what was stopped came back")
    trial.expect_spent("20", "31")
    trial.expect_told("LedgerGap")
