"""Counters that fall, jump, change their name or are no counters: what was truly spent is booked, the rest held and told."""

from __future__ import annotations

from cases import case
from trial import Trial, world

CORRECTION = "SpendCorrection"


@case
def dip_of_nanos(trial: Trial) -> None:
    trial.play("dip-of-nanos.prom")
    trial.watch_until(60)
    trial.expect_spent("0")
    trial.expect_nobody_stopped()
    trial.expect_told("SourceHealthy")


@case
def dip_of_three_in_a_thousand(trial: Trial) -> None:
    trial.play("dip-of-three-in-a-thousand.prom", world(limit="10"))
    trial.watch_until(70)
    trial.expect_spent("1.1", "1.26")
    trial.expect_nobody_stopped()


@case
def replicas_a_second_apart(trial: Trial) -> None:
    trial.play("replicas-a-second-apart.prom", world(limit="100"))
    trial.watch_until(70)
    trial.expect_spent("29", "31.6")
    trial.expect_nobody_stopped()


@case
def recorded_sum_loses_a_pod(trial: Trial) -> None:
    trial.play("recorded-sum.prom", rules="recorded-sum.rules.yml")
    trial.wait_for("what fell is held in doubt", lambda seen: seen.in_doubt > 0, until=55)
    trial.watch_until(65)
    trial.expect_spent("0")
    trial.expect(trial.seen[-1].in_doubt == 210, f"in doubt {trial.seen[-1].in_doubt}, and 210 is right")
    trial.expect_told("SpendInDoubt", "researcher", r"\b210\b", CORRECTION)
    trial.expect_nobody_stopped()


@case
def recorded_sum_that_goes_on(trial: Trial) -> None:
    trial.play("recorded-sum-that-goes-on.prom", world(limit="20"), rules="recorded-sum-that-goes-on.rules.yml")
    trial.watch_until(75)
    trial.expect_spent("3.0", "3.5")
    held = trial.seen[-1].in_doubt
    trial.expect(41 <= held <= 42, f"in doubt {held}, and about 41.50 is right")
    trial.expect_told("SpendInDoubt", "researcher", CORRECTION)
    trial.expect_nobody_stopped()


@case
def recorded_sum_that_runs_away(trial: Trial) -> None:
    trial.play("recorded-sum-that-runs-away.prom", world(limit="20"), rules="recorded-sum.rules.yml")
    trial.wait_for("the agents stop", lambda seen: seen.replicas["researcher"] == 0, until=60)


@case
def two_workers(trial: Trial) -> None:
    trial.play("two-workers.prom")
    trial.watch_until(140)
    trial.expect_spent("0")
    trial.expect_nobody_stopped()
    trial.expect_told("Metered", "researcher", "litellm:4000", status="False", reason="DuplicateWriters")


@case
def three_workers(trial: Trial) -> None:
    trial.play("three-workers.prom", world(limit="20"))
    trial.watch_until(130)
    # Between what is sure and the truth ($2.44), and never more than a scrape above it.
    trial.expect_spent("0", "3.5")
    trial.expect_nobody_stopped()
    trial.expect_told("Metered", "researcher", status="False", reason="DuplicateWriters")


@case
def collector_rollout(trial: Trial) -> None:
    trial.play("collector-rollout.prom", world(limit="5"))
    trial.watch_until(70)
    trial.expect_spent("0.56", "0.64")
    trial.expect_nobody_stopped()


@case
def collector_rollout_that_overlaps(trial: Trial) -> None:
    trial.play("collector-rollout-that-overlaps.prom", world(limit="5"))
    trial.watch_until(80)
    trial.expect_spent("0.64", "0.74")
    trial.expect(trial.seen[-1].in_doubt == 0, f"in doubt {trial.seen[-1].in_doubt}, and nothing is right")
    trial.expect_nobody_stopped()


@case
def collector_rollout_of_many(trial: Trial) -> None:
    trial.play("collector-rollout-of-many.prom", world(limit="5"))
    trial.watch_until(70)
    trial.expect_spent("0.55", "0.64")
    trial.expect_nobody_stopped()


@case
def new_label(trial: Trial) -> None:
    trial.play("new-label.prom", world(limit="10"))
    trial.watch_until(65)
    trial.expect_spent("1.58", "1.75")
    trial.expect_nobody_stopped()


@case
def deltas(trial: Trial) -> None:
    trial.play("deltas.prom")
    told = "the condition Metered is False"
    trial.wait_for(told, lambda seen: seen.is_lost("Metered"), until=120)
    trial.expect_told("Metered", "researcher", "(?i)cumulative", "OTLP", status="False", reason="NotACounter")
    trial.expect_nobody_stopped()


@case
def deltas_of_every_other_second(trial: Trial) -> None:
    trial.play("deltas-of-every-other-second.prom")
    told = "the condition Metered is False"
    trial.wait_for(told, lambda seen: seen.condition("Metered")[1] == "NotACounter", until=120)
    trial.expect_told("Metered", "researcher", "(?i)cumulative", "OTLP", status="False", reason="NotACounter")
    trial.expect_nobody_stopped()


@case
def restart_above_the_old_value(trial: Trial) -> None:
    trial.play("restart-above.prom")
    trial.watch_until(50)
    trial.expect_spent("7.25")


@case
def scraped_by_two_jobs(trial: Trial) -> None:
    targets = [{"job": "litellm", "service": "litellm"}, {"job": "litellm-headless", "service": "litellm-headless"}]
    trial.play("steady.prom", world(limit="5"), targets=targets)
    trial.watch_until(60)
    trial.expect_spent("2.5", "2.7")


@case
def pair_of_replicas(trial: Trial) -> None:
    trial.play("steady.prom", world(limit="5"), targets=[{"prometheus_replica": "a"}, {"prometheus_replica": "b"}])
    trial.watch_until(60)
    trial.expect_spent("2.5", "2.7")


@case
def old_counter_at_the_first_start(trial: Trial) -> None:
    trial.play("steady.prom", world(limit="100"), source={"backfill": "24h"})
    trial.watch_until(60)
    trial.expect_spent("2", "3.1")  # what was scraped before the operator came is known, and counts
    trial.expect_nobody_stopped()
