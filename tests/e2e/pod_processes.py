"""The processes of a pod on the local node, which are processes of this machine as well."""

from __future__ import annotations

import os
from pathlib import Path


def processes_of(pod_uid: str, program: str) -> list[int]:
    """Ids of those whose executable has that name; only of this one pod, whatever else runs here."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            groups = (folder / "cgroup").read_text(encoding="utf-8")
            executable = os.readlink(folder / "exe")
        except OSError:
            continue
        if f"pod{pod_uid}" in groups and Path(executable).name == program:
            found.append(int(folder.name))
    return found
