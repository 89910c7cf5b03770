"""The parts of the demo that need no cluster: above all, that its checks fail when they should."""

from __future__ import annotations

import datetime
import json
import os
import re
import shlex
import tarfile
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import demo_path  # noqa: F401  (sets the path)
from purser_demo.checks import Evidence, Expectation, StopEvidence, judge, proportional
from purser_demo.clock_zone import seconds_left, zone_for
from purser_demo.clusters import Cluster, load_command, open_cluster
from purser_demo.commands import run
from purser_demo.errors import DemoError
from purser_demo.images import Image, operator_image_name
from purser_demo.picture import draw
from purser_demo.places import (
    AGENTS_NAMESPACE,
    DEFINITIONS,
    IMAGE_SCRIPT,
    MANIFESTS,
    OPERATOR_NAMESPACE,
    ROOT,
    TOOLS_NAMESPACE,
)
from purser_demo.screen import dollars
from purser_demo.snapshots import AgentView, BudgetView, PoolView, Snapshot, WorkloadView
from purser_demo.spending import Increment, time_of_crossing, total

EXPECTED = Expectation("b", "p", "a", Decimal(2), 8, 4, "q", "o", 3)


def snapshot(time: float, state: str, spent: str, concurrency: int, replicas: int, pods: int) -> Snapshot:
    agent = AgentView(state, concurrency, replicas, None if replicas == 4 else 4)
    other = AgentView("Normal", 6, 3, None)
    return Snapshot(
        time,
        {"b": BudgetView(state, Decimal(spent), Decimal(2))},
        {"p": PoolView(state, concurrency, "b", {"a": agent}), "q": PoolView("Normal", 6, "", {"o": other})},
        {"a": WorkloadView(replicas, pods, None if replicas == 4 else "{}"), "o": WorkloadView(3, 3, None)},
        {"a": pods, "o": 3},
    )


def evidence() -> Evidence:
    """Of a demo that went well."""
    return Evidence(
        before_raise=[
            snapshot(0, "Normal", "0.5", 8, 4, 4),
            snapshot(10, "Throttled", "1.62", 8, 4, 4),
            snapshot(20, "Throttled", "1.8", 4, 2, 2),
            snapshot(30, "Throttled", "1.95", 1, 1, 1),
            snapshot(40, "Stopped", "2.01", 0, 0, 0),
        ],
        after_raise=[
            snapshot(50, "Ramping", "2.01", 1, 4, 0),
            snapshot(60, "Ramping", "2.01", 2, 4, 4),
            snapshot(70, "Normal", "2.1", 8, 4, 4),
        ],
        stop=StopEvidence(
            crossed_at=38.0,
            limits='{"pool":"p","agents":{"a":{"state":"Stopped","maxConcurrency":0}}}',
            spent=Decimal("2.01"),
            spent_later=Decimal("2.01"),
            watched_seconds=8.0,
            others_spent=Decimal("0.03"),
        ),
        described="Spec:\nEvents:\n  Warning Throttled\n  Warning Stopped\n",
    )


