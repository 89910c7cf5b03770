"""The API server's own record of what ServiceAccounts asked of it, and what it answered."""

from __future__ import annotations

import json
from pathlib import Path

POLICY_FILE = "audit-policy.json"


def audit_log(directory: Path) -> Path:
    """One JSON document a line, of the kind audit.k8s.io/v1 Event."""
    return directory / "logs" / "audit.log"


def write_policy(directory: Path) -> Path:
    rules = [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},  # the cluster's own traffic would drown it
    ]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],  # which has no answer yet
        "rules": rules,
    }
    path = directory / POLICY_FILE
    path.write_text(json.dumps(policy), encoding="utf-8")
    return path
