"""hello and welcome: where a sender stands, and that the log it knew is still this log."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from harness import (
    Checkpoint,
    Gateway,
    MakeGateway,
    Pki,
    leaf_hash,
    make_alert,
    merkle_root,
    verify_consistency,
)
from harness.alerts import canonical

FAST_BATCHES = {"batch": {"entries": 2, "seal_interval_min_ms": 0}}
BATCHES = 12


def grow(gateway: Gateway) -> list[str]:
    """A checkpoint of every size from 1 to BATCHES, as a sender saw them."""
    notes: list[str] = []
    with gateway.connect() as sender:
        while len(notes) < BATCHES:
            note = sender.hello([])["checkpoint"]
            if note in notes:
                continue
            assert Checkpoint.read(note, gateway.vkey).size == len(notes) + 1, "one by one"
            notes.append(note)
            number = 2 * len(notes)
            sender.deliver([make_alert(number - 1, "grower"), make_alert(number, "grower")])
    return notes


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, pki: Pki
) -> Iterator[tuple[Gateway, list[str]]]:
    senders = {"gw-01": {"state": "active", "devices": {"*": {}}}}
    directory = tmp_path_factory.mktemp("hello")
    with Gateway(directory, pki, senders=senders, config=FAST_BATCHES) as made:
        yield made, grow(made)


@pytest.fixture
def gateway(grown: tuple[Gateway, list[str]]) -> Gateway:
    return grown[0]


@pytest.fixture
def notes(grown: tuple[Gateway, list[str]]) -> list[str]:
    return grown[1]


def path_of(welcome: dict[str, list[str]]) -> list[bytes]:
    return [bytes.fromhex(step) for step in welcome["consistency"]]


def test_welcome_tells_the_durable_numbers(gateway: Gateway) -> None:
    with gateway.connect() as sender:
        sender.deliver([make_alert(3, "old"), make_alert(7, "old")])
        sender.deliver([make_alert(2, "new"), make_alert(4, "new", epoch=5)])
        welcome = sender.hello(["old", "new", "never-seen"])
    assert welcome["durable"] == {
        "old": {"epoch": 0, "seq_no": 7}, "new": {"epoch": 5, "seq_no": 4},
    }
    assert (welcome["protocol"], welcome["origin"]) == (1, gateway.origin)
    assert welcome["entries"] == len(gateway.store.lines())
    assert welcome["consistency"] == []


def test_hello_may_be_repeated_and_come_late(gateway: Gateway) -> None:
    with gateway.connect() as sender:
        sender.deliver([make_alert(1, "late")])
        assert sender.hello(["late"])["durable"]["late"]["seq_no"] == 1
        sender.send(make_alert(2, "late"))
        sender.send({"type": "hello", "protocol": 1, "devices": ["late"], "receipts": False})
        kinds = [message["type"] for message in (sender.receive(), sender.receive()) if message]
        assert sorted(kinds) == ["ack", "welcome"]
        assert sender.hello(["late"])["durable"]["late"]["seq_no"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": 2}, {"devices": None}, {"devices": ["a b"]}, {"devices": "cam-1"},
        {"receipts": "no"}, {"more": 1}, {"devices": [f"d{i}" for i in range(257)]},
    ],
)
def test_a_hello_of_another_form_is_refused(gateway: Gateway, change: dict[str, object]) -> None:
    hello = {"type": "hello", "protocol": 1, "devices": ["cam-1"], "receipts": False, **change}
    with gateway.connect() as sender:
        sender.send({name: value for name, value in hello.items() if value is not None})
        assert sender.expect("reject")["code"] == "schema"
        sender.hello(["cam-1"])


def test_the_checkpoint_is_the_history_root(gateway: Gateway, notes: list[str]) -> None:
    newest = Checkpoint.read(notes[-1], gateway.vkey)
    leaves = [leaf_hash(canonical(header)) for header in gateway.store.headers()]
    assert newest.origin == gateway.origin
    for note in notes:
        checkpoint = Checkpoint.read(note, gateway.vkey)
        assert checkpoint.root == merkle_root(leaves[: checkpoint.size])


def test_every_seen_checkpoint_leads_to_the_newest(gateway: Gateway, notes: list[str]) -> None:
    with gateway.connect() as sender:
        for seen in notes:
            welcome = sender.hello(["grower"], seen)
            old = Checkpoint.read(seen, gateway.vkey)
            new = Checkpoint.read(welcome["checkpoint"], gateway.vkey)
            assert verify_consistency(old, new, path_of(welcome)), (old.size, new.size)
            forged = Checkpoint(old.origin, old.size, hashlib.sha256(old.root).digest(), "")
            assert not verify_consistency(forged, new, path_of(welcome))


def test_a_seen_nobody_signed_is_no_reason_to_stop(gateway: Gateway, notes: list[str]) -> None:
    forged = notes[2].replace("\n3\n", "\n2\n")
    assert forged != notes[2]
    with gateway.connect() as sender:
        for seen in (forged, "nonsense", notes[0].replace(gateway.origin, "other.example/log")):
            assert sender.hello(["grower"], seen)["consistency"] == []
    assert gateway.status()["state"] == "ready"


def sign_note(key_file: bytes, vkey: str, size: int, root: bytes) -> str:
    key = serialization.load_pem_private_key(key_file, None)
    assert isinstance(key, Ed25519PrivateKey)
    origin, key_id, _ = vkey.split("+", 2)
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    blob = bytes.fromhex(key_id) + key.sign(text.encode())
    return f"{text}\n— {origin} {base64.b64encode(blob).decode()}\n"


@pytest.mark.parametrize("size", [1, 40])
def test_our_own_signature_over_another_history_stops_the_log(
    make_gateway: MakeGateway, size: int
) -> None:
    """A sender that shows one has found a fork: a restored disk, or a stolen key."""
    gateway = make_gateway()
    with gateway, gateway.connect() as sender:
        sender.deliver([make_alert(1)])
        seen = sign_note((gateway.dir / "log.key").read_bytes(), gateway.vkey, size, b"\5" * 32)
        sender.hello(["cam-1"], seen)
        sender.send(make_alert(2))
        reject = sender.expect("reject")
        assert (reject["code"], reject["permanent"]) == ("forked", False)
        assert gateway.status()["state"] == "forked"
        assert gateway.http("/readyz") == (503, "forked\n")
        assert gateway.http("/healthz")[0] == 200
        with gateway.connect() as other:
            assert other.hello(["cam-1"])["durable"]["cam-1"]["seq_no"] == 1
        assert gateway.stop() == 0
    assert gateway.store.numbers("cam-1") == [1]
    assert len(gateway.store.headers()) == 1, "a forked log seals nothing"
