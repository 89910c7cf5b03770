"""An operator that leaves a namespace, as charts/purser/README.md says that it is done."""

from __future__ import annotations

import json
import unittest

from operated import REPLICAS, OperatedTest

_LEFT, _KEPT = "team-left", "team-kept"


class NamespacesTest(OperatedTest):
    def test_what_is_held_in_a_namespace_that_is_left_is_given_back(self) -> None:
        for namespace in (_LEFT, _KEPT):
            self.cluster.kubectl("create", "namespace", namespace)
        self.install({**self.values(), "config": {"watchNamespaces": [_LEFT, _KEPT]}})
        with self.operator():
            for namespace in (_LEFT, _KEPT):
                self.add_agents(namespace)
                self.wait_for_replicas(namespace, 0)
        self.upgrade({**self.values(), "config": {"watchNamespaces": [_KEPT]}})
        with self.operator():
            self.set_limit(_LEFT, "1")
            self.move_what_is_kept()
            self.assertEqual(self.replicas(_LEFT), [0, 0], "nobody is there to give it back")
            self.set_limit(_LEFT, "0")
            self.run_purser("restore", f"--namespace={_LEFT}", f"--kubeconfig={self.cluster.kubeconfig}")
            self.assertEqual(self.replicas(_LEFT), [REPLICAS, REPLICAS])
            self.assertEqual(self.replicas(_KEPT), [0, 0], "the other namespace is not touched")
            pool = json.loads(self.kubectl(_LEFT, "get", "agentpool", "pool", "--output=json"))
            self.assertEqual(pool["metadata"].get("finalizers", []), [], "it can be deleted")
            self.move_what_is_kept()
            self.assertEqual(self.replicas(_LEFT), [REPLICAS, REPLICAS], "and nobody takes it again")

    def move_what_is_kept(self) -> None:
        """As long as it takes the operator to do something, twice."""
        for limit, replicas in (("1", REPLICAS), ("0", 0)):
            self.set_limit(_KEPT, limit)
            self.wait_for_replicas(_KEPT, replicas)


if __name__ == "__main__":
    unittest.main()
