"""Agents that do not stop as they are asked to, on a real node: what is spent after a stop is flat within the bound, and
no more than status.overspendBound said before, or StillSpending says so. All at once, each in a namespace of its own; `make ill-mannered`."""

from __future__ import annotations

import datetime
import json
import os
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import demo_path
from objects import agent_budget, agent_deployment, agent_pool
from overspending import BoundBefore
from purser_demo.clock_zone import zone_for
from purser_demo.clusters import LocalCluster
from purser_demo.images import TAG, Image, build_go, build_images, make_image
from purser_demo.installation import create_namespace, install_operator, install_prometheus, operator_log, wait_for
from purser_demo.snapshots import RESOURCES, take_snapshot
from purser_demo.spending import read_increments, total

_MODULE = Path(__file__).resolve().parent / "ill_mannered"
_IMAGE = f"purser-test-ill-mannered:{TAG}"
_GRACE = 15  # terminationGracePeriodSeconds
# After replicas are 0: the grace, a scrape and a poll of a second each, and what two slow cores take.
_BOUND = _GRACE + 10
_SECONDS = 150.0

Object = dict[str, Any]


def _deployment(namespace: str, manner: str) -> Object:
    made = agent_deployment(namespace, "worker", 1, "0.01", 600)
    spec = made["spec"]["template"]["spec"]
    spec["terminationGracePeriodSeconds"] = _GRACE
    (container,) = spec["containers"]
    container.update({"image": _IMAGE, "env": [{"name": "AGENT", "value": "worker"}, {"name": "MANNER", "value": manner}]})
    return made


@unittest.skipUnless(os.geteuid() == 0, "needs root: a real node is made of namespaces, mounts and cgroups")
class IllManneredTest(unittest.TestCase):
    cluster: ClassVar[LocalCluster]

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(os.environ.get("PURSER_TEST_DIRECTORY") or demo_path.ROOT / "build" / "ill-mannered")
        operator = Path(os.environ.get("PURSER_BINARY") or demo_path.ROOT / "build" / "purser")
        images = build_images(operator, folder / "images")
        agent = Image(_IMAGE, folder / "images" / "ill-mannered.tar")
        program = folder / "images" / "ill-mannered"
        build_go(_MODULE, program)
        make_image(agent, ["--user", "65532:65532", "--entrypoint", "/agent", "--binary", f"{program}:/agent"])
        cls.cluster = LocalCluster(folder)
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.load([*images, agent])
        install_operator(cls.cluster, install_prometheus(cls.cluster), folder)

    def test_all_at_once(self) -> None:
        manners = ("ignores-sigterm", "forks", "restarts", "shows-at-exit", "scaled-back", "beside")
        failed: dict[str, str] = {}

        def play(manner: str) -> None:
            try:
                self.play(manner)
                print(f"ok   {manner}", flush=True)
            except BaseException as error:  # told below, of all
                failed[manner] = repr(error)
                print(f"FAIL {manner}: {error}", flush=True)

        with ThreadPoolExecutor(max_workers=len(manners)) as pool:
            list(pool.map(play, manners))
        if failed:
            print(operator_log(self.cluster))
        self.assertEqual(failed, {})

    def play(self, manner: str) -> None:
        create_namespace(self.cluster, manner)
        zone = zone_for(datetime.datetime.now(datetime.UTC), 900)
        worker = _deployment(manner, manner)
        limit = "0.5" if manner == "restarts" else "5"  # the kubelet waits longer each time
        objects = [worker, agent_pool(manner, "workers", "worker", 4), agent_budget(manner, "hour", "workers", limit, zone)]
        if manner == "beside":
            # The same agent as a bare pod, of which the pool knows nothing.
            template = worker["spec"]["template"]
            metadata = {**template["metadata"], "name": "beside", "namespace": manner}
            objects.append({"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "labels": {"purser.dev/agent": "worker", "app": "beside"}}, "spec": template["spec"]})
        self.cluster.apply(*objects)
        told = BoundBefore(self.cluster.api, manner, "hour")
        if manner == "shows-at-exit":
            # No budget sees it spend: a person stops it.
            time.sleep(15)
            self.kubectl(manner, "patch", "agentpool", "workers", "--type=merge", "-p", json.dumps({"spec": {"stop": {"reason": "no meter"}}}))
        wait_for(f"{manner} being stopped", lambda: self.replicas(manner) == 0, _SECONDS)
        ended = threading.Event()
        refusals: list[str] = []
        owner = threading.Thread(target=self.scale_back, args=(manner, ended, refusals), daemon=True)
        if manner == "scaled-back":
            owner.start()
        time.sleep(_BOUND)
        before = self.spent(manner)
        time.sleep(15)
        after = self.spent(manner)
        ended.set()
        if manner == "beside":
            self.assertGreater(after, before, "the pod beside it was to spend on")
            for kind, name in (("agentpools", "workers"), ("agentbudgets", "hour")):
                wait_for(f"{kind} saying that it spends on", lambda k=kind, n=name: self.told(manner, k, n), 240.0)  # type: ignore[misc]
            return
        self.assertEqual(after, before, f"{manner}: spent after the bound")
        self.assertGreater(after, 0)
        if manner != "shows-at-exit":  # a person stopped it, short of its limit
            over, bound = after - Decimal(limit), told.bound()
            print(f"{manner}: ${over} over a limit of ${limit}; at most ${bound} was told", flush=True)
            self.assertGreaterEqual(over, 0)
            self.assertLessEqual(over, bound, f"{manner}: overspent by more than status.overspendBound said before")
        if manner == "scaled-back":
            self.assertTrue(any("holds agent worker" in each for each in refusals), refusals)

    def scale_back(self, namespace: str, ended: threading.Event, refusals: list[str]) -> None:
        """As an operator of its own would."""
        while not ended.wait(0.5):
            try:
                self.kubectl(namespace, "scale", "deployment/worker", "--replicas=1")
            except Exception as error:  # refused; told by its text
                refusals.append(str(error))

    def told(self, namespace: str, kind: str, name: str) -> bool:
        found = self.cluster.api.get(f"{RESOURCES}/namespaces/{namespace}/{kind}/{name}")
        conditions = (found or {}).get("status", {}).get("conditions", [])
        return any(each["type"] == "StillSpending" and each["status"] == "True" for each in conditions)

    def kubectl(self, namespace: str, *words: str) -> str:
        return self.cluster.kubectl(*words, "--namespace", namespace)

    def replicas(self, namespace: str) -> int:
        return take_snapshot(self.cluster.api, namespace).workloads["worker"].replicas

    def spent(self, namespace: str) -> Decimal:
        return total(read_increments(self.cluster.api, namespace))


if __name__ == "__main__":
    unittest.main()
