"""Call records over TLS, from agents with ServiceAccount tokens, into budgets: on a real API server."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import ssl
import tempfile
import threading
import time
import unittest
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from inbound import ROOT, Inbound, ServedCluster, ask_on, record, wait_for

STATIC = "0123456789abcdef0123456789"
TOKENS = f"tokens: [{{name: gateway, token: {STATIC}, namespaces: [agents], rights: [agentusages, agentstops]}}]\n"

Object = dict[str, Any]


def objects(limit: str) -> list[Object]:
    labels = {"app": "researcher"}
    containers = [{"name": "agent", "image": "example.invalid/agent:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    workload = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    agents = [{"name": "researcher", "workloadRef": {"kind": "Deployment", "name": "researcher"}}]
    pool = {"maxConcurrency": 20, "agents": agents, "scaling": {"drainSeconds": 0}}
    budget = {"limit": limit, "window": {"period": "Month"}, "scope": {"pools": ["research"]}}
    version = "purser.dev/v1alpha1"
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "researcher"}, "spec": workload},
        {"apiVersion": version, "kind": "AgentPool", "metadata": {"name": "research"}, "spec": pool},
        {"apiVersion": version, "kind": "AgentBudget", "metadata": {"name": "research-monthly"}, "spec": budget},
    ]


def rights(*resources: str) -> list[Object]:
    """What the README's example Role gives to the ServiceAccount `default`."""
    rules = [{"apiGroups": ["purser.dev"], "resources": list(resources), "verbs": ["create", "get"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "purser-agent"}
    version = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": version, "kind": "Role", "metadata": {"name": "purser-agent"}, "rules": rules},
        {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": {"name": "purser-agent"},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": "default"}],
        },
    ]


