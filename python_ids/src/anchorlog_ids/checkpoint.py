"""What the sender checks of the log: signed notes (C2SP) and consistency paths (RFC 9162)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ALGORITHM_ED25519: Final = b"\x01"
_SIGNATURES_MAX: Final = 100
_SIZE_MAX: Final = 2**53 - 1


class CheckpointError(ValueError):
    """A key, note or path does not hold; the message says what."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """A C2SP verifier key `name+hash+base64`, Ed25519 only."""

    name: str
    key_id: bytes
    public_key: bytes

    @classmethod
    def parse(cls, vkey: str) -> LogKey:
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3 or not parts[0]:
            raise CheckpointError(f"vkey {vkey!r}: expected name+hash+base64")
        name, key_id_hex, encoded = parts
        blob = decode_base64(encoded, "vkey")
        if len(blob) != 33 or blob[:1] != _ALGORITHM_ED25519:
            raise CheckpointError(f"vkey {vkey!r}: not an Ed25519 key")
        digest = hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4]
        if digest.hex() != key_id_hex:
            raise CheckpointError(f"vkey {vkey!r}: its hash is {digest.hex()}, it was mistyped")
        return cls(name, digest, blob[1:])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A parsed note: `text` is what is signed, `signatures` are (name, key id, signature)."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        split = note.rfind("\n\n")
        if split < 0:
            raise CheckpointError("checkpoint: no empty line before the signatures")
        text, tail = note[: split + 1], note[split + 2 :]
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] != "":
            raise CheckpointError("checkpoint: expected origin, size and root, nothing else")
        origin, size_text, root_text = lines[:3]
        if not origin or not _is_count(size_text):
            raise CheckpointError("checkpoint: bad origin or size")
        root = decode_base64(root_text, "root")
        if len(root) != 32:
            raise CheckpointError("checkpoint: root is not 32 bytes")
        return cls(origin, int(size_text), root, text, _signature_lines(tail))

    def verify(self, keys: Sequence[LogKey]) -> LogKey:
        """The newest of `keys` that signed this note; raises if none did, or one falsely."""
        signed = None
        for key in keys:
            for name, key_id, signature in self.signatures:
                if (name, key_id) != (key.name, key.key_id):
                    continue
                try:
                    Ed25519PublicKey.from_public_bytes(key.public_key).verify(
                        signature, self.text.encode()
                    )
                except InvalidSignature as error:
                    raise CheckpointError("checkpoint: the log's signature is false") from error
                signed = key
        if signed is None:
            known = " or ".join(f"{key.name}+{key.key_id.hex()}" for key in keys)
            raise CheckpointError(f"checkpoint: not signed by {known}")
        return signed

    def key_ids(self, name: str) -> list[str]:
        return [key_id.hex() for signer, key_id, _ in self.signatures if signer == name]


def _signature_lines(tail: str) -> tuple[tuple[str, bytes, bytes], ...]:
    if not tail.endswith("\n"):
        raise CheckpointError("checkpoint: last signature line is cut off")
    lines = tail[:-1].split("\n")
    if len(lines) > _SIGNATURES_MAX:
        raise CheckpointError(f"checkpoint: over {_SIGNATURES_MAX} signatures")
    signatures = []
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014":
            raise CheckpointError("checkpoint: malformed signature line")
        blob = decode_base64(parts[2], "signature")
        if len(blob) < 5:
            raise CheckpointError("checkpoint: signature too short")
        signatures.append((parts[1], blob[:4], blob[4:]))
    return tuple(signatures)


def _is_count(text: str) -> bool:
    is_plain = text.isascii() and text.isdigit() and len(text) <= 16
    return is_plain and (text == "0" or text[0] != "0") and int(text) <= _SIZE_MAX


def decode_base64(text: str, what: str) -> bytes:
    """`what` names it in the error."""
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointError(f"{what}: not base64") from error
    if base64.b64encode(blob).decode("ascii") != text:
        raise CheckpointError(f"{what}: base64 that does not re-encode to itself")
    return blob


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify_consistency(
    size_old: int, root_old: bytes, size_new: int, root_new: bytes, path: list[bytes]
) -> None:
    """RFC 9162 §2.1.4.2. Raises unless the new tree begins with the whole old one."""
    if any(len(item) != 32 for item in path):
        raise CheckpointError("consistency path: a hash is not 32 bytes")
    if size_old <= 0 or size_old > size_new:
        raise CheckpointError(f"consistency path: from {size_old} to {size_new} entries")
    if size_old == size_new:
        if path or root_old != root_new:
            raise CheckpointError(f"two roots for one size {size_old}")
        return
    if size_old & (size_old - 1) == 0:
        path = [root_old, *path]
    if not path:
        raise CheckpointError("consistency path: empty")
    fn, sn = size_old - 1, size_new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for item in path[1:]:
        if sn == 0:
            raise CheckpointError("consistency path: too long")
        if fn & 1 or fn == sn:
            old, new = _node(item, old), _node(item, new)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = _node(new, item)
        fn, sn = fn >> 1, sn >> 1
    if old != root_old or new != root_new or sn != 0:
        raise CheckpointError("consistency path: does not lead from the seen root to this one")
