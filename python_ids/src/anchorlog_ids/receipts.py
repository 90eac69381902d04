"""Receipts: the log's signed promises, kept where the log cannot reach them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .alert import Json, canonical
from .checkpoint import CheckpointError, LogKey, decode_base64

_PREFIX: Final = b"anchorlog/receipt/v1\0"
_WAIT_S_MAX: Final = 5.0
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%f%z"


class ReceiptError(CheckpointError):
    """A receipt that promises nothing."""


def check_receipt(receipt: Json, keys: Sequence[LogKey]) -> None:
    """Raises unless one of the log's keys signed it. Whether the log keeps it is `logverify
    receipt`'s to say."""
    try:
        received = datetime.strptime(receipt["received_at"], _TIME_FORMAT).astimezone(UTC)
        leaf = bytes.fromhex(receipt["leaf"])
        index = int(receipt["index"]).to_bytes(8, "big")
        signature = decode_base64(receipt["sig"], "sig")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReceiptError(f"receipt: bad member {error}") from error
    since = received - datetime(1970, 1, 1, tzinfo=UTC)
    at_ms = (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000
    key = next((one for one in keys if one.key_id.hex() == receipt.get("signer")), None)
    if key is None:
        raise ReceiptError(f"receipt: signed by {receipt.get('signer')}, which is not pinned")
    log_id = hashlib.sha256(key.name.encode()).digest()
    payload = _PREFIX + log_id + index + leaf + at_ms.to_bytes(8, "big")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, payload)
    except InvalidSignature as error:
        raise ReceiptError("receipt: the log's signature is false") from error


class ReceiptFile:
    """A line of NDJSON for each receipt, appended. Not synced: a crash costs the newest promises,
    never an alert. One thread."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab")
        self._now_s = now_s
        self._owed = 0
        self._heard_s = now_s()

    def begin_session(self) -> None:
        """What an earlier session was owed does not come any more."""
        self._owed = 0

    def expect(self, count: int) -> None:
        self._owed += count
        self._heard_s = self._now_s()

    def keep(self, receipt: Json) -> None:
        self._file.write(canonical(receipt) + b"\n")
        self._file.flush()
        self._owed -= 1
        self._heard_s = self._now_s()

    @property
    def is_settled(self) -> bool:
        """Every acked alert has its receipt, or the log has been silent for some seconds."""
        return self._owed <= 0 or self._now_s() - self._heard_s > _WAIT_S_MAX

    def close(self) -> None:
        self._file.close()
