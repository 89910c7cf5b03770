"""Ways in: kubeconfig files and the small client this package itself uses."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from purser_cluster.certificates import Authority

_REQUEST_TIMEOUT_SECONDS = 5.0


def write_kubeconfig(path: Path, server: str, authority: Authority, user: str) -> None:
    """Everything embedded, so that the file works wherever it is copied; readable by its owner only."""

    def encoded(source: Path) -> str:
        return base64.b64encode(source.read_bytes()).decode()

    text = f"""apiVersion: v1
kind: Config
clusters:
- name: purser
  cluster:
    server: {server}
    certificate-authority-data: {encoded(authority.certificate)}
users:
- name: {user}
  user:
    client-certificate-data: {encoded(authority.certificate_path(user))}
    client-key-data: {encoded(authority.key_path(user))}
contexts:
- name: purser
  context:
    cluster: purser
    user: {user}
current-context: purser
"""
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class ApiClient:
    """Just enough of the Kubernetes API to know when the cluster is ready."""

    def __init__(self, server: str, authority: Authority, user: str) -> None:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.load_cert_chain(str(authority.certificate_path(user)), str(authority.key_path(user)))
        self._server = server
        # No proxy: the API server is on this machine whatever the environment says.
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def status(self, path: str) -> int:
        """HTTP status, or 0 when nobody answers."""
        return self._send("GET", path, None)[0]

    def get(self, path: str) -> dict[str, Any] | None:
        """The object, or None while it does not exist or nobody answers."""
        code, body = self._send("GET", path, None)
        return json.loads(body) if code == 200 else None

    def post(self, path: str, value: dict[str, Any]) -> int:
        return self._send("POST", path, json.dumps(value).encode())[0]

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(self._server + path, data=body, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""


def answers_ok(url: str) -> bool:
    """Whether a plain health endpoint says 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_REQUEST_TIMEOUT_SECONDS) as response:
            return bool(response.status == 200)
    except OSError:
        return False
