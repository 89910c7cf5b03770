"""The rights that the chart gives are those the operator uses: none is missing, and each would be missed.

The API server itself tells, by its audit log, what the two ServiceAccounts of an installed chart asked of it while
the operator did everything that it can do.
"""

from __future__ import annotations

import json
import unittest

from operated import OPERATORS, REPLICAS, OperatedTest
from rights import granted, requests_of, unused

_AGENTS = "agents"
# Refuses every write of the workloads but those of their subresources.
_REFUSAL = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "refusal"},
    "spec": {
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["deployments", "statefulsets"],
                    "scope": "Namespaced",
                }
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": _AGENTS}},
        },
        "validations": [{"expression": "false", "message": "every container needs a memory limit"}],
    },
}
_BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "refusal"},
    "spec": {"policyName": "refusal", "validationActions": ["Deny"]},
}


class RightsTest(OperatedTest):
    def test_every_right_is_used_and_none_is_missing(self) -> None:
        self.cluster.kubectl("create", "namespace", _AGENTS)
        self.install(self.values())
        # No Job runs here: what the hook brings is brought now, and its command is run below.
        hook = self.cluster.template(self.values(), "--show-only=templates/restore-hook.yaml")
        self.cluster.kubectl("apply", "--filename=-", stdin=hook)
        self.let_the_operator_do_everything()
        self.check("purser", ("clusterrole/purser-system:purser", "role/purser-leader"))
        self.let_the_hook_restore()
        self.check("purser-restore", ("clusterrole/purser-system:purser-restore", "role/purser-restore"))

    def check(self, account: str, roles: tuple[str, ...]) -> None:
        requests = requests_of(self.cluster.audit_log, f"system:serviceaccount:{OPERATORS}:{account}")
        refused = [request for request in requests if request.code in (401, 403)]
        self.assertEqual(refused, [], f"rights that {account} lacks")
        for role in roles:
            rights = granted(json.loads(self.kubectl(OPERATORS, "get", role, "--output=json")))
            self.assertGreater(len(rights), 0)
            self.assertEqual(unused(rights, requests), [], f"rights of {role} that {account} does not use")

    def let_the_operator_do_everything(self) -> None:
        with self.operator():
            self.add_agents(_AGENTS)
            self.wait_for_replicas(_AGENTS, 0)
            for _ in range(2):  # the second time the same events come again
                self.set_limit(_AGENTS, "1")
                self.wait_for_replicas(_AGENTS, REPLICAS)
                self.set_limit(_AGENTS, "0")
                self.wait_for_replicas(_AGENTS, 0)
            self.raise_by_hand()
            # Where the whole object may not be written, the subresource scale is.
            self.set_limit(_AGENTS, "1")
            self.wait_for_replicas(_AGENTS, REPLICAS)
            self.refuse_writes()
            self.set_limit(_AGENTS, "0")
            self.wait_for_replicas(_AGENTS, 0)
            self.ask_for_a_correction()
            self.ask_for_more()
            self.stop_by_hand()

    def raise_by_hand(self) -> None:
        """Without the fence, that somebody may: whether an autoscaler names it is looked up."""
        raised = ("scale", "deployment/worker", f"--replicas={REPLICAS + 1}")

        def fenced() -> bool:
            return "AgentBudget budget" in self.cluster.try_kubectl(*raised, f"--namespace={_AGENTS}", "--dry-run=server").stderr

        self.wait_for(fenced, "the fence, by what the operator wrote")
        self.cluster.kubectl("delete", "validatingadmissionpolicybinding", "purser-system-purser-fence")
        self.wait_for(lambda: self.cluster.try_kubectl(*raised, f"--namespace={_AGENTS}").returncode == 0, "no fence")
        self.wait_for_replicas(_AGENTS, 0)
        self.kubectl(_AGENTS, "scale", "deployment/worker", f"--replicas={REPLICAS}")  # that all come back as they were
        self.wait_for_replicas(_AGENTS, 0)

    def stop_by_hand(self) -> None:
        """Who did it is told, which takes a look at the pool."""
        me = self.who_am_i()
        patch = {"metadata": {"annotations": {"purser.dev/stopped-by": me}}, "spec": {"stop": {"reason": "prompt injection"}}}
        self.kubectl(_AGENTS, "patch", "agentpool", "pool", "--type=merge", "--patch", json.dumps(patch))

        def told() -> bool:
            status = json.loads(self.kubectl(_AGENTS, "get", "agentpool", "pool", "--output=json")).get("status", {})
            return f"by {me} (with kubectl-patch): prompt injection" in json.dumps(status.get("conditions"))

        self.wait_for(told, "who stopped the pool is told")

    def who_am_i(self) -> str:
        return str(json.loads(self.cluster.kubectl("auth", "whoami", "--output=json"))["status"]["userInfo"]["username"])

    def ask_for_a_correction(self) -> None:
        metadata = {"name": "asked", "annotations": {"purser.dev/requested-by": self.who_am_i()}}
        spec = {"doubt": 1, "decision": "Reject", "reason": "because"}
        manifest = {"apiVersion": "purser.dev/v1alpha1", "kind": "SpendCorrection", "metadata": metadata, "spec": spec}
        self.kubectl(_AGENTS, "create", "--filename=-", stdin=json.dumps(manifest))

        def told() -> bool:
            stored = json.loads(self.kubectl(_AGENTS, "get", "spendcorrection", "asked", "--output=json"))
            return bool(stored.get("status", {}).get("state") == "Requested")

        self.wait_for(told, "the correction waits for approval")

    def ask_for_more(self) -> None:
        metadata = {"name": "asked", "annotations": {"purser.dev/requested-by": self.who_am_i()}}
        spec = {"budget": "budget", "add": "20", "reason": "because", "expires": {"untilReset": True}}
        manifest = {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudgetOverride", "metadata": metadata, "spec": spec}
        self.kubectl(_AGENTS, "create", "--filename=-", stdin=json.dumps(manifest))

        def told() -> bool:
            stored = json.loads(self.kubectl(_AGENTS, "get", "abo", "asked", "--output=json"))
            return bool(stored.get("status", {}).get("state"))

        self.wait_for(told, "the override waits for approval")

    def refuse_writes(self) -> None:
        for item in (_REFUSAL, _BINDING):
            self.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(item))

        def refused() -> bool:
            try:
                self.kubectl(_AGENTS, "annotate", "deployment", "worker", "probe=x", "--overwrite")
            except Exception:
                return True
            return False

        self.wait_for(refused, "the policy in force")

    def let_the_hook_restore(self) -> None:
        # As the controller would once the pods are gone; none runs here.
        status = json.dumps({"status": {"observedGeneration": 1000, "replicas": 0}})
        patch = ["--subresource=status", "--type=merge", f"--patch={status}"]
        self.kubectl(OPERATORS, "patch", "statefulset", "purser", *patch)
        account = f"--kubeconfig={self.cluster.kubeconfig_of(OPERATORS, 'purser-restore')}"
        whose = (f"--stop-statefulset={OPERATORS}/purser", f"--forget-lease={OPERATORS}/purser")
        self.run_purser("restore", *whose, account)
        self.wait_for_replicas(_AGENTS, REPLICAS)
        limits = json.loads(self.kubectl(_AGENTS, "get", "configmap", "limits", "--output=json"))["data"]["limits.json"]
        self.assertEqual(json.loads(limits)["maxConcurrency"], 4, "who follows the limits may work again")


if __name__ == "__main__":
    unittest.main()
