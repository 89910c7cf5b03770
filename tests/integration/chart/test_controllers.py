"""The chart under the controllers of Kubernetes: how a rollout that fails is mended, what the built-in roles include.

Pods are scheduled for real and run on nodes that pretend to.
"""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable
from typing import Any, ClassVar

from control_plane import CHART, ControlPlane

_OPERATORS = "purser-system"
_SECONDS = 30.0
_ANYWHERE: dict[str, Any] = {"persistence": {"enabled": False}, "releaseOnUninstall": {"enabled": False}}
_NOWHERE = {**_ANYWHERE, "nodeSelector": {"example.com/disk": "none-has-it"}}


class ControllersTest(unittest.TestCase):
    cluster: ClassVar[ControlPlane]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ControlPlane(level="kwok")
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.kubectl("create", "namespace", _OPERATORS)

    def test_an_upgrade_mends_a_pod_that_never_became_ready(self) -> None:
        self.release("install", "mended", _NOWHERE)
        self.kubectl("wait", "--for=create", "--timeout=30s", "pod/mended-purser-0")
        unscheduled = "--for=condition=PodScheduled=False"
        self.kubectl("wait", unscheduled, "--timeout=30s", "pod/mended-purser-0")
        self.release("upgrade", "mended", _ANYWHERE)
        self.kubectl("rollout", "status", "--timeout=30s", "statefulset/mended-purser")

    def test_what_a_stateful_set_cannot_change_is_changed_by_making_it_anew(self) -> None:
        self.release("install", "anew", _ANYWHERE)
        self.kubectl("rollout", "status", "--timeout=30s", "statefulset/anew-purser")
        pod = self.kubectl("get", "pod", "anew-purser-0", "--output=jsonpath={.metadata.uid}")
        other = {**_ANYWHERE, "persistence": {"enabled": True, "size": "5Gi"}}
        with self.assertRaisesRegex(RuntimeError, "updates to statefulset spec"):
            self.release("upgrade", "anew", other)
        self.kubectl("delete", "statefulset", "anew-purser", "--cascade=orphan")
        left = self.kubectl("get", "pod", "anew-purser-0", "--output=jsonpath={.metadata.uid}")
        self.assertEqual(left, pod, "the operator works on meanwhile")
        self.release("upgrade", "anew", other)
        size = "--output=jsonpath={.spec.resources.requests.storage}"
        self.kubectl("wait", "--for=create", "--timeout=30s", "persistentvolumeclaim/ledger-anew-purser-0")
        self.assertEqual(self.kubectl("get", "persistentvolumeclaim", "ledger-anew-purser-0", size), "5Gi")

    def test_who_may_read_and_write_what(self) -> None:
        roles = ("view", "edit", "admin")
        for role in roles:
            self.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}")
        writing = f"--clusterrole={_OPERATORS}:people-purser-write"
        self.kubectl("create", "rolebinding", "treasurer", writing, "--user=treasurer")
        self.release("install", "people", _ANYWHERE)
        self.wait_for(lambda: self.may("admin", "list", "agentbudgets"), "budgets in the role admin")
        for user in roles:
            self.check_rights(user, write=False)
        self.check_rights("treasurer", write=True)
        self.release("upgrade", "people", {**_ANYWHERE, "rbac": {"aggregateWriteTo": ["admin"]}})
        self.wait_for(lambda: self.may("admin", "create", "agentbudgets"), "writing in the role admin")
        self.check_rights("admin", write=True)
        self.check_rights("edit", write=False)

    def check_rights(self, user: str, *, write: bool) -> None:
        for resource in ("agentbudgets", "agentpools"):
            with self.subTest(user=user, resource=resource):
                for verb in ("get", "list", "watch"):
                    self.assertTrue(self.may(user, verb, resource), verb)
                for verb in ("create", "update", "patch", "delete"):
                    self.assertIs(self.may(user, verb, resource), write, verb)
                self.assertFalse(self.may(user, "patch", resource, "--subresource=status"))

    def may(self, user: str, verb: str, resource: str, *words: str) -> bool:
        asked = ["auth", "can-i", verb, f"{resource}.purser.dev", f"--as={user}", f"--namespace={_OPERATORS}", *words]
        return self.cluster.try_kubectl(*asked).stdout.strip() == "yes"

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not seen in {_SECONDS:.0f} s: {what}")
            time.sleep(0.2)

    def release(self, verb: str, name: str, values: dict[str, Any]) -> None:
        self.cluster.helm(verb, name, str(CHART), f"--namespace={_OPERATORS}", *self.cluster.values(values))

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl(*words, f"--namespace={_OPERATORS}")


if __name__ == "__main__":
    unittest.main()
