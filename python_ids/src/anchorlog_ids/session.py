"""One session with the log, without I/O: bytes in, bytes out, and the spool in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .alert import Draft, Json, canonical, numbered
from .checkpoint import Checkpoint, CheckpointError, LogKey, verify_consistency
from .clock import Sources
from .frames import FrameDecoder, encode_frame
from .receipts import ReceiptFile, check_receipt
from .spool import Spool, Spooled

WINDOW_FRAMES: Final = 256
DEVICES_MAX: Final = 256
EPOCHS_OPENED_MAX: Final = 8
_PROTOCOL: Final = 1
_NUMBER_TAKEN: Final = frozenset({"replay", "equivocation"})

NoticeFactory = Callable[[str, str, Json], Draft]


class SessionError(Exception):
    """The peer broke the protocol: close, back off, begin anew."""


class TransientReject(SessionError):
    """The log cannot take alerts now. What it had taken is acked; the rest is sent again."""


class SenderRefused(Exception):
    """The log will not speak with this sender as configured: trying again cannot help."""


class LogForked(Exception):
    """The log is not the one this sender knows: shorter, changed, or signed by another key.
    Both notes are in the spool's alarms. Nothing more is sent."""


@dataclass
class LogTrust:
    """What the operator said about the log. Without `keys` the checkpoint's signature cannot be
    checked, only that key id and history stay the same. Several are one log's keys, the oldest
    first: it may go on to a later one, and never back."""

    origin: str | None = None
    keys: tuple[LogKey, ...] = ()

    def keys_from(self, pinned: str | None) -> tuple[LogKey, ...]:
        """Those that may still sign, given the id of the one that did last."""
        ids = [key.key_id.hex() for key in self.keys]
        return self.keys[ids.index(pinned) :] if pinned in ids else self.keys


@dataclass
class SessionCounts:
    """Over all sessions of one run."""

    acked: int = 0
    set_aside: int = 0
    epochs_opened: int = 0
    sessions: int = 0
    rejects: dict[str, int] = field(default_factory=dict)


