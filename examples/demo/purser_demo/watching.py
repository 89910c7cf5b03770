"""Looks at the cluster often, shows it when something happened, and remembers all of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from purser_demo.clusters import Cluster
from purser_demo.errors import DemoError
from purser_demo.screen import Screen
from purser_demo.snapshots import Snapshot, take_snapshot

_INTERVAL_SECONDS = 0.25
_QUIET_SECONDS = 10.0  # without news the table is shown this often


class Watch:
    def __init__(self, cluster: Cluster, namespace: str, screen: Screen) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._screen = screen
        self._shown: tuple[object, ...] = ()
        self._shown_at = 0.0
        self.history: list[Snapshot] = []

    def until(self, activity: str, condition: Callable[[Snapshot], bool], deadline_seconds: float) -> Snapshot:
        """The first snapshot that meets the condition; past the deadline it fails and says what was seen last."""
        deadline = time.monotonic() + deadline_seconds
        while True:
            snapshot = self._look()
            if condition(snapshot):
                self._show(snapshot)
                return snapshot
            if time.monotonic() > deadline:
                raise DemoError(f"{activity}: not seen within {deadline_seconds:.0f} s; last seen: {snapshot}")
            time.sleep(_INTERVAL_SECONDS)

    def for_seconds(self, seconds: float) -> Snapshot:
        """Looks on for a while; returns the last of it."""
        end = time.monotonic() + seconds
        while True:
            snapshot = self._look()
            if time.monotonic() >= end:
                return snapshot
            time.sleep(_INTERVAL_SECONDS)

    def since(self, moment: float) -> list[Snapshot]:
        return [snapshot for snapshot in self.history if snapshot.time >= moment]

    def _look(self) -> Snapshot:
        snapshot = take_snapshot(self._cluster.api, self._namespace)
        self.history.append(snapshot)
        quiet = time.monotonic() - self._shown_at
        if quiet >= _QUIET_SECONDS or (snapshot.signature() != self._shown and quiet >= 1.0):
            self._show(snapshot)
        return snapshot

    def _show(self, snapshot: Snapshot) -> None:
        if snapshot.signature() == self._shown and time.monotonic() - self._shown_at < _QUIET_SECONDS:
            return
        kinds = "agentbudgets,agentpools,deployments"
        self._screen.table(
            f"kubectl get {kinds} --namespace {self._namespace}",
            self._cluster.kubectl("get", kinds, "--namespace", self._namespace),
        )
        self._shown = snapshot.signature()
        self._shown_at = time.monotonic()
