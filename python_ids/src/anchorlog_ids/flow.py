"""The flow table: two-way flows in bounded memory, and what each source did lately."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from .packet import (
    PROTO_ARP,
    PROTO_ICMP,
    PROTO_ICMP6,
    PROTO_TCP,
    TCP_ACK,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    Packet,
)

FLOWS_MAX: Final = 65_536
SOURCES_MAX: Final = 16_384
TARGETS_PER_SOURCE_MAX: Final = 1_024
IDLE_TIMEOUT_US: Final = 60_000_000
ACTIVE_TIMEOUT_US: Final = 300_000_000
CONTEXT_US: Final = 10_000_000
_PORT_SERVICE_MAX: Final = 1_024

FlowKey = tuple[int, bytes, int, bytes, int]


@dataclass(slots=True)
class SourceContext:
    """What a source's address did in the 10 s before a flow began, and how many addresses its
    MAC used: scans and floods look harmless flow by flow."""

    flows: int = 0
    answered: int = 0
    targets: int = 0
    ports: int = 0
    mac_addresses: int = 0


@dataclass(slots=True)
class Flow:
    """Index 0 of a pair is what the initiator sent, index 1 what it got back."""

    proto: int
    src: bytes
    dst: bytes
    sport: int
    dport: int
    src_mac: bytes
    first_us: int
    last_us: int
    context: SourceContext
    packets: list[int] = field(default_factory=lambda: [0, 0])
    wire_bytes: list[int] = field(default_factory=lambda: [0, 0])
    payload_bytes: list[int] = field(default_factory=lambda: [0, 0])
    tcp_flags: list[int] = field(default_factory=lambda: [0, 0])
    gap_us_max: int = 0

    @property
    def duration_us(self) -> int:
        return self.last_us - self.first_us

    @property
    def is_closed(self) -> bool:
        either = self.tcp_flags[0] | self.tcp_flags[1]
        both = self.tcp_flags[0] & self.tcp_flags[1]
        return self.proto == PROTO_TCP and bool(either & TCP_RST or both & TCP_FIN)

    def add(self, packet: Packet, side: int) -> None:
        """A backward timestamp counts as no time passing: durations never turn negative."""
        if packet.ts_us > self.last_us:
            self.gap_us_max = max(self.gap_us_max, packet.ts_us - self.last_us)
            self.last_us = packet.ts_us
        self.packets[side] += 1
        self.wire_bytes[side] += packet.wire_bytes
        self.payload_bytes[side] += packet.payload_bytes
        self.tcp_flags[side] |= packet.tcp_flags


@dataclass(slots=True)
class _Bucket:
    flows: int = 0
    answered: int = 0
    targets: set[bytes] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)
    mac_addresses: set[bytes] = field(default_factory=set)


class SourceActivity:
    """Two half-window buckets per source: bounded, and old enough to forget in one step."""

    def __init__(self) -> None:
        self._sources: OrderedDict[bytes, tuple[int, _Bucket, _Bucket]] = OrderedDict()

    def _buckets(self, source: bytes, now_us: int) -> tuple[_Bucket, _Bucket]:
        half = now_us // (CONTEXT_US // 2)
        known = self._sources.get(source)
        if known is None:
            known = (half, _Bucket(), _Bucket())
        elif known[0] != half:
            older = known[1] if known[0] == half - 1 else _Bucket()
            known = (half, _Bucket(), older)
        self._sources[source] = known
        self._sources.move_to_end(source)
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        return known[1], known[2]

    def on_flow(self, packet: Packet, now_us: int) -> SourceContext:
        """Counts a new flow and returns the context it began in, itself included."""
        current, previous = self._buckets(packet.src, now_us)
        current.flows += 1
        if len(current.targets) < TARGETS_PER_SOURCE_MAX:
            current.targets.add(packet.dst)
        if len(current.ports) < TARGETS_PER_SOURCE_MAX:
            current.ports.add(packet.dport)
        mac_now, mac_before = self._buckets(b"mac:" + packet.src_mac, now_us)
        if len(mac_now.mac_addresses) < TARGETS_PER_SOURCE_MAX:
            mac_now.mac_addresses.add(packet.src)
        return SourceContext(
            flows=current.flows + previous.flows,
            answered=current.answered + previous.answered,
            targets=len(current.targets | previous.targets),
            ports=len(current.ports | previous.ports),
            mac_addresses=len(mac_now.mac_addresses | mac_before.mac_addresses),
        )

    def on_answer(self, source: bytes, now_us: int) -> None:
        self._buckets(source, now_us)[0].answered += 1


class FlowTable:
    """Flows leave when idle, too long, closed, or when the table is full (`evicted` counts
    those). Order of the table is order of last packet, so expiry looks only at its head."""

    def __init__(self, flows_max: int = FLOWS_MAX) -> None:
        self._flows: OrderedDict[FlowKey, Flow] = OrderedDict()
        self._flows_max = flows_max
        self._activity = SourceActivity()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._flows)

    def add(self, packet: Packet, now_us: int) -> tuple[Flow | None, list[Flow]]:
        """The flow the packet belongs to (None for ARP), and the flows that ended by now."""
        ended = self.expire(now_us)
        if packet.proto == PROTO_ARP:
            return None, ended
        key, side = self._find(packet)
        flow = self._flows.get(key)
        if flow is not None and packet.is_syn and flow.is_closed:
            ended.append(self._flows.pop(key))
            flow = None
        if flow is None:
            key, side = self._key_of_new(packet)
            flow = self._begin(packet, side, now_us)
            self._flows[key] = flow
            if len(self._flows) > self._flows_max:
                ended.append(self._flows.popitem(last=False)[1])
                self.evicted += 1
        elif side == 1 and flow.packets[1] == 0:
            self._activity.on_answer(flow.src, now_us)
        flow.add(packet, side)
        self._flows.move_to_end(key)
        if flow.duration_us > ACTIVE_TIMEOUT_US:
            ended.append(self._flows.pop(key))
        return flow, ended

    def expire(self, now_us: int) -> list[Flow]:
        """Flows idle at `now_us`. Live capture calls it by the clock, also without packets."""
        ended: list[Flow] = []
        while self._flows:
            key = next(iter(self._flows))
            if now_us - self._flows[key].last_us <= IDLE_TIMEOUT_US:
                break
            ended.append(self._flows.pop(key))
        return ended

    def drain(self) -> list[Flow]:
        ended = list(self._flows.values())
        self._flows.clear()
        return ended

    def _find(self, packet: Packet) -> tuple[FlowKey, int]:
        sport, dport = _ports(packet)
        forward = (packet.proto, packet.src, sport, packet.dst, dport)
        if forward in self._flows:
            return forward, 0
        return (packet.proto, packet.dst, dport, packet.src, sport), 1

    def _key_of_new(self, packet: Packet) -> tuple[FlowKey, int]:
        sport, dport = _ports(packet)
        if _is_from_responder(packet):
            return (packet.proto, packet.dst, dport, packet.src, sport), 1
        return (packet.proto, packet.src, sport, packet.dst, dport), 0

    def _begin(self, packet: Packet, side: int, now_us: int) -> Flow:
        ends = (packet.src, packet.dst, packet.sport, packet.dport)
        if side == 1:
            ends = (packet.dst, packet.src, packet.dport, packet.sport)
            context = SourceContext()
        else:
            context = self._activity.on_flow(packet, now_us)
        start = packet.ts_us
        return Flow(packet.proto, *ends, packet.src_mac, start, start, context)


def _ports(packet: Packet) -> tuple[int, int]:
    """ICMP has no ports: one flow per pair of hosts."""
    if packet.proto in (PROTO_ICMP, PROTO_ICMP6):
        return 0, 0
    return packet.sport, packet.dport


def _is_from_responder(packet: Packet) -> bool:
    """A capture may begin in mid-flow. SYN+ACK comes from the responder; failing any SYN, the
    end with the one well-known port is taken for it."""
    if packet.proto != PROTO_TCP:
        return False
    if packet.tcp_flags & TCP_SYN:
        return bool(packet.tcp_flags & TCP_ACK)
    return packet.sport < _PORT_SERVICE_MAX <= packet.dport
