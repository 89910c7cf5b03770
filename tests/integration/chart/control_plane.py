"""An API server for the tests, and kubectl and Helm to talk to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "purser"
_SECONDS = 60.0


class ControlPlane:
    """Ends with the test run, even when that is killed: it watches its standard input."""

    def __init__(self, *, audited: bool = False, level: str = "control-plane") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="purser-chart-"))
        program = [sys.executable, str(ROOT / "tests" / "cluster" / "cluster.py"), "serve", "--stdin-eof"]
        self._server = subprocess.Popen(
            [*program, "--dir", str(self.folder / "cluster"), f"--level={level}", *(["--audit"] if audited else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError(f"the API server did not start (exit {self._server.wait()}): its log is above")
        ready = json.loads(line)
        self._bin = Path(ready["bin"])
        self.kubeconfig: str = ready["kubeconfig"]
        self.audit_log = Path(ready["dir"]) / "logs" / "audit.log"

    def end(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=_SECONDS)
        self._server.stdout.close()
        shutil.rmtree(self.folder)

    def try_kubectl(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        cache = f"--cache-dir={self.folder / 'kubectl-cache'}"
        return self._run([str(self._bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", cache, *words], stdin)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        return _wanted(self.try_kubectl(*words, stdin=stdin))

    def kubeconfig_of(self, namespace: str, account: str) -> Path:
        """Of a ServiceAccount: what is done with it may do what that may."""
        authority = json.loads(self.kubectl("config", "view", "--raw", "--flatten", "--output=json"))["clusters"][0]
        token = self.kubectl("create", "token", account, f"--namespace={namespace}").strip()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": authority["cluster"]}],
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": account}}],
            "current-context": "test",
        }
        file = self.folder / f"{account}.kubeconfig"
        file.write_text(json.dumps(document), encoding="utf-8")
        return file

    def try_helm(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run([str(self._bin / "helm"), *words], "")

    def helm(self, *words: str) -> str:
        return _wanted(self.try_helm(*words))

    def template(self, values: dict[str, Any], *words: str) -> str:
        """What the chart makes of the values, hooks included."""
        return self.helm("template", "purser", str(CHART), "--namespace=purser-system", *self.values(values), *words)

    def values(self, values: dict[str, Any]) -> list[str]:
        file = self.folder / "values.json"
        file.write_text(json.dumps(values), encoding="utf-8")
        return [f"--values={file}"]

    def dry_run(self, manifests: str, *words: str) -> list[dict[str, Any]]:
        """What the API server would store; fails where it refuses."""
        answer = self.kubectl("apply", "--dry-run=server", "--output=json", "--filename=-", *words, stdin=manifests)
        document = json.loads(answer)
        objects: list[dict[str, Any]] = document["items"] if document["kind"] == "List" else [document]
        return objects

    def _run(self, command: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBECONFIG"))}
        for kind in ("CACHE", "CONFIG", "DATA"):
            kept[f"HELM_{kind}_HOME"] = str(self.folder / "helm" / kind.lower())
        kept["KUBECONFIG"] = self.kubeconfig
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=_SECONDS, env=kept)


def _wanted(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
