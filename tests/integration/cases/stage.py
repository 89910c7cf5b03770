"""One API server for all cases, and a small client for it."""

from __future__ import annotations

import base64
import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from served_cluster import ROOT, SECONDS, ServedCluster  # noqa: E402  (the path above has to come first)

Object = dict[str, Any]

# Where each kind is kept, without the namespace.
_PATHS = {
    "Deployment": ("apis/apps/v1", "deployments"),
    "AgentPool": ("apis/purser.dev/v1alpha1", "agentpools"),
    "AgentBudget": ("apis/purser.dev/v1alpha1", "agentbudgets"),
    "SpendCorrection": ("apis/purser.dev/v1alpha1", "spendcorrections"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Event": ("api/v1", "events"),
}


class Stage(ServedCluster):
    def __init__(self) -> None:
        super().__init__("cases", "--level=kwok", f"--crds={ROOT / 'crds'}")
        self.opener = self._credentials()

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
        url = f"{self.address}/{group}/namespaces/{namespace}/{plural}{rest}"
        try:
            with self.opener.open(url, timeout=SECONDS) as answer:
                found: Object = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return {}
                raise
