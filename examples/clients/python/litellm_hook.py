"""LiteLLM's proxy asks Purser before each call, and settles after it.

config.yaml:  litellm_settings: {callbacks: litellm_hook.purser_hook}
The agent is the key's alias; the task, if there is one, comes in the request's metadata.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

from purser import Call, Purser, Queued, Refused


_MOST_CALLS = 10_000


class PurserHook(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self._purser = Purser(os.environ["PURSER_URL"], ca_file=os.environ.get("PURSER_CA_FILE"),
                              token=os.environ.get("PURSER_TOKEN"),  # else the pod's own
                              namespace=os.environ.get("PURSER_NAMESPACE"))
        self._calls: dict[str, Call] = {}  # by LiteLLM's id of the call: its metadata keeps plain data only

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any],
                                  call_type: str) -> dict[str, Any]:
        metadata = data.setdefault("metadata", {})
        try:
            call = await self._purser.ask_async(
                user_api_key_dict.key_alias or "unknown", task=metadata.get("task"),
                model=data.get("model"), max_output_tokens=data.get("max_tokens"), wait_seconds=20)
        except Queued as queued:
            raise HTTPException(status_code=429, detail=str(queued), headers={"Retry-After": "1"}) from None
        except Refused as refused:
            raise HTTPException(status_code=402, detail=str(refused)) from None
        if call.model:
            data["model"] = call.model  # a cheaper one, under Downgrade
        self._calls[data["litellm_call_id"]] = call
        if len(self._calls) > _MOST_CALLS:  # of calls that LiteLLM never told the end of
            self._calls.pop(next(iter(self._calls)))
        # Where the proxy's callback posts records, too, each call counts once.
        metadata.setdefault("spend_logs_metadata", {})["admission"] = call.id
        return data

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any,
                                      end_time: Any) -> None:
        await self._settle(kwargs, start_time, end_time, "Success")

    async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any,
                                      end_time: Any) -> None:
        await self._settle(kwargs, start_time, end_time, "Failure")

    async def _settle(self, kwargs: dict[str, Any], start: Any, end: Any, outcome: Any) -> None:
        call = self._calls.pop(kwargs.get("litellm_call_id", ""), None)
        if call is not None:
            logged = kwargs.get("standard_logging_object") or {}
            await self._purser.settle_async(
                call, cost_usd=kwargs.get("response_cost") or 0, outcome=outcome,
                input_tokens=logged.get("prompt_tokens"), output_tokens=logged.get("completion_tokens"),
                latency_ms=int((end - start).total_seconds() * 1000))


purser_hook = PurserHook()
