"""What the demo showed, drawn: spend against its limit, and what followed, over time, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from purser_demo.checks import Expectation
from purser_demo.snapshots import Snapshot

_WIDTH, _LEFT, _RIGHT = 880, 120, 20
_PANEL, _GAP, _TOP, _BOTTOM = 92, 22, 40, 34
_COLOURS = {
    "Normal": "#e7f4ea",
    "Throttled": "#fff1cc",
    "Draining": "#ffdccc",
    "Stopped": "#f9d0d0",
    "Ramping": "#dcebfb",
}
_NARROWEST_LABEL = 46
_TICK_SECONDS = 15


@dataclass(frozen=True)
class _Curve:
    title: str
    unit: str
    value: Callable[[Snapshot], float]
    top: float
    colour: str


def draw(history: list[Snapshot], expected: Expectation) -> str:
    """Of what was seen in order of time, from when the pool was first seen with a state."""
    seen = [each for each in history if _state(each, expected)]
    start, end = seen[0].time, max(seen[-1].time, seen[0].time + 1)

    def x(time: float) -> float:
        return _LEFT + (time - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    budget, pool, agent = expected.budget, expected.pool, expected.agent
    dollars = float(expected.limit)
    curves = [
        _Curve("spent", "$", lambda each: float(each.budgets[budget].spent), dollars * 1.6, "#b3261e"),
        _Curve("at once", "", lambda each: each.pools[pool].concurrency, expected.maximum * 1.15, "#1a5fb4"),
        _Curve("pods", "", lambda each: each.pods.get(agent, 0), expected.replicas * 1.25, "#26734d"),
    ]
    height = _TOP + len(curves) * (_PANEL + _GAP) - _GAP + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f"<title>A budget of ${expected.limit} is spent: agents slow down, stop, and come back</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_bands(seen, expected, x, height),
    ]
    for number, curve in enumerate(curves):
        parts += _panel(curve, seen, x, _TOP + number * (_PANEL + _GAP))
    parts += _limit(seen, expected, x, curves[0])
    parts += _axis(start, end, x, height)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _state(snapshot: Snapshot, expected: Expectation) -> str:
    pool = snapshot.pools.get(expected.pool)
    return pool.state if pool and expected.budget in snapshot.budgets else ""


def _bands(seen: list[Snapshot], expected: Expectation, x: Callable[[float], float], height: int) -> Iterator[str]:
    """How the pool stood, as a background from its first sight to that of the next state."""
    runs = [(state, list(group)[0].time) for state, group in groupby(seen, lambda each: _state(each, expected))]
    ends = [time for _, time in runs[1:]] + [seen[-1].time]
    for (state, begin), end in zip(runs, ends, strict=True):
        left, width = x(begin), x(end) - x(begin)
        size = f'x="{left:.1f}" y="{_TOP - 8}" width="{width:.1f}" height="{height - _TOP - _BOTTOM + 8}"'
        yield f'<rect {size} fill="{_COLOURS.get(state, "#eeeeee")}"/>'
        if width >= _NARROWEST_LABEL:
            yield _text(left + width / 2, _TOP - 14, state, anchor="middle")


def _panel(curve: _Curve, seen: list[Snapshot], x: Callable[[float], float], top: float) -> Iterator[str]:
    bottom = top + _PANEL
    yield _text(_LEFT - 12, top + _PANEL / 2, curve.title, anchor="end", colour=curve.colour, weight="600")
    yield f'<path d="M{_LEFT} {bottom:.1f}H{_WIDTH - _RIGHT}" stroke="#888888" stroke-width="1"/>'
    points = [(x(each.time), _height(curve, curve.value(each), bottom)) for each in seen]
    # Steps: a value holds until another one is seen.
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}" + "".join(f"H{left:.1f}V{y:.1f}" for left, y in points[1:])
    yield f'<path d="{path}" fill="none" stroke="{curve.colour}" stroke-width="2.5"/>'
    most = max(curve.value(each) for each in seen)
    yield _text(_LEFT - 12, _height(curve, most, bottom) + 4, f"{curve.unit}{most:g}", anchor="end", colour="#555555")
    yield _text(_LEFT - 12, bottom + 4, f"{curve.unit}0", anchor="end", colour="#555555")


def _height(curve: _Curve, value: float, bottom: float) -> float:
    return bottom - min(value, curve.top) / curve.top * _PANEL


def _limit(seen: list[Snapshot], expected: Expectation, x: Callable[[float], float], curve: _Curve) -> Iterator[str]:
    """The first limit, dashed, until another is seen."""
    y = _height(curve, float(expected.limit), _TOP + _PANEL)
    raised = next((each for each in seen if each.budgets[expected.budget].limit != expected.limit), None)
    end = x(raised.time if raised else seen[-1].time)
    yield f'<path d="M{_LEFT} {y:.1f}H{end:.1f}" stroke="#b3261e" stroke-width="1.5" stroke-dasharray="6 4"/>'
    yield _text(_LEFT + 6, y - 5, f"limit ${expected.limit}", colour="#b3261e")
    if raised:
        yield _text(end + 6, y + 15, f"raised to ${raised.budgets[expected.budget].limit}", colour="#b3261e")


def _axis(start: float, end: float, x: Callable[[float], float], height: int) -> Iterator[str]:
    for second in range(0, int(end - start) + 1, _TICK_SECONDS):
        yield _text(x(start + second), height - 12, f"{second} s", anchor="middle", colour="#555555")


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#222222", weight: str = "400") -> str:
    look = f'text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(text)}</text>'
