"""What the chart's three policies refuse and leave open, on a real API server with its real controllers.

The status of the pools is written by hand: it is all that the fence goes by.
"""

from __future__ import annotations

import json
import subprocess
import time
import unittest
from collections.abc import Callable
from typing import Any

from control_plane import CHART, ROOT, ControlPlane

_SECONDS = 30.0
_OPERATOR = "system:serviceaccount:purser-system:purser"
_WORDS = "spent $41.24 of $50 (82 %) since 2026-11-27T00:00Z; resets at 2026-11-28T00:00:00Z"
_GROUP = "purser.dev/v1alpha1"

_DEFINITIONS = ROOT / "tests" / "integration" / "operator" / "kinds" / "definitions.yaml"
# Kinds without replicas: what stops each, and what would start it.
_SWITCHED: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("agents.x-k8s.io", "sandboxes", "Sandbox", {"operatingMode": "Suspended"}, {"operatingMode": "Running"}),
    ("openclaw.rocks", "openclawinstances", "OpenClawInstance", {"suspended": True}, {"suspended": False}),
    ("ray.io", "rayjobs", "RayJob", {"suspend": True}, {"suspend": False}),
    ("kubeflow.org", "pytorchjobs", "PyTorchJob", {"runPolicy": {"suspend": True}}, {"runPolicy": {"suspend": False}}),
]

Object = dict[str, Any]
Done = subprocess.CompletedProcess[str]


def _workload(kind: str, name: str, replicas: int) -> Object:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "agent", "image": "example.invalid/agent:1"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _job(name: str) -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "agent", "image": "example.invalid/agent:1"}]}}
    spec = {"suspend": True, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _pool(name: str, *references: tuple[str, str], **more: Any) -> Object:
    agents = [{"name": each, "workloadRef": {"kind": kind, "name": each}} for kind, each in references]
    metadata = {"name": name, "finalizers": ["purser.dev/restore"]}
    spec = {"maxConcurrency": 4, "agents": agents, **more}
    return {"apiVersion": _GROUP, "kind": "AgentPool", "metadata": metadata, "spec": spec}


def _status(state: str, *agents: tuple[str, int, int]) -> str:
    entries = [
        {
            "name": name, "state": state, "savedReplicas": saved, "setReplicas": made, "governedBy": "daily",
            "reason": _WORDS, "concurrency": made, "replicas": made,
        }
        for name, saved, made in agents
    ]  # fmt: skip
    return json.dumps({"status": {"state": state, "agents": entries}})


def _definition(group: str, plural: str, kind: str) -> Object:
    """A CustomResourceDefinition that takes any spec."""
    schema = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    metadata = {"name": f"{plural}.{group}"}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec}


