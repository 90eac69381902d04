"""The intruder detector against the daemon: nothing lost, nothing twice, though it is killed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from harness import (
    CAPTURES,
    Checkpoint,
    Gateway,
    Ids,
    MakeGateway,
    free_port,
    logverify,
    make_alert,
    wait_until,
)
from harness.verifier import EXIT_FAIL, EXIT_PASS, verdict_of

FILES = [
    CAPTURES / "attack-ftp-bruteforce.pcap",
    CAPTURES / "attack-synflood-synthetic.pcap",
    CAPTURES / "benign-modbus.pcap",
    CAPTURES / "pair-tenzir-example.pcap",
]
REPLAY_S_MAX = 60.0
VAIN_TRIES = 2


def test_the_server_is_killed_in_mid_replay(make_gateway: MakeGateway, tmp_path: Path) -> None:
    # The sender knows one address, so the daemon must come back where it was. Slow commits hold
    # the sender at its window, far from the end, when the daemon is killed.
    gateway = make_gateway(
        config={
            "listen": {"port": free_port()},
            "batch": {"interval_s": 1},
            "commit": {"delay_ms": 1000},
        }
    )
    expected = len(Ids.dry_run(FILES, "--flow-alerts"))
    assert expected > 100
    ids = Ids(tmp_path / "ids", gateway)
    with gateway:
        replay = ids.replay(FILES, "--flow-alerts")
        wait_until(lambda: gateway.store.numbers("cam-1"), "alerts arrive", REPLAY_S_MAX)
        gateway.kill()
        assert len(gateway.store.numbers("cam-1")) < expected, "in mid-replay"
        wait_until(
            lambda: replay.output().count("refused") >= VAIN_TRIES,
            "the sender has tried in vain", REPLAY_S_MAX,
        )
        gateway.start()
        assert replay.wait(REPLAY_S_MAX) == 0, replay.tail()
        summary = ids.summary(replay)
        assert summary["alerts_total"] == expected
        assert (summary["acked"], summary["set_aside"], summary["waiting"]) == (expected, 0, 0)
        assert summary["sessions"] >= 2
        assert gateway.stop() == 0
    alerts = [line["alert"] for line in gateway.store.alerts()]
    assert [alert["seq_no"] for alert in alerts] == list(range(1, expected + 1))
    assert len({alert["entry_id"] for alert in alerts}) == expected
    assert logverify("log", gateway.store.dir, gateway.trust_file()).exit_code == 0


def test_a_sender_that_saw_more_than_the_log_has_alarms(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    """The gateway's disk is set back to an old copy: its own sender finds out."""
    gateway = make_gateway(config={"batch": {"entries": 5}})
    ids = Ids(tmp_path / "ids", gateway)
    with gateway:
        first = ids.replay(FILES[:1], "--flow-alerts")
        assert first.wait(REPLAY_S_MAX) == 0, first.tail()
        assert gateway.stop() == 0
        old = gateway.store.copy_to(tmp_path / "old")
        gateway.start()
        second = ids.replay(FILES[:2], "--flow-alerts")
        assert second.wait(REPLAY_S_MAX) == 0, second.tail()
        gateway.restart()
        # One more session, for the sender to see the newest checkpoint.
        again = ids.replay(FILES[:1], "--flow-alerts")
        assert again.wait(REPLAY_S_MAX) == 0, again.tail()
        assert gateway.stop() == 0
        gateway.store.dir.rename(tmp_path / "new")
        old.dir.rename(gateway.store.dir)
        gateway.start()
        third = ids.replay(FILES[:1], "--flow-alerts", "--timeout-s", "20")
        assert third.wait(REPLAY_S_MAX) == 4, third.tail()
        assert "rolled back or forked" in third.output()
        assert gateway.status()["state"] == "forked", "and the log learns it from what it signed"


def grow_past(gateway: Gateway, entries: int) -> None:
    """By others than the detector, until more is sealed than there ever was, of its device too."""
    with gateway.connect() as sender:
        for number in range(100, 100 + entries + 20, 5):
            sender.deliver([make_alert(at, "cam-1") for at in range(number, number + 5)])
    gateway.wait_sealed(entries + 1)


def test_a_log_set_back_alarms_even_after_it_has_grown_again(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    """Every number is higher than before, every signature is good: only the history differs."""
    gateway = make_gateway(config={"batch": {"entries": 5, "seal_interval_min_ms": 0}})
    ids = Ids(tmp_path / "ids", gateway)
    with gateway:
        old = gateway.store.copy_to(tmp_path / "old")
        for _ in range(2):  # the second session is shown what the first one logged
            assert ids.replay(FILES[:2], "--flow-alerts").wait(REPLAY_S_MAX) == 0
        wait_until(lambda: gateway.status()["open_batch"]["entries"] < 5, "batches are sealed")
        entries = gateway.status()["entries"]
        assert gateway.stop() == 0
        gateway.store.dir.rename(tmp_path / "new")
        old.dir.rename(gateway.store.dir)
        gateway.start()
        grow_past(gateway, entries)
        third = ids.replay(FILES[:1], "--flow-alerts", "--timeout-s", "20")
        assert third.wait(REPLAY_S_MAX) == 4, third.tail()
        assert "rolled back or forked" in third.output()
        assert gateway.stop() == 0
    with sqlite3.connect(tmp_path / "ids/spool.db") as spool:
        query = "SELECT kind, detail, note_before, note_after FROM alarms"
        alarms = spool.execute(query).fetchall()
    ((kind, detail, before, after),) = alarms
    assert kind == "forked" and "consistency path" in detail
    seen, shown = (Checkpoint.read(note, gateway.vkey) for note in (before, after))
    assert 1 < seen.size < shown.size, "both signed, and it is longer than it was"
    kept = tmp_path / "kept.note"
    kept.write_text(before)
    for store, expected in ((gateway.store.dir, EXIT_FAIL), (tmp_path / "new", EXIT_PASS)):
        trust = ("--trust", str(gateway.trust_file()))
        assert verdict_of("consistency", str(kept), str(store), *trust).exit_code == expected
