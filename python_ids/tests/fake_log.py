"""A log that speaks the sender's protocol over real TLS 1.3, and misbehaves when told to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchorlog_ids.alert import Json

Number = tuple[str, int, int]


def tree_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = _split(len(leaves))
    return hashlib.sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


def consistency_path(size: int, leaves: list[bytes]) -> list[bytes]:
    return [] if size == len(leaves) else _subproof(size, leaves, True)


def _subproof(size: int, leaves: list[bytes], is_whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if is_whole else [tree_root(leaves)]
    split = _split(len(leaves))
    if size <= split:
        return [*_subproof(size, leaves[:split], is_whole), tree_root(leaves[split:])]
    return [*_subproof(size - split, leaves[split:], False), tree_root(leaves[:split])]


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


class Behaviour:
    """What to do to the next frames; every field is one fault, None or False is none."""

    def __init__(self) -> None:
        self.disconnect_after_alerts: int | None = None
        self.transient_after_alerts: int | None = None
        self.refuse: Callable[[Json], str | None] = lambda _alert: None
        self.is_ack_withheld = False
        self.answers_byte_by_byte = False
        self.ack_every = 1


class FakeLog:
    """Keeps what it stored in `entries`; `start()` and `stop()` any number of times."""

    def __init__(self, certificate: tuple[Path, Path], client_ca: Path) -> None:
        self.origin = "test.example/gw"
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.entries: list[Json] = []
        self.stored: dict[Number, bytes] = {}
        self.highest: dict[str, tuple[int, int]] = {}
        self.headers: list[bytes] = [b"genesis"]
        self.hellos: list[Json] = []
        self.sent_at: list[str] = []
        self.behaviour = Behaviour()
        self.sessions = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.load_cert_chain(*certificate)
        self._context.load_verify_locations(client_ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self.port = 0
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._is_stopping = threading.Event()

    @property
    def vkey(self) -> str:
        blob = b"\x01" + self.key.public_key().public_bytes_raw()
        key_id = hashlib.sha256(self.origin.encode() + b"\n" + blob).digest()[:4]
        return f"{self.origin}+{key_id.hex()}+{base64.b64encode(blob).decode()}"

    def checkpoint(self, leaves: list[bytes] | None = None) -> str:
        leaves = self.headers if leaves is None else leaves
        root = base64.b64encode(tree_root(leaves)).decode()
        text = f"{self.origin}\n{len(leaves)}\n{root}\n"
        blob = bytes.fromhex(self.vkey.split("+")[1]) + self.key.sign(text.encode())
        return f"{text}\n\u2014 {self.origin} {base64.b64encode(blob).decode()}\n"

    def start(self) -> None:
        self._is_stopping.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
        thread.start()
        self._threads = [thread]

    def stop(self) -> None:
        self._is_stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _serve(self, listener: socket.socket) -> None:
        while not self._is_stopping.is_set():
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            self.sessions += 1
            with contextlib.suppress(OSError, EOFError):
                plain.settimeout(5)
                with self._context.wrap_socket(plain, server_side=True) as tls:
                    tls.settimeout(0.05)
                    _Connection(self, tls).run(self._is_stopping)


class _Connection:
    def __init__(self, log: FakeLog, tls: ssl.SSLSocket) -> None:
        self._log = log
        self._tls = tls
        self._frame = -1
        self._alerts = 0
        self._unacked = 0
        self._buffer = b""

    def run(self, is_stopping: threading.Event) -> None:
        while not is_stopping.is_set():
            try:
                data = self._tls.recv(65_536)
            except TimeoutError:
                continue
            if not data:
                return
            self._buffer += data
            while (payload := self._next_payload()) is not None:
                self._frame += 1
                message = json.loads(payload)
                if "type" in message:
                    self._on_hello(message)
                elif not self._on_alert(message):
                    return

    def _next_payload(self) -> bytes | None:
        if len(self._buffer) < 4:
            return None
        (length,) = struct.unpack_from("!I", self._buffer)
        if len(self._buffer) < 4 + length:
            return None
        payload, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
        return payload

    def _send(self, message: Json) -> None:
        payload = rfc8785.dumps(message)
        frame = struct.pack("!I", len(payload)) + payload
        if self._log.behaviour.answers_byte_by_byte:
            for at in range(len(frame)):
                self._tls.sendall(frame[at : at + 1])
        else:
            self._tls.sendall(frame)

    def _on_hello(self, hello: Json) -> None:
        log = self._log
        log.hellos.append(hello)
        path: list[bytes] = []
        if "seen" in hello:
            seen = int(hello["seen"].split("\n")[1])
            if seen <= len(log.headers):
                path = consistency_path(seen, log.headers)
        durable = {
            device: {"epoch": log.highest[device][0], "seq_no": log.highest[device][1]}
            for device in hello["devices"]
            if device in log.highest
        }
        self._send(
            {
                "checkpoint": log.checkpoint(),
                "consistency": [item.hex() for item in path],
                "durable": durable,
                "entries": len(log.entries),
                "origin": log.origin,
                "protocol": 1,
                "type": "welcome",
            }
        )

    def _on_alert(self, alert: Json) -> bool:
        behaviour = self._log.behaviour
        self._alerts += 1
        if behaviour.disconnect_after_alerts == self._alerts:
            behaviour.disconnect_after_alerts = None
            return False
        if behaviour.transient_after_alerts == self._alerts:
            behaviour.transient_after_alerts = None
            self._reject("busy", alert, is_permanent=False)
            return False
        sent_at = alert.pop("sent_at")
        self._log.sent_at.append(sent_at)
        code = behaviour.refuse(alert) or self._store(alert)
        if code is not None:
            self._reject(code, alert, is_permanent=True)
        elif not behaviour.is_ack_withheld:
            self._unacked += 1
            if self._unacked >= behaviour.ack_every:
                self._unacked = 0
                self._ack(alert)
        return True

    def _store(self, alert: Json) -> str | None:
        log = self._log
        device, epoch, seq_no = alert["device_id"], alert.get("epoch", 0), alert["seq_no"]
        canonical = rfc8785.dumps(alert)
        known = log.stored.get((device, epoch, seq_no))
        if known is not None:
            return None if known == canonical else "equivocation"
        if (epoch, seq_no) <= log.highest.get(device, (0, 0)):
            return "replay"
        log.stored[(device, epoch, seq_no)] = canonical
        log.highest[device] = (epoch, seq_no)
        log.entries.append(alert)
        return None

    def _ack(self, alert: Json) -> None:
        self._send(
            {
                "device_id": alert["device_id"],
                "epoch": alert.get("epoch", 0),
                "index": len(self._log.entries) - 1,
                "seq_no": alert["seq_no"],
                "type": "ack",
            }
        )

    def _reject(self, code: str, alert: Json, *, is_permanent: bool) -> None:
        self._send(
            {
                "code": code,
                "detail": f"test {code}",
                "device_id": alert["device_id"],
                "epoch": alert.get("epoch", 0),
                "frame": self._frame,
                "now": "2026-01-01T00:00:00.000Z",
                "permanent": is_permanent,
                "seq_no": alert["seq_no"],
                "type": "reject",
            }
        )
