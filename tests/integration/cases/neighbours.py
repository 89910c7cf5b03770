"""Whoever else scales a workload while a budget holds it: each row of ADR 15's table, a scenario in a namespace of its own.

Nine dollars are spent in every namespace; the limit of its budget says what is asked: 9 stops, 10 leaves 3 of 5 replicas,
1000 restores.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stage import Object, Stage
from trial import budget, deployment, pool

STOPS, THROTTLES, RESTORES = "9", "10", "1000"
REPLICAS, THROTTLED = 5, 3
_SECONDS = 80.0
_APPS = "/apis/apps/v1/namespaces/{namespace}/deployments"

Row = Callable[["Neighbour"], None]
ROWS: dict[str, Row] = {}


def row(function: Row) -> Row:
    ROWS[function.__name__.replace("_", "-")] = function
    return function


class Neighbour:
    def __init__(self, stage: Stage, namespace: str) -> None:
        self.stage = stage
        self.namespace = namespace

    # -- what others do --------------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, stdin: str = "") -> str:
        return self.stage.kubectl(f"--namespace={self.namespace}", *words, stdin=stdin)

    def send(self, method: str, path: str, body: Object, manager: str, kind: str = "merge-patch+json") -> None:
        """As a client of that name; what is refused or changed meanwhile is not tried again."""
        where = path.format(namespace=self.namespace)
        query = f"?fieldManager={manager}" + ("&force=true" if kind == "apply-patch+yaml" else "")
        headers = {"Content-Type": f"application/{kind}"}
        url = self.stage.address + where + query
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        try:
            with self.stage.opener.open(request, timeout=30):
                pass
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 409:
                    raise AssertionError(f"{method} {where}: {error.read().decode()}") from None

    def scale(self, replicas: int, manager: str) -> None:
        self.send("PATCH", _APPS + "/worker/scale", {"spec": {"replicas": replicas}}, manager)

    @contextmanager
    def again_and_again(self, act: Callable[[], None], every: float) -> Iterator[None]:
        ended = threading.Event()

        def loop() -> None:
            while not ended.wait(every):
                act()

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    # -- what is so ----------------------------------------------------------------------------------------------------------

    def begin(self, limit: str, *more: Object, replicas: int = REPLICAS) -> None:
        listed = [deployment("worker", replicas), pool("worker"), budget(limit), *more]
        self.stage.apply(self.namespace, *listed)

    def limit(self, limit: str, name: str = "research-daily") -> None:
        patch = {"spec": {"limit": limit}}
        self.send("PATCH", "/apis/purser.dev/v1alpha1/namespaces/{namespace}/agentbudgets/" + name, patch, "person")

    def worker(self) -> Object:
        return self.stage.get(self.namespace, "Deployment", "worker")

    def replicas(self) -> int:
        return int(self.worker().get("spec", {}).get("replicas", -1))

    def condition(self, kind: str, of: str = "research") -> tuple[str, str]:
        for each in self.stage.get(self.namespace, "AgentPool", of).get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["message"]
        return "", ""

    def taken(self, of: str = "research") -> bool:
        """Whether the pool's status tells the original."""
        agents = self.stage.get(self.namespace, "AgentPool", of).get("status", {}).get("agents", [])
        return bool(agents) and "savedReplicas" in agents[0]

    def stopped(self) -> bool:
        return self.replicas() == 0 and self.taken()

    def told(self, *words: str) -> bool:
        events = self.stage.list(self.namespace, "Event")
        return any(all(word in each.get("message", "") for word in words) for each in events)

    def wait(self, what: str, holds: Callable[[], bool], seconds: float = _SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.namespace}: not seen: {what}\n{self.story()}")
            time.sleep(0.25)

    def wait_for(self, replicas: int) -> None:
        self.wait(f"{replicas} replicas", lambda: self.replicas() == replicas)

    def stays(self, replicas: int, seconds: float = 2.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.replicas() != replicas:
                raise AssertionError(f"{self.namespace}: {self.replicas()} replicas, not {replicas}\n{self.story()}")
            time.sleep(0.25)

    def story(self) -> str:
        parts = [self.worker(), self.stage.get(self.namespace, "AgentPool", "research").get("status", {})]
        events = [each.get("message", "") for each in self.stage.list(self.namespace, "Event")]
        return "\n".join([json.dumps(each) for each in parts] + events)


def _hpa(name: str, low: int, high: int, labels: Object | None = None) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
    metric: Object = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
    if low == 0:
        metric = {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "5"}}}
    spec = {"scaleTargetRef": reference, "minReplicas": low, "maxReplicas": high, "metrics": [metric]}
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


