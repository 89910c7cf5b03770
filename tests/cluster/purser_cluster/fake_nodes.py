"""KWOK: nodes without a machine, whose pods are Running at once."""

from __future__ import annotations

from pathlib import Path

from purser_cluster.access import ApiClient
from purser_cluster.build import program_path, stages_directory
from purser_cluster.control_plane import StartChild
from purser_cluster.errors import ClusterError
from purser_cluster.network import LOOPBACK, Ports

_ANNOTATION = "kwok.x-k8s.io/node"
_CAPACITY = {"cpu": "256", "memory": "1Ti", "pods": "1000"}


def node_name(number: int) -> str:
    return f"fake-{number}"


def start_fake_nodes(
    kubeconfig: Path, client: ApiClient, start_child: StartChild, count: int, beside_real_node: bool
) -> list[str]:
    """Registers the nodes and starts KWOK for them; returns their names."""
    names = [node_name(number) for number in range(1, count + 1)]
    for name in names:
        code = client.post("/api/v1/nodes", _node(name, beside_real_node))
        if code != 201:
            raise ClusterError(f"creating the fake node {name}: the API server answered {code}; see kube-apiserver.log")
    command = [
        str(program_path("kwok")),
        f"--kubeconfig={kubeconfig}",
        f"--manage-nodes-with-annotation-selector={_ANNOTATION}=fake",  # a real kubelet keeps its own node
        "--node-lease-duration-seconds=40",
        f"--server-address={LOOPBACK}:{Ports(LOOPBACK).take()}",
    ]
    command += [f"--config={stage}" for stage in sorted(stages_directory().glob("*.yaml"))]
    start_child("kwok", command)
    return names


def _node(name: str, beside_real_node: bool) -> dict[str, object]:
    # Beside a real node the fakes have to be asked for, else they would swallow half of the real pods.
    taints = [{"key": _ANNOTATION, "value": "fake", "effect": "NoSchedule"}] if beside_real_node else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {_ANNOTATION: "fake"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {"taints": taints},
        "status": {"capacity": _CAPACITY, "allocatable": _CAPACITY},
    }
