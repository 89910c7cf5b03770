"""One cluster of one level in one directory: starts all of it, knows when it is ready, ends all of it."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from purser_cluster.audit import POLICY_FILE, write_policy
from purser_cluster.build import ensure_built, is_built, program_path
from purser_cluster.control_plane import ControlPlane
from purser_cluster.errors import ClusterError
from purser_cluster.fake_nodes import start_fake_nodes
from purser_cluster.network import LOCAL_ADDRESSES
from purser_cluster.node import Node
from purser_cluster.processes import Child, run
from purser_cluster.progress import Ticker, say, wait_until
from purser_cluster.versions import ALL_NAMES, names_for

_READY_SECONDS = 120.0
_STOP_GRACE_SECONDS = 2.0
_STATE_NAMES = (
    *("bin", "certificates", "etcd", "flex-volumes", "kubeconfig", "kubectl-cache", "node", "processes.json"),
    POLICY_FILE,
)


@dataclass(frozen=True)
class Options:
    directory: Path
    level: str
    fake_nodes: int
    custom_resources: Path | None
    audited: bool = False


class Cluster:
    """start() once, then stop(), also after a start() that failed half way."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._directory = options.directory
        self._children: list[Child] = []
        self._node: Node | None = None
        self._lock: TextIO | None = None

    def start(self) -> dict[str, str]:
        """Returns what a client needs to know, once the level's promises hold."""
        level = self._options.level
        ensure_built(names_for(level, self._options.fake_nodes))
        ticker = Ticker("cluster")
        self._prepare_directory()
        with_node = level == "node"
        addresses = LOCAL_ADDRESSES
        if with_node:
            self._node = Node(self._directory, self._start_child)
            addresses = self._node.network.addresses()
        audit = write_policy(self._directory) if self._options.audited else None
        plane = ControlPlane(self._directory, addresses, self._start_child, audit)
        plane.start(with_controllers=level != "control-plane", with_node=with_node)
        if level != "control-plane":
            self._start_workload_side(plane)
        self._apply_custom_resources()
        say(f"level {level} is ready after {ticker.elapsed_seconds():.1f} s in {self._directory}")
        return {
            "kubeconfig": str(self._directory / "kubeconfig"),
            "apiServer": plane.server,
            "bin": str(self._directory / "bin"),
            "dir": str(self._directory),
            "level": level,
        }

    def require_running(self) -> None:
        for child in self._children:
            child.require_running()

    def stop(self) -> None:
        """Ends the programs, last started first, and removes all state but the logs."""
        if self._lock is None:
            return
        if self._node is not None:
            self._node.stop()
        for child in reversed(self._children):
            child.stop(_STOP_GRACE_SECONDS)
        self._children.clear()
        if self._node is not None:
            self._node.clean()
            self._node = None
        remove_state(self._directory)
        self._lock.close()
        self._lock = None

    def _start_workload_side(self, plane: ControlPlane) -> None:
        kubeconfig = self._directory / "kubeconfig"
        names: list[str] = []
        if self._node is not None:
            names.append(self._node.start(plane))
        if self._options.fake_nodes > 0:
            beside_real_node = self._node is not None
            names += start_fake_nodes(
                kubeconfig, plane.client, self._start_child, self._options.fake_nodes, beside_real_node
            )
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._wait("default ServiceAccount", lambda: plane.client.status(account) == 200)
        self._wait("nodes getting ready", lambda: all(_is_ready(plane, name) for name in names))
        if self._node is not None:
            self._wait("kube-proxy programming the Services", self._node.services_work)

    def _wait(self, activity: str, condition: Callable[[], bool]) -> None:
        def checked() -> bool:
            self.require_running()
            return condition()

        wait_until(activity, checked, _READY_SECONDS, lambda: f"See the logs in {self._directory / 'logs'}")

    def _start_child(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self._directory / "logs")
        self._children.append(child)
        records = json.dumps([known.record() for known in self._children])
        (self._directory / "processes.json").write_text(records, encoding="utf-8")
        return child

    def _prepare_directory(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock = take_directory(self._directory)
        remove_state(self._directory)
        shutil.rmtree(self._directory / "logs", ignore_errors=True)
        (self._directory / "logs").mkdir()
        (self._directory / "bin").mkdir()
        for name in ALL_NAMES:
            if is_built(name):
                (self._directory / "bin" / name).symlink_to(program_path(name))

    def _apply_custom_resources(self) -> None:
        folder = self._options.custom_resources
        if folder is None:
            return
        kubectl = [str(program_path("kubectl")), f"--kubeconfig={self._directory / 'kubeconfig'}"]
        # The usual cache is keyed by address: it may remember another cluster that had this port.
        kubectl.append(f"--cache-dir={self._directory / 'kubectl-cache'}")
        run([*kubectl, "apply", "--server-side", f"--filename={folder}"], f"applying {folder}")
        established = ["wait", "--for=condition=Established", "--timeout=60s", "--all", "customresourcedefinitions"]
        run([*kubectl, *established], "waiting for the custom resource definitions")


def take_directory(directory: Path) -> TextIO:
    """The lock that a running cluster holds on its folder; the kernel frees it with the process."""
    lock = (directory / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ClusterError(
            f"a cluster that this command did not start is running in {directory}: end that `serve`, "
            "or give another --dir"
        ) from error
    return lock


def remove_state(directory: Path) -> None:
    """Removes what a cluster keeps in its directory, except the logs and whatever is not its own."""
    for name in _STATE_NAMES:
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _is_ready(plane: ControlPlane, name: str) -> bool:
    node = plane.client.get(f"/api/v1/nodes/{name}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    tainted = any(taint["key"].startswith("node.kubernetes.io/") for taint in node.get("spec", {}).get("taints", []))
    return not tainted and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
