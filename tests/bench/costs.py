"""What an alert costs anchorlogd, by kind of work: samples of its stacks under full load.

Usage: costs.py [--case coalesced|separate] (needs perf, and the right to use it)
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from suite.footprint import running_daemon
from suite.pairs import COALESCED, SEPARATE
from suite.tool import cpu_s, options_of

from harness.process import HarnessError  # isort: skip

HERTZ = 499
SECONDS = 4
STACK_BYTES = 8192
CASES = {"coalesced": COALESCED, "separate": SEPARATE}

# The first kind that matches any function of a stack has it, from the innermost cause outwards.
KINDS = {
    "waiting and waking (futex, eventfd, epoll)":
        r"futex|eventfd|epoll_(p?wait|ctl)|condition_variable|pthread_(cond|mutex)",
    "index (state runs, RocksDB)": r"rocksdb|StateIndex|state_index|LeafHints",
    "sync (fdatasync)": r"fdatasync|fsync",
    "write (pwrite, fallocate, page cache)": r"pwrite|fallocate|fadvise|sync_file_range|"
                                             r"Segment::|Journal::append",
    "hash (SHA-256 of leaves and nodes)": r"[Ss]ha256|EVP_Digest|leaf_hash|node_hash|merkle",
    "socket (recv, send)": r"__libc_(recv|send)|\brecv\b|\bsend\b|sendmsg|recvmsg|tcp_",
    "TLS (records)": r"libssl|SSL_|EVP_(En|De)crypt|EVP_Cipher|aes|gcm|libcrypto",
    "parse (frames, JSON, schema, canonical form)":
        r"FrameDecoder|AlertParser|canonical|simdjson|ChunkReader|parse_|read_frame",
    "format lines": r"append_alert_line|entry_line|format_",
    "admit and number": r"Sequencer|Intake|ReplayWindow|CommitLoop|commit_loop",
    "memory (malloc, free, copies)": r"malloc|free|operator (new|delete)|memmove|memcpy",
}


def sampled_stacks(data: Path) -> list[str]:
    """One text per sample: its functions and where they are, innermost first."""
    script = subprocess.run(
        ["perf", "script", "-i", str(data), "--no-inline", "-F", "comm,ip,sym,dso"],
        capture_output=True, text=True, check=True, timeout=300,
    )
    return [stack for stack in script.stdout.split("\n\n") if stack.strip()]


def kind_of(stack: str) -> str:
    for kind, pattern in KINDS.items():
        if re.search(pattern, stack):
            return kind
    return "the rest"


def main() -> int:
    parser = argparse.ArgumentParser(description="Cost of an alert by kind of work.")
    parser.add_argument("--case", choices=CASES, default="coalesced")
    parser.add_argument("--functions", action="store_true", help="innermost functions as well")
    arguments = parser.parse_args()
    if shutil.which("perf") is None:
        print("costs: perf is missing (Debian: linux-perf)", file=sys.stderr)
        return 1
    load = {**CASES[arguments.case].load, "seconds": SECONDS}
    connections = load.pop("connections")
    with running_daemon() as daemon:
        data = daemon.dir / "perf.data"
        before = cpu_s(daemon.pid)
        perf = subprocess.Popen(
            ["perf", "record", "-q", "-F", str(HERTZ), "--call-graph", f"dwarf,{STACK_BYTES}",
             "-p", str(daemon.pid), "-o", str(data), "--", "sleep", str(SECONDS + 1)],
        )
        done = daemon.load(*options_of(load), connections=connections)
        each_us = (cpu_s(daemon.pid) - before) * 1e6 / done["acked"]
        if perf.wait(60) != 0:
            raise HarnessError("perf record failed")
        stacks = sampled_stacks(data)
    print(f"{CASES[arguments.case].name}: {done['alerts_per_s']:,.0f}/s while sampled, "
          f"{each_us:.2f} µs of processor an alert, {len(stacks)} samples\n")
    print("| work | share | µs an alert |\n|---|---|---|")
    for kind, count in Counter(map(kind_of, stacks)).most_common():
        share = count / len(stacks)
        print(f"| {kind} | {share:.1%} | {share * each_us:.2f} |")
    if arguments.functions:
        innermost = Counter(
            re.sub(r"^\s*[0-9a-f]+ ", "", stack.strip("\n").split("\n")[1]) for stack in stacks
        )
        for function, count in innermost.most_common(40):
            print(f"{count / len(stacks):.1%} {function}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
