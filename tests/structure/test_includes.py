"""The folders of operator/ include only what they may, and the check that says so finds what it should."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import unittest
from pathlib import Path

import check_includes

OPERATOR = Path(__file__).resolve().parents[2] / "operator"

# Folder of operator/, the line planted in a new file there, and what must be said about it.
PLANTED = [
    ("base", '#include "money/money.h"', "base may include nothing, not money"),
    ("money", '#include "api/config.h"', "money may include base, not api"),
    ("api", '#include "policy/window.h"', "not policy"),
    ("policy", '#include "ledger/ledger.h"', "not ledger"),
    ("policy", "#include <fstream>", "policy has none"),
    ("policy", "#  include <sys/socket.h>", "policy has none"),
    ("policy", "#include <thread>", "policy has none"),
    ("policy", "/* harmless */ \n#include <spdlog/spdlog.h>", "policy has none"),
    ("money", "#include <sqlite3.h>", "belongs to ledger/sqlite alone"),
    ("api", "#include <boost/asio.hpp>", "belongs to net/cpprest, net/server alone"),
    ("kube", "#include <cpprest/http_client.h>", "belongs to net/cpprest alone"),
    ("net", "#include <cpprest/uri.h>", "belongs to net/cpprest alone"),
    ("app", "#include <pplx/pplxtasks.h>", "belongs to net/cpprest alone"),
    ("kube", '#include "net/cpprest/cpprest_transport.h"', "may choose an implementation"),
    ("kube", '#include "policy/window.h"', "kube may include base, kube/object, net, not policy"),
    ("kube", '#include "api/config.h"', "not api"),
    ("kube/object", '#include "kube/client.h"', "kube/object may include base, not kube"),
    ("kube/object", "#include <thread>", "kube/object has none"),
    ("api", '#include "kube/client.h"', "api may include base, kube/object, money, not kube"),
    ("ledger", '#include "usage/prometheus/poller.h"', "not usage"),
    ("controllers", '#include "net/http_transport.h"', "not net"),
    ("controllers", '#include "ledger/sqlite/sqlite_store.h"', "may choose an implementation"),
    ("observability", '#include "controllers/scope.h"', "not controllers"),
    ("kube", '#include "client.h"', "is no file of operator/"),
]


class IncludesTest(unittest.TestCase):
    def test_the_operator_keeps_its_direction(self) -> None:
        self.assertEqual("\n".join(map(str, check_includes.check(OPERATOR))), "")

    def test_every_folder_is_in_the_table(self) -> None:
        folders = {file.relative_to(OPERATOR).parts[0] for file in OPERATOR.glob("*/*.h")}
        self.assertLessEqual(folders, set(check_includes.MAY_INCLUDE) | {check_includes.WIRING})

    def test_the_table_has_no_cycle(self) -> None:
        placed: list[str] = []
        left = dict(check_includes.MAY_INCLUDE)
        while left:
            free = [folder for folder, needed in left.items() if needed <= set(placed)]
            self.assertTrue(free, f"{sorted(left)} include each other")
            placed += free
            for folder in free:
                del left[folder]


class PlantedTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="purser-structure-")
        self.addCleanup(folder.cleanup)
        self.copy = Path(folder.name) / "operator"
        shutil.copytree(OPERATOR, self.copy)

    def test_each_bad_include_is_found(self) -> None:
        for folder, line, want in PLANTED:
            with self.subTest(folder=folder, line=line):
                file = self.copy / folder / "planted.cc"
                file.write_text(f"// Planted.\n{line}\n", encoding="utf-8")
                found = check_includes.check(self.copy)
                file.unlink()
                self.assertEqual([each.file for each in found], [file])
                self.assertEqual(found[0].line, line.count("\n") + 2)
                self.assertIn(want, str(found[0]))

    def test_a_comment_includes_nothing(self) -> None:
        comments = '// #include "ledger/ledger.h"\n/*\n#include <fstream>\n*/\n'
        (self.copy / "policy" / "planted.cc").write_text(comments, encoding="utf-8")
        self.assertEqual(check_includes.check(self.copy), [])

    def test_a_folder_that_is_not_in_the_table_is_found(self) -> None:
        (self.copy / "routing").mkdir()
        (self.copy / "routing" / "route.cc").write_text('#include "base/result.h"\n', encoding="utf-8")
        (found,) = check_includes.check(self.copy)
        self.assertIn("folder routing is not in the table", str(found))

    def test_a_target_that_links_too_much_is_found(self) -> None:
        file = self.copy / "policy" / "CMakeLists.txt"
        text = file.read_text(encoding="utf-8").replace("DEPENDS base", "DEPENDS ledger base")
        file.write_text(text, encoding="utf-8")
        (found,) = check_includes.check(self.copy)
        self.assertIn("DEPENDS ledger: policy may not link ledger", str(found))

    def test_the_program_fails(self) -> None:
        self.assertEqual(check_includes.main([str(OPERATOR)]), 0)
        silence = io.StringIO()
        self.enterContext(contextlib.redirect_stdout(silence))
        self.enterContext(contextlib.redirect_stderr(silence))
        (self.copy / "base" / "bad.h").write_text('#include "kube/client.h"\n', encoding="utf-8")
        self.assertEqual(check_includes.main([str(self.copy)]), 1)
        self.assertEqual(check_includes.main([str(self.copy / "nowhere")]), 2)


if __name__ == "__main__":
    unittest.main()
