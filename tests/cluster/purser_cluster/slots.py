"""What a node needs of the whole machine: one slot = subnets, one link, one folder in each cgroup tree."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import TextIO

from purser_cluster.errors import ClusterError
from purser_cluster.network import NodeNetwork
from purser_cluster.processes import run
from purser_cluster.progress import wait_until

_LOCKS = Path("/run/purser-cluster")
_CGROUPS = Path("/sys/fs/cgroup")
_SLOTS = range(32)
_CLEAN_SECONDS = 20.0


class Slot:
    """Held by a lock that the kernel frees with its process, so that a killed cluster blocks nobody."""

    def __init__(self, number: int, lock: TextIO) -> None:
        self.number = number
        self.network = NodeNetwork(number)
        self._lock = lock

    def cgroup_root(self) -> str:
        return f"/purser-{self.number}"

    def claim_machine_parts(self) -> None:
        """Makes the cgroups; the link needs the node's namespace and follows in connect()."""
        self.clean()
        for tree in _cgroup_trees():
            folder = tree / self.cgroup_root().lstrip("/")
            folder.mkdir()
            # In a version 1 cpuset a new group can hold no process until both are set.
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (folder / name).exists() and (tree / name).exists():
                    (folder / name).write_text((tree / name).read_text(encoding="utf-8"), encoding="utf-8")

    def connect(self, process_id: int) -> None:
        """Links the machine with the network namespace of that process, and routes pods and Services there."""
        network = self.network
        purpose = "linking the node's network"
        link = ["ip", "link", "add", network.machine_link, "type", "veth"]
        run([*link, "peer", "name", "node0", "netns", str(process_id)], purpose)
        run(["ip", "address", "add", f"{network.machine_address}/30", "dev", network.machine_link], purpose)
        run(["ip", "link", "set", network.machine_link, "up"], purpose)
        for subnet in (network.pods, network.services):
            run(["ip", "route", "add", subnet, "via", network.node_address], purpose)

    def clean(self) -> None:
        """Removes link and cgroups, also those of a cluster that was killed."""
        if Path(f"/sys/class/net/{self.network.machine_link}").exists():
            # The link may be vanishing with its namespace at this very moment: then the command fails, rightly.
            try:
                run(["ip", "link", "delete", self.network.machine_link], "removing the node's link")
            except ClusterError:
                if Path(f"/sys/class/net/{self.network.machine_link}").exists():
                    raise
        roots = [tree / self.cgroup_root().lstrip("/") for tree in _cgroup_trees()]
        wait_until(
            "removing the node's cgroups",
            lambda: all([_remove_cgroup(root) for root in roots]),
            _CLEAN_SECONDS,
            lambda: f"Processes are left in {self.cgroup_root()} below {_CGROUPS}",
        )

    def release(self) -> None:
        self._lock.close()


def take_free_slot() -> Slot:
    _LOCKS.mkdir(mode=0o755, exist_ok=True)
    used = run(["ip", "-4", "-oneline", "address"], "listing addresses")
    for number in _SLOTS:
        slot = _try_slot(number)
        if slot is None:
            continue
        own = f" {slot.network.machine_link} "
        foreign = "\n".join(line for line in used.splitlines() if own not in line)
        if not any(f" {prefix}" in foreign for prefix in slot.network.prefixes):
            return slot
        slot.release()
    raise ClusterError(f"all {len(_SLOTS)} node slots are taken; end another cluster of level node first")


def clean_slot(number: int) -> None:
    """After a cluster was killed: removes what it left, unless another one holds the slot by now."""
    if not _LOCKS.is_dir():
        return
    slot = _try_slot(number)
    if slot is not None:
        slot.clean()
        slot.release()


def _try_slot(number: int) -> Slot | None:
    lock = (_LOCKS / f"slot-{number}").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return Slot(number, lock)


def _cgroup_trees() -> list[Path]:
    """The one tree of version 2, or every controller's tree of version 1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in sorted(_CGROUPS.iterdir()) if path.is_dir() and not path.is_symlink()]


def _remove_cgroup(root: Path) -> bool:
    """Bottom up; False while a process is still leaving."""
    for folder, _, _ in os.walk(root, topdown=False):
        try:
            Path(folder).rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return False
    return True


def require_programs(names: tuple[str, ...]) -> None:
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise ClusterError(
            f"level node needs {', '.join(missing)}; install the packages containerd runc containernetworking-plugins "
            "nftables conntrack iproute2 util-linux (make deps)"
        )
