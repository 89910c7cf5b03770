"""One API server for all cases, and a small client for it."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
_SECONDS = 60.0

Object = dict[str, Any]

# Where each kind is kept, without the namespace.
_PATHS = {
    "Deployment": ("apis/apps/v1", "deployments"),
    "AgentPool": ("apis/purser.dev/v1alpha1", "agentpools"),
    "AgentBudget": ("apis/purser.dev/v1alpha1", "agentbudgets"),
    "Event": ("api/v1", "events"),
}


class Stage:
    """Ends with the test run, even when that is killed: it watches its standard input."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="purser-cases-"))
        program = [sys.executable, str(ROOT / "tests" / "cluster" / "cluster.py"), "serve", "--stdin-eof"]
        self._server = subprocess.Popen(
            [*program, "--dir", str(self.folder / "cluster"), "--level=kwok", f"--crds={ROOT / 'crds'}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError(f"the API server did not start (exit {self._server.wait()}): its log is above")
        ready = json.loads(line)
        self._kubectl = str(Path(ready["bin"]) / "kubectl")
        self.kubeconfig: str = ready["kubeconfig"]
        self._address: str = ready["apiServer"]
        self._opener = self._credentials()

    def _credentials(self) -> urllib.request.OpenerDirector:
        config = json.loads(self.kubectl("config", "view", "--raw", "--flatten", "--output=json"))
        user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
        pair = self.folder / "administrator.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        context.load_cert_chain(str(pair))
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def end(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=_SECONDS)
        self._server.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def try_kubectl(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        # The usual cache is keyed by address: it may remember another cluster that had this port.
        command = [self._kubectl, f"--cache-dir={self.folder / 'kubectl-cache'}", f"--kubeconfig={self.kubeconfig}"]
        return subprocess.run([*command, *words], input=stdin, capture_output=True, text=True, timeout=_SECONDS)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        done = self.try_kubectl(*words, stdin=stdin)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def apply(self, namespace: str, *objects: Object) -> None:
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl("apply", "--server-side", f"--namespace={namespace}", "--filename=-", stdin=listed)

    def get(self, namespace: str, kind: str, name: str) -> Object:
        return self._read(namespace, kind, f"/{name}")

    def list(self, namespace: str, kind: str) -> list[Object]:
        items: list[Object] = self._read(namespace, kind, "").get("items", [])
        return items

    def _read(self, namespace: str, kind: str, rest: str) -> Object:
        group, plural = _PATHS[kind]
        url = f"{self._address}/{group}/namespaces/{namespace}/{plural}{rest}"
        try:
            with self._opener.open(url, timeout=_SECONDS) as answer:
                found: Object = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return {}
                raise
