"""anchorlog_bench and what the kernel counts, as numbers."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness.process import HarnessError  # noqa: E402

BUILD = ROOT / "build" / "release"
# Another build, or a script in front of it, is measured by naming it.
TOOL = os.environ.get("ANCHORLOG_BENCH", str(BUILD / "tests" / "anchorlog_bench"))
TRIAL_S_MAX = 120.0  # with start, check and removal of the store

Json = dict[str, Any]


@contextlib.contextmanager
def trial_directory() -> Iterator[Path]:
    """On the disk that the build is on: a log in memory would say nothing about syncs."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as name:
        yield Path(name)


def run_tool(command: str, *options: str) -> Json:
    """One run of anchorlog_bench to its end; what it printed."""
    words = [TOOL, command, *options]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=TRIAL_S_MAX, check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise HarnessError(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    printed = json.loads(done.stdout)
    assert isinstance(printed, dict)
    return printed


def start_tool(command: str, *options: str) -> subprocess.Popen[str]:
    """The same in the background, standard input open."""
    return subprocess.Popen(
        [TOOL, command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )


def options_of(load: Json) -> list[str]:
    return [word for name, value in load.items() for word in (f"--{name}", str(value))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """The median distance from the median, as a share of it."""
    middle = median(values)
    return median([abs(value - middle) for value in values]) / middle


def allow_open_files(wanted: int) -> int:
    """Raises the limit for us and our children as far as it goes; how far that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def cpu_s(pid: int) -> float:
    """Processor time of all threads; the kernel counts it in nanoseconds."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory_kib(pid: int) -> tuple[int, int]:
    """VmRSS and RssAnon: what is mapped, and what of it is ours alone."""
    rows = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(rows["VmRSS"].split()[0]), int(rows["RssAnon"].split()[0])


def written_bytes(pid: int) -> int:
    rows = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(rows["write_bytes"])


def disk_written_bytes(path: Path) -> int | None:
    """What the device below `path` has written since boot, for whomever; none if unknown."""
    device = path.stat().st_dev
    stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(stat.read_text().split()[6]) * 512 if stat.exists() else None


class Neighbours:
    """How much of the machine others used since this was made: time of all cores that was neither
    idle nor ours, or our ended children's. The kernel's own work for us counts as theirs."""

    def __init__(self) -> None:
        self._begin = self._counts()

    @staticmethod
    def _counts() -> tuple[float, float]:
        line = Path("/proc/stat").read_text().split("\n", 1)[0]
        fields = [int(field) for field in line.split()[1:9]]
        busy = (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return busy - own, time.monotonic()

    def share(self) -> float:
        used, at = self._counts()
        return (used - self._begin[0]) / ((at - self._begin[1]) * (os.cpu_count() or 1))


def first_line(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.split("\n", 1)[0].strip()


def machine_facts() -> Json:
    """What a figure means nothing without."""
    facts: Json = run_tool("bound", "--seconds", "0.1", "--json")["machine"]
    facts["compiler"] = first_line(["c++", "--version"])
    facts["revision"] = first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    facts["load_average_before"] = round(os.getloadavg()[0], 2)
    return facts
