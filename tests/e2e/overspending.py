"""What a budget's status said, before its limit was reached, of how far it may be overspent."""

from __future__ import annotations

import threading
from decimal import Decimal

from purser_demo.api import Api
from purser_demo.snapshots import RESOURCES


class BoundBefore:
    """Follows `status.overspendBound` from its making on, until the status says that the limit is reached."""

    def __init__(self, api: Api, namespace: str, budget: str) -> None:
        self._api = api
        self._path = f"{RESOURCES}/namespaces/{namespace}/agentbudgets/{budget}"
        self._bound: Decimal | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def bound(self) -> Decimal:
        """The last that was told while less than the limit was spent. Ends the following."""
        self._ended.set()
        self._thread.join()
        if self._bound is None:
            raise AssertionError("no overspendBound was told before the limit was reached")
        return self._bound

    def _follow(self) -> None:
        while not self._ended.is_set():
            status = (self._api.get(self._path) or {}).get("status", {})
            if "overspendBound" in status:
                if Decimal(status["spent"]) >= Decimal(status["limit"]):
                    return
                # Before anybody spends it is nothing, and bounds nothing.
                if Decimal(status["spent"]) > 0:
                    self._bound = Decimal(status["overspendBound"])
            self._ended.wait(0.1)
