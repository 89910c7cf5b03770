"""Agents, and an operator that runs as an installed chart has it run."""

from __future__ import annotations

import json
import os
import subprocess
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from control_plane import CHART, ControlPlane
from idle_prometheus import IdlePrometheus

_BINARY = os.environ.get("PURSER_BINARY", "")
OPERATORS = "purser-system"
REPLICAS = 2
_SECONDS = 30.0

Object = dict[str, Any]


def _workload(kind: str, name: str) -> Object:
    labels = {"app": name}
    containers = [{"name": "agent", "image": "nowhere.invalid/agent:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    specification = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
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


@unittest.skipUnless(os.access(_BINARY, os.X_OK), "PURSER_BINARY is not built")
class OperatedTest(unittest.TestCase):
    cluster: ClassVar[ControlPlane]
    prometheus: ClassVar[IdlePrometheus]

    @classmethod
    def setUpClass(cls) -> None:
        cls.prometheus = IdlePrometheus()
        cls.addClassCleanup(cls.prometheus.end)
        cls.cluster = ControlPlane(audited=True)
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.kubectl("create", "namespace", OPERATORS)

    def values(self) -> Object:
        return {"prometheus": {"url": self.prometheus.url, "metric": "cost", "scrapeInterval": "1s"}}

    def install(self, values: Object) -> None:
        self.cluster.helm("install", *self._release(values))
        self.cluster.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")

    def upgrade(self, values: Object) -> None:
        self.cluster.helm("upgrade", *self._release(values))

    def _release(self, values: Object) -> list[str]:
        return ["purser", str(CHART), f"--namespace={OPERATORS}", *self.cluster.values(values)]

    def add_agents(self, namespace: str) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": _agents()}
        self.kubectl(namespace, "apply", "--filename=-", stdin=json.dumps(listed))

    @contextmanager
    def operator(self) -> Iterator[None]:
        """Runs as its ServiceAccount, with the chart's own configuration but for places that are the pod's."""
        config_map = json.loads(self.kubectl(OPERATORS, "get", "configmap", "purser", "--output=json"))
        text = config_map["data"]["config.yaml"]
        text = text.replace("0.0.0.0:8080", "127.0.0.1:0")
        text = text.replace("/var/lib/purser/ledger.db", str(self.cluster.folder / "ledger.db"))
        config = self.cluster.folder / "operator.yaml"
        config.write_text(text, encoding="utf-8")
        log = self.cluster.folder / "operator.log"
        with log.open("wb") as output:
            account = f"--kubeconfig={self.cluster.kubeconfig_of(OPERATORS, 'purser')}"
            process = subprocess.Popen([_BINARY, "run", f"--config={config}", account], stderr=output, stdout=output)
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

    def run_purser(self, *words: str) -> None:
        done = subprocess.run([_BINARY, *words], capture_output=True, text=True, timeout=_SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)

    def set_limit(self, namespace: str, limit: str) -> None:
        patch = json.dumps({"spec": {"limit": limit}})
        self.kubectl(namespace, "patch", "agentbudget", "budget", "--type=merge", f"--patch={patch}")

    def replicas(self, namespace: str) -> list[int]:
        workloads = json.loads(self.kubectl(namespace, "get", "deployments,statefulsets", "--output=json"))["items"]
        return [workload["spec"]["replicas"] for workload in workloads]

    def wait_for_replicas(self, namespace: str, want: int) -> None:
        what = f"both workloads in {namespace} with {want} replicas"
        self.wait_for(lambda: self.replicas(namespace) == [want, want], what)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not seen in {_SECONDS:.0f} s: {what}")
            time.sleep(0.1)

    def kubectl(self, namespace: str, *words: str, stdin: str = "") -> str:
        return self.cluster.kubectl(*words, f"--namespace={namespace}", stdin=stdin)
