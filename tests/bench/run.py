#!/usr/bin/env python3
"""Measures the operator on a real API server, beside a plain controller-runtime operator, and prints tables.

    tests/bench/run.py [--quick] [--record] [NAME...]

Each benchmark has a control plane of its own. Needs build/purser (make build) and Go.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLUSTER = ROOT / "tests" / "cluster" / "cluster.py"
README = HERE / "README.md"
TITLES = {
    "beside-1000": "Beside a plain controller-runtime operator, 1,000 watched objects each",
    "beside-10000": "Beside a plain controller-runtime operator, 10,000 watched objects each",
    "crossing": "From a sample that crosses 100 % to replicas 0",
    "scale": "1,000 budgets, 1,000 pools, 10,000 series",
    "readers-10000": "The reader beside the one before the meter, 10,000 series",
    "readers-100000": "The reader beside the one before the meter, 100,000 series",
    "catch-up": "A first start with a day to read",
    "inbound": "Call records and admissions over TLS",
}
BEFORE = "e1c0bb1"  # the last commit whose reader only followed counters
BEGIN, END = "<!-- figures: written by run.py --record -->\n", "<!-- end of figures -->\n"


class BenchError(Exception):
    """A failure whose message says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TITLES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="shorter and rougher")
    parser.add_argument("--record", action="store_true", help="write the tables into README.md")
    parser.add_argument("--purser", default=str(ROOT / "build" / "purser"), help="the operator's binary")
    parser.add_argument("--before", help=f"the operator's binary of commit {BEFORE}; none: it is built")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(TITLES))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(TITLES)}")
    try:
        return run(options.names or list(TITLES), options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def run(names: list[str], options: argparse.Namespace) -> int:
    purser = Path(options.purser).resolve()
    if not purser.is_file():
        raise BenchError(f"{purser} is missing: run `make build`, or give --purser")
    tools = ROOT / "build" / "bench"
    for program in ("yardstick", "driver"):
        build(program, tools / program)
    before = before_binary(options.before, tools / "before") if any(map(has_readers, names)) else None
    reports = {}
    for name in names:
        print(f"== {TITLES[name]}", file=sys.stderr, flush=True)
        reports[name] = measure(name, purser, before, tools, options.quick)
    length = "A quick run: shorter and rougher than the full one.\n" if options.quick else ""
    about = describe_machine(purser) + length
    tables = {TITLES[name]: about + table(name, report) for name, report in reports.items()}
    print("".join(section(title, text) for title, text in tables.items()))
    if options.record:
        record(tables)
    missed = sum(met(row) is False for report in reports.values() for row in report["rows"])
    print(f"{missed} targets missed" if missed else "every target met")
    return 1 if missed else 0


def build(program: str, output: Path) -> None:
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(output), "."]
    if shutil.which("go") is None:
        raise BenchError("Go is missing: run `make deps`, or tests/cluster/install-go.sh")
    print(f"building {program}", file=sys.stderr, flush=True)
    if subprocess.run(command, cwd=HERE / program, check=False).returncode != 0:
        raise BenchError(f"{HERE / program} does not build")


def has_readers(name: str) -> bool:
    return name.startswith("readers-")


