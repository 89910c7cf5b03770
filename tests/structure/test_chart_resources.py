"""What the chart holds a second time is the same as the first."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "purser"


class ChartResourcesTest(unittest.TestCase):
    def test_the_definitions_are_those_of_crds(self) -> None:
        ours = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "crds").glob("*.yaml")}
        charts = {file.name: file.read_text(encoding="utf-8") for file in (CHART / "crds").glob("*.yaml")}
        way_out = "run: cp crds/*.yaml charts/purser/crds/"
        self.assertEqual(sorted(charts), sorted(ours), way_out)
        for name, text in ours.items():
            self.assertTrue(charts[name] == text, f"charts/purser/crds/{name} is not crds/{name}; {way_out}")

    def test_the_version_is_the_project_s(self) -> None:
        project = re.search(r"project\(purser VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
        chart = (CHART / "Chart.yaml").read_text(encoding="utf-8")
        assert project is not None
        self.assertRegex(chart, rf'(?m)^version: {re.escape(project.group(1))}$')
        self.assertRegex(chart, rf'(?m)^appVersion: "{re.escape(project.group(1))}"$')


if __name__ == "__main__":
    unittest.main()
