"""What install-deps.sh says where it can install nothing."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "install-deps.sh"


class OtherSystemTest(unittest.TestCase):
    def install(self, **settings: str) -> subprocess.CompletedProcess[str]:
        with tempfile.NamedTemporaryFile("w", prefix="purser-os-release-") as release:
            release.write('ID=fedora\nVERSION_ID="43"\n')
            release.flush()
            environment = {name: value for name, value in os.environ.items() if name != "PURSER_SKIP_DEPS"}
            environment |= {"PURSER_OS_RELEASE": release.name, **settings}
            return subprocess.run([SCRIPT], capture_output=True, text=True, env=environment, timeout=30)

    def test_the_list_and_the_way_on(self) -> None:
        done = self.install()
        self.assertEqual(done.returncode, 1)
        for word in ("  libcpprest-dev\n", "  shellcheck\n", "Go 1.26", "PURSER_SKIP_DEPS=1"):
            self.assertIn(word, done.stdout)

    def test_who_took_the_way_on_reads_one_line(self) -> None:
        done = self.install(PURSER_SKIP_DEPS="1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(done.stdout.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
