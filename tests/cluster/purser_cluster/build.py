"""Builds the cluster's programs once per user and version."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from purser_cluster.assets import asset
from purser_cluster.errors import ClusterError
from purser_cluster.processes import die_with, run, tail
from purser_cluster.progress import Ticker, say
from purser_cluster.versions import (
    ALL_NAMES,
    ENGINE_NAMES,
    ENGINES,
    GO_PROGRAMS,
    MODULE_DIRECTORY,
    PAUSE,
    GoProgram,
    cache_directory,
    home_of,
    linker_flags,
    module_version,
    user_cache_directory,
)

MINIMUM_GO = (1, 26)
_STAGE_FOLDERS = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
_LOCK_POLL_SECONDS = 0.2


def go_program() -> str:
    """A Go that is new enough: from PATH, else from what install-go.sh left in the cache."""
    candidates = [shutil.which("go"), str(user_cache_directory() / "go" / "bin" / "go")]
    found = []
    for candidate in candidates:
        if candidate is None or not os.access(candidate, os.X_OK):
            continue
        text = run([candidate, "version"], "asking Go for its version")
        match = re.search(r"go(\d+)\.(\d+)", text)
        if match and (int(match.group(1)), int(match.group(2))) >= MINIMUM_GO:
            return candidate
        found.append(f"{candidate} is {text.strip()}")
    detail = "; ".join(found) or "there is none on PATH"
    raise ClusterError(
        f"building the cluster's programs needs Go >= {MINIMUM_GO[0]}.{MINIMUM_GO[1]}: {detail}. "
        f"Run `make deps` or {MODULE_DIRECTORY / 'install-go.sh'}, then try again"
    )


def program_path(name: str) -> Path:
    """Where the program is, or will be once built."""
    return asset(name) or home_of(name) / "bin" / name


def stages_directory() -> Path:
    """KWOK's stage files, kept beside the programs because KWOK exits without them."""
    return cache_directory() / "stages"


def is_built(name: str) -> bool:
    return os.access(program_path(name), os.X_OK) and (name != "kwok" or stages_directory().is_dir())


def ensure_built(names: Sequence[str]) -> None:
    """Builds what is missing, in the one order that is good for everybody who waits."""
    known = ALL_NAMES + ENGINE_NAMES
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ClusterError(f"unknown program {', '.join(unknown)}; known: {', '.join(known)}")
    missing = [name for name in known if name in names and not is_built(name)]
    for number, name in enumerate(missing, start=1):
        label = f"building {name} ({number} of {len(missing)})"
        with _lock(name, label):
            if not is_built(name):  # another build may have made it while this one waited
                _build(name, label)


@contextmanager
def _lock(name: str, label: str) -> Iterator[None]:
    directory = home_of(name)
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    with (directory / f".{name}.lock").open("w") as handle:
        ticker = Ticker(f"{label}: waiting for another build of it")
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                ticker.tick()
                time.sleep(_LOCK_POLL_SECONDS)
        yield


def _build(name: str, label: str) -> None:
    home = home_of(name)
    target = home / "bin" / name
    directory = MODULE_DIRECTORY
    say(label)
    ticker = Ticker(label)
    for abandoned in home.glob(f".{name}-*"):  # of a build that was killed; the lock is ours
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=home) as temporary:
        output = Path(temporary) / name
        if name == PAUSE:
            command = ["gcc", "-static", "-Os", "-s", "-o", str(output), str(MODULE_DIRECTORY / "pause.c")]
            environment = dict(os.environ)
        else:
            program = next(program for program in GO_PROGRAMS + ENGINES if program.name == name)
            directory = program.directory
            go = go_program()
            command, environment = _go_command(go, program, output)
            if name == "kwok":
                _copy_stages(go, environment, Path(temporary))
        _run_reporting(name, command, directory, environment, Path(temporary) / "output.log", ticker)
        output.rename(target)
    say(f"{label}: done in {ticker.elapsed_seconds():.0f} s")


def _go_environment() -> dict[str, str]:
    # GOTOOLCHAIN=local: a build never fetches another Go behind the user's back.
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}


def _go_command(go: str, program: GoProgram, output: Path) -> tuple[list[str], dict[str, str]]:
    command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", linker_flags(program)]
    if program.tags:
        command += ["-tags", program.tags]
    return [*command, "-o", str(output), program.package], _go_environment()


def _copy_stages(go: str, environment: dict[str, str], temporary: Path) -> None:
    run([go, "mod", "download", "sigs.k8s.io/kwok"], "fetching KWOK", cwd=MODULE_DIRECTORY, env=environment)
    command = [go, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]
    module = Path(run(command, "finding KWOK's module", cwd=MODULE_DIRECTORY, env=environment).strip())
    staging = temporary / "stages"
    staging.mkdir()
    for folder in _STAGE_FOLDERS:
        for source in sorted((module / "kustomize" / "stage" / folder).glob("*.yaml")):
            if source.name != "kustomization.yaml":
                (staging / f"{folder.replace('/', '-')}-{source.name}").write_bytes(source.read_bytes())
    if not any(staging.iterdir()):
        raise ClusterError(f"KWOK {module_version('sigs.k8s.io/kwok')} has no stage files where they are expected")
    shutil.rmtree(stages_directory(), ignore_errors=True)
    staging.rename(stages_directory())


def _prepare_build(parent: int) -> None:
    die_with(parent)
    os.nice(5)  # a build must not starve what else runs here


def _run_reporting(
    name: str, command: list[str], directory: Path, environment: dict[str, str], log_path: Path, ticker: Ticker
) -> None:
    parent = os.getpid()
    with log_path.open("wb") as log:
        try:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: _prepare_build(parent),
            )
        except FileNotFoundError as error:
            raise ClusterError(f"building {name} needs {command[0]}; install it (make deps)") from error
        try:
            while True:
                try:
                    code = process.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    ticker.tick()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code != 0:
        raise ClusterError(f"building {name} failed with code {code}:\n{tail(log_path, 40)}")
