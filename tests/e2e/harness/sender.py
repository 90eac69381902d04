"""A sender that speaks frames and obeys no rule it is not asked to obey."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .alerts import Alert, canonical
from .pki import Identity
from .process import HarnessError

TIMEOUT_S = 10.0
_LENGTH = struct.Struct("!I")

Message = dict[str, Any]


class Refused(Exception):
    """The server did not let this client in."""


def client_context(ca: Path, identity: Identity | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(ca)
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


def frame(payload: bytes) -> bytes:
    return _LENGTH.pack(len(payload)) + payload


def hello_for(devices: list[str]) -> Message:
    return {"devices": devices, "protocol": 1, "receipts": False, "type": "hello"}


class Sender:
    """One TLS session. In TLS 1.3 a refused client learns it at its first read, not here."""

    def __init__(
        self, port: int, ca: Path, identity: Identity | None, source: str = "127.0.0.1"
    ) -> None:
        self._open(port, client_context(ca, identity), source)

    @classmethod
    def with_context(cls, port: int, context: ssl.SSLContext) -> Sender:
        sender = cls.__new__(cls)
        sender._open(port, context)
        return sender

    def _open(self, port: int, context: ssl.SSLContext, source: str = "127.0.0.1") -> None:
        self._buffer = b""
        self._taken = 0  # bytes of the buffer that receive() has given out
        plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S, (source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        except (ssl.SSLError, ConnectionError) as error:
            plain.close()
            raise Refused(str(error)) from error

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def peer_certificate(self) -> bytes:
        """The server's, in DER."""
        der = self._socket.getpeercert(binary_form=True)
        assert der is not None
        return der

    def set_timeout(self, timeout_s: float) -> None:
        """How long receive() waits; TIMEOUT_S if never said."""
        self._socket.settimeout(timeout_s)

    def shrink_receive_buffer(self) -> None:
        """So that what is not read soon stays with the server."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)

    def end_sending(self) -> None:
        """Half-closes the connection: no more will come, answers still may."""
        # Not SSLSocket's own: that one stops decrypting what still comes.
        socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def reset(self) -> None:
        """Drops the connection the hard way."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_frame(self, payload: bytes) -> None:
        self.send_bytes(frame(payload))

    def send(self, *messages: Message) -> None:
        self.send_bytes(b"".join(frame(canonical(message)) for message in messages))

    def receive(self) -> Message | None:
        """The next message; nothing once the server has closed."""
        header = self._take(_LENGTH.size)
        if header is None:
            return None
        payload = self._take(_LENGTH.unpack(header)[0])
        if payload is None:
            raise HarnessError("the server closed inside a frame")
        message = json.loads(payload)
        assert payload == canonical(message), f"not canonical: {payload!r}"
        assert isinstance(message, dict)
        return message

    def _take(self, size: int) -> bytes | None:
        while len(self._buffer) - self._taken < size:
            try:
                data = self._socket.recv(65_536)
            except TimeoutError:
                raise HarnessError(f"no answer within {self._socket.gettimeout():g} s") from None
            except (ssl.SSLError, ConnectionError):
                data = b""
            if not data:
                return None
            self._buffer = self._buffer[self._taken :] + data
            self._taken = 0
        start, self._taken = self._taken, self._taken + size
        return self._buffer[start : self._taken]

    def expect(self, kind: str) -> Message:
        message = self.receive()
        if message is None:
            raise HarnessError(f"closed instead of a {kind}")
        assert message["type"] == kind, f"expected a {kind}: {message}"
        return message

    def expect_closed(self) -> None:
        message = self.receive()
        assert message is None, f"expected the end of the session: {message}"

    def remaining(self) -> list[Message]:
        """Everything up to the end of the session."""
        messages = []
        while (message := self.receive()) is not None:
            messages.append(message)
        return messages

    def deliver(self, alerts: Iterable[Alert]) -> list[Message]:
        """Sends alerts and reads acks until each is covered; returns the acks."""
        waiting = {(a["device_id"], a.get("epoch", 0)): 0 for a in alerts}
        for alert in alerts:
            key = (alert["device_id"], alert.get("epoch", 0))
            waiting[key] = max(waiting[key], alert["seq_no"])
        self.send(*alerts)
        acks = []
        while waiting:
            ack = self.expect("ack")
            acks.append(ack)
            key = (ack["device_id"], ack["epoch"])
            if key in waiting and waiting[key] <= ack["seq_no"]:
                del waiting[key]
        return acks

    def hello(self, devices: list[str], seen: str | None = None) -> Message:
        message = hello_for(devices)
        if seen is not None:
            message["seen"] = seen
        self.send(message)
        return self.expect("welcome")
