"""What the user sees while something takes time: always on stderr, stdout belongs to results."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from purser_cluster.errors import ClusterError

FIRST_REPORT_SECONDS = 2.0
REPORT_INTERVAL_SECONDS = 10.0
POLL_INTERVAL_SECONDS = 0.05


def say(text: str) -> None:
    print(f"[cluster] {text}", file=sys.stderr, flush=True)


class Ticker:
    """Reports elapsed time of one activity, at first after 2 s, then every 10 s."""

    def __init__(self, activity: str) -> None:
        self._activity = activity
        self._started = time.monotonic()
        self._next_report = self._started + FIRST_REPORT_SECONDS

    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._started

    def tick(self) -> None:
        if time.monotonic() >= self._next_report:
            say(f"{self._activity}: {self.elapsed_seconds():.0f} s so far")
            self._next_report = time.monotonic() + REPORT_INTERVAL_SECONDS


def wait_until(
    activity: str,
    condition: Callable[[], bool],
    deadline_seconds: float,
    on_timeout: Callable[[], str] = lambda: "",
) -> None:
    """Polls `condition`; past the deadline raises with what `on_timeout` knows about the cause."""
    ticker = Ticker(activity)
    while not condition():
        if ticker.elapsed_seconds() > deadline_seconds:
            raise ClusterError(f"{activity}: not done after {deadline_seconds:.0f} s. {on_timeout()}".rstrip())
        ticker.tick()
        time.sleep(POLL_INTERVAL_SECONDS)
