"""The spool: alerts wait here, numbered and synced, until the log says they are durable.

SQLite in WAL mode with `synchronous=FULL`: a commit is on the disk before it returns. A crash at
any point leaves an alert either wholly spooled under its number or not at all, and numbers are
never used again: they are given inside the transaction that stores the alert.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from .alert import Draft, Json

SPOOL_BYTES_MAX: Final = 100 * 1024 * 1024
_OVERFLOW_KEEP: Final = 0.9
_VERSION: Final = 1

_PENDING: Final = 0
_REFUSED: Final = 1  # `replay` or `equivocation`: waits for a number in a new epoch.

_SCHEMA: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE devices(
    device TEXT PRIMARY KEY, epoch INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    acked_epoch INTEGER NOT NULL, acked_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE alerts(
    id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, epoch INTEGER NOT NULL,
    seq_no INTEGER NOT NULL, severity INTEGER NOT NULL, state INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE UNIQUE INDEX alerts_number ON alerts(device, epoch, seq_no);
CREATE TABLE set_aside(
    id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, epoch INTEGER NOT NULL,
    seq_no INTEGER NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL, at TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE alarms(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL,
    detail TEXT NOT NULL, note_before TEXT NOT NULL, note_after TEXT NOT NULL);
"""

GapFactory = Callable[[str, Json], Draft]