class RecordsTest(unittest.TestCase):
    cluster: ClassVar[ServedCluster]
    folder: ClassVar[Path]
    token: ClassVar[str]
    stranger: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ServedCluster("records", "--level=control-plane")
        cls.addClassCleanup(cls.cluster.end)
        cls.folder = Path(tempfile.mkdtemp(prefix="purser-records-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.cluster.kubectl("apply", f"--filename={ROOT / 'crds'}")
        for namespace in ("agents", "elsewhere"):
            cls.cluster.kubectl("create", "namespace", namespace)
            cls.apply(rights("agentusages", "agentreports", "agentlimits"), namespace)
            wait_for("its ServiceAccount", partial(cls.account_is_there, namespace))
        cls.token = cls.token_of("agents")
        cls.stranger = cls.token_of("elsewhere")

    @classmethod
    def account_is_there(cls, namespace: str) -> bool:
        known = cls.cluster.try_kubectl("get", "serviceaccount", "default", f"--namespace={namespace}")
        if known.returncode != 0:
            cls.cluster.try_kubectl("create", "serviceaccount", "default", f"--namespace={namespace}")
        return known.returncode == 0

    @classmethod
    def token_of(cls, namespace: str, audience: str = "purser") -> str:
        words = ["create", "token", "default", f"--namespace={namespace}", f"--audience={audience}"]
        return cls.cluster.kubectl(*words).strip()

    @classmethod
    def apply(cls, items: list[Object], namespace: str) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        cls.cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=text)

    def setUp(self) -> None:
        self.apply(objects("50"), "agents")
        self.operator = Inbound(self.cluster, self.folder / self._testMethodName, TOKENS)
        self.addCleanup(self.remove)

    def remove(self) -> None:
        self.operator.end()
        patch = ["--type=merge", "--patch", '{"metadata":{"finalizers":null}}']
        self.cluster.try_kubectl("patch", "agentpool", "research", "--namespace=agents", *patch)
        for kind in ("agentpool/research", "agentbudget/research-monthly", "deployment/researcher"):
            self.cluster.try_kubectl("delete", kind, "--namespace=agents", "--ignore-not-found")

    def post(self, body: Any, token: str | None = None, **headers: str) -> tuple[int, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.operator.ask("POST", "/v1/usage", body, token=self.token if token is None else token, headers=sent)

    def get(self, kind: str, path: str) -> str:
        return self.cluster.kubectl("get", kind, "--namespace=agents", f"--output=jsonpath={{{path}}}")

    def report(self, query: str = "") -> Any:
        status, document = self.operator.ask("GET", f"/v1/report?{query}", token=self.token)
        self.assertEqual(status, 200, document)
        return document["rows"]

    def test_a_record_that_crosses_the_limit_stops_its_agent(self) -> None:
        status, answer = self.post([record(1, "30")])
        self.assertEqual((status, answer["accepted"]), (200, 1), answer)
        wait_for("spent", lambda: self.get("agentbudget/research-monthly", ".status.spent") == "30")
        self.assertEqual(self.get("deployment/researcher", ".spec.replicas"), "3")
        self.post([record(2, "25")])
        wait_for("replicas", lambda: self.get("deployment/researcher", ".spec.replicas") == "0")
        wait_for("told", lambda: self.get("agentbudget/research-monthly", ".status.spent") == "55")
        # The same again is the same.
        status, answer = self.post([record(2, "25"), record(1, "30")])
        self.assertEqual((status, answer["accepted"], answer["duplicate"]), (200, 0, 2))
        self.assertEqual(self.report()[0]["spentUSD"], "55")

    def test_spans_and_events_of_opentelemetry_are_records(self) -> None:
        end = str(time.time_ns())
        said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "of-our-own", "gen_ai.provider.name": "openai"}
        said |= {"purser.agent": "researcher", "purser.namespace": "agents"}
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]
        attributes.append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000000"}})
        span: Object = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "chat of-our-own"}
        span |= {"startTimeUnixNano": end, "endTimeUnixNano": end, "attributes": attributes}
        traces = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        status, answer = self.operator.ask("POST", "/v1/traces", traces, token=self.token)
        self.assertEqual((status, answer["accepted"]), (200, 1), answer)
        status, answer = self.operator.ask("POST", "/v1/traces", traces, token=self.token)
        self.assertEqual((status, answer["duplicate"]), (200, 1), answer)
        self.assertEqual(self.report()[0]["spentUSD"], "15")  # a million tokens at the price of models without one
        self.assertEqual(self.operator.ask("POST", "/v1/traces", traces, token=self.stranger)[0], 403)
        status, answer = self.operator.ask("POST", "/v1/traces", {"resourceSpans": "none"}, token=self.token)
        self.assertEqual(status, 400, answer)
        # As OpenTelemetry's own SDK sent it, weeks ago: too old by now, and told one by one.
        recorded = ROOT / "tests" / "unit" / "usage" / "otlp" / "recorded"
        found = 0
        for body in sorted(recorded.glob("logs-*.pb")):
            status, answer = self.operator.ask("POST", "/v1/logs", body.read_bytes(), token=self.token)
            self.assertIn(status, (200, 400), answer)
            found += answer["accepted"] + answer["held"] + len(answer["rejected"])
        self.assertGreater(found, 0)
        metrics = (recorded / "metrics-cumulative-0.pb").read_bytes()
        status, answer = self.operator.ask("POST", "/v1/metrics", metrics, token=self.token)
        self.assertEqual(status, 200, answer)
        self.assertIn("metrics are not booked", answer["partialSuccess"]["errorMessage"])

    def test_who_may_not_is_told_and_nothing_is_booked(self) -> None:
        self.assertEqual(self.post([record(1)], token="")[0], 401)
        self.assertEqual(self.post([record(1)], token="wrong")[0], 401)
        self.assertEqual(self.post([record(1)], token=self.token_of("agents", "https://elsewhere"))[0], 401)
        status, problem = self.post([record(1)], token=self.stranger)
        self.assertEqual((status, problem["title"]), (403, "Forbidden"))
        self.assertIn("agentusages", problem["detail"])
        # One stranger's record among many: none is booked.
        self.assertEqual(self.post([record(1), record(2, namespace="elsewhere")])[0], 403)
        self.assertEqual(self.operator.ask("GET", "/v1/report?namespace=elsewhere", token=self.token)[0], 403)
        self.assertEqual(self.operator.ask("GET", "/v1/report?namespace=*", token=self.token)[0], 403)
        self.assertEqual(self.report(), [])
        # A static token speaks for its namespace, and has its rights alone.
        self.assertEqual(self.post([record(1)], token=STATIC)[0], 200)
        self.assertEqual(self.post([record(1, namespace="elsewhere")], token=STATIC)[0], 403)
        self.assertEqual(self.operator.ask("GET", "/v1/report", token=STATIC)[0], 403)
        stop = "/v1/pools/agents/research/stop"
        self.assertEqual(self.operator.ask("POST", stop, {"reason": "x"}, token=self.token)[0], 403)

    def test_what_is_wrong_is_rejected_one_by_one(self) -> None:
        wrong = [
            record(1),
            record(2, time="2020-01-01T00:00:00Z"),
            record(3, time="2999-01-01T00:00:00Z"),
            record(4, "-1"),
            record(5, inputTokens=-5),
            {**record(6), "agent": ""},
            {**record(7), "id": ""},
            7,
            record(8, "1000000"),  # micro-dollars told as dollars
        ]
        status, answer = self.post(wrong)
        self.assertEqual(status, 200)
        self.assertEqual((answer["accepted"], answer["held"], len(answer["rejected"])), (1, 1, 7), answer)
        reasons = {each["index"]: each["reason"] for each in answer["rejected"]}
        for index, words in {1: "older", 2: "future", 3: "costUSD", 4: "inputTokens", 5: "agent", 6: "id"}.items():
            self.assertIn(words, reasons[index])
        wait_for("held", lambda: self.get("agentbudget/research-monthly", ".status.inDoubt") == "1000000")
        for body in (b"", b"{", b"[1,", b"\xff\xfe", b"[" * 100_000, b'{"id":"x"} {"id":"y"}'):
            self.assertEqual(self.post(body)[0], 400, body[:20])
        self.assertEqual(self.post([{**record(9), "time": None}])[0], 400)
        lines = "\n".join(json.dumps(record(number)) for number in range(20, 30)) + "\nnonsense\n"
        status, answer = self.post(gzip.compress(lines.encode()), Content_Encoding="gzip")
        self.assertEqual((status, answer["accepted"], len(answer["rejected"])), (200, 10, 1))
        # A record without a cost has its model's price.
        unpriced = {key: value for key, value in record(30).items() if key != "costUSD"}
        self.assertEqual(self.post([{**unpriced, "agent": "priced"}])[1]["accepted"], 1)
        self.assertGreater(float(self.report("agent=priced")[0]["spentUSD"]), 0)

    def test_what_is_held_of_records_is_accepted_and_rejected(self) -> None:
        held = {"1000": record(1, "1000", inputTokens=20_000_000), "2000": record(2, "2000", inputTokens=20_000_000)}
        held["4000"] = record(3, "4000", model="of-nobody")  # no tokens, no price
        status, answer = self.post([*held.values(), record(4, "1.25")])
        self.assertEqual((status, answer["accepted"], answer["held"]), (200, 1, 3), answer)
        wait_for("held", lambda: self.get("agentbudget/research-monthly", ".status.inDoubt") == "7000")
        told = self.get("agentbudget/research-monthly", '.status.conditions[?(@.type=="SpendInDoubt")].message')
        numbers = {amount.replace(",", ""): number for number, amount in re.findall(r"Doubt (\d+): \$([\d,]+) of researcher", told)}
        self.assertEqual(set(numbers), set(held), told)
        for amount, decision in (("1000", "Accept"), ("2000", "Reject"), ("4000", "Accept")):
            self.correct(numbers[amount], decision)
        wait_for("the sums", lambda: self.get("agentbudget/research-monthly", ".status.spent") == "5001.25")
        wait_for("none is held", lambda: self.get("agentbudget/research-monthly", ".status.inDoubt") in ("", "0"))
        self.assertEqual(self.get(f"spendcorrection/doubt-{numbers['2000']}", ".status.booked"), "0")
        self.assertEqual(self.report()[0]["spentUSD"], "5001.25")
        # What is decided is known by its id still.
        self.assertEqual(self.post(list(held.values()))[1]["duplicate"], 3)
        self.operator.kill()
        self.operator.start()
        self.assertEqual(self.post(list(held.values()))[1]["duplicate"], 3)
        self.assertEqual(self.report()[0]["spentUSD"], "5001.25")

    def correct(self, doubt: str, decision: str) -> None:
        name = f"doubt-{doubt}"
        spec = {"doubt": int(doubt), "decision": decision, "reason": "looked at by a person"}
        self.apply([{"apiVersion": "purser.dev/v1alpha1", "kind": "SpendCorrection", "metadata": {"name": name}, "spec": spec}], "agents")
        approved = json.dumps({"status": {"approvedBy": "alice", "conditions": [{"type": "Approved", "status": "True"}]}})
        patch = ["--subresource=status", "--type=merge", f"--patch={approved}"]
        self.cluster.kubectl("patch", "spendcorrection", name, "--namespace=agents", *patch)
        wait_for(f"{name} is applied", lambda: self.get(f"spendcorrection/{name}", ".status.state") == "Applied")

    def test_who_does_not_lead_names_who_does_and_takes_over(self) -> None:
        self.operator.end()
        ledger = self.folder / "shared.db"
        first = Inbound(self.cluster, self.folder / "first", TOKENS, ledger)
        self.addCleanup(first.end)
        wait_for("the first leads", lambda: first.ask("POST", "/v1/usage", [record(1)], token=self.token)[0] == 200)
        second = Inbound(self.cluster, self.folder / "second", TOKENS, ledger)
        self.addCleanup(second.end)
        connection = second.connect()
        self.addCleanup(connection.close)
        holder = self.get("lease/purser", ".spec.holderIdentity")

        def names_the_leader() -> bool:
            connection.request("POST", "/v1/usage", "[]", {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
            self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
            detail = json.loads(answer.read())["detail"]
            return answer.headers["Purser-Leader"] == holder and holder in detail

        wait_for("who leads is named", names_the_leader)
        first.kill()
        # A sender that comes again until it is heard loses nothing and pays nothing twice.
        sent = [record(1), record(2)]
        wait_for("the second leads", lambda: second.ask("POST", "/v1/usage", sent, token=self.token)[0] == 200)
        self.assertEqual(second.ask("POST", "/v1/usage", sent, token=self.token)[1]["duplicate"], 2)
        status, document = second.ask("GET", "/v1/report", token=self.token)
        self.assertEqual((status, document["rows"][0]["calls"]), (200, 2), document)

    def test_each_acknowledged_record_is_there_once_after_kills(self) -> None:
        acknowledged: set[int] = set()
        stop = threading.Event()

        def send(first: int) -> None:
            number = first
            while not stop.is_set():
                batch = [record(one) for one in range(number, number + 20)]
                try:
                    status, answer = self.post(batch)
                except (OSError, ssl.SSLError):
                    time.sleep(0.05)
                    continue  # the same again
                if status == 200 and answer["accepted"] + answer["duplicate"] == 20:
                    acknowledged.update(range(number, number + 20))
                    number += 20

        senders = [threading.Thread(target=send, args=(first * 1_000_000,)) for first in range(1, 5)]
        for sender in senders:
            sender.start()
        for _ in range(3):
            time.sleep(1.0)
            self.operator.kill()
            self.operator.start()
        time.sleep(0.5)
        stop.set()
        for sender in senders:
            sender.join()
        self.assertGreater(len(acknowledged), 100)
        self.assertEqual(self.report()[0]["calls"], len(acknowledged))
        again = [record(number) for number in sorted(acknowledged)[:500]]
        self.assertEqual(self.post(again)[1]["duplicate"], len(again))
        self.assertEqual(self.report()[0]["calls"], len(acknowledged))

    def test_reports_limits_and_the_stop(self) -> None:
        self.post([record(1, "0.5", task="t-1", workflow="w"), record(2, "0.25", task="t-2", outcome="Failure")])
        rows = self.report("by=pool,task,day")
        self.assertEqual([(row["pool"], row["task"], row["spentUSD"], row["failures"]) for row in rows],
                         [("research", "t-1", "0.5", 0), ("research", "t-2", "0.25", 1)])
        whole = self.report("by=agent,model")[0]
        self.assertEqual((whole["tasks"], whole["tasksWithoutFailure"], whole["costPerSuccessfulTaskUSD"]),
                         (2, 1, "0.75"))
        status, table = self.operator.ask("GET", "/v1/report?by=task&format=csv", token=self.token)
        self.assertEqual((status, table.splitlines()[1].split(",")[:3]), (200, ["t-1", "0.5", "1"]))
        self.assertEqual(self.operator.ask("GET", "/v1/report?by=moon", token=self.token)[0], 400)
        calls = self.operator.ask("GET", "/v1/calls?task=t-2", token=self.token)[1]["calls"]
        self.assertEqual([(call["id"], call["outcome"]) for call in calls], [("call-2", "Failure")])

        limits = "/v1/limits/agents/research"
        wait_for("limits", lambda: self.operator.ask("GET", limits, token=self.token)[0] == 200)
        self.assertEqual(self.operator.ask("GET", limits, token=self.token)[1]["maxConcurrency"], 20)
        self.assertEqual(self.operator.ask("GET", limits, token=self.stranger)[0], 403)
        connection = self.operator.connect()
        connection.request("GET", f"{limits}?watch=true", headers={"Authorization": f"Bearer {self.token}"})
        stream = connection.getresponse()
        self.assertEqual(stream.headers["Content-Type"], "text/event-stream")
        self.assertTrue(stream.readline().startswith(b"id: "))
        status, said = self.operator.ask("POST", "/v1/pools/agents/research/stop", {"reason": "injected"}, token=STATIC)
        self.assertEqual(status, 200, said)
        line = b""
        while b'"maxConcurrency":0' not in line:
            line = stream.readline()
            self.assertTrue(line, "the stream ended")
        connection.close()
        self.assertIn("injected", self.get("agentpool/research", ".spec.stop.reason"))
        wait_for("replicas", lambda: self.get("deployment/researcher", ".spec.replicas") == "0")

    def test_nobody_holds_up_the_others(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.operator.port))
        self.addCleanup(raw.close)
        slow = self.operator.trust.wrap_socket(
            socket.create_connection(("127.0.0.1", self.operator.port)), server_hostname="localhost")
        self.addCleanup(slow.close)
        slow.send(b"POST /v1/usage HTTP/1.1\r\nHost: a\r\n")
        kept = self.operator.connect()
        self.addCleanup(kept.close)
        for number in range(200):
            status, answer = ask_on(kept, "POST", "/v1/usage", [record(number)], token=self.token)
            self.assertEqual((status, answer["accepted"]), (200, 1))
        self.assertEqual(self.operator.ask("GET", "/openapi.json", token="")[0], 200)
        self.assertEqual(self.operator.ask("GET", "/nowhere", token=self.token)[0], 404)
        self.assertEqual(self.operator.ask("DELETE", "/v1/usage", token=self.token)[0], 405)
        self.assertLess(self.operator.end(), 3.0)


if __name__ == "__main__":
    unittest.main()