class FenceTest(unittest.TestCase):
    cluster: ControlPlane

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ControlPlane(level="kwok")
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.kubectl("create", "namespace", "purser-system")
        cls.cluster.kubectl("apply", "--server-side", f"--filename={_DEFINITIONS}")
        cls.cluster.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(_definition("kubeflow.org", "pytorchjobs", "PyTorchJob")))
        kinds = [{"apiGroup": group, "resources": [resource]} for group, resource, *_ in _SWITCHED]
        values: Object = {
            "prometheus": {"url": "http://nowhere:9090", "metric": "cost"},
            "releaseOnUninstall": {"enabled": True},
            "fence": {"kinds": kinds},
        }
        cls.cluster.helm("install", "purser", str(CHART), "--namespace=purser-system", *cls.cluster.values(values))
        cls.cluster.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")

    def setUp(self) -> None:
        self.namespace = self.id().rsplit(".", 1)[-1].replace("_", "-")[:60].strip("-")
        self.cluster.kubectl("create", "namespace", self.namespace)

    # -- the fence -----------------------------------------------------------------------------------------------------

    def test_what_is_held_nobody_raises(self) -> None:
        self.create(_workload("Deployment", "worker", 0), _workload("StatefulSet", "keeper", 2), _workload("Deployment", "free", 1))
        self.create(_pool("team", ("Deployment", "worker"), ("StatefulSet", "keeper")), _pool("other", ("Deployment", "free")))
        self.hold("team", _status("Stopped", ("worker", 5, 0), ("keeper", 6, 2)))
        self.in_force("deployment/worker")
        told = (
            "AgentPool team holds agent worker at 0 of 5 replicas", "AgentBudget daily", "resets at 2026-11-28T00:00:00Z",
            "raise the limit",
        )  # fmt: skip
        for replicas in (1, 5):
            self.refused(self.kubectl("scale", "deployment/worker", f"--replicas={replicas}"), *told)
        self.refused(self.patch("deployment/worker", {"spec": {"replicas": 1}}), *told)
        self.refused(self.apply(_workload("Deployment", "worker", 5)), *told)
        without = _workload("Deployment", "worker", 5)
        del without["spec"]["replicas"]
        without["metadata"]["resourceVersion"] = json.loads(self.wanted("get", "deployment/worker", "-ojson"))["metadata"]["resourceVersion"]
        self.refused(self.kubectl("replace", "-f-", stdin=json.dumps(without)), *told)  # the default is 1
        self.refused(self.kubectl("scale", "statefulset/keeper", "--replicas=3"), "at 2 of 6 replicas")
        # All else stays open.
        self.allowed(self.patch("deployment/worker", {"spec": {"template": {"metadata": {"labels": {"new": "x"}}}}}))
        self.allowed(self.kubectl("annotate", "deployment/worker", "purser.dev/saved-"))
        self.allowed(self.kubectl("scale", "statefulset/keeper", "--replicas=1"))
        self.allowed(self.kubectl("scale", "statefulset/keeper", "--replicas=2"))  # as far as it was
        self.allowed(self.kubectl("scale", "deployment/free", "--replicas=7"))
        self.allowed(self.kubectl("delete", "statefulset/keeper", "--wait=false"))
        restore = self.as_operator("scale", "deployment/worker", "--replicas=5", "--dry-run=server")
        self.assertNotIn("holds agent", restore.stderr)

    def test_what_was_restored_without_the_operator_is_free(self) -> None:
        """`purser restore` takes the hold off the pool, and leaves its status."""
        self.create(_workload("Deployment", "worker", 0), _pool("team", ("Deployment", "worker")))
        self.hold("team", _status("Stopped", ("worker", 5, 0)))
        self.in_force("deployment/worker")
        self.allowed(self.patch("agentpool/team", {"metadata": {"finalizers": None}}))
        self.wait_for(lambda: self.kubectl("scale", "deployment/worker", "--replicas=5").returncode == 0, "nothing is held")

    def test_an_autoscaler_that_tries(self) -> None:
        """The real controller: a target of 0 it leaves alone, one of 2 it would raise to its minimum."""
        self.create(_workload("Deployment", "writer", 2), _pool("team", ("Deployment", "writer")))
        self.hold("team", _status("Throttled", ("writer", 10, 2)))
        self.in_force("deployment/writer")
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "writer"}
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
        spec = {"scaleTargetRef": reference, "minReplicas": 8, "maxReplicas": 30, "metrics": [metric]}
        self.create({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "writer"}, "spec": spec})

        def told() -> bool:
            events = self.wanted("get", "events", "-ojsonpath={range .items[*]}{.reason} {.message}{'\\n'}{end}")
            return any("FailedRescale" in line and "AgentBudget daily" in line for line in events.splitlines())

        self.wait_for(told, "the autoscaler tries and is refused in the budget's words")
        self.assertEqual(self.wanted("get", "deployment/writer", "-ojsonpath={.spec.replicas}"), "2")

    def test_jobs_and_pods(self) -> None:
        self.create(_job("free"))
        pool = _pool("team", ("Deployment", "worker"))
        self.create(_workload("Deployment", "worker", 0), pool)
        self.hold("team", _status("Stopped", ("worker", 5, 0)))
        self.in_force("deployment/worker")
        named: Object = {"labels": {"purser.dev/agent": "worker"}, "name": "bare"}
        pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": _workload("Deployment", "x", 1)["spec"]["template"]["spec"]}
        self.refused(self.kubectl("create", "-f-", stdin=json.dumps(pod)), "holds agent worker")
        # The workload's own come with its replicas: a restore must not wait for the pool's status.
        named["labels"] = {"purser.dev/agent": "worker", "pod-template-hash": "5d4f"}
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "worker-5d4f", "uid": "u", "controller": True}
        self.allowed(self.kubectl("create", "--dry-run=server", "-f-", stdin=json.dumps({**pod, "metadata": {**named, "ownerReferences": [owner]}})))
        owner["name"] = "rollout-5d4f"
        refused = {**pod, "metadata": {**named, "ownerReferences": [owner]}}
        self.refused(self.kubectl("create", "--dry-run=server", "-f-", stdin=json.dumps(refused)), "holds agent worker")
        named["labels"] = {"purser.dev/agent": "stranger"}
        self.allowed(self.kubectl("create", "-f-", stdin=json.dumps(pod)))
        self.allowed(self.patch("job/free", {"spec": {"suspend": False}}))

    def test_agents_by_label_and_of_other_kinds(self) -> None:
        """The status names each workload of them of which something is taken."""
        selector = {"matchLabels": {"team": "a"}}
        self.create(_workload("Deployment", "late", 0), _job("run"), _job("made"), _job("free"))
        self.create(_workload("Deployment", "free", 0), _pool("team", agentSelector=selector))
        taken = [
            {"workload": {"apiVersion": version, "kind": kind, "name": name}, "savedReplicas": saved, "setReplicas": 0, "uid": name}
            for version, kind, name, saved in (("apps/v1", "Deployment", "late", 7), ("batch/v1", "Job", "run", 1), ("batch/v1", "Job", "made", 1))
        ]
        entry = {"name": "crawler", "state": "Stopped", "governedBy": "daily", "reason": _WORDS, "concurrency": 0, "replicas": 0, "workloads": taken}
        self.hold("team", json.dumps({"status": {"state": "Stopped", "agents": [entry]}}))
        self.in_force("deployment/late")
        told = ("AgentPool team holds agent crawler", "AgentBudget daily", "resets at 2026-11-28T00:00:00Z")
        self.refused(self.kubectl("scale", "deployment/late", "--replicas=1"), *told)
        for job in ("run", "made"):
            self.refused(self.patch(f"job/{job}", {"spec": {"suspend": False}}), *told)
        self.allowed(self.patch("job/free", {"spec": {"suspend": False}}))
        self.allowed(self.kubectl("scale", "deployment/free", "--replicas=3"))
        named: Object = {"labels": {"purser.dev/agent": "crawler"}, "name": "bare"}
        pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": _workload("Deployment", "x", 1)["spec"]["template"]["spec"]}
        self.refused(self.kubectl("create", "-f-", stdin=json.dumps(pod)), *told)
        named["ownerReferences"] = [{"apiVersion": "batch/v1", "kind": "Job", "name": "run", "uid": "u", "controller": True}]
        self.allowed(self.kubectl("create", "--dry-run=server", "-f-", stdin=json.dumps(pod)))
        self.allowed(self.kubectl("delete", "job/run", "--wait=false"))

    def test_switches_of_other_kinds(self) -> None:
        """What stops a kind without replicas is not taken back, in any of its forms; what is not held is free."""
        held: list[dict[str, Any]] = []
        free: list[dict[str, Any]] = []
        for group, resource, kind, stopped, _ in _SWITCHED:
            version = self.wanted("get", "crd", f"{resource}.{group}", "-ojsonpath={.spec.versions[0].name}")
            for name, of in ((f"held-{resource}", held), (f"free-{resource}", free)):
                self.create({"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name}, "spec": stopped})
                of.append({"name": name, "workloadRef": {"apiVersion": f"{group}/{version}", "kind": kind, "name": name}})
        pool, other = _pool("team"), _pool("other")
        pool["spec"]["agents"], other["spec"]["agents"] = held, free
        self.create(pool, other)
        self.hold("team", _status("Stopped", *((each["name"], 1, 0) for each in held)))
        for group, resource, _, stopped, started in _SWITCHED:
            with self.subTest(resource=resource):
                what = f"{resource}.{group}/held-{resource}"
                raised = {"spec": started}
                self.wait_for(lambda: self.patch(what, raised, "--dry-run=server").returncode != 0, "the fence in force")  # noqa: B023
                told = (f"AgentPool team holds agent held-{resource}", "AgentBudget daily", "resets at 2026-11-28T00:00:00Z")
                self.refused(self.patch(what, raised), *told)
                without = {"spec": {name: None for name in stopped}}
                self.refused(self.patch(what, without), *told)
                self.allowed(self.patch(what, {"spec": {"more": "x", **stopped}}))
                self.allowed(self.patch(f"{resource}.{group}/free-{resource}", raised))
                self.allowed(self.kubectl("delete", what, "--wait=false"))

    # -- the operator's own account --------------------------------------------------------------------------------------

    def test_the_operator_is_confined(self) -> None:
        self.create(_workload("Deployment", "worker", 3), _pool("team", ("Deployment", "worker")))
        self.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"app.conf": "x"}})
        self.grant(_OPERATOR, "kubectl", "deployments.apps,deployments.apps/scale,agentpools.purser.dev", "get")  # kubectl asks first
        labelled: Object = {"metadata": {"labels": {"purser.dev/pool": "team"}}}
        limits = json.dumps({"pool": "team", "maxConcurrency": 4})
        self.wait_for(
            lambda: self.operator_patch("deployment/worker", {"spec": {"paused": True}}).returncode != 0, "the policy in force"
        )
        forbidden: list[tuple[str, Object]] = [
            ("replicas and suspend alone", {"spec": {"template": {"spec": {"containers": [{"name": "agent", "image": "evil:1"}]}}}}),
            ("replicas and suspend alone", {"spec": {"paused": True}}),
            ("labels and annotations", {"metadata": {"annotations": {"other": "x"}}}),
            ("labels and annotations", {"metadata": {"labels": {"other": "x"}}}),
            ("finalizers", {"metadata": {"finalizers": ["example.com/x"]}}),
            ("owners", {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]}}),
        ]
        for why, patch in forbidden:
            with self.subTest(why=why, patch=patch):
                self.refused(self.operator_patch("deployment/worker", patch), why)
        held = {"metadata": {"annotations": {"purser.dev/saved": "x"}}, "spec": {"replicas": 0}}
        self.allowed(self.operator_patch("deployment/worker", held))
        self.allowed(self.operator_patch("deployment/worker", {"metadata": {"annotations": {"purser.dev/saved": None}}, "spec": {"replicas": 3}}))
        self.allowed(self.operator_patch("deployment/worker", {"spec": {"replicas": 1}}, "--subresource=scale"))
        # ConfigMaps: limits alone, and over limits alone.
        limited: Object = {**labelled, "data": {"limits.json": limits}}
        self.refused(self.operator_patch("configmap/theirs", {"data": {"limits.json": limits}}), "purser.dev/pool")
        self.refused(self.operator_patch("configmap/theirs", {**labelled, "data": {"app.conf": limits}}), "limits")
        self.refused(self.operator_patch("configmap/theirs", {**labelled, "data": {"new": "x"}}), "limits")
        self.refused(self.operator_patch("configmap/theirs", {**labelled, "data": {"app.conf": None}}), "limits")
        self.refused(self.operator_patch("configmap/theirs", {**limited, "binaryData": {"x": "eA=="}}), "limits")
        self.allowed(self.operator_patch("configmap/theirs", limited))
        self.allowed(self.operator_patch("configmap/theirs", {"data": {"limits.json": limits.replace("4", "0")}}))
        ours: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ours", **labelled["metadata"]}, "data": {"limits.json": limits}}
        self.allowed(self.as_operator("create", "-f-", stdin=json.dumps(ours)))
        ours["data"] = {"x": "y"}
        ours["metadata"]["name"] = "other"
        self.refused(self.as_operator("create", "-f-", stdin=json.dumps(ours)), "limits")
        # Of its own resources, finalizers and the status.
        self.refused(self.operator_patch("agentpool/team", {"spec": {"maxConcurrency": 400}}), "of a spec")
        self.allowed(self.operator_patch("agentpool/team", {"metadata": {"finalizers": ["purser.dev/restore"]}}))
        self.allowed(self.operator_patch("agentpool/team", {"metadata": {"finalizers": []}}))

    def test_a_cluster_admins_rights_change_nothing_for_the_operator(self) -> None:
        """Should somebody bind more to the account: what it may write stays what it is for."""
        binding = f"operator-{self.namespace}"
        self.cluster.kubectl("create", "clusterrolebinding", binding, "--clusterrole=cluster-admin", f"--user={_OPERATOR}")
        self.addCleanup(self.cluster.kubectl, "delete", "clusterrolebinding", binding)
        self.create(_workload("Deployment", "worker", 3))

        def confined(*words: str) -> bool:
            done = self.as_operator(*words)
            return done.returncode != 0 and "chart value fence" in done.stderr

        self.wait_for(lambda: confined("create", "secret", "generic", "s", "--dry-run=server"), "the rights and the policy in force")
        self.assertTrue(confined("delete", "deployment/worker"))
        self.assertTrue(confined("create", "clusterrolebinding", "more", "--clusterrole=cluster-admin", "--user=x"))
        self.assertTrue(confined("create", "token", "default"))

    # -- authors of pools --------------------------------------------------------------------------------------------------

    def test_a_pool_names_what_its_author_may_write(self) -> None:
        self.grant("alice", "pools", "agentpools.purser.dev", "create,get,patch")
        self.grant("alice", "workers", "deployments.apps", "patch", names=["worker", "writer"])
        self.grant("bob", "pools", "agentpools.purser.dev", "create,get,patch")
        self.grant("bob", "workloads", "deployments.apps,configmaps", "patch")

        def named_by(user: str, pool: Object, *words: str) -> Done:
            return self.kubectl("apply", "--server-side", "--force-conflicts", f"--as={user}", "-f-", *words, stdin=json.dumps(pool))

        limits = {"limitTargets": [{"configMap": {"name": "kube-root-ca.crt", "key": "limits.json"}}]}
        stranger = _pool("theirs", ("Deployment", "stranger"))
        self.wait_for(lambda: named_by("alice", stranger, "--dry-run=server").returncode != 0, "the policy in force")
        self.refused(named_by("alice", stranger), "alice may not patch deployments stranger;", "get the right")
        self.allowed(named_by("alice", _pool("hers", ("Deployment", "worker"))))
        self.refused(named_by("alice", _pool("hers", ("Deployment", "worker"), ("Deployment", "stranger"))), "deployments stranger")
        self.refused(named_by("alice", _pool("hers", ("StatefulSet", "worker"))), "statefulsets worker")
        self.refused(named_by("alice", _pool("hers", ("Deployment", "worker"), **limits)), "configmaps kube-root-ca.crt")
        # Rights over the whole namespace are asked once, however many are named.
        many = [("Deployment", f"worker-{i}") for i in range(200)]
        self.allowed(named_by("bob", _pool("his", *many, **limits)))
        # What another has named may stay while she edits the rest, and a dozen is the most that is asked one by one.
        edited = _pool("his", *many, **limits)
        edited["spec"]["maxConcurrency"] = 7
        self.allowed(named_by("alice", edited))
        self.refused(named_by("alice", _pool("hers", *many)), "at most 12")
        # Who stops it writes no other's name.
        stop: Object = {"spec": {"stop": {"reason": "prompt injection"}}, "metadata": {"annotations": {"purser.dev/stopped-by": "bob"}}}
        words = ("patch", "agentpool/hers", "--type=merge")
        self.refused(self.kubectl(*words, "--as=alice", "-p", json.dumps(stop)), "must be the name of who stops it: alice")
        stop["metadata"]["annotations"]["purser.dev/stopped-by"] = "alice"
        self.allowed(self.kubectl(*words, "--as=alice", "-p", json.dumps(stop)))

    # -- with what -------------------------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, stdin: str = "") -> Done:
        return self.cluster.try_kubectl(f"--namespace={self.namespace}", *words, stdin=stdin)

    def wanted(self, *words: str) -> str:
        done = self.kubectl(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def create(self, *objects: Object) -> None:
        self.allowed(self.kubectl("create", "-f-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})))

    def apply(self, item: Object) -> Done:
        return self.kubectl("apply", "--server-side", "--force-conflicts", "-f-", stdin=json.dumps(item))

    def patch(self, what: str, patch: Object, *words: str) -> Done:
        return self.kubectl("patch", what, "--type=merge", *words, "-p", json.dumps(patch))

    def operator_patch(self, what: str, patch: Object, *words: str) -> Done:
        return self.as_operator("patch", what, "--type=merge", *words, "-p", json.dumps(patch))

    def as_operator(self, *words: str, stdin: str = "") -> Done:
        return self.kubectl(f"--as={_OPERATOR}", *words, stdin=stdin)

    def hold(self, pool: str, status: str) -> None:
        self.allowed(self.kubectl("patch", "agentpool", pool, "--subresource=status", "--type=merge", "-p", status))

    def in_force(self, what: str) -> None:
        self.wait_for(lambda: self.kubectl("scale", what, "--replicas=99", "--dry-run=server").returncode != 0, "the fence in force")

    def grant(self, user: str, name: str, resources: str, verbs: str, names: list[str] | None = None) -> None:
        role = f"{user.rsplit(':', 1)[-1]}-{name}"
        self.wanted("create", "role", role, f"--verb={verbs}", f"--resource={resources}", *(f"--resource-name={n}" for n in names or []))
        self.wanted("create", "rolebinding", role, f"--role={role}", f"--user={user}")

    def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.3)

    def refused(self, done: Done, *why: str) -> None:
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for word in why:
            self.assertIn(word, done.stderr)

    def allowed(self, done: Done) -> None:
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
