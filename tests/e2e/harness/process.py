"""Child processes that cannot outlive this one, and polling instead of sleeping."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

POLL_S = 0.02
STOP_S_MAX = 10.0
LOG_TAIL_LINES = 30
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)
_running: set[Child] = set()
T = TypeVar("T")


class HarnessError(AssertionError):
    """Something did not happen, or happened too late; says what, with the end of the log."""


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 10.0) -> T:
    """Polls until `condition()` is true and returns what it gave."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise HarnessError(f"not within {timeout_s:g} s: {what}")
        time.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _dies_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have gone before the line above; then no signal will come.
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Child:
    """A process in a group of its own; what it prints is in `log`. A context manager."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                env={**os.environ, **env} if env else None,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509 - one thread here
            )
        _running.add(self)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_S_MAX) -> int:
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            late = f"{self.name} still runs after {timeout_s:g} s{self.tail()}"
            raise HarnessError(late) from None
        _running.discard(self)
        return code

    def stop(self, timeout_s: float = STOP_S_MAX) -> int:
        """SIGTERM, and its exit status."""
        self.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL to the whole group. Fine for one that has ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_S_MAX)
        _running.discard(self)

    def expect_running(self) -> bool:
        """False, for use in a condition; raises when it has ended."""
        if self._process.poll() is not None:
            raise HarnessError(f"{self.name} ended with {self._process.returncode}{self.tail()}")
        return False

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        lines = self.output().splitlines()[-LOG_TAIL_LINES:]
        return f"; the end of {self.log}:\n" + "\n".join(lines)


@atexit.register
def stop_all() -> None:
    for child in list(_running):
        child.kill()


def run(
    command: Sequence[str],
    *,
    timeout_s: float = 60.0,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """A short command to its end, whatever its exit status. It dies with us as well."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        input=stdin,
        env={**os.environ, **env} if env else None,
        preexec_fn=_dies_with(os.getpid()),
        check=False,
    )


def run_ok(command: Sequence[str], *, timeout_s: float = 60.0) -> str:
    """The same, but it must succeed; returns its standard output."""
    done = run(command, timeout_s=timeout_s)
    if done.returncode != 0:
        shown = " ".join(command)
        raise HarnessError(f"{shown}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
