"""Every case at once, for each lasts a minute or more and needs next to no processor; the tests are their ends.

PURSER_BINARY is the operator. PURSER_CASES (names, with blanks between): only those. PURSER_DESCRIBE: a folder, into
which each case's end is written as `kubectl describe agentbudget` shows it.
"""

from __future__ import annotations

import os
import unittest
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import budgets
import decisions
import falls
import meters
import sight
import wishes
import workloads
from cases import CASES, Case
from stage import Stage
from trial import PURSER, Trial

SUBJECTS = (budgets, decisions, falls, meters, sight, wishes, workloads)  # each has added its cases
_DESCRIBED = os.environ.get("PURSER_DESCRIBE", "")
_WANTED = os.environ.get("PURSER_CASES", "").split() or sorted(CASES)


def _run(stage: Stage, name: str, function: Case) -> None:
    trial = Trial(stage, name.replace("_", "-"))
    try:
        function(trial)
        trial.expect_described()
    except Exception as error:
        raise AssertionError(f"{error}\n{trial.story()}") from error
    finally:
        if _DESCRIBED:
            Path(_DESCRIBED, f"{name}.txt").write_text(trial.describe(), encoding="utf-8")
        trial.end()


@unittest.skipUnless(os.access(PURSER, os.X_OK), "PURSER_BINARY is not built")
class CasesTest(unittest.TestCase):
    ends: dict[str, Future[None]]

    @classmethod
    def setUpClass(cls) -> None:
        unknown = set(_WANTED) - set(CASES)
        if unknown:
            raise ValueError(f"PURSER_CASES: unknown {sorted(unknown)}; known are {sorted(CASES)}")
        stage = Stage()
        cls.addClassCleanup(stage.end)
        pool = ThreadPoolExecutor(max_workers=len(CASES))
        cls.addClassCleanup(pool.shutdown)
        cls.ends = {name: pool.submit(_run, stage, name, CASES[name]) for name in _WANTED}


def _add(name: str) -> None:
    def test(self: CasesTest) -> None:
        self.ends[name].result()

    setattr(CasesTest, f"test_{name}", test)


for _name in _WANTED:
    if _name in CASES:
        _add(_name)
