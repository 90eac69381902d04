"""What becomes of an alert: stored, acked again, or refused with a code."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from harness import (
    Alert,
    Gateway,
    MakeGateway,
    Pki,
    Sender,
    make_alert,
    now_text,
    sign_alert,
    uuid7,
)
from harness.alerts import canonical, identity_of

SIGNING_DEVICE = "signing-cam"
EPOCHS_AHEAD_MAX = 1024
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def device_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, pki: Pki, device_key: Ed25519PrivateKey
) -> Iterator[Gateway]:
    public = device_key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    senders = {
        "gw-01": {"state": "active", "devices": {"*": {}, SIGNING_DEVICE: {"key": public.hex()}}},
        "gw-02": {"state": "active", "devices": {"cam-9": {}}},
    }
    with Gateway(tmp_path_factory.mktemp("admission"), pki, senders=senders) as made:
        yield made


@pytest.fixture
def sender(gateway: Gateway) -> Iterator[Sender]:
    with gateway.connect() as made:
        yield made


@pytest.fixture
def device() -> str:
    """A device of this test's own, so that the tests share one log and not their numbers."""
    return f"cam-{next(_numbers)}x"


def refuse(sender: Sender, alert: Alert, code: str, *, permanent: bool) -> None:
    sender.send(alert)
    reject = sender.expect("reject")
    assert (reject["code"], reject["permanent"]) == (code, permanent), reject
    number = (reject["device_id"], reject["epoch"], reject["seq_no"])
    assert number == (alert["device_id"], alert.get("epoch", 0), alert["seq_no"])


def test_an_alert_is_stored_as_it_was_sent(gateway: Gateway, sender: Sender, device: str) -> None:
    alert = make_alert(
        1, device, sent_at=now_text(),
        features_summary={"b": [1, 0.25, None, True], "a": {"ü": "\u2028\n\"\\"}, "é": "😀"},
    )
    before = now_text()
    (ack,) = sender.deliver([alert])
    assert ack == {
        "type": "ack", "device_id": device, "epoch": 0, "seq_no": 1, "index": ack["index"],
    }
    place = gateway.store.places()[ack["index"]]
    entry = gateway.store.lines()[ack["index"]]
    certificate = x509.load_pem_x509_certificate(gateway.pki.sender().certificate.read_bytes())
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
    assert list(entry) == ["alert", "cert", "index", "received_at", "sender", "sent_at"]
    assert entry["cert"] == digest[:16].hex()
    assert (entry["index"], entry["sender"]) == (ack["index"], "urn:anchorlog:sender:gw-01")
    assert entry["sent_at"] == alert["sent_at"]
    assert before <= entry["received_at"] <= now_text()
    assert place.text.startswith(b'{"alert":' + identity_of(alert) + b',"cert":')


def test_an_alert_in_another_spelling_is_stored_canonically(
    gateway: Gateway, sender: Sender, device: str
) -> None:
    alert = make_alert(1, device, features_summary={"rate": 100, "half": 0.5})
    spelled = canonical(alert).replace(b'"rate":100', b'"r\\u0061te" : 1e2')
    spelled = spelled.replace(b'"half":0.5', b'"half":5.0e-1').replace(b'{"alert', b'{ "alert')
    sender.send_frame(spelled)
    ack = sender.expect("ack")
    assert identity_of(alert) in gateway.store.places()[ack["index"]].text
    sender.send(alert)
    assert sender.expect("ack")["index"] == ack["index"], "the same alert, however spelled"


def test_a_device_of_another_sender_is_refused(gateway: Gateway) -> None:
    with gateway.connect(gateway.pki.sender("gw-02")) as sender:
        refuse(sender, make_alert(1, "cam-1"), "identity", permanent=True)
        sender.deliver([make_alert(1, "cam-9")])
    assert gateway.store.numbers("cam-9") == [1]
    assert gateway.store.numbers("cam-1") == []


