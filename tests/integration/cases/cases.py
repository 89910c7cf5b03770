"""The list of cases: a function a case, which gets a trial of its own and raises AssertionError where it is not as it should be."""

from __future__ import annotations

from collections.abc import Callable

from trial import Trial

Case = Callable[[Trial], None]

CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function
