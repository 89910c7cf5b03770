"""Every verb of `kubectl purser`, as people with rights of their own call it, beside a running operator that stops agents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cases"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from served_cluster import ROOT, SECONDS  # noqa: E402  (the path above has to come first)
from stage import Stage  # noqa: E402
from trial import PURSER, Seen, Trial, budget, deployment, pool  # noqa: E402

_SCRIPT = "one-of-two-spends.prom"  # of the researcher $2 a second from second 15 on
_CAN_DO: dict[str, list[dict[str, Any]]] = {
    "reader": [{"apiGroups": ["purser.dev"], "resources": ["*"], "verbs": ["get", "list"]}],
    "alice": [
        {"apiGroups": ["purser.dev"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": ["purser.dev"], "resources": ["agentbudgetoverrides", "spendcorrections"], "verbs": ["create"]},
        {"apiGroups": ["purser.dev"], "resources": ["agentbudgets", "agentpools"], "verbs": ["patch"]},
    ],
    "bob": [
        {"apiGroups": ["purser.dev"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": ["purser.dev"], "resources": ["agentbudgetoverrides/status", "spendcorrections/status"], "verbs": ["patch"]},
    ],
    "stranger": [],
}


def _running(seen: Seen) -> bool:
    return all(count > 0 for count in seen.replicas.values())


def _stopped(seen: Seen) -> bool:
    return not any(seen.replicas.values())


@unittest.skipUnless(os.access(PURSER, os.X_OK), "PURSER_BINARY is not built")
class PluginTest(unittest.TestCase):
    stage: Stage
    trial: Trial
    files: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stage = Stage()
        cls.addClassCleanup(cls.stage.end)
        rendered = subprocess.run(
            [str(cls.stage.bin / "helm"), "template", "purser", str(ROOT / "charts" / "purser"), "--set=prometheus.url=http://x:9090"]
            + ["--set=prometheus.metric=cost", "--show-only=templates/agentbudgetoverrides.yaml"],
            capture_output=True, text=True, check=True, timeout=SECONDS,
        )  # fmt: skip
        cls.stage.kubectl("apply", "--filename=-", stdin=rendered.stdout)
        cls.trial = Trial(cls.stage, "plugin")
        cls.addClassCleanup(cls.trial.end)
        cls.files = {user: cls._person(user, rules) for user, rules in _CAN_DO.items()}

    @classmethod
    def _person(cls, user: str, rules: list[dict[str, Any]]) -> str:
        """A kubeconfig of somebody who may do this much."""
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": user}, "rules": rules}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user}
        subject = {"kind": "ServiceAccount", "name": user, "namespace": cls.trial.namespace}
        binding = {**role, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}
        binding.pop("rules")
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": user}}
        cls.stage.apply(cls.trial.namespace, account, role, binding)
        token = cls.stage.kubectl("create", "token", user, f"--namespace={cls.trial.namespace}").strip()
        config = json.loads(cls.stage.kubectl("config", "view", "--raw", "--flatten", "--output=json"))
        config["users"][0]["user"] = {"token": token}
        config["contexts"][0]["context"]["namespace"] = cls.trial.namespace
        path = cls.stage.folder / f"{user}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config), encoding="utf-8")
        return str(path)

    def call(self, user: str, *words: str) -> subprocess.CompletedProcess[str]:
        """By the real kubectl, which finds the plugin in PATH."""
        environment = {**os.environ, "PATH": f"{Path(PURSER).parent}:{os.environ['PATH']}", "KUBECONFIG": self.files[user]}
        command = [str(self.stage.bin / "kubectl"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, stdin=subprocess.DEVNULL)

    def told(self, user: str, *words: str) -> str:
        done = self.call(user, "purser", *words)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def refused(self, code: int, message: str, user: str, *words: str) -> None:
        done = self.call(user, "purser", *words)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        self.assertRegex(done.stderr, message)

    def test_a_day_with_the_plugin(self) -> None:
        agents = ("researcher", "writer")
        budgets = [budget("10"), budget("1000", name="whole-week", window={"period": "Week"})]
        self.trial.play(_SCRIPT, [*(deployment(name) for name in agents), pool(*agents), *budgets])
        self.before_the_stop()
        self.trial.wait_for("both stop", _stopped, until=60)
        self.trial.expect_told("Stopped", of="pool")
        self.why()
        self.asked_and_granted()
        self.stopped_by_a_person()
        self.paused()
        self.corrected()

    def before_the_stop(self) -> None:
        status = self.told("reader", "status")
        self.assertRegex(status, r"(?m)^BUDGET +STATE +SPENT +LIMIT +USED")
        self.assertRegex(status, r"(?m)^research-daily +\w+ ")
        self.assertRegex(status, r"(?m)^research +Normal +2 +20 of 20")
        self.assertNotIn("\033", status)  # no colours but on a terminal
        wide = self.told("reader", "status", "--output=wide")
        self.assertRegex(wide, r"BURN/H +PROJECTED")
        listed = json.loads(self.told("reader", "status", "--output=json"))
        self.assertEqual([each["kind"] for each in listed["items"]], ["AgentBudget", "AgentBudget", "AgentPool"])
        as_yaml = self.told("reader", "status", "--output=yaml")  # kubectl itself reads it
        read = self.stage.kubectl("create", "--dry-run=client", "--output=jsonpath={.spec}", "--filename=-", stdin=as_yaml)
        self.assertEqual(read, "".join(json.dumps(each["spec"], separators=(",", ":"), sort_keys=True) for each in listed["items"]))
        self.refused(2, "--output \"table\": want wide, json or yaml", "reader", "status", "--output=table")
        self.refused(3, "forbidden", "stranger", "status")
        self.refused(3, "forbidden", "reader", "status", "--all-namespaces")
        self.refused(4, "nobody", "reader", "explain", "pool", "nobody")
        self.refused(4, "there are: researcher, writer", "reader", "explain", "agent", "Researcher")
        self.refused(2, "KIND", "reader", "explain", "node", "x")
        completed = self.call("reader", "__complete", "purser", "stop", "")
        self.assertIn("research\n:4\n", completed.stdout, completed.stderr)
        self.assertIn("topup", self.call("reader", "__complete", "purser", "to").stdout)

    def why(self) -> None:
        text = self.told("reader", "explain", "pool", "research")
        for words in (
            r"Pool plugin/research is Stopped: 0 of 20 at once",
            r"- researcher is Stopped since 20\S+Z: concurrency 0, replicas 0",
            r"5 will be restored; governed by budget research-daily",
            r"Budget plugin/research-daily is Stopped",
            r"100 % Stop \(reached\)",
            r"The dearest agents: researcher ",
            r"To go on: wait for the reset at 20\S+Z, or ask for more with kubectl purser topup research-daily",
        ):
            self.assertRegex(text, words)
        self.assertIn("governed by budget research-daily", self.told("reader", "explain", "agent", "writer"))
        self.assertIn("What was done to pool research", self.told("reader", "explain", "budget", "research-daily"))
        top = self.told("reader", "top").splitlines()
        self.assertRegex(top[1], r"^researcher +research +Stopped +0 +0 ")
        self.assertEqual(len([line for line in top if line.startswith("researcher")]), 2)  # one a budget

    def asked_and_granted(self) -> None:
        ask = ("topup", "research-daily", "2000")
        self.refused(2, "--reason is missing", "alice", *ask)
        self.refused(4, "research-weekly", "alice", "topup", "research-weekly", "1", "--reason=x")
        self.refused(2, "--until \"soon\"", "alice", *ask, "--reason=x", "--until=soon")
        self.refused(2, "spec.add", "alice", "topup", "research-daily", "a lot", "--reason=x")
        self.refused(3, "forbidden", "reader", *ask, "--reason=x")
        asked = self.told("alice", *ask, "--reason=incident 4711")
        name = asked.split("/")[1].split()[0]
        self.assertRegex(asked, rf"agentbudgetoverride.purser.dev/{name} waits for approval by somebody else: kubectl purser approve")
        waits = self.told("bob", "requests")
        self.assertRegex(waits, rf"(?m)^override/{name} +Requested +research-daily: 2000 more +system:serviceaccount:plugin:alice ")
        self.refused(3, "forbidden", "alice", "approve", name)
        self.assertIn(f"override/{name}", self.call("bob", "__complete", "purser", "approve", "o").stdout)
        self.assertIn("approved by system:serviceaccount:plugin:bob", self.told("bob", "approve", name))
        self.refused(2, "was decided at .*: approved by system:serviceaccount:plugin:bob", "bob", "deny", name, "--reason=x")
        self.trial.wait_for("both run again", _running, until=self.trial.second + 20)
        self.assertIn("Nothing waits", self.told("bob", "requests"))
        self.assertRegex(self.told("bob", "requests", "--all"), rf"override/{name} +Active")
        denied = self.told("alice", *ask, "--reason=more", "--until=2h").split("/")[1].split()[0]
        self.told("bob", "deny", f"override/{denied}", "--reason=enough")
        self.trial.stage.kubectl(
            "wait", "abo", denied, "--for=jsonpath={.status.state}=Denied", "--timeout=20s", f"--namespace={self.trial.namespace}"
        )

    def stopped_by_a_person(self) -> None:
        self.refused(2, "--reason is missing", "alice", "stop", "research")
        self.refused(3, "forbidden", "bob", "stop", "research", "--reason=x")
        self.assertIn("is asked to stop", self.told("alice", "stop", "research", "--reason=prompt injection"))
        self.trial.wait_for("both stop", _stopped, until=self.trial.second + 20)
        self.trial.expect_told("Stopped", "prompt injection", of="pool")
        self.assertIn("prompt injection", self.told("reader", "explain", "pool", "research"))
        self.assertIn("is asked to restore its agents", self.told("alice", "restore", "research"))
        self.trial.wait_for("both run again", _running, until=self.trial.second + 20)
        self.assertIn("is stopped by no person", self.told("alice", "restore", "research"))

    def paused(self) -> None:
        self.assertIn("holds nobody", self.told("alice", "pause", "research-daily"))
        self.trial.wait_for("it holds nobody", lambda seen: str(seen.budget["state"]) == "Audit", until=self.trial.second + 20)
        self.told("alice", "resume", "research-daily")
        self.trial.wait_for("it is enforced", lambda seen: str(seen.budget["state"]) != "Audit", until=self.trial.second + 20)

    def corrected(self) -> None:
        self.refused(2, "want --agent and --amount, or --doubt", "alice", "correct", "--reason=x")
        self.refused(2, "want --agent and --amount, or --doubt", "alice", "correct", "--doubt=1", "--reason=x")
        self.refused(2, "--at \"noon\"", "alice", "correct", "--agent=writer", "--amount=-1", "--at=noon", "--reason=x")
        asked = self.told("alice", "correct", "--agent=researcher", "--amount=-1.5", "--reason=counted twice")
        name = asked.split("/")[1].split()[0]
        self.assertRegex(self.told("bob", "requests"), rf"correction/{name} +Requested +researcher: -1.5 at ")
        self.told("bob", "approve", f"correction/{name}")
        self.trial.stage.kubectl(
            "wait", "scorr", name, "--for=jsonpath={.status.state}=Applied", "--timeout=20s", f"--namespace={self.trial.namespace}"
        )


if __name__ == "__main__":
    unittest.main()
