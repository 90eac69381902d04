"""A disk that is full, that fills up, that gets space back, that cannot be written to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from harness import Gateway, MakeGateway, Store, Tally, make_alert, wait_until
from harness.alerts import now_text
from harness.load import Load, check_provable, check_provable_by_id, check_verifies
from harness.small_disk import MIB, SmallDisk

EXIT_STORAGE = 74
RESUME_S_MAX = 5.0
SIZE_MIB = 64
RESERVE_BYTES = SIZE_MIB * MIB // 100  # 1 % of the disk, because that is less than 64 MiB
TINY_MIB = 4
FAULT_CLASS = "disk full or read-only"

OnDisk = tuple[Gateway, SmallDisk]


@pytest.fixture
def on_disk(tmp_path: Path, make_gateway: MakeGateway) -> Iterator[Callable[..., OnDisk]]:
    """Makes a gateway, not started, whose store is on a small disk."""
    with ExitStack() as stack:

        def make(size_mib: int = SIZE_MIB, **batch: Any) -> OnDisk:
            config = {
                "store": {"dir": "disk/store"},
                "batch": {"entries": 10, "seal_interval_min_ms": 0, **batch},
                "storage": {"allow_volatile": True},
            }
            gateway = make_gateway(config=config, init=False)
            first = gateway.dir / "first" / "store"
            first.parent.mkdir()
            gateway.config["store"]["dir"] = str(first)
            gateway.write_config()
            gateway.init_log()
            Store(first).trim()
            gateway.config["store"]["dir"] = "disk/store"
            gateway.write_config()
            disk = stack.enter_context(SmallDisk(gateway.dir / "disk", size_mib))
            disk.take_up(first)
            gateway.wrapper = disk.inside
            gateway.store.dir = disk.path / "store"
            return gateway, disk

        yield make


def wait_state(gateway: Gateway, state: str, timeout_s: float = RESUME_S_MAX) -> None:
    wait_until(lambda: gateway.status()["state"] == state, state, timeout_s)


def fill_until_full(gateway: Gateway, disk: SmallDisk, leave_bytes: int) -> None:
    """Filled again at each look: a reservation of the daemon that does not fit is undone, and
    what it had taken while we filled is free again."""

    def full() -> bool:
        disk.fill(leave_bytes)
        return bool(gateway.status()["state"] == "storage_full")

    wait_until(full, "storage_full", RESUME_S_MAX)


def check_refuses_and_serves(gateway: Gateway, load: Load) -> None:
    """Full: nothing new, but everything that is there can be asked for."""
    assert gateway.http("/readyz") == (503, "storage_full\n")
    assert gateway.http("/healthz")[0] == 200
    assert "anchorlog_admitting 0" in gateway.http("/metrics")[1]
    with gateway.connect() as sender:
        welcome = sender.hello([load.device])
        assert welcome["durable"][load.device]["seq_no"] == load.acked
        assert welcome["checkpoint"]
        sender.send(make_alert(load.acked + 1, load.device))
        reject = sender.expect("reject")
        assert (reject["code"], reject["permanent"]) == ("storage_full", False)
        sender.expect_closed()
    check_provable(gateway, [1])
    check_provable_by_id(gateway)


def test_full_then_freed(on_disk: Callable[..., OnDisk], tally: Tally) -> None:
    gateway, disk = on_disk(interval_s=1)
    with gateway:
        load = Load(gateway, "cam-1")
        assert load.drive(25, 5)
        gateway.wait_sealed(25)
        assert load.drive(30, 5)
        fill_until_full(gateway, disk, RESERVE_BYTES // 2)
        gateway.wait_sealed(30)  # the open batch is sealed on the reserve
        check_refuses_and_serves(gateway, load)
        disk.free()
        wait_state(gateway, "ready")
        assert load.drive(60, RESUME_S_MAX)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 1)


def test_below_a_quarter_of_the_reserve_nothing_is_sealed(
    on_disk: Callable[..., OnDisk], tally: Tally
) -> None:
    gateway, disk = on_disk(interval_s=1)
    with gateway:
        load = Load(gateway, "cam-1")
        assert load.drive(15, 5)
        fill_until_full(gateway, disk, RESERVE_BYTES // 8)
        headers, entries = len(gateway.store.headers()), len(gateway.store.lines())
        time.sleep(1.5)  # past the interval: that nothing happens takes its time to see
        assert len(gateway.store.headers()) == headers
        assert len(gateway.store.lines()) == entries, "no audits either"
        check_refuses_and_serves(gateway, load)
        disk.free()
        wait_state(gateway, "ready")
        gateway.wait_sealed(15)
        assert load.drive(30, RESUME_S_MAX)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 1)


@pytest.mark.parametrize("then", ["freed", "killed", "stopped"])
def test_a_group_that_does_not_fit_is_not_acked(
    on_disk: Callable[..., OnDisk], tally: Tally, then: str
) -> None:
    """More free than the reserve, less than the group needs: the write itself meets the end."""
    gateway, disk = on_disk(TINY_MIB)
    large = {"pad": "x" * 60_000}
    with gateway:
        load = Load(gateway, "cam-1")
        assert load.drive(25, 5)
        disk.fill(100_000)
        assert gateway.status()["state"] == "ready"
        load.made += [make_alert(n, "cam-1", features_summary=large) for n in range(26, 66)]
        assert not load.drive(65, 1)
        wait_state(gateway, "storage_full")
        load.check_prefix()
        assert load.acked < 40
        if then == "killed":
            gateway.kill()
        elif then == "stopped":
            assert gateway.stop() == 0
        disk.free()
        if then != "freed":
            gateway.start()
        wait_state(gateway, "ready")
        assert load.drive(70, RESUME_S_MAX)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 1)


def test_filled_and_freed_again_and_again_under_load(
    on_disk: Callable[..., OnDisk], tally: Tally
) -> None:
    gateway, disk = on_disk(TINY_MIB)
    with gateway:
        load = Load(gateway, "cam-1")
        for turn, leave in enumerate([0, 4096, 30_000, 50_000, 12_288], 1):
            disk.fill(leave)
            load.drive(turn * 100, 0.3)
            load.check_prefix()
            disk.free()
            assert load.drive(turn * 100, RESUME_S_MAX)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 5)


def test_a_disk_that_is_full_at_start(on_disk: Callable[..., OnDisk], tally: Tally) -> None:
    """On the reserve it starts and serves; without a byte it says so and ends."""
    gateway, disk = on_disk()
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(25, 5)
        assert gateway.stop() == 0
        disk.fill(0)
        child = gateway.launch()
        assert child.wait(10) == EXIT_STORAGE, child.tail()
        assert "bytes are free" in child.output()
        disk.free()
        disk.fill(RESERVE_BYTES // 2)
        gateway.launch()
        wait_until(gateway.read_ports, "it serves")
        wait_state(gateway, "storage_full")
        check_refuses_and_serves(gateway, load)
        disk.free()
        wait_state(gateway, "ready")
        assert load.drive(50, RESUME_S_MAX)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 2)


def test_a_state_that_finds_no_room_is_written_later(
    on_disk: Callable[..., OnDisk], tally: Tally
) -> None:
    """Enough for alerts, too little for a run of the index: it stays in memory and is searched."""
    gateway, disk = on_disk()
    gateway.config["state"] = {"run_entries": 1_000}
    gateway.write_config()
    state = gateway.store.dir / "state"
    with gateway:
        load = Load(gateway, "cam-1")
        assert load.drive(900, 5)
        disk.fill(RESERVE_BYTES + MIB // 4)
        for upto in range(950, 1_301, 50):
            assert load.drive(upto, 5)
        gateway.wait_sealed()
        assert gateway.status()["state"] == "ready"
        assert "state_ingest_failed" in gateway.output()
        assert not list(state.glob("*.sst"))
        with gateway.connect() as sender:
            sender.send({**load.made[10], "sent_at": now_text()})
            assert sender.expect("ack")["index"] == load.stored()[10][0]
        disk.free()
        for upto in range(1_350, 1_601, 50):
            assert load.drive(upto, 5)
        wait_until(lambda: list(state.glob("*.sst")), "the run is in the state")
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 1)


def test_a_disk_that_is_read_only_at_start(on_disk: Callable[..., OnDisk], tally: Tally) -> None:
    gateway, disk = on_disk()
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(25, 5)
        gateway.kill()
        disk.remount("ro")
        done = gateway.refuses_to_start()
        assert done.returncode == EXIT_STORAGE, done.stderr
        assert "Read-only file system" in done.stderr
        disk.remount("rw")
        gateway.start()
        assert load.drive(50, RESUME_S_MAX)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add(FAULT_CLASS, 1)
