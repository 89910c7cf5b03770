"""What was really spent, as Prometheus holds it: exact, from the raw samples of every pod."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from purser_demo.api import Api
from purser_demo.places import TOOLS_NAMESPACE

METRIC = "agent_cost_usd_total"
_LOOK_BACK = "1h"


@dataclass(frozen=True)
class Increment:
    """USD that a sample added to what was known before it; the time is Unix seconds."""

    time: float
    amount: Decimal


def read_increments(api: Api, namespace: str, agent: str | None = None) -> list[Increment]:
    """In order of time. A counter that starts again adds its new value."""
    selector = f'namespace="{namespace}"' + (f',agent="{agent}"' if agent else "")
    found = []
    for series in api.query_prometheus(TOOLS_NAMESPACE, "prometheus", f"{METRIC}{{{selector}}}[{_LOOK_BACK}]"):
        last = Decimal(0)
        for time, text in series["values"]:
            value = Decimal(text)
            added = value - last if value >= last else value
            if added:
                found.append(Increment(float(time), added))
            last = value
    return sorted(found, key=lambda increment: increment.time)


def total(increments: list[Increment]) -> Decimal:
    return sum((increment.amount for increment in increments), Decimal(0))


def time_of_crossing(increments: list[Increment], limit: Decimal) -> float | None:
    """When the sample was taken that made the sum reach the limit."""
    spent = Decimal(0)
    for increment in increments:
        spent += increment.amount
        if spent >= limit:
            return increment.time
    return None
