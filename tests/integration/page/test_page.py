"""The live page in a real Chromium: a budget crosses its thresholds in front of it, and nothing that a name holds harms it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cases"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from served_cluster import ROOT, SECONDS  # noqa: E402  (the path above has to come first)
from stage import Stage  # noqa: E402
from trial import PURSER, Trial, budget, deployment, pool  # noqa: E402

_HERE = Path(__file__).resolve().parent
_CHROMIUM = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), "")
_MISSING = [name for name, found in (("npm", shutil.which("npm")), ("chromium", _CHROMIUM)) if not found]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@unittest.skipUnless(os.access(PURSER, os.X_OK), "PURSER_BINARY is not built")
@unittest.skipIf(_MISSING, f"not installed: {', '.join(_MISSING)}")
class PageTest(unittest.TestCase):
    stage: Stage
    trial: Trial
    tools: Path
    url: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.tools = Path(tempfile.mkdtemp(prefix="purser-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.tools, ignore_errors=True)
        for name in ("package.json", "package-lock.json", "browse.mjs"):
            shutil.copy(_HERE / name, cls.tools)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=cls.tools, check=True, timeout=120)
        cls.stage = Stage()
        cls.addClassCleanup(cls.stage.end)
        cls.trial = Trial(cls.stage, "page")
        cls.addClassCleanup(cls.trial.end)
        agents = ("researcher", "writer")
        objects = [*(deployment(name) for name in agents), pool(*agents), budget("60")]
        cls.stage.apply("page", *objects)
        dashboard = subprocess.Popen(
            [str(Path(PURSER).parent / "kubectl-purser"), "dashboard", "--namespace=page", f"--kubeconfig={cls.stage.kubeconfig}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        cls.addClassCleanup(dashboard.wait)
        cls.addClassCleanup(dashboard.kill)
        assert dashboard.stdout is not None
        cls.addClassCleanup(dashboard.stdout.close)
        cls.url = dashboard.stdout.readline().strip()
        with _OPENER.open(cls.url, timeout=SECONDS) as page:
            if "built without its page" in page.read().decode():
                raise unittest.SkipTest("the binary was built without its page, for npm could not bring what it is made of")

    def browse(self, scenario: str) -> subprocess.Popen[str]:
        command = ["node", "browse.mjs", _CHROMIUM, str(self.tools), scenario, self.url]
        return subprocess.Popen(command, cwd=self.tools, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def seen(self, browsing: subprocess.Popen[str]) -> dict[str, Any]:
        out, error = browsing.communicate(timeout=180)
        self.assertEqual(browsing.returncode, 0, error)
        seen: dict[str, Any] = json.loads(out)
        self.assertEqual(seen["complaints"], [])  # no error, nothing refused by the policy, nothing from elsewhere
        return seen

    def test_a_budget_crosses_in_front_of_it(self) -> None:
        browsing = self.browse("crossing")
        self.trial.play("one-of-two-spends.prom", [budget("60")])
        seen = self.seen(browsing)
        self.assertTrue(seen["marked"])  # never loaded again
        self.assertRegex(seen["stopped"], r"\$6\d\.\d\d of \$60\.00 \(10\d %\)")
        self.assertEqual(seen["serious"], [])
        self.assertRegex(seen["agent"], r"In pool research: Stopped 0 at once, 0 replicas, 0 running pods; 5 will be restored")
        self.assertRegex(seen["agent"], r"Because: .*spent \$6\d")
        if folder := os.environ.get("PURSER_PICTURES"):
            shutil.copy(self.tools / "page.png", folder)
        phone = self.seen(self.browse("phone"))
        self.assertLessEqual(phone["wide"], 0, "it is wider than a phone")
        self.assertGreaterEqual(phone["expanded"], 1, "the keyboard does not reach the details")
        self.assertEqual(phone["serious"], [])

    def test_names_are_text_and_a_lost_meter_comes_first(self) -> None:
        seen = self.seen(self.browse("hostile"))
        self.assertFalse(seen["broken"])
        self.assertEqual(seen["images"], 0)
        self.assertEqual(seen["first"], "Look at this first")
        self.assertIn("Metered=False budget agents/daily, since 2026-11-27T09:00:00Z", seen["alert"])
        self.assertEqual(sorted(seen["shown"]), sorted(seen["names"]))
        self.assertIn(seen["names"][0], seen["title"])

    def test_ten_thousand_agents(self) -> None:
        seen = self.seen(self.browse("many"))
        print(f"10,000 agents: drawn after {seen['first']} ms, {seen['drawn']} rows; the longest task of a change {seen['longest']} ms")
        self.assertLess(seen["drawn"], 60)

    def test_who_does_not_know_the_secret_sees_nothing(self) -> None:
        root = self.url.rsplit("/", 2)[0]
        for path in ("/", "/state/none", f"/{'0' * 32}/", f"/{'0' * 32}/state/none"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                _OPENER.open(root + path, timeout=SECONDS)
            self.assertEqual(refused.exception.code, 404)
            refused.exception.close()
        with _OPENER.open(self.url, timeout=SECONDS) as page:
            self.assertIn("default-src 'none'", page.read().decode())

    def test_its_types_are_right(self) -> None:
        work = self.tools / "web"
        shutil.copytree(ROOT / "operator" / "web", work, ignore=shutil.ignore_patterns("node_modules"))
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=work, check=True, timeout=120)
        checked = subprocess.run(["npx", "tsc", "--noEmit"], cwd=work, capture_output=True, text=True, timeout=120)
        self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == "__main__":
    unittest.main()
