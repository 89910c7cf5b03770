"""Child processes that never outlive their parent, and processes named by pid and start time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from purser_cluster.errors import ClusterError
from purser_cluster.progress import wait_until

_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
LOG_TAIL_LINES = 15


def start_time(process_id: int) -> int | None:
    """Clock ticks since boot at which the process started; None if it is gone or a zombie."""
    try:
        text = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name may hold blanks and brackets
    return None if fields[0] in "ZX" else int(fields[19])


def child_ids(process_id: int) -> list[int]:
    try:
        text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="utf-8")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def die_with(parent: int) -> None:
    """For a child between fork and exec: not even a killed parent leaves it behind."""
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the line above
        os._exit(1)


class Child:
    """One long-running program with its log file."""

    def __init__(self, name: str, command: Sequence[str], log_directory: Path) -> None:
        self.name = name
        self.log_path = log_directory / f"{name}.log"
        parent = os.getpid()
        with self.log_path.open("ab") as log:
            try:
                self.process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C reaches the parent only, which then stops children in order
                    preexec_fn=lambda: die_with(parent),
                )
            except OSError as error:
                raise ClusterError(f"cannot start {name} ({command[0]}): {error.strerror}") from error

    def require_running(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise ClusterError(f"{self.name} ended with code {code}; end of {self.log_path}:\n{tail(self.log_path)}")

    def stop(self, grace_seconds: float) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=grace_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def record(self) -> dict[str, int | str]:
        return {"name": self.name, "pid": self.process.pid, "startTime": start_time(self.process.pid) or 0}


def is_same_process(record: dict[str, int | str]) -> bool:
    return start_time(int(record["pid"])) == record["startTime"]


def end_recorded(record: dict[str, int | str], grace_seconds: float) -> None:
    """Ends a process of an earlier run, if the pid still belongs to it."""
    for signal_number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        if not is_same_process(record):
            return
        try:
            os.kill(int(record["pid"]), signal_number)
        except ProcessLookupError:
            return
        try:
            wait_until(f"stopping {record['name']}", lambda: not is_same_process(record), seconds)
        except ClusterError:
            if signal_number == signal.SIGKILL:
                raise


def run(command: Sequence[str], purpose: str, **options: object) -> str:
    """Runs a short command to its end and returns stdout; raises with its stderr."""
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    except FileNotFoundError as error:
        raise ClusterError(f"{purpose}: the program {command[0]} is missing; install it (make deps)") from error
    if done.returncode != 0:
        raise ClusterError(f"{purpose}: {' '.join(command)} ended with code {done.returncode}: {done.stderr.strip()}")
    return str(done.stdout)
