"""Senders with a valid certificate that misuse it: they hurt themselves and nobody else."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from harness import Alert, Gateway, MakeGateway, Refused, Sender, Tally, make_alert, wait_until
from harness.alerts import canonical
from harness.crowd import addresses, ticks
from harness.load import Load, check_verifies
from harness.memory import Memory
from harness.sender import frame, hello_for

pytestmark = pytest.mark.release
FRAME_BYTES_MAX = 65_536
GROWN_MIB_MAX = 32
# queue.queue_bytes_max and queue.output_bytes_max besides: what all senders may leave unanswered,
# and unread.
UNREAD_GROWN_MIB_MAX = GROWN_MIB_MAX + 64
SENDERS = {
    "gw-01": {"state": "active", "devices": {"cam-1": {}}},
    "gw-02": {"state": "active", "devices": {"*": {}}},
}
CONFIG = {
    "batch": {"entries": 50, "seal_interval_min_ms": 0},
    "listen": {"frame_timeout_ms": 1_000, "first_frame_timeout_ms": 5_000},
}
SOURCES = addresses(20, 1)


SESSIONS_MAX = 128


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Iterator[Gateway]:
    with make_gateway(senders=SENDERS, config=CONFIG) as made:
        yield made


@pytest.fixture
def load(gateway: Gateway) -> Load:
    """An honest sender, before and beside all that is done here."""
    made = Load(gateway, "cam-1")
    assert made.drive(50, 5)
    return made


def hostile(gateway: Gateway, number: int = 0) -> Sender:
    return gateway.connect(gateway.pki.sender("gw-02"), SOURCES[number % len(SOURCES)])


def check_unhurt(gateway: Gateway, load: Load) -> None:
    assert load.drive(len(load.made) + 50, 5)
    assert gateway.http("/readyz")[0] == 200
    assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)


def largest() -> Alert:
    alert = make_alert(1, "bad", features_summary={"pad": ""})
    alert["features_summary"]["pad"] = "x" * (FRAME_BYTES_MAX - len(canonical(alert)))
    return alert


def nested(depth: int) -> bytes:
    """A whole alert, but for how deep its summary is."""
    summary = b'{"a":' * depth + b"1" + b"}" * depth
    alert = canonical(make_alert(2, "bad", features_summary={}))
    return alert.replace(b'"features_summary":{}', b'"features_summary":' + summary)


# What closes the session it comes in.
BORDERS = {
    "zero": struct.pack("!I", 0),
    "one too large": struct.pack("!I", FRAME_BYTES_MAX + 1),
    "four GiB": struct.pack("!I", 2**32 - 1) + b"x" * 1_000,
    "HTTP": b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
# What is refused, and the session goes on.
CONTENTS = {
    "one level too deep": nested(17),
    "10,000 levels": nested(10_000),
    "an array 60,000 deep": b"[" * 60_000,
    "not JSON": b"\xff" * FRAME_BYTES_MAX,
    "a string without end": b'{"device_id":"' + b"a" * 60_000,
    "many names": b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}",
    "one name again and again": b"{" + b",".join(b'"a":1' for _ in range(10_000)) + b"}",
    "a long number": b'{"seq_no":' + b"9" * 60_000 + b"}",
    "escapes": b'{"device_id":"' + b"\\u0041" * 10_000 + b'"}',
}
ROUNDS = 40


def test_broken_frames_by_the_hundred(gateway: Gateway, load: Load, tally: Tally) -> None:
    memory = Memory(gateway.pid)
    for turn in range(ROUNDS):
        for number, data in enumerate(BORDERS.values()):
            with hostile(gateway, number + turn) as sender:
                sender.send_bytes(data)
                codes = [message["code"] for message in sender.remaining()]
                assert len(codes) == 1, codes
                assert codes[0] in ("malformed", "too_large"), codes
    with hostile(gateway) as sender:
        for _ in range(ROUNDS):
            for name, data in CONTENTS.items():
                sender.send_frame(data)
                reject = sender.expect("reject")
                assert reject["permanent"], (name, reject)
                assert reject["code"] in ("malformed", "schema"), (name, reject)
        sender.deliver([largest()])
    assert memory.grown_mib < GROWN_MIB_MAX
    check_unhurt(gateway, load)
    assert gateway.store.numbers("bad") == [1]
    tally.add("broken frames", ROUNDS * (len(BORDERS) + len(CONTENTS)))


WRITERS = 20


def test_who_writes_a_byte_at_a_time(gateway: Gateway, load: Load, tally: Tally) -> None:
    """Each byte is a TLS record of its own. It is slow for whoever does it, and for nobody else."""
    memory = Memory(gateway.pid)
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(hostile(gateway, n)) for n in range(WRITERS)]
        frames = [frame(canonical(make_alert(1, f"drip-{n}"))) for n in range(WRITERS)]
        for at in range(max(len(data) for data in frames)):
            for sender, data in zip(senders, frames, strict=True):
                if at < len(data):
                    sender.send_bytes(data[at : at + 1])
            if at % 50 == 0:
                assert load.drive(len(load.made) + 10, 5)
        for sender in senders:
            assert sender.expect("ack")["seq_no"] == 1
    assert memory.grown_mib < GROWN_MIB_MAX
    check_unhurt(gateway, load)
    tally.add("one-byte writers", WRITERS)


def test_who_never_ends_a_frame(gateway: Gateway, load: Load, tally: Tally) -> None:
    """A frame has its time from its first byte to its last, however often a byte comes."""
    memory = Memory(gateway.pid)
    data = frame(canonical(make_alert(1, "drip")))
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(hostile(gateway, n)) for n in range(WRITERS)]
        for sender in senders:
            sender.hello(["drip"])
        began = time.monotonic()
        for number in ticks(0.1, 15):
            for sender in senders:
                with contextlib.suppress(OSError):
                    sender.send_bytes(data[number : number + 1])
        for sender in senders:
            sender.expect_closed()
        assert time.monotonic() - began < 5
    assert memory.grown_mib < GROWN_MIB_MAX
    check_unhurt(gateway, load)
    tally.add("one-byte writers", WRITERS)


def test_one_sender_cannot_take_all_sessions(
    gateway: Gateway, load: Load, tally: Tally
) -> None:
    memory = Memory(gateway.pid)
    told = []
    with contextlib.ExitStack() as stack:
        for number in range(SESSIONS_MAX + 30):
            sender = stack.enter_context(hostile(gateway, number))
            sender.send(hello_for(["bad"]))
            message = sender.receive()
            told.append(message["type"] if message else "closed")
        assert told[:SESSIONS_MAX] == ["welcome"] * SESSIONS_MAX
        assert set(told[SESSIONS_MAX:]) == {"reject"}, "busy"
        assert load.drive(len(load.made) + 50, 5)
    assert memory.grown_mib < GROWN_MIB_MAX
    check_unhurt(gateway, load)
    tally.add("sessions of one sender", len(told))


SLOW = 8
DEVICES = [f"slow-{n}" for n in range(256)]


def alerts_of_many() -> bytes:
    """The more devices, the more acks: each has one of its own."""
    return b"".join(frame(canonical(make_alert(1, device))) for device in DEVICES)


# What is sent for ever to get which answers.
FLOODS: dict[str, Callable[[], bytes]] = {
    "acks": alerts_of_many,
    "welcomes": lambda: frame(canonical(hello_for(DEVICES))) * 20,
    "rejects": lambda: frame(b"{}") * 1_000,
}
FLOOD_S = 0.15


def flood(sender: Sender, data: bytes) -> None:
    """For some time, or until the server reads no more or has enough of it."""
    sender.shrink_receive_buffer()
    sender.set_timeout(FLOOD_S)
    end = time.monotonic() + FLOOD_S
    with contextlib.suppress(OSError):
        while time.monotonic() < end:
            sender.send_bytes(data)


@pytest.mark.parametrize("answers", FLOODS)
def test_senders_that_never_read(
    gateway: Gateway, load: Load, tally: Tally, answers: str
) -> None:
    """What they leave unread is limited; so is what is read of them meanwhile."""
    alerts = alerts_of_many()
    with hostile(gateway) as sender:
        sender.send_bytes(alerts)
        wait_until(lambda: gateway.status()["entries"] > len(DEVICES), "each device has a number")
    data = alerts if answers == "acks" else FLOODS[answers]()
    memory = Memory(gateway.pid)
    with contextlib.ExitStack() as stack:
        for number in range(SLOW):
            with contextlib.suppress(Refused):  # a limit on sessions is fine
                sender = stack.enter_context(hostile(gateway, number))
                flood(sender, data)
        assert load.drive(100, 5)
        assert memory.grown_mib < UNREAD_GROWN_MIB_MAX
        check_unhurt(gateway, load)
    tally.add("senders that never read", SLOW)
