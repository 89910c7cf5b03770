"""Checks who includes whom: a folder of operator/ sees only what stands before it in the flow of data.

Usage: check_includes.py [OPERATOR_FOLDER]; prints each violation as FILE:LINE: what, and exits 1 if there is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Folder -> the folders it may include, itself apart. A room (folder/room) of the table stands on its own: its folder
# needs leave to include it like any other, and who may include the folder may include the room.
MAY_INCLUDE: dict[str, set[str]] = {
    "base": set(),
    "money": {"base"},
    "kube/object": {"base"},
    "api": {"base", "money", "kube/object"},
    "policy": {"base", "money", "api", "kube/object"},
    "gate": {"base", "money", "api", "policy"},
    "ledger": {"base", "money"},
    "net": {"base"},
    "usage": {"base", "money", "api", "ledger", "net"},
    "kube": {"base", "net", "kube/object"},
    "workloads": {"base", "money", "api", "policy", "kube"},
    "controllers": {"base", "money", "api", "ledger", "policy", "kube", "workloads"},
    "observability": {"base"},
    "backtest": {"base", "money", "api", "policy", "ledger", "kube/object", "controllers"},
    "web": {"base"},
    "plugin": {"base", "money", "api", "net", "kube", "web"},
    "http": {"base", "money", "api", "gate", "ledger", "net", "usage", "kube", "controllers"},
    "admissions": {
        "base", "money", "api", "policy", "gate", "ledger", "net", "usage", "kube", "workloads", "controllers", "http",
    },
}
# It wires everything, so it may include everything.
WIRING = "app"

# Folders inside folders: an implementation behind its folder's interface, seen by those who choose it.
IMPLEMENTATIONS: dict[str, set[str]] = {
    "ledger/sqlite": {WIRING},
    "net/cpprest": {WIRING},
    "net/server": {WIRING},
    "usage/prometheus": {WIRING},
}

# Third-party library (the start of a header's name) -> the folders that may see it.
LIBRARIES: dict[str, set[str]] = {
    "CLI/": {"main.cc", "plugin"},
    "boost/": {"net/cpprest", "net/server"},
    "zlib.h": {"net/server"},
    "cpprest/": {"net/cpprest"},
    "pplx/": {"net/cpprest"},
    "date/": {"policy"},
    "google/protobuf/": {"usage/otlp"},
    "libpq": {"ledger/postgres"},
    "pqxx/": {"ledger/postgres"},
    "openssl/": {"http", "net", "net/cpprest", "net/server", "usage/attribution", "usage/pricing", "usage/prometheus", WIRING},
    "prometheus/": {"observability"},
    "re2/": {"base"},
    "sqlite3.h": {"ledger/sqlite"},
    "yaml-cpp/": {"api", "kube", "plugin"},
}

# Nothing that reads, writes, listens, logs or starts threads.
PURE = {"money", "api", "policy", "gate", "kube/object", "backtest"}
_INPUT_OUTPUT = re.compile(
    r"^(fstream|iostream|filesystem|cstdio|stdio\.h|thread|stop_token|condition_variable|future|"
    r"sys/.*|net/.*|netinet/.*|arpa/.*|netdb\.h|unistd\.h|fcntl\.h|poll\.h|spawn\.h|signal\.h|csignal|"
    r"spdlog/.*|sqlite3\.h|cpprest/.*|pplx/.*|boost/.*|openssl/.*|prometheus/.*)$"
)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DEPENDS = re.compile(r"purser_library\(\s*(\w+)(.*?)\)", re.DOTALL)


@dataclass(frozen=True)
class Violation:
    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def includes_of(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line, name, and whether it stands in quotation marks; those in comments do not count."""
    bare = _COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    for found in _INCLUDE.finditer(bare):
        yield bare.count("\n", 0, found.start(0)) + 1, found.group(1) or found.group(2), found.group(1) is not None


