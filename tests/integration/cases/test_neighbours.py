"""All rows of the table of neighbours at once: one API server with its real controllers, one Prometheus, one operator."""

from __future__ import annotations

import json
import os
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from neighbours import ROWS, Neighbour
from page_server import PageServer
from stage import Stage
from trial import PURSER, Trial

_WANTED = [name for name in os.environ.get("PURSER_ROWS", "").split() if name]
_SCALED_OBJECTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


class _Meter:
    """Ten cents in every namespace, and nine dollars more when told."""

    def __init__(self, namespaces: list[str]) -> None:
        self.spent = "0.1"
        self._namespaces = namespaces
        self._server = PageServer(self._page)
        self.address = self._server.address

    def _page(self) -> tuple[int, bytes]:
        who = [f'namespace="{name}",agent="{agent}"' for name in self._namespaces for agent in ("worker", "other")]
        lines = [f"agent_cost_usd_total{{{labels}}} {self.spent}" for labels in who]
        return 200, "\n".join(["# TYPE agent_cost_usd_total counter", *lines, ""]).encode()

    def end(self) -> None:
        self._server.end()


@unittest.skipUnless(os.access(PURSER, os.X_OK), "PURSER_BINARY is not built")
class NeighboursTest(unittest.TestCase):
    def test_every_row(self) -> None:
        rows = {name: act for name, act in ROWS.items() if not _WANTED or name in _WANTED}
        stage = Stage()
        self.addCleanup(stage.end)
        meter = _Meter(list(rows))
        self.addCleanup(meter.end)
        stage.kubectl("create", "-f-", stdin=json.dumps(_SCALED_OBJECTS))
        stage.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh")
        for name in rows:
            stage.kubectl("create", "namespace", name)
        trial = Trial(stage, "neighbours")
        self.addCleanup(trial.end)
        trial.watch_all(meter.address)
        for cents in range(110, 911, 100):  # a dollar a second is an agent's ordinary day
            meter.spent = f"{cents / 100:.2f}"
            time.sleep(1)
        failed = {}

        def play(name: str) -> None:
            began = time.monotonic()
            try:
                rows[name](Neighbour(stage, name))
                print(f"ok   {name} {time.monotonic() - began:.0f} s", flush=True)
            except Exception as error:  # noqa: BLE001  (told below, of all rows)
                failed[name] = f"{error!r}"
                print(f"FAIL {name}: {error}", flush=True)

        with ThreadPoolExecutor(max_workers=len(rows)) as pool:
            list(pool.map(play, rows))
        if failed:
            print(trial.log("purser", 200))
        self.assertEqual(failed, {})


if __name__ == "__main__":
    unittest.main()