@row
def kubectl_scale_up(on: Neighbour) -> None:
    on.begin(STOPS)
    on.wait("a stop", on.stopped)
    on.kubectl("scale", "deployment/worker", "--replicas=8")
    on.wait("the person being overruled", lambda: on.told("raised by kubectl", "8 will be restored"))
    on.wait_for(0)
    on.limit(RESTORES)
    on.wait_for(8)


@row
def kubectl_scale_down(on: Neighbour) -> None:
    on.begin(THROTTLES)
    on.wait_for(THROTTLED)
    on.wait("it being told", on.taken)
    on.kubectl("scale", "deployment/worker", "--replicas=1")
    on.stays(1)
    on.limit(RESTORES)
    on.stays(1, 4)


@row
def apply_during_a_stop(on: Neighbour) -> None:
    """And no ownership is left behind: the next apply, of another count, conflicts with nobody."""
    on.begin(STOPS)
    on.wait("a stop", on.stopped)
    on.kubectl("apply", "--server-side", "--field-manager=ci", "--force-conflicts", "-f-", stdin=json.dumps(deployment("worker", 7)))
    on.wait("CI being overruled", lambda: on.told("raised by ci"))
    on.wait_for(0)
    on.limit(RESTORES)
    on.wait_for(7)

    def owners() -> list[str]:
        return [e["manager"] for e in on.worker()["metadata"]["managedFields"] if "f:replicas" in e.get("fieldsV1", {}).get("f:spec", {})]

    on.wait("our ownership being dropped", lambda: "purser" not in owners())
    # Whoever applied it owned it before, too; he takes his name off with the next apply.
    on.kubectl("apply", "--server-side", "--field-manager=ci", "-f-", stdin=json.dumps(deployment("worker", 4)))
    on.wait_for(4)


@row
def rollout_undo(on: Neighbour) -> None:
    on.begin(RESTORES)
    on.kubectl("set", "image", "deployment/worker", "agent=example.invalid/agent:2")
    on.wait("two revisions", lambda: len(on.kubectl("get", "replicasets", "-oname").split()) == 2)
    on.limit(STOPS)
    on.wait("a stop", on.stopped)
    on.kubectl("rollout", "undo", "deployment/worker")
    on.wait("the annotation being written again", lambda: "purser.dev/saved" in on.worker()["metadata"].get("annotations", {}))
    on.stays(0)
    on.limit(RESTORES)
    on.wait_for(REPLICAS)


@row
def replaced_by_its_owner(on: Neighbour) -> None:
    """Half a second after each change, whole and with its own count."""
    on.begin(STOPS)
    on.wait("a stop", on.stopped)

    def replace() -> None:
        current = on.worker()
        if current["spec"]["replicas"] != 3:
            whole = deployment("worker", 3)
            whole["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
            on.send("PUT", _APPS + "/worker", whole, "owner", "json")

    with on.again_and_again(replace, 0.5):
        on.wait("contention", lambda: on.condition("ActuatorContention")[0] == "True")
        status, message = on.condition("Ready")
        assert status == "False" and "owner" in message, message
    on.wait_for(0)
    on.limit(RESTORES)
    on.wait_for(REPLICAS)


@row
def horizontal_pod_autoscaler(on: Neighbour) -> None:
    """The real controller, whose minimum is above what is asked."""
    on.begin(THROTTLES)
    on.wait_for(THROTTLED)
    on.wait("it being told", on.taken)
    on.stage.apply(on.namespace, _hpa("writer", 8, 30))
    on.wait("contention", lambda: on.condition("ActuatorContention")[0] == "True")
    words = on.condition("ActuatorContention")[1]
    for word in ("kube-controller-manager", "HorizontalPodAutoscaler writer", "minReplicas 8, maxReplicas 30", "lower its"):
        assert word in words, words
    on.kubectl("delete", "hpa", "writer")
    on.limit(STOPS)  # a stronger ask does not wait
    on.wait_for(0)
    on.limit(RESTORES)
    on.wait_for(REPLICAS)


@row
def autoscaler_with_a_name_of_its_own(on: Neighbour) -> None:
    """Known by the object that names the workload: its count is nobody's wish, whoever writes it."""
    on.begin(THROTTLES, _hpa("writer", 1, 30))
    on.wait_for(THROTTLED)
    on.wait("it being told", on.taken)
    on.scale(9, "our-own-scaler")
    on.wait("it being overruled", lambda: on.told("raised by our-own-scaler"))
    on.wait_for(THROTTLED)
    on.limit(RESTORES)
    on.wait_for(REPLICAS)


@row
def horizontal_pod_autoscaler_at_0(on: Neighbour) -> None:
    """With minReplicas 0 allowed: a 0 that the autoscaler did not set itself it leaves alone."""
    on.begin(STOPS, _hpa("crawler", 0, 10))
    on.wait("a stop", on.stopped)

    def looked() -> bool:
        conditions = json.loads(on.kubectl("get", "hpa", "crawler", "-ojson")).get("status", {}).get("conditions", [])
        return any(each["type"] == "ScalingActive" for each in conditions)

    on.wait("the autoscaler having looked", looked)
    on.stays(0, 5)
    on.limit(RESTORES)
    on.wait_for(REPLICAS)


@row
def keda(on: Neighbour) -> None:
    """A ScaledObject without KEDA: what KEDA would do is done here, until its pause annotation is set."""
    reference = {"scaleTargetRef": {"name": "worker"}, "minReplicaCount": 2, "maxReplicaCount": 20}
    scaled = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "queue"}, "spec": reference}
    on.begin(STOPS, scaled)
    on.wait("a stop", on.stopped)

    def wake() -> None:
        notes = json.loads(on.kubectl("get", "scaledobject", "queue", "-ojson"))["metadata"].get("annotations", {})
        if notes.get("autoscaling.keda.sh/paused") != "true" and on.replicas() == 0:
            on.scale(2, "keda")

    with on.again_and_again(wake, 1.0):
        on.wait("contention", lambda: on.condition("ActuatorContention")[0] == "True")
        words = on.condition("ActuatorContention")[1]
        assert "ScaledObject queue" in words and "autoscaling.keda.sh/paused" in words, words
        on.kubectl("annotate", "scaledobject", "queue", "autoscaling.keda.sh/paused=true")
        on.wait_for(0)
        on.limit(RESTORES)
        on.wait_for(REPLICAS)


