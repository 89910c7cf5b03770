"""What the build finds out: whether a library fits, and the commit that is built."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

CMAKE = Path(__file__).resolve().parents[2] / "cmake"


class RequireVersionTest(unittest.TestCase):
    def require(self, found: str) -> subprocess.CompletedProcess[str]:
        """Of a library that has to be of 2.10."""
        with tempfile.NamedTemporaryFile("w", prefix="purser-require-", suffix=".cmake") as script:
            script.write(f'include("{CMAKE}/RequireVersion.cmake")\n')
            script.write(f'purser_require_version(cpprestsdk "{found}" 2.10 2.11)\n')
            script.flush()
            return subprocess.run(["cmake", "-P", script.name], capture_output=True, text=True, timeout=30)

    def test_what_fits(self) -> None:
        for found in ("2.10", "2.10.0", "2.10.18"):
            self.assertEqual(self.require(found).returncode, 0, found)

    def test_what_does_not_fit_is_named_with_the_way_out(self) -> None:
        said = {
            "2.9.1": "cpprestsdk 2.9.1 is not what",
            "2.11.0": "cpprestsdk 2.11.0 is not what",
            "3": "cpprestsdk 3 is not what",
            "": "cpprestsdk: its package tells no version",
        }
        for found, want in said.items():
            done = self.require(found)
            text = " ".join(done.stderr.split())
            self.assertNotEqual(done.returncode, 0, found)
            self.assertIn(want, text)
            self.assertIn("install cpprestsdk >= 2.10 and < 2.11", text)


class StampCommitTest(unittest.TestCase):
    def setUp(self) -> None:
        self.source = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="purser-stamp-")))
        self.header = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="purser-stamp-"))) / "commit.h"

    def stamp(self) -> str:
        script = ["-P", str(CMAKE / "StampCommit.cmake")]
        subprocess.run(["cmake", f"-DSOURCE={self.source}", f"-DHEADER={self.header}", *script], check=True, timeout=30)
        return self.header.read_text(encoding="utf-8")

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *who, *words], cwd=self.source, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        (self.source / "file").write_text(text, encoding="utf-8")
        self.git("add", "file")
        self.git("commit", "--quiet", "--message=Test", "--no-verify")
        return self.git("rev-parse", "--short=12", "HEAD")

    def test_each_commit_is_stamped_and_nothing_else_touches_the_header(self) -> None:
        self.git("init", "--quiet")
        for text in ("one", "two"):
            self.assertIn(f'"{self.commit(text)}"', self.stamp())
        before = self.header.stat().st_mtime_ns
        self.stamp()
        self.assertEqual(self.header.stat().st_mtime_ns, before)

    def test_what_is_not_committed_shows(self) -> None:
        self.git("init", "--quiet")
        commit = self.commit("one")
        (self.source / "file").write_text("two", encoding="utf-8")
        self.assertIn(f'"{commit}-dirty"', self.stamp())

    def test_an_unpacked_archive_has_no_commit(self) -> None:
        self.assertIn('"unknown"', self.stamp())


if __name__ == "__main__":
    unittest.main()