def place_of(path: Path) -> str:
    """policy/window.cc -> policy; net/cpprest/x.h -> net/cpprest; main.cc -> main.cc."""
    return path.parent.as_posix() if len(path.parts) > 1 else path.name


def folder_of(place: str) -> str:
    return place.split("/", maxsplit=1)[0]


def room_of(place: str) -> str:
    """The entry of the table that `place` belongs to: itself, if it has one, or its folder."""
    return place if place in MAY_INCLUDE else folder_of(place)


def may_include(here: str, target: str) -> bool:
    return here == target or bool({target, folder_of(target)} & MAY_INCLUDE[here])


def problem_with(place: str, name: str, quoted: bool, folders: set[str]) -> str | None:
    """What is wrong with a file in `place` including `name`, if anything is."""
    here = room_of(place)
    target = room_of(name.rsplit("/", maxsplit=1)[0])
    if quoted and "/" in name and folder_of(name) in folders:
        return _problem_inside(place, here, name, target)
    if quoted and name.endswith(".pb.h"):
        return None if place == "usage/otlp" else f'"{name}" belongs to usage/otlp alone, not to {place}'
    if quoted:
        return f'"{name}" is no file of operator/: write "folder/file.h"'
    for start, allowed in LIBRARIES.items():
        if name.startswith(start) and place not in allowed:
            return f"<{name}> belongs to {', '.join(sorted(allowed))} alone, not to {place}"
    if here in PURE and _INPUT_OUTPUT.match(name):
        return f"<{name}> is input or output, and {here} has none"
    return None


def _problem_inside(place: str, here: str, name: str, target: str) -> str | None:
    wiring = here == WIRING or "/" not in place and place.endswith(".cc")
    if not wiring and here not in MAY_INCLUDE:
        return f"folder {here} is not in the table of {Path(__file__).name}: say what it may include"
    if not wiring and not may_include(here, target):
        allowed = ", ".join(sorted(MAY_INCLUDE[here])) or "nothing"
        return f'"{name}": {here} may include {allowed}, not {target}'
    part = "/".join(name.split("/")[:-1])
    if part in IMPLEMENTATIONS and part != place and not wiring and here not in IMPLEMENTATIONS[part]:
        return f'"{name}": only {", ".join(sorted(IMPLEMENTATIONS[part]))} may choose an implementation'
    return None


def check_sources(operator: Path) -> list[Violation]:
    folders = {each.name for each in operator.iterdir() if each.is_dir()}
    violations = []
    for file in sorted(operator.rglob("*")):
        if file.suffix not in (".h", ".cc"):
            continue
        place = place_of(file.relative_to(operator))
        for line, name, quoted in includes_of(file.read_text(encoding="utf-8")):
            problem = problem_with(place, name, quoted, folders)
            if problem:
                violations.append(Violation(file, line, problem))
    return violations


def check_targets(operator: Path) -> list[Violation]:
    """DEPENDS of purser_library() must keep to the same table, or the linker would not keep the direction."""
    violations = []
    for file in sorted(operator.rglob("CMakeLists.txt")):
        text = file.read_text(encoding="utf-8")
        for found in _DEPENDS.finditer(text):
            folder = room_of(found.group(1).replace("_", "/"))
            if folder == WIRING or folder not in MAY_INCLUDE:
                continue
            words = re.search(r"\bDEPENDS\b([^A-Z]*)", found.group(2))
            for word in words.group(1).split() if words else []:
                needed = room_of(word.replace("_", "/"))
                if not may_include(folder, needed):
                    line = text.count("\n", 0, found.start()) + 1
                    violations.append(Violation(file, line, f"DEPENDS {word}: {folder} may not link {needed}"))
    return violations


def check(operator: Path) -> list[Violation]:
    return check_sources(operator) + check_targets(operator)


def main(arguments: list[str]) -> int:
    operator = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "operator"
    if not operator.is_dir():
        print(f"{operator} is no folder", file=sys.stderr)
        return 2
    violations = check(operator)
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
