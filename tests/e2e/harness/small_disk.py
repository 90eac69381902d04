"""A disk of a few MiB that can be filled and made read-only without being root."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .process import Child, run_ok, wait_until

MIB = 1 << 20
_CHUNK = bytes(MIB)


class SmallDisk:
    """A tmpfs in a mount namespace of its own, at `mount` for whoever runs `inside` it; others
    reach its files below `path`. A context manager; nothing is left of it."""

    def __init__(self, mount: Path, size_mib: int) -> None:
        mount.mkdir(parents=True)
        self._mount = mount
        script = f"mount -t tmpfs -o size={size_mib}m none '{mount}' && echo mounted && sleep inf"
        unshare = ["unshare", "--user", "--map-root-user", "--mount"]
        self._keeper = Child(
            [*unshare, *_DIES_WITH_US, "sh", "-c", script], mount.with_suffix(".log")
        )
        wait_until(
            lambda: "mounted" in self._keeper.output() or self._keeper.expect_running(), "tmpfs"
        )
        self.path = Path(f"/proc/{self._keeper.pid}/root{mount}")
        self._filler = self.path / "filler"

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.kill()

    @property
    def inside(self) -> list[str]:
        """What to put before a command that shall see the disk."""
        target = ["--target", str(self._keeper.pid), "--user", "--mount"]
        return ["nsenter", *target, "--preserve-credentials", *_DIES_WITH_US]

    def take_up(self, directory: Path) -> None:
        """Moves a directory onto the disk, with its own name."""
        shutil.copytree(directory, self.path / directory.name)
        shutil.rmtree(directory)

    @property
    def free_bytes(self) -> int:
        info = os.statvfs(self.path)
        return info.f_bavail * info.f_frsize

    def fill(self, leave_bytes: int) -> None:
        """Until no more than this is free."""
        with self._filler.open("ab") as file:
            while (extra := self.free_bytes - leave_bytes) > 0:
                file.write(_CHUNK[: min(extra, MIB)])
                file.flush()

    def free(self) -> None:
        self._filler.unlink()

    def remount(self, mode: str) -> None:
        run_ok([*self.inside, "mount", "-o", f"remount,{mode}", str(self._mount)])


# A new user namespace resets the signal that Child asked for.
_DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]
