"""The session without I/O: order, nonsense and faults of the peer."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from anchorlog_ids.frames import FrameDecoder, FrameError, encode_frame
from anchorlog_ids.session import (
    LogTrust,
    SenderRefused,
    Session,
    SessionCounts,
    SessionError,
    TransientReject,
)
from anchorlog_ids.spool import Spool
from ids_support import counting_sources, draft, notice

DEVICE = "cam-1"
NOTE = (
    "log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
    "\u2014 log.example AAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
)


def frame(message: dict[str, Any]) -> bytes:
    return encode_frame(json.dumps(message).encode())


def welcome(**changes: Any) -> bytes:
    message = {
        "checkpoint": NOTE,
        "consistency": [],
        "durable": {},
        "entries": 1,
        "origin": "log.example",
        "protocol": 1,
        "type": "welcome",
    }
    return frame({**message, **changes})


def ack(seq_no: int, *, device: str = DEVICE, epoch: int = 0, index: int | None = None) -> bytes:
    index = seq_no if index is None else index
    return frame(
        {"device_id": device, "epoch": epoch, "index": index, "seq_no": seq_no, "type": "ack"}
    )


def reject(ordinal: int, code: str, *, is_permanent: bool = True) -> bytes:
    return frame(
        {"code": code, "detail": "", "frame": ordinal, "permanent": is_permanent, "type": "reject"}
    )


class Peer:
    """A session that was welcomed and has sent `count` alerts."""

    def __init__(self, spool: Spool, count: int) -> None:
        self.spool = spool
        self.counts = SessionCounts()
        self.warnings: list[str] = []
        self.session = Session(
            spool,
            counting_sources(),
            [DEVICE],
            LogTrust(),
            self.counts,
            notice,
            self.warnings.append,
        )
        spool.append(DEVICE, [draft(number) for number in range(count)])
        assert self.session.next_bytes(10) == b"", "nothing before the welcome"
        self.hello = FrameDecoder().feed(self.session.start())[0]
        self.session.receive(welcome())
        self.sent = FrameDecoder().feed(self.session.next_bytes(1000))


@pytest.fixture
def peer(open_spool: Callable[..., Spool]) -> Peer:
    return Peer(open_spool(), 10)


def test_hello_and_numbers(peer: Peer) -> None:
    assert peer.hello == {
        "devices": [DEVICE],
        "protocol": 1,
        "receipts": False,
        "type": "hello",
    }
    assert [alert["seq_no"] for alert in peer.sent] == list(range(1, 11))
    assert peer.session.in_flight == 10


def test_acks_out_of_order_and_repeated(peer: Peer) -> None:
    peer.session.receive(ack(7) + ack(3) + ack(7))
    peer.session.receive(ack(2))
    assert (peer.spool.pending, peer.session.in_flight, peer.counts.acked) == (3, 3, 7)
    assert peer.spool.device(DEVICE).acked_seq == 7
    assert peer.spool.index_acked_max == 7


def test_reject_before_the_ack_that_covers_it(peer: Peer) -> None:
    peer.session.receive(reject(4, "schema") + ack(10))
    assert (peer.spool.pending, peer.spool.set_aside_count, peer.counts.acked) == (0, 1, 9)


def test_reject_after_an_ack_is_only_told(peer: Peer) -> None:
    peer.session.receive(ack(10) + reject(4, "schema"))
    assert peer.spool.set_aside_count == 0
    assert "not waiting" in peer.warnings[0]


def test_acks_before_a_transient_reject_count(peer: Peer) -> None:
    with pytest.raises(TransientReject, match="busy"):
        peer.session.receive(ack(5) + reject(6, "busy", is_permanent=False))
    assert peer.spool.pending == 5


def test_taken_number_waits_for_the_others(peer: Peer) -> None:
    peer.session.receive(reject(1, "replay"))
    peer.spool.append(DEVICE, [draft(99)])
    assert peer.session.next_bytes(100) == b"", "old numbers in flight come first"
    peer.session.receive(ack(10))
    alerts = FrameDecoder().feed(peer.session.next_bytes(100))
    numbers = [alert["features_summary"].get("number") for alert in alerts]
    assert numbers == [0, 99, None]
    assert [(alert["epoch"], alert["seq_no"]) for alert in alerts] == [(1, 1), (1, 2), (1, 3)]


def test_receipts_are_ignored(peer: Peer) -> None:
    peer.session.receive(frame({"type": "receipt", "index": 1}))
    assert peer.spool.pending == 10


@pytest.mark.parametrize(
    "data",
    [
        ack(11),
        ack(1, device="cam-2"),
        ack(1, epoch=1),
        frame({"type": "ack"}),
        frame({"type": "ack", "device_id": DEVICE, "epoch": 0, "seq_no": True, "index": 0}),
        frame({"type": "ack", "device_id": DEVICE, "epoch": 0, "seq_no": 2**53, "index": 0}),
        frame({"type": "greeting"}),
        frame({}),
        frame({"type": "reject", "code": "schema", "permanent": True}),
        welcome(durable={DEVICE: {}}),
        welcome(durable=None),
        welcome(entries=-1),
    ],
)
def test_nonsense_ends_the_session_and_deletes_nothing(peer: Peer, data: bytes) -> None:
    with pytest.raises(SessionError):
        peer.session.receive(data)
    assert peer.spool.pending == 10


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x00", b"\x00\x01\x00\x01", b"\xff" * 8])
def test_broken_framing(peer: Peer, data: bytes) -> None:
    with pytest.raises(FrameError):
        peer.session.receive(data)


@pytest.mark.parametrize("payload", [b"[]", b"{", b"\xff\xfe", b"[" * 60_000, b"1"])
def test_payload_that_is_no_object(peer: Peer, payload: bytes) -> None:
    with pytest.raises(FrameError):
        peer.session.receive(struct.pack("!I", len(payload)) + payload)


def test_refused_hello_is_final(peer: Peer) -> None:
    session = peer.session
    session.start()
    with pytest.raises(SenderRefused, match="identity"):
        session.receive(reject(11, "identity"))


def test_another_protocol_is_final(peer: Peer) -> None:
    with pytest.raises(SenderRefused, match="protocol 2"):
        peer.session.receive(welcome(protocol=2))


def test_a_ping_carries_the_checkpoint_seen(peer: Peer) -> None:
    assert FrameDecoder().feed(peer.session.start())[0]["seen"] == NOTE
    assert peer.session.awaits_answer


def test_decoder_takes_any_cut() -> None:
    data = frame({"a": 1}) + frame({"b": 2})
    for size in range(1, len(data)):
        decoder = FrameDecoder()
        found = [decoder.feed(data[at : at + size]) for at in range(0, len(data), size)]
        assert [message for part in found for message in part] == [{"a": 1}, {"b": 2}]
