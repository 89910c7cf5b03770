"""Who asks for a SpendCorrection or an AgentBudgetOverride and who approves it: the chart's policies, on a real API server."""

from __future__ import annotations

import json
import subprocess
import time
import unittest
from typing import Any

from control_plane import CHART, ControlPlane

_ASKS, _APPROVES = "alice", "bob"
_SECONDS = 30.0


class CorrectionsTest(unittest.TestCase):
    cluster: ControlPlane

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ControlPlane()
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.kubectl("create", "namespace", "purser-system")

    def test_two_people_by_the_names_that_the_api_server_knows(self) -> None:
        self.install(allow_own=False)
        self.refused("must be the name of who asks: alice", self.ask("nameless", None))
        self.refused("must be the name of who asks: alice", self.ask("forged", _APPROVES))
        self.accepted(self.ask("asked", _ASKS))
        self.refused("nobody approves a SpendCorrection that he asked for himself", self.approve(_ASKS, _ASKS))
        self.refused("status.approvedBy must be the name of who approves: bob", self.approve(_APPROVES, "carol"))
        self.refused("to the name of who approves: bob", self.approve(_APPROVES, None))
        note = json.dumps({"metadata": {"annotations": {"purser.dev/requested-by": _APPROVES}}})
        self.refused("is never changed", self.as_user(_ASKS, "patch", "scorr", "asked", "--type=merge", "-p", note))
        self.accepted(self.approve(_APPROVES, _APPROVES))
        state = json.dumps({"status": {"state": "Applied"}})
        self.accepted(self.patch_status(_ASKS, state))  # as the operator does afterwards
        self.overrides_likewise()

    def overrides_likewise(self) -> None:
        self.refused("must be the name of who asks: alice", self.ask_for_more(_APPROVES))
        self.accepted(self.ask_for_more(_ASKS))
        granted = json.dumps({"status": {"conditions": [{"type": "Approved", "status": "True"}], "approvedBy": _ASKS}})
        words = ("patch", "abo", "asked", "--subresource=status", "--type=merge", "-p")
        self.refused("nobody approves an AgentBudgetOverride that he asked for himself", self.as_user(_ASKS, *words, granted))
        self.refused("status.approvedBy must be the name of who approves: bob", self.as_user(_APPROVES, *words, granted))
        self.accepted(self.as_user(_APPROVES, *words, granted.replace(_ASKS, _APPROVES)))
        changed = self.as_user(_ASKS, "patch", "abo", "asked", "--type=merge", "-p", json.dumps({"spec": {"add": "21"}}))
        self.refused("an AgentBudgetOverride is not changed", changed)

    def ask_for_more(self, by: str) -> subprocess.CompletedProcess[str]:
        metadata = {"name": "asked", "namespace": "default", "annotations": {"purser.dev/requested-by": by}}
        spec = {"budget": "daily", "add": "20", "reason": "incident 4711", "expires": {"untilReset": True}}
        kind = {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudgetOverride"}
        return self.as_user(_ASKS, "create", "--filename=-", stdin=json.dumps({**kind, "metadata": metadata, "spec": spec}))

    def install(self, *, allow_own: bool) -> None:
        values: dict[str, Any] = {"prometheus": {"url": "http://nowhere:9090", "metric": "cost"}}
        values["corrections"] = {"allowOwnApproval": allow_own}
        self.cluster.helm("install", "purser", str(CHART), "--namespace=purser-system", *self.cluster.values(values))
        self.cluster.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")
        deadline = time.monotonic() + _SECONDS
        while self.ask("probe", _APPROVES, "--dry-run=server").returncode == 0:
            self.assertLess(time.monotonic(), deadline, "the policy is not in force")
            time.sleep(0.2)

    def as_user(self, user: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.cluster.try_kubectl(f"--as={user}", "--as-group=system:masters", *words, stdin=stdin)

    def ask(self, name: str, by: str | None, *words: str) -> subprocess.CompletedProcess[str]:
        metadata: dict[str, Any] = {"name": name, "namespace": "default"}
        if by is not None:
            metadata["annotations"] = {"purser.dev/requested-by": by}
        spec = {"agent": "worker", "amount": "-1", "at": "2026-11-27T10:15:00Z", "reason": "because"}
        manifest = {"apiVersion": "purser.dev/v1alpha1", "kind": "SpendCorrection", "metadata": metadata, "spec": spec}
        return self.as_user(_ASKS, "create", "--filename=-", *words, stdin=json.dumps(manifest))

    def approve(self, user: str, name: str | None) -> subprocess.CompletedProcess[str]:
        status: dict[str, Any] = {"conditions": [{"type": "Approved", "status": "True"}]}
        if name is not None:
            status["approvedBy"] = name
        return self.patch_status(user, json.dumps({"status": status}))

    def patch_status(self, user: str, patch: str) -> subprocess.CompletedProcess[str]:
        return self.as_user(user, "patch", "scorr", "asked", "--subresource=status", "--type=merge", "-p", patch)

    def refused(self, why: str, done: subprocess.CompletedProcess[str]) -> None:
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(why, done.stderr)

    def accepted(self, done: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
