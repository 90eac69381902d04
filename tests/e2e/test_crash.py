"""What was acked survives everything; what was not is never there twice."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from harness import MakeGateway, leaf_hash, make_alert, merkle_root, wait_until
from harness.alerts import canonical, now_text
from harness.load import Load, check_verifies
from harness.sender import frame

KILLS = 4
ALERTS_BETWEEN_KILLS = 700


def test_killed_under_load_again_and_again(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config={"batch": {"seal_interval_min_ms": 0}})
    with gateway:
        load = Load(gateway, "cam-1")
        sender = load.resume()
        for kill in range(1, KILLS + 1):
            load.push(sender, kill * ALERTS_BETWEEN_KILLS)
            gateway.kill()
            sender.close()
            assert load.acked < len(load.made), "some were in flight"
            check_verifies(gateway)
            gateway.start()
            sender = load.resume()
        load.settle(sender)
        load.check()
        sender.close()
        assert gateway.stop() == 0
        load.check()
        check_verifies(gateway)


def test_sigterm_drains_seals_and_ends(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway:
        load = Load(gateway, "cam-1")
        sender = load.resume()
        load.push(sender, 1_000)
        assert gateway.child is not None
        gateway.child.send_signal(signal.SIGTERM)
        for message in sender.remaining():
            if message["type"] == "ack":
                load.acked = max(load.acked, message["seq_no"])
            else:
                assert (message["code"], message["permanent"]) == ("shutting_down", False)
        assert gateway.child.wait(5) == 0
        last = gateway.store.headers()[-1]
        entries = gateway.store.lines()
        assert last["reason"] == "stop"
        assert last["first_index"] + last["count"] == len(entries), "all is sealed"
        assert entries[-1]["audit"]["event"] == "stop"
        assert len(gateway.store.numbers("cam-1")) >= load.acked
        check_verifies(gateway)
        gateway.start()
        load.settle(load.resume())
        load.check()


def test_an_idle_daemon_ends_at_once_and_seals_its_audits(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway:
        assert gateway.stop() == 0
    events = [line["audit"]["event"] for line in gateway.store.lines()]
    assert events == ["start", "stop"]
    (_, header) = gateway.store.headers()
    assert (header["count"], header["count_audit"], header["reason"]) == (2, 2, "stop")


def test_a_deleted_state_is_rebuilt(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config={"batch": {"entries": 10, "seal_interval_min_ms": 0}})
    alerts = [make_alert(number) for number in range(1, 96)]
    with gateway:
        with gateway.connect() as sender:
            for start in range(0, len(alerts), 5):
                sender.deliver(alerts[start : start + 5])
            first_note = sender.hello([])["checkpoint"]
        gateway.restart()
        with gateway.connect() as sender:
            before = sender.hello(["cam-1"], first_note)
        gateway.kill()
        shutil.rmtree(gateway.store.dir / "state")
        gateway.start()
        with gateway.connect() as sender:
            after = sender.hello(["cam-1"], first_note)
            assert after["durable"] == before["durable"] == {"cam-1": {"epoch": 0, "seq_no": 95}}
            for alert in (alerts[0], alerts[50], alerts[94]):
                sender.send({**alert, "sent_at": now_text()})
                assert sender.expect("ack")["seq_no"] == alert["seq_no"]
                sender.send({**alert, "confidence": 1, "sent_at": now_text()})
                assert sender.expect("reject")["code"] == "equivocation"
        assert gateway.stop() == 0
        assert gateway.store.numbers("cam-1") == list(range(1, 96))
        check_verifies(gateway)


@pytest.mark.parametrize(
    ("garbage", "is_complete"),
    [
        (b'{"alert":{"alert_type":"x"', False),
        (b"\xff" * 3_000, False),
        (b'{"not":"an entry"}\n', True),
    ],
)
def test_a_torn_tail_is_cut_kept_and_audited(
    make_gateway: MakeGateway, garbage: bytes, is_complete: bool
) -> None:
    gateway = make_gateway()
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 6)])
        gateway.kill()
        durable = gateway.store.places()
        append(gateway.store.dir / durable[-1].segment, garbage)
        gateway.start()
        with gateway.connect() as sender:
            assert sender.hello(["cam-1"])["durable"]["cam-1"]["seq_no"] == 5
            sender.deliver([make_alert(6)])
        (kept,) = (gateway.store.dir / "torn").iterdir()
        assert kept.read_bytes() == garbage
        (cut,) = wait_until(lambda: gateway.store.audits("tail_cut"), "the cut is audited")
        assert cut["data"]["first"] == len(durable)
        assert cut["data"]["bytes"] == len(garbage)
        assert cut["data"]["complete_lines"] is is_complete
        assert gateway.stop() == 0
        assert [p.text for p in gateway.store.places()[: len(durable)]] == [p.text for p in durable]
        check_verifies(gateway)


def append(segment: Path, garbage: bytes) -> None:
    """Behind the last line, where a torn write would leave it: over the preallocated zeros."""
    data = segment.read_bytes()
    end = data.find(b"\0") if b"\0" in data else len(data)
    with segment.open("r+b") as file:
        file.seek(end)
        file.write(garbage)


def test_a_recovered_tail_is_sealed(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 6)])
        gateway.kill()
        gateway.start()
        headers = wait_until(
            lambda: [h for h in gateway.store.headers() if h["reason"] == "recover"],
            "the recovered tail is sealed",
        )
        leaves = [leaf_hash(place.text) for place in gateway.store.places()]
        header = headers[0]
        first, last = header["first_index"], header["first_index"] + header["count"]
        assert header["merkle_root"] == merkle_root(leaves[first:last]).hex()
        (source,) = header["sources"]
        assert source == {
            "device_id": "cam-1", "epoch": 0, "first_seq": 1, "last_seq": 5, "count": 5, "gaps": 0,
        }


def test_a_lost_batch_line_is_sealed_anew(make_gateway: MakeGateway) -> None:
    """A crash in the middle of writing a batch line leaves part of it, and nobody saw it.

    Killed and not stopped: a stop saves the state, which from then on knows of the batch.
    """
    gateway = make_gateway(config={"batch": {"entries": 5, "seal_interval_min_ms": 0}})
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 6)])
        gateway.wait_sealed(6)
        gateway.kill()
        place = gateway.store.places("batches")[-1]
        segment = gateway.store.dir / place.segment
        with segment.open("r+b") as file:
            file.truncate(place.offset + len(place.text) // 2)
        gateway.start()
        with gateway.connect() as sender:
            assert sender.hello(["cam-1"])["durable"]["cam-1"]["seq_no"] == 5
        assert gateway.stop() == 0
        check_verifies(gateway)
        assert sum(h["count"] for h in gateway.store.headers()) == len(gateway.store.lines())


def test_a_gap_is_recorded_in_the_header(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway, gateway.connect() as sender:
        sender.deliver([make_alert(2), make_alert(5), make_alert(9, "cam-2", epoch=3)])
        assert gateway.stop() == 0
    assert gateway.store.headers()[1]["sources"] == [
        {"device_id": "cam-1", "epoch": 0, "first_seq": 2, "last_seq": 5, "count": 2, "gaps": 3},
        {"device_id": "cam-2", "epoch": 3, "first_seq": 9, "last_seq": 9, "count": 1, "gaps": 8},
    ]


def test_an_idle_session_is_told_of_the_shutdown(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway, gateway.connect() as sender:
        sender.deliver([make_alert(1)])
        sender.send_bytes(frame(canonical(make_alert(2)))[:10])
        assert gateway.stop() == 0
        (reject,) = sender.remaining()
        assert (reject["code"], reject["permanent"]) == ("shutting_down", False)
    assert gateway.store.numbers("cam-1") == [1]
