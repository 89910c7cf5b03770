"""The API's own description, /openapi.json: valid, and true of every request that is made up from it, the wrong ones too.

Schemathesis makes the requests. It is installed once, into the user's cache; without a package index these tests are
skipped and say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import test_records
from inbound import ROOT, Inbound, ServedCluster, wait_for
from python_tools import installed


TOOLS = ("schemathesis==4.32.5", "openapi-spec-validator==0.9.0")
REQUESTS = 40  # of each operation, those made to be wrong not counted
ALLOWED = ["agentusages", "agentreports", "agentlimits", "agentadmissions", "agentroutes", "agentstops"]
# What a schema cannot say (a time of today, one of two fields) is refused although it looks valid; and what was refused
# cannot be settled although it has an id.
LEFT_OUT = "positive_data_acceptance,ensure_resource_availability"


class OpenApiTest(unittest.TestCase):
    cluster: ClassVar[ServedCluster]
    operator: ClassVar[Inbound]
    token: ClassVar[str]
    folder: ClassVar[Path]
    tools: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.tools = installed("openapi-tools", *TOOLS)
        cls.cluster = test_records.RecordsTest.cluster = ServedCluster("openapi", "--level=control-plane")
        cls.addClassCleanup(cls.cluster.end)
        cls.folder = Path(tempfile.mkdtemp(prefix="purser-openapi-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.cluster.kubectl("apply", f"--filename={ROOT / 'crds'}")
        cls.cluster.kubectl("create", "namespace", "agents")
        test_records.RecordsTest.apply(test_records.rights(*ALLOWED), "agents")
        wait_for("its ServiceAccount", lambda: test_records.RecordsTest.account_is_there("agents"))
        test_records.RecordsTest.apply(test_records.objects("50"), "agents")
        cls.token = test_records.RecordsTest.token_of("agents")
        cls.operator = Inbound(cls.cluster, cls.folder / "operator")
        cls.addClassCleanup(cls.operator.end)

    def document(self) -> Path:
        status, document = self.operator.ask("GET", "/openapi.json", token="")
        self.assertEqual(status, 200)
        file = self.folder / "openapi.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        return file

    def test_it_is_valid_and_names_every_path(self) -> None:
        file = self.document()
        done = subprocess.run([str(self.tools / "openapi-spec-validator"), str(file)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = json.loads(file.read_text(encoding="utf-8"))["paths"]
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        for path in ("/v1/usage", "/v1/traces", "/v1/admissions", "/v1/admissions/{id}/settle", "/v1/route", "/v1/report"):
            self.assertIn(path, said)
            self.assertIn(path.split("{")[0].rstrip("/"), readme)

    def test_every_answer_is_one_that_it_promises(self) -> None:
        command = [str(self.tools / "schemathesis"), "run", str(self.document()), "--no-color", "--seed=1"]
        command += [f"--url=https://127.0.0.1:{self.operator.port}", f"--tls-verify={self.operator.folder / 'tls.crt'}"]
        command += [f"--header=Authorization: Bearer {self.token}", f"--max-examples={REQUESTS}", "--request-timeout=20"]
        command += ["--checks=all", f"--exclude-checks={LEFT_OUT}"]
        home = {**os.environ, "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=self.folder, env=home)
        shown = "\n".join(line[:500] for line in done.stdout.splitlines())
        self.assertEqual(done.returncode, 0, shown[-12_000:] + done.stderr[-2000:])
        self.assertIn("Tested: 14", shown)
        self.assertEqual(self.operator.ask("GET", "/v1/report", token=self.token)[0], 200, "it lives")


if __name__ == "__main__":
    unittest.main()
