"""Time and identity, both injected: a replay with a fixed source writes the same bytes twice."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(ts_us: int) -> str:
    """A sender time: `ts_us` microseconds since 1970 as RFC 3339 with `Z`."""
    moment = _EPOCH + timedelta(microseconds=max(0, ts_us))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _now_us() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True)
class Sources:
    """Where time and randomness come from. `random_bytes` must be a CSPRNG outside tests:
    the random bits of an entry_id are the salt that keeps a leaf of the log unguessable."""

    now_us: Callable[[], int] = _now_us
    random_bytes: Callable[[int], bytes] = os.urandom

    def uuid7(self) -> str:
        """RFC 9562 version 7: 48 bits of milliseconds, then 74 random bits."""
        millis = (self.now_us() // 1000) & ((1 << 48) - 1)
        random = int.from_bytes(self.random_bytes(10), "big")
        rand_a, rand_b = random >> 68, random & ((1 << 62) - 1)
        value = millis << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | rand_b
        return str(uuid.UUID(int=value))

    def now_text(self) -> str:
        return rfc3339(self.now_us())
