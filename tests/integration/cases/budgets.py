"""What budgets can say: whose limit it is, over which window, in which unit, and what happens on the way to it."""

from __future__ import annotations

import json
import subprocess
import time
from decimal import Decimal

from cases import case
from trial import PURSER, REPLICAS, Trial, budget, deployment, pool

_TWO = ("researcher", "writer")
_SCRIPT = "one-of-two-spends.prom"  # of the researcher $2 a second from second 15 on, of the writer a fortieth of that


def _two(**more: object) -> list[dict[str, object]]:
    return [*(deployment(name) for name in _TWO), pool(*_TWO), budget(**more)]  # type: ignore[arg-type]


@case
def a_limit_for_each_agent(trial: Trial) -> None:
    trial.play(_SCRIPT, _two(limit="20", scope={"pools": ["research"], "per": "Agent"}, limits=[{"agent": "writer", "limit": "100"}]))
    trial.wait_for("the one that spent its limit stops", lambda seen: seen.replicas["researcher"] == 0, until=60)
    last = trial.watch_until(trial.second + 5)
    trial.expect(all(seen.replicas["writer"] == REPLICAS for seen in trial.seen), "its neighbour was touched")
    trial.expect(last.budget["summary"] == "1 of 2 stopped", f"the summary is {last.budget['summary']}")
    found = [(one["name"], one["state"], one["limit"]) for one in last.budget["subjects"]]
    trial.expect(found == [("researcher", "Stopped", "20"), ("writer", "Normal", "100")], f"the subjects are {found}")
    trial.expect_told("Throttled", "1 of 2 stopped; agent researcher: spent", reason="Stopped")


@case
def a_rename_keeps_the_stop(trial: Trial) -> None:
    """What was spent in the pool stays in its budget, under whatever name its workload goes on, over a restart too."""
    trial.play(_SCRIPT, _two(limit="20"))
    trial.wait_for("both stop", lambda seen: not any(seen.replicas.values()), until=60)
    trial.wait_for("it is told", lambda seen: str(seen.budget.get("state")) == "Stopped" and seen.spent >= 20, until=70)
    spent = trial.seen[-1].spent
    renamed = pool("scientist", "writer")
    renamed["spec"]["agents"][0]["workloadRef"]["name"] = "researcher"
    stopped = len(trial.seen)
    trial.stage.apply(trial.namespace, renamed)
    known = lambda seen: {one["name"] for one in seen.pool.get("agents", [])} == {"scientist", "writer"}  # noqa: E731
    trial.wait_for("the pool knows its new agent", known, until=trial.second + 20)
    trial.watch_until(trial.second + 5)
    trial.restart()
    last = trial.watch_until(trial.second + 8)
    trial.expect(not any(any(seen.replicas.values()) for seen in trial.seen[stopped:]), "a rename gave it back")
    trial.expect(last.spent >= spent >= 20, f"{last.spent} of {spent} is left")
    trial.stage.apply(trial.namespace, pool("writer"))  # who leaves is nobody's; who stays is stopped
    trial.wait_for("the former agent is restored", lambda seen: seen.replicas["researcher"] > 0, until=trial.second + 20)
    trial.watch_until(trial.second + 3)
    trial.expect(not any(seen.replicas["writer"] for seen in trial.seen[stopped:]), "a removal gave it back")


def approve(trial: Trial, name: str) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    condition = {"type": "Approved", "status": "True", "lastTransitionTime": now}
    patch = json.dumps({"status": {"conditions": [condition], "approvedBy": "bob"}})
    words = ("patch", "abo", name, "--subresource=status", "--type=merge", f"--patch={patch}")
    trial.stage.kubectl(*words, f"--namespace={trial.namespace}")


