"""What the documents point to is there: files and their headings, verbs of the plugin, metrics, resources."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("operator/docs/*.md"), *ROOT.glob("tests/*.md")])


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    return {_anchor(found) for found in re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)}


class DocsTest(unittest.TestCase):
    def test_every_link_leads_somewhere(self) -> None:
        checked = 0
        for document in _DOCUMENTS:
            for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                place = (document.parent / path).resolve() if path else document
                with self.subTest(document=document.name, target=target):
                    self.assertTrue(place.exists())
                    if anchor:
                        self.assertIn(anchor, _anchors(place))
                checked += 1
        self.assertGreater(checked, 30)

    def test_the_plugins_verbs_are_its_verbs(self) -> None:
        source = (ROOT / "operator" / "plugin" / "command_line.cc").read_text(encoding="utf-8")
        verbs = set(re.findall(r'add_subcommand\(\s*"(\w+)"', source))
        texts = [*_DOCUMENTS, ROOT / "charts" / "purser" / "files" / "alerts.yaml"]
        for path in texts:
            for verb in re.findall(r"kubectl purser\s+([a-z]\w*)", path.read_text(encoding="utf-8")):
                with self.subTest(path=path.name):
                    self.assertIn(verb, verbs)

    def test_conditions_and_alerts_exist(self) -> None:
        code = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "operator").rglob("*.cc")))
        alerts = (ROOT / "charts" / "purser" / "files" / "alerts.yaml").read_text(encoding="utf-8")
        text = (ROOT / "operator" / "docs" / "failures.md").read_text(encoding="utf-8")
        for condition, reason in re.findall(r"`(\w+)=(?:True|False)(?:/(\w+))?`", text):
            with self.subTest(condition=condition, reason=reason):
                self.assertIn(f'"{condition}"', code)
                self.assertTrue(not reason or f'"{reason}"' in code)
        for alert in re.findall(r"`(Purser\w+)`", text):
            self.assertIn(f"alert: {alert}\n", alerts)


if __name__ == "__main__":
    unittest.main()
