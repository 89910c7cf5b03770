"""The operator as users get it: its image on a real kubelet, installed by Helm, against agents that really spend.

One cluster serves all tests; they run in the order of their names, each in a namespace of its own, and the last
one takes the operator away.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
import unittest
import urllib.parse
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import demo_path
from objects import agent_budget, agent_deployment, agent_pool, local_volume
from overspending import BoundBefore
from pod_processes import processes_of
from purser_demo.clock_zone import zone_for
from purser_demo.clusters import LocalCluster
from purser_demo.errors import DemoError
from purser_demo.images import build_images
from purser_demo.installation import (
    OPERATOR_PODS,
    create_namespace,
    describe_pods,
    install_operator,
    install_prometheus,
    operator_log,
    wait_for,
)
from purser_demo.places import OPERATOR_NAMESPACE, RELEASE
from purser_demo.snapshots import RESOURCES, Snapshot, take_snapshot
from purser_demo.spending import read_increments, total

_WINDOW_SECONDS = 900
_BUSY_SECONDS = 120.0
# A status that changes by cents alone is written once a minute.
_STATUS_SECONDS = 100.0
_ACCOUNTS = f"{OPERATOR_NAMESPACE}:{RELEASE}"  # and longer
_LEAD_SECONDS = 60.0  # the Lease of a killed leader runs out after 15


@unittest.skipUnless(os.geteuid() == 0, "needs root: a real node is made of namespaces, mounts and cgroups")
class OperatorTest(unittest.TestCase):
    cluster: ClassVar[LocalCluster]
    folder: ClassVar[Path]
    prometheus_url: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(os.environ.get("PURSER_TEST_DIRECTORY") or demo_path.ROOT / "build" / "e2e")
        operator = Path(os.environ.get("PURSER_BINARY") or demo_path.ROOT / "build" / "purser")
        images = build_images(operator, cls.folder / "images")
        cls.cluster = LocalCluster(cls.folder, audited=True)
        cls.addClassCleanup(cls.cluster.end)
        try:
            cls.cluster.load(images)
            cls.prometheus_url = install_prometheus(cls.cluster)
            install_operator(cls.cluster, cls.prometheus_url, cls.folder)
        except DemoError:
            print(f"--- operator\n{operator_log(cls.cluster)}", file=sys.stderr)
            raise

    @classmethod
    def report(cls) -> None:
        """What one needs to understand a failure."""
        pods = describe_pods(cls.cluster, OPERATOR_NAMESPACE)
        print(f"--- operator\n{operator_log(cls.cluster)}\n--- its pods\n{pods}", file=sys.stderr)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        before = len(result.failures) + len(result.errors) if result else 0
        done = super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            self.report()
        return done

    def setUp(self) -> None:
        self.zone = zone_for(datetime.datetime.now(datetime.UTC), _WINDOW_SECONDS)
        self.namespace = self.id().rpartition(".")[2].removeprefix("test_").replace("_", "-")[:40]

    # What the tests ask and do

    def snapshot(self) -> Snapshot:
        return take_snapshot(self.cluster.api, self.namespace)

    def replicas(self, workload: str) -> int:
        return self.snapshot().workloads[workload].replicas

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl(*words, "--namespace", self.namespace)

    def patch_limit(self, budget: str, limit: str) -> None:
        self.kubectl("patch", "agentbudget", budget, "--type=merge", "--patch", json.dumps({"spec": {"limit": limit}}))

    def operator_pod(self) -> dict[str, Any] | None:
        """The one that is ready."""
        selector = urllib.parse.quote(OPERATOR_PODS)
        pods = self.cluster.api.items(f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods?labelSelector={selector}")
        for pod in pods:
            conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", [])}
            if conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]:
                return pod
        return None

    def kill_operator(self) -> None:
        """As the kernel does when memory runs out: no signal handler runs."""
        pod = self.operator_pod()
        assert pod is not None
        processes = processes_of(pod["metadata"]["uid"], "purser")
        self.assertEqual(len(processes), 1, "the operator's pod should hold one process of it")
        before = _restarts_of(pod)
        os.kill(processes[0], signal.SIGKILL)
        wait_for("the kubelet noticing", lambda: self.restarts() > before, 30.0)

    def restarts(self) -> int:
        pod = self.operator_pod()
        return _restarts_of(pod) if pod else -1

    def wait_for_operator(self) -> None:
        wait_for("the operator being ready", lambda: self.operator_pod() is not None, _BUSY_SECONDS)

    def wait_for_exact_status(self, budget: str) -> Decimal:
        """Until the budget's status says, to the nano-dollar, what Prometheus holds; nobody spends any more."""
        spent = total(read_increments(self.cluster.api, self.namespace))
        wait_for(
            f"status.spent becoming {spent}",
            lambda: self.snapshot().budgets[budget].spent == spent,
            _STATUS_SECONDS,
        )
        return spent

    # The tests, in their order

    def test_1_runs_restricted(self) -> None:
        namespace = self.cluster.api.get(f"/api/v1/namespaces/{OPERATOR_NAMESPACE}")
        assert namespace is not None
        self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")
        pod = self.operator_pod()
        assert pod is not None
        self.assertEqual(pod["spec"]["securityContext"]["runAsNonRoot"], True)
        for container in pod["spec"]["containers"]:
            context = container["securityContext"]
            self.assertEqual(context["readOnlyRootFilesystem"], True)
            self.assertEqual(context["allowPrivilegeEscalation"], False)
            self.assertEqual(context["capabilities"]["drop"], ["ALL"])
            self.assertIn("livenessProbe", container)
            self.assertIn("readinessProbe", container)
            self.assertIn("memory", container["resources"]["limits"])
        (process,) = processes_of(pod["metadata"]["uid"], "purser")
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":\t" in line
        )
        self.assertEqual(set(status["Uid"].split()), {"65532"})
        self.assertEqual(int(status["CapEff"], 16), 0)

    def test_2_keeps_a_budget_and_tells(self) -> None:
        create_namespace(self.cluster, self.namespace)
        self.cluster.apply(
            agent_pool(self.namespace, "workers", "worker", 4),
            agent_budget(self.namespace, "workers-hour", "workers", "1", self.zone),
            agent_deployment(self.namespace, "worker", 2, "0.02", 120),
        )
        told = BoundBefore(self.cluster.api, self.namespace, "workers-hour")
        wait_for("throttling", lambda: self.snapshot().budgets["workers-hour"].state == "Throttled", _BUSY_SECONDS)
        wait_for("replicas going to 0", lambda: self.replicas("worker") == 0, _BUSY_SECONDS)
        wait_for("the pods ending", lambda: not self.snapshot().pods, _BUSY_SECONDS)
        wait_for("the budget saying so", lambda: self.snapshot().budgets["workers-hour"].state == "Stopped", 10.0)
        time.sleep(2.5)  # two scrapes: nothing more can become visible
        spent = self.wait_for_exact_status("workers-hour")
        self.assertGreaterEqual(spent, 1)
        self.assertLess(spent, Decimal("1.5"))
        self.assertLessEqual(spent - 1, told.bound(), "overspent by more than status.overspendBound said before")
        self.check_columns(spent)
        self.check_descriptions()

        self.kubectl("delete", "agentbudget", "workers-hour")
        wait_for("replicas coming back", lambda: self.replicas("worker") == 2, 30.0)
        self.assertIsNone(self.snapshot().workloads["worker"].saved)
        self.kubectl("delete", "agentpool", "workers", "--timeout=30s")

    def check_columns(self, spent: Decimal) -> None:
        header, budget = (line.split() for line in self.kubectl("get", "agentbudgets").splitlines())
        self.assertEqual(header, ["NAME", "STATE", "SPENT", "LIMIT", "USED", "RESETS", "EXHAUSTS", "SUBJECTS", "AGE"])
        percent = int(spent * 100)
        self.assertEqual(budget[:5], ["workers-hour", "Stopped", f"{spent.normalize():f}", "1", str(percent)])
        self.assertRegex(budget[5], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        wide = self.kubectl("get", "ab", "--output=wide").splitlines()[0].split()
        self.assertEqual(wide[-5:], ["WINDOW", "PER", "SCOPE", "MODE", "PROJECTED"])
        header, pool = (line.split() for line in self.kubectl("get", "agentpools").splitlines())
        self.assertEqual(header, ["NAME", "STATE", "AGENTS", "CONCURRENCY", "BUDGET", "AGE"])
        self.assertEqual(pool[:5], ["workers", "Stopped", "1", "0", "workers-hour"])
        self.assertIn("REASON", self.kubectl("get", "apool", "--output=wide").splitlines()[0].split())
        both = self.kubectl("get", "purser", "--output=name").split()
        self.assertEqual(both, ["agentbudget.purser.dev/workers-hour", "agentpool.purser.dev/workers"])

    def check_descriptions(self) -> None:
        budget = self.kubectl("describe", "agentbudget", "workers-hour")
        spent = r"spent \$1(\.\d+)? of \$1 \(1\d\d %\) since \d{4}-"
        for pattern in (spent, r"resets at \d{4}-", r"Exhausted", r"Warning +Stopped"):
            self.assertRegex(budget, pattern)
        pool = self.kubectl("describe", "agentpool", "workers")
        reason = r"budget workers-hour: spent"
        for pattern in (r"concurrency 4 -> 0", r"Warning +Throttled", r"Warning +Stopped", reason):
            self.assertRegex(pool, pattern)

    def test_3_survives_being_killed(self) -> None:
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        print(f"seed {seed}", file=sys.stderr)
        create_namespace(self.cluster, self.namespace)
        self.cluster.apply(
            agent_pool(self.namespace, "workers", "worker", 6),
            agent_budget(self.namespace, "workers-hour", "workers", "1000", self.zone),
            agent_deployment(self.namespace, "worker", 3, "0.000000007", 600),
        )
        wait_for("spending", lambda: total(read_increments(self.cluster.api, self.namespace)) > 0, _BUSY_SECONDS)

        # While spending: by SIGKILL, which keeps the pod's store, and with the pod, which may lose it.
        for _ in range(2):
            time.sleep(chance.uniform(0, 3))
            self.kill_operator()
            self.wait_for_operator()
        time.sleep(chance.uniform(0, 3))
        self.delete_operator_pod()
        self.wait_for_its_ledger()
        self.wait_for_operator()
        self.kubectl("scale", "deployment/worker", "--replicas=0")
        wait_for("the pods ending", lambda: not self.snapshot().pods, _BUSY_SECONDS)
        time.sleep(2.5)
        spent = self.wait_for_exact_status("workers-hour")
        self.assertGreater(spent, 0)

        # While it gives back: killed just after the raise, it must restore once, and only once.
        self.kubectl("scale", "deployment/worker", "--replicas=3")
        self.patch_limit("workers-hour", "0")
        wait_for("replicas going to 0", lambda: self.replicas("worker") == 0, _LEAD_SECONDS)
        self.patch_limit("workers-hour", "1000")
        self.kill_operator()
        wait_for("replicas coming back", lambda: self.replicas("worker") == 3, _BUSY_SECONDS)
        self.assertIsNone(self.snapshot().workloads["worker"].saved)
        self.kubectl("scale", "deployment/worker", "--replicas=1")
        self.delete_operator_pod()
        self.wait_for_its_ledger()
        self.wait_for_operator()
        for _ in range(20):
            self.assertEqual(self.replicas("worker"), 1, "somebody's own scaling was undone")
            time.sleep(0.25)

    def wait_for_its_ledger(self) -> None:
        """Without a volume the ledger went with the pod: the next one leads at once, and says so."""
        wait_for("the lost ledger being told", lambda: "--ephemeral-ledger" in operator_log(self.cluster), _BUSY_SECONDS)

    def delete_operator_pod(self) -> None:
        pod = self.operator_pod()
        assert pod is not None
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        self.cluster.kubectl("delete", "pod", name, "--namespace", OPERATOR_NAMESPACE, "--grace-period=0", "--force")

        def gone() -> bool:
            found = self.cluster.api.get(f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods/{name}")
            return found is None or found["metadata"]["uid"] != uid

        wait_for("the pod going away", gone, 30.0)

    def test_4_uninstall_gives_back(self) -> None:
        create_namespace(self.cluster, self.namespace)
        self.cluster.apply(
            agent_pool(self.namespace, "workers", "worker", 4),
            agent_budget(self.namespace, "workers-hour", "workers", "0", self.zone),
            agent_deployment(self.namespace, "worker", 2, "0.01", 60),
        )
        wait_for("replicas going to 0", lambda: self.replicas("worker") == 0, _LEAD_SECONDS)

        self.cluster.helm("uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--wait", "--timeout", "120s")
        workload = self.snapshot().workloads["worker"]
        self.assertEqual((workload.replicas, workload.saved), (2, None))
        pools = self.cluster.api.items(f"{RESOURCES}/agentpools")
        self.assertEqual([pool["metadata"].get("finalizers", []) for pool in pools], [[]] * len(pools))
        self.assertIn("workers", [pool["metadata"]["name"] for pool in pools], "a user's resources stay")
        self.kubectl("delete", "agentpool", "workers", "--timeout=10s")
        left = self.cluster.kubectl(
            "get",
            "all,configmaps,serviceaccounts,roles,rolebindings",
            f"--namespace={OPERATOR_NAMESPACE}",
            f"--selector=app.kubernetes.io/instance={RELEASE}",
            "--output=name",
        )
        self.assertEqual(left, "")

        self.cluster.apply(agent_pool(self.namespace, "workers", "worker", 4))
        self.install_with_a_volume()
        wait_for("the new one taking up its work", lambda: self.replicas("worker") == 0, _LEAD_SECONDS)
        self.delete_operator_pod()
        self.wait_for_operator()
        wait_for("the next leader on the same ledger", lambda: self.ledger_epoch() == 2, _LEAD_SECONDS)
        self.kubectl("delete", "agentbudgets,agentpools", "--all", "--timeout=30s")
        self.assertEqual(self.replicas("worker"), 2)
        self.assertEqual(self.refusals(), [], "the chart gives a right too few")

    def install_with_a_volume(self) -> None:
        """As by default, with a claim; the volume is a folder of the node, for the cluster has none to give."""
        self.ledger_folder = self.folder / "ledger"
        shutil.rmtree(self.ledger_folder, ignore_errors=True)
        self.ledger_folder.mkdir()
        (node,) = self.cluster.api.items("/api/v1/nodes")
        self.cluster.apply(local_volume("ledger", self.ledger_folder, node["metadata"]["name"]))
        claim = {"enabled": True, "storageClassName": "ledger", "size": "64Mi"}
        install_operator(self.cluster, self.prometheus_url, self.folder, claim)
        self.assertEqual(self.ledger_epoch(), 1)

    def ledger_epoch(self) -> int:
        """How many leaders have led on the ledger in the volume."""
        address = f"file:{self.ledger_folder / 'ledger.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as ledger:
            (epoch,) = ledger.execute("SELECT epoch FROM meta").fetchone()
        return int(epoch)

    def refusals(self) -> list[str]:
        """What the ServiceAccounts of operator and hook were not allowed, in all tests, by the API server's audit."""
        events = [json.loads(line) for line in (self.cluster.logs() / "audit.log").read_text().splitlines()]
        own = [each for each in events if each["user"]["username"].startswith(f"system:serviceaccount:{_ACCOUNTS}")]
        self.assertGreater(len(own), 0, "nothing was audited")
        refused = [each for each in own if each.get("responseStatus", {}).get("code") == 403]
        return [f"{each['user']['username']}: {each['verb']} {each['requestURI']}" for each in refused]


def _restarts_of(pod: dict[str, Any]) -> int:
    return sum(int(status["restartCount"]) for status in pod["status"]["containerStatuses"])


if __name__ == "__main__":
    unittest.main()
