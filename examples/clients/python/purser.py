"""Asks Purser before a model is called, and tells it what the call came to. Standard library only.

    purser = Purser("https://purser.purser-system:8443", ca_file="/etc/purser/ca.crt")
    with purser.admit("researcher", model="gpt-5", input_tokens=900, max_output_tokens=400) as call:
        answer = client.chat(model=call.model)
        call.settle(cost_usd=answer.cost, latency_ms=answer.milliseconds)

A call that is refused raises Refused: which budget, until when, what would be allowed instead. A call
that ends without settle() counts at its estimate; one that raises before settle() is cancelled only
if you say so (call.cancel()): Purser cannot know whether the model was reached.

If Purser itself cannot be reached, `when_down` decides: "closed" (the default) raises Unavailable,
"open" lets the call go unreserved and remembers nothing of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

TOKEN_FILE = "/var/run/secrets/purser/token"  # a projected token of audience "purser"
_TRIES = 4
_SLACK = 10.0  # seconds that an answer may take beside the waiting asked for
# A question may wait for room as long as it asked to; what makes room, a settlement, must not stand behind it.
_ASKING = ThreadPoolExecutor(max_workers=512, thread_name_prefix="purser-ask")
_SETTLING = ThreadPoolExecutor(max_workers=16, thread_name_prefix="purser-settle")


class PurserError(Exception):
    """Purser answered that the request is wrong."""


class Unavailable(PurserError):
    """Purser could not be asked."""


class Refused(PurserError):
    """The call must not be made."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(f"{answer.get('reason')}: {answer.get('message', '')}")
        self.reason: str = answer.get("reason", "")
        self.budget: str | None = answer.get("budget")
        self.resets_at: str | None = answer.get("resetsAt")
        self.retry_after: float | None = answer.get("retryAfterSeconds")
        self.alternatives: list[dict[str, str]] = answer.get("alternatives", [])


class Queued(Refused):
    """Nothing was free in time. Ask again with the same key to keep the place."""


@dataclass
class Call:
    """One call that may be made."""

    key: str
    id: str = ""  # "": Purser was down, and the call goes unreserved
    model: str = ""
    reserved_usd: str = "0"
    expires_at: str = ""
    settled: bool = False
    _purser: Purser | None = field(default=None, repr=False)

    def settle(self, *, cost_usd: str | float | Decimal | None = None, input_tokens: int | None = None,
               output_tokens: int | None = None, cached_tokens: int | None = None,
               latency_ms: int | None = None, outcome: Literal["Success", "Failure", "Retry"] = "Success",
               record_id: str | None = None) -> None:
        """What it came to. May be repeated; the first one counts. `record_id`: the id under which the call's
        record is posted, too, by whomever; a record whose id is this call's key or id, or that names it in
        `admission`, is known without it."""
        if not self.id or self._purser is None:
            self.settled = True
            return
        body = {
            "costUSD": None if cost_usd is None else str(cost_usd), "inputTokens": input_tokens,
            "outputTokens": output_tokens, "cachedTokens": cached_tokens, "latencyMs": latency_ms,
            "outcome": outcome, "id": record_id,
        }
        self._purser.post(f"/v1/admissions/{self.id}/settle", body)
        self.settled = True

    def cancel(self) -> None:
        """It was not made, and costs nothing."""
        if self.id and self._purser is not None:
            self._purser.post(f"/v1/admissions/{self.id}/cancel", {})
        self.settled = True


