"""What KUBEBUILDER_ASSETS brings is used only if its version fits."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from purser_cluster.assets import VARIABLE  # noqa: E402  (the path above has to come first)
from purser_cluster.build import program_path  # noqa: E402
from purser_cluster.versions import cache_directory, module_version  # noqa: E402

KUBERNETES = module_version("k8s.io/kubernetes").removeprefix("v")
ETCD = module_version("go.etcd.io/etcd/server/v3").removeprefix("v")


def neighbour(version: str, step: int) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{int(minor) + step}.{patch}"


class AssetsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="purser-assets-"))).resolve()
        self.enterContext(unittest.mock.patch.dict(os.environ, {VARIABLE: str(self.folder)}))
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))

    def program(self, name: str, script: str) -> Path:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_those_of_the_same_minor_are_used(self) -> None:
        major, minor, _ = KUBERNETES.split(".")
        programs = {
            "kube-apiserver": f'[ "$*" = --version ] && echo Kubernetes v{major}.{minor}.99',
            "kubectl": f'[ "$*" = "version --client" ] && echo Client Version: v{KUBERNETES}',
            "etcd": f'[ "$*" = --version ] && printf "etcd Version: {ETCD}\\nGit SHA: Not provided\\n"',
        }
        for name, script in programs.items():
            with self.subTest(name):
                path = self.program(name, script)
                self.assertEqual(program_path(name), path, self.said.getvalue())
        self.assertEqual(self.said.getvalue(), "")

    def test_others_are_ignored_and_it_says_why(self) -> None:
        answers = {
            f"echo Kubernetes v{neighbour(KUBERNETES, -1)}": f"it is v{neighbour(KUBERNETES, -1)}, and",
            f"echo Kubernetes v{neighbour(KUBERNETES, 1)}": f"it is v{neighbour(KUBERNETES, 1)}, and",
            "echo a fork": "it is of no version it would tell, and",
            f"echo Kubernetes v{KUBERNETES}; exit 1": "it is of no version it would tell, and",
        }
        for number, (script, reason) in enumerate(answers.items()):
            with self.subTest(script), unittest.mock.patch.dict(os.environ):
                self.folder = self.folder / str(number)
                self.folder.mkdir()
                os.environ[VARIABLE] = str(self.folder)
                path = self.program("kube-apiserver", script)
                for _ in range(2):
                    self.assertEqual(program_path("kube-apiserver"), cache_directory() / "bin" / "kube-apiserver")
                said = self.said.getvalue()
                self.assertEqual(said.count(f"{path} is not used: {reason} v{KUBERNETES} is needed"), 1, said)

    def test_what_is_not_there_is_of_no_interest(self) -> None:
        self.program("helm", "exit 0")
        for name in ("etcd", "helm"):
            self.assertEqual(program_path(name), cache_directory() / "bin" / name)
        self.assertEqual(self.said.getvalue(), "")


if __name__ == "__main__":
    unittest.main()