def test_a_resent_alert_is_acked_and_logged_once(
    gateway: Gateway, sender: Sender, device: str
) -> None:
    alerts = [make_alert(number, device, sent_at=now_text()) for number in (1, 2, 3)]
    first = sender.deliver(alerts)[-1]
    again = [{**alert, "sent_at": now_text(1)} for alert in alerts]
    assert sender.deliver(again)[-1]["index"] == first["index"]
    del again[0]["sent_at"]
    sender.send(again[0])
    assert sender.expect("ack")["seq_no"] == 1
    with gateway.connect() as other:
        other.deliver(again[1:])
    assert gateway.store.numbers(device) == [1, 2, 3]


def test_an_old_alert_is_acked_again_from_a_sealed_batch(
    gateway: Gateway, sender: Sender, device: str
) -> None:
    alerts = [make_alert(number, device) for number in range(1, 121)]
    sender.deliver(alerts)
    # Fifty alerts seal a batch, so the first of 120 cannot be in the open one for long.
    first_index = next(
        line["index"] for line in gateway.store.alerts() if line["alert"] == alerts[0]
    )
    for alert in (alerts[0], alerts[60], alerts[119]):
        sender.send({**alert, "sent_at": now_text()})
        assert sender.expect("ack")["seq_no"] == alert["seq_no"]
    sender.send({**alerts[0], "sent_at": now_text()})
    assert sender.expect("ack")["index"] == first_index
    refuse(sender, {**alerts[0], "confidence": 0.75}, "equivocation", permanent=True)
    assert gateway.store.numbers(device) == list(range(1, 121))


def test_a_resend_meets_a_batch_that_is_being_sealed(make_gateway: MakeGateway) -> None:
    """Between the end of a batch and its line on disk, its alerts are as well known as ever."""
    config = {"batch": {"entries": 1, "seal_interval_min_ms": 0}}
    with make_gateway(config=config) as gateway, gateway.connect() as sender:
        for number in range(1, 101):
            alert = make_alert(number)
            (ack,) = sender.deliver([alert])
            assert sender.deliver([alert]) == [ack]
            refuse(sender, {**alert, "confidence": 1}, "equivocation", permanent=True)
        assert gateway.store.numbers("cam-1") == list(range(1, 101))


@pytest.mark.parametrize("change", [{"confidence": 0.75}, {"entry_id": uuid7()}])
def test_another_alert_under_a_stored_number_is_equivocation(
    gateway: Gateway, sender: Sender, device: str, change: Alert
) -> None:
    alert = make_alert(7, device)
    sender.deliver([alert])
    refuse(sender, {**alert, **change}, "equivocation", permanent=True)
    sender.deliver([make_alert(8, device)])
    assert gateway.store.numbers(device) == [7, 8]


def test_an_unseen_lower_number_is_a_replay(gateway: Gateway, sender: Sender, device: str) -> None:
    sender.deliver([make_alert(5, device)])
    refuse(sender, make_alert(3, device), "replay", permanent=True)
    sender.deliver([make_alert(100, device)])
    refuse(sender, make_alert(99, device), "replay", permanent=True)
    assert gateway.store.numbers(device) == [5, 100]


@pytest.mark.parametrize(
    ("code", "times"),
    [
        ("stale", {"timestamp": -40.0}),
        ("stale", {"sent_at": -40.0}),
        ("future", {"timestamp": 40.0}),
        ("future", {"sent_at": 40.0}),
        ("future", {"timestamp": 40.0, "sent_at": 0.0}),
    ],
)
def test_a_time_outside_the_window_ends_the_session(
    gateway: Gateway, sender: Sender, device: str, code: str, times: dict[str, float]
) -> None:
    good = make_alert(1, device)
    late = make_alert(2, device, **{name: now_text(offset) for name, offset in times.items()})
    sender.send(good, late, make_alert(3, device))
    messages = sender.remaining()
    assert [(m["type"], m["seq_no"], m.get("code")) for m in messages] == [
        ("ack", 1, None), ("reject", 2, code),
    ]
    assert messages[1]["permanent"] is False
    assert gateway.store.numbers(device) == [1], "nothing after a transient reject is admitted"
    with gateway.connect() as again:
        again.deliver([make_alert(2, device), make_alert(3, device)])
    assert gateway.store.numbers(device) == [1, 2, 3]