class Purser:
    """Thread-safe: it keeps nothing between calls."""

    def __init__(self, url: str, *, token: str | Callable[[], str] | None = None, ca_file: str | None = None,
                 namespace: str | None = None, when_down: Literal["open", "closed"] = "closed",
                 timeout: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._namespace = namespace
        self._when_down = when_down
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=ca_file) if url.startswith("https") else None

    @contextmanager
    def admit(self, agent: str, **wish: Any) -> Iterator[Call]:
        """See ask()."""
        yield self.ask(agent, **wish)

    async def ask_async(self, agent: str, **wish: Any) -> Call:
        """As ask(), on a thread, so that the loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(_ASKING, lambda: self.ask(agent, **wish))

    @asynccontextmanager
    async def admit_async(self, agent: str, **wish: Any) -> AsyncIterator[Call]:
        """As admit(), for a loop. Settle with `await settle_async(call, ...)`."""
        yield await self.ask_async(agent, **wish)

    async def settle_async(self, call: Call, **fact: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(_SETTLING, lambda: call.settle(**fact))

    def ask(self, agent: str, *, key: str | None = None, task: str | None = None, workflow: str | None = None,
            model: str | None = None, estimate_usd: str | float | Decimal | None = None, input_tokens: int | None = None,
            max_output_tokens: int | None = None, wait_seconds: float = 0, expires_seconds: float | None = None) -> Call:
        """Reserves what the call may cost, waiting up to wait_seconds for room. Raises Refused, Queued, Unavailable."""
        key = key or uuid.uuid4().hex
        body = {
            "key": key, "namespace": self._namespace, "agent": agent, "task": task, "workflow": workflow,
            "model": model, "estimateUSD": None if estimate_usd is None else str(estimate_usd),
            "inputTokens": input_tokens, "maxOutputTokens": max_output_tokens,
            "waitSeconds": wait_seconds, "expiresSeconds": expires_seconds,
        }
        try:
            answer = self.post("/v1/admissions", body, timeout=self._timeout + wait_seconds + _SLACK)
        except Unavailable:
            if self._when_down == "closed":
                raise
            return Call(key=key, model=model or "", _purser=self)
        if answer["decision"] == "Queue":
            raise Queued(answer)
        if answer["decision"] != "Allow":
            raise Refused(answer)
        return Call(key=key, id=answer["id"], model=answer.get("model") or model or "",
                    reserved_usd=answer["reservedUSD"], expires_at=answer["expiresAt"], _purser=self)

    def route(self, task: str, *, objective: Literal["Cost", "Latency", "Auto"] = "Cost",
              candidates: list[str] | None = None, minimum_success: float | None = None,
              maximum_latency_ms: int | None = None) -> dict[str, Any]:
        """Which agent and model should do it: {"agent", "model", "reason", "candidates": [...]}."""
        return self.post("/v1/route", {
            "namespace": self._namespace, "task": task, "objective": objective, "candidates": candidates,
            "minimumSuccess": minimum_success, "maximumLatencyMs": maximum_latency_ms,
        })

    def post(self, path: str, body: dict[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """One request, asked again while Purser says so; every request of this API may be repeated."""
        sent = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        problem = ""
        for attempt in range(_TRIES):
            request = urllib.request.Request(self._url + path, data=sent, method="POST", headers={
                "Authorization": f"Bearer {self._bearer()}", "Content-Type": "application/json",
            })
            pause = 0.2 * 2**attempt
            try:
                with urllib.request.urlopen(request, timeout=timeout or self._timeout, context=self._tls) as answer:
                    return dict(json.load(answer))
            except urllib.error.HTTPError as error:
                text = error.read().decode(errors="replace")
                problem = f"{path}: {error.code}: {_detail(text)}"
                if error.code not in (429, 503):
                    raise PurserError(problem) from None
                pause = min(float(error.headers.get("Retry-After") or pause), 5.0)
            except (OSError, ValueError) as error:  # refused, timed out, cut off, no certificate that holds
                problem = f"{path}: {error}"
            if attempt + 1 < _TRIES:
                time.sleep(pause)
        raise Unavailable(problem)

    def _bearer(self) -> str:
        if callable(self._token):
            return self._token()
        return self._token if self._token is not None else Path(TOKEN_FILE).read_text().strip()


def _detail(text: str) -> str:
    try:
        return str(json.loads(text).get("detail", text))
    except (ValueError, AttributeError):
        return text[:200]
