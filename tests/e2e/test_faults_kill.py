"""SIGKILL at any moment, starting and sealing included, again and again on one log."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from harness import Gateway, HarnessError, Pki, Refused, Tally
from harness.load import Load, check_no_second_header, check_provable, check_verifies
from harness.parallel import spread

FAULT_CLASS = "kills under load"
SEED = int(os.environ.get("ANCHORLOG_SEED", "20262"))
KILLS = 25  # on one log
SERIES_FULL = 20
# Some fall into the start, which takes about 60 ms, most into the load behind it. Where the machine
# is slower, lives are longer: in proportion to an unharmed start.
LIFE_S_MAX = 0.25
LIFE_STARTS_MAX = 4
ALERTS_PER_LIFE_MAX = 600
DRIVE_S_MAX = 10.0
CONFIG = {
    "batch": {"entries": 10, "seal_interval_min_ms": 0},
    "state": {"run_entries": 1_000},
    "storage": {"segment_bytes": 1 << 20},
}


def live_and_die(gateway: Gateway, load: Load, life_s: float, alerts: int) -> None:
    child = gateway.launch()
    killer = threading.Timer(life_s, os.kill, [child.pid, signal.SIGKILL])
    killer.start()
    upto = len(load.made) + alerts
    while child.poll() is None:
        if not gateway.read_ports():
            continue
        try:
            with load.resume() as sender:
                load.push(sender, max(upto, len(load.made) + 1))
                while child.poll() is None:
                    load.take_ack(sender)
        except (Refused, OSError, HarnessError):  # the daemon is gone, or not there yet
            pass
    killer.join()
    assert child.wait() == -signal.SIGKILL, child.tail()


def run_series(pki: Pki, directory: Path, seed: int) -> str:
    """Empty, or what was broken and when."""
    rng = random.Random(seed)
    gateway = Gateway(directory / f"series-{seed}", pki, config=CONFIG)
    load = Load(gateway, "cam-1", in_flight=rng.choice([1, 20, 200]))
    sealed: list[bytes] = []
    kills = 0
    try:
        began = time.monotonic()
        gateway.start()
        life_s_max = max(LIFE_S_MAX, LIFE_STARTS_MAX * (time.monotonic() - began))
        assert gateway.stop() == 0
        while kills < KILLS:
            life_s, alerts = rng.uniform(0, life_s_max), rng.randint(1, ALERTS_PER_LIFE_MAX)
            live_and_die(gateway, load, life_s, alerts)
            kills += 1
            load.check_prefix()
            check_verifies(gateway)
            now_sealed = [place.text for place in gateway.store.places("batches")]
            check_no_second_header(sealed, now_sealed)
            sealed = now_sealed
        gateway.start()
        assert load.drive(len(load.made) + 1, DRIVE_S_MAX)
        assert gateway.stop() == 0
        load.check()
        check_verifies(gateway)
        check_provable(gateway, rng.sample(sorted(load.index_of.values()), k=5))
        assert len(load.made) > KILLS, "there was a load"
    except Exception as error:
        return f"ANCHORLOG_SEED={seed}, after kill {kills}: {type(error).__name__}: {error}"
    finally:
        gateway.kill()
    return ""


def run_all(pki: Pki, directory: Path, seeds: list[int], tally: Tally) -> None:
    broken = [said for said in spread(partial(run_series, pki, directory), seeds) if said]
    tally.add(FAULT_CLASS, KILLS * len(seeds), len(broken))
    assert not broken, "\n".join(broken)


def test_killed_at_random_moments(pki: Pki, tmp_path: Path, tally: Tally) -> None:
    run_all(pki, tmp_path, [SEED], tally)


@pytest.mark.full
def test_killed_five_hundred_times(pki: Pki, tmp_path: Path, tally: Tally) -> None:
    run_all(pki, tmp_path, list(range(SEED, SEED + SERIES_FULL)), tally)
