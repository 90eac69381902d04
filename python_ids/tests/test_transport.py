from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchorlog_ids.checkpoint import LogKey
from anchorlog_ids.clock import Sources
from anchorlog_ids.session import LogForked, LogTrust, SenderRefused, Session, SessionCounts
from anchorlog_ids.spool import Spool
from anchorlog_ids.transport import (
    Backoff,
    Endpoint,
    Sender,
    TransportConfigError,
    client_context,
)
from fake_log import FakeLog
from ids_pki import Pki
from ids_support import draft, notice

DEVICE = "cam-1"
TIMEOUT_S = 10.0
SpoolMaker = Callable[..., Spool]


@dataclass
class Run:
    """One sender against the fake log, with a back-off that wastes no test time."""

    log: FakeLog
    pki: Pki
    spool: Spool
    trust: LogTrust
    counts: SessionCounts
    warnings: list[str]

    def sender(self, endpoint: Endpoint | None = None) -> Sender:
        def make_session() -> Session:
            self.counts.sessions += 1
            return Session(
                self.spool,
                Sources(),
                [DEVICE],
                self.trust,
                self.counts,
                notice,
                self.warnings.append,
            )

        return Sender(
            endpoint or self.endpoint(),
            make_session,
            self.warnings.append,
            Backoff(base_s=0.01, cap_s=0.05),
        )

    def endpoint(self) -> Endpoint:
        certificate, key = self.pki.sender("gw-01")
        return Endpoint("127.0.0.1", self.log.port, "localhost", self.pki.ca, certificate, key)

    def deliver(self) -> None:
        """Until the spool is empty; fails the test if that takes too long."""
        deadline = time.monotonic() + TIMEOUT_S
        self.sender().run(lambda: self.spool.pending == 0 or time.monotonic() > deadline)
        assert self.spool.pending == 0, self.warnings

    def numbers_in_log(self) -> list[int]:
        return [
            alert["features_summary"]["number"]
            for alert in self.log.entries
            if "number" in alert["features_summary"]
        ]


@pytest.fixture
def run(fake_log: FakeLog, pki: Pki, open_spool: SpoolMaker) -> Run:
    trust = LogTrust(fake_log.origin, (LogKey.parse(fake_log.vkey),))
    return Run(fake_log, pki, open_spool(), trust, SessionCounts(), [])


def test_delivers_in_order_and_deletes_after_the_ack(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(600)])
    run.deliver()
    assert run.numbers_in_log() == list(range(600))
    assert [alert["seq_no"] for alert in run.log.entries] == list(range(1, 601))
    assert all("epoch" not in alert for alert in run.log.entries)
    assert run.counts.acked == 600
    assert run.spool.index_acked_max == 599


def test_without_acks_nothing_is_deleted_and_the_window_holds(run: Run) -> None:
    run.log.behaviour.is_ack_withheld = True
    run.spool.append(DEVICE, [draft(n) for n in range(400)])
    deadline = time.monotonic() + 1.0
    run.sender().run(lambda: time.monotonic() > deadline)
    assert len(run.log.entries) == 256
    assert run.spool.pending == 400


def test_disconnect_in_the_middle_loses_and_doubles_nothing(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(300)])
    run.log.behaviour.disconnect_after_alerts = 100
    run.log.behaviour.ack_every = 7
    deadline = time.monotonic() + TIMEOUT_S

    def is_done() -> bool:
        if len(run.log.entries) == 300:
            run.log.behaviour.ack_every = 1
            run.spool.append(DEVICE, [draft(300)])
        return run.spool.pending == 0 or time.monotonic() > deadline

    run.sender().run(is_done)
    assert run.numbers_in_log() == list(range(len(run.log.entries)))
    assert len(run.log.entries) >= 301
    assert run.counts.sessions >= 2


def test_server_restart_in_the_middle(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(50)])
    run.deliver()
    run.log.stop()
    run.spool.append(DEVICE, [draft(n) for n in range(50, 100)])
    restart = threading.Timer(0.3, run.log.start)
    restart.start()
    run.deliver()
    restart.join()
    assert run.numbers_in_log() == list(range(100))


def test_answers_byte_by_byte(run: Run) -> None:
    run.log.behaviour.answers_byte_by_byte = True
    run.spool.append(DEVICE, [draft(n) for n in range(20)])
    run.deliver()
    assert run.numbers_in_log() == list(range(20))


