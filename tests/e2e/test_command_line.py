"""What the program says and how it ends where there is no cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PURSER_BINARY") or str(ROOT / "build" / "purser")
NOBODY = 65534

CONFIGURATION = """apiVersion: config.purser.dev/v1alpha1
kind: OperatorConfig
sources:
- name: default
  prometheus: {url: "http://prometheus:9090", metric: agent_cost_usd_total}
"""


class CommandLineTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="purser-command-line-")))
        self.folder.chmod(0o755)

    def run_program(self, program: str, *words: str, user: int | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words],
            capture_output=True,
            text=True,
            timeout=20,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **settings},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )

    def test_a_kubeconfig_in_a_folder_of_somebody_else(self) -> None:
        configuration = self.folder / "purser.yaml"
        configuration.write_text(CONFIGURATION, encoding="utf-8")
        closed = self.folder / "closed"
        closed.mkdir()
        kubeconfig = closed / "config"
        kubeconfig.touch()
        closed.chmod(0)
        self.addCleanup(closed.chmod, 0o700)
        program, user = BINARY, None
        if os.geteuid() == 0:  # nothing is closed to root
            program, user = str(shutil.copy(BINARY, self.folder)), NOBODY
        for command in (("run", "--config", str(configuration)), ("restore",)):
            with self.subTest(command=command[0]):
                done = self.run_program(program, *command, user=user, KUBECONFIG=str(kubeconfig))
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"purser: KUBECONFIG: '{kubeconfig}': Permission denied; ", done.stderr)
                self.assertIn("--kubeconfig", done.stderr)

    def test_a_day_is_tried_and_replayed_without_a_cluster(self) -> None:
        picture = self.folder / "day.svg"
        tried = self.run_program(BINARY, "try", "--fast", f"--svg={picture}")
        self.assertEqual(tried.returncode, 0, tried.stderr)
        self.assertIn("(scout): Throttled -> Stopped: agent scout: spent $18", tried.stdout)
        self.assertIn("would have spent $", picture.read_text(encoding="utf-8"))
        usage = self.folder / "usage.csv"
        usage.write_text("time,agent,costUSD\n2026-11-27T10:00:00Z,a,3\n2026-11-27T10:01:00Z,a,4\n", encoding="utf-8")
        budget = self.folder / "budget.yaml"
        pool = 'kind: AgentPool\nmetadata: {name: p}\nspec: {maxConcurrency: 2, agents: [{name: a, workloadRef: {kind: Deployment, name: a}}]}\n'
        named = "apiVersion: purser.dev/v1alpha1\n"
        daily = 'kind: AgentBudget\nmetadata: {name: b}\nspec: {limit: "2", scope: {pools: [p]}}\n'
        budget.write_text(f"{named}{pool}---\n{named}{daily}", encoding="utf-8")
        files = (f"--budget={budget}", f"--usage={usage}")
        told = self.run_program(BINARY, "backtest", *files, "--limits=1,100", "--refuse-at-most=0", f"--svg={picture}")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("default/b: Normal -> Stopped: spent $3 of $2 (150 %)", told.stdout)
        self.assertIn("Saved $4.00, and refused or held back 50.0 % of the calls", told.stdout)
        self.assertRegex(told.stdout, r"(?m)^100 +\$7.00 of 2 calls .* 0.0 % +0$")
        self.assertIn("A limit of ", told.stdout)
        for wrong, message in (
            (("--limits=x",), "--limits: "),
            (("--output=yaml",), '--output "yaml": want json, or nothing'),
            (("--svg=/nowhere/x.svg",), '--svg "/nowhere/x.svg" cannot be written'),
            ((f"--budget={usage}",), "usage.csv:1: "),
        ):
            done = self.run_program(BINARY, "backtest", *files, *wrong)
            self.assertNotEqual(done.returncode, 0, wrong)
            self.assertIn(message, done.stderr)

    def test_the_manifests_of_the_documents_are_valid(self) -> None:
        checked = 0
        for document in sorted((ROOT / "operator" / "docs").glob("*.md")):
            for block in re.findall(r"^```yaml\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
                if "purser.dev" not in block:
                    continue
                manifest = self.folder / f"{document.stem}-{checked}.yaml"
                manifest.write_text(block, encoding="utf-8")
                done = self.run_program(BINARY, "validate", str(manifest))
                self.assertEqual(done.returncode, 0, f"{document.name}: {done.stderr}")
                checked += 1
        self.assertGreater(checked, 0)

    def test_a_file_that_cannot_be_read_is_told_with_the_cause(self) -> None:
        large = self.folder / "large.yaml"
        large.write_bytes(bytes(2**20 + 1))
        causes = {
            self.folder / "absent.yaml": "': No such file or directory",
            self.folder: "' cannot be read: Is a directory",
            large: "' is larger than 1 MiB; ",
        }
        for path, cause in causes.items():
            with self.subTest(cause=cause):
                validate = self.run_program(BINARY, "validate", str(path))
                self.assertEqual((validate.returncode, validate.stdout), (1, ""))
                self.assertTrue(validate.stderr.startswith(f"'{path}{cause}"), validate.stderr)
                run = self.run_program(BINARY, "run", "--config", str(path))
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(f"purser: --config '{path}{cause}", run.stderr)
                self.assertIn("; give the path of an OperatorConfig file", run.stderr)


if __name__ == "__main__":
    unittest.main()
