"""What an exporter says over time, scripted second by second, and the server that says it.

A script is text. "#! at N" begins what is served from second N on, "#! repeat N" begins it all again every N seconds,
"#! status 503" lets a block's answers fail. In a value, V+R is V and R more for every second since the block began. In
a timestamp, @now-N is N seconds ago; as a value, @began is when the block began (Unix time). $namespace is the case's own.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from page_server import PageServer

_GROWING = re.compile(r"^([0-9.e+-]*\d)\+(\d+(?:\.\d+)?)$")
_DIGITS = 9  # of a dollar


@dataclass
class _Block:
    at: float
    lines: list[str] = field(default_factory=list)
    status: int = 200


class Script:
    def __init__(self, text: str) -> None:
        self._blocks: list[_Block] = []
        self._round = 0.0
        for line in text.splitlines():
            words = line.split()
            if line.startswith("#! at "):
                self._blocks.append(_Block(float(words[2])))
            elif line.startswith("#! repeat "):
                self._round = float(words[2])
            elif line.startswith("#! status "):
                self._blocks[-1].status = int(words[2])
            elif line and self._blocks:
                self._blocks[-1].lines.append(line)

    def page(self, age: float, beginning: float) -> tuple[int, str]:
        """Status and body, so many seconds after the beginning (Unix time)."""
        if self._round:
            beginning += age - age % self._round
            age %= self._round
        block = [block for block in self._blocks if block.at <= age][-1]
        began = f"{beginning + block.at:.3f}"
        return block.status, "".join(_line(line.replace("@began", began), age - block.at) + "\n" for line in block.lines)


def _line(line: str, age: float) -> str:
    if line.startswith("#"):
        return line
    end = line.rindex("}") + 1
    value, *stamp = line[end:].split()
    growing = _GROWING.match(value)
    if growing:
        value = repr(round(float(growing.group(1)) + float(growing.group(2)) * age, _DIGITS))
    stamp = [str(int((time.time() - int(text.removeprefix("@now-"))) * 1000)) for text in stamp]
    return " ".join([line[:end], value, *stamp])


class Exporter:
    """Says nothing at all (503) until it begins."""

    def __init__(self, script: Path, namespace: str) -> None:
        self.script = Script(script.read_text(encoding="utf-8").replace("$namespace", namespace))
        self._began: float | None = None
        self._beginning = 0.0
        self._server = PageServer(self._page)
        self.address = self._server.address

    def begin(self) -> None:
        self._beginning = time.time()
        self._began = time.monotonic()

    def _page(self) -> tuple[int, bytes]:
        began = self._began
        if began is None:
            return 503, b""
        status, text = self.script.page(time.monotonic() - began, self._beginning)
        return status, text.encode()

    def end(self) -> None:
        self._server.end()
