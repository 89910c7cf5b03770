"""An operator that takes call records, on a real API server, and clients of Python's own library."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from served_cluster import ROOT as ROOT  # noqa: E402  (the path above has to come first)
from served_cluster import ServedCluster as ServedCluster  # noqa: E402

PURSER = os.environ.get("PURSER_BINARY", str(ROOT / "build" / "purser"))
LONGEST_WAIT = 40.0

Answer = tuple[int, Any]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(what: str, is_so: Callable[[], Any], seconds: float = LONGEST_WAIT) -> Any:
    """What `is_so` says once it is true."""
    deadline = time.monotonic() + seconds
    said = None
    while time.monotonic() < deadline:
        said = is_so()
        if said:
            return said
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:.0f} s, last {said!r}")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(number: int, cost: str = "0.01", **more: Any) -> dict[str, Any]:
    return {
        "id": f"call-{number}",
        "time": now(),
        "namespace": "agents",
        "agent": "researcher",
        "model": "gpt-5",
        "inputTokens": 1000,
        "outputTokens": 100,
        "costUSD": cost,
        "latencyMs": 900,
        "outcome": "Success",
        **more,
    }


class Inbound:
    """The operator of one test."""

    def __init__(
        self, cluster: ServedCluster, folder: Path, tokens: str = "", ledger: Path | None = None,
        source: dict[str, Any] | None = None,
    ) -> None:
        """`ledger`: this file, and a Lease that others with the same file wait for."""
        self.cluster = cluster
        self.folder = folder
        folder.mkdir(parents=True)
        self.port = free_port()
        self.metrics_port = free_port()
        self._certificate()
        (folder / "tokens.yaml").write_text(tokens or "tokens: []\n")
        server = {
            "address": f"127.0.0.1:{self.port}",
            "tls": {"certFile": str(folder / "tls.crt"), "keyFile": str(folder / "tls.key")},
            "tokensFile": str(folder / "tokens.yaml"),
            "metricsAddress": f"127.0.0.1:{self.metrics_port}",
        }
        config = {
            "apiVersion": "config.purser.dev/v1alpha1",
            "kind": "OperatorConfig",
            "server": server,
            "leaderElection": {"enabled": ledger is not None, "namespace": "agents", "leaseName": "purser"},
            "store": {"type": "SQLite", "path": str(ledger or folder / "ledger.db")},
            "sources": [{"name": "default", "usage": True, **(source or {})}],
        }
        (folder / "config.yaml").write_text(json.dumps(config))
        self.trust = ssl.create_default_context(cafile=str(folder / "tls.crt"))
        self._serving = {401} if ledger is None else {401, 503}  # who waits to lead serves, too
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def _certificate(self) -> None:
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        words += ["-days", "2", "-subj", "/CN=purser", "-addext", names]
        words += ["-keyout", str(self.folder / "tls.key"), "-out", str(self.folder / "tls.crt")]
        subprocess.run(words, check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        words = [PURSER, "run", "--config", str(self.folder / "config.yaml"), "--kubeconfig", self.cluster.kubeconfig]
        with (self.folder / "purser.log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_for("the API serves", self._serves)

    def _serves(self) -> bool:
        try:
            return self.ask("GET", "/v1/report", token="")[0] in self._serving
        except OSError:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "purser.log").read_text()[-3000:]
            return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=30)

    def end(self) -> float:
        """How long it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - began

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.trust, timeout=30)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        connection = self.connect()
        try:
            return ask_on(connection, method, path, body, token=token, headers=headers)
        finally:
            connection.close()


def ask_on(
    connection: http.client.HTTPSConnection,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str,
    headers: dict[str, str] | None = None,
) -> Answer:
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, body=data, headers={**sent, **(headers or {})})
    answer = connection.getresponse()
    text = answer.read()
    kind = answer.headers.get("Content-Type", "")
    return answer.status, json.loads(text) if "json" in kind else text.decode()
