"""Rule detectors: families with a crisp definition, caught by counting.

Each detector sees every packet with the engine's clock and says when its count is over its
threshold, again and again while it stays there; `incident.py` makes one incident of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .packet import (
    PROTO_ARP,
    PROTO_ICMP,
    PROTO_ICMP6,
    PROTO_TCP,
    PROTO_UDP,
    TCP_ACK,
    TCP_RST,
    TCP_SYN,
    Packet,
)
from .window import DistinctWindow, RateWindow

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = 86_400 * SECOND_US

SCAN_TARGETS: Final = 10
SCAN_SLOW_TARGETS: Final = 8
SCAN_PORTS: Final = 20
SCAN_UNANSWERED_RATIO: Final = 0.8
SWEEP_ICMP_TARGETS: Final = 15
SWEEP_ARP_TARGETS: Final = 50
FLOOD_SYN_PACKETS: Final = 100
FLOOD_UDP_PACKETS: Final = 10_000
FLOOD_DHCP_PACKETS: Final = 50
BRUTE_FORCE_SESSIONS: Final = 15
DNS_TUNNEL_NAMES: Final = 30
DNS_TUNNEL_LABEL_BYTES: Final = 30

LOGIN_PORTS: Final = {21: "ftp", 22: "ssh", 23: "telnet", 2323: "telnet", 3389: "rdp"}
_DHCP_PORTS: Final = frozenset({67, 68})
_DNS_PORT: Final = 53
_ARP_REQUEST: Final = 1
_ICMP_ECHO: Final = {PROTO_ICMP: 8, PROTO_ICMP6: 128}


@dataclass(frozen=True, slots=True)
class Detection:
    """`subject` names the incident: detections with the same type and subject are one.
    `confidence` is the rule's prior, not a measured probability. `severity`: 1 is highest.
    `count` is a lower bound: windows keep a bounded number of targets."""

    alert_type: str
    subject: tuple[bytes, ...]
    source: bytes
    target: bytes | None
    count: int
    threshold: int
    window_s: int
    confidence: float
    severity: int
    attack: tuple[str, ...]


Detector = Callable[[Packet, int], "Detection | None"]


class ScanDetector:
    """SYNs that nobody answered: many hosts on one port, within a minute or within a day, or
    many ports of one host. A source most of whose targets answer is a busy client."""

    def __init__(self) -> None:
        self._fast = DistinctWindow[tuple[bytes, int], bytes](MINUTE_US, 64)
        self._slow = DistinctWindow[tuple[bytes, int], bytes](DAY_US, 64)
        self._answered = DistinctWindow[tuple[bytes, int], bytes](DAY_US, 64)
        self._ports = DistinctWindow[tuple[bytes, bytes], int](MINUTE_US, 128)

    def __call__(self, packet: Packet, now_us: int) -> Detection | None:
        if packet.proto != PROTO_TCP:
            return None
        if packet.tcp_flags & (TCP_SYN | TCP_ACK) == TCP_SYN | TCP_ACK:
            self._on_answer(packet, now_us)
            return None
        if not packet.is_syn:
            return None
        key = (packet.src, packet.dport)
        fast = self._fast.add(key, packet.dst, now_us)
        slow = self._slow.add(key, packet.dst, now_us)
        ports = self._ports.add((packet.src, packet.dst), packet.dport, now_us)
        if ports >= SCAN_PORTS:
            pair = (packet.src, packet.dst)
            return _scan("scan.vertical", pair, packet, packet.dst, ports, SCAN_PORTS, 60)
        subject = (packet.src,)
        if fast >= SCAN_TARGETS and self._is_unanswered(key, fast, now_us):
            return _scan("scan.horizontal", subject, packet, None, fast, SCAN_TARGETS, 60)
        if slow >= SCAN_SLOW_TARGETS and self._is_unanswered(key, slow, now_us):
            limit = SCAN_SLOW_TARGETS
            return _scan("scan.horizontal", subject, packet, None, slow, limit, 86_400)
        return None

    def _on_answer(self, packet: Packet, now_us: int) -> None:
        key = (packet.dst, packet.sport)
        self._fast.discard(key, packet.src)
        self._slow.discard(key, packet.src)
        self._answered.add(key, packet.src, now_us)
        self._ports.discard((packet.dst, packet.src), packet.sport)

    def _is_unanswered(self, key: tuple[bytes, int], silent: int, now_us: int) -> bool:
        answered = self._answered.count(key, now_us)
        return silent >= SCAN_UNANSWERED_RATIO * (silent + answered)


def _scan(
    kind: str,
    subject: tuple[bytes, ...],
    packet: Packet,
    target: bytes | None,
    count: int,
    limit: int,
    window_s: int,
) -> Detection:
    confidence = 0.9 if window_s <= 60 else 0.7
    return Detection(
        kind, subject, packet.src, target, count, limit, window_s, confidence, 2, ("T1046",)
    )


class SweepDetector:
    """One host asks many: ICMP echo requests, or ARP requests (by MAC, which ARP cannot hide)."""

    def __init__(self) -> None:
        self._echo = DistinctWindow[bytes, bytes](MINUTE_US, 64)
        self._arp = DistinctWindow[bytes, bytes](MINUTE_US, 128)

    def __call__(self, packet: Packet, now_us: int) -> Detection | None:
        if packet.proto == PROTO_ARP:
            if packet.sport != _ARP_REQUEST:
                return None
            kind, limit, source = "sweep.arp", SWEEP_ARP_TARGETS, packet.src_mac
            count = self._arp.add(source, packet.dst, now_us)
        elif packet.sport == _ICMP_ECHO.get(packet.proto, -1):
            kind, limit, source = "sweep.icmp", SWEEP_ICMP_TARGETS, packet.src
            count = self._echo.add(source, packet.dst, now_us)
        else:
            return None
        if count < limit:
            return None
        return Detection(kind, (source,), source, None, count, limit, 60, 0.85, 2, ("T1018",))


class FloodDetector:
    """Too much of one thing at one target: SYNs beyond answers, UDP packets, DHCP requests.
    DHCP is counted by client MAC: a flood invents addresses, but one machine sends it."""

    def __init__(self) -> None:
        self._syn = RateWindow[tuple[bytes, int]](10 * SECOND_US, 512)
        self._syn_answered = RateWindow[tuple[bytes, int]](10 * SECOND_US, 512)
        self._udp = RateWindow[tuple[bytes, bytes]](10 * SECOND_US, FLOOD_UDP_PACKETS, 256)
        self._dhcp = RateWindow[bytes](10 * SECOND_US, 512)

    def __call__(self, packet: Packet, now_us: int) -> Detection | None:
        if packet.proto == PROTO_TCP:
            return self._on_tcp(packet, now_us)
        if packet.proto == PROTO_UDP:
            if packet.dport == 67 and packet.sport in _DHCP_PORTS:
                return self._on_dhcp(packet, now_us)
            count = self._udp.add((packet.src, packet.dst), now_us)
            if count >= FLOOD_UDP_PACKETS:
                subject = (packet.dst,)
                return _flood("flood.udp", subject, packet, count, FLOOD_UDP_PACKETS)
        return None

    def _on_tcp(self, packet: Packet, now_us: int) -> Detection | None:
        if packet.tcp_flags & (TCP_SYN | TCP_ACK) == TCP_SYN | TCP_ACK:
            self._syn_answered.add((packet.src, packet.sport), now_us)
        if not packet.is_syn:
            return None
        key = (packet.dst, packet.dport)
        count = self._syn.add(key, now_us)
        silent = count - self._syn_answered.count(key, now_us)
        if silent < FLOOD_SYN_PACKETS:
            return None
        return _flood("flood.syn", (packet.dst,), packet, silent, FLOOD_SYN_PACKETS)

    def _on_dhcp(self, packet: Packet, now_us: int) -> Detection | None:
        mac = packet.payload[28:34]
        if len(mac) < 6:
            return None
        count = self._dhcp.add(mac, now_us)
        if count < FLOOD_DHCP_PACKETS:
            return None
        return Detection(
            "flood.dhcp", (mac,), mac, None, count, FLOOD_DHCP_PACKETS, 10, 0.9, 2, ("T1498",)
        )


def _flood(
    kind: str, subject: tuple[bytes, ...], packet: Packet, count: int, limit: int
) -> Detection:
    return Detection(kind, subject, packet.src, packet.dst, count, limit, 10, 0.9, 1, ("T1498",))


class BruteForceDetector:
    """Many sessions of one client to one login service within a minute. Counts sessions the
    server took up (SYN+ACK), so a scan is not a brute force; a refused login ends a session on
    every one of these services, so sessions are the guesses seen from outside."""

    def __init__(self) -> None:
        self._sessions = DistinctWindow[tuple[bytes, bytes, int], int](MINUTE_US, 64)

    def __call__(self, packet: Packet, now_us: int) -> Detection | None:
        if packet.proto != PROTO_TCP or packet.sport not in LOGIN_PORTS:
            return None
        if packet.tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST) != TCP_SYN | TCP_ACK:
            return None
        client, server = packet.dst, packet.src
        count = self._sessions.add((client, server, packet.sport), packet.dport, now_us)
        if count < BRUTE_FORCE_SESSIONS:
            return None
        kind = "bruteforce." + LOGIN_PORTS[packet.sport]
        subject = (client, server)
        return Detection(
            kind, subject, client, server, count, BRUTE_FORCE_SESSIONS, 60, 0.85, 1, ("T1110",)
        )


class DnsTunnelDetector:
    """Many different names with a long label from one client: data in query names. Counted by
    client, not by domain, as some tunnels put the data where the domain should be."""

    def __init__(self) -> None:
        self._names = DistinctWindow[bytes, bytes](MINUTE_US, 64)

    def __call__(self, packet: Packet, now_us: int) -> Detection | None:
        if packet.proto != PROTO_UDP or packet.dport != _DNS_PORT:
            return None
        labels = _question_labels(packet.payload)
        if max(map(len, labels), default=0) < DNS_TUNNEL_LABEL_BYTES:
            return None
        limit, client = DNS_TUNNEL_NAMES, packet.src
        count = self._names.add(client, b".".join(labels), now_us)
        if count < limit:
            return None
        return Detection(
            "dns.tunnel", (client,), client, packet.dst, count, limit, 60, 0.8, 2, ("T1071.004",)
        )


def _question_labels(message: bytes) -> list[bytes]:
    """Labels of the first question of a DNS query; none for a response or a broken message."""
    labels: list[bytes] = []
    if len(message) < 17 or message[2] & 0x80:
        return labels
    at = 12
    while at < len(message) and 0 < message[at] <= 63 and len(labels) < 128:
        labels.append(bytes(message[at + 1 : at + 1 + message[at]]).lower())
        at += 1 + message[at]
    return labels


def all_detectors() -> list[Detector]:
    return [
        ScanDetector(),
        SweepDetector(),
        FloodDetector(),
        BruteForceDetector(),
        DnsTunnelDetector(),
    ]