class SpoolError(Exception):
    """The spool cannot be used; the message says which file, why, and what would mend it."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """One waiting alert. `row` orders alerts as they were spooled and survives a new epoch."""

    row: int
    device: str
    epoch: int
    seq_no: int
    body: Json


@dataclass(frozen=True, slots=True)
class DeviceState:
    """(`epoch`, `last_seq`): highest number given; (`acked_epoch`, `acked_seq`): highest acked,
    (0, 0) if none."""

    epoch: int
    last_seq: int
    acked_epoch: int
    acked_seq: int


class Spool:
    """Thread-safe; one process at a time (a lock file beside the database says so)."""

    def __init__(
        self, path: Path, *, make_gap: GapFactory, bytes_max: int = SPOOL_BYTES_MAX
    ) -> None:
        self._path = path
        self._make_gap = make_gap
        self._bytes_max = bytes_max
        self._mutex = threading.RLock()
        self._lock_file = _lock(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._prepare()
            self._bytes = self._stored_bytes()
            self._pending = self._count("SELECT count(*) FROM alerts")
        except sqlite3.Error as error:
            self._lock_file.close()
            raise SpoolError(
                f"spool {path}: {error}; move it away to begin a new one (its un-acked alerts "
                "stay in it)"
            ) from error

    def close(self) -> None:
        with self._mutex:
            self._db.close()
            self._lock_file.close()

    @property
    def pending(self) -> int:
        return self._pending

    @property
    def is_half_full(self) -> bool:
        """A replay waits then: unlike live capture, it can."""
        return self._bytes > self._bytes_max // 2

    def append(self, device: str, drafts: Sequence[Draft]) -> None:
        """Numbers and stores all drafts in one synced transaction. When that overflows the
        spool, the least severe and then the oldest alerts go, and `ids.gap` alerts say which."""
        if not drafts:
            return
        with self._transaction():
            self._insert(device, drafts)
            if self._bytes > self._bytes_max:
                self._drop_overflow()

    def pending_after(self, row: int, limit: int) -> list[Spooled]:
        with self._mutex:
            rows = self._db.execute(
                "SELECT id, device, epoch, seq_no, body FROM alerts"
                " WHERE id > ? AND state = ? ORDER BY id LIMIT ?",
                (row, _PENDING, limit),
            ).fetchall()
        return [
            Spooled(number, device, epoch, seq_no, json.loads(body))
            for number, device, epoch, seq_no, body in rows
        ]

    def acked(self, device: str, epoch: int, seq_no: int, index: int) -> int:
        """The log says all up to `seq_no` are durable: only now are they deleted. Refused ones
        were never stored and stay. Returns how many were deleted."""
        with self._transaction():
            freed, deleted = self._db.execute(
                "SELECT coalesce(sum(length(body)), 0), count(*) FROM alerts"
                " WHERE device = ? AND epoch = ? AND seq_no <= ? AND state = ?",
                (device, epoch, seq_no, _PENDING),
            ).fetchone()
            self._db.execute(
                "DELETE FROM alerts WHERE device = ? AND epoch = ? AND seq_no <= ? AND state = ?",
                (device, epoch, seq_no, _PENDING),
            )
            state = self.device(device)
            if (epoch, seq_no) > (state.acked_epoch, state.acked_seq):
                self._db.execute(
                    "UPDATE devices SET acked_epoch = ?, acked_seq = ? WHERE device = ?",
                    (epoch, seq_no, device),
                )
            if index > self.index_acked_max:
                self._put("index_acked_max", str(index))
            self._bytes -= freed
            self._pending -= deleted
        return int(deleted)

    def set_aside(self, row: int, code: str, detail: str, at: str) -> None:
        """The log will never take this alert. It is kept apart for the operator, not deleted."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO set_aside(device, epoch, seq_no, code, detail, at, body)"
                " SELECT device, epoch, seq_no, ?, ?, ?, body FROM alerts WHERE id = ?",
                (code, detail, at, row),
            )
            self._pending -= self._db.execute("DELETE FROM alerts WHERE id = ?", (row,)).rowcount

    def refuse(self, row: int) -> None:
        """Its number is taken in the log by an alert that is not ours."""
        with self._transaction():
            self._db.execute("UPDATE alerts SET state = ? WHERE id = ?", (_REFUSED, row))

    def devices_refused(self) -> set[str]:
        with self._mutex:
            rows = self._db.execute(
                "SELECT DISTINCT device FROM alerts WHERE state = ?", (_REFUSED,)
            ).fetchall()
        return {row[0] for row in rows}

    def open_epoch(self, device: str, epoch: int, notice: Draft) -> None:
        """Gives every un-acked alert of `device` a new number, from 1, in their old order; its
        entry_id stays. `notice` tells the log why. All or nothing, like every change here."""
        with self._transaction():
            rows = self._db.execute(
                "SELECT id FROM alerts WHERE device = ? ORDER BY id", (device,)
            ).fetchall()
            self.device(device)
            self._db.executemany(
                "UPDATE alerts SET epoch = ?, seq_no = ?, state = ? WHERE id = ?",
                [(epoch, seq, _PENDING, row[0]) for seq, row in enumerate(rows, start=1)],
            )
            self._db.execute(
                "UPDATE devices SET epoch = ?, last_seq = ? WHERE device = ?",
                (epoch, len(rows), device),
            )
            self._insert(device, [notice])

    def device(self, device: str) -> DeviceState:
        with self._mutex:
            row = self._db.execute(
                "SELECT epoch, last_seq, acked_epoch, acked_seq FROM devices WHERE device = ?",
                (device,),
            ).fetchone()
            if row is None:
                self._db.execute("INSERT INTO devices VALUES (?, 0, 0, 0, 0)", (device,))
                return DeviceState(0, 0, 0, 0)
        return DeviceState(*row)

    def devices(self) -> list[str]:
        with self._mutex:
            rows = self._db.execute("SELECT device FROM devices ORDER BY device").fetchall()
        return [row[0] for row in rows]

    @property
    def set_aside_count(self) -> int:
        return self._count("SELECT count(*) FROM set_aside")

    @property
    def index_acked_max(self) -> int:
        """Highest log index ever acked to this spool, -1 if none."""
        return int(self.get("index_acked_max") or "-1")

    def get(self, key: str) -> str | None:
        with self._mutex:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, value: str) -> None:
        if self.get(key) == value:
            return
        with self._transaction():
            self._put(key, value)

    def add_alarm(self, at: str, kind: str, detail: str, before: str, after: str) -> None:
        """Evidence against the log: both notes are kept for good."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO alarms(at, kind, detail, note_before, note_after)"
                " VALUES (?, ?, ?, ?, ?)",
                (at, kind, detail, before, after),
            )

    def alarms(self) -> list[tuple[str, str, str, str]]:
        with self._mutex:
            return self._db.execute(
                "SELECT kind, detail, note_before, note_after FROM alarms ORDER BY id"
            ).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._mutex:
            counters = (self._bytes, self._pending)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                self._bytes, self._pending = counters
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise SpoolError(f"spool {self._path}: {error}") from error
                raise

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={_VERSION};COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"made by another version ({version}, not {_VERSION})")

    def _count(self, query: str) -> int:
        with self._mutex:
            return int(self._db.execute(query).fetchone()[0])

    def _stored_bytes(self) -> int:
        return self._count(
            "SELECT (SELECT coalesce(sum(length(body)), 0) FROM alerts)"
            " + (SELECT coalesce(sum(length(body)), 0) FROM set_aside)"
        )

    def _put(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _insert(self, device: str, drafts: Sequence[Draft]) -> None:
        state = self.device(device)
        first = state.last_seq + 1
        self._db.executemany(
            "INSERT INTO alerts(device, epoch, seq_no, severity, state, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (device, state.epoch, first + at, draft.severity, _PENDING, draft.body)
                for at, draft in enumerate(drafts)
            ],
        )
        self._db.execute(
            "UPDATE devices SET last_seq = ? WHERE device = ?",
            (state.last_seq + len(drafts), device),
        )
        self._bytes += sum(len(draft.body) for draft in drafts)
        self._pending += len(drafts)

    def _drop_overflow(self) -> None:
        """Drops a tenth at once, so that a full spool writes few gap alerts, not one per alert."""
        gaps: dict[tuple[str, int], list[int]] = {}
        cursor = self._db.execute(
            "SELECT id, device, epoch, seq_no, length(body) FROM alerts WHERE severity > 0"
            " ORDER BY severity DESC, id"
        )
        dropped: list[tuple[int]] = []
        for row, device, epoch, seq_no, size in cursor:
            if self._bytes <= self._bytes_max * _OVERFLOW_KEEP:
                break
            gaps.setdefault((device, epoch), []).append(seq_no)
            dropped.append((row,))
            self._bytes -= size
        cursor.close()
        self._db.executemany("DELETE FROM alerts WHERE id = ?", dropped)
        self._pending -= len(dropped)
        for (device, epoch), numbers in gaps.items():
            gap: Json = {
                "count": len(numbers),
                "epoch": epoch,
                "from": min(numbers),
                "reason": "spool_full",
                "to": max(numbers),
            }
            self._insert(device, [self._make_gap(device, gap)])


def _lock(path: Path) -> IO[str]:
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpoolError(f"spool {path}: {error.strerror}") from error
    lock_file = os.fdopen(descriptor, "r+")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock_file.close()
        raise SpoolError(f"spool {path}: in use by another process") from error
    return lock_file
