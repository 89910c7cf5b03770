"""Workloads that others write too, or keep from being written: what was taken comes back, and what fails is told."""

from __future__ import annotations

import json
import re
import threading
import time

from cases import case
from stage import Object
from trial import REPLICAS, Seen, Trial, deployment, world

_SPENDS = "two-dollars-a-second.prom"  # $30 by second 30


def _stopped(seen: Seen) -> bool:
    return seen.replicas["researcher"] == 0


def _set_limit(trial: Trial, limit: str) -> None:
    patch = json.dumps({"spec": {"limit": limit}})
    kubectl(trial, "patch", "agentbudget", "research-daily", "--type=merge", f"--patch={patch}")


def kubectl(trial: Trial, *words: str) -> str:
    return trial.stage.kubectl(*words, f"--namespace={trial.namespace}")


def _memory_limits_policy(trial: Trial, resources: list[str], expression: str, message: str) -> list[Object]:
    """Refuses every write in this namespace of what the expression does not hold for."""
    name = f"policy-{trial.namespace}"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": resources}
    here = {"matchLabels": {"kubernetes.io/metadata.name": trial.namespace}}
    group = "admissionregistration.k8s.io/v1"
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": expression, "message": message}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        {"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    ]


_HAVE_MEMORY_LIMITS = (
    "object.spec.template.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && "
    "'memory' in c.resources.limits)"
)


def _play_with_policy(trial: Trial, resources: list[str], expression: str, message: str) -> None:
    trial.play(_SPENDS, world(limit="20"))
    trial.stage.apply(trial.namespace, *_memory_limits_policy(trial, resources, expression, message))


@case
def policy_that_leaves_scale_open(trial: Trial) -> None:
    message = "every container needs a memory limit (platform policy 12)"
    _play_with_policy(trial, ["deployments", "statefulsets"], _HAVE_MEMORY_LIMITS, message)
    trial.wait_for("the budget is exhausted", lambda seen: seen.spent >= 20, until=50)
    trial.wait_for("the agents stop, by the door that is open", _stopped, until=75)
    _set_limit(trial, "5000")
    trial.wait_for("all is given back", lambda seen: seen.replicas["researcher"] == REPLICAS, until=120)


@case
def policy_that_refuses_all(trial: Trial) -> None:
    message = "nobody scales here (platform policy 7)"
    _play_with_policy(trial, ["deployments", "deployments/scale"], "object.spec.replicas == 5", message)
    trial.wait_for("the budget is exhausted", lambda seen: seen.spent >= 20, until=50)
    trial.watch_until(60)
    trial.expect_told("Ready", "researcher", "platform policy 7", of="pool", status="False")
    trial.expect(trial.seen[-1].pool.get("state") != "Stopped", "the pool says Stopped while its pods run")


def _revise(trial: Trial, number: int) -> None:
    kubectl(trial, "set", "image", "deployment/researcher", f"agent=example.invalid/agent:{number}")
    deadline = time.monotonic() + 30
    while f"agent:{number}" not in kubectl(trial, "get", "replicasets", "--output=jsonpath={.items[*].spec.template.spec}"):
        trial.expect(time.monotonic() < deadline, f"no revision {number} was made")
        time.sleep(0.5)


def _saved(trial: Trial) -> bool:
    return "purser.dev/saved" in kubectl(trial, "get", "deployment/researcher", "--output=jsonpath={.metadata.annotations}")


@case
def rollback_during_a_stop(trial: Trial) -> None:
    trial.play(_SPENDS, world(limit="20"))
    _revise(trial, 2)
    trial.wait_for("the agents stop", _stopped, until=60)
    kubectl(trial, "rollout", "undo", "deployment/researcher")
    trial.watch_until(trial.second + 5)
    trial.expect(trial.seen[-1].replicas["researcher"] == 0, "the rollback started agents again")
    _set_limit(trial, "5000")
    trial.wait_for("all is given back", lambda seen: seen.replicas["researcher"] == REPLICAS, until=110)


@case
def rollback_to_an_older_stop(trial: Trial) -> None:
    trial.play(_SPENDS, world(limit="20"))
    trial.wait_for("the agents stop", _stopped, until=60)
    _set_limit(trial, "5000")
    trial.wait_for("all is given back", lambda seen: seen.replicas["researcher"] == REPLICAS, until=100)
    kubectl(trial, "scale", "deployment/researcher", "--replicas=9")
    _revise(trial, 2)
    _set_limit(trial, "10")
    trial.wait_for("the agents stop again", _stopped, until=130)
    kubectl(trial, "rollout", "undo", "deployment/researcher", "--to-revision=1")
    trial.watch_until(trial.second + 5)
    _set_limit(trial, "5000")
    trial.wait_for("the nine come back, not the five", lambda seen: seen.replicas["researcher"] == 9, until=190)


