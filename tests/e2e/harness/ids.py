"""The intrusion detector of python_ids as a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .gateway import Gateway
from .paths import PYTHON
from .process import Child, run

_COMMAND = [str(PYTHON), "-m", "anchorlog_ids"]


class Ids:
    """Replays captures to a gateway through a spool of its own."""

    def __init__(self, directory: Path, gateway: Gateway, device: str = "cam-1") -> None:
        self.dir = directory
        self.gateway = gateway
        self.device = device
        directory.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def dry_run(files: list[Path], *options: str) -> list[dict[str, Any]]:
        """The alerts a replay makes, without numbers; each has its own entry_id every time."""
        done = run([*_COMMAND, "replay", *map(str, files), "--dry-run", *options])
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def replay(self, files: list[Path], *options: str) -> Child:
        gateway = self.gateway
        sender = gateway.pki.sender()
        return Child(
            [
                *_COMMAND, "replay", *map(str, files), "--json",
                "--server", f"127.0.0.1:{gateway.ingest_port}", "--ca", str(gateway.pki.ca),
                "--cert", str(sender.certificate), "--key", str(sender.key),
                "--device", self.device, "--spool", str(self.dir / "spool.db"),
                "--origin", gateway.origin, "--vkey", gateway.vkey, *options,
            ],
            self.dir / "ids.log",
        )

    def summary(self, child: Child) -> dict[str, Any]:
        """What the replay printed at its end."""
        for line in reversed(child.output().splitlines()):
            if line.startswith("{"):
                summary = json.loads(line)
                assert isinstance(summary, dict)
                return summary
        raise AssertionError(f"no summary{child.tail()}")
