from __future__ import annotations

import math
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from anchorlog_ids.features import FEATURE_NAMES, flow_features
from anchorlog_ids.flow import Flow, FlowTable
from anchorlog_ids.packet import Packet, parse_frame
from anchorlog_ids.window import DistinctWindow, RateWindow

SECOND_US = 1_000_000


def packet(ts_s: float, src: str, dst: str, layer: Any) -> Packet:
    data = bytes(
        Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=src, dst=dst) / layer
    )
    parsed = parse_frame(data, int(ts_s * SECOND_US), len(data))
    assert parsed is not None
    return parsed


def add_all(table: FlowTable, packets: list[Packet]) -> list[Flow]:
    now, ended = 0, []
    for item in packets:
        now = max(now, item.ts_us)
        ended += table.add(item, now)[1]
    return ended + table.drain()


def test_two_directions_are_one_flow() -> None:
    client, server = "10.0.0.1", "10.0.0.2"
    (flow,) = add_all(
        FlowTable(),
        [
            packet(1, client, server, TCP(sport=4000, dport=80, flags="S")),
            packet(2, server, client, TCP(sport=80, dport=4000, flags="SA")),
            packet(3, client, server, TCP(sport=4000, dport=80, flags="A") / b"hello"),
        ],
    )
    assert (flow.packets, flow.payload_bytes, flow.dport) == ([2, 1], [5, 0], 80)
    assert flow.duration_us == 2 * SECOND_US


def test_mid_stream_server_packet_finds_the_client() -> None:
    (flow,) = add_all(
        FlowTable(), [packet(1, "10.0.0.2", "10.0.0.1", TCP(sport=502, dport=49_000, flags="PA"))]
    )
    assert (flow.sport, flow.dport, flow.packets) == (49_000, 502, [0, 1])


def test_backward_and_far_timestamps() -> None:
    layer = UDP(sport=1, dport=2)
    times = [1_000, 10, 999, 1_001, 1_001 + 4 * 365 * 86_400]
    flows = add_all(FlowTable(), [packet(t, "10.0.0.1", "10.0.0.2", layer) for t in times])
    assert [flow.duration_us for flow in flows] == [SECOND_US, 0]
    for flow in flows:
        row = flow_features(flow)
        assert len(row) == len(FEATURE_NAMES)
        assert all(math.isfinite(value) and value >= 0 for value in row)


def test_idle_and_closed_flows_end_and_a_new_syn_begins_anew() -> None:
    table = FlowTable()
    syn, rst = TCP(sport=5, dport=80, flags="S"), TCP(sport=80, dport=5, flags="RA")
    flows = add_all(
        table,
        [
            packet(1, "10.0.0.1", "10.0.0.2", syn),
            packet(2, "10.0.0.2", "10.0.0.1", rst),
            packet(3, "10.0.0.1", "10.0.0.2", syn),
            packet(200, "10.0.0.1", "10.0.0.2", syn),
        ],
    )
    assert [flow.packets for flow in flows] == [[1, 1], [1, 0], [1, 0]]
    assert len(table) == 0


def test_full_table_evicts_and_counts() -> None:
    table = FlowTable(flows_max=10)
    for port in range(1, 26):
        table.add(packet(1, "10.0.0.1", "10.0.0.2", UDP(sport=9, dport=port)), SECOND_US)
    assert (len(table), table.evicted) == (10, 15)


def test_context_counts_the_source() -> None:
    packets = [packet(1, "10.0.0.1", f"10.0.1.{n}", UDP(sport=9, dport=n)) for n in range(1, 9)]
    flows = add_all(FlowTable(), packets)
    assert [flow.context.targets for flow in flows] == list(range(1, 9))
    assert flows[-1].context.mac_addresses == 1


def test_windows_forget_and_stay_bounded() -> None:
    distinct = DistinctWindow[str, int](10, targets_max=5, keys_max=2)
    assert [distinct.add("a", n, n) for n in range(8)] == [1, 2, 3, 4, 5, 5, 5, 5]
    assert distinct.add("a", 7, 100) == 1
    distinct.discard("a", 7)
    assert distinct.count("a", 100) == 0
    for key in "abc":
        distinct.add(key, 1, 200)
    assert [distinct.count(key, 200) for key in "abc"] == [0, 1, 1]
    rate = RateWindow[str](10, events_max=3)
    assert [rate.add("a", n) for n in (0, 1, 2, 3)] == [1, 2, 3, 3]
    assert rate.add("a", 50) == 1
