"""What the person in front of the demo sees."""

from __future__ import annotations

import datetime
import sys
import time
from decimal import Decimal


class Screen:
    """Numbered steps, tables and remarks, each with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._step = 0

    def step(self, text: str) -> None:
        self._step += 1
        self._print(f"\n{self._step}. {text}")

    def remark(self, text: str) -> None:
        self._print(f"   [{self._elapsed()}] {text}")

    def table(self, heading: str, text: str) -> None:
        now = datetime.datetime.now().strftime("%H:%M:%S")
        self._print(f"\n   [{self._elapsed()}] {now} {heading}")
        self.block(text)

    def block(self, text: str) -> None:
        self._print("\n".join(f"   {line}".rstrip() for line in text.rstrip().splitlines()))

    def line(self, text: str) -> None:
        self._print(text)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._started:5.1f} s"

    def _print(self, text: str) -> None:
        print(text, flush=True)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def dollars(amount: Decimal) -> str:
    """Exact, with at least cents: $2.00, $2.035."""
    text = f"{amount:f}"
    decimals = len(text.partition(".")[2].rstrip("0"))
    return f"${amount:.{max(2, decimals)}f}"
