"""Signed notes as a log and its witnesses write them (C2SP signed-note, tlog-cosignature)."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def _public(key: Ed25519PrivateKey) -> bytes:
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return key.public_key().public_bytes(*raw)


def _witness_key_id(name: str, key: Ed25519PrivateKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n\x04" + _public(key)).digest()[:4]


def witness_vkey(name: str, key: Ed25519PrivateKey) -> str:
    encoded = base64.b64encode(b"\x04" + _public(key)).decode()
    return f"{name}+{_witness_key_id(name, key).hex()}+{encoded}"


def cosign(note: str, name: str, key: Ed25519PrivateKey, time_s: int) -> str:
    """The line a witness adds to a checkpoint."""
    body = note[: note.index("\n\n") + 1]
    signature = key.sign(f"cosignature/v1\ntime {time_s}\n{body}".encode())
    blob = _witness_key_id(name, key) + time_s.to_bytes(8, "big") + signature
    return f"— {name} {base64.b64encode(blob).decode()}\n"
