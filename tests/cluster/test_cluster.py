"""Shows that the clusters keep their promises; needs the programs, which it builds if they are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from purser_cluster.build import ensure_built, program_path  # noqa: E402  (the path above has to come first)
from purser_cluster.images import binary_entries  # noqa: E402
from purser_cluster.network import NodeNetwork  # noqa: E402
from purser_cluster.processes import is_same_process, start_time, tail  # noqa: E402
from purser_cluster.progress import wait_until  # noqa: E402

COMMAND = [sys.executable, str(HERE / "cluster.py")]
PROBE_IMAGE = "cluster-probe:1"
PROBE_REPLICAS = 2
DEADLINE_SECONDS = 60.0


def probe_manifest() -> dict[str, Any]:
    """Two pods that are ready only while they can list pods through the Service `kubernetes` with their own token."""
    labels = {"app": "probe"}
    metadata = {"name": "probe", "namespace": "default"}
    container = {
        "name": "probe",
        "image": PROBE_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["get", "pods", "--namespace=default", "--watch"],
        "readinessProbe": {"exec": {"command": ["/kubectl", "get", "pods", "--namespace=default"]}, "periodSeconds": 1},
        "securityContext": {"runAsNonRoot": True},
    }
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    role_reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "probe"}
    subjects = [{"kind": "ServiceAccount", "name": "probe", "namespace": "default"}]
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "probe", "containers": [container]}}
    specification = {"replicas": PROBE_REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    authorization = "rbac.authorization.k8s.io/v1"
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": authorization, "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": authorization, "kind": "RoleBinding", "metadata": metadata, "roleRef": role_reference},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": specification},
    ]
    items[2]["subjects"] = subjects
    return {"apiVersion": "v1", "kind": "List", "items": items}


class ClusterTestCase(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="purser-cluster-test-")
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def cluster(self, *arguments: str) -> str:
        done = subprocess.run([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            self.fail(f"cluster.py {' '.join(arguments)} ended with code {done.returncode}\n{self.logs()}")
        return done.stdout

    def up(self, name: str, *arguments: str) -> dict[str, str]:
        directory = self.root / name
        self.addCleanup(lambda: self.cluster("down", f"--dir={directory}"))
        ready: dict[str, str] = json.loads(self.cluster("up", f"--dir={directory}", *arguments))
        return ready

    def down_leaves_nothing(self, ready: dict[str, str]) -> None:
        directory = Path(ready["dir"])
        records = json.loads((directory / "processes.json").read_text(encoding="utf-8"))
        self.assertTrue(all(is_same_process(record) for record in records), self.logs())
        self.cluster("down", f"--dir={directory}")
        self.assertEqual([record["name"] for record in records if is_same_process(record)], [])
        self.assertFalse((directory / "kubeconfig").exists())

    def kubectl(self, ready: dict[str, str], *arguments: str, text: str = "", check: bool = True) -> str:
        command = [f"{ready['bin']}/kubectl", f"--kubeconfig={ready['kubeconfig']}"]
        command += [f"--cache-dir={ready['dir']}/kubectl-cache", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            self.fail(f"kubectl {' '.join(arguments)}: {done.stderr}\n{self.logs()}")
        return done.stdout

    def rollout(self, ready: dict[str, str], name: str) -> None:
        wait = f"--timeout={DEADLINE_SECONDS:.0f}s"
        try:
            self.kubectl(ready, "rollout", "status", f"deployment/{name}", wait)
        except AssertionError:
            self.kubectl_report(ready)
            raise

    def kubectl_report(self, ready: dict[str, str]) -> None:
        print(self.kubectl(ready, "describe", "pods", "--all-namespaces", check=False), file=sys.stderr)

    def wait_for_no_pods(self, ready: dict[str, str]) -> None:
        def none() -> bool:
            return self.kubectl(ready, "get", "pods", "--output=name") == ""

        wait_until("pods going away", none, DEADLINE_SECONDS, self.logs)

    def logs(self) -> str:
        return "\n".join(f"--- {path}\n{tail(path)}" for path in sorted(self.root.glob("*/logs/*.log")))


def custom_resource() -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object"}}
    names = {"kind": "Thing", "plural": "things", "singular": "thing"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.org"},
        "spec": {"group": "example.org", "names": names, "scope": "Namespaced", "versions": [version]},
    }


class ControlPlaneLevel(ClusterTestCase):
    def test_two_at_once_and_end_of_stdin(self) -> None:
        definitions = self.root / "crds"
        definitions.mkdir()
        (definitions / "things.yaml").write_text(json.dumps(custom_resource()), encoding="utf-8")
        first = self.up("first", f"--crds={definitions}")
        self.assertEqual(self.kubectl(first, "get", "things.example.org", "--output=name"), "")
        again = json.loads(self.cluster("up", f"--dir={first['dir']}"))
        self.assertEqual(again, first, "a second `up` has to reuse what is there")
        served = self.root / "served"
        command = [*COMMAND, "serve", f"--dir={served}", "--level=control-plane", "--stdin-eof"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None and process.stdout is not None
            second = json.loads(process.stdout.readline())
            self.assertNotEqual(first["apiServer"], second["apiServer"])
            self.kubectl(first, "create", "configmap", "only-in-first")
            self.assertNotIn("only-in-first", self.kubectl(second, "get", "configmaps", "--output=name"))
            self.kubectl(second, "create", "serviceaccount", "someone")
            self.assertEqual(self.kubectl(second, "create", "token", "someone").count("."), 2)
            records = json.loads((served / "processes.json").read_text(encoding="utf-8"))
            process.stdin.close()
            self.assertEqual(process.wait(timeout=DEADLINE_SECONDS), 0)
        self.assertFalse(any(is_same_process(record) for record in records))
        self.down_leaves_nothing(first)

    def test_killed_cluster_leaves_no_process(self) -> None:
        ready = self.up("killed")
        directory = Path(ready["dir"])
        records = json.loads((directory / "processes.json").read_text(encoding="utf-8"))
        owner = json.loads((directory / "cluster.json").read_text(encoding="utf-8"))["process"]
        os.kill(owner["pid"], 9)
        gone = lambda: not any(is_same_process(record) for record in records)  # noqa: E731
        wait_until("children following their killed parent", gone, DEADLINE_SECONDS)


class FakeNodeLevel(ClusterTestCase):
    def test_deployment_runs_scales_to_zero_and_down_leaves_nothing(self) -> None:
        ready = self.up("kwok", "--level=kwok", "--kwok-nodes=2")
        self.kubectl(ready, "create", "deployment", "agents", "--image=nowhere.invalid/agent:1", "--replicas=3")
        self.rollout(ready, "agents")
        phases = self.kubectl(ready, "get", "pods", "--output=jsonpath={.items[*].status.phase}")
        self.assertEqual(phases, "Running Running Running")
        self.kubectl(ready, "scale", "deployment/agents", "--replicas=0")
        self.wait_for_no_pods(ready)
        self.down_leaves_nothing(ready)


def node_processes(first_process: int, slot: int) -> dict[str, list[dict[str, int | str]]]:
    """By name, those of the node and of its pods, which have namespaces of their own inside the node's."""
    namespace = os.readlink(f"/proc/{first_process}/ns/pid")
    found: dict[str, list[dict[str, int | str]]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            inside = os.readlink(folder / "ns" / "pid") == namespace
            inside = inside or f"/purser-{slot}/" in (folder / "cgroup").read_text(encoding="utf-8")
            name = (folder / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue  # it ended meanwhile
        started = start_time(int(folder.name))
        if inside and started is not None:
            found.setdefault(name, []).append({"name": name, "pid": int(folder.name), "startTime": started})
    return found


@unittest.skipUnless(os.geteuid() == 0, "level node needs root")
class RealNodeLevel(ClusterTestCase):
    def probe_archive(self) -> str:
        ensure_built(["kubectl"])
        archive = self.root / "probe.tar"
        probe = ["--entrypoint=/kubectl", "--user=65532", f"--file={program_path('kubectl')}:/kubectl:0755"]
        self.cluster("image", "make", f"--name={PROBE_IMAGE}", f"--out={archive}", *probe)
        return str(archive)

    def run_probe(self, ready: dict[str, str], archive: str) -> None:
        self.cluster("image", "load", f"--dir={ready['dir']}", archive)
        self.kubectl(ready, "apply", "--filename=-", text=json.dumps(probe_manifest()))

    def test_killed_node_leaves_no_process(self) -> None:
        ready = self.up("killed", "--level=node")
        self.run_probe(ready, self.probe_archive())
        self.rollout(ready, "probe")
        directory = Path(ready["dir"])
        slot = int((directory / "node" / "slot").read_text(encoding="utf-8"))
        inside = node_processes(int((directory / "node" / "first-process").read_text(encoding="utf-8")), slot)
        # What must end is there at first: the node's programs, and in each pod its sandbox and its container.
        self.assertLessEqual({"containerd", "kubelet-program", "kube-proxy-prog"}, inside.keys())
        self.assertGreaterEqual(len(inside["kubectl"]), PROBE_REPLICAS)
        self.assertGreaterEqual(len(inside["pause"]), 1 + PROBE_REPLICAS)
        records = json.loads((directory / "processes.json").read_text(encoding="utf-8"))
        records += [record for found in inside.values() for record in found]

        os.kill(json.loads((directory / "cluster.json").read_text(encoding="utf-8"))["process"]["pid"], 9)

        def left() -> list[int | str]:
            return [record["name"] for record in records if is_same_process(record)]

        gone = "the node's processes following their killed parent"
        wait_until(gone, lambda: not left(), DEADLINE_SECONDS, lambda: f"left: {left()}")
        link = Path("/sys/class/net", NodeNetwork(slot).machine_link)
        wait_until("the link vanishing with its namespace", lambda: not link.exists(), DEADLINE_SECONDS)
        # Empty cgroups may stay until then.
        self.cluster("down", f"--dir={directory}")
        self.assertEqual(list(Path("/sys/fs/cgroup").glob(f"**/purser-{slot}")), [])

    def test_two_clusters_whose_pods_reach_their_api_server(self) -> None:
        archive = self.probe_archive()
        clusters = [self.up(name, "--level=node") for name in ("first", "second")]
        for ready in clusters:
            self.run_probe(ready, archive)
        for ready in clusters:
            self.rollout(ready, "probe")
            # Through the API server to the kubelet: what the pod itself printed about its namespace.
            self.assertIn("probe-", self.kubectl(ready, "logs", "deployment/probe"))
            slot = int((Path(ready["dir"]) / "node" / "slot").read_text(encoding="utf-8"))
            self.down_leaves_nothing(ready)
            self.assertFalse(Path("/sys/class/net", NodeNetwork(slot).machine_link).exists())
            self.assertFalse(Path(f"/sys/fs/cgroup/memory/purser-{slot}").exists())


class ImageMaking(ClusterTestCase):
    def make(self, name: str) -> bytes:
        archive = self.root / name
        arguments = [f"--out={archive}", "--binary=/bin/sh:/sh", f"--file={HERE / 'go.mod'}:/go.mod"]
        self.cluster("image", "make", "--name=shell:1", *arguments)
        return archive.read_bytes()

    def test_equal_inputs_give_equal_images(self) -> None:
        self.assertEqual(self.make("first.tar"), self.make("second.tar"))

    def test_binary_brings_its_libraries_and_loader(self) -> None:
        places = [entry.destination for entry in binary_entries(Path("/bin/sh"), "/sh")]
        self.assertTrue(any("libc.so" in place for place in places), places)
        self.assertTrue(any("/ld-" in place for place in places), places)


if __name__ == "__main__":
    unittest.main()
