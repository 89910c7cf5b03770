"""Who reads /metrics of an installed operator: whoever the API server knows and lets, and nobody else."""

from __future__ import annotations

import re
import unittest
import urllib.error
import urllib.request

from operated import OPERATORS, OperatedTest
from rights import requests_of

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class MetricsTest(OperatedTest):
    def test_a_token_and_the_right(self) -> None:
        self.install(self.values())
        for account in ("prometheus", "stranger"):
            self.kubectl(OPERATORS, "create", "serviceaccount", account)
        who = f"--serviceaccount={OPERATORS}:prometheus"
        self.cluster.kubectl("create", "clusterrolebinding", "reads", "--clusterrole=purser-system:purser-metrics", who)
        with self.operator():
            self.wait_for(lambda: self.port() != 0, "the operator's port")
            self.assertEqual(self.get("/healthz"), 200)
            self.assertIn(self.get("/readyz"), (200, 503))
            self.assertEqual(self.get("/metrics"), 401)
            self.assertEqual(self.get("/metrics", "forged"), 401)
            stranger, prometheus = (self.kubectl(OPERATORS, "create", "token", name).strip() for name in ("stranger", "prometheus"))
            self.assertEqual(self.get("/metrics", stranger), 403)
            for _ in range(5):
                self.assertEqual(self.get("/metrics", prometheus), 200)
            self.assertEqual(self.get("/v1/report", prometheus), 403, "the right is that on the path")

        def asked(resource: str) -> int:
            requests = requests_of(self.cluster.audit_log, f"system:serviceaccount:{OPERATORS}:purser")
            return sum(1 for request in requests if resource in request.resource)

        self.assertEqual(asked("tokenreviews"), 4, "the forged, the stranger's, and prometheus' for each path")
        self.assertEqual(asked("subjectaccessreviews"), 3)

    def port(self) -> int:
        log = (self.cluster.folder / "operator.log").read_text(encoding="utf-8")
        found = re.search(r"listening address=\S+ port=(\d+)", log)
        return int(found.group(1)) if found else 0

    def get(self, path: str, token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port()}{path}", headers=headers)
        try:
            with _OPENER.open(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


if __name__ == "__main__":
    unittest.main()
