"""What the daemon costs beside time: handshakes, memory, processor at rest, flash, starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .daemon import BenchDaemon
from .pairs import COALESCED, SEPARATE
from .table import Row, ms, per_s
from .tool import (
    Json,
    allow_open_files,
    cpu_s,
    disk_written_bytes,
    median,
    memory_kib,
    options_of,
    run_tool,
    start_tool,
    trial_directory,
    written_bytes,
)

from harness.process import HarnessError, wait_until  # isort: skip

IDLE_CONNECTIONS = 5_000
SYNC_CALLS = "fsync,fdatasync,sync_file_range,msync,sync,syncfs"
SAMPLE_S = 0.02


@contextmanager
def running_daemon() -> Iterator[BenchDaemon]:
    """A daemon over a new store, checked at the end; nothing stays."""
    with trial_directory() as directory, BenchDaemon(directory) as daemon:
        yield daemon
        if daemon.stop() != 0:
            raise HarnessError("anchorlogd did not stop in order")
        daemon.check()


def handshakes(trials: int) -> Row:
    """Of the daemon by its own processor time; in all with the clients on the same cores."""
    cpu_us, rates, bounds = [], [], []
    with running_daemon() as daemon:
        for _ in range(trials):
            before = cpu_s(daemon.pid)
            done = run_tool("handshakes", "--seconds", "1.5", *daemon.where())
            cpu_us.append((cpu_s(daemon.pid) - before) * 1e6 / done["handshakes"])
            rates.append(done["handshakes_per_s"])
            bounds.append(run_tool("handshakes", "--seconds", "1.5")["handshakes_per_s"])
    per_core = 1e6 / median(cpu_us)
    return Row(
        "full mTLS handshakes", "≥ 1,000/s per core",
        f"{per_s(per_core)} per core of the daemon; {per_s(median(rates))} clients included",
        f"{per_s(median(bounds))} clients included", median(rates) / median(bounds),
        per_core >= 1_000, {"cpu_us": cpu_us, "rates": rates, "bounds": bounds},
    )


def storm(trials: int, rate: int) -> Row:
    """The latency of 50,000 alerts/s alone and beside handshakes; `rate` 0: as many as go."""
    alone, beside, shaken = [], [], []
    load = ["--rate", "50000", "--window", "100000", "--seconds", "2"]
    with running_daemon() as daemon:
        for _ in range(trials):
            alone.append(daemon.load(*load, connections=8)["latency_us"]["p99"])
            others = start_tool(
                "handshakes", "--seconds", "2.5", "--rate", str(rate), *daemon.where()
            )
            beside.append(daemon.load(*load, connections=8)["latency_us"]["p99"])
            printed, _ = others.communicate(timeout=30)
            if others.returncode != 0:
                raise HarnessError("handshakes failed beside the load")
            shaken.append(json.loads(printed)["handshakes_per_s"])
    factor = median([b / a for a, b in zip(alone, beside, strict=True)])
    kind = f"{rate} handshakes/s" if rate else "a storm of handshakes"
    return Row(
        f"p99 of 50,000/s open loop beside {kind}", "< 2 × alone",
        f"{ms(median(beside))}, {factor:.1f} × the {ms(median(alone))} alone, "
        f"at {per_s(median(shaken))}",
        "", None, factor < 2, {"alone_us": alone, "beside_us": beside, "handshakes_per_s": shaken},
    )


class MemorySampler:
    """The most that a process had while this context was open."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.rss_mib = 0.0
        self.anon_mib = 0.0

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_S):
            rss, anon = memory_kib(self._pid)
            self.rss_mib = max(self.rss_mib, rss / 1024)
            self.anon_mib = max(self.anon_mib, anon / 1024)

    def __enter__(self) -> MemorySampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def memory() -> list[Row]:
    peaks = {}
    with running_daemon() as daemon:
        rss, anon = memory_kib(daemon.pid)
    for case in (COALESCED, SEPARATE):
        with running_daemon() as daemon, MemorySampler(daemon.pid) as sampler:
            load = {**case.load, "seconds": 4}
            connections = load.pop("connections")
            daemon.load(*options_of(load), connections=connections)
            peaks[case.name] = (sampler.rss_mib, sampler.anon_mib)
    worst = max(peaks.values())
    return [
        Row("memory, idle", "RSS ≤ 32 MiB",
            f"{rss / 1024:.0f} MiB, of it RssAnon {anon / 1024:.1f}", reached=rss <= 32 * 1024),
        Row("memory, most at full load", "RSS ≤ 96 MiB",
            f"{worst[0]:.0f} MiB, of it RssAnon {worst[1]:.0f}", reached=worst[0] <= 96,
            details={"peaks_mib": peaks}),
    ]


