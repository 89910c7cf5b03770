"""Puts onto a cluster what the demo and the end-to-end tests need: Prometheus, the operator, the agents."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from purser_demo.clusters import Cluster
from purser_demo.errors import DemoError
from purser_demo.places import (
    AGENTS_NAMESPACE,
    CHART,
    DEFINITIONS,
    MANIFESTS,
    OPERATOR_NAMESPACE,
    RELEASE,
    TOOLS_NAMESPACE,
)
from purser_demo.removal import removals
from purser_demo.spending import METRIC

OPERATOR_PODS = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=operator"
_READY_SECONDS = 60.0
_LOG_LINES = 60


def wait_for(activity: str, condition: Callable[[], bool], deadline_seconds: float, interval: float = 0.25) -> None:
    deadline = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"{activity}: not done within {deadline_seconds:.0f} s")
        time.sleep(interval)


def create_namespace(cluster: Cluster, name: str) -> None:
    """One that accepts no pod but those that keep to the restricted Pod Security Standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    wait_for(
        f"default ServiceAccount in namespace {name}",
        lambda: cluster.api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default") is not None,
        30.0,
    )


def require_unused(cluster: Cluster) -> None:
    """On somebody's cluster nothing is taken over that was there before."""
    for name in (OPERATOR_NAMESPACE, TOOLS_NAMESPACE, AGENTS_NAMESPACE):
        if cluster.api.get(f"/api/v1/namespaces/{name}") is not None:
            raise DemoError(f"the namespace {name} exists already: the demo makes it, and removes it at the end")
    if cluster.api.get("/apis/purser.dev") is not None:
        raise DemoError("Purser is installed on this cluster already: the demo would remove it at the end")


def install_prometheus(cluster: Cluster) -> str:
    """Returns its address inside the cluster: by number, since a small cluster may have no DNS."""
    create_namespace(cluster, TOOLS_NAMESPACE)
    cluster.kubectl("apply", f"--filename={MANIFESTS / 'prometheus.yaml'}")
    rollout(cluster, TOOLS_NAMESPACE, "deployment/prometheus")
    service = cluster.api.get(f"/api/v1/namespaces/{TOOLS_NAMESPACE}/services/prometheus")
    assert service is not None
    return f"http://{service['spec']['clusterIP']}:9090"


def install_operator(
    cluster: Cluster, prometheus_url: str, folder: Path, persistence: dict[str, Any] | None = None
) -> None:
    """By Helm, custom resource definitions included; returns once it is ready to serve."""
    values = folder / "values.json"
    changes = {"persistence": persistence} if persistence else {}
    values.write_text(json.dumps(chart_values(prometheus_url) | changes, indent=2), encoding="utf-8")
    create_namespace(cluster, OPERATOR_NAMESPACE)
    words = ["install", RELEASE, str(CHART), "--namespace", OPERATOR_NAMESPACE, "--values", str(values)]
    try:
        cluster.helm(*words, "--wait", "--timeout", f"{_READY_SECONDS:.0f}s")
    except DemoError as error:
        raise DemoError(f"{error}\n{describe_pods(cluster, OPERATOR_NAMESPACE)}") from error
    definitions = [f"customresourcedefinition/{name}" for name in DEFINITIONS]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *definitions)


def chart_values(prometheus_url: str) -> dict[str, Any]:
    """Scrapes and polls are a second apart, so that a demo of minutes shows what takes hours elsewhere."""
    return {
        "prometheus": {"url": prometheus_url, "metric": METRIC, "scrapeInterval": "1s"},
        # A small cluster has no volumes to give; the ledger is read again from Prometheus.
        "persistence": {"enabled": False},
        "log": {"format": "text"},
    }


def rollout(cluster: Cluster, namespace: str, workload: str) -> None:
    timeout = f"--timeout={_READY_SECONDS:.0f}s"
    try:
        cluster.kubectl("rollout", "status", workload, "--namespace", namespace, timeout, timeout_seconds=150.0)
    except DemoError as error:
        raise DemoError(f"{error}\n{describe_pods(cluster, namespace)}") from error


def describe_pods(cluster: Cluster, namespace: str) -> str:
    """Why pods may not be ready: what the node says, and what they say themselves; never fails."""
    parts = []
    for words in (("describe", "pods"), ("logs", "--selector=app", "--all-containers", "--prefix", "--tail=20")):
        try:
            parts.append(cluster.kubectl(*words, "--namespace", namespace))
        except DemoError as error:
            parts.append(str(error))
    return "\n".join(parts)


def operator_log(cluster: Cluster) -> str:
    """The end of it, and of the run before if the container was started again; empty without operator; never fails."""
    selector = f"--selector={OPERATOR_PODS}"
    words = ("logs", selector, f"--namespace={OPERATOR_NAMESPACE}", f"--tail={_LOG_LINES}")
    parts = []
    for previous in ("--previous=true", "--previous=false"):
        try:
            parts.append(cluster.kubectl(*words, previous).strip())
        except DemoError:
            continue  # there is none, or no cluster any more, which the failure itself tells
    return "\n".join(part for part in parts if part)


def remove_everything(cluster: Cluster) -> None:
    """From a cluster that goes on living: what is there of agents, operator, Prometheus and definitions."""
    problems = []
    for program, words in removals(defined=cluster.api.get("/apis/purser.dev") is not None):
        try:
            cluster.helm(*words) if program == "helm" else cluster.kubectl(*words)
        except DemoError as error:
            problems.append(str(error))
    if problems:
        raise DemoError("not everything could be removed:\n" + "\n".join(problems))
