"""The command line of `image`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from purser_cluster.errors import ClusterError
from purser_cluster.images import Entry, ImageSpec, binary_entries, file_entries, write_image
from purser_cluster.node import load_image


def add_image_commands(commands: Any) -> None:
    image = commands.add_parser("image", help="make container images without a container tool, and load them")
    actions = image.add_subparsers(required=True, metavar="ACTION")

    load = actions.add_parser("load", help="import a docker-save tar into the node of a cluster")
    load.add_argument("--dir", required=True, type=Path, help="the cluster's folder")
    load.add_argument("archive", type=Path, metavar="FILE.tar")
    load.set_defaults(action=lambda parsed: load_image(parsed.dir.resolve(), parsed.archive))

    make = actions.add_parser("make", help="assemble an image from files of this machine")
    make.add_argument("--name", required=True, metavar="NAME:TAG")
    make.add_argument("--out", required=True, type=Path, metavar="FILE.tar")
    make.add_argument("--entrypoint", action="append", default=[], metavar="P", help="repeat for fixed arguments")
    make.add_argument("--user", default="", metavar="UID[:GID]")
    make.add_argument("--env", action="append", default=[], metavar="K=V")
    make.add_argument(
        "--file", action="append", default=[], metavar="SRC:DEST[:MODE]", help="a file, or a whole folder"
    )
    make.add_argument("--binary", action="append", default=[], metavar="SRC:DEST", help="with its shared libraries")
    make.set_defaults(action=_make)


def _make(parsed: argparse.Namespace) -> None:
    entries: list[Entry] = []
    for text in parsed.binary:
        source, destination, _ = _split(text, "--binary SRC:DEST", with_mode=False)
        entries += binary_entries(source, destination)
    for text in parsed.file:
        source, destination, mode = _split(text, "--file SRC:DEST[:MODE]", with_mode=True)
        entries += file_entries(source, destination, mode)
    if not entries:
        raise ClusterError("image make: the image would be empty; give --file or --binary")
    wrong = [text for text in parsed.env if "=" not in text]
    if wrong:
        raise ClusterError(f"--env {wrong[0]}: write K=V")
    write_image(ImageSpec(parsed.name, entries, parsed.entrypoint, parsed.user, parsed.env), parsed.out)


def _split(text: str, form: str, with_mode: bool) -> tuple[Path, str, int | None]:
    parts = text.split(":")
    mode = None
    if with_mode and len(parts) == 3:
        try:
            mode = int(parts.pop(), 8)
        except ValueError as error:
            raise ClusterError(f"{form}: the mode in {text!r} is not octal, as 0755 is") from error
    if len(parts) != 2 or not parts[0] or not parts[1].startswith("/"):
        raise ClusterError(f"{form}: {text!r} does not fit; DEST is an absolute path in the image")
    return Path(parts[0]), parts[1], mode