@row
def applied_every_5_seconds(on: Neighbour) -> None:
    """As Argo CD heals itself."""
    on.begin(STOPS)
    on.wait("a stop", on.stopped)

    def heal() -> None:
        on.send("PATCH", _APPS + "/worker", deployment("worker", 4), "argocd-controller", "apply-patch+yaml")

    heal()
    with on.again_and_again(heal, 5.0):
        on.wait("contention", lambda: on.condition("ActuatorContention")[0] == "True")
        words = on.condition("ActuatorContention")[1]
        for word in ("Argo CD", "ignoreDifferences", "kind: Deployment, jsonPointers: [/spec/replicas]", "RespectIgnoreDifferences=true"):
            assert word in words, words
    on.limit(RESTORES)
    on.wait_for(4)


@row
def night_before_the_stop(on: Neighbour) -> None:
    """A downscaler's 0 is its own: nothing is taken of it, and its morning is overruled."""
    on.begin(RESTORES)
    on.wait("the pool being told", lambda: on.condition("Ready")[0] == "True")
    on.scale(0, "downscaler")
    on.limit(STOPS)
    on.stays(0, 3)
    on.scale(REPLICAS, "downscaler")
    on.wait("the morning's replicas being taken", on.stopped)
    on.limit(RESTORES)
    on.wait_for(REPLICAS)


@row
def night_after_the_throttle(on: Neighbour) -> None:
    on.begin(THROTTLES)
    on.wait_for(THROTTLED)
    on.wait("it being told", on.taken)
    on.scale(0, "downscaler")
    on.stays(0)
    on.limit(RESTORES)
    on.stays(0, 4)  # it is night still
    on.scale(REPLICAS, "downscaler")
    on.stays(REPLICAS)


@row
def made_anew(on: Neighbour) -> None:
    on.begin(STOPS)
    on.wait("a stop", on.stopped)
    on.kubectl("delete", "deployment/worker", "--wait=true")
    on.stage.apply(on.namespace, deployment("worker", 7))
    on.wait_for(0)
    on.wait("its own count being remembered", on.stopped)
    on.limit(RESTORES)
    on.wait_for(7)


@row
def moved_between_pools(on: Neighbour) -> None:
    """The one that takes it over is exhausted, too: nothing comes back on the way."""
    idle = pool("other", name="other")
    other = budget(STOPS, "other-daily", scope={"pools": ["other"]})
    on.begin(STOPS, deployment("other", 1), idle, other)
    on.wait("a stop", on.stopped)
    on.stage.apply(on.namespace, pool("worker", name="other"))
    on.wait("the other taking it over", lambda: on.taken("other"))
    on.kubectl("delete", "agentpool", "research")
    on.stays(0, 3)
    on.limit(RESTORES, "other-daily")
    on.wait_for(REPLICAS)


@row
def two_pools(on: Neighbour) -> None:
    """The lower ask wins, and nothing is restored before both allow it."""
    both = [pool("worker", name="second"), budget(THROTTLES, "second-daily", scope={"pools": ["second"]})]
    on.begin(STOPS, *both)
    on.wait_for(0)
    on.wait("it being told that it is shared", lambda: "AgentPool second" in on.condition("WorkloadsResolved")[1])
    on.limit(RESTORES)
    on.wait_for(THROTTLED)
    on.limit(RESTORES, "second-daily")
    on.wait_for(REPLICAS)
