"""The main job, step by step: a budget is spent, agents slow down and stop, the limit is raised, they return."""

from __future__ import annotations

import datetime
import os
import string
import time
from decimal import Decimal
from pathlib import Path

from purser_demo.checks import Check, Evidence, Expectation, StopEvidence, judge
from purser_demo.clock_zone import zone_for
from purser_demo.clusters import Cluster
from purser_demo.images import build_images
from purser_demo.installation import create_namespace, install_operator, install_prometheus
from purser_demo.picture import draw
from purser_demo.places import AGENTS_NAMESPACE, MANIFESTS
from purser_demo.screen import Screen, dollars
from purser_demo.snapshots import Snapshot
from purser_demo.spending import read_increments, time_of_crossing, total
from purser_demo.watching import Watch

EXPECTED = Expectation(
    budget="research-hour",
    pool="research",
    agent="researcher",
    limit=Decimal(2),
    maximum=8,
    replicas=4,
    other_pool="summarizers",
    other_agent="summarizer",
    other_replicas=3,
)
RAISED_LIMIT = "20"
_WINDOW_SECONDS = 600  # the hour must last that long from now
_SPENDING_SECONDS = 180.0
_RETURN_SECONDS = 120.0
_AFTERMATH_SECONDS = 8.0


class Story:
    def __init__(self, cluster: Cluster, screen: Screen, operator: Path, folder: Path) -> None:
        self._cluster = cluster
        self._screen = screen
        self._operator = operator
        self._folder = folder

    def tell(self) -> list[Check]:
        self._prepare()
        self._apply_budgets()
        watch = Watch(self._cluster, AGENTS_NAMESPACE, self._screen)
        self._spend(watch)
        stop = self._look_at_the_stop(watch)
        evidence = self._raise_the_limit(watch, stop)
        picture = self._folder / "picture.svg"
        picture.write_text(draw(watch.history, EXPECTED), encoding="utf-8")
        self._screen.remark(f"a picture of it: {os.path.relpath(picture)}")
        return judge(EXPECTED, evidence)

    def _prepare(self) -> None:
        self._screen.step("Make the images (operator, example agent, Prometheus) and load them into the node")
        images = build_images(self._operator, self._folder / "images")
        self._cluster.load(images)
        self._screen.remark("loaded " + ", ".join(image.name for image in images))
        self._screen.step("Start Prometheus, which reads every second what each agent has spent")
        url = install_prometheus(self._cluster)
        self._screen.remark(f"ready at {url}")
        self._screen.step("Install Purser: helm install purser charts/purser")
        install_operator(self._cluster, url, self._folder)
        self._screen.remark("the operator is ready")

    def _apply_budgets(self) -> None:
        zone = zone_for(datetime.datetime.now(datetime.UTC), _WINDOW_SECONDS)
        self._screen.step(
            f"Apply two pools, two budgets and the agents: {EXPECTED.replicas} researchers who may spend "
            f"{dollars(EXPECTED.limit)} in an hour (of {zone}), {EXPECTED.other_replicas} summarizers beside them"
        )
        create_namespace(self._cluster, AGENTS_NAMESPACE)
        budgets = (MANIFESTS / "budgets.yaml").read_text(encoding="utf-8")
        self._cluster.kubectl("apply", f"--filename={MANIFESTS / 'pools.yaml'}")
        self._cluster.kubectl("apply", "--filename=-", text=string.Template(budgets).substitute(TIME_ZONE=zone))
        self._cluster.kubectl("apply", f"--filename={MANIFESTS / 'agents.yaml'}")

    def _spend(self, watch: Watch) -> None:
        def running(snapshot: Snapshot) -> bool:
            return all(view.ready == view.replicas for view in snapshot.workloads.values())

        def state(wanted: str) -> Snapshot:
            return watch.until(
                f"budget {EXPECTED.budget} becoming {wanted}",
                lambda snapshot: snapshot.budgets[EXPECTED.budget].state == wanted,
                _SPENDING_SECONDS,
            )

        watch.until("agents running", running, _RETURN_SECONDS)
        self._screen.step("Wait: at 80 % the researchers are slowed down, fewer replicas and less concurrency")
        throttled = state("Throttled").budgets[EXPECTED.budget]
        self._screen.remark(f"80 % crossed: {dollars(throttled.spent)} of {dollars(throttled.limit)}")
        self._screen.step("Wait: at 100 % they are stopped, after 2 seconds to finish what is in flight")
        state("Stopped")
        watch.until(
            "the researchers' pods ending",
            lambda snapshot: (
                snapshot.workloads[EXPECTED.agent].replicas == 0
                and snapshot.pods.get(EXPECTED.agent, 0) == 0
                and snapshot.pools[EXPECTED.pool].state == "Stopped"
            ),
            _RETURN_SECONDS,
        )

    def _look_at_the_stop(self, watch: Watch) -> StopEvidence:
        self._screen.step(f"Look on for {_AFTERMATH_SECONDS:.0f} seconds: nothing more is spent, the others work on")
        api = self._cluster.api
        watch.for_seconds(1.5)  # the scrape that was under way when the last pod ended
        increments = read_increments(api, AGENTS_NAMESPACE, EXPECTED.agent)
        others = total(read_increments(api, AGENTS_NAMESPACE, EXPECTED.other_agent))
        watch.for_seconds(_AFTERMATH_SECONDS)
        later = total(read_increments(api, AGENTS_NAMESPACE, EXPECTED.agent))
        others_later = total(read_increments(api, AGENTS_NAMESPACE, EXPECTED.other_agent))
        published = api.get(f"/api/v1/namespaces/{AGENTS_NAMESPACE}/configmaps/research-limits") or {}
        limits = str(published.get("data", {}).get("limits.json", "none"))
        crossed = time_of_crossing(increments, EXPECTED.limit)
        self._screen.remark(f"researchers: {dollars(total(increments))}, then {dollars(later)}")
        self._screen.remark(f"summarizers: {dollars(others)}, then {dollars(others_later)}")
        return StopEvidence(crossed, limits, total(increments), later, _AFTERMATH_SECONDS, others_later - others)

    def _raise_the_limit(self, watch: Watch, stop: StopEvidence) -> Evidence:
        patch = f'{{"spec":{{"limit":"{RAISED_LIMIT}"}}}}'
        self._screen.step(f"Raise the limit: kubectl patch agentbudget {EXPECTED.budget} --patch '{patch}'")
        raised_at = time.time()
        command = ["patch", "agentbudget", EXPECTED.budget, "--namespace", AGENTS_NAMESPACE, "--type=merge"]
        self._cluster.kubectl(*command, f"--patch={patch}")
        watch.until(
            "the researchers returning",
            lambda snapshot: (
                snapshot.workloads[EXPECTED.agent].ready == EXPECTED.replicas
                and snapshot.pools[EXPECTED.pool].state == "Normal"
            ),
            _RETURN_SECONDS,
        )
        self._screen.step("Read the story afterwards: kubectl events --for=agentbudget/... (or kubectl describe)")
        described = self._describe("agentbudget", EXPECTED.budget) + self._describe("agentpool", EXPECTED.pool)
        return Evidence(
            before_raise=[snapshot for snapshot in watch.history if snapshot.time < raised_at],
            after_raise=watch.since(raised_at),
            stop=stop,
            described=described,
        )

    def _describe(self, kind: str, name: str) -> str:
        """Shows the events alone, in order of time, which describe does not keep to."""
        where = ("--namespace", AGENTS_NAMESPACE)
        self._screen.block(f"\n{kind} {name}\n{self._cluster.kubectl('events', f'--for={kind}/{name}', *where)}")
        return self._cluster.kubectl("describe", kind, name, *where)
