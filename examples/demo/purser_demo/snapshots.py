"""What the cluster looks like at one moment, reduced to what the story is about."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from purser_demo.api import Api

View = TypeVar("View")

RESOURCES = "/apis/purser.dev/v1alpha1"


@dataclass(frozen=True)
class BudgetView:
    state: str
    spent: Decimal
    limit: Decimal

    def used_percent(self) -> Decimal:
        return self.spent * 100 / self.limit


@dataclass(frozen=True)
class AgentView:
    state: str
    concurrency: int
    replicas: int
    saved_replicas: int | None


@dataclass(frozen=True)
class PoolView:
    state: str
    concurrency: int
    governed_by: str
    agents: dict[str, AgentView]


@dataclass(frozen=True)
class WorkloadView:
    replicas: int  # asked for
    ready: int
    saved: str | None  # the operator's annotation


@dataclass(frozen=True)
class Snapshot:
    time: float  # Unix seconds
    budgets: dict[str, BudgetView] = field(default_factory=dict)
    pools: dict[str, PoolView] = field(default_factory=dict)
    workloads: dict[str, WorkloadView] = field(default_factory=dict)
    pods: dict[str, int] = field(default_factory=dict)  # by agent; also those that are ending

    def signature(self) -> tuple[object, ...]:
        """Differs when something happened that is worth showing; money alone is not."""
        budgets = tuple((name, view.state, view.limit) for name, view in sorted(self.budgets.items()))
        pools = tuple((name, view.state, view.concurrency) for name, view in sorted(self.pools.items()))
        workloads = tuple((name, view.replicas, view.ready) for name, view in sorted(self.workloads.items()))
        return budgets, pools, workloads


def take_snapshot(api: Api, namespace: str) -> Snapshot:
    # Budgets first and workloads last: whoever sees a workload changed also sees, next time, what changed it.
    budgets = api.items(f"{RESOURCES}/namespaces/{namespace}/agentbudgets")
    pools = api.items(f"{RESOURCES}/namespaces/{namespace}/agentpools")
    workloads = api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")
    pods = api.items(f"/api/v1/namespaces/{namespace}/pods")
    counts: dict[str, int] = {}
    for pod in pods:
        agent = pod["metadata"].get("labels", {}).get("purser.dev/agent", "")
        counts[agent] = counts.get(agent, 0) + 1
    return Snapshot(
        time.time(),
        _by_name(budgets, _budget_view),
        _by_name(pools, _pool_view),
        _by_name(workloads, _workload_view),
        counts,
    )


def _by_name(objects: list[dict[str, Any]], view: Callable[[dict[str, Any]], View]) -> dict[str, View]:
    return {item["metadata"]["name"]: view(item) for item in objects}


def _budget_view(budget: dict[str, Any]) -> BudgetView:
    status = budget.get("status", {})
    return BudgetView(status.get("state", ""), Decimal(status.get("spent", "0")), Decimal(budget["spec"]["limit"]))


def _pool_view(pool: dict[str, Any]) -> PoolView:
    status = pool.get("status", {})
    agents = {
        agent["name"]: AgentView(
            agent.get("state", ""), agent.get("concurrency", 0), agent.get("replicas", 0), agent.get("savedReplicas")
        )
        for agent in status.get("agents", [])
    }
    return PoolView(status.get("state", ""), status.get("maxConcurrency", 0), status.get("governedBy", ""), agents)


def _workload_view(workload: dict[str, Any]) -> WorkloadView:
    return WorkloadView(
        workload["spec"]["replicas"],
        workload.get("status", {}).get("readyReplicas", 0),
        workload["metadata"].get("annotations", {}).get("purser.dev/saved"),
    )
