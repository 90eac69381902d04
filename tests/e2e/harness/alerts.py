"""Alerts as a sender makes them (docs/message_schema.md)."""

from __future__ import annotations

import base64
import datetime
import json
import os
import time
import uuid
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Alert = dict[str, Any]
_TRANSPORT = {"sent_at"}


def uuid7() -> str:
    ms = time.time_ns() // 1_000_000
    value = (ms << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))


def now_text(offset_s: float = 0.0) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def canonical(value: Any) -> bytes:
    """RFC 8785 for what these tests send: ASCII names, and numbers Python writes as ES6 does."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def make_alert(number: int, device: str = "cam-1", **changes: Any) -> Alert:
    """A fresh alert; a member named in `changes` takes that value, and goes when it is None."""
    alert: Alert = {
        "alert_type": "test.alert",
        "batch_id": uuid7(),
        "confidence": 0.5,
        "device_id": device,
        "entry_id": uuid7(),
        "features_summary": {"packets": 12, "port": 445, "source": "198.51.100.7"},
        "seq_no": number,
        "timestamp": now_text(),
    }
    alert.update(changes)
    return {name: value for name, value in alert.items() if value is not None}


def identity_of(alert: Alert) -> bytes:
    """The canonical alert: what is stored and compared."""
    return canonical({name: value for name, value in alert.items() if name not in _TRANSPORT})


def sign_alert(alert: Alert, key: Ed25519PrivateKey) -> Alert:
    signed = {name: value for name, value in alert.items() if name not in _TRANSPORT | {"sig"}}
    signature = key.sign(b"anchorlog/alert/v1\0" + canonical(signed))
    return {**alert, "sig": base64.b64encode(signature).decode()}
