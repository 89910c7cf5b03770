"""examples/wishes.yaml: each of them, applied after the other to agents that have spent, does what its line says."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import budgets
from cases import case
from stage import Object
from trial import REPLICAS, Seen, Trial, deployment, pool

_WISHES = Path(__file__).resolve().parents[3] / "examples" / "wishes.yaml"
_ALL = {"researcher": REPLICAS, "writer": REPLICAS}


def _wishes(trial: Trial) -> dict[str, Object]:
    """By name, as kubectl reads them."""
    words = ("create", "--dry-run=client", "--validate=false", "--output=json", f"--filename={_WISHES}")
    text = trial.stage.kubectl(*words).strip()
    read: list[Object] = []
    while text:
        one, end = json.JSONDecoder().raw_decode(text)
        read += one.get("items", [one])
        text = text[end:].strip()
    return {each["metadata"]["name"]: each for each in read}


class _Wish:
    """One of them alone, with what is seen of it."""

    def __init__(self, trial: Trial, wish: Object) -> None:
        self.trial, self.name, self._wish = trial, wish["metadata"]["name"], wish

    def __enter__(self) -> _Wish:
        self.trial.stage.apply(self.trial.namespace, in_namespace(self._wish, self.trial.namespace))
        return self

    def __exit__(self, *ended: Any) -> None:
        if ended[0] is not None:
            return
        self.trial.stage.kubectl("delete", "agentbudget", self.name, f"--namespace={self.trial.namespace}")
        self.trial.wait_for(f"without {self.name} all run", lambda seen: seen.replicas == _ALL, until=self.trial.second + 30)

    def shows(self, what: str, check: Callable[[Seen], bool]) -> Seen:
        return self.trial.wait_for(f"{self.name}: {what}", check, until=self.trial.second + 30)

    def stops(self, *agents: str) -> Seen:
        wanted = {name: 0 if name in agents else REPLICAS for name in _ALL}
        self.shows(f"stops {agents}", lambda seen: seen.replicas == wanted)
        return self.shows("tells it", lambda seen: str(seen.budget.get("state")) == "Stopped")


def in_namespace(wish: Object, namespace: str) -> Object:
    return {**wish, "metadata": {**wish["metadata"], "namespace": namespace}}


def _limits(trial: Trial) -> Object:
    maps = {each["metadata"]["name"]: each for each in trial.stage.list(trial.namespace, "ConfigMap")}
    document: Object = json.loads(maps["research-limits"]["data"]["limits.json"]) if "research-limits" in maps else {}
    return document


@case
def the_wishes(trial: Trial) -> None:
    wishes = _wishes(trial)
    team = pool("researcher", "writer", limitTargets=[{"configMap": {"name": "research-limits", "key": "limits.json"}}])
    for agent in team["spec"]["agents"]:
        agent["models"] = ["claude-opus-4-6", "gpt-5"]
    tokens = {"input": "agent_input_tokens_total", "cached": "agent_cached_tokens_total"}
    trial.play("wishes.prom", [deployment("researcher"), deployment("writer"), team], source={"tokens": tokens})

    trial.watch_until(36)
    with _Wish(trial, wishes.pop("cheaper-after-eighty")) as wish:
        wish.shows("is spent to nine tenths", lambda seen: seen.budget.get("state") == "Downgraded" and seen.spent == 45)
        cheaper = lambda _: _limits(trial).get("agents", {}).get("researcher", {}).get("model") == "gpt-5"  # noqa: E731
        seen = wish.shows("publishes the next model", cheaper)
        trial.expect(seen.replicas == _ALL, "a cheaper model stopped somebody")
    with _Wish(trial, wishes.pop("tokens-a-day")) as wish:
        seen = wish.stops("researcher", "writer")
        trial.expect(Decimal("2.4e6") < seen.spent < Decimal("2.6e6"), f"{seen.spent} tokens, and 2.5 million is right")

    trial.watch_until(88)
    with _Wish(trial, wishes.pop("grant")) as wish:
        seen = wish.shows("counts for good", lambda seen: seen.spent == 165 and seen.budget.get("state") == "Normal")
        trial.expect(seen.budget["window"]["start"].startswith("2026-11-01T00:00:00"), f"its window is {seen.budget['window']}")
        trial.expect("resetsAt" not in seen.budget and seen.replicas == _ALL, "a grant resets, or it stops")
    with _Wish(trial, wishes.pop("watch-a-month")) as wish:
        seen = wish.shows("watches", lambda seen: seen.budget.get("state") == "Audit" and seen.spent == 165)
        trial.expect([one["name"] for one in seen.budget["subjects"]] == ["research"], f"it tells {seen.budget['subjects']}")
        trial.expect("+01:00" in seen.budget["window"]["start"] and seen.replicas == _ALL, "not Berlin's month, or it touched")
    with _Wish(trial, wishes.pop("not-all-at-once")) as wish:
        slow = lambda seen: all(0 < count < REPLICAS for count in seen.replicas.values())  # noqa: E731
        wish.shows("slows down", slow)
        wish.shows("tells", lambda seen: all(
            rule in seen.condition("BurnRateHigh")[2] for rule in ("a-fifth-in-a-day", "a-tenth-in-an-hour")))
    with _Wish(trial, wishes.pop("little-of-the-dear-one")) as wish:
        wish.shows("refuses new work", lambda seen: seen.budget.get("state") == "RefusingWork" and seen.spent == Decimal("22.5"))
        shut = lambda _: _limits(trial).get("agents", {}).get("researcher", {}).get("maxConcurrency") == 0  # noqa: E731
        seen = wish.shows("publishes a limit of 0", shut)
        trial.expect(seen.replicas == _ALL, "replicas were not kept")
    with _Wish(trial, wishes.pop("a-week-for-one")) as wish:
        seen = wish.stops("researcher")
        trial.expect(seen.spent == 105, f"{seen.spent} of the researcher's 105")
    with _Wish(trial, wishes.pop("fifty-a-day-each")) as wish:
        seen = wish.stops("researcher")
        limits = {one["name"]: one["limit"] for one in seen.budget["subjects"]}
        trial.expect(limits == {"researcher": "50", "writer": "100"}, f"the limits are {limits}")
        override = wishes.pop("incident-4711")
        trial.stage.apply(trial.namespace, in_namespace(override, trial.namespace))
        budgets.approve(trial, "incident-4711")
        more = lambda seen: {one["name"]: one["limit"] for one in seen.budget["subjects"]}.get("writer") == "120"  # noqa: E731
        seen = wish.shows("grants 20 more", more)
        trial.expect(seen.budget["overrides"][0]["until"] == seen.budget["resetsAt"], f"it lasts {seen.budget['overrides']}")
    with _Wish(trial, wishes.pop("by-the-clock-of-new-york")) as wish:
        seen = wish.stops("researcher", "writer")
        trial.expect("T00:00:00-05:00" in seen.budget["window"]["start"], f"its window is {seen.budget['window']}")
    with _Wish(trial, wishes.pop("any-five-hours")) as wish:
        seen = wish.stops("researcher", "writer")
        trial.expect(seen.budget["window"] == {"length": "5h", "exactTo": "1m"}, f"its window is {seen.budget['window']}")
    with _Wish(trial, wishes.pop("stop-now")) as wish:
        wish.stops("researcher", "writer")
    trial.expect(not wishes, f"nobody has tried {sorted(wishes)}")
