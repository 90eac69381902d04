"""The engine on every committed capture, against the ground truth of SOURCES.md."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from anchorlog_ids.alert import Draft
from anchorlog_ids.capture import Frame
from anchorlog_ids.engine import Engine, Finding
from anchorlog_ids.model import FlowModel
from anchorlog_ids.runner import AlertMaker, RunStats, replay
from ids_support import CAPTURES, all_capture_files, counting_sources, load_captures

CAPTURES_LABELLED = load_captures()
MODEL = FlowModel.packaged()


def run(name: str, *, flow_alerts: bool = False) -> tuple[RunStats, list[dict[str, Any]]]:
    bodies: list[dict[str, Any]] = []
    stats = replay(
        [CAPTURES / name],
        maker=AlertMaker("cam-1", counting_sources()),
        model=MODEL,
        sink=lambda drafts: bodies.extend(json.loads(draft.body) for draft in drafts),
        flow_alerts=flow_alerts,
    )
    return stats, bodies


@pytest.mark.parametrize("capture", CAPTURES_LABELLED, ids=lambda capture: capture.path.name)
def test_ground_truth(capture: Any) -> None:
    stats, bodies = run(capture.path.name)
    assert stats.unparsed == 0
    assert len(bodies) <= 5
    if capture.label == "attack":
        assert set(stats.incidents) == {capture.family}
        assert stats.incidents[capture.family] == 1
        opened, closed = bodies[0], bodies[-1]
        assert opened["features_summary"]["incident"] == "open"
        assert closed["features_summary"]["incident"] == "closed"
        assert closed["features_summary"]["suppressed"] > 0
    else:
        assert stats.incidents.total() <= (1 if capture.label == "benign" else 5)


def test_labels_and_sources_name_the_files_that_are_there() -> None:
    rows = {}
    for line in (CAPTURES / "SOURCES.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and len(cells[6]) == 64:
            rows[cells[0]] = cells[6]
    files = {str(path.relative_to(CAPTURES)) for path in all_capture_files()}
    assert files | {f"community-id/baseline_{kind}.json" for kind in ("deflt", "seed1")} == set(
        rows
    )
    for name, digest in rows.items():
        assert hashlib.sha256((CAPTURES / name).read_bytes()).hexdigest() == digest
    assert {capture.path.name for capture in CAPTURES_LABELLED} == {
        name for name in files if "/" not in name
    }


def test_every_alert_carries_its_provenance() -> None:
    _, bodies = run("attack-ftp-bruteforce.pcap")
    summary = bodies[0]["features_summary"]
    assert summary["engine"] in ("rule", "both")
    assert summary["model"]["sha256"] == MODEL.info.sha256
    assert summary["thr"] == {"count": 15, "score": MODEL.info.threshold}
    assert summary["window"]["source"] == "192.168.56.1"
    assert summary["flow"]["dst_port"] == 21
    assert summary["capture"] == "attack-ftp-bruteforce.pcap"
    assert bodies[0]["timestamp"].startswith("2014-01-14T")


def test_dhcp_flood_is_counted_by_mac() -> None:
    _, bodies = run("attack-dhcp-flood.pcap")
    assert bodies[0]["features_summary"]["window"]["source"] == "90:b1:1c:99:49:29"


def test_flow_alerts_are_enough_for_several_batches() -> None:
    total = 0
    for capture in CAPTURES_LABELLED:
        stats, bodies = run(capture.path.name, flow_alerts=True)
        kinds = ("anomaly.flow", "policy.flow_observed")
        flows = [body for body in bodies if body["alert_type"] in kinds]
        assert len(flows) == stats.flows
        assert {body["features_summary"]["sev"] for body in flows} == {3}
        total += len(bodies)
    assert total > 900


def test_two_replays_give_the_same_bytes() -> None:
    def digest() -> str:
        sha = hashlib.sha256()

        def sink(drafts: list[Draft]) -> None:
            for draft in drafts:
                sha.update(draft.body)

        replay(
            [capture.path for capture in CAPTURES_LABELLED],
            maker=AlertMaker("cam-1", counting_sources()),
            model=MODEL,
            sink=sink,
            flow_alerts=True,
        )
        return sha.hexdigest()

    assert digest() == digest()


def test_limit_stops_after_that_many_alerts() -> None:
    bodies: list[bytes] = []
    stats = replay(
        [capture.path for capture in CAPTURES_LABELLED],
        maker=AlertMaker("cam-1", counting_sources()),
        model=None,
        sink=lambda drafts: bodies.extend(draft.body for draft in drafts),
        flow_alerts=True,
        limit=120,
    )
    assert len(bodies) == stats.alerts.total() == 120
    assert len({json.loads(body)["entry_id"] for body in bodies}) == 120


class Wire:
    """Feeds built packets to an engine, at given seconds."""

    def __init__(self) -> None:
        self.engine = Engine(None)
        self.findings: list[Finding] = []

    def send(self, at_s: float, layers: Any, mac: str = "02:00:00:00:00:01") -> None:
        data = bytes(Ether(src=mac, dst="02:00:00:00:00:02") / layers)
        self.findings += self.engine.process(Frame(data, int(at_s * 1e6), len(data), 1))

    @property
    def incidents(self) -> dict[str, int]:
        return dict(self.engine.incidents)


def syn(source: str, target: str, port: int, sport: int = 4000) -> Any:
    return IP(src=source, dst=target) / TCP(sport=sport, dport=port, flags="S")


def test_horizontal_scan_but_not_a_busy_client() -> None:
    scan, client = Wire(), Wire()
    for host in range(1, 31):
        target = f"10.0.1.{host}"
        scan.send(host, syn("10.0.0.1", target, 23))
        client.send(host, syn("10.0.0.1", target, 443))
        answer = IP(src=target, dst="10.0.0.1") / TCP(sport=443, dport=4000, flags="SA")
        client.send(host + 0.1, answer)
    assert scan.incidents == {"scan.horizontal": 1}
    assert client.incidents == {}


def test_vertical_scan_of_closed_ports() -> None:
    wire = Wire()
    for port in range(1, 101):
        wire.send(port / 10, syn("10.0.0.1", "10.0.0.2", port))
        reset = IP(src="10.0.0.2", dst="10.0.0.1") / TCP(sport=port, dport=4000, flags="RA")
        wire.send(port / 10 + 0.01, reset)
    assert wire.incidents == {"scan.vertical": 1}


def test_icmp_and_arp_sweeps() -> None:
    wire = Wire()
    for host in range(1, 61):
        wire.send(host / 10, IP(src="10.0.0.1", dst=f"10.0.0.{host}") / ICMP(type=8))
        wire.send(host / 10, ARP(op=1, psrc="10.0.0.1", pdst=f"10.0.0.{host}"))
    assert wire.incidents == {"sweep.icmp": 1, "sweep.arp": 1}


def test_dns_tunnel_but_not_ordinary_names() -> None:
    tunnel, ordinary = Wire(), Wire()
    for number in range(60):
        data = hashlib.sha256(bytes([number])).hexdigest()[:50]
        for wire, name in ((tunnel, f"{data}.t.example"), (ordinary, f"host{number}.example")):
            query = DNS(rd=1, qd=DNSQR(qname=name))
            wire.send(number / 2, IP(src="10.0.0.1", dst="10.0.0.53") / UDP(dport=53) / query)
    assert tunnel.incidents == {"dns.tunnel": 1}
    assert ordinary.incidents == {}


def test_udp_flood() -> None:
    wire = Wire()
    packet = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=9, dport=9)
    data = bytes(Ether() / packet)
    for number in range(10_000):
        wire.findings += wire.engine.process(Frame(data, number * 500, len(data), 1))
    assert wire.incidents == {"flood.udp": 1}


def test_one_incident_is_closed_after_quiet_and_a_new_one_opens() -> None:
    wire = Wire()
    for start in (0, 2000):
        for host in range(1, 31):
            wire.send(start + host, syn("10.0.0.1", f"10.0.1.{host}", 23))
    states = [finding.summary["incident"] for finding in wire.findings]
    assert wire.incidents == {"scan.horizontal": 2}
    assert states == ["open", "closed", "open"]
    ticked = wire.engine.tick(4_000_000_000)
    assert [finding.summary["incident"] for finding in ticked] == ["closed"]
    assert wire.engine.finish() == []
