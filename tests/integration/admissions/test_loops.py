"""Loops and spawning, found by calls as they are posted: the eleven-day loop of four agents that cost $47,000 though
every call succeeded, a retry storm, a swarm, and three honest heavy agents beside them that must not be caught. Days are
compressed by the records' own times: hours of calls are posted in seconds."""

from __future__ import annotations

import json
import random
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import Any

from gated import NAMESPACE, GatedTest, Object, pool

LOOP = ["analyzer", "verifier", "planner", "writer"]
HONEST = ["coder", "classifier", "monitor"]
RULES = {"callsPerTask": 50, "failedCallsPercent": 50}


def deployment(name: str) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "agent", "image": "example.invalid/agent:1"}]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}}


def job(name: str) -> Object:
    container = {"name": "agent", "image": "example.invalid/agent:1"}
    return {"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"purser.dev/pool": "swarm"}},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}}


def call(name: str, at: datetime, agent: str, tokens: int, cost: str, **more: Any) -> Object:
    return {"id": name, "time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "namespace": NAMESPACE, "agent": agent, "model": "gpt-5",
            "inputTokens": tokens, "outputTokens": 200, "costUSD": cost, "latencyMs": 900, "outcome": "Success", **more}


class LoopsTest(GatedTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        names = [*LOOP, *HONEST, "retrier", "innocent"]
        scaling = {"drainSeconds": 0}
        cls.apply(*(deployment(name) for name in names))
        cls.apply(
            pool("company", [{"name": name} for name in [*LOOP, *HONEST]], runaway={**RULES, "action": "Throttle"}, scaling=scaling),
            pool("storm", [{"name": "retrier"}, {"name": "innocent"}], runaway={**RULES, "action": "Stop"}, scaling=scaling),
            {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentPool", "metadata": {"name": "swarm", "namespace": NAMESPACE},
             "spec": {"maxConcurrency": 50, "runaway": {"agents": 20, "action": "Notify"},
                      "agentSelector": {"matchLabels": {"purser.dev/pool": "swarm"}, "kinds": ["Job"]}}})

    def setUp(self) -> None:
        self.purser = self.client()

    def wait_until(self, condition: Any, what: str) -> None:
        self.wait_for(lambda: bool(condition()), what)

    def get(self, kind: str, name: str) -> Any:
        return json.loads(self.cluster.kubectl("get", kind, name, f"--namespace={NAMESPACE}", "--output=json"))

    def detected(self, name: str) -> Object:
        conditions = self.get("agentpool", name).get("status", {}).get("conditions", [])
        return dict(next((one for one in conditions if one["type"] == "RunawayDetected"), {}))

    def broken(self, name: str) -> dict[str, list[str]]:
        return {one["rule"]: one.get("agents", []) for one in self.get("agentpool", name).get("status", {}).get("runaway", [])}

    def post(self, calls: list[Object]) -> None:
        calls.sort(key=lambda one: str(one["time"]))
        for first in range(0, len(calls), 5000):
            body = json.dumps(calls[first:first + 5000]).encode()
            asked = urllib.request.Request(
                f"https://127.0.0.1:{self.port}/v1/usage", data=body, method="POST",
                headers={"Authorization": f"Bearer {self.purser._bearer()}", "Content-Type": "application/json"})
            with urllib.request.urlopen(asked, timeout=60, context=self.purser._tls) as answer:
                said = json.load(answer)
            self.assertEqual(said["rejected"], [], said)

    def honest(self, begin: datetime, hours: int) -> list[Object]:
        """A coding agent, a classifier and a monitor: long contexts, thousands of calls of a size, the same each minute."""
        dice = random.Random(7)
        calls = []
        at = begin
        end = begin + timedelta(hours=hours)
        session = turn = 0
        tokens = 15_000
        while at < end:
            calls.append(call(f"coder-{session}-{turn}", at, "coder", tokens, "0.05", task=f"session-{session}",
                              outcome="Failure" if turn % 11 == 10 else "Success"))
            tokens = 20_000 if tokens > 160_000 else tokens + int(dice.expovariate(1 / 3000)) + 50
            turn += 1
            if turn == 48:
                session, turn, tokens = session + 1, 0, 15_000
            at += timedelta(seconds=20)
        for number in range(hours * 600):
            calls.append(call(f"doc-{number}", begin + timedelta(seconds=6 * number), "classifier", 800, "0.001", task=f"doc-{number}"))
        for minute in range(hours * 60):
            calls.append(call(f"look-{minute}", begin + timedelta(minutes=minute), "monitor", 2000, "0.01"))
        return calls

    def loop(self, begin: datetime, minutes: int) -> list[Object]:
        """Every 16 seconds the four hand each other the same question, at 19.8 cents a call: $47,000 in eleven days."""
        dice = random.Random(1)
        calls = []
        for turn in range(minutes * 60 // 16):
            at = begin + timedelta(seconds=16 * turn)
            calls += [call(f"loop-{begin.timestamp():.0f}-{turn}-{agent}", at, agent, 12_000 + dice.randrange(100), "0.198")
                      for agent in LOOP]
        return calls

    def test_the_eleven_day_loop_is_found_in_its_first_hour_and_the_honest_are_not(self) -> None:
        self.wait_until(lambda: self.detected("company").get("status") == "False", "the pool is watched")
        begin = datetime.now(timezone.utc) - timedelta(hours=23)
        # Twenty minutes of it are nothing yet; fifty are, and had cost $150 of the $47,000.
        self.post(self.honest(begin, 6) + self.loop(begin, 20))
        self.assertEqual(self.broken("company"), {})
        self.post(self.loop(begin + timedelta(minutes=20), 30))
        self.wait_for(lambda: sorted(self.broken("company").get("RepeatedCalls", [])) == sorted(LOOP), "the four, and they alone")
        self.assertEqual(set(self.broken("company")), {"RepeatedCalls"})
        condition = self.detected("company")
        self.assertEqual(condition["reason"], "RepeatedCalls")
        self.assertRegex(condition["message"], r"made \d+ calls of the same size to gpt-5 within an hour up to .*the last ids loop-")
        for agent in LOOP:
            self.wait_until(lambda: self.get("deployment", agent)["spec"]["replicas"] == 1, f"{agent} throttled")
        agents = {one["name"]: one for one in self.get("agentpool", "company")["status"]["agents"]}
        self.assertEqual({agents[name]["state"] for name in HONEST}, {"Normal"})
        self.assertEqual({agents[name]["state"] for name in LOOP}, {"Throttled"})
        self.assertEqual({agents[name]["concurrency"] for name in LOOP}, {1})
        events = json.loads(self.cluster.kubectl("get", "events", f"--namespace={NAMESPACE}", "--output=json"))["items"]
        self.assertTrue([one for one in events if one["reason"] == "RunawayDetected" and one["type"] == "Warning"])
        # And the honest go on for the rest of the day.
        self.post([{**one, "id": f"later-{one['id']}"} for one in self.honest(begin + timedelta(hours=7), 8)])
        self.wait_until(lambda: self.detected("company")["status"] == "True", "still told")
        self.assertEqual(sorted(self.broken("company").get("RepeatedCalls", [])), sorted(LOOP))
        self.assertEqual(set(self.broken("company")), {"RepeatedCalls"})

    def test_a_retry_storm_is_stopped_and_stays_so_until_a_person_restores_it(self) -> None:
        self.wait_until(lambda: self.detected("storm").get("status") == "False", "the pool is watched")
        begin = datetime.now(timezone.utc) - timedelta(minutes=2)
        self.post([call(f"retry-{number}", begin + timedelta(seconds=number), "retrier", 500 + 40 * number, "0",
                        outcome="Retry") for number in range(60)])
        self.wait_until(lambda: self.broken("storm") == {"FailedCalls": ["retrier"]}, "the storm")
        self.assertIn("60 of 60 calls of agent retrier failed", self.detected("storm")["message"])
        self.wait_until(lambda: self.get("deployment", "retrier")["spec"]["replicas"] == 0, "stopped")
        self.assertEqual(self.get("deployment", "innocent")["spec"]["replicas"], 3)
        # Who asks first is told so.
        self.wait_until(lambda: self.purser.post("/v1/admissions", {"key": f"k-{random.random()}", "agent": "retrier"})["decision"]
                      == "Refuse", "no admission")
        self.kill()
        self.start()
        self.purser = self.client()
        self.wait_until(lambda: self.purser.post("/v1/admissions", {"key": f"k-{random.random()}", "agent": "innocent"})["decision"]
                      == "Allow", "the others go on")
        self.assertEqual(self.get("deployment", "retrier")["spec"]["replicas"], 0)
        self.assertEqual(self.broken("storm"), {"FailedCalls": ["retrier"]})
        self.cluster.kubectl("annotate", "agentpool", "storm", f"--namespace={NAMESPACE}", "purser.dev/restore=now")
        self.wait_until(lambda: self.get("deployment", "retrier")["spec"]["replicas"] == 3, "restored")
        self.wait_until(lambda: self.detected("storm")["status"] == "False", "and told")

    def test_a_swarm(self) -> None:
        self.wait_until(lambda: self.detected("swarm").get("status") == "False", "the pool is watched")
        self.apply(*(job(f"spawned-{number}") for number in range(20)))
        self.wait_until(lambda: self.get("agentpool", "swarm")["status"]["agentCount"] == 20, "twenty")
        self.assertEqual(self.detected("swarm")["status"], "False")
        self.apply(job("spawned-20"))
        self.wait_until(lambda: self.detected("swarm")["status"] == "True", "one more")
        self.assertIn("21 workloads are agents of the pool, more than runaway.agents (20)", self.detected("swarm")["message"])
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10).read().decode()
        self.assertIn('purser_pool_runaway_agents{namespace="agents",pool="swarm",rule="Agents"} 1', metrics)


if __name__ == "__main__":
    unittest.main()