class _Owner:
    """Writes its Deployment whole whenever somebody else wrote it."""

    def __init__(self, trial: Trial, replicas: int | None) -> None:
        self._trial = trial
        self._replicas = replicas
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._own, daemon=True)
        self.writes: list[float] = []

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _own(self) -> None:
        file = self._trial.folder / "owned.json"
        while not self._ended.wait(0.2):
            live = self._trial.stage.get(self._trial.namespace, "Deployment", "researcher")
            wanted = live["spec"]["replicas"] if self._replicas is None else self._replicas
            annotations = live["metadata"].get("annotations", {})
            foreign = any(name.startswith("purser.dev/") for name in annotations)
            if live["spec"]["replicas"] == wanted and not foreign:
                continue
            written = deployment("researcher", wanted)
            written["metadata"]["annotations"] = {"owner.example/hash": "abc"}
            file.write_text(json.dumps(written), encoding="utf-8")
            self._trial.stage.try_kubectl("replace", f"--filename={file}", f"--namespace={self._trial.namespace}")
            self.writes.append(self._trial.second)


@case
def owner_that_writes_all(trial: Trial) -> None:
    trial.play(_SPENDS, world(limit="20"))
    owner = _Owner(trial, 3)
    trial.wait_for("the agents stop", _stopped, until=60)
    owner.begin()
    began = trial.second
    told = "contention is told"
    trial.wait_for(told, lambda seen: seen.condition("ActuatorContention", "pool")[0] == "True", until=began + 60)
    trial.watch_until(began + 60)
    trial.expect_told("ActuatorContention", "researcher", of="pool")
    late = [at for at in owner.writes if at > began + 30]
    trial.expect(len(late) <= 12, f"no backing off: {len(owner.writes)} rewrites in a minute, {len(late)} in its second half")
    owner.end()
    _set_limit(trial, "5000")
    trial.wait_for("the first original is given back", lambda seen: seen.replicas["researcher"] == REPLICAS, until=began + 130)


@case
def owner_that_keeps_replicas(trial: Trial) -> None:
    trial.play(_SPENDS, world(limit="20"))
    owner = _Owner(trial, None)
    owner.begin()
    trial.wait_for("the agents stop", _stopped, until=60)
    trial.watch_until(trial.second + 10)
    trial.expect(trial.seen[-1].replicas["researcher"] == 0, "the agents run again")
    _set_limit(trial, "5000")
    trial.wait_for("the original is given back", lambda seen: seen.replicas["researcher"] == REPLICAS, until=130)
    owner.end()


@case
def kinds_without_scale(trial: Trial) -> None:
    """No such kinds are on this cluster: refused, or told with the way out."""
    listed = [
        {"name": "coder-1", "workloadRef": {"apiVersion": "agents.x-k8s.io/v1beta1", "kind": "Sandbox", "name": "coder-1"}},
        {"name": "writer", "workloadRef": {"apiVersion": "kagent.dev/v1alpha2", "kind": "Agent", "name": "writer"}},
    ]
    specification = {"maxConcurrency": 4, "agents": listed}
    named = {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentPool", "metadata": {"name": "coders"}, "spec": specification}
    words = ("apply", f"--namespace={trial.namespace}", "--filename=-")
    done = trial.stage.try_kubectl(*words, stdin=json.dumps(named))
    if done.returncode != 0:
        for word in ("workloadRef", "Deployment"):
            trial.expect(word in done.stderr, f"the refusal does not say {word}: {done.stderr}")
        return
    trial.play(_SPENDS, [named])
    trial.watch_until(25)
    trial.expect_told("WorkloadsResolved", "Sandbox", "Agent", of="pool", status="False")


@case
def spend_elsewhere_after_a_stop(trial: Trial) -> None:
    """The script spends whatever becomes of the Deployment: who spends runs somewhere else."""
    trial.play("a-dollar-a-second.prom", world(limit="20"))
    trial.wait_for("the agents stop", _stopped, until=75)
    trial.wait_for(
        "the budget and the pool say that spend goes on",
        lambda seen: all(seen.condition("StillSpending", of)[0] == "True" for of in ("budget", "pool")),
        until=230,
    )
    for of in ("budget", "pool"):
        trial.expect_told("StillSpending", "researcher", "Rollout, Job or bare pod", "another cluster", of=of)
        trial.expect_told("Ready", "researcher", "stop it there", of=of, status="False")
    fields = "{range .items[*]}{.reason} {.involvedObject.kind}{'\\n'}{end}"
    for kind in ("AgentPool", "AgentBudget"):
        deadline = time.monotonic() + 15
        while f"SpendAfterStop {kind}" not in (events := kubectl(trial, "get", "events", f"--output=jsonpath={fields}")):
            trial.expect(time.monotonic() < deadline, f"no event on the {kind}: {events}")
            time.sleep(0.5)
    shown = re.findall(r"^purser_pool_spent_after_stop_usd\{.*\} (.*)$", trial.metrics(), re.MULTILINE)
    trial.expect(len(shown) == 1 and float(shown[0]) > 0, f"the metric shows {shown} spent after the stop")
