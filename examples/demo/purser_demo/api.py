"""Reading the cluster: through `kubectl proxy` on a private socket, so that every kind of kubeconfig works."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

from purser_demo.errors import DemoError

_START_SECONDS = 15.0
_REQUEST_SECONDS = 10.0


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_REQUEST_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_REQUEST_SECONDS)
        self.sock.connect(self._path)


class Api:
    """A small reader of the Kubernetes API; not thread-safe."""

    def __init__(self, kubectl: list[str]) -> None:
        # Private to this user, and short: a socket's path has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="purser-demo-"))
        self._socket = str(self._folder / "api")
        self._proxy = subprocess.Popen(
            [*kubectl, "proxy", f"--unix-socket={self._socket}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends this one
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._proxy.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise DemoError("`kubectl proxy` does not reach the API server: is the cluster up?")
            time.sleep(0.05)

    def close(self) -> None:
        if self._proxy.poll() is None:
            self._proxy.terminate()
            try:
                self._proxy.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self._proxy.kill()
        self._proxy.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at an absolute API path; None when there is none. Fails on every other answer."""
        code, body = self._request(path)
        if code == http.HTTPStatus.NOT_FOUND:
            return None
        if code != http.HTTPStatus.OK:
            raise DemoError(f"the API server answered {code} to GET {path}: {body[:500].decode(errors='replace')}")
        value = json.loads(body)
        if not isinstance(value, dict):
            raise DemoError(f"GET {path} is no object")
        return value

    def items(self, path: str) -> list[dict[str, Any]]:
        """Of a list; empty while the resource does not exist."""
        found = self.get(path)
        return list(found.get("items", [])) if found else []

    def query_prometheus(self, namespace: str, service: str, query: str) -> list[dict[str, Any]]:
        """The result of an instant query; fails unless it is complete."""
        name = f"/api/v1/namespaces/{namespace}/services/{service}:9090/proxy/api/v1/query"
        answer = self.get(f"{name}?{urllib.parse.urlencode({'query': query})}")
        if answer is None or answer.get("status") != "success" or answer.get("warnings"):
            raise DemoError(f"Prometheus answered {query} with {answer}")
        return list(answer["data"]["result"])

    def _request(self, path: str) -> tuple[int, bytes]:
        connection = _SocketConnection(self._socket)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"the API server does not answer: {error}") from error
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self._request("/version")[0] == http.HTTPStatus.OK
        except DemoError:
            return False
