"""Where the programs and the data are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PYTHON = Path(sys.executable)
CAPTURES = ROOT / "python_ids" / "data" / "captures"
GANACHE = ROOT / "contracts" / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
_FOUNDRY = ROOT / "contracts" / "node_modules" / "@foundry-rs"
# Another build of the same programs, a sanitizer's for one, is tested by naming its directory.
# Whole, because tests call them from other directories.
PROGRAMS = Path(os.environ.get("ANCHORLOG_BIN", ROOT / "build" / "release" / "bin")).absolute()


def program(name: str) -> str:
    return str(PROGRAMS / name)


def bench() -> str:
    """The generator of load; there is one with every build of the programs."""
    return str(PROGRAMS.parent / "tests" / "anchorlog_bench")


def anvil() -> str:
    """The program itself, not its package's Node.js front: signals must reach it."""
    found = sorted(_FOUNDRY.glob("anvil-*/bin/anvil"))
    assert found, "anvil is not installed: make setup"
    return str(found[0])


def is_volatile(path: Path) -> bool:
    """Whether the file system there is one the daemon refuses unless told otherwise."""
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, name = line.split(" ")[:3]
        mount = mount.replace("\\040", " ")
        inside = mount == "/" or str(path.resolve()).startswith(mount.rstrip("/") + "/")
        if (inside or str(path.resolve()) == mount) and len(mount) >= len(best):
            best, kind = mount, name
    return kind in {"tmpfs", "ramfs", "overlay", "9p", "nfs", "nfs4", "fuse-overlayfs"}
