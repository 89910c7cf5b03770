"""Running other programs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from purser_demo.errors import DemoError

DEFAULT_TIMEOUT_SECONDS = 120.0
_END_SECONDS = 60.0


def run(
    command: Sequence[str | Path],
    purpose: str,
    *,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    show_progress: bool = False,
) -> str:
    """Runs a command to its end and returns its stdout; fails with its stderr, or shows that as it comes."""
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if show_progress else subprocess.PIPE,
            env=environment,
            cwd=directory,
            text=True,
        )
    except FileNotFoundError as error:
        raise DemoError(f"{purpose}: the program {words[0]} is missing; install it (make deps)") from error
    try:
        output, errors = process.communicate(text, timeout=timeout_seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise DemoError(f"{purpose}: {' '.join(words)} was not done after {timeout_seconds:.0f} s") from error
    except BaseException:
        _end(process)
        raise
    if process.returncode != 0:
        detail = "see above" if show_progress else (errors or output).strip()
        raise DemoError(f"{purpose}: {' '.join(words)} ended with code {process.returncode}: {detail}")
    return output


def _end(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C would, so that a program that started others can end them first."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
