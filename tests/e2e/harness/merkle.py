"""RFC 9162 hashing and proofs, and signed notes: written apart from the code they check."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def merkle_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return _node(merkle_root(leaves[:split]), merkle_root(leaves[split:]))


def inclusion_root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a leaf and its path lead to (RFC 9162 §2.1.3.2)."""
    fn, sn, root = index, size - 1, leaf
    for step in path:
        assert sn > 0, "the path is too long"
        if fn & 1 or fn == sn:
            root = _node(step, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = _node(root, step)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0, "the path is too short"
    return root


def verify_consistency(old: Checkpoint, new: Checkpoint, path: list[bytes]) -> bool:
    """Whether the new tree starts with the whole old one (RFC 9162 §2.1.4.2)."""
    if old.size == new.size:
        return not path and old.root == new.root
    if not 0 < old.size < new.size:
        return False
    if old.size & (old.size - 1) == 0:
        path = [old.root, *path]
    if not path:
        return False
    fn, sn = old.size - 1, new.size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = _node(step, first), _node(step, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = _node(second, step)
        fn, sn = fn >> 1, sn >> 1
    return first == old.root and second == new.root and sn == 0


@dataclass(frozen=True)
class Checkpoint:
    """A signed note over origin, size and root; reading it checks its signature."""

    origin: str
    size: int
    root: bytes
    note: str

    @classmethod
    def read(cls, note: str, vkey: str) -> Checkpoint:
        name, key_id, encoded = vkey.split("+", 2)
        text, signatures = note.split("\n\n")
        text += "\n"
        origin, size, root = text.splitlines()
        for line in signatures.splitlines():
            dash, signer, blob = line.split(" ")
            signature = base64.b64decode(blob)
            if dash == "—" and signer == name and signature[:4].hex() == key_id:
                public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
                public.verify(signature[4:], text.encode())
                return cls(origin, int(size), base64.b64decode(root), note)
        raise AssertionError(f"no signature of {name}+{key_id} in the note:\n{note}")
