"""What the program says and how it ends where there is no cluster."""

from __future__ import annotations

import os
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
