"""Programs that KUBEBUILDER_ASSETS brings: used if they are of the minor version that go.mod asks for."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

from purser_cluster.progress import say
from purser_cluster.versions import GO_PROGRAMS, module_version

VARIABLE = "KUBEBUILDER_ASSETS"
# How each says its version; no other program is looked for there.
_VERSION_WORDS = {
    "etcd": ("--version",),
    "kube-apiserver": ("--version",),
    "kubectl": ("version", "--client"),
}
_ANSWER_SECONDS = 30.0


def asset(name: str) -> Path | None:
    """The program, if it is there and fits; otherwise says once why it is not used."""
    folder = os.environ.get(VARIABLE)
    if not folder or name not in _VERSION_WORDS:
        return None
    path = Path(folder) / name
    return _checked(name, path.resolve()) if os.access(path, os.X_OK) else None


@functools.cache
def _checked(name: str, path: Path) -> Path | None:
    (module,) = [program.module for program in GO_PROGRAMS if program.name == name]
    want = module_version(module)
    found = _version_of(name, path)
    if found is not None and _minor(found) == _minor(want):
        return path
    # Rights, defaults and validation differ between minors: tests would say something about another Kubernetes.
    say(f"{VARIABLE}: {path} is not used: it is {found or 'of no version it would tell'}, and {want} is needed")
    return None


def _version_of(name: str, path: Path) -> str | None:
    try:
        command = [str(path), *_VERSION_WORDS[name]]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+\.\d+", done.stdout)
    return f"v{match.group()}" if match and done.returncode == 0 else None


def _minor(version: str) -> list[str]:
    return version.removeprefix("v").split(".")[:2]
