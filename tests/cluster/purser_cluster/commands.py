"""The command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from purser_cluster.build import ensure_built, is_built, program_path
from purser_cluster.cluster import Options
from purser_cluster.daemon import down, up
from purser_cluster.errors import ClusterError
from purser_cluster.image_commands import add_image_commands
from purser_cluster.serve import serve
from purser_cluster.versions import ALL_NAMES, ENGINE_NAMES, LEVELS

_DEFAULT_DIRECTORY = "build/cluster"
_BUILD_HELP = f"default: all of {', '.join(ALL_NAMES)}; only if named: {', '.join(ENGINE_NAMES)}"
_DEFAULT_FAKE_NODES = {"control-plane": 0, "kwok": 2, "node": 0}


def main(arguments: Sequence[str]) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        parsed.action(parsed)
    except ClusterError as error:
        print(f"cluster.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster.py", description="A real, local, throwaway Kubernetes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="build the missing programs into the per-user cache")
    build.add_argument("names", nargs="*", metavar="NAME", help=_BUILD_HELP)
    build.set_defaults(action=_build)

    which = commands.add_parser("which", help="print where a built program is; fails if it is not built")
    which.add_argument("name", choices=ALL_NAMES + ENGINE_NAMES, metavar="NAME")
    which.set_defaults(action=_which)

    serving = commands.add_parser("serve", help="run a cluster in the foreground until stopped")
    serving.add_argument("--dir", required=True, type=Path, help="folder for certificates, data, kubeconfig and logs")
    serving.add_argument("--stdin-eof", action="store_true", help="also end when stdin ends")
    _add_level_options(serving)
    serving.set_defaults(action=lambda parsed: serve(_options(parsed), parsed.stdin_eof))

    starting = commands.add_parser("up", help="start a cluster in the background, if none is up")
    starting.add_argument("--dir", default=Path(_DEFAULT_DIRECTORY), type=Path)
    _add_level_options(starting)
    starting.set_defaults(action=lambda parsed: print(json.dumps(up(_options(parsed)))))

    ending = commands.add_parser("down", help="end the cluster that `up` started")
    ending.add_argument("--dir", default=Path(_DEFAULT_DIRECTORY), type=Path)
    ending.set_defaults(action=lambda parsed: down(parsed.dir.resolve()))

    add_image_commands(commands)
    return parser


def _add_level_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--level", choices=LEVELS, default="control-plane")
    parser.add_argument("--kwok-nodes", type=_count, default=None, help="fake nodes (default: 2 on level kwok, else 0)")
    parser.add_argument("--audit", action="store_true", help="log what ServiceAccounts ask of the API server")
    parser.add_argument("--crds", type=Path, default=None, help="folder of CustomResourceDefinitions to apply")


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError("must be between 0 and 1000")
    return value


def _options(parsed: argparse.Namespace) -> Options:
    fake_nodes = _DEFAULT_FAKE_NODES[parsed.level] if parsed.kwok_nodes is None else parsed.kwok_nodes
    if parsed.level == "control-plane" and fake_nodes:
        raise ClusterError("--kwok-nodes needs --level kwok or node: level control-plane runs no controllers")
    if parsed.crds is not None and not any(parsed.crds.glob("*.yaml")):
        raise ClusterError(f"--crds {parsed.crds}: no such folder, or no .yaml file in it")
    custom_resources = parsed.crds.resolve() if parsed.crds else None
    return Options(parsed.dir.resolve(), parsed.level, fake_nodes, custom_resources, parsed.audit)


def _build(parsed: argparse.Namespace) -> None:
    names = parsed.names or list(ALL_NAMES)
    ensure_built(names)
    for name in ALL_NAMES + ENGINE_NAMES:
        if name in names and is_built(name):
            print(program_path(name))


def _which(parsed: argparse.Namespace) -> None:
    if not is_built(parsed.name):
        raise ClusterError(f"{parsed.name} is not built: run `cluster.py build {parsed.name}`")
    print(program_path(parsed.name))
