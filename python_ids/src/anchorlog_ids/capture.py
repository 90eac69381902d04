"""Frames from capture files and from a live interface, through scapy's raw readers and sockets."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.error import Scapy_Exception  # noqa: E402
from scapy.utils import RawPcapReader  # noqa: E402

from .packet import LINKTYPE_ETHERNET  # noqa: E402

_RECEIVE_BUFFER_BYTES: Final = 8 * 1024 * 1024
_FRAMES_PER_TURN: Final = 4096
_FRAME_BYTES_MAX: Final = 65_535
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_SO_RCVBUFFORCE: Final = 33


class CaptureError(Exception):
    """A capture could not be opened or read; the message says which and why."""


class Frame(NamedTuple):
    data: bytes
    ts_us: int
    wire_bytes: int
    linktype: int


def read_capture(path: Path) -> Iterator[Frame]:
    """Frames of a pcap or pcapng file in file order; a cut-off last record ends it quietly."""
    try:
        reader: Any = RawPcapReader(str(path))
    except (OSError, Scapy_Exception, struct.error, EOFError) as error:
        raise CaptureError(f"capture {path}: {error}; expected a pcap or pcapng file") from error
    with reader:
        for data, meta in reader:
            if hasattr(meta, "tslow"):
                ticks = (meta.tshigh << 32) + meta.tslow
                ts_us = ticks * 1_000_000 // meta.tsresol
                yield Frame(data, ts_us, meta.wirelen, meta.linktype)
            else:
                micros = meta.usec // 1000 if reader.nano else meta.usec
                ts_us = meta.sec * 1_000_000 + micros
                yield Frame(data, ts_us, meta.wirelen, reader.linktype)


class LiveCapture:
    """Frames of one interface. Needs CAP_NET_RAW. Not safe to share between threads.

    scapy opens the socket; `recv_raw` reads it without dissection, which is what keeps up.
    """

    def __init__(self, interface: str) -> None:
        from scapy.config import conf

        conf.bufsize = _RECEIVE_BUFFER_BYTES
        try:
            import scapy.arch.linux  # noqa: F401  (registers conf.L2listen)

            self._listener: Any = conf.L2listen(iface=interface)
        except (OSError, Scapy_Exception, ValueError) as error:
            raise CaptureError(
                f"interface {interface}: {error}; it must exist and the process needs CAP_NET_RAW"
            ) from error
        self._socket: socket.socket = self._listener.ins
        # Without CAP_NET_ADMIN net.core.rmem_max caps the buffer; drops are counted either way.
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
        self._socket.setblocking(False)
        self.drops_total = 0

    def frames(self, timeout_s: float) -> Iterator[Frame]:
        """Waits up to `timeout_s` for a first frame, then yields what is waiting, at most
        `_FRAMES_PER_TURN`, so that the caller's clock and drop counter get their turn."""
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return
        for _ in range(_FRAMES_PER_TURN):
            try:
                _, data, ts = self._listener.recv_raw(_FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            if data:
                ts_us = int((float(ts) if ts else time.time()) * 1_000_000)
                yield Frame(data, ts_us, len(data), LINKTYPE_ETHERNET)

    def new_drops(self) -> int:
        """Frames the kernel dropped since the last call: reading its counter resets it."""
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        drops: int = struct.unpack("II", raw)[1]
        self.drops_total += drops
        return drops

    def close(self) -> None:
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
