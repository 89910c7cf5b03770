"""An OpenAI-compatible client that asks Purser before each chat completion.

    client = Governed(OpenAI(), Purser(...), agent="researcher")
    client.chat("gpt-5", [{"role": "user", "content": "..."}], max_tokens=400, task="t-17")
"""

from __future__ import annotations

import time
from typing import Any

from purser import Purser


class Governed:
    def __init__(self, client: Any, purser: Purser, agent: str) -> None:
        self._client = client
        self._purser = purser
        self._agent = agent

    def chat(self, model: str, messages: list[dict[str, Any]], *, max_tokens: int = 1024, task: str | None = None,
             wait_seconds: float = 30, **more: Any) -> Any:
        # Four characters are about a token; the fact replaces the guess.
        guess = sum(len(str(message.get("content", ""))) for message in messages) // 4 + 16
        with self._purser.admit(self._agent, model=model, task=task, input_tokens=guess,
                                max_output_tokens=max_tokens, wait_seconds=wait_seconds) as call:
            begun = time.monotonic()
            answer = self._client.chat.completions.create(
                model=call.model or model, messages=messages, max_tokens=max_tokens, **more)
            usage = answer.usage
            call.settle(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens,
                        latency_ms=int((time.monotonic() - begun) * 1000))
            return answer
