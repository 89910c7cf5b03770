"""The chart's alerts, played to by promtool, and its dashboard: every metric they name is one that the operator serves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "cluster"))

from served_cluster import ROOT, SECONDS  # noqa: E402  (the path above has to come first)

_CHART = ROOT / "charts" / "purser"
_ALERTS = _CHART / "files" / "alerts.yaml"
_DASHBOARD = _CHART / "files" / "dashboard.json"
_SCRIPT = Path(__file__).resolve().parent / "alerts_test.yaml"
_SERVED = ROOT / "operator" / "observability"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)


def _served() -> set[str]:
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted(_SERVED.glob("*.cc")))
    return set(re.findall(r'"(purser_[a-z_]+)"', sources))


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(_DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return panels


def _queries() -> list[str]:
    """As Grafana sends them, for every namespace."""
    return [target["expr"].replace("$namespace", ".*") for panel in _panels() for target in panel["targets"]]


class AlertsTest(unittest.TestCase):
    folder: Path

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="purser-alerts-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def played(self, alerts: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "alerts.yaml").write_text(alerts, encoding="utf-8")
        shutil.copy(_SCRIPT, self.folder)
        return _run("promtool", "test", "rules", str(self.folder / _SCRIPT.name))

    def test_who_must_be_told_is_told(self) -> None:
        done = self.played(_ALERTS.read_text(encoding="utf-8"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_script_notices_a_wrong_rule(self) -> None:
        """A rise read as a counter's increase counts money that was taken back: the reason for the rules as they are."""
        alerts = _ALERTS.read_text(encoding="utf-8")
        pattern = r"purser_budget_spent_usd - min_over_time\((purser_budget_spent_usd\[\w+\])\)"
        self.assertNotEqual(self.played(re.sub(pattern, r"increase(\1)", alerts)).returncode, 0)

    def test_every_metric_is_served(self) -> None:
        served = _served()
        for text in (_ALERTS.read_text(encoding="utf-8"), *_queries()):
            for name in re.findall(r"\bpurser_[a-z_]+\b", text):
                self.assertIn(name, served)

    def test_the_dashboards_queries_are_queries(self) -> None:
        rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(_queries())]
        path = self.folder / "dashboard.json"
        path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
        done = _run("promtool", "check", "rules", str(path))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(len(rules), 10)

    def test_no_two_panels_share_a_place(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in _panels():
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            places = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(taken & places, panel["title"])
            taken |= places

    def test_the_chart_carries_both(self) -> None:
        helm = _run(sys.executable, str(ROOT / "tests" / "cluster" / "cluster.py"), "which", "helm").stdout.strip()
        values = ["--set=prometheus.url=http://x:9090", "--set=metrics.prometheusRule.enabled=true"]
        values += ["--set=metrics.prometheusRule.labels.release=stack", "--set=metrics.dashboard.enabled=true"]
        rule = _run(helm, "template", "purser", str(_CHART), *values, "--show-only=templates/prometheusrule.yaml")
        self.assertEqual(rule.returncode, 0, rule.stderr)
        self.assertIn("release: stack", rule.stdout)
        kept = rule.stdout.split("\nspec:\n", 1)[1]
        (self.folder / "kept.yaml").write_text("\n".join(line[2:] for line in kept.splitlines()), encoding="utf-8")
        done = _run("promtool", "check", "rules", str(self.folder / "kept.yaml"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        dashboard = _run(helm, "template", "purser", str(_CHART), *values, "--show-only=templates/dashboard.yaml")
        indented = dashboard.stdout.split("purser.json: |\n", 1)[1]
        self.assertEqual(json.loads(indented), json.loads(_DASHBOARD.read_text(encoding="utf-8")))
        none = _run(helm, "template", "purser", str(_CHART), values[0])
        self.assertNotIn("PrometheusRule", none.stdout)


if __name__ == "__main__":
    unittest.main()
