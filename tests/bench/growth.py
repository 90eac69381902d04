"""Does a log that has grown cost more? Fills one store step by step and measures at each.

Usage: growth.py [--entries N,N,...] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path

from suite.daemon import BenchDaemon
from suite.pairs import COALESCED
from suite.tool import (
    ROOT,
    Json,
    machine_facts,
    median,
    memory_kib,
    options_of,
    run_tool,
    trial_directory,
)

STEPS = "0,10000000,50000000"
ENTRY_BYTES_MAX = 650  # on disk, with its share of the index and of RocksDB's own merging
TRIALS = 5
LOAD = {name: value for name, value in COALESCED.load.items() if name != "connections"}


def fill(daemon: BenchDaemon, entries: int) -> None:
    while (left := entries - daemon.status()["entries"]) > 0:
        seconds = 10 if left > 5_000_000 else 2
        daemon.load(*options_of({**LOAD, "seconds": seconds}))


def starts_s(daemon: BenchDaemon) -> tuple[float, float]:
    """After a stop, and after kill -9 right behind the last ack."""
    assert daemon.stop() == 0
    stopped = daemon.start_timed()
    daemon.load(*options_of({**LOAD, "seconds": 1}))
    assert daemon.child is not None
    daemon.child.send_signal(signal.SIGKILL)
    daemon.child.wait()
    return stopped, daemon.start_timed()


def measure(daemon: BenchDaemon) -> Json:
    """Throughput beside the bound, one trial of each in turn: the machine changes meanwhile."""
    entries = daemon.status()["entries"]
    rates, bounds = [], []
    for _ in range(TRIALS):
        rates.append(daemon.load(*options_of(LOAD))["alerts_per_s"])
        bounds.append(run_tool("bound", *options_of(LOAD))["alerts_per_s"])
    rss, anon = memory_kib(daemon.pid)
    stopped, killed = starts_s(daemon)
    return {
        "entries": entries, "alerts_per_s": median(rates), "bound_per_s": median(bounds),
        "ratio": median([r / b for r, b in zip(rates, bounds, strict=True)]),
        "start_after_stop_s": stopped, "start_after_kill_s": killed,
        "rss_mib": rss / 1024, "rss_anon_mib": anon / 1024,
        "rates": rates, "bounds": bounds,
    }


def rebuild(daemon: BenchDaemon) -> Json:
    entries = daemon.status()["entries"]
    daemon.stop()
    shutil.rmtree(daemon.store.dir / "state")
    seconds = daemon.start_timed()
    return {"entries": entries, "seconds": seconds, "entries_per_s": entries / seconds}


def show(step: Json) -> None:
    print(
        f"{step['entries']:>12,} entries: {step['alerts_per_s']:,.0f}/s, bound "
        f"{step['bound_per_s']:,.0f}/s, ratio {step['ratio']:.3f}; start "
        f"{step['start_after_stop_s']:.2f} s, after kill -9 {step['start_after_kill_s']:.2f} s; "
        f"RSS {step['rss_mib']:.0f} MiB, RssAnon {step['rss_anon_mib']:.0f}", flush=True,
    )


def run(steps: list[int]) -> Json:
    done: list[Json] = []
    with trial_directory() as directory, BenchDaemon(directory) as daemon:
        for entries in steps:
            fill(daemon, entries)
            done.append(measure(daemon))
            show(done[-1])
        rebuilt = rebuild(daemon)
        print(f"rebuild: {rebuilt['entries_per_s']:,.0f} entries/s "
              f"({rebuilt['entries']:,} in {rebuilt['seconds']:.0f} s)", flush=True)
        assert daemon.stop() == 0
        begin = time.monotonic()
        daemon.check()
        print(f"stored is acked and logverify passes; checked in "
              f"{time.monotonic() - begin:.0f} s", flush=True)
    first = done[0]
    for step in done[1:]:
        print(f"at {step['entries']:,}: {step['alerts_per_s'] / first['alerts_per_s']:.2f} of the "
              f"first throughput, {step['ratio'] / first['ratio']:.2f} of the first ratio")
    return {"machine": machine_facts(), "steps": done, "rebuild": rebuilt}


def main() -> int:
    parser = argparse.ArgumentParser(description="Throughput and starts of a log that grows.")
    parser.add_argument("--entries", default=STEPS, help=f"sizes to measure at ({STEPS})")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    steps = [int(step) for step in arguments.entries.split(",")]
    wanted = steps[-1] * ENTRY_BYTES_MAX
    if shutil.disk_usage(ROOT / "build").free < 1.2 * wanted:
        print(f"growth: {1.2 * wanted / 1e9:.0f} GB of disk are wanted", file=sys.stderr)
        return 1
    document = run(steps)
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