@case
def more_for_a_while(trial: Trial) -> None:
    """Asked, granted, expired to the second: what it gave is taken back without a restart."""
    trial.play(_SCRIPT, _two(limit="10"))
    trial.wait_for("both stop", lambda seen: not any(seen.replicas.values()), until=60)
    expires = time.time() + 30
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
    metadata = {"name": "on-call", "annotations": {"purser.dev/requested-by": "alice"}}
    spec = {"budget": "research-daily", "add": "1000", "reason": "incident 4711", "expires": {"at": at}}
    kind = {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudgetOverride"}
    trial.stage.apply(trial.namespace, {**kind, "metadata": metadata, "spec": spec})
    trial.watch_until(trial.second + 3)
    trial.expect(not any(trial.seen[-1].replicas.values()), "a request alone gave more")
    approve(trial, "on-call")
    trial.wait_for("both run again", lambda seen: all(count > 0 for count in seen.replicas.values()), until=trial.second + 20)
    trial.wait_for("it is told", lambda seen: seen.condition("Overridden")[0] == "True", until=trial.second + 10)
    trial.expect_told("Overridden", "on-call: .1000 more until", "asked by alice, approved by bob", "incident 4711")
    trial.wait_for("both stop again", lambda seen: not any(seen.replicas.values()), until=trial.second + 45)
    trial.expect(time.time() >= int(expires), "it ended early")
    shown = trial.stage.kubectl("get", "abo", "on-call", "--output=jsonpath={.status.state}", f"--namespace={trial.namespace}")
    trial.expect(shown == "Expired", f"its state is {shown}")


def _ask(trial: Trial, name: str, add: str, who: str, expires: dict[str, object]) -> None:
    metadata = {"name": name, "annotations": {"purser.dev/requested-by": who}}
    spec = {"budget": "research-daily", "add": add, "reason": "incident 4711", "expires": expires}
    kind = {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudgetOverride"}
    trial.stage.apply(trial.namespace, {**kind, "metadata": metadata, "spec": spec})


@case
def asking_for_more(trial: Trial) -> None:
    """Who asks goes on slowly for a while; and what was overspent until the stop was bounded by what the status said."""
    trial.play(_SCRIPT, _two(limit="20", allowRequests={"graceSeconds": 25, "upTo": "1000"}))
    stop = trial.wait_for("both stop", lambda seen: not any(seen.replicas.values()), until=60)
    bounds = [Decimal(seen.budget.get("overspendBound") or "0") for seen in trial.seen]
    trial.expect(0 < stop.spent - 20 + max(bounds), "no bound was told")
    told = trial.wait_for("it is told", lambda seen: str(seen.budget.get("state")) == "Stopped", until=70)
    bound = Decimal(told.budget["overspendBound"])
    trial.expect(told.spent - 20 <= bound, f"{told.spent} of 20 was spent, and the bound is {bound}")
    _ask(trial, "writer-asks", "50", "writer", {"untilReset": True})
    asked = trial.wait_for("they go on slowly", lambda seen: any(seen.replicas.values()), until=trial.second + 20)
    trial.expect(all(count < REPLICAS for count in asked.replicas.values()), f"{asked.replicas} is no throttle")
    waits = lambda seen: [one["state"] for one in seen.budget.get("overrides", [])] == ["Requested"]  # noqa: E731
    seen = trial.wait_for("the budget tells who asks", waits, until=trial.second + 10)
    one = seen.budget["overrides"][0]
    trial.expect((one["name"], one["requestedBy"], one["add"]) == ("writer-asks", "writer", "50"), f"it tells {one}")
    trial.expect_told("Throttled", "throttled rather than stopped until .*Z, or .1000 beyond the limit, as writer-asks", reason="Throttled")
    words = ("get", "abo", "writer-asks", "--no-headers", f"--namespace={trial.namespace}")
    shown = trial.stage.kubectl(*words)
    trial.expect("Requested" in shown and one["until"] in shown, f"kubectl get abo shows {shown}")
    trial.wait_for("the time is over", lambda seen: not any(seen.replicas.values()), until=trial.second + 40)
    trial.wait_for("it is told", lambda seen: str(seen.budget.get("state")) == "Stopped", until=trial.second + 10)
    reasons = {each["reason"] for each in trial.stage.list(trial.namespace, "Event")}
    trial.expect("OverrideRequested" in reasons, f"the events are {reasons}")


@case
def the_last_five_minutes_and_a_burn(trial: Trial) -> None:
    rule = {"name": "burst", "percent": 10, "within": "5m"}
    window = {"type": "Rolling", "period": "5m"}
    trial.play(_SCRIPT, _two(limit="40", window=window, burnRates=[rule]))
    seen = trial.wait_for("a tenth within five minutes is told", lambda seen: seen.condition("BurnRateHigh")[0] == "True", until=60)
    trial.expect(seen.replicas["researcher"] == REPLICAS, "a notice touched an agent")
    trial.expect_told("BurnRateHigh", "rule burst", "most of it by researcher")
    trial.wait_for("both stop", lambda seen: not any(seen.replicas.values()), until=90)
    window_told = trial.look().budget["window"]
    trial.expect(window_told == {"length": "5m", "exactTo": "1m"}, f"the window is {window_told}")
    trial.expect_told("Throttled", "within 5m .exact to 1m.", reason="Stopped")


@case
def what_a_backtest_says(trial: Trial) -> None:
    """The same usage, replayed, crosses the same thresholds in the same order as it did in the cluster, a poll apart."""
    rungs = [{"percent": 40, "action": "Notify"}, {"percent": 60, "action": "Downgrade"}, {"percent": 100, "action": "Stop"}]
    world = _two(limit="60", burnRates=[], thresholds=rungs, scope={"pools": ["research"], "per": "Agent"})
    trial.play(_SCRIPT, world)
    trial.wait_for("the researcher stops", lambda seen: seen.replicas["researcher"] == 0, until=90)
    trial.expect_told("Throttled", reason="Stopped")
    objects = [each for each in world if each["kind"] != "Deployment"]
    for each in objects:
        each["metadata"]["namespace"] = trial.namespace  # type: ignore[index]
    files = [trial.folder / f"{each['kind']}.json" for each in objects]
    for path, each in zip(files, objects, strict=True):
        path.write_text(json.dumps(each), encoding="utf-8")
    usage = trial.folder / "usage.jsonl"
    start = time.time() - trial.second + 15
    calls = [{"time": int((start + second) * 1000), "agent": "researcher", "costUSD": "2"} for second in range(60)]
    usage.write_text("\n".join(map(json.dumps, calls)), encoding="utf-8")
    options = [f"--budget={files[0]}", f"--pools={files[1]}", f"--usage={usage}", f"--namespace={trial.namespace}", "--poll-seconds=1"]
    done = subprocess.run([PURSER, "backtest", "--output=json", *options], capture_output=True, text=True, check=True, timeout=30)
    replayed = [event["level"] for event in json.loads(done.stdout)["events"] if event["subject"] == "researcher"]
    events = sorted(trial.stage.list(trial.namespace, "Event"), key=lambda each: str(each["eventTime"]))
    of_budgets = [each for each in events if each["involvedObject"]["kind"] == "AgentBudget"]
    levels = ("Warning", "Downgraded", "Stopped")
    live = [str(each["reason"]) for each in of_budgets if each["reason"] in levels and "agent researcher" in each["message"]]
    trial.expect(live == replayed == list(levels), f"live {live}, replayed {replayed}")
