"""A neighbour whose series is a native histogram. Only protobuf can say that, so this exporter writes it by hand:
https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto."""

from __future__ import annotations

import struct
import time

from page_server import PageServer

_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _integer(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def family(name: str, labels: dict[str, str], count: int) -> bytes:
    """So many observations of 1, in one bucket."""
    pairs = b"".join(_bytes(1, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in labels.items())
    span = _integer(1, 0) + _integer(2, 1)
    histogram = _integer(1, count) + _double(2, float(count)) + _integer(5, 0) + _double(6, 1e-9) + _integer(7, 0)
    histogram += _bytes(12, span) + _integer(13, count << 1)
    whole = _bytes(1, name.encode()) + _integer(3, _HISTOGRAM) + _bytes(4, pairs + _bytes(7, histogram))
    return _varint(len(whole)) + whole


class NativeHistogram:
    def __init__(self, name: str, labels: dict[str, str]) -> None:
        began = time.monotonic()
        self._server = PageServer(lambda: (200, family(name, labels, int(time.monotonic() - began) + 1)), _TYPE)
        self.address = self._server.address

    def end(self) -> None:
        self._server.end()
