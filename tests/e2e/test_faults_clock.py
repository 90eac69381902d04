"""The gateway's wall clock jumps; numbers, order and timers do not depend on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import MakeGateway, Pki, Tally, make_alert, wait_until
from harness.alerts import now_text
from harness.clock import WallClock
from harness.load import Load, check_verifies

# TSan and libfaketime both stand between the daemon and its locks, and take one for another.
pytestmark = pytest.mark.release

HOUR_S = 3_600
CONFIG = {"batch": {"entries": 1_000, "interval_s": 1, "seal_interval_min_ms": 0}}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Made the day before: a certificate that is not valid yet is another story."""
    made = Pki(tmp_path_factory.mktemp("old-pki"), ["faketime", "-f", "-1d"])
    made.sender()
    return made


@pytest.mark.parametrize(
    ("step_s", "code"), [(HOUR_S, "stale"), (-HOUR_S, "future")], ids=["ahead", "back"]
)
def test_the_clock_steps_by_an_hour(
    make_gateway: MakeGateway, tmp_path: Path, tally: Tally, step_s: int, code: str
) -> None:
    gateway = make_gateway(config=CONFIG)
    clock = WallClock(tmp_path / "clock")
    gateway.env = clock.env
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(20, 5)
        gateway.wait_sealed(20)
        clock.step(step_s)
        (step,) = wait_until(lambda: gateway.store.audits("clock_step"), "the step is audited")
        assert abs(step["data"]["ms"] - step_s * 1_000) < 5_000
        # A sender with the true time is told to wait, and what it spools is not lost.
        with gateway.connect() as sender:
            sender.send(make_alert(21))
            reject = sender.expect("reject")
            assert (reject["code"], reject["permanent"]) == (code, False)
            sender.expect_closed()
        # What is stored is acked again whatever the clock says; one that goes as ours is taken.
        with gateway.connect() as sender:
            sender.send({**load.made[4], "sent_at": now_text()})
            assert sender.expect("ack")["seq_no"] == 5
            sender.deliver([make_alert(1, "cam-2", sent_at=now_text(step_s),
                                       timestamp=now_text(min(step_s, 0)))])
        # An age is no time of day: the alert is sealed a second after it came.
        gateway.wait_sealed(timeout_s=5)
        clock.step(0)
        wait_until(lambda: len(gateway.store.audits("clock_step")) == 2, "and the step back")
        assert load.drive(40, 5)
        gateway.wait_sealed(timeout_s=5)
        assert gateway.stop() == 0
    load.check()
    assert gateway.store.numbers("cam-2") == [1]
    check_verifies(gateway)
    tally.add("clock steps of an hour", 2)


def test_a_restart_with_the_clock_an_hour_back(
    make_gateway: MakeGateway, tmp_path: Path, tally: Tally
) -> None:
    """As a gateway without a battery does it: the log goes on behind its own times."""
    gateway = make_gateway(config=CONFIG)
    clock = WallClock(tmp_path / "clock")
    gateway.env = clock.env
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(20, 5)
        gateway.kill()
        clock.step(-HOUR_S)
        gateway.start()
        with gateway.connect() as sender:
            assert sender.hello(["cam-1"])["durable"]["cam-1"]["seq_no"] == 20
            early = now_text(-HOUR_S)
            sender.deliver([make_alert(1, "cam-2", sent_at=early, timestamp=early)])
        gateway.kill()
        clock.step(0)
        gateway.start()
        assert load.drive(40, 5)
        assert gateway.stop() == 0
    load.check()
    assert gateway.store.numbers("cam-2") == [1]
    check_verifies(gateway)
    tally.add("clock steps of an hour", 2)
