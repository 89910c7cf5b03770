"""What `purser version` tells."""

from __future__ import annotations

import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    *("OpenSSL", "Boost", "cpprestsdk", "yaml-cpp", "spdlog", "prometheus-cpp"),
    *("nlohmann-json", "simdjson", "SQLite", "protobuf", "date", "CLI11", "zlib"),
)


class VersionTest(unittest.TestCase):
    def test_version_commit_and_libraries(self) -> None:
        binary = os.environ.get("PURSER_BINARY") or str(ROOT / "build" / "purser")
        done = subprocess.run([binary, "version"], capture_output=True, text=True, timeout=20, check=True)
        first, *libraries, in_use = done.stdout.splitlines()
        project = re.search(r"project\(purser VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
        assert project is not None
        found = re.fullmatch(rf"purser {re.escape(project.group(1))} \(commit (unknown|[0-9a-f]{{12,}})(-dirty)?\)", first)
        assert found is not None, first
        # Committed or edited since it was built, perhaps; a commit of this project it must be, where git knows it.
        if (ROOT / ".git").exists() and self.git("rev-parse", "HEAD"):
            self.assertEqual(self.git("cat-file", "-t", found.group(1)), "commit", first)
        self.assertEqual([line.split()[0] for line in libraries], list(LIBRARIES))
        for line in libraries:
            self.assertRegex(line, r"^\S+ \d+\.\d+(\.\d+)*$")
        self.assertRegex(in_use, r"^in use: OpenSSL \d")

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()


if __name__ == "__main__":
    unittest.main()
