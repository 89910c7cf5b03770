#!/usr/bin/env python3
"""Purser's main job on a real cluster, to watch; ends with checks. See --help."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from purser_demo.clusters import KUBECONFIG_VARIABLE, Cluster, open_cluster  # noqa: E402  (the path comes first)
from purser_demo.errors import DemoError  # noqa: E402
from purser_demo.installation import operator_log, remove_everything, require_unused  # noqa: E402
from purser_demo.places import AGENTS_NAMESPACE, ROOT  # noqa: E402
from purser_demo.screen import Screen, complain  # noqa: E402
from purser_demo.story import Story  # noqa: E402

_END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Interrupted(BaseException):
    """Raised by the signal handler wherever the demo is."""


def _on_signal(_number: int, _frame: object) -> None:
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the teardown
    raise _Interrupted


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Shows a budget being spent, agents slowed down, stopped and brought back, and checks it.",
        epilog=f"Starts a cluster of its own, unless {KUBECONFIG_VARIABLE} names the kubeconfig of another one.",
    )
    parser.add_argument("--keep", action="store_true", help="leave all running at the end")
    parser.add_argument("--operator", type=Path, default=ROOT / "build" / "purser", help="the built binary")
    parser.add_argument("--dir", type=Path, default=ROOT / "build" / "demo", help="folder for cluster and images")
    return parser.parse_args()


def main() -> int:
    parsed = _parse()
    for number in _END_SIGNALS:
        signal.signal(number, _on_signal)
    cluster: Cluster | None = None
    touched = False
    code = 1
    try:
        if not os.access(parsed.operator, os.X_OK):
            raise DemoError(f"{parsed.operator} is not there: build it first (make build)")
        screen = Screen()
        named = os.environ.get(KUBECONFIG_VARIABLE)
        start = f"Use the cluster that {KUBECONFIG_VARIABLE} names" if named else "Start a cluster with a real node"
        screen.step(start)
        cluster = open_cluster(parsed.dir.resolve(), os.environ)
        screen.remark(f"kubeconfig: {os.path.relpath(cluster.kubeconfig)}, context: {cluster.context}")
        if not cluster.is_throwaway:
            require_unused(cluster)
        touched = True
        checks = Story(cluster, screen, parsed.operator.resolve(), parsed.dir.resolve()).tell()
        screen.step("Summary")
        for check in checks:
            screen.line(f"   {'✓' if check.passed else '✗'} {check.text}")
        code = 0 if all(check.passed for check in checks) else 1
    except DemoError as error:
        complain(f"\nThe demo failed: {error}")
    except (_Interrupted, KeyboardInterrupt):
        complain("\nInterrupted")
        code = 130
    if cluster is None:
        return code
    if code == 1 and touched and (log := operator_log(cluster)):
        complain(f"\nThe end of the operator's log:\n{log}")
    if parsed.keep and code != 130:
        _say_how_to_go_on(cluster)
        cluster.disconnect()
        return code
    return _tear_down(cluster, touched, code)


def _say_how_to_go_on(cluster: Cluster) -> None:
    kubectl = cluster.kubectl_command()[0]
    print(
        f"\nAll is left running. Look at it:\n"
        f"  export KUBECONFIG={cluster.kubeconfig}\n"
        f"  {kubectl} get purser,deployments --namespace {AGENTS_NAMESPACE}\n"
        f"  {kubectl} describe agentpool research --namespace {AGENTS_NAMESPACE}\n"
        f"End it:\n" + "\n".join(f"  {line}" for line in cluster.how_to_end())
    )


def _tear_down(cluster: Cluster, touched: bool, code: int) -> int:
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        if touched and not cluster.is_throwaway:
            remove_everything(cluster)
    except DemoError as error:
        complain(str(error))
        code = code or 1
    try:
        cluster.end()
    except DemoError as error:
        complain(f"the cluster did not end cleanly: {error}")
        code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
