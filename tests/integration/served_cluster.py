"""A cluster of tests/cluster for the Python tests, and kubectl to talk to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0  # for one program


class ServedCluster:
    """Ends with the test run, even when that is killed: it watches its standard input."""

    def __init__(self, name: str, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"purser-{name}-"))
        program = [sys.executable, str(ROOT / "tests" / "cluster" / "cluster.py"), "serve", "--stdin-eof"]
        self._server = subprocess.Popen(
            [*program, "--dir", str(self.folder / "cluster"), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError(f"the API server did not start (exit {self._server.wait()}): its log is above")
        ready = json.loads(line)
        self.bin = Path(ready["bin"])
        self.directory = Path(ready["dir"])
        self.kubeconfig: str = ready["kubeconfig"]
        self.address: str = ready["apiServer"]

    def end(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=SECONDS)
        self._server.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=SECONDS)

    def try_kubectl(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        # The usual cache is keyed by address: it may remember another cluster that had this port.
        cache = f"--cache-dir={self.folder / 'kubectl-cache'}"
        return self.run([str(self.bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", cache, *words], stdin)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        return output_of(self.try_kubectl(*words, stdin=stdin))


def output_of(done: subprocess.CompletedProcess[str]) -> str:
    """Fails where the program did."""
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