def test_a_spooled_alert_is_old_but_sent_now(gateway: Gateway, sender: Sender, device: str) -> None:
    sender.deliver([make_alert(1, device, timestamp=now_text(-86_400), sent_at=now_text())])
    assert gateway.store.numbers(device) == [1]


def test_a_resend_is_acked_whatever_its_time(
    gateway: Gateway, sender: Sender, device: str
) -> None:
    alert = make_alert(1, device)
    sender.deliver([alert])
    sender.deliver([{**alert, "sent_at": now_text(-3600)}])
    assert gateway.store.numbers(device) == [1]


def test_a_new_epoch_starts_its_numbers_anew(
    gateway: Gateway, sender: Sender, device: str
) -> None:
    old = make_alert(9, device)
    sender.deliver([old])
    sender.deliver([make_alert(1, device, epoch=1), make_alert(2, device, epoch=1)])
    refuse(sender, make_alert(10, device), "replay", permanent=True)
    sender.deliver([{**old, "sent_at": now_text()}])
    refuse(sender, make_alert(1, device, epoch=1), "equivocation", permanent=True)
    too_far = make_alert(1, device, epoch=1 + EPOCHS_AHEAD_MAX + 1)
    refuse(sender, too_far, "replay", permanent=True)
    sender.deliver([make_alert(1, device, epoch=1 + EPOCHS_AHEAD_MAX)])
    epochs = [
        (line["alert"].get("epoch", 0), line["alert"]["seq_no"])
        for line in gateway.store.alerts() if line["alert"]["device_id"] == device
    ]
    assert epochs == [(0, 9), (1, 1), (1, 2), (1 + EPOCHS_AHEAD_MAX, 1)]


def test_a_device_with_a_key_must_sign(
    gateway: Gateway, sender: Sender, device_key: Ed25519PrivateKey
) -> None:
    alert = make_alert(1, SIGNING_DEVICE, sent_at=now_text())
    signed = sign_alert(alert, device_key)
    refuse(sender, alert, "signature", permanent=True)
    forged = sign_alert(alert, Ed25519PrivateKey.generate())
    refuse(sender, forged, "signature", permanent=True)
    refuse(sender, {**signed, "confidence": 1}, "signature", permanent=True)
    assert gateway.store.numbers(SIGNING_DEVICE) == []
    sender.deliver([signed])
    sender.deliver([{**signed, "sent_at": now_text(2)}])  # sent_at is not signed
    assert gateway.store.numbers(SIGNING_DEVICE) == [1]
    assert gateway.store.alerts()[-1]["alert"]["sig"] == signed["sig"]


def test_a_signature_nobody_can_check_is_refused(
    sender: Sender, device: str, device_key: Ed25519PrivateKey
) -> None:
    refuse(sender, sign_alert(make_alert(1, device), device_key), "schema", permanent=True)


