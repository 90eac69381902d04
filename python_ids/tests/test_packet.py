"""The fast parser against scapy's dissection, on every packet of every committed capture."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether

from anchorlog_ids.capture import CaptureError, read_capture
from anchorlog_ids.packet import (
    PROTO_ARP,
    PROTO_ICMP6,
    PROTO_TCP,
    Packet,
    address_text,
    parse_frame,
)
from ids_support import all_capture_files


def expected(frame: Any) -> tuple[Any, ...] | None:
    """(src, dst, proto, sport, dport, flags, payload bytes) by scapy."""
    if ARP in frame:
        arp = frame[ARP]
        return arp.psrc, arp.pdst, PROTO_ARP, arp.op, 0, 0, 0
    if IP in frame:
        ip = frame[IP]
        src, dst, proto = ip.src, ip.dst, ip.proto
        length = (ip.len or len(ip)) - ip.ihl * 4
    elif IPv6 in frame:
        ip = frame[IPv6]
        src, dst = ip.src, ip.dst
        proto, length = _ipv6_transport(ip)
    else:
        return None
    sport = dport = flags = 0
    if TCP in ip:
        sport, dport, flags = ip[TCP].sport, ip[TCP].dport, int(ip[TCP].flags) & 0xFF
        length -= ip[TCP].dataofs * 4
    elif UDP in ip:
        sport, dport = ip[UDP].sport, ip[UDP].dport
        length -= 8
    elif ICMP in ip:
        sport, dport = ip[ICMP].type, ip[ICMP].code
        length -= 4
    elif proto == PROTO_ICMP6:
        body = _ipv6_body(ip)
        sport, dport = body[0], body[1]
        length -= 4
    return src, dst, proto, sport, dport, flags, max(0, length)


def _ipv6_layers(ip: Any) -> tuple[int, int]:
    """Next header after the extension headers, and their total length."""
    proto, skipped, layer = ip.nh, 0, ip.payload
    while proto in (0, 43, 44, 60):
        size = 8 if proto == 44 else (layer.len + 1) * 8
        proto, skipped, layer = layer.nh, skipped + size, layer.payload
    return proto, skipped


def _ipv6_transport(ip: Any) -> tuple[int, int]:
    proto, skipped = _ipv6_layers(ip)
    return proto, ip.plen - skipped


def _ipv6_body(ip: Any) -> bytes:
    return bytes(ip)[40 + _ipv6_layers(ip)[1] :]


def actual(packet: Packet | None) -> tuple[Any, ...] | None:
    if packet is None:
        return None
    return (
        address_text(packet.src),
        address_text(packet.dst),
        packet.proto,
        packet.sport,
        packet.dport,
        packet.tcp_flags,
        packet.payload_bytes,
    )


@pytest.mark.parametrize("path", all_capture_files(), ids=lambda path: path.name)
def test_fast_parser_equals_scapy(path: Path) -> None:
    for number, (data, ts_us, wire_bytes, linktype) in enumerate(read_capture(path)):
        packet = parse_frame(data, ts_us, wire_bytes, linktype)
        assert actual(packet) == expected(Ether(data)), f"packet {number}"


@pytest.mark.parametrize(
    "frame",
    [
        Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1, dport=2, flags="SA") / b"abc",
        Ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / IP(dst="10.0.0.2") / UDP(sport=1, dport=2) / b"x",
        Ether() / ARP(op=2, psrc="10.0.0.9", pdst="10.0.0.8"),
        Ether() / IP(dst="10.0.0.2", options=[b"\x01" * 4]) / UDP(sport=7, dport=8),
        Ether() / IP(dst="10.0.0.2") / ICMP(type=8),
        Ether() / IPv6(src="fe80::1", dst="fe80::2") / TCP(sport=9, dport=10, flags="S"),
    ],
)
def test_built_frames(frame: Any) -> None:
    data = bytes(frame)
    assert actual(parse_frame(data, 0, len(data))) == expected(Ether(data))


def test_padding_is_not_payload() -> None:
    data = bytes(Ether() / IP(dst="10.0.0.2") / TCP(flags="A")) + b"\x00" * 6
    packet = parse_frame(data, 0, len(data))
    assert packet is not None
    assert (packet.payload_bytes, packet.payload) == (0, b"")


def test_later_fragments_have_no_ports() -> None:
    ipv4 = bytes(Ether() / IP(dst="10.0.0.2", frag=100, proto=PROTO_TCP) / (b"\x11" * 40))
    fragment = IPv6ExtHdrFragment(offset=100, nh=PROTO_TCP)
    ipv6 = bytes(Ether() / IPv6(dst="fe80::2") / fragment / (b"\x11" * 40))
    for data in (ipv4, ipv6):
        packet = parse_frame(data, 0, len(data))
        assert packet is not None
        assert (packet.proto, packet.sport, packet.dport, packet.payload) == (6, 0, 0, b"")
        assert packet.payload_bytes == 40


def test_broken_frames_never_raise() -> None:
    chance = random.Random(1)
    whole = bytes(Ether() / Dot1Q() / IPv6(dst="fe80::2") / TCP() / b"payload")
    for size in range(len(whole)):
        parse_frame(whole[:size], 0, size)
    for _ in range(20_000):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        parse_frame(bytes(data), 0, len(data), chance.choice([1, 101, 113, 9]))


def test_pcapng_and_nanosecond_pcap(tmp_path: Path) -> None:
    frame = bytes(Ether() / IP(dst="10.0.0.2") / UDP())
    header = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 100, 123_456_789, len(frame), len(frame)) + frame
    nano = tmp_path / "nano.pcap"
    nano.write_bytes(header + record)
    assert [item.ts_us for item in read_capture(nano)] == [100_123_456]
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20)
    padded = frame + b"\x00" * (-len(frame) % 4)
    length = 32 + len(padded)
    ticks = 100_123_456
    packet = struct.pack("<IIIIIII", 6, length, 0, ticks >> 32, ticks, len(frame), len(frame))
    ng = tmp_path / "ng.pcapng"
    ng.write_bytes(section + interface + packet + padded + struct.pack("<I", length))
    assert [(item.ts_us, item.data) for item in read_capture(ng)] == [(ticks, frame)]


def test_what_is_no_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.pcap"
    path.write_text("this is not a capture at all, only text")
    with pytest.raises(CaptureError, match=r"text\.pcap"):
        list(read_capture(path))
    with pytest.raises(CaptureError):
        list(read_capture(tmp_path / "absent.pcap"))
