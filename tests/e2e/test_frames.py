"""Where frames begin and end, and what a broken border costs: this session, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from harness import Gateway, MakeGateway, Pki, make_alert, wait_until
from harness.alerts import Alert, canonical
from harness.sender import frame

FRAME_BYTES_MAX = 65_536


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Gateway]:
    senders = {"gw-01": {"state": "active", "devices": {"*": {}}}}
    with Gateway(tmp_path_factory.mktemp("frames"), pki, senders=senders) as made:
        yield made


def alert_of_size(size: int, device: str) -> Alert:
    alert = make_alert(1, device, features_summary={"pad": ""})
    alert["features_summary"]["pad"] = "x" * (size - len(canonical(alert)))
    assert len(canonical(alert)) == size
    return alert


@pytest.mark.parametrize(
    ("length", "code"),
    [(0, "malformed"), (FRAME_BYTES_MAX + 1, "too_large"), (2**32 - 1, "too_large")],
)
def test_a_border_that_is_lost_closes_the_session(
    gateway: Gateway, length: int, code: str
) -> None:
    device = f"border-{length}"
    with gateway.connect() as sender:
        good = frame(canonical(make_alert(1, device)))
        behind = frame(canonical(make_alert(2, device)))
        sender.send_bytes(good + struct.pack("!I", length) + behind)
        messages = sender.remaining()
    assert sorted(m["type"] for m in messages) == ["ack", "reject"]
    reject = next(m for m in messages if m["type"] == "reject")
    assert (reject["code"], reject["permanent"], reject["frame"]) == (code, True, 1)
    assert gateway.store.numbers(device) == [1]
    with gateway.connect() as sender:
        sender.deliver([make_alert(2, device)])


def test_the_largest_frame_is_taken(gateway: Gateway) -> None:
    with gateway.connect() as sender:
        sender.deliver([alert_of_size(FRAME_BYTES_MAX, "large")])
    assert gateway.store.numbers("large") == [1]


def test_byte_by_byte(gateway: Gateway) -> None:
    data = frame(canonical(make_alert(1, "slow"))) + frame(canonical(make_alert(2, "slow")))
    with gateway.connect() as sender:
        for byte in data:
            sender.send_bytes(bytes([byte]))
        while sender.expect("ack")["seq_no"] < 2:
            pass
    assert gateway.store.numbers("slow") == [1, 2]


@pytest.mark.parametrize("cut", [2, 4, 100])
def test_a_frame_cut_by_the_end_is_dropped_and_the_rest_acked(
    gateway: Gateway, cut: int
) -> None:
    device = f"cut-{cut}"
    data = frame(canonical(make_alert(2, device)))
    with gateway.connect() as sender:
        sender.send_bytes(frame(canonical(make_alert(1, device))) + data[:cut])
        assert sender.expect("ack")["seq_no"] == 1
    wait_until(lambda: gateway.status()["sessions"] == 0, "the session has ended")
    with gateway.connect() as sender:
        sender.deliver([make_alert(3, device)])
    assert gateway.store.numbers(device) == [1, 3]


def test_a_sender_that_says_all_and_stops_sending_is_answered(gateway: Gateway) -> None:
    alerts = [make_alert(number, "hasty") for number in range(1, 201)]
    with gateway.connect() as sender:
        sender.send(*alerts)
        sender.end_sending()
        acks = sender.remaining()
    assert max(ack["seq_no"] for ack in acks) == 200
    assert gateway.store.numbers("hasty") == list(range(1, 201))


def test_a_reset_in_the_middle_hurts_nobody(gateway: Gateway) -> None:
    with gateway.connect() as witness:
        for number in range(1, 6):
            sender = gateway.connect()
            sender.send(*[make_alert(n, f"reset-{number}") for n in range(1, 101)])
            sender.reset()
            witness.deliver([make_alert(number, "witness")])
    for number in range(1, 6):
        logged = gateway.store.numbers(f"reset-{number}")
        assert logged == list(range(1, len(logged) + 1)), "a prefix, in order"


def test_two_sessions_racing_with_the_same_alerts(gateway: Gateway) -> None:
    alerts = [make_alert(number, "race") for number in range(1, 301)]
    with gateway.connect() as one, gateway.connect() as two:
        for start in range(0, len(alerts), 10):
            one.send(*alerts[start : start + 10])
            two.send(*alerts[start : start + 10])
        for sender in (one, two):
            while sender.expect("ack")["seq_no"] < 300:
                pass
    assert gateway.store.numbers("race") == list(range(1, 301))


def test_one_connection_too_many_is_told_busy(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config={"listen": {"connections_max": 2}})
    with gateway, gateway.connect() as one, gateway.connect() as two:
        one.deliver([make_alert(1, "cam-1")])
        two.deliver([make_alert(1, "cam-2")])
        with gateway.connect() as three:
            reject = three.expect("reject")
            assert (reject["code"], reject["permanent"]) == ("busy", False)
            three.expect_closed()
        one.deliver([make_alert(2, "cam-1")])


def test_the_ordinal_counts_frames_from_zero(gateway: Gateway) -> None:
    with gateway.connect() as sender:
        sender.hello(["ordinal"])
        sender.send(make_alert(1, "ordinal"))
        sender.expect("ack")
        sender.send({"type": "nonsense"})
        assert sender.expect("reject")["frame"] == 2
