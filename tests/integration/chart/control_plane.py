"""An API server for the tests, and kubectl and Helm to talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from served_cluster import ROOT as ROOT  # noqa: E402  (the path above has to come first)
from served_cluster import SECONDS, ServedCluster, output_of  # noqa: E402

CHART = ROOT / "charts" / "purser"


class ControlPlane(ServedCluster):
    def __init__(self, *, audited: bool = False, level: str = "control-plane") -> None:
        super().__init__("chart", f"--level={level}", *(["--audit"] if audited else []))
        self.audit_log = self.directory / "logs" / "audit.log"

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
        return self.run([str(self.bin / "helm"), *words], "")

    def helm(self, *words: str) -> str:
        return output_of(self.try_helm(*words))

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

    def run(self, command: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBECONFIG"))}
        for kind in ("CACHE", "CONFIG", "DATA"):
            kept[f"HELM_{kind}_HOME"] = str(self.folder / "helm" / kind.lower())
        kept["KUBECONFIG"] = self.kubeconfig
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=SECONDS, env=kept)
