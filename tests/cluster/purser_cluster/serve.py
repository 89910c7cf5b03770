"""The foreground form of a cluster: ready line on stdout, life until told to end."""

from __future__ import annotations

import json
import os
import select
import signal
import sys

from purser_cluster.cluster import Cluster, Options
from purser_cluster.progress import say

_CHECK_INTERVAL_SECONDS = 1.0
_READ_SIZE = 4096
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Ended(BaseException):
    """Raised by the signal handler wherever the program is, so that a half-started cluster is torn down too."""


def _on_signal(_number: int, _frame: object) -> None:
    _ignore_end_signals()  # a second signal must not interrupt the teardown
    raise _Ended


def _ignore_end_signals() -> None:
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def serve(options: Options, until_stdin_ends: bool) -> None:
    """Returns when told to end; raises when a program of the cluster ends by itself."""
    cluster = Cluster(options)
    try:
        for number in _END_SIGNALS:
            signal.signal(number, _on_signal)
        print(json.dumps(cluster.start()), flush=True)
        _live(cluster, until_stdin_ends)
    except _Ended:
        pass
    finally:
        _ignore_end_signals()
        cluster.stop()
    say("ended, nothing left running")


def _live(cluster: Cluster, until_stdin_ends: bool) -> None:
    sources = [sys.stdin.fileno()] if until_stdin_ends else []
    while True:
        readable, _, _ = select.select(sources, [], [], _CHECK_INTERVAL_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), _READ_SIZE):
            return
        cluster.require_running()
