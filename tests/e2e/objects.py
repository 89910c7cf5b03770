"""The objects the end-to-end tests put on the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from purser_demo.images import AGENT_IMAGE, TAG

Object = dict[str, Any]


def agent_deployment(namespace: str, name: str, replicas: int, cost_per_call: str, calls_per_minute: int) -> Object:
    """Agents that spend; they fit the restricted Pod Security Standard."""
    environment = {
        "AGENT": name,
        "COST_USD_PER_CALL": cost_per_call,
        "CALLS_PER_MINUTE": str(calls_per_minute),
        "LINGER_SECONDS": "3",  # the last calls are scraped, too
    }
    container = {
        "name": "agent",
        "image": f"{AGENT_IMAGE}:{TAG}",
        "imagePullPolicy": "Never",
        "ports": [{"name": "metrics", "containerPort": 9100}],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    labels = {"purser.dev/agent": name}
    specification = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": specification},
        },
    }


def agent_pool(namespace: str, name: str, agent: str, max_concurrency: int) -> Object:
    return {
        "apiVersion": "purser.dev/v1alpha1",
        "kind": "AgentPool",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "maxConcurrency": max_concurrency,
            "agents": [{"name": agent, "workloadRef": {"kind": "Deployment", "name": agent}}],
        },
    }


def agent_budget(namespace: str, name: str, pool: str, limit: str, time_zone: str) -> Object:
    return {
        "apiVersion": "purser.dev/v1alpha1",
        "kind": "AgentBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "limit": limit,
            "window": {"period": "Hour", "timeZone": time_zone},
            "scope": {"pools": [pool]},
        },
    }


def local_volume(name: str, folder: Path, node: str) -> dict[str, Any]:
    """A folder of the node, for claims of the storage class of that name."""
    on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": name,
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
        },
    }