def before_binary(given: str | None, folder: Path) -> Path:
    """The operator before the meter, built from this repository's history once."""
    if given is not None:
        return Path(given).resolve()
    binary = folder / "build" / "purser"
    if binary.is_file():
        return binary
    print(f"building the operator of commit {BEFORE}", file=sys.stderr, flush=True)
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", BEFORE], stdout=subprocess.PIPE, check=False)
    if archive.returncode != 0:
        raise BenchError(f"commit {BEFORE} is missing: run `git fetch --unshallow`, or give --before")
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    configure = ["cmake", "-S", str(source), "-B", str(binary.parent), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    build_it = ["cmake", "--build", str(binary.parent), "--target", "purser"]
    for command in (configure, build_it):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            raise BenchError(f"commit {BEFORE} does not build: give its binary with --before")
    return binary


def measure(name: str, purser: Path, before: Path | None, tools: Path, quick: bool) -> dict[str, Any]:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        raise BenchError("Prometheus is missing: run `make deps`")
    with tempfile.TemporaryDirectory(prefix="purser-bench-") as folder, cluster(Path(folder) / "cluster") as ready:
        directory, out = Path(folder) / "run", Path(folder) / "report.json"
        directory.mkdir()
        command = [str(tools / "driver"), "--kubeconfig", ready["kubeconfig"], "--purser", str(purser)]
        command += ["--yardstick", str(tools / "yardstick"), "--prometheus", prometheus]
        command += ["--directory", str(directory), "--out", str(out), *(["--quick"] if quick else [])]
        command += [*(["--before", str(before)] if before else []), name]
        if subprocess.run(command, check=False).returncode != 0:
            raise BenchError(f"{name} failed; what it printed says why")
        report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return report


@contextlib.contextmanager
def cluster(directory: Path) -> Iterator[dict[str, str]]:
    """etcd (without fsync) and the API server; they end with the pipe to them, whatever ends this program."""
    command = [sys.executable, str(CLUSTER), "serve", "--dir", str(directory), "--level", "control-plane"]
    command += ["--crds", str(ROOT / "crds"), "--stdin-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BenchError("the control plane did not start; what it printed says why")
        try:
            yield json.loads(line)
        finally:
            process.stdin.close()
            process.wait()


def met(row: dict[str, Any]) -> bool | None:
    """Whether the target is met; None where there is none."""
    value, beside = row["purser"], row["beside"]
    if row.get("max") is not None:
        return bool(value <= row["max"])
    if row.get("min") is not None:
        return bool(value >= row["min"])
    if row.get("maxRatio") and value is not None and beside:
        return bool(value / beside <= row["maxRatio"])
    return None


def table(name: str, report: dict[str, Any]) -> str:
    compared = any(row["beside"] is not None for row in report["rows"])
    headings = ["", "Purser", *([BEFORE if has_readers(name) else "yardstick", "ratio"] if compared else []), "target", ""]
    lines = ["", row_text(headings), row_text(["---"] * len(headings))]
    for row in report["rows"]:
        value, beside = row["purser"], row["beside"]
        unit = f", {row['unit']}" if row["unit"] else ""
        cells = [row["figure"] + unit, figure(value)]
        if compared:
            cells += [figure(beside), figure(value / beside) if beside and value is not None else ""]
        target = f"<= {figure(row['max'])}" if row.get("max") is not None else ""
        if row.get("min") is not None:
            target = f">= {figure(row['min'])}"
        if row.get("maxRatio"):
            target = f"ratio <= {figure(row['maxRatio'])}"
        lines.append(row_text([*cells, target, {None: "", True: "met", False: "**missed**"}[met(row)]]))
    lines += ["", *(f"- {note}" for note in report["notes"])]
    return "\n".join(lines) + "\n"


def row_text(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figure(value: float | None) -> str:
    """Three significant digits, without exponents."""
    if value is None:
        return ""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def describe_machine(purser: Path) -> str:
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = subprocess.run([str(purser), "version"], capture_output=True, text=True, check=False).stdout
    first = version.splitlines()[0] if version else "version unknown"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"{today}, {first}; {cpu}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, Linux {platform.release()}.\n"


def section(title: str, text: str) -> str:
    return f"\n### {title}\n\n{text}"


def record(tables: dict[str, str]) -> None:
    """Those measured take the place of what was there of them; the others stay."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{README} has lost its markers {BEGIN.strip()} and {END.strip()}")
    known = {}
    for part in old.split("\n### ")[1:]:
        title, _, text = part.partition("\n\n")
        known[title] = text
    known |= tables
    sections = "".join(section(title, known[title]) for title in TITLES.values() if title in known)
    README.write_text(f"{before}{BEGIN}{sections}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
