"""Runs the tests of the example programs in Go."""

from __future__ import annotations

import unittest
from pathlib import Path

import demo_path  # noqa: F401  (sets the path)
from purser_demo.commands import run
from purser_demo.images import go_environment, go_program
from purser_demo.places import AGENT_MODULE, DISCOVERY_MODULE


class ExampleProgramsTest(unittest.TestCase):
    def go_test(self, module: Path) -> None:
        for words in (["vet", "./..."], ["test", "./..."]):
            run(
                [go_program(), *words],
                f"go {words[0]} of {module.name}",
                environment=go_environment(),
                directory=module,
                timeout_seconds=240.0,
            )

    def test_agent(self) -> None:
        self.go_test(AGENT_MODULE)

    def test_discovery(self) -> None:
        self.go_test(DISCOVERY_MODULE)


if __name__ == "__main__":
    unittest.main()
