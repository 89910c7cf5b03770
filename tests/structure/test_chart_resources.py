"""What the chart holds a second time is the same as the first."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "purser"


class ChartResourcesTest(unittest.TestCase):
    def test_the_definitions_are_those_of_crds(self) -> None:
        ours = sorted(file.name for file in (ROOT / "crds").glob("*.yaml"))
        charts = sorted(file.name for file in (CHART / "crds").glob("*.yaml"))
        self.assertEqual(charts, ours, "run: cd charts/purser/crds && ln -s ../../../crds/*.yaml .")
        for name in ours:
            self.assertTrue((CHART / "crds" / name).is_symlink(), f"charts/purser/crds/{name} is a copy, not a link")

    def test_the_version_is_the_project_s(self) -> None:
        project = re.search(r"project\(purser VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
        chart = (CHART / "Chart.yaml").read_text(encoding="utf-8")
        assert project is not None
        self.assertRegex(chart, rf'(?m)^version: {re.escape(project.group(1))}$')
        self.assertRegex(chart, rf'(?m)^appVersion: "{re.escape(project.group(1))}"$')


if __name__ == "__main__":
    unittest.main()
