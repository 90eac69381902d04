"""Does memory stay flat? Hours would say more; this is half an hour, and a minute at full load.

Usage: soak.py [--minutes M] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from suite.daemon import BenchDaemon
from suite.pairs import COALESCED
from suite.tool import Json, machine_facts, median, memory_kib, options_of, trial_directory

from harness.process import HarnessError  # isort: skip

SLICE_S = 10
GROWTH_MAX = 1.1  # of the last third over the second; the first fills what is bounded
FULL_LOAD_SLICES = 6


def run(name: str, load: Json, slices: int) -> Json:
    """Loads of 10 s by the same devices, one after the other; memory after each."""
    connections = load["connections"]
    options = options_of({k: v for k, v in load.items() if k != "connections"})
    rss, anon = [], []
    with trial_directory() as directory, BenchDaemon(directory) as daemon:
        for _ in range(slices):
            daemon.load_again(*options, connections=connections)
            sample = memory_kib(daemon.pid)
            rss.append(sample[0] / 1024)
            anon.append(sample[1] / 1024)
        entries = daemon.status()["entries"]
        if daemon.stop() != 0:
            raise HarnessError("anchorlogd did not stop in order")
        daemon.check()
    third = slices // 3
    growth = median(rss[-third:]) / median(rss[third : 2 * third])
    print(
        f"{name}: {entries:,} entries in {slices * SLICE_S} s; RSS first {rss[0]:.0f}, most "
        f"{max(rss):.0f}, last {rss[-1]:.0f} MiB; RssAnon most {max(anon):.0f}, last "
        f"{anon[-1]:.0f}; last third {growth:.2f} × the second: "
        f"{'flat' if growth <= GROWTH_MAX else 'NOT FLAT'}", flush=True,
    )
    return {"name": name, "entries": entries, "rss_mib": rss, "rss_anon_mib": anon,
            "growth": growth}


def main() -> int:
    parser = argparse.ArgumentParser(description="Memory of the daemon over time.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    steady = {"connections": 8, "rate": 10_000, "window": 10_000, "seconds": SLICE_S}
    full = {**COALESCED.load, "seconds": SLICE_S}
    slices = max(3, int(arguments.minutes * 60 / SLICE_S))
    done = [run("full load", full, FULL_LOAD_SLICES), run("10,000/s", steady, slices)]
    if arguments.json:
        document = {"machine": machine_facts(), "runs": done}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(one["growth"] <= GROWTH_MAX for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
