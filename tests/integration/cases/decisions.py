"""What is held is not lost: a person accepts the money of one agent and rejects that of another, for each kind that is held."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from cases import case
from trial import Trial, world

_AGENTS = ("accepted", "rejected")
_LIMIT = "100000"


def _decide(trial: Trial, *kinds: str) -> None:
    """All of `accepted` is accepted and all of `rejected` rejected, of which each has some of every kind."""
    held = trial.held()
    counts = Counter((entry["kind"], entry["agent"]) for entry in held)
    for kind in kinds:
        for agent in _AGENTS:
            trial.expect(counts[kind, agent] > 0, f"nothing of {agent} is held as {kind}: {dict(counts)}")
    before = trial.look().spent
    for entry in held:
        trial.correct(entry["id"], "Accept" if entry["agent"] == "accepted" else "Reject")
    want = before
    for entry in held:
        amount = Decimal(entry["amount"]["cost"]) if entry["agent"] == "accepted" else Decimal(0)
        booked = trial.corrected(entry["id"])
        trial.expect(Decimal(booked) == amount, f"{entry} booked {booked}, and {amount} is right")
        want += amount
    trial.expect(want > before, "nothing was accepted")
    decided = {entry["id"] for entry in held}
    trial.wait_for(f"{want} is spent", lambda seen: seen.spent == want, until=trial.second + 20)
    left = [entry for entry in trial.held() if entry["id"] in decided]
    trial.expect(not left, f"still held: {left}")
    _expect_the_same_after_a_restart(trial, want)


def _expect_the_same_after_a_restart(trial: Trial, spent: Decimal) -> None:
    trial.restart()
    began = trial.second
    trial.wait_for("the source is read again", lambda seen: seen.condition("SourceHealthy")[0] == "True", until=began + 30)
    seen = trial.watch_until(trial.second + 5)
    trial.expect(seen.spent == spent, f"spent {seen.spent} after a restart, and {spent} is right")


def _is_held(trial: Trial, kinds: set[str]) -> bool:
    held: list[dict[str, Any]] = trial.held()
    return {(kind, agent) for kind in kinds for agent in _AGENTS} <= {(each["kind"], each["agent"]) for each in held}


@case
def decisions_about_what_fell(trial: Trial) -> None:
    objects = world(*_AGENTS, limit=_LIMIT)
    trial.play("held-for-many-reasons.prom", objects, rules="recorded-sum.rules.yml")
    trial.watch_until(45)
    reasons = json.dumps(trial.held())
    for reason in (
        "rose below the value it had fallen from",
        "fell to a little less than it was",
        "its process began again, and shows more than it can have earned since",
        "a sum over several fell",
    ):
        trial.expect(reason in reasons, f"nothing is held because it {reason!r}: {reasons}")
    _decide(trial, "Dip", "Doubt")


@case
def decisions_about_two_workers(trial: Trial) -> None:
    trial.play("held-of-two-workers.prom", world(*_AGENTS, limit=_LIMIT))
    trial.wait_for("both are held", lambda _: _is_held(trial, {"Doubt"}), until=60)
    trial.wait_for("several are known to write", lambda seen: seen.is_lost("Metered"), until=100)
    _decide(trial, "Doubt")


@case
def decisions_about_deltas(trial: Trial) -> None:
    trial.play("held-as-deltas.prom", world(*_AGENTS, limit=_LIMIT))
    trial.wait_for("no counter", lambda seen: seen.condition("Metered")[1] == "NotACounter", until=90)
    trial.watch_until(65)
    _decide(trial, "NotACounter")
