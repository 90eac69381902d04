"""Whoever has a valid certificate may send much: again, or more than anybody needs."""

from __future__ import annotations

import json
import time
from statistics import median
from typing import Any

import pytest
from harness import Gateway, MakeGateway, Tally, make_alert
from harness.alerts import canonical
from harness.load import check_verifies
from harness.memory import Memory
from harness.paths import bench
from harness.process import Child
from harness.sender import frame

pytestmark = pytest.mark.release
SENDERS = {
    "gw-01": {"state": "active", "devices": {"*": {}}},
    "gw-02": {"state": "active", "devices": {"*": {}}},
}
STORED = 1_000
REPLAY_GROWN_MIB_MAX = 32
AUDITS_PER_MINUTE = 60


@pytest.mark.parametrize("total", [50_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_replayed_frames_are_never_accepted(
    make_gateway: MakeGateway, tally: Tally, total: int
) -> None:
    """A thief of frames sends them again, as they were, altered, and into the gaps: over
    reconnects, a kill and a restart none becomes an entry."""
    began = time.monotonic()
    alerts = [make_alert(2 * n) for n in range(1, STORED + 1)]
    altered = [{**alert, "confidence": 0.75} for alert in alerts]
    between = [{**alert, "seq_no": alert["seq_no"] - 1} for alert in alerts]
    blobs = {
        "ack": b"".join(frame(canonical(alert)) for alert in alerts),
        "equivocation": b"".join(frame(canonical(alert)) for alert in altered),
        "replay": b"".join(frame(canonical(alert)) for alert in between),
    }
    with make_gateway() as gateway:
        with gateway.connect() as sender:
            sender.deliver(alerts)
        sent = [replay_many(gateway, blobs, total // 3)]
        gateway.kill()
        gateway.start()
        sent.append(replay_many(gateway, blobs, total // 3))
        gateway.restart()
        sent.append(replay_many(gateway, blobs, total - 2 * (total // 3)))
        assert gateway.stop() == 0
    tally.add("replayed frames", sum(sent), len(gateway.store.alerts()) - STORED)
    assert [line["alert"] for line in gateway.store.alerts()] == alerts
    check_audits(gateway, sent, time.monotonic() - began)
    check_verifies(gateway)


def replay_many(gateway: Gateway, blobs: dict[str, bytes], total: int) -> int:
    """At least so many, in turn; how many it were."""
    memory = Memory(gateway.pid)
    sent = 0
    while sent < total:
        for answer, blob in blobs.items():
            replay(gateway, blob, answer)
            sent += STORED
    assert memory.grown_mib < REPLAY_GROWN_MIB_MAX
    return sent


def replay(gateway: Gateway, blob: bytes, answer: str) -> None:
    """Sends it whole and reads every answer."""
    with gateway.connect() as sender:
        sender.send_bytes(blob)
        sender.end_sending()
        answers = sender.remaining()
    if answer == "ack":
        assert {message["type"] for message in answers} == {"ack"}
        assert answers[-1]["seq_no"] == 2 * STORED
    else:
        assert len(answers) == STORED
        assert {(message.get("code"), message.get("permanent")) for message in answers} == {
            (answer, True)
        }


def check_audits(gateway: Gateway, sent: list[int], took_s: float) -> None:
    """Few lines, that say of how many they are. Only what was held back at the kill is lost."""
    events = ("equivocation", "replay", "suppressed")
    audits = [audit for event in events for audit in gateway.store.audits(event)]
    minutes = took_s / 60
    assert len(audits) <= len(sent) * (AUDITS_PER_MINUTE + 1) + minutes * (AUDITS_PER_MINUTE + 1)
    refused = [count * 2 // 3 for count in sent]
    told = sum(audit["count"] for audit in audits)
    assert sum(refused[1:]) <= told <= sum(refused), (told, refused)


# One sender's: closed loop, as fast as the log acks.
FLOOD = ["--connections", "4", "--coalesce", "16", "--window", "1000"]
FLOOD_GROWN_MIB_MAX = 192
FLOODED_P99_MS_MAX = 1_000


class Generator:
    """anchorlog_bench as a sender."""

    def __init__(self, gateway: Gateway, sender: str, options: list[str]) -> None:
        identity = gateway.pki.sender(sender)
        self._log = gateway.dir / f"generator-{len(list(gateway.dir.glob('generator-*')))}"
        self._child = Child(
            [bench(), "load", "--json", "--port", str(gateway.ingest_port),
             "--ca", str(gateway.pki.ca), "--certificate", str(identity.certificate),
             "--key", str(identity.key), *options],
            self._log,
        )

    def result(self) -> dict[str, Any]:
        assert self._child.wait(60) == 0, self._child.tail()
        result = json.loads(self._child.output())["result"]
        assert isinstance(result, dict)
        return result


RATE = 5_000  # what one sender is given, where it is given anything


# A measurement's length is limited by what a trial of the generator may take.
@pytest.mark.alone
@pytest.mark.parametrize(
    ("seconds", "rounds"), [(1.5, 1), pytest.param(8, 8, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("rate", [0, RATE])
def test_a_flood_beside_a_quiet_sender(
    make_gateway: MakeGateway, tally: Tally, rate: int, seconds: float, rounds: int
) -> None:
    quiet, beside, rates = [], [], []
    gateway = make_gateway(senders=SENDERS, config={"rate": {"sender_alerts_per_s": rate}})
    with gateway:
        memory = Memory(gateway.pid)
        for turn in range(rounds):
            quiet.append(ten_a_second(gateway, seconds, 2 * turn))
            options = [*FLOOD, "--first-device", str(1_000 + 10 * turn)]
            flood = Generator(gateway, "gw-02", [*options, "--seconds", str(seconds + 0.8)])
            time.sleep(0.4)
            beside.append(ten_a_second(gateway, seconds, 2 * turn + 1))
            rates.append(flood.result()["alerts_per_s"])
        assert memory.grown_mib < FLOOD_GROWN_MIB_MAX
        assert gateway.stop() == 0
    tally.add("floods beside a quiet sender", rounds)
    tally.measured(
        f"a quiet sender's p99, medians of {rounds}: {median(quiet):.0f} ms alone, "
        f"{median(beside):.0f} ms beside a flood of {median(rates):.0f} alerts/s"
        f" ({f'held to {rate}' if rate else 'no limit'})"
    )
    # It waits for the group that is being written and for its own, not for a flood's queue.
    assert max(beside) < FLOODED_P99_MS_MAX
    if rate:
        assert max(rates) < 1.5 * rate


def ten_a_second(gateway: Gateway, seconds: float, device: int) -> float:
    """Its p99 from send to ack, in ms."""
    options = ["--rate", "10", "--seconds", str(seconds), "--first-device", str(device)]
    return float(Generator(gateway, "gw-01", options).result()["latency_us"]["p99"]) / 1_000
