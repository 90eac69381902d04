"""Many peers at once that do what no honest sender does."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from .pki import Identity
from .sender import client_context

_GONE = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}


def addresses(count: int, block: int = 0) -> list[str]:
    """Loopback addresses, so that a crowd need not come from one place."""
    return [f"127.0.{block}.{number}" for number in range(2, count + 2)]


def client_hello(ca: Path, identity: Identity | None) -> bytes:
    """The first flight of a real client."""
    outgoing = ssl.MemoryBIO()
    link = client_context(ca, identity).wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1"
    )
    with contextlib.suppress(ssl.SSLWantReadError):
        link.do_handshake()
    return outgoing.read()


class Crowd:
    """TCP connections that only send what they are told to. A context manager."""

    def __init__(self, port: int, count: int, sources: list[str]) -> None:
        self._sockets = [self._connect(port, sources[n % len(sources)]) for n in range(count)]
        self._gone: set[int] = set()

    @staticmethod
    def _connect(port: int, source: str) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
        made.setblocking(False)
        return made

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._sockets:
            member.close()

    def send(self, data: bytes, first: int = 0, step: int = 1) -> None:
        """Each `step`th member from `first` on sends this; who cannot is left alone."""
        for number in range(first, len(self._sockets), step):
            try:
                self._sockets[number].send(data)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno not in _GONE:
                    raise

    @property
    def alive(self) -> int:
        """How many the server has not closed."""
        for number, member in enumerate(self._sockets):
            if number in self._gone:
                continue
            try:
                while data := member.recv(65_536):
                    assert data
                self._gone.add(number)
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                self._gone.add(number)
        return len(self._sockets) - len(self._gone)


def ticks(interval_s: float, count: int) -> Iterator[int]:
    """Counts, one in each interval: for what is said to happen at a rate."""
    due = time.monotonic()
    for number in range(count):
        yield number
        due += interval_s
        time.sleep(max(0.0, due - time.monotonic()))
