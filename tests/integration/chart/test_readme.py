"""What the README shows is what one gets: its manifests are accepted, its tables are kubectl's."""

from __future__ import annotations

import json
import re
import unittest
from math import ceil
from typing import ClassVar

from control_plane import ROOT, ControlPlane

_README = (ROOT / "README.md").read_text(encoding="utf-8")
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
# The columns that the status decides, by the names of its fields.
_BUDGET_STATUS = {
    "STATE": "state",
    "SPENT": "spent",
    "LIMIT": "limit",
    "RESETS": "resetsAt",
    "EXHAUSTS": "exhaustsAt",
    "SUBJECTS": "summary",
}


def _block(language: str, holding: str) -> str:
    """The README's code block of that language that holds the text."""
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```$", _README, re.MULTILINE | re.DOTALL)
    (found,) = [str(block) for block in blocks if holding in block]
    return found


def _tables() -> dict[str, tuple[str, str]]:
    """Resource, as it is typed -> header and first row, as the README shows them."""
    consoles = re.findall(r"^ *```console\n(.*?)^ *```$", _README, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^\$ kubectl get (\w+)\n(.+)\n(.+)$", "\n".join(consoles), re.MULTILINE)
    return {resource: (header, row) for resource, header, row in found}


def _table(resource: str) -> dict[str, str]:
    header, row = _tables()[resource]
    return dict(zip(header.split(), _cells(header, row), strict=True))


def _cells(header: str, row: str) -> list[str]:
    """By where the columns begin: a cell may be empty."""
    starts = [found.start() for found in re.finditer(r"\S+", header)]
    return [row[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]


class ReadmeTest(unittest.TestCase):
    cluster: ClassVar[ControlPlane]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = ControlPlane()
        cls.addClassCleanup(cls.cluster.end)
        cls.cluster.kubectl("apply", f"--filename={ROOT / 'crds'}")
        cls.cluster.kubectl("wait", "--for=condition=Established", "--all", "customresourcedefinitions")
        cls.cluster.kubectl("create", "namespace", "agents")
        cls.cluster.kubectl("apply", "--filename=-", stdin=_block("yaml", "kind: AgentBudget"))

    def test_the_tables_are_those_of_kubectl(self) -> None:
        self.assertEqual(sorted(_tables()), ["ab", "abo", "agentbudgets", "agentpools"])
        self.cluster.kubectl("apply", f"--filename={ROOT / 'examples' / 'wishes.yaml'}")
        pool = _table("agentpools")
        for shown in (_table("agentbudgets"), _table("ab")):
            status: dict[str, object] = {field: shown[column] for column, field in _BUDGET_STATUS.items() if shown[column]}
            self.set_status("agentbudget", shown["NAME"], {**status, "percentUsed": int(shown["USED"])})
        concurrency = int(pool["CONCURRENCY"])
        agents = [{"name": "researcher", "state": pool["STATE"], "concurrency": concurrency, "replicas": 1}]
        governed = {"state": pool["STATE"], "maxConcurrency": concurrency, "governedBy": pool["BUDGET"]}
        self.set_status("agentpool", pool["NAME"], {**governed, "agents": agents, "agentCount": len(agents)})
        asked = _table("abo")
        self.assertEqual((asked["AGENT"], asked["SET"]), ("", ""))
        spec = {"budget": asked["BUDGET"], "add": asked["ADD"], "reason": "more to read", "expires": {"untilReset": True}}
        override = {"apiVersion": "purser.dev/v1alpha1", "kind": "AgentBudgetOverride", "spec": spec}
        override["metadata"] = {"name": asked["NAME"], "namespace": "agents"}
        self.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(override))
        until = {"until": asked["UNTIL"]} if asked["UNTIL"] else {}
        self.set_status("abo", asked["NAME"], {"state": asked["STATE"], **until})
        for resource, (header, row) in _tables().items():
            with self.subTest(resource):
                name = row.split()[0]
                lines = self.cluster.kubectl("get", resource, name, "--namespace=agents").splitlines()
                self.assertEqual(lines[0].split(), header.split())
                self.assertEqual(_cells(lines[0], lines[1])[:-1], _cells(header, row)[:-1])  # the age is another
                self.assertEqual(lines[0].rstrip(), header.rstrip(), "as wide as kubectl makes it")

    def test_its_figures_fit_together(self) -> None:
        budget = _table("agentbudgets")
        used = int(budget["SPENT"]) * 100 // int(budget["LIMIT"])
        self.assertEqual(used, int(budget["USED"]))
        for column in ("RESETS", "EXHAUSTS"):
            self.assertRegex(budget[column], rf"^{_MOMENT}$")
        pool = _table("agentpools")
        self.assertEqual(int(pool["CONCURRENCY"]), _at_once(20, used))

    def test_the_picture_is_the_curve(self) -> None:
        picture = _block("mermaid", "xychart")
        used = _numbers(picture, "x-axis")
        self.assertEqual(_numbers(picture, "bar"), [_at_once(20, percent) for percent in used])

    def set_status(self, kind: str, name: str, status: dict[str, object]) -> None:
        patch = json.dumps({"status": status})
        words = ["--namespace=agents", "--subresource=status", "--type=merge", f"--patch={patch}"]
        self.cluster.kubectl("patch", kind, name, *words)


def _at_once(maximum: int, percent: int) -> int:
    """As the README's formula says, with the thresholds of 80 and 100."""
    if percent >= 100:
        return 0
    return maximum if percent < 80 else max(1, ceil(maximum * (100 - percent) / 20))


def _numbers(picture: str, line: str) -> list[int]:
    found = re.search(rf"^ *{line} .*\[(.*)\]$", picture, re.MULTILINE)
    assert found is not None
    return [int(word) for word in found.group(1).split(",")]


if __name__ == "__main__":
    unittest.main()