def test_transient_reject_is_sent_again_with_a_new_sent_at(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(10)])
    run.log.behaviour.transient_after_alerts = 4
    run.deliver()
    assert run.numbers_in_log() == list(range(10))
    assert run.counts.rejects == {"busy": 1}
    assert run.log.sent_at == sorted(run.log.sent_at)
    assert run.spool.set_aside_count == 0


def test_permanent_reject_is_set_aside_and_the_rest_goes_on(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(10)])
    run.log.behaviour.refuse = lambda alert: "schema" if alert["seq_no"] == 4 else None
    run.deliver()
    assert run.numbers_in_log() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert run.spool.set_aside_count == 1
    assert run.counts.set_aside == 1


def test_resend_of_stored_alerts_is_acked_and_logged_once(run: Run) -> None:
    run.log.behaviour.is_ack_withheld = True
    run.spool.append(DEVICE, [draft(n) for n in range(30)])
    deadline = time.monotonic() + TIMEOUT_S
    run.sender().run(lambda: len(run.log.entries) == 30 or time.monotonic() > deadline)
    assert run.spool.pending == 30
    run.log.behaviour.is_ack_withheld = False
    run.deliver()
    assert run.numbers_in_log() == list(range(30))
    assert run.counts.epochs_opened == 0


def test_durable_above_the_spool_opens_an_epoch(run: Run) -> None:
    run.log.highest[DEVICE] = (3, 41)
    run.spool.append(DEVICE, [draft(n) for n in range(5)])
    before = [alert.body["entry_id"] for alert in run.spool.pending_after(0, 10)]
    run.deliver()
    assert run.numbers_in_log() == list(range(5))
    numbers = [(alert["epoch"], alert["seq_no"]) for alert in run.log.entries]
    assert numbers == [(4, n) for n in range(1, 7)]
    assert [alert["entry_id"] for alert in run.log.entries][:5] == before
    assert run.log.entries[5]["alert_type"] == "ids.epoch_opened"
    assert [alarm[0] for alarm in run.spool.alarms()] == ["epoch_opened"]


def test_replay_for_an_alert_never_acked_opens_an_epoch(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(5)])
    is_taken = True

    def refuse(alert: dict[str, object]) -> str | None:
        return "replay" if is_taken and alert["seq_no"] == 2 and "epoch" not in alert else None

    run.log.behaviour.refuse = refuse
    run.deliver()
    assert sorted(run.numbers_in_log()) == list(range(5))
    assert run.counts.epochs_opened == 1
    moved = [alert for alert in run.log.entries if alert.get("epoch") == 1]
    assert moved[0]["features_summary"]["number"] == 1
    assert run.spool.set_aside_count == 0


def test_log_that_always_refuses_numbers_is_given_up(run: Run) -> None:
    run.spool.append(DEVICE, [draft(0)])
    run.log.behaviour.refuse = lambda _alert: "equivocation"
    with pytest.raises(SenderRefused, match="epochs"):
        run.deliver()
    assert run.spool.pending > 0


def test_history_that_grows_is_accepted_and_remembered(run: Run) -> None:
    for count in (1, 2, 5, 8, 9):
        run.log.headers = [b"genesis", *(b"batch %d" % n for n in range(1, count))]
        run.spool.append(DEVICE, [draft(count)])
        run.deliver()
    assert run.spool.get("checkpoint") == run.log.checkpoint()
    assert run.log.hellos[-1]["seen"] != run.log.checkpoint()


def test_shorter_history_is_a_fork_and_both_notes_are_kept(run: Run) -> None:
    run.log.headers = [b"genesis", b"a", b"b"]
    run.spool.append(DEVICE, [draft(0)])
    run.deliver()
    seen = run.log.checkpoint()
    run.log.headers = [b"genesis", b"a"]
    run.spool.append(DEVICE, [draft(1)])
    with pytest.raises(LogForked, match="shrank"):
        run.deliver()
    assert run.spool.alarms()[0][2:] == (seen, run.log.checkpoint())
    assert run.spool.pending == 1


@pytest.mark.parametrize("headers", [[b"genesis", b"X"], [b"genesis", b"X", b"b", b"c"]])
def test_rewritten_history_is_a_fork(run: Run, headers: list[bytes]) -> None:
    run.log.headers = [b"genesis", b"a"]
    run.spool.append(DEVICE, [draft(0)])
    run.deliver()
    run.log.headers = headers
    run.spool.append(DEVICE, [draft(1)])
    with pytest.raises(LogForked):
        run.deliver()


