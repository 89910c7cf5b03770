"""What takes the demo away again from a cluster that goes on living; also what KEEP=1 tells to type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from purser_demo.places import (
    AGENTS_NAMESPACE,
    DEFINITIONS,
    MANIFESTS,
    OPERATOR_NAMESPACE,
    RELEASE,
    TOOLS_NAMESPACE,
)

Removal = tuple[Literal["kubectl", "helm"], tuple[str, ...]]


def removals(*, defined: bool) -> Iterator[Removal]:
    """In an order that works; `defined`: whether the API server knows pools and budgets."""
    missing_is_fine = "--ignore-not-found"
    if defined:
        # While the operator lives, it gives replicas back and takes its finalizers away itself.
        namespace = f"--namespace={AGENTS_NAMESPACE}"
        yield "kubectl", ("delete", "agentbudgets,agentpools", "--all", namespace, "--timeout=60s")
    yield "helm", ("uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--wait", missing_is_fine)
    # Not only its namespace: it has cluster roles, too.
    yield "kubectl", ("delete", missing_is_fine, f"--filename={MANIFESTS / 'prometheus.yaml'}")
    namespaces = (AGENTS_NAMESPACE, OPERATOR_NAMESPACE, TOOLS_NAMESPACE)
    yield "kubectl", ("delete", "namespace", missing_is_fine, *namespaces)
    yield "kubectl", ("delete", "customresourcedefinition", missing_is_fine, *DEFINITIONS)
