"""A Prometheus with one agent that spends nothing: scraped every second, its counter stays at 0."""

from __future__ import annotations

import json
import math
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MOST_SAMPLES = 600


def _result(query: str, now: float) -> tuple[str, dict[str, Any]]:
    """Kind and content, for a range of milliseconds or for the last value in one."""
    found = re.search(r"\[(\d+)ms\]$", query)
    if found is None:
        return "vector", {"value": [now, "0"]}
    seconds = min(int(found.group(1)) // 1000, _MOST_SAMPLES)
    return "matrix", {"values": [[math.floor(now) - age, "0"] for age in range(seconds, -1, -1)]}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())
        kind, content = _result(form["query"][0], float(form.get("time", [str(time.time())])[0]))
        series = {"metric": {"namespace": "agents", "agent": "worker"}, **content}
        body = json.dumps({"status": "success", "data": {"resultType": kind, "result": [series]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


class IdlePrometheus:
    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
