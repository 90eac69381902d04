"""How fast a log is audited, beside `openssl dgst -sha256` over the same files, on one core.

Usage: audit.py [--entries N] [--json FILE]

What is compared is processor time, user and system, of one thread each: it says the same on a busy
machine. Two stores of the same entries: sealed as a daemon under load seals (5,000 entries a batch)
and as at an intrusion detector's rates (50), where two Ed25519 signatures a batch are most of the
work. Memory is the peak of the audit with all cores, of a store and of one four times as large.
Something of each anchor and each stamp stays in memory, so theirs is told for each. The evidence
file is checked in a new process each time, which is what its milliseconds are: as soon as it was
run before, and with the program, the evidence and the trust file dropped from the page cache, so
that they come from the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from suite.tool import ROOT, Json, machine_facts, trial_directory

BIN, TESTS = ROOT / "build/release/bin", ROOT / "build/release/tests"
LINE_BYTES, DEVICES = 450, 100
TRIALS = 5
EVIDENCE_RUNS = 40
ANCHORS = (20_000, 60_000)


def cpu_s(command: list[str | Path]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def audit(store: Path, threads: int) -> list[str | Path]:
    return [BIN / "logverify", "log", store, "--trust", store / "trust", "--offline",
            "--threads", str(threads)]


def make_store(store: Path, entries: int, batch: int) -> Path:
    subprocess.run([TESTS / "audit_store", store, str(entries), str(LINE_BYTES), str(batch),
                    str(DEVICES)], check=True, timeout=600)
    return store


def measure(store: Path, entries: int) -> Json:
    files = sorted(store.glob("log/*.ndjson"))
    size = sum(file.stat().st_size for file in files)
    hashed, audited = [], []
    for _ in range(TRIALS):
        hashed.append(cpu_s(["openssl", "dgst", "-sha256", *files]))
        audited.append(cpu_s(audit(store, 1)))
    seconds = statistics.median(audited)
    return {
        "entries": entries, "bytes": size, "openssl_cpu_s": hashed, "audit_cpu_s": audited,
        "entries_per_s_core": round(entries / seconds),
        "ratio": round(statistics.median(hashed) / seconds, 3),
    }


def peak_kib(store: Path) -> int:
    """The kernel's own high-water mark, looked at until the process is gone: what wait4 reports
    begins with this interpreter's memory."""
    child = subprocess.Popen(audit(store, os.cpu_count() or 1), stdout=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        status = Path(f"/proc/{child.pid}/status").read_text()
        peak = max([peak, *(int(line.split()[1]) for line in status.splitlines()
                            if line.startswith("VmHWM:"))])
        time.sleep(0.005)
    assert child.returncode == 0 and peak > 0
    return peak


def anchor_memory(folder: Path, *kind: str) -> Json:
    """The peak of an audit by the anchors it holds; the difference of two is what they cost."""
    peaks = []
    for count in ANCHORS:
        store = folder / "-".join(["anchors", *kind, str(count)])
        subprocess.run([TESTS / "anchor_store", store, str(count), *kind], check=True, timeout=600)
        peaks.append(peak_kib(store))
    each = (peaks[1] - peaks[0]) * 1024 / (ANCHORS[1] - ANCHORS[0])
    return {"peak_kib": dict(zip(map(str, ANCHORS), peaks, strict=True)),
            "bytes_each": round(each)}


def drop_from_cache(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def evidence_times(command: list[str | Path], read: list[Path]) -> Json:
    """Of new processes; `read` is dropped from the page cache before each."""
    times, cpu = [], []
    for _ in range(EVIDENCE_RUNS):
        for path in read:
            drop_from_cache(path)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        child = os.posix_spawn(str(command[0]), [str(word) for word in command], dict(os.environ),
                               file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        _, status = os.waitpid(child, 0)
        times.append((time.perf_counter() - begin) * 1000)
        assert status == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append((after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000)
    return {"median_ms": round(statistics.median(times), 2), "min_ms": round(min(times), 2),
            "cpu_median_ms": round(statistics.median(cpu), 2)}


def evidence_ms(store: Path, folder: Path) -> Json:
    """Of the program as a package installs it, without debug symbols."""
    proof, trust = folder / "entry.tlog-proof", store / "trust"
    verifier = folder / "logverify"
    subprocess.run(["strip", "-o", verifier, BIN / "logverify"], check=True, timeout=60)
    subprocess.run([verifier, "export", store, "--index", "1000", "-o", proof],
                   check=True, stdout=subprocess.DEVNULL, timeout=60)
    command: list[str | Path] = [verifier, "evidence", proof, "--trust", trust]
    return {"bytes": proof.stat().st_size, "program_bytes": verifier.stat().st_size,
            "new_process": evidence_times(command, []),
            "from_disk": evidence_times(command, [verifier, proof, trust])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=500_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    entries: int = options.entries
    result: dict[str, Any] = {"machine": machine_facts()}
    with trial_directory() as folder:
        loaded = make_store(folder / "loaded", entries, 5_000)
        result["batches_of_5000"] = measure(loaded, entries)
        quiet = make_store(folder / "quiet", entries, 50)
        result["batches_of_50"] = measure(quiet, entries)
        result["peak_kib"] = {str(entries): peak_kib(loaded)}
        large = make_store(folder / "large", 4 * entries, 5_000)
        result["peak_kib"][str(4 * entries)] = peak_kib(large)
        result["anchors"] = anchor_memory(folder)
        result["stamps"] = anchor_memory(folder, "stamps")
        result["evidence"] = evidence_ms(quiet, folder)
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
