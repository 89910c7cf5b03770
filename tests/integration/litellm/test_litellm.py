"""LiteLLM's own proxy, with the hook of examples/ and its own callback, before a model that only counts: what is asked,
settled, posted and refused. On a real API server.

The proxy is installed once, into the user's cache (about 750 MB); without a package index these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "admissions"))

from gated import NAMESPACE, GatedTest, budget, pool  # noqa: E402  (the path above has to come first)
from python_tools import installed  # noqa: E402
from served_cluster import ROOT  # noqa: E402

PACKAGE = "litellm[proxy]==1.108.7"
START_SECONDS = 120.0
TOKENS = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
PRICES = {"input_cost_per_token": 0.00000125, "output_cost_per_token": 0.00001}  # as in Purser's own list
PRICE = Decimal("0.01125")  # a call
CLIENTS = 24
LIMITS = {"hooked": "1", "crowd": "0.20", "failing": "1"}  # of one agent each

# Keys with an alias need LiteLLM's database; this is its other way to say who calls.
AUTHENTICATION = '''
from litellm.proxy._types import UserAPIKeyAuth


async def known_by_name(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, key_alias=api_key.removeprefix("sk-"), team_alias="agents")
'''


class Model:
    """Answers every call at once, with the same tokens; counts by agent what it has answered."""

    def __init__(self) -> None:
        self.calls = 0
        self.failing = False
        model = self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    model.calls += 1
                message = {"role": "assistant", "content": "done"}
                answer: dict[str, Any] = {"id": f"call-{model.calls}", "object": "chat.completion", "created": 1, "model": asked["model"]}
                answer |= {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": TOKENS}
                body = json.dumps({"error": {"message": "broken"}} if model.failing else answer).encode()
                self.send_response(500 if model.failing else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


class LiteLlmTest(GatedTest):
    model: ClassVar[Model]
    folder: ClassVar[Path]
    url: ClassVar[str]
    served: ClassVar[subprocess.Popen[bytes]]

    @classmethod
    def setUpClass(cls) -> None:
        program = installed("litellm-proxy", PACKAGE) / "litellm"
        super().setUpClass()
        cls.apply(
            *(pool(name, [{"name": name}]) for name in LIMITS),
            *(budget(name, limit, scope={"pools": [name]}) for name, limit in LIMITS.items()),
        )
        cls.model = Model()
        cls.addClassCleanup(cls.model.server.server_close)
        cls.addClassCleanup(cls.model.server.shutdown)
        cls.folder = Path(tempfile.mkdtemp(prefix="purser-litellm-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls._serve(program)

    @classmethod
    def _serve(cls, program: Path) -> None:
        for name in ("purser.py", "litellm_hook.py"):
            shutil.copy(ROOT / "examples" / "clients" / "python" / name, cls.folder)
        (cls.folder / "who.py").write_text(AUTHENTICATION, encoding="utf-8")
        token = cls.cluster.kubectl("create", "token", "caller", f"--namespace={NAMESPACE}", "--audience=purser").strip()
        authority = str(cls.cluster.folder / "tls.crt")
        purser = f"https://127.0.0.1:{cls.port}"
        called = {"model": "openai/gpt-5", "api_base": cls.model.url, "api_key": "none", "max_retries": 0, **PRICES}
        config = {
            "model_list": [{"model_name": "gpt-5", "litellm_params": called}],
            "litellm_settings": {"callbacks": ["litellm_hook.purser_hook", "generic_api"], "num_retries": 0, "drop_params": True,
                                 "default_internal_user_params": {}},
            "router_settings": {"disable_cooldowns": True},
            "general_settings": {"custom_auth": "who.known_by_name"},
        }
        (cls.folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PURSER_URL": purser, "PURSER_TOKEN": token, "PURSER_CA_FILE": authority, "PURSER_NAMESPACE": NAMESPACE,
            "GENERIC_LOGGER_ENDPOINT": f"{purser}/v1/usage/litellm",
            "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {token}",
            "SSL_CERT_FILE": authority, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(cls.folder),
            "DEFAULT_FLUSH_INTERVAL_SECONDS": "1", "LITELLM_TELEMETRY": "False",
            "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
        }
        command = ["setpriv", "--pdeathsig=KILL", str(program), "--config", str(cls.folder / "config.yaml")]
        with (cls.folder / "litellm.log").open("wb") as log:
            cls.served = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"],
                                          stdout=log, stderr=log, env=environment, cwd=cls.folder)
        cls.addClassCleanup(cls._end)
        cls.url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while not cls._is_alive():
            if time.monotonic() > deadline or cls.served.poll() is not None:
                raise RuntimeError(f"the proxy does not serve:\n{cls.log()}")
            time.sleep(0.5)

    @classmethod
    def _is_alive(cls) -> bool:
        try:
            with urllib.request.urlopen(f"{cls.url}/health/liveliness", timeout=5):
                return True
        except OSError:
            return False

    @classmethod
    def _end(cls) -> None:
        cls.served.kill()
        cls.served.wait()

    @classmethod
    def log(cls) -> str:
        return (cls.folder / "litellm.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def call(self, agent: str, task: str = "") -> tuple[int, str]:
        said = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1000, "metadata": {"task": task}}
        headers = {"Authorization": f"Bearer sk-{agent}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/chat/completions", json.dumps(said).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_until_spent(self, agent: str, dollars: Decimal) -> None:
        try:
            self.wait_for(lambda: Decimal(self.spent(agent) or "0") == dollars, f"{agent} has spent {dollars}")
        except AssertionError as error:
            raise AssertionError(f"{error}\nspent {self.spent(agent)}; the proxy's log:\n{self.log()}") from error

    def test_a_call_is_asked_for_settled_and_posted_and_counts_once(self) -> None:
        purser = self.client()
        self.wait_for_admission(purser, "hooked")
        before = self.model.calls
        for number in range(3):
            status, text = self.call("hooked", f"t-{number}")
            self.assertEqual(status, 200, text + self.log())
        self.assertEqual(self.model.calls - before, 3)
        self.wait_until_spent("hooked", 3 * PRICE)
        time.sleep(3)  # for the callback, which comes in batches
        self.assertEqual(Decimal(self.spent("hooked")), 3 * PRICE, "the callback's records are the calls that were settled")

    def test_a_crowd_is_held_at_its_limit(self) -> None:
        self.wait_for_admission(self.client(), "crowd")
        before = self.model.calls
        with ThreadPoolExecutor(CLIENTS) as crowd:
            answers = list(crowd.map(lambda _: self.call("crowd"), range(CLIENTS)))
        served = sum(1 for status, _ in answers if status == 200)
        self.assertEqual(served, self.model.calls - before, "what is refused never reaches the model")
        self.assertLessEqual(served * PRICE, Decimal(LIMITS["crowd"]))
        self.assertGreaterEqual(served, 5, [text for status, text in answers if status != 200][:2])
        refused = [(status, text) for status, text in answers if status != 200]
        self.assertTrue(refused)
        for status, text in refused:
            self.assertIn(status, (402, 429), text)
        self.wait_until_spent("crowd", served * PRICE)

    def test_a_failing_model_keeps_no_money(self) -> None:
        self.wait_for_admission(self.client(), "failing")
        self.model.failing = True
        self.addCleanup(setattr, self.model, "failing", False)
        for _ in range(3):
            status, text = self.call("failing")
            self.assertGreaterEqual(status, 400, text)
        self.model.failing = False
        self.assertEqual(self.call("failing")[0], 200)
        self.wait_until_spent("failing", PRICE)


if __name__ == "__main__":
    unittest.main()
