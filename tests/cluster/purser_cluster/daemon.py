"""The background form of a cluster: `up` starts one that outlives the command, `down` ends it."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from purser_cluster.build import ensure_built
from purser_cluster.cluster import Options, remove_state, take_directory
from purser_cluster.errors import ClusterError
from purser_cluster.node import clean_slot_of
from purser_cluster.processes import end_recorded, is_same_process, start_time, tail
from purser_cluster.progress import say, wait_until
from purser_cluster.versions import LEVELS, MODULE_DIRECTORY, names_for

_RECORD = "cluster.json"
_START_SECONDS = 240.0
_STOP_SECONDS = 60.0


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Two commands on one folder wait for each other."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".command-lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def up(options: Options) -> dict[str, str]:
    """Starts the cluster unless it is already there; returns the same line as serve."""
    with _one_at_a_time(options.directory):
        return _up(options)


def _up(options: Options) -> dict[str, str]:
    directory = options.directory
    running = _read(directory / _RECORD)
    if running is not None and is_same_process(running["process"]):
        return _reuse(running, options)
    ensure_built(names_for(options.level, options.fake_nodes))  # here, where the progress is seen
    output, errors = directory / "serve.out", directory / "serve.log"
    command = [sys.executable, str(MODULE_DIRECTORY / "cluster.py"), "serve", f"--dir={directory}"]
    command += [f"--level={options.level}", f"--kwok-nodes={options.fake_nodes}"]
    if options.custom_resources is not None:
        command.append(f"--crds={options.custom_resources}")
    if options.audited:
        command.append("--audit")
    with output.open("wb") as standard_output, errors.open("wb") as standard_error:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=standard_output,
            stderr=standard_error,
            start_new_session=True,
        )
    record = {"name": "cluster", "pid": process.pid, "startTime": start_time(process.pid) or 0}

    def ready() -> bool:
        if process.poll() is not None:
            raise ClusterError(f"the cluster did not start; end of {errors}:\n{tail(errors, 40)}")
        return output.read_bytes().endswith(b"\n")

    try:
        wait_until(f"starting a cluster of level {options.level}", ready, _START_SECONDS, lambda: tail(errors))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    line: dict[str, str] = json.loads(output.read_text(encoding="utf-8"))
    (directory / _RECORD).write_text(json.dumps({"process": record, "ready": line}), encoding="utf-8")
    return line


def _reuse(running: dict[str, Any], options: Options) -> dict[str, str]:
    line: dict[str, str] = running["ready"]
    if LEVELS.index(line["level"]) < LEVELS.index(options.level):
        raise ClusterError(
            f"a cluster of level {line['level']} is already up in {options.directory}, and level {options.level} "
            f"needs more; run `cluster.py down --dir {options.directory}` first"
        )
    say(f"already up in {options.directory}")
    return line


def down(directory: Path) -> None:
    """Ends what `up` started in this directory; nothing to do is fine."""
    if directory.is_dir():
        with _one_at_a_time(directory):
            _down(directory)
    say(f"no cluster is running in {directory}; the logs stay in {directory / 'logs'}")


def _down(directory: Path) -> None:
    running = _read(directory / _RECORD)
    if running is not None:
        end_recorded(running["process"], _STOP_SECONDS)
    with take_directory(directory):  # fails while somebody's `serve` runs here
        # Left over only if the cluster's own process was killed the hard way.
        for record in _read(directory / "processes.json") or []:
            end_recorded(record, 0.0)
        clean_slot_of(directory)
        remove_state(directory)
        for name in (_RECORD, "serve.out"):
            (directory / name).unlink(missing_ok=True)
