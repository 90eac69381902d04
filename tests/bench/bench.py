"""The table of docs/performance.md, measured anew.

Usage: bench.py [--pairs N] [--only PART]... [--json FILE] | --record
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from suite import footprint, pairs, peers, speed
from suite.table import Row, markdown
from suite.tool import Neighbours, machine_facts

Part = Callable[[int], list[Row]]
PARTS: dict[str, Part] = {
    "coalesced": lambda n: [pairs.throughput(pairs.COALESCED, n, 0.60, 450_000)],
    "separate": lambda n: [pairs.throughput(pairs.SEPARATE, n, 0.70, 200_000)],
    "closed-loop": lambda n: [pairs.closed_loop(n)],
    "open-loop": lambda n: [
        pairs.latencies(pairs.OPEN_LOOP, n, {"p50": 1_000, "p99": 5_000, "p99_9": 15_000})
    ],
    "single": lambda n: [pairs.latencies(pairs.SINGLE, n, {"p50": 250})],
    "handshakes": lambda n: [footprint.handshakes(min(n, 3))],
    "storm": lambda n: [footprint.storm(min(n, 3), 0), footprint.storm(min(n, 3), 100)],
    "memory": lambda n: footprint.memory(),
    "connections": lambda n: [footprint.idle_connections()],
    "cpu": lambda n: [footprint.cpu_at_rest()],
    "flash": lambda n: [footprint.flash()],
    "starts": lambda n: footprint.starts(min(n, 3)),
    "peers": lambda n: peers.peers(min(n, 3)),
}
PAIRS = 5


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what docs/performance.md says.")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="alternating trials of a case")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; repeatable")
    parser.add_argument("--json", type=Path, help="where everything goes, every trial with it")
    parser.add_argument("--record", action="store_true",
                        help="measure what the speed suite is held against, and nothing else")
    arguments = parser.parse_args()
    if arguments.record:
        print(json.dumps(speed.record(), indent=2))
        return 0
    begin, neighbours = time.monotonic(), Neighbours()
    facts = machine_facts()
    rows: list[Row] = []
    for name in arguments.only or PARTS:
        at, others = time.monotonic(), Neighbours()
        rows += PARTS[name](arguments.pairs)
        print(f"{name}: {time.monotonic() - at:.0f} s; others used {others.share():.0%} of the "
              "machine", file=sys.stderr, flush=True)
    facts["used_by_others"] = round(neighbours.share(), 2)
    print(f"{json.dumps(facts)}\n\n{markdown(rows)}\n")
    print(f"medians of {arguments.pairs} alternating pairs; {time.monotonic() - begin:.0f} s; "
          f"others used {facts['used_by_others']:.0%} of the machine")
    if arguments.json:
        document = {"machine": facts, "rows": [row.json() for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
