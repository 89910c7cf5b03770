"""Container images without a container tool: reproducible docker-save tars."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from purser_cluster.errors import ClusterError
from purser_cluster.processes import run

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ELF_MAGIC = b"\x7fELF"
_DIRECTORY_MODE = 0o755
# The loader finds libraries here without a cache file; from elsewhere they are moved to /usr/lib.
_LOADER_DIRECTORY = re.compile(r"^(/usr)?/lib(64)?(/[a-z0-9_]+-linux-gnu)?$")


@dataclass(frozen=True)
class Entry:
    """One regular file of the image."""

    source: Path
    destination: str
    mode: int


@dataclass(frozen=True)
class ImageSpec:
    name: str
    entries: Sequence[Entry]
    entrypoint: Sequence[str] = ()
    user: str = ""
    environment: Sequence[str] = field(default_factory=tuple)


def file_entries(source: Path, destination: str, mode: int | None) -> list[Entry]:
    """One entry for a file, one for each file below a folder; links are followed."""
    if source.is_dir():
        found = []
        for folder, _, names in os.walk(source, followlinks=True):
            for name in names:
                path = Path(folder) / name
                if path.is_file():  # skips dangling links, sockets and the like
                    relative = path.relative_to(source).as_posix()
                    found.append(Entry(path, f"{destination.rstrip('/')}/{relative}", mode or _mode_of(path)))
        return found
    if not source.is_file():
        raise ClusterError(f"image file {source}: no such file; build it first")
    return [Entry(source, destination, mode or _mode_of(source))]


def binary_entries(source: Path, destination: str) -> list[Entry]:
    """An ELF program with every shared library it needs and the loader, each where the loader looks."""
    entries = [*file_entries(source, destination, 0o755)]
    for library in _shared_libraries(source):
        folder = str(library.parent)
        place = str(library) if _LOADER_DIRECTORY.match(folder) else f"/usr/lib/{library.name}"
        entries.append(Entry(library, place, 0o755))
    return entries


def _shared_libraries(program: Path) -> list[Path]:
    if program.read_bytes()[:4] != _ELF_MAGIC:
        raise ClusterError(f"image binary {program} is not an ELF file; give scripts with --file")
    if not _has_loader(program):
        return []
    text = run(["ldd", str(program)], f"listing the shared libraries of {program}")
    missing = re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)
    if missing:
        raise ClusterError(f"image binary {program} needs {', '.join(missing)}, not found; install or build them first")
    # Both forms: "libz.so.1 => /lib/.../libz.so.1 (0x...)" and "/lib64/ld-linux-x86-64.so.2 (0x...)".
    return [Path(match) for match in re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", text, re.MULTILINE)]


def _has_loader(program: Path) -> bool:
    """Whether the program names an interpreter: a static one has no shared libraries to list."""
    return "INTERP" in run(["readelf", "--program-headers", str(program)], f"reading the headers of {program}")


def write_image(spec: ImageSpec, output: Path) -> None:
    """Equal inputs give equal bytes: no times, no owners, sorted names."""
    if ":" not in spec.name.rpartition("/")[2]:
        raise ClusterError(f"image name {spec.name!r} has no tag; write NAME:TAG, and not :latest")
    layer = _layer(spec.entries)
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    configuration: dict[str, object] = {"Env": [_DEFAULT_PATH, *spec.environment], "WorkingDir": "/"}
    if spec.entrypoint:
        configuration["Entrypoint"] = list(spec.entrypoint)
    if spec.user:
        configuration["User"] = spec.user
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": configuration,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "cluster.py image make"}],
    }
    document_bytes = json.dumps(document, sort_keys=True).encode()
    document_name = f"{hashlib.sha256(document_bytes).hexdigest()}.json"
    manifest = [{"Config": document_name, "RepoTags": [spec.name], "Layers": ["layer.tar"]}]
    temporary = output.with_name(output.name + ".new")
    with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add_bytes(archive, document_name, document_bytes, 0o644)
        _add_bytes(archive, "layer.tar", layer, 0o644)
        _add_bytes(archive, "manifest.json", json.dumps(manifest, sort_keys=True).encode(), 0o644)
    temporary.replace(output)


def _layer(entries: Iterable[Entry]) -> bytes:
    by_place: dict[str, Entry] = {}
    for entry in entries:
        by_place[entry.destination.lstrip("/")] = entry  # given twice, the last wins
    folders = {str(parent) for place in by_place for parent in PurePosixPath(place).parents} - {"."}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for place in sorted(folders | by_place.keys()):
            if place in by_place:
                _add_bytes(archive, place, by_place[place].source.read_bytes(), by_place[place].mode)
            else:
                information = tarfile.TarInfo(place)
                information.type = tarfile.DIRTYPE
                information.mode = _DIRECTORY_MODE
                archive.addfile(information)
    return buffer.getvalue()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    information = tarfile.TarInfo(name)  # its time and owners are 0 unless set
    information.size = len(content)
    information.mode = mode
    archive.addfile(information, io.BytesIO(content))


def _mode_of(path: Path) -> int:
    return 0o755 if os.access(path, os.X_OK) else 0o644
