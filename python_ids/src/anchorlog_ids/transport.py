"""Delivery: TLS 1.3 to the log, again and again, until the spool is empty.

In TLS 1.3 a refused client certificate shows only at the first read, so a finished handshake
proves nothing: the back-off is reset only by an ack, and only an ack empties the spool.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .frames import FrameError
from .session import Session, SessionError

CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_TIMEOUT_S: Final = 30.0
PING_S: Final = 60.0
BACKOFF_BASE_S: Final = 0.5
BACKOFF_CAP_S: Final = 60.0
_POLL_S: Final = 0.05
_OUT_BYTES_LOW: Final = 64 * 1024
_FRAMES_PER_TURN: Final = 64
_READ_BYTES: Final = 64 * 1024


class TransportConfigError(Exception):
    """A certificate, key or address cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int
    server_name: str
    ca: Path
    certificate: Path
    key: Path

    def addresses(self) -> frozenset[tuple[bytes, int]]:
        """(packed address, port) of the log as it resolves now; empty if it does not."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            return frozenset()
        return frozenset(
            (ipaddress.ip_address(str(entry[4][0]).split("%")[0]).packed, self.port)
            for entry in found
        )


def client_context(endpoint: Endpoint) -> ssl.SSLContext:
    """TLS 1.3 only, this CA only, the server's name checked, our certificate shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_TICKET
    try:
        context.load_verify_locations(cafile=endpoint.ca)
    except (OSError, ssl.SSLError) as error:
        raise TransportConfigError(f"CA {endpoint.ca}: {error}; expected PEM") from error
    try:
        context.load_cert_chain(endpoint.certificate, endpoint.key)
    except (OSError, ssl.SSLError) as error:
        raise TransportConfigError(
            f"certificate {endpoint.certificate} with key {endpoint.key}: {error}; expected a "
            "PEM certificate and its own PEM key"
        ) from error
    return context


class Backoff:
    """Full jitter: a random wait up to a bound that doubles from `base_s` to `cap_s`."""

    def __init__(
        self,
        base_s: float = BACKOFF_BASE_S,
        cap_s: float = BACKOFF_CAP_S,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._uniform = uniform
        self._failures = 0

    def reset(self) -> None:
        self._failures = 0

    def next_wait_s(self, *, is_refused: bool) -> float:
        """A refusal by certificate does not mend itself in a second: wait near the cap."""
        bound = min(self._cap_s, self._base_s * 2 ** min(self._failures, 32))
        self._failures += 1
        if is_refused:
            return self._uniform(self._cap_s / 2, self._cap_s)
        return self._uniform(0.0, bound)


class Sender:
    """Runs sessions one after another on the calling thread; the spool is the only thing it
    shares. Raises LogForked and SenderRefused; everything else it meets by trying again."""

    def __init__(
        self,
        endpoint: Endpoint,
        make_session: Callable[[], Session],
        warn: Callable[[str], None],
        backoff: Backoff | None = None,
    ) -> None:
        client_context(endpoint)  # Unusable files are told now, not at the first connection.
        self._endpoint = endpoint
        self._make_session = make_session
        self._warn = warn
        self._backoff = backoff or Backoff()

    def run(self, is_done: Callable[[], bool]) -> None:
        """`is_done` is asked often; it decides whether waiting alerts are worth waiting for."""
        while not is_done():
            is_refused = False
            try:
                self._run_session(is_done)
                continue
            except (SessionError, FrameError) as error:
                self._warn(f"session ended: {error}")
            except TransportConfigError as error:
                self._warn(str(error))
            except ssl.SSLError as error:
                is_refused = _is_refusal(error)
                self._warn(f"TLS with {self._endpoint.host}: {error}")
            except OSError as error:
                self._warn(f"{self._endpoint.host}:{self._endpoint.port}: {error}")
            wait_until = time.monotonic() + self._backoff.next_wait_s(is_refused=is_refused)
            while not is_done() and (left := wait_until - time.monotonic()) > 0:
                time.sleep(min(left, _POLL_S))

    def _run_session(self, is_done: Callable[[], bool]) -> None:
        address = (self._endpoint.host, self._endpoint.port)
        # Read anew for each connection, so that renewed certificates need no restart.
        context = client_context(self._endpoint)
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection(address, CONNECT_TIMEOUT_S))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            tls = stack.enter_context(
                context.wrap_socket(plain, server_hostname=self._endpoint.server_name)
            )
            tls.setblocking(False)
            self._pump(tls, self._make_session(), is_done)
            tls.settimeout(1.0)
            with contextlib.suppress(OSError):
                tls.unwrap()

    def _pump(self, tls: ssl.SSLSocket, session: Session, is_done: Callable[[], bool]) -> None:
        out = bytearray(session.start())
        heard = time.monotonic()
        while not is_done():
            if len(out) < _OUT_BYTES_LOW:
                out += session.next_bytes(_FRAMES_PER_TURN)
            wants_write = bool(out) and not _write_some(tls, out)
            data = _read_some(tls)
            if data:
                heard = time.monotonic()
                session.receive(data)
                if session.is_welcome and session.acks:
                    self._backoff.reset()
                continue
            silent_s = time.monotonic() - heard
            if session.awaits_answer and silent_s > ANSWER_TIMEOUT_S:
                raise SessionError(f"no answer for {ANSWER_TIMEOUT_S:.0f} s")
            if not session.awaits_answer and silent_s > PING_S:
                out += session.start()
                heard = time.monotonic()
            if not out or wants_write:
                select.select([tls], [tls] if wants_write else [], [], _POLL_S)


def _write_some(tls: ssl.SSLSocket, out: bytearray) -> bool:
    """False when the socket takes no more for now."""
    try:
        while out:
            # The same bytes are offered again after a short write, as TLS records demand.
            sent = tls.send(bytes(out[:_READ_BYTES]))
            del out[:sent]
    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
        return False
    return True


def _read_some(tls: ssl.SSLSocket) -> bytes:
    """All that is there, up to a limit; raises when the peer closed and nothing is left. One
    read gives one TLS record, so acks that wait together are gathered here."""
    data = bytearray()
    while len(data) < _READ_BYTES:
        try:
            part = tls.recv(_READ_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            break
        except OSError:
            if data:
                break  # What arrived before the failure counts; the next read meets it again.
            raise
        if not part:
            if data:
                break
            raise SessionError("closed by the log")
        data += part
    return bytes(data)


def _is_refusal(error: ssl.SSLError) -> bool:
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    return "ALERT" in (error.reason or "")
