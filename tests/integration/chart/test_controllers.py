"""The chart under the controllers of Kubernetes: how a rollout that fails is mended.

Pods are scheduled for real and run on nodes that pretend to.
"""

from __future__ import annotations

import unittest
from typing import Any, ClassVar

from control_plane import CHART, ControlPlane

_OPERATORS = "purser-system"
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

    def release(self, verb: str, name: str, values: dict[str, Any]) -> None:
        self.cluster.helm(verb, name, str(CHART), f"--namespace={_OPERATORS}", *self.cluster.values(values))

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl(*words, f"--namespace={_OPERATORS}")


if __name__ == "__main__":
    unittest.main()