def idle_connections() -> Row:
    connections = min(IDLE_CONNECTIONS, allow_open_files(20_000) - 1_000)
    with running_daemon() as daemon:
        rss_before, anon_before = memory_kib(daemon.pid)
        holder = start_tool("hold", "--connections", str(connections), *daemon.where())
        assert holder.stdin and holder.stdout
        if not holder.stdout.readline():
            raise HarnessError("the connections were not made")
        wait_until(lambda: daemon.status()["sessions"] == connections, "all are sessions", 10)
        rss, anon = memory_kib(daemon.pid)
        holder.stdin.close()
        holder.wait(30)
    each = (rss - rss_before) / connections
    return Row(
        f"memory of an idle connection, at {connections:,}", "≤ 40 KiB at 5,000",
        f"{each:.1f} KiB, of it RssAnon {(anon - anon_before) / connections:.1f}",
        reached=each <= 40 and connections == IDLE_CONNECTIONS,
    )


def cpu_at_rest() -> Row:
    with running_daemon() as daemon:
        before, begin = cpu_s(daemon.pid), time.monotonic()
        daemon.load("--rate", "10", "--seconds", "10")
        share = (cpu_s(daemon.pid) - before) / (time.monotonic() - begin)
    return Row("processor at 10 alerts/s", "≤ 0.5 % of a core", f"{share:.2%} of a core",
               reached=share <= 0.005)


def flash() -> Row:
    """20 alerts/s for 10 s, each in a group of its own and every 50th with a seal, as at 1/s."""
    with running_daemon() as daemon:
        log = daemon.dir / "syncs"
        tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-p", str(daemon.pid), "-o", str(log), "-e",
             f"trace={SYNC_CALLS}"],
        )
        wait_until(lambda: _is_traced(daemon.pid), "strace is attached")
        written, on_disk = written_bytes(daemon.pid), disk_written_bytes(daemon.dir)
        acked = daemon.load("--rate", "20", "--seconds", "10")["acked"]
        daemon.wait_sealed()
        written = written_bytes(daemon.pid) - written
        device = (disk_written_bytes(daemon.dir) or 0) - (on_disk or 0)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        batches = daemon.status()["batches"] - 1
        syncs = len(re.findall(r"\b(?:fsync|fdatasync|sync\w*|msync)\(", log.read_text()))
    each = syncs / acked
    return Row(
        "flash: syncs per alert at a low rate, seals in", "≤ 1.15",
        f"{each:.3f} ({batches} seals); {written / acked:,.0f} B written per alert, "
        f"{device / acked:,.0f} B by the whole device",
        reached=each <= 1.15, details={"acked": acked, "syncs": syncs, "batches": batches},
    )


def _is_traced(pid: int) -> bool:
    threads = [task / "status" for task in Path(f"/proc/{pid}/task").iterdir()]
    return all("TracerPid:\t0\n" not in status.read_text() for status in threads)


def starts(trials: int) -> list[Row]:
    """With `state/`, after a stop and after kill -9 under load; then without `state/`."""
    stopped, killed = [], []
    with trial_directory() as directory, BenchDaemon(directory) as daemon:
        daemon.load("--coalesce", "16", "--window", "32000", "--seconds", "4")
        for _ in range(trials):
            if daemon.stop() != 0:
                raise HarnessError("anchorlogd did not stop in order")
            stopped.append(daemon.start_timed())
        for _ in range(trials):
            load = start_tool("load", "--coalesce", "16", "--window", "32000", "--seconds", "9",
                              "--first-device", str(daemon.new_devices(1)), *daemon.where())
            target = daemon.status()["entries"] + 200_000
            while daemon.status()["entries"] < target:
                time.sleep(SAMPLE_S)
            os.kill(daemon.pid, signal.SIGKILL)
            assert daemon.child is not None
            daemon.child.wait()
            load.communicate(timeout=30)
            killed.append(daemon.start_timed())
        entries = daemon.status()["entries"]
        daemon.stop()
        shutil.rmtree(daemon.store.dir / "state")
        rebuild_s = daemon.start_timed()
        daemon.stop()
        daemon.verify()
    rate = entries / rebuild_s
    details: Json = {"entries": entries, "stopped_s": stopped, "killed_s": killed,
                     "rebuild_s": rebuild_s}
    return [
        Row("start with state, after a stop", "≤ 1 s", f"{max(stopped):.2f} s, the slowest of "
            f"{trials}", reached=max(stopped) <= 1, details=details),
        Row("start with state, after kill -9 under load", "≤ 1 s",
            f"{max(killed):.2f} s, the slowest of {trials}", reached=max(killed) <= 1),
        Row("rebuild of a deleted state", "≥ 300,000 entries/s",
            f"{per_s(rate)} over {entries:,} entries", reached=rate >= 300_000),
    ]
