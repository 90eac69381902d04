"""The wall clock of one process, set at will while it runs. Its steady clock stays true."""

from __future__ import annotations

from pathlib import Path

LIBRARIES = ("/usr/lib", "/usr/lib64")


class WallClock:
    """`env` is for the process; needs libfaketime."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(0)
        found = [path for top in LIBRARIES for path in Path(top).glob("**/libfaketimeMT.so.1")]
        assert found, "libfaketime is not installed: tests/setup/install"
        self.env = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, offset_s: int) -> None:
        """So many seconds before or behind the true time, from now on."""
        # Replaced in one step, because it is read at any time.
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}s\n")
        new.replace(self._file)
