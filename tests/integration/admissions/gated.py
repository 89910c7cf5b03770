"""An operator that takes admissions over TLS, its cluster, and clients with rights."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Callable
from typing import Any, ClassVar

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from served_cluster import ROOT, ServedCluster, output_of  # noqa: E402

sys.path.insert(0, str(ROOT / "examples" / "clients" / "python"))
from purser import Purser  # noqa: E402

BINARY = os.environ.get("PURSER_BINARY", "")
NAMESPACE = "agents"
SECONDS = 40.0
Object = dict[str, Any]

_RIGHTS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: asks, namespace: agents}
rules:
- {apiGroups: [purser.dev], resources: [agentadmissions, agentroutes, agentusages], verbs: [create]}
- {apiGroups: [purser.dev], resources: [agentreports], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: asks, namespace: agents}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: asks}
subjects:
- {kind: ServiceAccount, name: caller, namespace: agents}
"""


def pool(name: str, agents: list[Object], **spec: Any) -> Object:
    listed = [{"workloadRef": {"kind": "Deployment", "name": agent["name"]}, **agent} for agent in agents]
    return {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentPool", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"maxConcurrency": 500, "agents": listed, **spec}}


def budget(name: str, limit: str, **spec: Any) -> Object:
    return {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudget", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"limit": limit, "window": {"period": "Month"}, "source": "calls", **spec}}


@unittest.skipUnless(os.access(BINARY, os.X_OK), "PURSER_BINARY is not built")
class GatedTest(unittest.TestCase):
    cluster: ClassVar[ServedCluster]
    process: ClassVar[subprocess.Popen[bytes] | None] = None
    port: ClassVar[int] = 0
    metrics_port: ClassVar[int] = 0

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ServedCluster("admissions")
        cls.addClassCleanup(cls.cluster.end)
        cls.addClassCleanup(cls.kill)
        for namespace in (NAMESPACE, "elsewhere"):
            cls.cluster.kubectl("create", "namespace", namespace)
            cls.cluster.kubectl("create", "serviceaccount", "caller", f"--namespace={namespace}")
        cls.cluster.kubectl("apply", f"--filename={ROOT / 'crds'}")
        cls.cluster.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")
        cls.cluster.kubectl("apply", "--filename=-", stdin=_RIGHTS)
        folder = cls.cluster.folder
        output_of(subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "tls.key"),
             "-out", str(folder / "tls.crt")], capture_output=True, text=True))
        (folder / "operator.yaml").write_text(
            "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\n"
            f"server: {{address: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', "
            f"tls: {{certFile: {folder}/tls.crt, keyFile: {folder}/tls.key}}}}\n"
            "leaderElection: {enabled: false}\n"
            f"store: {{type: SQLite, path: {folder}/ledger.db}}\n"
            "sources:\n- {name: calls, usage: true}\n", encoding="utf-8")
        cls.start()

    @classmethod
    def start(cls) -> None:
        log = cls.cluster.folder / "operator.log"
        begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            cls.process = subprocess.Popen(
                [BINARY, "run", f"--config={cls.cluster.folder / 'operator.yaml'}",
                 f"--kubeconfig={cls.cluster.kubeconfig}"], stdout=output, stderr=output)
        deadline = time.monotonic() + SECONDS
        while True:
            text = log.read_bytes()[begin:].decode(errors="replace")
            found = re.search(r"port=(\d+) \(API", text)
            plain = re.search(r"port=(\d+)\n", text)
            if found and "caches synced" in text:
                cls.port = int(found.group(1))
                cls.metrics_port = int(plain.group(1)) if plain else 0
                return
            if time.monotonic() > deadline or cls.process.poll() is not None:
                raise RuntimeError(f"the operator does not serve:\n{text}")
            time.sleep(0.05)

    @classmethod
    def kill(cls) -> None:
        if cls.process is not None and cls.process.poll() is None:
            cls.process.send_signal(signal.SIGKILL)
            cls.process.wait()

    @classmethod
    def apply(cls, *objects: Object) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        cls.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(listed))

    @classmethod
    def client(cls, account_in: str = NAMESPACE, **more: Any) -> Purser:
        token = cls.cluster.kubectl("create", "token", "caller", f"--namespace={account_in}", "--audience=purser").strip()
        return Purser(f"https://127.0.0.1:{cls.port}", token=token, ca_file=str(cls.cluster.folder / "tls.crt"), **more)

    def spent(self, name: str) -> str:
        found = json.loads(self.cluster.kubectl("get", "agentbudget", name, f"--namespace={NAMESPACE}", "--output=json"))
        return str(found.get("status", {}).get("spent", ""))

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > deadline:
                log = (self.cluster.folder / "operator.log").read_text(encoding="utf-8")
                self.fail(f"not seen in {SECONDS:.0f} s: {what}\n{log[-4000:]}")
            time.sleep(0.1)

    def wait_for_admission(self, client: Purser, agent: str) -> None:
        """Until the operator knows the agent and its budgets."""
        def admitted() -> bool:
            answer = client.post("/v1/admissions", {"key": f"probe-{time.monotonic_ns()}", "agent": agent, "estimateUSD": "0"})
            if answer["decision"] == "Allow":
                client.post(f"/v1/admissions/{answer['id']}/cancel", {})
            return str(answer["decision"]) == "Allow"
        self.wait_for(admitted, f"a call of {agent} allowed")
        time.sleep(0.3)  # budgets made beside the pool are evaluated
