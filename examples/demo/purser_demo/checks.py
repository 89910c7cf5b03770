"""Whether the budget was kept: pure judgements on what was seen, so that the demo is a test as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from purser_demo.screen import dollars
from purser_demo.snapshots import Snapshot

# From the sample that crosses to replicas 0: scrape 1 s, poll 1 s, drain 2 s, and room for a busy machine.
MOST_SECONDS_TO_ZERO = 15.0
MOST_OVERSPEND_PERCENT = 10
# A burst of changes becomes one status after half a second, and a look at everything takes a while.
_MOST_SECONDS_TO_TELL = 2.0


@dataclass(frozen=True)
class Expectation:
    """What the manifests ask for."""

    budget: str
    pool: str
    agent: str  # also the name of its Deployment
    limit: Decimal
    maximum: int  # concurrency
    replicas: int
    other_pool: str
    other_agent: str
    other_replicas: int


@dataclass(frozen=True)
class StopEvidence:
    """What was measured once the agents had stopped; times are Unix seconds."""

    crossed_at: float | None  # when the sample was taken that reached the limit
    limits: str  # the published document
    spent: Decimal  # by the source, once the last pod was gone
    spent_later: Decimal  # the same, a while after
    watched_seconds: float  # that while
    others_spent: Decimal  # meanwhile


@dataclass(frozen=True)
class Evidence:
    """What was seen from beginning to end."""

    before_raise: list[Snapshot]
    after_raise: list[Snapshot]
    stop: StopEvidence
    described: str  # kubectl describe of budget and pool


@dataclass(frozen=True)
class Check:
    passed: bool
    text: str


def judge(expected: Expectation, seen: Evidence) -> list[Check]:
    return [
        _throttled_at_the_threshold(expected, seen),
        _concurrency_cut(expected, seen),
        _replicas_in_proportion(expected, seen),
        _stopped_entirely(expected, seen),
        _limits_published(expected, seen),
        _stopped_quickly(expected, seen),
        _overspend_small(expected, seen),
        _nothing_spent_after(seen),
        _status_agrees_with_source(expected, seen),
        _others_untouched(expected, seen),
        _replicas_given_back(expected, seen),
        _concurrency_ramped(expected, seen),
        _events_tell(seen),
    ]


def first(history: list[Snapshot], condition: Callable[[Snapshot], bool]) -> Snapshot | None:
    return next((snapshot for snapshot in history if condition(snapshot)), None)


def proportional(replicas: int, concurrency: int, maximum: int) -> int:
    """What is left of the replicas while throttled: rounded up, and never none."""
    return max(1, -(-replicas * concurrency // maximum))


def _state(snapshot: Snapshot, budget: str) -> str:
    view = snapshot.budgets.get(budget)
    return view.state if view else ""


def _replicas(snapshot: Snapshot, workload: str) -> int:
    view = snapshot.workloads.get(workload)
    return view.replicas if view else -1


def _throttled_at_the_threshold(expected: Expectation, seen: Evidence) -> Check:
    throttled = first(seen.before_raise, lambda each: _state(each, expected.budget) == "Throttled")
    if throttled is None:
        return Check(False, "the budget was never Throttled")
    used = throttled.budgets[expected.budget].used_percent()
    return Check(80 <= used < 100, f"throttled from 80 % on: first seen Throttled at {used:.1f} % of the limit")


def _distinct(values: list[int]) -> list[int]:
    """Without repetitions in a row."""
    return [value for number, value in enumerate(values) if number == 0 or values[number - 1] != value]


def _path(values: list[int]) -> str:
    return " -> ".join(str(value) for value in values)


def _concurrency_cut(expected: Expectation, seen: Evidence) -> Check:
    values = [each.pools[expected.pool].concurrency for each in seen.before_raise if _known(each, expected.pool)]
    path = _distinct(values)
    falling = all(later < earlier for earlier, later in zip(path, path[1:], strict=False))
    passed = falling and len(path) >= 3 and path[0] == expected.maximum and path[-1] == 0
    return Check(passed, f"concurrency was cut in steps, never raised: {_path(path)}")


def _known(snapshot: Snapshot, pool: str) -> bool:
    view = snapshot.pools.get(pool)
    return view is not None and view.state not in ("", "NotReady")


def _replicas_in_proportion(expected: Expectation, seen: Evidence) -> Check:
    history = seen.before_raise
    path = _distinct([_replicas(each, expected.agent) for each in history if expected.agent in each.workloads])
    between = [value for value in path if 0 < value < expected.replicas]
    wrong = []
    for number, snapshot in enumerate(history[:-1]):
        if _pool_agent_state(snapshot, expected) != "Throttled":
            continue
        # The operator acts before it tells: the workload may be as far as a status says that is seen soon after.
        soon = [each for each in history[number + 1 :] if each.time <= snapshot.time + _MOST_SECONDS_TO_TELL]
        told = [snapshot, *(soon or [history[number + 1]])]
        if any(_pool_agent_state(each, expected) != "Throttled" for each in told):
            continue
        if _replicas(snapshot, expected.agent) not in {_proportional_at(each, expected) for each in told}:
            wrong.append(_replicas(snapshot, expected.agent))
    falling = all(later < earlier for earlier, later in zip(path, path[1:], strict=False))
    text = f"replicas fell in proportion to concurrency: {_path(path)}"
    if wrong:
        text += f"; out of proportion: {wrong}"
    return Check(bool(between) and falling and not wrong, text)


def _proportional_at(snapshot: Snapshot, expected: Expectation) -> int:
    concurrency = snapshot.pools[expected.pool].agents[expected.agent].concurrency
    return proportional(expected.replicas, concurrency, expected.maximum)


def _pool_agent_state(snapshot: Snapshot, expected: Expectation) -> str:
    view = snapshot.pools.get(expected.pool)
    agent = view.agents.get(expected.agent) if view else None
    return agent.state if agent else ""


def _stopped_entirely(expected: Expectation, seen: Evidence) -> Check:
    last = seen.before_raise[-1]
    pods = last.pods.get(expected.agent, 0)
    state = _state(last, expected.budget)
    passed = state == "Stopped" and _replicas(last, expected.agent) == 0 and pods == 0
    text = f"stopped from 100 % on: budget {state}, {_replicas(last, expected.agent)} replicas, {pods} pods"
    return Check(passed, text)


def _limits_published(expected: Expectation, seen: Evidence) -> Check:
    try:
        agent = json.loads(seen.stop.limits)["agents"][expected.agent]
        passed = (agent["state"], agent["maxConcurrency"]) == ("Stopped", 0)
    except (ValueError, KeyError, TypeError):
        passed = False
    return Check(passed, f"the published limits said so, too: {seen.stop.limits}")


def _stopped_quickly(expected: Expectation, seen: Evidence) -> Check:
    zero = first(seen.before_raise, lambda each: _replicas(each, expected.agent) == 0)
    if zero is None or seen.stop.crossed_at is None:
        return Check(False, "the limit was never crossed, or replicas never reached 0")
    seconds = zero.time - seen.stop.crossed_at
    return Check(
        seconds <= MOST_SECONDS_TO_ZERO,
        f"{seconds:.1f} s from the sample that crossed the limit to replicas 0, of which 2 s to finish work in flight",
    )


def _overspend_small(expected: Expectation, seen: Evidence) -> Check:
    over = seen.stop.spent - expected.limit
    percent = over * 100 / expected.limit
    return Check(
        0 <= percent <= MOST_OVERSPEND_PERCENT,
        f"spent {dollars(seen.stop.spent)} of {dollars(expected.limit)}: {dollars(over)} too much ({percent:.1f} %)",
    )


def _nothing_spent_after(seen: Evidence) -> Check:
    more = seen.stop.spent_later - seen.stop.spent
    return Check(
        more == 0, f"{dollars(more)} spent in the {seen.stop.watched_seconds:.0f} s after the last pod was gone"
    )


def _status_agrees_with_source(expected: Expectation, seen: Evidence) -> Check:
    said = seen.before_raise[-1].budgets[expected.budget].spent
    # Status is written when a percent of the limit is worth it; the ledger itself is exact.
    passed = abs(said - seen.stop.spent_later) * 100 <= expected.limit
    return Check(passed, f"the budget's status says {dollars(said)}, Prometheus holds {dollars(seen.stop.spent_later)}")


def _others_untouched(expected: Expectation, seen: Evidence) -> Check:
    history = [each for each in seen.before_raise + seen.after_raise if expected.other_agent in each.workloads]
    replicas = {_replicas(each, expected.other_agent) for each in history}
    states = {each.pools[expected.other_pool].state for each in history if _known(each, expected.other_pool)}
    passed = replicas == {expected.other_replicas} and states == {"Normal"} and seen.stop.others_spent > 0
    return Check(
        passed,
        f"the other team went on working: {expected.other_replicas} replicas all the time, "
        f"{dollars(seen.stop.others_spent)} spent meanwhile",
    )


def _replicas_given_back(expected: Expectation, seen: Evidence) -> Check:
    last = seen.after_raise[-1]
    view = last.workloads.get(expected.agent)
    passed = (
        view is not None
        and view.replicas == expected.replicas
        and view.ready == expected.replicas
        and view.saved is None
    )
    replicas = _replicas(last, expected.agent)
    return Check(passed, f"after the raise: replicas back at {replicas}, nothing left behind on them")


def _concurrency_ramped(expected: Expectation, seen: Evidence) -> Check:
    path = _distinct([each.pools[expected.pool].concurrency for each in seen.after_raise])
    rising = all(later > earlier for earlier, later in zip(path, path[1:], strict=False))
    between = [value for value in path if 0 < value < expected.maximum]
    passed = rising and bool(between) and path[-1] == expected.maximum
    return Check(passed, f"concurrency came back in steps: {_path(path)}")


def _events_tell(seen: Evidence) -> Check:
    _, _, events = seen.described.partition("Events:")
    missing = [word for word in ("Throttled", "Stopped") if word not in events]
    text = "kubectl describe tells what happened, and why"
    return Check(not missing, text if not missing else f"{text}: its events lack {', '.join(missing)}")