class ChecksTest(unittest.TestCase):
    def failing(self, seen: Evidence) -> list[str]:
        return [check.text for check in judge(EXPECTED, seen) if not check.passed]

    def test_all_pass(self) -> None:
        self.assertEqual(self.failing(evidence()), [])

    def test_each_fault_is_found(self) -> None:
        good = evidence()
        history = good.before_raise

        def stopped(**changes: Any) -> Evidence:
            return replace(good, stop=replace(good.stop, **changes))

        faults = {
            "never Throttled": replace(good, before_raise=[history[0], history[4]]),
            "first seen Throttled at 70.0 %": replace(
                good, before_raise=[history[0], snapshot(5, "Throttled", "1.4", 8, 4, 4), *history[2:]]
            ),
            "concurrency was cut": replace(good, before_raise=[history[0], history[2], history[1], *history[3:]]),
            "out of proportion: [4]": replace(
                good, before_raise=[*history[:2], snapshot(15, "Throttled", "1.8", 4, 4, 4), *history[2:]]
            ),
            "4 replicas": replace(good, before_raise=[*history[:4], snapshot(40, "Stopped", "2.01", 0, 4, 4)]),
            "1 pods": replace(good, before_raise=[*history[:4], snapshot(40, "Stopped", "2.01", 0, 0, 1)]),
            "published limits": stopped(limits="none"),
            "s from the sample": stopped(crossed_at=20.0),
            "never crossed": stopped(crossed_at=None),
            "too much": stopped(spent=Decimal("2.3"), spent_later=Decimal("2.3")),
            "$0.05 spent in the": stopped(spent_later=Decimal("2.06")),
            "status says": stopped(spent=Decimal("2.04"), spent_later=Decimal("2.04")),
            "the other team": stopped(others_spent=Decimal(0)),
            "replicas back": replace(good, after_raise=[*good.after_raise, snapshot(80, "Normal", "2.1", 8, 2, 2)]),
            "came back in steps": replace(good, after_raise=good.after_raise[2:]),
            "events lack Stopped": replace(good, described="Stopped\nEvents: Throttled"),
        }
        for text, seen in faults.items():
            with self.subTest(text):
                self.assertTrue(any(text in found for found in self.failing(seen)), self.failing(seen))

    def test_a_status_may_come_soon_after_the_replicas(self) -> None:
        good = evidence()
        history = good.before_raise
        for seconds, problems in ((1.5, 0), (3.0, 1)):
            times = (20 - seconds, 20.2 - seconds)
            early = [snapshot(time, "Throttled", "1.79", 8, 2, 2) for time in times]
            seen = replace(good, before_raise=[*history[:2], *early, *history[2:]])
            self.assertEqual(len(self.failing(seen)), problems, self.failing(seen))

    def test_proportional(self) -> None:
        cases = ((4, 8, 8, 4), (4, 7, 8, 4), (4, 6, 8, 3), (4, 4, 8, 2), (4, 1, 8, 1), (1, 1, 8, 1))
        for replicas, concurrency, maximum, want in cases:
            self.assertEqual(proportional(replicas, concurrency, maximum), want)


class PictureTest(unittest.TestCase):
    def test_it_shows_states_curves_and_the_raised_limit(self) -> None:
        good = evidence()
        raised = [
            replace(each, budgets={"b": replace(each.budgets["b"], limit=Decimal(20))}) for each in good.after_raise
        ]
        picture = xml.etree.ElementTree.fromstring(draw([*good.before_raise, *raised], EXPECTED))
        texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
        states = ("Normal", "Throttled", "Stopped", "Ramping")
        for text in (*states, "limit $2", "raised to $20", "spent", "at once", "pods"):
            self.assertIn(text, texts)
        width = float(picture.attrib["viewBox"].split()[2])
        for element in picture.iter("{http://www.w3.org/2000/svg}path"):
            drawn = re.findall(r"[MH](\d+(?:\.\d+)?)", element.attrib["d"])
            self.assertTrue(all(float(x) <= width for x in drawn), element.attrib["d"])

    def test_one_look_is_enough(self) -> None:
        xml.etree.ElementTree.fromstring(draw(evidence().before_raise[:1], EXPECTED))


class ZoneTest(unittest.TestCase):
    def at(self, minute: int, second: int = 0) -> datetime.datetime:
        return datetime.datetime(2026, 11, 24, 10, minute, second, tzinfo=datetime.UTC)

    def test_seconds_left(self) -> None:
        for minute, second, ends_at, want in ((0, 0, 0, 3600), (59, 59, 0, 1), (0, 0, 30, 1800), (31, 0, 30, 3540)):
            self.assertEqual(seconds_left(self.at(minute, second), ends_at), want)

    def test_an_hour_of_some_zone_always_lasts(self) -> None:
        self.assertEqual(zone_for(self.at(10), 600), "UTC")
        self.assertEqual(zone_for(self.at(55), 600), "Asia/Kolkata")
        ends = {"UTC": 0, "Asia/Kolkata": 30, "Asia/Kathmandu": 15}
        for minute in range(60):
            self.assertGreaterEqual(seconds_left(self.at(minute), ends[zone_for(self.at(minute), 600)]), 600)


class SpendingTest(unittest.TestCase):
    def test_crossing(self) -> None:
        increments = [Increment(1, Decimal("0.1")), Increment(2, Decimal("0.2")), Increment(3, Decimal("0.1"))]
        self.assertEqual(total(increments), Decimal("0.4"))
        self.assertEqual(time_of_crossing(increments, Decimal("0.3")), 2)
        self.assertIsNone(time_of_crossing(increments, Decimal("0.5")))
        self.assertEqual(total([]), 0)

    def test_dollars(self) -> None:
        cases = {"2": "$2.00", "2.5": "$2.50", "2.035": "$2.035", "2.0350": "$2.035", "0E-9": "$0.00"}
        for amount, want in cases.items():
            self.assertEqual(dollars(Decimal(amount)), want)


