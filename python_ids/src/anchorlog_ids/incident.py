"""One incident per attack: the first detection opens it, the rest are counted into it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

INCIDENTS_MAX: Final = 512
QUIET_US: Final = 600_000_000
UPDATE_US: Final = 3_600_000_000

IncidentKey = tuple[str, tuple[bytes, ...]]


@dataclass(slots=True)
class Incident:
    """`suppressed` detections since the last alert of this incident; `total` since it opened."""

    key: IncidentKey
    source: bytes
    opened_us: int
    last_us: int
    alerted_us: int
    suppressed: int = 0
    total: int = 1


class IncidentTable:
    """Opened at the first detection, updated each hour while it goes on, closed after 10 quiet
    minutes, at the end of the capture, or when the table is full."""

    def __init__(self, incidents_max: int = INCIDENTS_MAX) -> None:
        self._incidents: OrderedDict[IncidentKey, Incident] = OrderedDict()
        self._incidents_max = incidents_max

    def observe(
        self, key: IncidentKey, source: bytes, now_us: int
    ) -> tuple[str | None, Incident, list[Incident]]:
        """(`open`, `update` or None for suppressed; the incident; incidents closed by it)."""
        closed = self.expire(now_us)
        incident = self._incidents.get(key)
        if incident is None:
            incident = Incident(key, source, now_us, now_us, now_us)
            self._incidents[key] = incident
            if len(self._incidents) > self._incidents_max:
                closed.append(self._incidents.popitem(last=False)[1])
            return "open", incident, closed
        incident.last_us = now_us
        incident.total += 1
        incident.suppressed += 1
        self._incidents.move_to_end(key)
        if now_us - incident.alerted_us < UPDATE_US:
            return None, incident, closed
        return "update", incident, closed

    def alerted(self, incident: Incident, now_us: int) -> None:
        """The suppressed count has been told; start counting anew."""
        incident.suppressed = 0
        incident.alerted_us = now_us

    def is_open_for(self, source: bytes, *, besides: str) -> bool:
        """Whether `source` has an open incident of a type other than `besides`."""
        return any(
            incident.source == source and incident.key[0] != besides
            for incident in self._incidents.values()
        )

    def expire(self, now_us: int) -> list[Incident]:
        closed: list[Incident] = []
        while self._incidents:
            key = next(iter(self._incidents))
            if now_us - self._incidents[key].last_us < QUIET_US:
                break
            closed.append(self._incidents.pop(key))
        return closed

    def drain(self) -> list[Incident]:
        closed = list(self._incidents.values())
        self._incidents.clear()
        return closed
