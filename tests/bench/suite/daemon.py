"""An anchorlogd to put load on, and the proof that it kept what it acked."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

from .tool import Json, run_tool

from harness.gateway import Gateway  # isort: skip
from harness.paths import program  # isort: skip
from harness.pki import Pki  # isort: skip
from harness.process import HarnessError, run, wait_until  # isort: skip

FIRST_NUMBER = 1_000_000_000
READY_S_MAX = 600.0
VERIFY_S_MAX = 600.0
_ALERT = re.compile(rb'"device_id":"cam-(\d{5})","entry_id".{0,400}?"seq_no":(\d{10}),')


# The numbers that were acked, less FIRST_NUMBER, by device and upwards.
Numbers = dict[int, list[range]]


class BenchDaemon(Gateway):
    """Default settings, but for room for many connections of one sender, silent ones too, and a
    sender that may speak for any device."""

    def __init__(self, directory: Path, pki: Pki | None = None, config: Json | None = None) -> None:
        super().__init__(
            directory / "gateway",
            pki or Pki(directory / "pki"),
            senders={"gw-01": {"state": "active", "devices": {"*": {}}}},
            config={
                "listen": {
                    "connections_max": 20_000, "sessions_per_sender_max": 20_000,
                    "first_frame_timeout_ms": 300_000,
                },
                **(config or {}),
            },
        )
        self._next_device = 0
        self.acked: Numbers = {}

    def __enter__(self) -> BenchDaemon:
        super().__enter__()
        return self

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def where(self) -> list[str]:
        """The options that lead anchorlog_bench here."""
        sender = self.pki.sender()
        return [
            "--port", str(self.ingest_port), "--ca", str(self.pki.ca),
            "--certificate", str(sender.certificate), "--key", str(sender.key),
        ]

    def new_devices(self, connections: int) -> int:
        """The first of as many devices that nobody has spoken for yet."""
        first = self._next_device
        self._next_device += connections
        return first

    def load(self, *options: str, connections: int = 1) -> Json:
        """Load by new devices."""
        first = self.new_devices(connections)
        done = run_tool(
            "load", "--connections", str(connections), "--first-device", str(first), *options,
            *self.where(),
        )
        for device, count in enumerate(done["acked_by_device"], first):
            self.acked[device] = [range(count)]
        return done

    def load_again(self, *options: str, connections: int = 1) -> Json:
        """Load by the first devices, always the same; their numbers go on."""
        self._next_device = max(self._next_device, connections)
        used = [self.acked[device][-1].stop for device in range(connections) if self.acked]
        skip = max(used, default=0)
        done = run_tool(
            "load", "--connections", str(connections), "--skip", str(skip), *options,
            *self.where(),
        )
        for device, count in enumerate(done["acked_by_device"]):
            self.acked.setdefault(device, []).append(range(skip, skip + count))
        return done

    def start_timed(self) -> float:
        """Starts it; seconds until it says it is ready."""
        begin = time.monotonic()
        child = self.launch()
        ports = self.store.dir / "ports.json"
        wait_until(lambda: ports.exists() or child.expect_running(), "ports.json", READY_S_MAX)
        chosen = json.loads(ports.read_text())
        self.ingest_port = int(chosen["ingest"])
        self.http_port = int(chosen["http"])
        wait_until(lambda: self.http("/readyz")[0] == 200, "/readyz says 200", READY_S_MAX)
        return time.monotonic() - begin

    def verify(self) -> float:
        """logverify over the whole store must pass; seconds it took."""
        trust = self.trust_file()
        begin = time.monotonic()
        done = run(
            [program("logverify"), "log", str(self.store.dir), "--trust", str(trust), "--offline"],
            timeout_s=VERIFY_S_MAX,
        )
        if done.returncode != 0:
            raise HarnessError(f"logverify: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return time.monotonic() - begin

    def check(self) -> None:
        """Once stopped: what is stored is what was acked, once each, and it verifies."""
        check_numbers(self.store.segments("log"), self.acked)
        self.verify()


def check_numbers(files: Sequence[Path], acked: Numbers) -> None:
    """What is in `files` is what was acked, once each and nothing else."""
    missing = {device: bytearray(ranges[-1].stop) for device, ranges in acked.items()}
    for device, ranges in acked.items():
        for numbers in ranges:
            missing[device][numbers.start : numbers.stop] = b"\1" * len(numbers)
    for path in files:
        for found in _ALERT.finditer(path.read_bytes()):
            device, number = int(found[1]), int(found[2]) - FIRST_NUMBER
            marks = missing.get(device, b"")
            if number >= len(marks) or not marks[number]:
                raise HarnessError(f"stored twice or never acked: device {device}, alert {number}")
            missing[device][number] = 0
    for device, marks in missing.items():
        if (number := marks.find(1)) >= 0:
            raise HarnessError(f"acked but not stored: device {device}, alert {number}")
