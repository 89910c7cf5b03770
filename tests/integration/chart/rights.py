"""Rights as (verb, group/resource, name): those that roles give, and those that an audit log shows in use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Right = tuple[str, str, str]  # verb, group/resource[/subresource], name or "" for any

_CREATED = 201


@dataclass(frozen=True)
class Request:
    verb: str
    resource: str
    name: str
    namespace: str
    code: int

    def needed(self) -> Iterator[Right]:
        yield self.verb, self.resource, self.name
        # Applying what does not exist is a PATCH in the log, and needs the right to create as well.
        if self.verb == "patch" and self.code == _CREATED:
            yield "create", self.resource, self.name


def granted(role: dict[str, Any]) -> set[Right]:
    return {
        (verb, f"{group}/{resource}", name)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def requests_of(log: Path, user: str) -> list[Request]:
    """What the API server noted of that user, in order."""
    found = []
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        reference = event.get("objectRef")
        if event["user"]["username"] != user or reference is None:
            continue
        resource = f"{reference.get('apiGroup', '')}/{reference['resource']}"
        if "subresource" in reference:
            resource += f"/{reference['subresource']}"
        code = event.get("responseStatus", {}).get("code", 0)
        name, namespace = reference.get("name", ""), reference.get("namespace", "")
        found.append(Request(event["verb"], resource, name, namespace, code))
    return found


def unused(rights: Iterable[Right], requests: Iterable[Request]) -> list[Right]:
    """Those that nobody would miss."""
    used = {right for request in requests for right in request.needed()}
    of_any_name = {(verb, resource, "") for verb, resource, _ in used}
    return sorted(set(rights) - used - of_any_name)
