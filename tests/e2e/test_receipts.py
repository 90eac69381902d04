"""Receipts: a signed promise for every alert of who asks, and a broken one is proof."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from harness import CAPTURES, Gateway, Ids, MakeGateway, Sender, leaf_hash, make_alert
from harness.alerts import canonical
from harness.sender import hello_for
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, Verdict, verdict_of

Json = dict[str, Any]
FAST = {"batch": {"entries": 5, "interval_s": 1, "seal_interval_min_ms": 0}}
REPLAY_S_MAX = 60.0


def ask(sender: Sender) -> None:
    sender.send({**hello_for(["cam-1"]), "receipts": True})
    sender.expect("welcome")


def deliver(sender: Sender, alerts: list[Json]) -> list[Json]:
    """Sends them and reads on until each has its receipt; the acks come before."""
    sender.send(*alerts)
    acked, receipts = 0, []
    while len(receipts) < len(alerts):
        message = sender.receive()
        assert message is not None
        if message["type"] == "ack":
            acked = max(acked, message["seq_no"])
        else:
            assert message["type"] == "receipt", message
            assert message["seq_no"] <= acked, "promised before it was acked"
            receipts.append(message)
    return receipts


def check(receipt: Json, vkey: str) -> None:
    """Ed25519 over the bytes that the wire format names."""
    origin, key_id, encoded = vkey.split("+", 2)
    assert receipt["signer"] == key_id
    moment = datetime.datetime.fromisoformat(receipt["received_at"])
    at_ms = int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    payload = (
        b"anchorlog/receipt/v1\0" + hashlib.sha256(origin.encode()).digest()
        + receipt["index"].to_bytes(8, "big") + bytes.fromhex(receipt["leaf"])
        + at_ms.to_bytes(8, "big")
    )
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
    public.verify(base64.b64decode(receipt["sig"]), payload)


def numbers(receipts: Iterable[Json]) -> list[int]:
    return [receipt["seq_no"] for receipt in receipts]


def judge(gateway: Gateway, receipt: Json, store: Path, tmp_path: Path) -> Verdict:
    file = tmp_path / "receipt.json"
    file.write_bytes(canonical(receipt) + b"\n")
    trust = str(gateway.trust_file())
    return verdict_of("receipt", str(file), str(store), "--trust", trust)


def test_every_alert_is_promised_as_it_is_stored(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    gateway = make_gateway(config=FAST)
    with gateway:
        with gateway.connect() as sender:
            ask(sender)
            receipts = deliver(sender, [make_alert(number) for number in range(1, 13)])
        gateway.wait_sealed(12)
        assert gateway.stop() == 0
    assert numbers(receipts) == list(range(1, 13))
    places, lines = gateway.store.places(), gateway.store.lines()
    for receipt in receipts:
        check(receipt, gateway.vkey)
        line = lines[receipt["index"]]
        assert line["alert"]["seq_no"] == receipt["seq_no"]
        assert line["received_at"] == receipt["received_at"]
        assert leaf_hash(places[receipt["index"]].text).hex() == receipt["leaf"]
    kept = judge(gateway, receipts[7], gateway.store.dir, tmp_path)
    assert kept.exit_code == EXIT_PASS, kept.text
    assert kept.last_line.startswith("PASS KEPT") and kept.json["proof"] is None


def test_only_who_asks_is_promised_and_a_resend_the_same(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config=FAST)
    alerts = [make_alert(number) for number in range(1, 8)]
    with gateway:
        with gateway.connect() as sender:
            sender.deliver(alerts)
            assert sender.hello([])["type"] == "welcome", "and no receipt before it"
            ask(sender)
            first = deliver(sender, alerts)
            again = deliver(sender, alerts[2:4])
            sender.send(hello_for(["cam-1"]))
            sender.expect("welcome")
            sender.deliver([make_alert(8)])
            sender.hello([])
        assert gateway.stop() == 0
    assert again == first[2:4]
    for receipt in first:
        check(receipt, gateway.vkey)
    assert gateway.store.numbers("cam-1") == list(range(1, 9)), "logged once"


def test_a_rate_is_kept_by_reading_slowly(make_gateway: MakeGateway) -> None:
    per_s = 20
    gateway = make_gateway(config={**FAST, "rate": {"receipts_per_s_max": per_s}})
    with gateway, gateway.connect() as sender:
        ask(sender)
        for first in range(1, 2 * per_s, 10):
            assert len(deliver(sender, [make_alert(n) for n in range(first, first + 10)])) == 10
        assert "anchorlog_rate_pauses_total" in gateway.http("/metrics")[1]
        assert gateway.stop() == 0
    audits = gateway.store.audits("rate_limited")
    assert [audit["subject"] for audit in audits] in ([], ["gw-01 receipts"])


@pytest.fixture
def promised(make_gateway: MakeGateway, tmp_path: Path) -> tuple[Gateway, Json]:
    """A log put back to before it made a promise, and grown again by other alerts."""
    gateway = make_gateway(config=FAST)
    with gateway:
        assert gateway.stop() == 0
        old = gateway.store.copy_to(tmp_path / "old")
        gateway.start()
        with gateway.connect() as sender:
            ask(sender)
            receipt = deliver(sender, [make_alert(1), make_alert(2)])[1]
        assert gateway.stop() == 0
        shutil.rmtree(gateway.store.dir)
        old.dir.rename(gateway.store.dir)
        gateway.start()
        with gateway.connect() as sender:
            sender.deliver([make_alert(number, "cam-2") for number in range(1, 11)])
        gateway.wait_sealed(10)
        assert gateway.stop() == 0
    return gateway, receipt


def test_a_broken_promise_is_proof(promised: tuple[Gateway, Json], tmp_path: Path) -> None:
    gateway, receipt = promised
    check(receipt, gateway.vkey)
    broken = judge(gateway, receipt, gateway.store.dir, tmp_path)
    assert broken.exit_code == EXIT_FAIL, broken.text
    (fault,) = broken.faults
    assert fault["kind"] == "receipt_broken"
    # A third party needs the receipt and this; not the store, and none of our code.
    header = json.loads(broken.json["proof"]["batch_line"])["header"]
    assert header["first_index"] <= receipt["index"] < header["first_index"] + header["count"]
    assert broken.json["leaf_found"] != receipt["leaf"] == broken.json["leaf_promised"]
    altered = {**receipt, "index": receipt["index"] + 1}
    assert judge(gateway, altered, gateway.store.dir, tmp_path).exit_code == EXIT_UNDECIDED


def test_the_detector_keeps_its_receipts(make_gateway: MakeGateway, tmp_path: Path) -> None:
    gateway = make_gateway(config=FAST)
    ids = Ids(tmp_path / "ids", gateway)
    kept = tmp_path / "receipts.ndjson"
    with gateway:
        replay = ids.replay(
            [CAPTURES / "attack-ftp-bruteforce.pcap"], "--flow-alerts", "--receipts", str(kept)
        )
        assert replay.wait(REPLAY_S_MAX) == 0, replay.tail()
        acked = ids.summary(replay)["acked"]
        gateway.wait_sealed(acked)
        assert gateway.stop() == 0
    receipts = [json.loads(line) for line in kept.read_text().splitlines()]
    assert acked > 0 and sorted(numbers(receipts)) == list(range(1, acked + 1))
    for receipt in receipts:
        check(receipt, gateway.vkey)
    assert judge(gateway, receipts[-1], gateway.store.dir, tmp_path).exit_code == EXIT_PASS