class OperatorImageTest(unittest.TestCase):
    def test_its_name_is_what_the_chart_asks_for(self) -> None:
        with tempfile.TemporaryDirectory(prefix="purser-image-") as folder:
            archive = Path(folder) / "image.tar"
            printed = run([IMAGE_SCRIPT, "/bin/true", archive], "making an image").strip()
            with tarfile.open(archive) as opened:
                manifest = opened.extractfile("manifest.json")
                assert manifest is not None
                (described,) = json.load(manifest)
        self.assertEqual(printed, operator_image_name())
        self.assertEqual(described["RepoTags"], [operator_image_name()])


class ClusterChoiceTest(unittest.TestCase):
    def test_only_a_cluster_named_for_the_demo_is_used(self) -> None:
        with self.assertRaisesRegex(DemoError, "PURSER_DEMO_KUBECONFIG=/nonexistent/file: no such file"):
            open_cluster(Path("/nonexistent"), {"PURSER_DEMO_KUBECONFIG": "/nonexistent/file", "KUBECONFIG": "/other"})

    def named_cluster(self, kubectl: str) -> Cluster:
        """With programs that answer as told instead of the real ones."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="purser-named-")))
        for name, script in (("kubectl", kubectl), ("helm", "exit 1")):
            (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
        (folder / "config").write_text("", encoding="utf-8")
        self.enterContext(unittest.mock.patch.dict(os.environ, {"PATH": f"{folder}:{os.environ['PATH']}"}))
        return open_cluster(folder / "state", {"PURSER_DEMO_KUBECONFIG": str(folder / "config")})

    def test_a_file_without_a_context_is_refused(self) -> None:
        with self.assertRaisesRegex(DemoError, "config names no cluster to use.*use-context NAME.*is not set"):
            self.named_cluster("echo 'error: current-context is not set' >&2; exit 1")

    def test_the_context_of_the_start_is_used_to_the_end(self) -> None:
        cluster = self.named_cluster("echo kind-try")
        self.assertEqual(cluster.context, "kind-try")
        self.assertIn("--context=kind-try", cluster.kubectl_command())
        self.assertIn("--kube-context=kind-try", cluster.helm_command())

    def test_what_is_kept_can_be_removed_as_told(self) -> None:
        cluster = self.named_cluster("echo kind-try")
        lines = cluster.how_to_end()
        for line in lines:
            self.assertIn(f"--kubeconfig={cluster.kubeconfig}", line)
            self.assertRegex(line, "--(kube-)?context=kind-try")
        told = [word for line in lines for word in shlex.split(line)]
        for name in (AGENTS_NAMESPACE, OPERATOR_NAMESPACE, TOOLS_NAMESPACE, *DEFINITIONS):
            self.assertIn(name, told)
        # What has no namespace goes with its file, which may be given from any folder.
        self.assertIn(f"--filename={MANIFESTS / 'prometheus.yaml'}", told)
        self.assertIn("agentbudgets,agentpools", lines[0], "before the operator, which gives back")

    def test_a_named_cluster_needs_none_to_be_built(self) -> None:
        def commands(*settings: str) -> str:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
            return run(["make", "--dry-run", "demo", *settings], "make", environment=environment, directory=ROOT)

        self.assertIn("cluster.py build", commands("PURSER_DEMO_KUBECONFIG="))
        self.assertNotIn("cluster.py build", commands("PURSER_DEMO_KUBECONFIG=/some/file"))

    def test_how_images_are_loaded(self) -> None:
        image = Image("purser:dev", Path("/images/purser.tar"))
        kind = load_command("kind-try", image)
        self.assertEqual(kind, ["kind", "load", "image-archive", "/images/purser.tar", "--name", "try"])
        minikube = load_command("minikube", image)
        self.assertEqual(minikube, ["minikube", "--profile", "minikube", "image", "load", "/images/purser.tar"])
        self.assertIsNone(load_command("production", image))


if __name__ == "__main__":
    unittest.main()
