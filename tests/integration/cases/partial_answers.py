"""What stands between Prometheus and the operator, and says that its answers may not be all there is."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PartialAnswers:
    def __init__(self, added: dict[str, Any]) -> None:
        self._added = added
        self._server: ThreadingHTTPServer | None = None

    def start(self, prometheus: str) -> str:
        """Stands before this URL; its own."""
        added = self._added

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self._answer(urllib.request.Request(prometheus + self.path, data=form))

            def do_GET(self) -> None:
                self._answer(urllib.request.Request(prometheus + self.path))

            def _answer(self, request: urllib.request.Request) -> None:
                request.add_header("Content-Type", "application/x-www-form-urlencoded")
                with _OPENER.open(request, timeout=10) as answer:
                    document = json.load(answer)
                    date = answer.headers["Date"]
                body = json.dumps({**document, **added}).encode()
                self.send_response_only(200)
                self.send_header("Date", date)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def end(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
