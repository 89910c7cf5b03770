"""One source with a counter in Prometheus and records of calls: the same call counts once, the better meter counts."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

from inbound import ROOT, Inbound, ServedCluster, free_port, record, wait_for

STATIC = "0123456789abcdef0123456789"
TOKENS = f"tokens: [{{name: gateway, token: {STATIC}, namespaces: [agents], rights: [agentusages, agentreports]}}]\n"
AGENTS = ["researcher", "silent", "unseen"]  # with both meters; with the counter alone; with records alone


class Counters:
    """What a proxy would show, and what a test sets."""

    def __init__(self) -> None:
        self.dollars = dict.fromkeys(AGENTS[:2], 100.0)  # of before: no spend of ours
        counters = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = "# TYPE agent_cost_usd_total counter\n"
                for agent, dollars in counters.dollars.items():
                    text += f'agent_cost_usd_total{{namespace="agents",agent="{agent}"}} {dollars}\n'
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class BothMetersTest(unittest.TestCase):
    cluster: ClassVar[ServedCluster]
    folder: ClassVar[Path]
    counters: ClassVar[Counters]
    operator: ClassVar[Inbound]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ServedCluster("both", "--level=control-plane")
        cls.addClassCleanup(cls.cluster.end)
        cls.folder = Path(tempfile.mkdtemp(prefix="purser-both-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.counters = Counters()
        cls.addClassCleanup(cls.counters.end)
        url = cls._prometheus()
        cls.cluster.kubectl("apply", f"--filename={ROOT / 'crds'}")
        cls.cluster.kubectl("create", "namespace", "agents")
        listed = [{"name": name, "workloadRef": {"kind": "Deployment", "name": name}} for name in AGENTS]
        version = "purser.dev/v1alpha1"
        objects = [
            {"apiVersion": version, "kind": "AgentPool", "metadata": {"name": "research"},
             "spec": {"maxConcurrency": 20, "agents": listed}},
            {"apiVersion": version, "kind": "AgentBudget", "metadata": {"name": "monthly"},
             "spec": {"limit": "1000", "window": {"period": "Month"}, "scope": {"pools": ["research"]}}},
        ]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        cls.cluster.kubectl("apply", "--namespace=agents", "--filename=-", stdin=text)
        time.sleep(4)  # some scrapes are a baseline
        prometheus = {"url": url, "metric": "agent_cost_usd_total", "scrapeInterval": "1s", "backfill": "0s",
                      "plausiblePerSecond": "1000"}
        cls.operator = Inbound(cls.cluster, cls.folder / "operator", TOKENS, source={"prometheus": prometheus})
        cls.addClassCleanup(lambda: cls.operator.end())

    @classmethod
    def _prometheus(cls) -> str:
        target = f"127.0.0.1:{cls.counters.server.server_address[1]}"
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                  "scrape_configs": [{"job_name": "proxy", "honor_labels": True, "static_configs": [{"targets": [target]}]}]}
        (cls.folder / "prometheus.yml").write_text(json.dumps(config))
        port = free_port()
        words = ["setpriv", "--pdeathsig=KILL", "prometheus", f"--config.file={cls.folder / 'prometheus.yml'}",
                 f"--storage.tsdb.path={cls.folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
        with (cls.folder / "prometheus.log").open("ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)
        return f"http://127.0.0.1:{port}"

    def status(self) -> dict[str, Any]:
        found = json.loads(self.cluster.kubectl("get", "agentbudget", "monthly", "--namespace=agents", "--output=json"))
        return dict(found.get("status", {}))

    def told(self) -> tuple[str, str, str, str]:
        """Spent, by the counter, by records, unexplained."""
        status = self.status()
        meters = status.get("meters", {})
        return (status.get("spent", ""), meters.get("prometheus", ""), meters.get("records", ""), meters.get("unexplained", ""))

    def wait_until_told(self, spent: str, prometheus: str, records: str, unexplained: str) -> None:
        want = (spent, prometheus, records, unexplained)
        # Amounts below a percent of the limit are written once a minute.
        wait_for(f"{want}, told", lambda: self.told() == want, 90)

    def post(self, *records: dict[str, Any]) -> None:
        status, answer = self.operator.ask("POST", "/v1/usage", list(records), token=STATIC)
        self.assertEqual((status, answer["accepted"]), (200, len(records)), answer)

    def condition(self) -> tuple[str, str, str]:
        for one in self.status().get("conditions", []):
            if one["type"] == "MetersDisagree":
                return one["status"], one["reason"], one["message"]
        return "", "", ""

    def test_the_same_call_counts_once_and_the_better_meter_counts(self) -> None:
        wait_for("both meters", lambda: self.told()[1:] == ("0", "0", "0"), 90)
        # A record is counted before any scrape could tell it.
        self.post(record(1, "10", task="t-1"))
        wait_for("the record", lambda: self.told()[0] == "10")
        self.counters.dollars["researcher"] += 10
        self.wait_until_told("10", "10", "10", "0")
        # A batch of records that was dropped, and an agent that sends none.
        self.counters.dollars["researcher"] += 15
        self.counters.dollars["silent"] += 20
        self.wait_until_told("45", "45", "10", "35")
        # An agent that no counter knows: its records count.
        then = (datetime.now(timezone.utc) - timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.post(*(record(10 + one, "100", agent="unseen", time=then) for one in range(3)))
        self.wait_until_told("345", "45", "310", "35")
        status, reason, message = self.condition()
        self.assertEqual((status, reason), ("True", "CounterMissing"), message)
        self.assertIn("Prometheus tells $45 and call records tell $310; $35 of the counters is in no record, and $300 of the "
                      "records in no counter", message)
        # Over a kill it is all as it was, and a record that comes again is the same.
        self.operator.kill()
        self.operator.start()
        self.assertEqual(self.operator.ask("POST", "/v1/usage", [record(1, "10", task="t-1")], token=STATIC)[1]["duplicate"], 1)
        self.post(record(20, "5"))  # late: the counter told it long ago
        self.wait_until_told("345", "45", "315", "30")
        self.report()

    def report(self) -> None:
        status, document = self.operator.ask("GET", "/v1/report?by=agent,task", token=STATIC)
        self.assertEqual(status, 200, document)
        rows = {(row["agent"], row["task"], row["unexplained"]): row["spentUSD"] for row in document["rows"]}
        self.assertEqual(rows, {("researcher", "t-1", False): "10", ("researcher", "", False): "5", ("unseen", "", False): "300",
                                ("researcher", "", True): "10", ("silent", "", True): "20"})
        pools = self.operator.ask("GET", "/v1/report?by=pool", token=STATIC)[1]["rows"]
        self.assertEqual([(row["pool"], row["unexplained"], row["spentUSD"]) for row in pools],
                         [("research", False, "315"), ("research", True, "30")])
        self.assertEqual(len(self.operator.ask("GET", "/v1/calls?agent=unseen", token=STATIC)[1]["calls"]), 3)


if __name__ == "__main__":
    unittest.main()
