"""The rights that the chart gives are those the operator uses: none is missing, and each would be missed.

The API server itself tells, by its audit log, what the two ServiceAccounts of an installed chart asked of it while
the operator did everything that it can do.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from control_plane import CHART, ControlPlane
from idle_prometheus import IdlePrometheus
from rights import granted, requests_of, unused

_BINARY = os.environ.get("PURSER_BINARY", "")
_OPERATORS = "purser-system"
_AGENTS = "agents"
_REPLICAS = 2
_SECONDS = 30.0

Object = dict[str, Any]


def _workload(kind: str, name: str) -> Object:
    labels = {"app": name}
    containers = [{"name": "agent", "image": "nowhere.invalid/agent:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    specification = {"replicas": _REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": specification}


def _agents() -> list[Object]:
    """A workload of each kind in a pool whose limits are published, and a budget of which nothing may be spent."""
    kinds = {"worker": "Deployment", "keeper": "StatefulSet"}
    pool = {
        "maxConcurrency": 4,
        "agents": [{"name": name, "workloadRef": {"kind": kind, "name": name}} for name, kind in kinds.items()],
        "limitTargets": [{"configMap": {"name": "limits", "key": "limits.json"}}],
        "scaling": {"drainSeconds": 0},
    }
    budget = {"limit": "0", "window": {"period": "Month"}, "scope": {"pools": ["pool"]}}
    version = "purser.dev/v1alpha1"
    return [
        *(_workload(kind, name) for name, kind in kinds.items()),
        {"apiVersion": version, "kind": "AgentPool", "metadata": {"name": "pool"}, "spec": pool},
        {"apiVersion": version, "kind": "AgentBudget", "metadata": {"name": "budget"}, "spec": budget},
    ]


def _list(objects: list[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


@unittest.skipUnless(os.access(_BINARY, os.X_OK), "PURSER_BINARY is not built")
class RightsTest(unittest.TestCase):
    cluster: ClassVar[ControlPlane]
    prometheus: ClassVar[IdlePrometheus]

    @classmethod
    def setUpClass(cls) -> None:
        cls.prometheus = IdlePrometheus()
        cls.addClassCleanup(cls.prometheus.end)
        cls.cluster = ControlPlane(audited=True)
        cls.addClassCleanup(cls.cluster.end)
        for namespace in (_OPERATORS, _AGENTS):
            cls.cluster.kubectl("create", "namespace", namespace)

    def test_every_right_is_used_and_none_is_missing(self) -> None:
        self.install()
        self.let_the_operator_do_everything()
        self.check("purser", ("clusterrole/purser-system:purser", "role/purser-leader"))
        self.let_the_hook_release()
        self.check("purser-release", ("clusterrole/purser-system:purser-release", "role/purser-release"))

    def check(self, account: str, roles: tuple[str, ...]) -> None:
        requests = requests_of(self.cluster.audit_log, f"system:serviceaccount:{_OPERATORS}:{account}")
        refused = [request for request in requests if request.code in (401, 403)]
        self.assertEqual(refused, [], f"rights that {account} lacks")
        for role in roles:
            rights = granted(json.loads(self.kubectl(_OPERATORS, "get", role, "--output=json")))
            self.assertGreater(len(rights), 0)
            self.assertEqual(unused(rights, requests), [], f"rights of {role} that {account} does not use")

    def install(self) -> None:
        values = {"prometheus": {"url": self.prometheus.url, "metric": "cost", "scrapeInterval": "1s"}}
        words = ["purser", str(CHART), f"--namespace={_OPERATORS}"]
        self.cluster.helm("install", *words, *self.cluster.values(values))
        self.cluster.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")
        # No Job runs here: what the hook brings is brought now, and its command is run below.
        hook = self.cluster.template(values, "--show-only=templates/release-hook.yaml")
        self.cluster.kubectl("apply", "--filename=-", stdin=hook)

    def let_the_operator_do_everything(self) -> None:
        with self.operator():
            self.kubectl(_AGENTS, "apply", "--filename=-", stdin=json.dumps(_list(_agents())))
            self.wait_for_replicas(0)
            for _ in range(2):  # the second time the same events come again
                self.set_limit("1")
                self.wait_for_replicas(_REPLICAS)
                self.set_limit("0")
                self.wait_for_replicas(0)

    def let_the_hook_release(self) -> None:
        # As the controller would once the pods are gone; none runs here.
        status = json.dumps({"status": {"observedGeneration": 1000, "replicas": 0}})
        patch = ["--subresource=status", "--type=merge", f"--patch={status}"]
        self.kubectl(_OPERATORS, "patch", "statefulset", "purser", *patch)
        command = self.command("purser-release", "release", f"--stop-statefulset={_OPERATORS}/purser")
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.wait_for_replicas(_REPLICAS)
        limits = json.loads(self.kubectl(_AGENTS, "get", "configmap", "limits", "--output=json"))["data"]["limits.json"]
        self.assertEqual(json.loads(limits)["maxConcurrency"], 4, "who follows the limits may work again")

    @contextmanager
    def operator(self) -> Iterator[None]:
        """Runs as its ServiceAccount, with the chart's own configuration but for places that are the pod's."""
        config_map = json.loads(self.kubectl(_OPERATORS, "get", "configmap", "purser", "--output=json"))
        text = config_map["data"]["config.yaml"]
        text = text.replace("0.0.0.0:8080", "127.0.0.1:0")
        text = text.replace("/var/lib/purser/ledger.db", str(self.cluster.folder / "ledger.db"))
        config = self.cluster.folder / "operator.yaml"
        config.write_text(text, encoding="utf-8")
        log = self.cluster.folder / "operator.log"
        with log.open("wb") as output:
            command = self.command("purser", "run", f"--config={config}")
            process = subprocess.Popen(command, stderr=output, stdout=output)
        try:
            yield
            process.terminate()
            self.assertEqual(process.wait(timeout=_SECONDS), 0)
        except BaseException:
            process.kill()
            print(log.read_text(encoding="utf-8"))
            raise
        finally:
            process.wait()

    def command(self, account: str, *words: str) -> list[str]:
        kubeconfig: Path = self.cluster.kubeconfig_of(_OPERATORS, account)
        return [_BINARY, *words, f"--kubeconfig={kubeconfig}"]

    def set_limit(self, limit: str) -> None:
        patch = json.dumps({"spec": {"limit": limit}})
        self.kubectl(_AGENTS, "patch", "agentbudget", "budget", "--type=merge", f"--patch={patch}")

    def wait_for_replicas(self, want: int) -> None:
        def replicas() -> list[int]:
            workloads = json.loads(self.kubectl(_AGENTS, "get", "deployments,statefulsets", "--output=json"))["items"]
            return [workload["spec"]["replicas"] for workload in workloads]

        self.wait_for(lambda: replicas() == [want, want], f"both workloads with {want} replicas")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not seen in {_SECONDS:.0f} s: {what}")
            time.sleep(0.1)

    def kubectl(self, namespace: str, *words: str, stdin: str = "") -> str:
        return self.cluster.kubectl(*words, f"--namespace={namespace}", stdin=stdin)


if __name__ == "__main__":
    unittest.main()
