"""Each system call of a short run fails once, for real: what was acked is there, nothing is there
twice, and the next start takes the store as it is."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from harness import Gateway, HarnessError, Pki, Tally, make_alert
from harness.load import Load, check_no_second_header, check_provable, check_verifies
from harness.parallel import spread
from harness.strace import Fault, attach, calls, occurred, tracing

pytestmark = pytest.mark.release
FAULT_CLASS = "failed system calls"
SAMPLE = 60
SEED = int(os.environ.get("ANCHORLOG_SEED", "20261"))
ONE_POINT = os.environ.get("ANCHORLOG_FAULT")  # as a violation names it

EXIT_STORAGE = 74
EXIT_CONFIG = 78
STOP_S_MAX = 7.0
DRIVE_S_MAX = 4.0
MIB = 1 << 20
# Filled so far that the few alerts of the run close a segment and move a run into the state.
FILLED = 985
FILL_BYTES = 600
ALERTS = 24
CONFIG = {
    "batch": {"entries": 10, "seal_interval_min_ms": 0},
    "state": {"run_entries": 1_000},
    "storage": {"segment_bytes": MIB},
}

# What the kernel can say to each call. Left out is what cannot fail (futex, signal masks, thread
# identity, uname; brk, which says so by what it returns) and what only a bug makes fail (munmap,
# an eventfd's write, setting a timer).
ERRORS = {
    "access": ["EACCES"], "accept": ["EMFILE", "ENOBUFS"], "accept4": ["EMFILE", "ENOBUFS"],
    "bind": ["EADDRINUSE"], "clone3": ["EAGAIN"], "close": ["EIO"], "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOMEM"], "epoll_wait": ["EINTR"], "eventfd2": ["EMFILE"],
    "fadvise64": ["EIO"], "fallocate": ["ENOSPC", "EIO", "EOPNOTSUPP"], "fcntl": ["ENOLCK"],
    "fdatasync": ["EIO", "ENOSPC"], "flock": ["ENOLCK"], "fstatfs": ["EIO"],
    "fsync": ["EIO", "ENOSPC"], "ftruncate": ["EIO"], "getdents64": ["EIO"],
    "getpeername": ["ENOTCONN"], "getrandom": ["ENOSYS"], "getsockname": ["ENOBUFS"],
    "link": ["EIO", "ENOSPC"], "listen": ["EADDRINUSE"],
    "lseek": ["EIO"], "madvise": ["ENOMEM"], "mkdir": ["ENOSPC"], "mmap": ["ENOMEM"],
    "mprotect": ["ENOMEM"], "newfstatat": ["EIO"], "openat": ["EMFILE", "EIO"],
    "pread64": ["EIO"], "prlimit64": ["EPERM"], "pwrite64": ["EIO", "ENOSPC"],
    "read": ["EIO"], "readahead": ["EIO"],
    "recvfrom": ["ECONNRESET", "EIO"], "recvmsg": ["ECONNRESET", "EIO"],
    "rename": ["EIO", "ENOSPC"], "rt_sigtimedwait": ["EINTR"],
    "sendmsg": ["EPIPE", "ENOBUFS"], "sendto": ["EPIPE", "ENOBUFS"],
    "setsockopt": ["ENOBUFS"], "shutdown": ["ENOTCONN"], "socket": ["EMFILE"],
    "statfs": ["EIO"], "sync_file_range": ["EIO"], "timerfd_create": ["EMFILE"],
    "unlink": ["EIO"], "write": ["EIO", "ENOSPC"],
}
# Of these only the calls on files below the gateway's directory: elsewhere they wake threads.
ON_FILES = {"read", "write"}
# Failing on and on, as a dead disk, a full one and a process without descriptors do.
LASTING = {"accept": "EMFILE", "fallocate": "ENOSPC", "fdatasync": "EIO", "openat": "EMFILE",
           "pwrite64": "ENOSPC"}
# Asio has no second way to hear of a descriptor it could not register.
MAY_STALL = {"epoll_ctl"}


@dataclass(frozen=True)
class Point:
    phase: str  # start: the daemon starts under the fault; serve: it is running already
    fault: Fault

    def __str__(self) -> str:
        return f"{self.phase}:{self.fault}"


@dataclass
class Outcome:
    point: Point
    occurred: bool = False
    exit_code: int | None = None
    acked_all: bool = False
    violations: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Gateway:
    """A stopped gateway whose next alerts roll the log and are due for a run of the state."""
    made = Gateway(tmp_path_factory.mktemp("template"), pki, config=CONFIG)
    pad = {"pad": "x" * FILL_BYTES}
    with made:
        with made.connect() as sender:
            sender.deliver(
                [make_alert(n, "cam-2", features_summary=pad) for n in range(1, FILLED + 1)]
            )
        assert made.stop() == 0
    made.store.trim()
    made.child = None  # so that other processes can have the rest
    return made


def run_short(gateway: Gateway, load: Load) -> bool:
    """Two sessions, a look at the status, and a batch that is sealed. False: not all was acked."""
    acked = load.drive(ALERTS // 2, DRIVE_S_MAX) and load.drive(ALERTS, DRIVE_S_MAX)
    if acked:
        # The fault may have taken the page, or the seal may wait for its time.
        with contextlib.suppress(OSError, HarnessError):
            gateway.wait_sealed(timeout_s=2)
    return acked


def find_points(template: Gateway, directory: Path) -> list[Point]:
    """Every call of the run, once per error. Starting is traced on the thread that starts; what
    the others do is traced while the daemon serves."""
    points = []
    for phase in ("start", "serve"):
        gateway = template.copy_to(directory / phase)
        trace = directory / f"{phase}.trace"
        if phase == "start":
            gateway.wrapper = tracing(trace, ["-y"])
            gateway.start()
        else:
            gateway.start()
            attach(gateway.pid, trace, ["-y"])
        assert run_short(gateway, Load(gateway, "cam-1"))
        assert gateway.stop() == 0
        after = 'anchorlogd.json", O_RDONLY' if phase == "start" else ""
        for call, ordinals in calls(trace, gateway.dir, after).items():
            if call.syscall in ERRORS and (call.path or call.syscall not in ON_FILES):
                points += [Point(phase, Fault(call, error, str(ordinal)))
                           for error in ERRORS[call.syscall] for ordinal in ordinals]
            if call.syscall in LASTING and phase == "serve":
                points.append(Point(phase, Fault(call, LASTING[call.syscall], "1+")))
        shutil.rmtree(gateway.dir)
    return points


def try_point(template: Gateway, directory: Path, numbered: tuple[int, Point]) -> Outcome:
    number, point = numbered
    outcome = Outcome(point)
    gateway = template.copy_to(directory / f"trial-{number}")
    load = Load(gateway, "cam-1")
    try:
        suffer(gateway, load, outcome, directory / f"trial-{number}.trace")
        judge(gateway, outcome)
        check_afterwards(gateway, load)
    except Exception as error:  # everything a promise can break with, on record with its point
        outcome.violations.append(f"{type(error).__name__}: {error}")
    gateway.kill()
    if not outcome.violations:
        shutil.rmtree(gateway.dir)
    return outcome


def suffer(gateway: Gateway, load: Load, outcome: Outcome, trace: Path) -> None:
    options = outcome.point.fault.options(gateway.dir)
    if outcome.point.phase == "start":
        gateway.wrapper = tracing(trace, options)
        gateway.launch()
        gateway.wrapper = []
    else:
        gateway.start()
        attach(gateway.pid, trace, options)
    child = gateway.child
    assert child is not None
    deadline = time.monotonic() + DRIVE_S_MAX
    while not gateway.read_ports() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if gateway.read_ports():
        outcome.acked_all = run_short(gateway, load)
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_S_MAX)
        except HarnessError:
            if outcome.point.fault.call.syscall not in MAY_STALL:
                raise
    outcome.exit_code = child.poll()
    child.kill()
    outcome.occurred = occurred(trace)


def judge(gateway: Gateway, outcome: Outcome) -> None:
    """Alive and deaf is none of the ways a daemon may end up; each death says what it died of."""
    call, code = outcome.point.fault.call, outcome.exit_code
    said = gateway.child.tail() if gateway.child else ""
    if outcome.point.fault.when.endswith("+"):
        assert code in (0, EXIT_STORAGE), (code, said)
    elif code == 0:
        assert outcome.acked_all or call.syscall in MAY_STALL, f"alive, but not all was acked{said}"
    elif code == -signal.SIGABRT:
        # RocksDB asserts where others report; a thread that cannot be had is an exception.
        assert "rocksdb::" in said or "terminate called" in said, said
    elif code is not None:
        assert code in (EXIT_STORAGE, EXIT_CONFIG), (code, said)
        assert "anchorlogd: " in said or "storage_failed" in said, said
    is_sync = call.syscall == "fdatasync" and "ndjson" in call.path
    if is_sync and outcome.occurred:
        assert code == EXIT_STORAGE, "a failed sync of a journal is final"


def check_afterwards(gateway: Gateway, load: Load) -> None:
    """The next start finds a store it takes; the sender comes back; the verifier has the word."""
    load.check_prefix()
    sealed = [place.text for place in gateway.store.places("batches")]
    gateway.start()
    assert load.drive(ALERTS + 6, DRIVE_S_MAX), "the next start serves"
    assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    check_no_second_header(sealed, [place.text for place in gateway.store.places("batches")])
    check_provable(gateway, [max(load.index_of.values())])


def run_points(template: Gateway, directory: Path, points: list[Point], tally: Tally) -> None:
    outcomes = spread(partial(try_point, template, directory), zip(count(), points, strict=False))
    broken = [outcome for outcome in outcomes if outcome.violations]
    tried = sum(outcome.occurred for outcome in outcomes)
    tally.add(FAULT_CLASS, tried, len(broken))
    assert not broken, "\n".join(
        f"ANCHORLOG_FAULT='{outcome.point}': {outcome.violations}" for outcome in broken
    )
    assert tried >= len(points) * 0.8, f"only {tried} of {len(points)} faults came to pass"


def test_a_sample_of_system_calls_fails(
    template: Gateway, tmp_path: Path, tally: Tally
) -> None:
    points = find_points(template, tmp_path)
    if ONE_POINT:
        points = [point for point in points if str(point) == ONE_POINT]
        assert points, f"the run has no {ONE_POINT}"
    else:
        points = random.Random(SEED).sample(points, SAMPLE)
    run_points(template, tmp_path, points, tally)


@pytest.mark.full
def test_every_system_call_fails(template: Gateway, tmp_path: Path, tally: Tally) -> None:
    run_points(template, tmp_path, find_points(template, tmp_path), tally)
