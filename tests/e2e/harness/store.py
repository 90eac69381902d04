"""The daemon's files, read and altered without its code (docs/log_format.md)."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where a line of a journal is: file below the store, line in it from 1, byte offset."""

    segment: str
    line: int
    offset: int
    text: bytes


class Store:
    def __init__(self, directory: Path) -> None:
        self.dir = directory

    def segments(self, journal: str) -> list[Path]:
        return sorted((self.dir / journal).glob("[0-9]" * 20 + ".ndjson"))

    def places(self, journal: str = "log") -> list[Place]:
        """Complete lines up to the first NUL of each segment: what lies behind is preallocated."""
        places = []
        for path in self.segments(journal):
            data = path.read_bytes()
            data = data[: data.find(b"\0")] if b"\0" in data else data
            offset = 0
            for number, text in enumerate(data.split(b"\n")[:-1], 1):
                places.append(Place(f"{journal}/{path.name}", number, offset, text))
                offset += len(text) + 1
        return places

    def lines(self, journal: str = "log") -> list[dict[str, Any]]:
        return [json.loads(place.text) for place in self.places(journal)]

    def entries(self) -> int:
        """How many the log has, by the index of its last line."""
        places = self.places()
        return int(json.loads(places[-1].text)["index"]) + 1 if places else 0

    def alerts(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if "alert" in line]

    def numbers(self, device: str) -> list[int]:
        """The seq_no of every logged alert of a device, in log order."""
        bodies = [line["alert"] for line in self.alerts()]
        return [body["seq_no"] for body in bodies if body["device_id"] == device]

    def audits(self, event: str) -> list[dict[str, Any]]:
        audits = [line["audit"] for line in self.lines() if "audit" in line]
        return [audit for audit in audits if audit["event"] == event]

    def headers(self) -> list[dict[str, Any]]:
        return [line["header"] for line in self.lines("batches")]

    def batch_of(self, index: int) -> int:
        """The batch that seals an entry."""
        for header in self.headers():
            if header["first_index"] <= index < header["first_index"] + header["count"]:
                return int(header["batch_id"])
        raise AssertionError(f"entry {index} is not sealed")

    def copy_to(self, directory: Path) -> Store:
        """What a verifier is given: the journals, without the derived state."""
        shutil.copytree(
            self.dir, directory, ignore=shutil.ignore_patterns("state", "LOCK", "ports.json")
        )
        return Store(directory)

    def trim(self) -> None:
        """Takes off what is preallocated, so that copies are small. The daemon must not run."""
        for journal in ("log", "batches", "anchors"):
            for path in self.segments(journal):
                data = path.read_bytes()
                if b"\0" in data:
                    os.truncate(path, data.find(b"\0"))

    def flip_byte(self, place: Place, at: int) -> None:
        """Changes a letter or digit of a line for another of its kind: there, or the next one."""
        path = self.dir / place.segment
        data = bytearray(path.read_bytes())
        while not chr(data[place.offset + at]).isalnum():
            at += 1
        byte = data[place.offset + at]
        data[place.offset + at] = byte + 1 if chr(byte) not in "9zZ" else byte - 1
        path.write_bytes(data)

    def delete_line(self, place: Place) -> None:
        path = self.dir / place.segment
        data = path.read_bytes()
        end = place.offset + len(place.text) + 1
        path.write_bytes(data[: place.offset] + data[end:])

    def swap_with_next(self, place: Place) -> None:
        path = self.dir / place.segment
        data = path.read_bytes()
        middle = place.offset + len(place.text) + 1
        end = data.index(b"\n", middle) + 1
        swapped = data[middle:end] + data[place.offset : middle]
        path.write_bytes(data[: place.offset] + swapped + data[end:])

    def insert_line(self, place: Place, text: bytes) -> None:
        path = self.dir / place.segment
        data = path.read_bytes()
        path.write_bytes(data[: place.offset] + text + b"\n" + data[place.offset :])
