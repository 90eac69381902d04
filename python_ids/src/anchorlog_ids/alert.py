"""Alerts as they leave this machine: the members, their limits, and their canonical bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from .clock import Sources, rfc3339

FRAME_BYTES_MAX: Final = 65_536
# What seq_no, epoch and sent_at may add to a spooled body when it becomes a frame.
_FRAME_RESERVE_BYTES: Final = 256
BODY_BYTES_MAX: Final = FRAME_BYTES_MAX - _FRAME_RESERVE_BYTES

_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_ALERT_TYPE: Final = re.compile(r"[a-z0-9._]{1,64}")

Json = dict[str, Any]


class AlertError(ValueError):
    """A value cannot be an alert member; the message names the member and its rule."""


def canonical(value: Json) -> bytes:
    """RFC 8785. Refuses NaN, infinities, lone surrogates and integers beyond 2^53 - 1."""
    return rfc8785.dumps(value)


def check_device_id(device_id: str) -> str:
    if not _DEVICE_ID.fullmatch(device_id):
        raise AlertError(f"device_id {device_id!r}: expected 1 to 64 of A-Z a-z 0-9 . _ : -")
    return device_id


@dataclass(frozen=True, slots=True)
class Draft:
    """An alert without its number: the spool gives `seq_no` and `epoch`, each send `sent_at`.
    `body` is canonical. `severity` 1 is kept longest when the spool overflows."""

    body: bytes
    severity: int
    alert_type: str


def make_draft(
    *,
    sources: Sources,
    batch_id: str,
    device_id: str,
    alert_type: str,
    ts_us: int,
    features_summary: Json,
    confidence: float,
    severity: int,
) -> Draft:
    if not _ALERT_TYPE.fullmatch(alert_type):
        raise AlertError(f"alert_type {alert_type!r}: expected 1 to 64 of a-z 0-9 . _")
    if not 0.0 <= confidence <= 1.0:
        raise AlertError(f"confidence {confidence!r}: expected 0 to 1")
    body = canonical(
        {
            "alert_type": alert_type,
            "batch_id": batch_id,
            "confidence": round(confidence, 4),
            "device_id": check_device_id(device_id),
            "entry_id": sources.uuid7(),
            "features_summary": features_summary,
            "timestamp": rfc3339(ts_us),
        }
    )
    if len(body) > BODY_BYTES_MAX:
        raise AlertError(f"alert of {len(body)} bytes: at most {BODY_BYTES_MAX} fit in a frame")
    return Draft(body, severity, alert_type)


def numbered(body: Json, epoch: int, seq_no: int, sent_at: str) -> bytes:
    """The frame's payload. Epoch 0 is never written: absent means 0."""
    alert = {**body, "seq_no": seq_no, "sent_at": sent_at}
    if epoch > 0:
        alert["epoch"] = epoch
    return canonical(alert)
