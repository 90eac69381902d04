from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from anchorlog_ids.spool import Spool, SpoolError
from ids_support import draft, gap_notice, notice

DEVICE = "cam-1"
SpoolMaker = Callable[..., Spool]


def numbers(spool: Spool) -> list[tuple[int, int]]:
    return [(item.epoch, item.seq_no) for item in spool.pending_after(0, 10_000)]


def test_numbers_are_per_device_and_never_used_again(open_spool: SpoolMaker) -> None:
    spool = open_spool()
    spool.append(DEVICE, [draft(n) for n in range(3)])
    spool.append("cam-2", [draft(9, device="cam-2")])
    assert numbers(spool) == [(0, 1), (0, 2), (0, 3), (0, 1)]
    assert spool.acked(DEVICE, 0, 3, index=10) == 3
    spool.close()
    again = open_spool()
    again.append(DEVICE, [draft(4)])
    assert numbers(again) == [(0, 1), (0, 4)]
    assert again.index_acked_max == 10
    assert again.device(DEVICE).acked_seq == 3


def test_ack_is_cumulative_and_only_for_its_device_and_epoch(open_spool: SpoolMaker) -> None:
    spool = open_spool()
    spool.append(DEVICE, [draft(n) for n in range(5)])
    assert spool.acked("cam-2", 0, 5, 1) == 0
    assert spool.acked(DEVICE, 1, 5, 1) == 0
    assert spool.acked(DEVICE, 0, 2, 1) == 2
    assert spool.acked(DEVICE, 0, 2, 1) == 0
    assert spool.pending == 3


def test_set_aside_is_kept(open_spool: SpoolMaker, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append(DEVICE, [draft(1), draft(2)])
    spool.set_aside(spool.pending_after(0, 1)[0].row, "schema", "why", "now")
    assert (spool.pending, spool.set_aside_count) == (1, 1)
    spool.close()
    assert open_spool().set_aside_count == 1


def test_new_epoch_keeps_order_and_entry_ids(open_spool: SpoolMaker) -> None:
    spool = open_spool()
    spool.append(DEVICE, [draft(n) for n in range(4)])
    spool.acked(DEVICE, 0, 1, 0)
    spool.refuse(spool.pending_after(0, 1)[0].row)
    assert spool.devices_refused() == {DEVICE}
    assert spool.acked(DEVICE, 0, 3, 1) == 1, "a refused alert is never acked"
    before = {item.body["entry_id"] for item in spool.pending_after(0, 10)}
    spool.open_epoch(DEVICE, 5, notice(DEVICE, "ids.epoch_opened", {}))
    after = spool.pending_after(0, 10)
    assert [(item.epoch, item.seq_no) for item in after] == [(5, 1), (5, 2), (5, 3)]
    assert before < {item.body["entry_id"] for item in after}
    assert after[0].body["features_summary"]["number"] == 1
    assert spool.devices_refused() == set()


def test_overflow_drops_the_least_severe_first_and_says_so(open_spool: SpoolMaker) -> None:
    spool = open_spool(bytes_max=40_000)
    spool.append(DEVICE, [draft(n, severity=1, padding=500) for n in range(10)])
    spool.append(DEVICE, [draft(n, severity=3, padding=500) for n in range(100, 160)])
    kept = [item.body for item in spool.pending_after(0, 1000)]
    severe = [b for b in kept if b["features_summary"].get("number", 999) < 100]
    gaps = [b for b in kept if b["alert_type"] == "ids.gap"]
    assert len(severe) == 10
    assert len(gaps) == 1
    gap = gaps[0]["features_summary"]
    assert gap["reason"] == "spool_full"
    assert gap["from"] == 11
    assert gap["count"] == gap["to"] - gap["from"] + 1
    assert len(kept) == 10 + 60 - gap["count"] + 1
    assert spool.pending == len(kept)
    assert sum(len(json.dumps(body)) for body in kept) < 44_000


def test_a_second_process_is_refused(open_spool: SpoolMaker, tmp_path: Path) -> None:
    open_spool()
    with pytest.raises(SpoolError, match="in use"):
        Spool(tmp_path / "spool.db", make_gap=gap_notice)


def test_a_damaged_spool_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"this is no database, and long enough to be looked at " * 100)
    with pytest.raises(SpoolError, match=r"spool\.db"):
        Spool(path, make_gap=gap_notice)


def test_a_failed_transaction_changes_nothing(open_spool: SpoolMaker) -> None:
    spool = open_spool()
    spool.append(DEVICE, [draft(1)])
    broken = draft(2)
    object.__setattr__(broken, "severity", None)
    with pytest.raises(SpoolError):
        spool.append(DEVICE, [draft(3), broken])
    assert numbers(spool) == [(0, 1)]
    spool.append(DEVICE, [draft(4)])
    assert numbers(spool) == [(0, 1), (0, 2)]
    assert spool.pending == 2


_WRITER = """
import sys
from pathlib import Path
from ids_support import draft, gap_notice
from anchorlog_ids.spool import Spool
spool = Spool(Path(sys.argv[1]), make_gap=gap_notice)
print("open", flush=True)
number = int(sys.argv[2])
while True:
    spool.append("cam-1", [draft(number + n) for n in range(5)])
    number += 5
    print(number, flush=True)
    if number % 3 == 0:
        first = spool.pending_after(0, 1)[0]
        spool.acked("cam-1", 0, first.seq_no, first.seq_no - 1)
        print("acked", first.seq_no, flush=True)
"""


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed at arbitrary points: all that was reported stored is there once, in order."""
    path = tmp_path / "spool.db"
    stored, acked = 0, 0
    for round_ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(stored)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        for _ in range(10 + 7 * round_):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        reported = writer.communicate()[0].split("\n")
        spool = Spool(path, make_gap=gap_notice)
        pending = spool.pending_after(0, 100_000)
        state = spool.device(DEVICE)
        spool.close()
        told = [int(line) for line in reported if line.isdigit()]
        assert state.last_seq >= max(told, default=0)
        assert state.last_seq % 5 == 0, "a group is stored whole or not at all"
        assert [item.seq_no for item in pending] == list(
            range(state.acked_seq + 1, state.last_seq + 1)
        )
        assert [item.body["features_summary"]["number"] + 1 for item in pending] == [
            item.seq_no for item in pending
        ]
        assert state.acked_seq >= acked
        stored, acked = state.last_seq, state.acked_seq
    assert stored > 0