class Session:
    """Create one per connection. Send `start()` first, then whatever `next_bytes()` gives,
    and feed everything received to `receive()`. One thread."""

    def __init__(
        self,
        spool: Spool,
        sources: Sources,
        devices: list[str],
        trust: LogTrust,
        counts: SessionCounts,
        make_notice: NoticeFactory,
        warn: Callable[[str], None],
        receipts: ReceiptFile | None = None,
    ) -> None:
        self._receipts = receipts
        if receipts is not None:
            receipts.begin_session()
        self._spool = spool
        self._sources = sources
        self._devices = devices
        self._trust = trust
        self._counts = counts
        self._make_notice = make_notice
        self._warn = warn
        self._decoder = FrameDecoder()
        self._frames_sent = 0
        self._hellos: set[int] = set()
        self._in_flight: dict[int, Spooled] = {}
        self._row_sent = 0
        self._acks: dict[tuple[str, int], tuple[int, int]] = {}
        self._sent_max: dict[tuple[str, int], int] = {}
        self._epochs_due: dict[str, int] = {}
        self.is_welcome = False
        self.acks = 0

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def awaits_answer(self) -> bool:
        return bool(self._in_flight) or bool(self._hellos)

    def start(self) -> bytes:
        """A hello; also a ping, when sent again on a quiet session."""
        hello: Json = {
            "devices": self._hello_devices(),
            "protocol": _PROTOCOL,
            "receipts": self._receipts is not None,
            "type": "hello",
        }
        seen = self._spool.get("checkpoint")
        if seen is not None:
            hello["seen"] = seen
        self._hellos.add(self._frames_sent)
        self._frames_sent += 1
        return encode_frame(canonical(hello))

    def _hello_devices(self) -> list[str]:
        """Own devices first: a spool may know more than a hello may name."""
        others = [name for name in self._spool.devices() if name not in self._devices]
        return [*self._devices, *others][:DEVICES_MAX]

    def next_bytes(self, frames_max: int) -> bytes:
        """Frames to send now: none before the welcome, none over the window, and none while a
        new epoch waits for the old numbers in flight to be decided."""
        room = min(frames_max, WINDOW_FRAMES - len(self._in_flight))
        if not self.is_welcome or room <= 0 or self._epochs_due:
            return b""
        if self._spool.pending <= len(self._in_flight):
            return b""
        out = bytearray()
        for alert in self._spool.pending_after(self._row_sent, room):
            sent_at = self._sources.now_text()
            out += encode_frame(numbered(alert.body, alert.epoch, alert.seq_no, sent_at))
            self._in_flight[self._frames_sent] = alert
            self._frames_sent += 1
            self._row_sent = alert.row
            self._sent_max[(alert.device, alert.epoch)] = alert.seq_no
        return bytes(out)

    def receive(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            try:
                self._on_message(message)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise SessionError(f"{message.get('type')} message: bad member {error}") from error
        self._apply_acks()
        self._open_due_epochs()

    def _on_message(self, message: Json) -> None:
        kind = message["type"]
        if kind == "ack":
            self._on_ack(message)
            return
        self._apply_acks()
        if kind == "welcome":
            self._on_welcome(message)
        elif kind == "reject":
            self._on_reject(message)
        elif kind == "receipt":
            self._on_receipt(message)
        else:
            raise SessionError(f"unknown message type {kind!r}")

    def _on_ack(self, message: Json) -> None:
        device, epoch = str(message["device_id"]), _count(message.get("epoch", 0))
        seq_no = _count(message["seq_no"])
        index = _count(message["index"])
        if seq_no > self._sent_max.get((device, epoch), 0):
            raise SessionError(f"ack for {device} {epoch}/{seq_no}, which was not sent")
        before = self._acks.get((device, epoch), (0, 0))
        self._acks[(device, epoch)] = (max(seq_no, before[0]), max(index, before[1]))
        self.acks += 1

    def _on_receipt(self, message: Json) -> None:
        """One that was not asked for, or that promises nothing, is no reason to stop."""
        if self._receipts is None:
            return
        try:
            if self._trust.keys:
                check_receipt(message, self._trust.keys)
        except CheckpointError as error:
            self._warn(str(error))
            return
        self._receipts.keep(message)

    def _apply_acks(self) -> None:
        """Acks that arrived together cost one synced transaction per device, not one each."""
        for (device, epoch), (seq_no, index) in self._acks.items():
            acked = self._spool.acked(device, epoch, seq_no, index)
            self._counts.acked += acked
            if self._receipts is not None:
                self._receipts.expect(acked)
            for ordinal, alert in list(self._in_flight.items()):
                if (alert.device, alert.epoch) == (device, epoch) and alert.seq_no <= seq_no:
                    del self._in_flight[ordinal]
        self._acks.clear()

    def _on_reject(self, message: Json) -> None:
        code, detail = str(message["code"]), str(message.get("detail", ""))
        ordinal = _count(message["frame"])
        self._counts.rejects[code] = self._counts.rejects.get(code, 0) + 1
        if message["permanent"] is not True:
            raise TransientReject(f"{code}: {detail} (the log's clock: {message.get('now')})")
        if ordinal in self._hellos:
            raise SenderRefused(f"hello refused: {code}: {detail}")
        alert = self._in_flight.pop(ordinal, None)
        if alert is None:
            self._warn(f"reject {code} for frame {ordinal}, which is not waiting: {detail}")
            return
        if code in _NUMBER_TAKEN:
            self._spool.refuse(alert.row)
            self._epochs_due.setdefault(alert.device, alert.epoch + 1)
            self._warn(f"{alert.device} {alert.epoch}/{alert.seq_no}: {code}: {detail}")
            return
        self._spool.set_aside(alert.row, code, detail, self._sources.now_text())
        self._counts.set_aside += 1
        self._warn(f"{alert.device} {alert.epoch}/{alert.seq_no} set aside: {code}: {detail}")

    def _on_welcome(self, message: Json) -> None:
        if _count(message["protocol"]) != _PROTOCOL:
            raise SenderRefused(f"the log speaks protocol {message['protocol']}, not {_PROTOCOL}")
        note = str(message["checkpoint"])
        durable = {
            str(device): (_count(state.get("epoch", 0)), _count(state["seq_no"]))
            for device, state in message["durable"].items()
        }
        path = [str(item) for item in message["consistency"]]
        try:
            origin = self._check_origin(str(message["origin"]))
            key_id = self._check_checkpoint(origin, note, path)
            self._check_entries(_count(message["entries"]), durable)
        except CheckpointError as error:
            before = self._spool.get("checkpoint") or ""
            self._spool.add_alarm(self._sources.now_text(), "forked", str(error), before, note)
            raise LogForked(str(error)) from error
        self._spool.put("origin", origin)
        self._spool.put("key_id", key_id)
        self._spool.put("checkpoint", note)
        for device in self._hello_devices():
            own = self._spool.device(device)
            epoch, seq_no = durable.get(device, (0, 0))
            if (epoch, seq_no) > (own.epoch, own.last_seq):
                self._epochs_due[device] = epoch + 1
        for device in self._spool.devices_refused():
            self._epochs_due.setdefault(device, self._spool.device(device).epoch + 1)
        self._hellos.discard(min(self._hellos, default=-1))
        self.is_welcome = True

    def _check_origin(self, origin: str) -> str:
        expected = self._trust.origin or self._spool.get("origin")
        if expected is not None and origin != expected:
            raise CheckpointError(f"the log calls itself {origin!r}, expected {expected!r}")
        return origin

    def _check_checkpoint(self, origin: str, note: str, path: list[str]) -> str:
        """Returns the id of the key to pin."""
        new = Checkpoint.parse(note)
        if new.origin != origin:
            raise CheckpointError(f"checkpoint is of {new.origin!r}, another log")
        key_ids = new.key_ids(new.origin)
        pinned = self._spool.get("key_id")
        if self._trust.keys:
            pinned = new.verify(self._trust.keys_from(pinned)).key_id.hex()
        if pinned is not None and pinned not in key_ids:
            raise CheckpointError(f"checkpoint is not signed by the pinned key {pinned}")
        if pinned is None and not key_ids:
            raise CheckpointError("checkpoint is not signed by the log")
        seen_note = self._spool.get("checkpoint")
        if seen_note is not None:
            seen = Checkpoint.parse(seen_note)
            if new.size < seen.size:
                raise CheckpointError(f"the log shrank from {seen.size} to {new.size} batches")
            hashes = [bytes.fromhex(item) for item in path]
            verify_consistency(seen.size, seen.root, new.size, new.root, hashes)
        return pinned or key_ids[0]

    def _check_entries(self, entries: int, durable: dict[str, tuple[int, int]]) -> None:
        if entries <= self._spool.index_acked_max:
            raise CheckpointError(
                f"the log has {entries} entries, but acked index {self._spool.index_acked_max}"
            )
        for device in self._hello_devices():
            own = self._spool.device(device)
            acked = (own.acked_epoch, own.acked_seq)
            if durable.get(device, (0, 0)) < acked:
                raise CheckpointError(
                    f"{device}: the log acked {acked[0]}/{acked[1]} and no longer has it"
                )

    def _open_due_epochs(self) -> None:
        if not self._epochs_due or self._in_flight:
            return
        for device, least in self._epochs_due.items():
            if self._counts.epochs_opened >= EPOCHS_OPENED_MAX:
                raise SenderRefused(f"{device}: numbers refused in {EPOCHS_OPENED_MAX} epochs")
            own = self._spool.device(device)
            epoch = max(least, own.epoch + 1)
            detail = (
                f"{device}: the log has numbers this spool did not give; another machine may "
                f"send as it, or the spool was restored: epoch {epoch} begins"
            )
            summary: Json = {"epoch": epoch, "last_seq": own.last_seq, "reason": "number_taken"}
            notice = self._make_notice(device, "ids.epoch_opened", summary)
            self._spool.open_epoch(device, epoch, notice)
            self._spool.add_alarm(self._sources.now_text(), "epoch_opened", detail, "", "")
            self._counts.epochs_opened += 1
            self._warn("ALARM " + detail)
        self._epochs_due.clear()
        self._row_sent = 0


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError(f"{value!r} is not a count")
    return value
