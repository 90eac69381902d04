"""How much memory a process has, and had."""

from __future__ import annotations

from pathlib import Path

MIB = 1 << 20


class Memory:
    """Of a process that has done its work once, so that what grows from here on is for what a
    test does to it."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # forgets the peak so far
        self._before = self._kib("VmRSS")

    def _kib(self, name: str) -> int:
        line = next(s for s in self._status.read_text().splitlines() if s.startswith(f"{name}:"))
        return int(line.split()[1])

    @property
    def grown_mib(self) -> float:
        """The most it had since then, beyond what it had then."""
        return (self._kib("VmHWM") - self._before) / 1024
