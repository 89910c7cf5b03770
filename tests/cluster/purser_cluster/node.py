"""A real node: containerd, kubelet and kube-proxy in network, mount and process namespaces of their own.

Ending the first process of those namespaces ends every container and undoes every mount, bridge and rule,
so neither a teardown nor a crash leaves anything on the machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

from purser_cluster.access import answers_ok, write_kubeconfig
from purser_cluster.build import program_path
from purser_cluster.control_plane import ControlPlane, StartChild
from purser_cluster.errors import ClusterError
from purser_cluster.images import Entry, ImageSpec, write_image
from purser_cluster.node_files import (
    CONTAINERD_SOCKET,
    HOME,
    KUBE_PROXY_HEALTH_PORT,
    NODE_NAME,
    PAUSE_IMAGE,
    setup_script,
    write_node_files,
)
from purser_cluster.processes import child_ids, run
from purser_cluster.progress import wait_until
from purser_cluster.slots import clean_slot, require_programs, take_free_slot
from purser_cluster.versions import PAUSE

_PROGRAMS = ("containerd", "ctr", "runc", "nft", "conntrack", "ip", "unshare", "nsenter", "mount")
_PLUGIN_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin")
_START_SECONDS = 30.0
_SLOT_FILE = "slot"
_FIRST_PROCESS_FILE = "first-process"


class Node:
    def __init__(self, directory: Path, start_child: StartChild) -> None:
        """Makes the namespaces and the link, on whose address the API server will listen."""
        if os.geteuid() != 0:
            raise ClusterError("level node needs root (namespaces, mounts, cgroups); use level kwok without it")
        require_programs(_PROGRAMS)
        self._directory = directory / "node"
        self._directory.mkdir()
        self._start_child = start_child
        self._slot = take_free_slot()
        self.network = self._slot.network
        self._first_process = 0
        (self._directory / _SLOT_FILE).write_text(str(self._slot.number), encoding="utf-8")
        try:
            self._slot.claim_machine_parts()
            write_node_files(self._directory, self.network, self._slot.cgroup_root(), _plugin_folder())
            self._make_namespaces()
        except BaseException:
            self.stop()
            self.clean()
            raise

    def start(self, plane: ControlPlane) -> str:
        """Returns the node's name, before it is ready."""
        self._write_credentials(plane)
        for name in ("kubelet", "kube-proxy"):
            # Copied because the node may not see the cache.
            shutil.copy2(program_path(name), self._directory / f"{name}-program")
        containerd = self._start_child("containerd", self._inside("containerd", f"--config={HOME}/containerd.toml"))

        def containerd_answers() -> bool:
            containerd.require_running()
            try:
                run(self._inside("ctr", f"--address={CONTAINERD_SOCKET}", "version"), "asking containerd")
            except ClusterError:
                return False
            return True

        wait_until("containerd starting", containerd_answers, _START_SECONDS, lambda: f"See {containerd.log_path}")
        pause = self._directory / "pause.tar"
        write_image(ImageSpec(PAUSE_IMAGE, [Entry(program_path(PAUSE), "/pause", 0o755)], ["/pause"]), pause)
        load_image(self._directory.parent, pause)
        kubelet = [f"--config={HOME}/kubelet.json", f"--kubeconfig={HOME}/keys/kubelet.kubeconfig"]
        kubelet += [f"--root-dir={HOME}/kubelet", f"--cert-dir={HOME}/keys"]
        kubelet += [f"--hostname-override={NODE_NAME}", f"--node-ip={self.network.node_address}"]
        self._start_child("kubelet", self._inside(f"{HOME}/kubelet-program", *kubelet))
        self._start_child("kube-proxy", self._inside(f"{HOME}/kube-proxy-program", f"--config={HOME}/kube-proxy.json"))
        return NODE_NAME

    def services_work(self) -> bool:
        return answers_ok(f"http://{self.network.node_address}:{KUBE_PROXY_HEALTH_PORT}/healthz")

    def stop(self) -> None:
        """Ends every process of the node at once: its state is not worth a grace period."""
        if self._first_process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._first_process, signal.SIGKILL)
            self._first_process = 0

    def clean(self) -> None:
        """After the node's processes have ended."""
        self._slot.clean()
        self._slot.release()

    def _make_namespaces(self) -> None:
        flags = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation=private", "--kill-child=SIGKILL"]
        child = self._start_child("node", ["unshare", *flags, str(program_path(PAUSE))])

        def runs_pause() -> bool:
            child.require_running()
            found = child_ids(child.process.pid)
            if not found:
                return False
            self._first_process = found[0]
            # Until it has become pause, unshare may still be mounting.
            return Path(f"/proc/{found[0]}/exe").readlink().name == PAUSE

        wait_until("making the node's namespaces", runs_pause, _START_SECONDS, lambda: f"See {child.log_path}")
        (self._directory / _FIRST_PROCESS_FILE).write_text(str(self._first_process), encoding="utf-8")
        self._slot.connect(self._first_process)
        script = ["sh", "-c", f'cd "$0"\n{setup_script(self.network)}', str(self._directory)]
        run(self._inside(*script), "setting up the node's namespaces")

    def _inside(self, *command: str) -> list[str]:
        return inside_command(self._first_process, *command)

    def _write_credentials(self, plane: ControlPlane) -> None:
        keys = self._directory / "keys"
        authority = plane.authority
        authority.issue_server("kubelet-server", [NODE_NAME], [self.network.node_address])
        authority.issue_client("kubelet", f"system:node:{NODE_NAME}", "system:nodes")
        authority.issue_client("kube-proxy", "system:kube-proxy")
        for name in ("kubelet", "kube-proxy"):
            write_kubeconfig(keys / f"{name}.kubeconfig", plane.server, authority, name)
        for source in (
            authority.certificate,
            authority.certificate_path("kubelet-server"),
            authority.key_path("kubelet-server"),
        ):
            shutil.copy2(source, keys / source.name)


def inside_command(first_process: int, *command: str) -> list[str]:
    return ["nsenter", f"--target={first_process}", "--net", "--mount", "--pid", *command]


def load_image(directory: Path, archive: Path) -> None:
    """Imports a docker-save tar into the containerd of the node that runs in that cluster folder."""
    try:
        first_process = int((directory / "node" / _FIRST_PROCESS_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise ClusterError(
            f"no node runs in {directory}; start one with `cluster.py up --level node --dir {directory}`"
        ) from error
    ctr = ["ctr", f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io", "images", "import", "-"]
    try:
        with archive.open("rb") as handle:
            run(inside_command(first_process, *ctr), f"importing {archive}", stdin=handle)
    except FileNotFoundError as error:
        raise ClusterError(f"image {archive}: no such file; make it with `cluster.py image make`") from error


def clean_slot_of(directory: Path) -> None:
    """Removes from the machine what a killed node of that cluster folder left."""
    path = directory / "node" / _SLOT_FILE
    if path.is_file():
        clean_slot(int(path.read_text(encoding="utf-8")))


def _plugin_folder() -> str:
    for folder in _PLUGIN_FOLDERS:
        if os.access(f"{folder}/bridge", os.X_OK):
            return folder
    raise ClusterError(
        f"level node needs the CNI plugin bridge in {' or '.join(_PLUGIN_FOLDERS)}; "
        "install the package containernetworking-plugins (make deps)"
    )