def test_acked_entries_that_vanish_are_a_fork(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(3)])
    run.deliver()
    run.log.entries.pop()
    run.spool.append(DEVICE, [draft(3)])
    with pytest.raises(LogForked, match="acked index 2"):
        run.deliver()


def test_acked_number_that_vanishes_is_a_fork(run: Run) -> None:
    run.spool.append(DEVICE, [draft(n) for n in range(3)])
    run.deliver()
    run.log.highest[DEVICE] = (0, 2)
    run.spool.append(DEVICE, [draft(3)])
    with pytest.raises(LogForked, match="no longer has it"):
        run.deliver()


def test_another_key_is_a_fork(run: Run) -> None:
    other = "test.example/gw+00000000+AQ=="
    with pytest.raises(ValueError, match="not an Ed25519 key"):
        LogKey.parse(other)
    run.trust.keys = (LogKey("test.example/gw", b"\x00" * 4, b"\x00" * 32),)
    run.spool.append(DEVICE, [draft(0)])
    with pytest.raises(LogForked, match="not signed by"):
        run.deliver()


def test_another_origin_is_a_fork(run: Run) -> None:
    run.spool.append(DEVICE, [draft(0)])
    run.deliver()
    run.trust = LogTrust()
    run.log.origin = "test.example/other"
    run.spool.append(DEVICE, [draft(1)])
    with pytest.raises(LogForked, match="calls itself"):
        run.deliver()


def test_a_key_that_was_told_before_may_replace_the_old_one_but_not_the_reverse(run: Run) -> None:
    old_key, old_vkey = run.log.key, run.log.vkey
    run.spool.append(DEVICE, [draft(0)])
    run.deliver()
    run.log.key = Ed25519PrivateKey.generate()
    run.trust = LogTrust(run.log.origin, (LogKey.parse(old_vkey), LogKey.parse(run.log.vkey)))
    run.spool.append(DEVICE, [draft(1)])
    run.deliver()
    assert run.spool.get("key_id") == run.log.vkey.split("+")[1]
    run.log.key = old_key
    run.spool.append(DEVICE, [draft(2)])
    with pytest.raises(LogForked, match="not signed by"):
        run.deliver()


def test_without_a_vkey_the_first_key_id_is_pinned(run: Run) -> None:
    run.trust = LogTrust()
    run.spool.append(DEVICE, [draft(0)])
    run.deliver()
    assert run.spool.get("key_id") == run.log.vkey.split("+")[1]


def test_wrong_ca_is_refused_and_nothing_is_sent(run: Run, tmp_path: Path) -> None:
    other = Pki(tmp_path, "other CA")
    endpoint = run.endpoint()
    wrong = Endpoint(
        endpoint.host, endpoint.port, "localhost", other.ca, endpoint.certificate, endpoint.key
    )
    run.spool.append(DEVICE, [draft(0)])
    deadline = time.monotonic() + 0.3
    run.sender(wrong).run(lambda: time.monotonic() > deadline)
    assert run.log.entries == []
    assert any("CERTIFICATE_VERIFY_FAILED" in warning for warning in run.warnings)


def test_refused_certificate_is_noticed_and_nothing_is_lost(run: Run, tmp_path: Path) -> None:
    certificate, key = Pki(tmp_path, "other CA").sender("gw-01")
    endpoint = run.endpoint()
    wrong = Endpoint(endpoint.host, endpoint.port, "localhost", run.pki.ca, certificate, key)
    run.spool.append(DEVICE, [draft(0)])
    deadline = time.monotonic() + 0.3
    run.sender(wrong).run(lambda: time.monotonic() > deadline)
    assert run.log.entries == []
    assert run.spool.pending == 1
    assert run.warnings


def test_tls_1_2_only_server_is_refused(run: Run) -> None:
    context = client_context(run.endpoint())
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert context.check_hostname


def test_unusable_key_names_the_file(run: Run, tmp_path: Path) -> None:
    endpoint = run.endpoint()
    broken = tmp_path / "broken.key"
    broken.write_text("not a key")
    with pytest.raises(TransportConfigError, match=r"broken\.key"):
        client_context(
            Endpoint(endpoint.host, endpoint.port, "x", endpoint.ca, endpoint.certificate, broken)
        )


def test_backoff_doubles_is_capped_and_resets() -> None:
    backoff = Backoff(uniform=lambda _low, high: high)
    waits = [backoff.next_wait_s(is_refused=False) for _ in range(10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    backoff.reset()
    assert backoff.next_wait_s(is_refused=False) == 0.5
    assert Backoff(uniform=lambda low, _high: low).next_wait_s(is_refused=True) == 30
