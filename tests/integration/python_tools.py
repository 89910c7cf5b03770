"""Programs of PyPI that tests want: each set installed once, into a folder of the user's cache."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import unittest
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "purser"


def installed(name: str, *packages: str) -> Path:
    """Where their programs are. The folder is whole once it says so; without a package index the test is skipped."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            print(f"installing {', '.join(packages)}, once", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "tools")], check=True, timeout=120)
            install = [str(folder / "tools/bin/python"), "-m", "pip", "install", "--quiet", *packages]
            done = subprocess.run(install, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                raise unittest.SkipTest(f"{', '.join(packages)} cannot be installed: {done.stderr[-300:]}")
            (folder / "whole").touch()
    return folder / "tools" / "bin"