SCHEMA_FAULTS: dict[str, Alert] = {
    "unknown member": {"severity": 3},
    "unknown type": {"type": "alarm"},
    "a server's type": {"type": "ack"},
    "no batch_id": {"batch_id": None},
    "no entry_id": {"entry_id": None},
    "no timestamp": {"timestamp": None},
    "no device_id": {"device_id": None},
    "no alert_type": {"alert_type": None},
    "no features": {"features_summary": None},
    "no confidence": {"confidence": None},
    "no seq_no": {"seq_no": None},
    "seq_no 0": {"seq_no": 0},
    "negative seq_no": {"seq_no": -1},
    "fraction seq_no": {"seq_no": 1.5},
    "text seq_no": {"seq_no": "1"},
    "epoch 0": {"epoch": 0},
    "UUIDv4": {"entry_id": "2b1ff5b1-8ec7-4b8f-8f3f-0b1b5e9d6a11"},
    "upper-case UUID": {"entry_id": uuid7().upper()},
    "confidence over 1": {"confidence": 1.01},
    "confidence text": {"confidence": "1"},
    "features no object": {"features_summary": [1]},
    "device with a space": {"device_id": "cam 1"},
    "device of 65": {"device_id": "c" * 65},
    "type in capitals": {"alert_type": "Alert"},
    "time with an offset": {"timestamp": "2026-01-01T00:00:00+00:00"},
    "time of day only": {"timestamp": "12:00:00Z"},
    "second 60": {"timestamp": "2026-01-01T23:59:60Z"},
    "sent_at a number": {"sent_at": 1},
    "sig not base64": {"sig": "%%%"},
    "sig too short": {"sig": base64.b64encode(b"x" * 63).decode()},
}


@pytest.mark.parametrize("name", SCHEMA_FAULTS)
def test_schema_faults_are_told_and_harmless(
    gateway: Gateway, sender: Sender, device: str, name: str
) -> None:
    sender.deliver([make_alert(1, device)])
    sender.send(make_alert(2, device, **SCHEMA_FAULTS[name]))
    reject = sender.expect("reject")
    assert (reject["code"], reject["permanent"], reject["frame"]) == ("schema", True, 1), reject
    sender.deliver([make_alert(3, device)])
    assert gateway.store.numbers(device) == [1, 3]


def spoiled(old: bytes, new: bytes) -> bytes:
    text = canonical(make_alert(1, "spoiled"))
    assert old in text
    return text.replace(old, new, 1)


MALFORMED: dict[str, bytes] = {
    "no JSON": b"hello",
    "a space": b" ",
    "an array": b"[1]",
    "a string": b'"alert"',
    "cut short": canonical(make_alert(1, "spoiled"))[:-1],
    "two values": canonical(make_alert(1, "spoiled")) + b"{}",
    "a NUL": spoiled(b'"port":445', b'"port":44\0'),
    "not UTF-8": spoiled(b"198.51.100.7", b"\xff\xfe"),
    "overlong UTF-8": spoiled(b"198.51.100.7", b"\xc0\xaf"),
    "a surrogate in UTF-8": spoiled(b"198.51.100.7", b"\xed\xa0\x80"),
    "a lone surrogate": spoiled(b"198.51.100.7", b"\\ud800"),
    "a name twice": spoiled(b'"port":445', b'"port":445,"port":445'),
    "a name twice, escaped": spoiled(b'"port":445', b'"port":445,"p\\u006frt":445'),
    "a top name twice": spoiled(b'"confidence":0.5', b'"confidence":0.5,"confidence":0.5'),
    "NaN": spoiled(b'"port":445', b'"port":NaN'),
    "Infinity": spoiled(b'"port":445', b'"port":-Infinity'),
    "a number over 2^53-1": spoiled(b'"port":445', b'"port":9007199254740992'),
    "the same, spelled 1e16": spoiled(b'"port":445', b'"port":1e16'),
    "a number JSON has not": spoiled(b'"port":445', b'"port":0445'),
    "a comment": spoiled(b'"port":445', b'"port":445/**/'),
    "nesting": spoiled(b'"port":445', b'"port":' + b"[" * 20 + b"]" * 20),
    "deep nesting": spoiled(b'"port":445', b'"port":' + b"[" * 20_000 + b"]" * 20_000),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_json_is_told_and_harmless(
    gateway: Gateway, sender: Sender, device: str, name: str
) -> None:
    sender.send_frame(MALFORMED[name])
    reject = sender.expect("reject")
    assert (reject["code"], reject["permanent"], reject["frame"]) == ("malformed", True, 0), reject
    sender.deliver([make_alert(1, device)])
    assert gateway.store.numbers("spoiled") == []
    assert gateway.store.numbers(device) == [1]
