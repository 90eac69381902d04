"""Makes a chosen system call of a real process fail, by strace."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from .process import Child, wait_until

ATTACH_S_MAX = 10.0
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_PATH = re.compile(r'"(/[^"]*)"|\d+<(/[^>]*)>')


@dataclass(frozen=True)
class Call:
    """System calls of one name; with `path` only those on this file (its path or a descriptor
    of it). Below the directory that is traced, so that it names the same file of every copy."""

    syscall: str
    path: str = ""


@dataclass(frozen=True)
class Fault:
    """The `when`th such call of every thread fails. (strace counts per thread.) `2+`: and all
    that follow."""

    call: Call
    error: str
    when: str

    def __str__(self) -> str:
        return f"{self.call.syscall}:{self.call.path}:{self.error}:{self.when}"

    def options(self, directory: Path) -> list[str]:
        name, path = self.call.syscall, self.call.path
        only = ["-P", str(directory / path)] if path else []
        return [*only, "-e", f"trace={name}",
                "-e", f"inject={name}:error={self.error}:when={self.when}"]


def tracing(trace: Path, options: list[str]) -> list[str]:
    """What to put before a command. The command stays our direct child: strace is its
    grandchild (-D), so that signals and exit status are the command's own."""
    return ["strace", "-D", "-f", "-q", "--seccomp-bpf", "-o", str(trace), *options]


def attach(pid: int, trace: Path, options: list[str]) -> Child:
    """strace on a running process, from now on and on all its threads. It ends with it."""
    log = trace.with_suffix(".log")
    child = Child(["strace", "-f", "-o", str(trace), *options, "-p", str(pid)], log)
    wait_until(
        lambda: " attached" in child.output() or child.expect_running(), "strace", ATTACH_S_MAX
    )
    return child


def occurred(trace: Path) -> bool:
    """Whether the fault was injected at all."""
    return trace.exists() and "(INJECTED)" in trace.read_text(errors="replace")


def calls(trace: Path, directory: Path, after: str = "") -> dict[Call, list[int]]:
    """What a trace made with -y holds: the ordinals of each kind of call, counted as strace
    counts them. Calls on files count by file, and only below `directory`. With `after`: only
    those of the thread that has a line with this text, from behind that line on."""
    seen: Counter[tuple[str, Call]] = Counter()
    reached: dict[Call, set[int]] = defaultdict(set)
    since = "" if after else "any"
    for line in trace.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        thread, name, arguments = match.groups()
        call, counters = _kind(name, arguments, f"{directory}/")
        seen.update((thread, counter) for counter in counters)
        if call is not None and since in ("any", thread):
            reached[call].add(seen[thread, call])
        if not since and after in line:
            since = thread
    assert since, f"{after} is not in {trace}"
    return {call: sorted(ordinals) for call, ordinals in reached.items()}


def _kind(name: str, arguments: str, prefix: str) -> tuple[Call | None, list[Call]]:
    """What to call it, and all whose count it raises: without a path strace counts every call."""
    found = [quoted or opened for quoted, opened in _PATH.findall(arguments.partition(" = ")[0])]
    ours = [Call(name, path[len(prefix):]) for path in found if path.startswith(prefix)]
    counters = list(dict.fromkeys([Call(name), *ours]))
    if found:
        return (ours[0] if ours else None), counters
    return Call(name), counters
