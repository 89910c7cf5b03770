"""One case on the stage: an exporter that follows a script, a real Prometheus, a real operator, a namespace of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from exposition import Exporter
from stage import Object, Stage

INPUTS = Path(__file__).resolve().parent / "inputs"
PURSER = os.environ.get("PURSER_BINARY", "")
REPLICAS = 5
BASELINE_SECONDS = 8.0  # of scraping before the operator starts: what it finds then is not spend
_POLL_SECONDS = 1.0
_START_SECONDS = 60.0
_SETTLE_SECONDS = 15.0  # replicas are seen before the status that tells them is written
_STARTING_REASONS = {"NotReadYet", "ReadingHistory"}
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
_STARTING = threading.Semaphore(3)  # programs that start at once need a core each

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def deployment(name: str = "researcher", replicas: int = REPLICAS) -> Object:
    labels = {"app": name}
    containers = [{"name": "agent", "image": "example.invalid/agent:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    specification = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": specification}


def pool(*agents: str, name: str = "research", **more: Any) -> Object:
    listed = [{"name": agent, "workloadRef": {"kind": "Deployment", "name": agent}} for agent in agents]
    specification = {"maxConcurrency": 20, "agents": listed, "scaling": {"drainSeconds": 0}, **more}
    return {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentPool", "metadata": {"name": name}, "spec": specification}


def budget(limit: str = "50", name: str = "research-daily", **more: Any) -> Object:
    specification = {"limit": limit, "window": {"period": "Day"}, "scope": {"pools": ["research"]}, **more}
    return {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudget", "metadata": {"name": name}, "spec": specification}


def world(*agents: str, limit: str = "50", **more: Any) -> list[Object]:
    """A Deployment of five pods for each agent, one pool of them all, and a budget of so much a day."""
    names = agents or ("researcher",)
    return [*(deployment(name) for name in names), pool(*names), budget(limit, **more)]


class Seen:
    """What the API server said at one moment."""

    def __init__(self, second: float, budgets: list[Object], the_pool: Object, replicas: dict[str, int]) -> None:
        self.second = second
        self.budgets = {each["metadata"]["name"]: each.get("status", {}) for each in budgets}
        the_budget = budgets[0] if budgets else {}
        self.budget = the_budget.get("status", {})
        self.pool = the_pool.get("status", {})
        self.replicas = replicas

    def show(self, budget: str) -> Seen:
        """The same, looking at this budget where there are several."""
        self.budget = self.budgets.get(budget, {})
        return self

    @property
    def spent(self) -> Decimal:
        return Decimal(self.budget.get("spent") or "0")

    @property
    def in_doubt(self) -> Decimal:
        return Decimal(self.budget.get("inDoubt") or "0")

    def condition(self, kind: str, of: str = "budget") -> tuple[str, str, str]:
        """Status, reason and message; empty words while it is not there."""
        status = self.budget if of == "budget" else self.pool
        for each in status.get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def is_lost(self, kind: str) -> bool:
        """False for another reason than that the operator has just started."""
        status, reason, _ = self.condition(kind)
        return status == "False" and reason not in _STARTING_REASONS

    def told(self) -> str:
        """Every condition of both, for people."""
        lines = [f"second {self.second:.0f}: spent {self.spent}, in doubt {self.in_doubt}, replicas {self.replicas}"]
        for of, status in (("budget", self.budget), ("pool", self.pool)):
            lines.append(f"  {of}: state {status.get('state')}")
            for each in status.get("conditions", []):
                lines.append(f"    {each['type']}={each['status']}/{each['reason']}: {each['message']}")
        return "\n".join(lines)


class Trial:
    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.namespace = name
        self.folder = stage.folder / name
        self.folder.mkdir()
        self.seen: list[Seen] = []
        self._exporters: list[Exporter] = []
        self._programs: list[subprocess.Popen[bytes]] = []
        self._began = 0.0
        self.prometheus_url = ""
        self.metrics_port = 0
        stage.kubectl("create", "namespace", name)

    # -- what runs ---------------------------------------------------------------------------------------------------

    def play(
        self,
        script: str,
        objects: list[Object] | None = None,
        *,
        source: Object | None = None,
        targets: list[Object] | None = None,
        rules: str = "",
        storage: Object | None = None,
        flags: list[str] | None = None,
        through: Callable[[str], str] | None = None,
        baseline: float = BASELINE_SECONDS,
    ) -> None:
        """Second 0 is when this returns, less the baseline. `targets`: labels, job and address (else the exporter's) of
        each scrape; `flags`: of Prometheus; `through`: what stands between it and the operator, from URL to URL."""
        exporter = Exporter(INPUTS / script, self.namespace)
        self._exporters.append(exporter)
        self.stage.apply(self.namespace, *(world() if objects is None else objects))
        with _STARTING:
            self._start_prometheus(exporter.address, targets or [{}], rules, storage, flags or [])
        exporter.begin()
        self._began = time.monotonic()
        time.sleep(baseline)
        url = through(self.prometheus_url) if through else self.prometheus_url
        self._configure(url, source or {})
        self._start_operator()

    def watch_all(self, exporter: str) -> None:
        """One operator for every namespace, of whose spend the address tells."""
        self._start_prometheus(exporter, [{}], "", None, [])
        time.sleep(3)  # two scrapes are a baseline
        self._configure(self.prometheus_url, {}, [])
        self._start_operator()

    def restart(self) -> None:
        """Killed, and started again with the ledger it had."""
        self._operator.kill()
        self._operator.wait()
        self._start_operator()

    def lose_the_ledger(self, source: Object) -> None:
        """As if its volume were gone: the operator starts again with an empty one."""
        self._operator.kill()
        self._operator.wait()
        for file in self.folder.glob("ledger.db*"):
            file.unlink()
        self._configure(self.prometheus_url, source)
        self._start_operator()

    def _start_prometheus(
        self, exporter: str, targets: list[Object], rules: str, storage: Object | None, flags: list[str]
    ) -> None:
        jobs: dict[str, list[Object]] = {}
        for each in targets:
            labels = {name: value for name, value in each.items() if name not in ("job", "address")}
            address = each.get("address", exporter)
            jobs.setdefault(each.get("job", "replay"), []).append({"targets": [address], "labels": labels})
        config: Object = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [
                {"job_name": job, "honor_labels": True, "static_configs": each} for job, each in jobs.items()
            ],
        }
        if rules:
            config["rule_files"] = [str(INPUTS / rules)]
        if storage:
            config["storage"] = {"tsdb": storage}
        file = self.folder / "prometheus.yml"
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        port = _free_port()
        self.prometheus_url = f"http://127.0.0.1:{port}"
        command = [f"--config.file={file}", f"--storage.tsdb.path={self.folder / 'data'}", *flags]
        self._start("prometheus", ["prometheus", *command, f"--web.listen-address=127.0.0.1:{port}"])
        self._wait_until_answered(self.prometheus_url + "/-/ready", "prometheus")

    def _configure(self, url: str, source: Object, namespaces: list[str] | None = None) -> None:
        prometheus = {"url": url, "metric": "agent_cost_usd_total", "scrapeInterval": "1s", "backfill": "0s", **source}
        if "preset" in source:
            del prometheus["metric"]
        self.metrics_port = _free_port()
        config = {
            "apiVersion": "config.purser.dev/v1alpha1",
            "kind": "OperatorConfig",
            "server": {"metricsAddress": f"127.0.0.1:{self.metrics_port}"},
            "leaderElection": {"enabled": False},
            "watchNamespaces": [self.namespace] if namespaces is None else namespaces,
            "store": {"type": "SQLite", "path": str(self.folder / "ledger.db")},
            "sources": [{"name": "default", "prometheus": prometheus}],
        }
        (self.folder / "operator.yaml").write_text(json.dumps(config), encoding="utf-8")

    def _start_operator(self) -> None:
        config = self.folder / "operator.yaml"
        command = [PURSER, "run", f"--config={config}", f"--kubeconfig={self.stage.kubeconfig}"]
        with _STARTING:
            self._operator = self._start("purser", command)
            self._wait_until_answered(f"http://127.0.0.1:{self.metrics_port}/healthz", "purser")

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """With a log of its own; it ends with this thread, however that ends."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *command], stdout=log, stderr=log)
        self._programs.append(process)
        return process

    def _wait_until_answered(self, url: str, name: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with _OPENER.open(url, timeout=5):
                    return
            except OSError:
                ended = self._programs[-1].poll()
                if ended is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{name} is not ready (exit {ended}):\n{self.log(name)}") from None
                time.sleep(0.1)

    def end(self) -> None:
        for process in reversed(self._programs):
            process.kill()
            process.wait()
        for exporter in self._exporters:
            exporter.end()

    # -- what is seen ------------------------------------------------------------------------------------------------

    @property
    def second(self) -> float:
        return time.monotonic() - self._began

    def look(self) -> Seen:
        found = {each["metadata"]["name"]: each["spec"]["replicas"] for each in self._list("Deployment")}
        budgets, pools = self._list("AgentBudget"), self._list("AgentPool")
        seen = Seen(self.second, budgets, pools[0] if pools else {}, found)
        self.seen.append(seen)
        return seen

    def _list(self, kind: str) -> list[Object]:
        return self.stage.list(self.namespace, kind)

    def watch_until(self, second: float) -> Seen:
        """Looks once a second all the time; the last look."""
        while self.second < second:
            self.look()
            time.sleep(_POLL_SECONDS)
        return self.look()

    def wait_for(self, what: str, check: Callable[[Seen], bool], until: float) -> Seen:
        """The first look at which it holds; fails at second `until`."""
        while True:
            seen = self.look()
            if check(seen):
                return seen
            if self.second > until:
                raise AssertionError(f"not seen until second {until:.0f}: {what}")
            time.sleep(_POLL_SECONDS)

    def metrics(self) -> str:
        with _OPENER.open(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            page: bytes = answer.read()
            return page.decode()

    def metric(self, name: str) -> float:
        """The sum of its series."""
        lines = [line for line in self.metrics().splitlines() if re.match(rf"{name}[{{ ]", line)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def describe(self) -> str:
        """What a person sees of the budgets who asks why."""
        return self.stage.kubectl("describe", "agentbudgets.purser.dev", f"--namespace={self.namespace}")

    def held(self) -> list[Any]:
        """What `purser journal` says is held now, the oldest first."""
        command = [PURSER, "journal", f"--config={self.folder / 'operator.yaml'}", "--held", "--output=json"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
        return sorted((json.loads(line) for line in lines), key=lambda entry: int(entry["id"]))

    def correct(self, doubt: int, decision: str) -> None:
        """Asked for and approved."""
        name = f"doubt-{doubt}"
        spec = {"doubt": doubt, "decision": decision, "reason": "looked at by a person"}
        correction = {"apiVersion": "purser.dev/v1alpha1", "kind": "SpendCorrection", "metadata": {"name": name}, "spec": spec}
        self.stage.apply(self.namespace, correction)
        approved = {"status": {"approvedBy": "alice", "conditions": [{"type": "Approved", "status": "True"}]}}
        patch = ("--subresource=status", "--type=merge", "--patch", json.dumps(approved))
        self.stage.kubectl("patch", "spendcorrection", name, f"--namespace={self.namespace}", *patch)

    def corrected(self, doubt: int) -> str:
        """What the decision booked, once it is applied."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            status: Object = self.stage.get(self.namespace, "SpendCorrection", f"doubt-{doubt}").get("status", {})
            if status.get("state") == "Applied":
                return str(status["booked"])
            if time.monotonic() > deadline:
                raise AssertionError(f"the decision about {doubt} is not applied: {status}")
            time.sleep(0.2)

    def log(self, name: str, lines: int = 25) -> str:
        text = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def story(self) -> str:
        """What a person would want to see of a case that failed."""
        parts = [f"---- {self.namespace}"]
        if self.seen:
            parts.append(self.seen[-1].told())
            spent = [f"{seen.second:.0f}s {seen.spent}/{seen.in_doubt}" for seen in self.seen[:: max(1, len(self.seen) // 15)]]
            parts.append("  spent/in doubt: " + ", ".join(spent))
        events = [each for each in self._list("Event") if each.get("reportingComponent", "").startswith("purser")]
        parts.append("  events:\n" + "\n".join(f"    {each['reason']}: {each.get('message', '')}" for each in events))
        if (self.folder / "purser.log").exists():
            parts.append("  operator:\n" + self.log("purser", 12))
        return "\n".join(parts)

    # -- what is expected --------------------------------------------------------------------------------------------

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise AssertionError(what)

    def expect_nobody_stopped(self) -> None:
        """Not at any moment so far."""
        for seen in self.seen:
            stopped = {name: count for name, count in seen.replicas.items() if count != REPLICAS}
            self.expect(not stopped, f"replicas {stopped} instead of {REPLICAS} at second {seen.second:.0f}")

    def expect_spent(self, low: str, high: str | None = None) -> None:
        spent = self.seen[-1].spent
        high = low if high is None else high
        self.expect(Decimal(low) <= spent <= Decimal(high), f"spent {spent}, and {low} to {high} is right")

    def expect_described(self) -> None:
        """Where money is held or not seen, `kubectl describe` names series or agent, time, amount and the way out."""
        last, text = self.seen[-1], self.describe()
        wanted: list[str] = []
        if last.in_doubt > 0:
            wanted += [r"\$[\d,.]+ is held in doubt", r"SpendCorrection in namespace " + self.namespace, _TIME]
            wanted += [r"Doubt \d+: \$[\d,.]+ of \w+ at " + _TIME, r"\w+\{\w+=\"", r"In Doubt: +[\d.]+"]
        lost = {"NoSamples", "NeverSeen", "DuplicateWriters", "NotACounter", "NotANumber"}
        if last.condition("Metered")[0] == "False" and last.condition("Metered")[1] in lost:
            wanted += [r"(?i)\b(check|correct|set|give|leave|sum|name)\b", "researcher|writer"]
        if last.condition("SourceHealthy")[0] == "False":
            wanted += [r"(?i)\b(check|mend|list|look|name|set|until|correct)\b", _TIME]
        for word in wanted:
            self.expect(re.search(word, text) is not None, f"kubectl describe does not say {word!r}:\n{text}")

    def expect_told(self, kind: str, *words: str, of: str = "budget", status: str = "True", reason: str = "") -> None:
        """In the last look, or soon after it."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while wrong := self._told_wrong(kind, words, of, status, reason):
            if time.monotonic() > deadline:
                raise AssertionError(wrong)
            time.sleep(_POLL_SECONDS)
            self.look()

    def _told_wrong(self, kind: str, words: tuple[str, ...], of: str, status: str, reason: str) -> str:
        found, why, message = self.seen[-1].condition(kind, of)
        if found != status:
            return f"{of}: {kind} is {found or 'absent'}/{why}, and {status} is right: {message}"
        if reason and why != reason:
            return f"{of}: {kind} has the reason {why}, and {reason} is right: {message}"
        missing = [word for word in words if re.search(word, message) is None]
        return f"{of}: {kind} does not say {missing}: {message}" if missing else ""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
