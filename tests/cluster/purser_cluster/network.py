"""Addresses: free ports, and the private subnets of one node."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

from purser_cluster.errors import ClusterError

LOOPBACK = "127.0.0.1"
# Below the kernel's usual range for outgoing connections, so that no client takes a port between choice and use.
_FIRST_PORT, _LAST_PORT = 20000, 29999
_PORT_ATTEMPTS = 200


@dataclass(frozen=True)
class Addresses:
    """Where the API server listens and which Service addresses it hands out."""

    api_server: str
    services: str
    first_service: str


LOCAL_ADDRESSES = Addresses(LOOPBACK, "10.96.0.0/16", "10.96.0.1")


@dataclass(frozen=True)
class NodeNetwork:
    """The subnets of node slot 0..255: link to the machine, pods, Services."""

    slot: int

    @property
    def machine_address(self) -> str:
        return f"10.86.{self.slot}.1"

    @property
    def node_address(self) -> str:
        return f"10.86.{self.slot}.2"

    @property
    def pods(self) -> str:
        return f"10.87.{self.slot}.0/24"

    @property
    def services(self) -> str:
        return f"10.88.{self.slot}.0/24"

    @property
    def machine_link(self) -> str:
        return f"purser{self.slot}"

    @property
    def prefixes(self) -> tuple[str, ...]:
        return tuple(f"10.{second}.{self.slot}." for second in (86, 87, 88))

    def addresses(self) -> Addresses:
        return Addresses(self.machine_address, self.services, f"10.88.{self.slot}.1")


class Ports:
    """Hands out ports that are free on one address, none twice."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._taken: set[int] = set()

    def take(self) -> int:
        for _ in range(_PORT_ATTEMPTS):
            port = random.randint(_FIRST_PORT, _LAST_PORT)
            if port in self._taken:
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                try:
                    probe.bind((self._address, port))
                except OSError:
                    continue
            self._taken.add(port)
            return port
        raise ClusterError(f"no free port found on {self._address} in {_FIRST_PORT}-{_LAST_PORT}; end other clusters")
