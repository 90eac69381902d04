from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchorlog_ids.checkpoint import Checkpoint, CheckpointError, LogKey, verify_consistency
from fake_log import consistency_path, tree_root

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "formats.json"
LEAVES = [b"leaf %d" % number for number in range(33)]

# The golden note: seed 00..1f, one leaf `{"v":1}`.
GOLDEN_KEY = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
GOLDEN_VKEY = "anchorlog.example/gw-01+bebb40df+" + base64.b64encode(b"\x01" + GOLDEN_KEY).decode()
GOLDEN_ROOT = bytes.fromhex("0fe7f04cd9688fb996eea9ae1248cbe83b4d04805413f35ab25ad9deb5a3cb32")
GOLDEN_BLOB = (
    "vrtA37jqLVm79KdTBzYG0bnN/K++hMp0Y6x/Teiak2/BG6XffFYOXP99qGMglm/lpYNFLYw186aWxdF5Isr8C25DDAg="
)
GOLDEN_NOTE = (
    f"anchorlog.example/gw-01\n1\n{base64.b64encode(GOLDEN_ROOT).decode()}\n\n"
    f"\u2014 anchorlog.example/gw-01 {GOLDEN_BLOB}\n"
)


def test_published_vkey_parses() -> None:
    key = LogKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    assert key.name == "example.com/foo"


def test_golden_note() -> None:
    checkpoint = Checkpoint.parse(GOLDEN_NOTE)
    checkpoint.verify([LogKey.parse(GOLDEN_VKEY)])
    assert (checkpoint.origin, checkpoint.size) == ("anchorlog.example/gw-01", 1)
    assert checkpoint.root == tree_root([b'{"v":1}'])
    assert checkpoint.key_ids(checkpoint.origin) == ["bebb40df"]


def test_unknown_signatures_are_ignored_but_not_enough() -> None:
    grease = "\u2014 other.example AAAAAAECAwQ=\n"
    Checkpoint.parse(GOLDEN_NOTE + grease).verify([LogKey.parse(GOLDEN_VKEY)])
    text = GOLDEN_NOTE.split("\n\n", maxsplit=1)[0]
    with pytest.raises(CheckpointError, match="not signed by"):
        Checkpoint.parse(f"{text}\n\n{grease}").verify([LogKey.parse(GOLDEN_VKEY)])


def test_a_change_of_the_key_counts_for_the_newer_one() -> None:
    vectors = json.loads(VECTORS.read_text())
    old, new = (LogKey.parse(vectors[name]["vkey"]) for name in ("log_key", "key_change"))
    note = Checkpoint.parse(vectors["key_change"]["checkpoint"])
    assert note.verify([old]) == old
    assert note.verify([new]) == note.verify([old, new]) == new


def hardware_line(key: ec.EllipticCurvePrivateKey, text: str) -> str:
    """As the log's hardware key signs: its id is that of the key alone (C2SP signature type 2)."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    blob = base64.b64encode(hashlib.sha256(der).digest()[:4] + signature).decode()
    return f"\u2014 anchorlog.example/gw-01 {blob}\n"


def test_the_line_of_a_hardware_key_is_ignored_true_or_false() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = GOLDEN_NOTE.split("\n\n", maxsplit=1)[0] + "\n"
    for signed in (text, "another text\n"):
        note = Checkpoint.parse(GOLDEN_NOTE + hardware_line(key, signed))
        note.verify([LogKey.parse(GOLDEN_VKEY)])
        assert note.key_ids(note.origin)[0] == "bebb40df", "what a first contact pins"
    with pytest.raises(CheckpointError, match="not signed by"):
        Checkpoint.parse(text + "\n" + hardware_line(key, text)).verify([LogKey.parse(GOLDEN_VKEY)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n1\n", "\n2\n"),
        ("D+fw", "D+fz"),
        ("vrtA37jq", "vrtA37jr"),
    ],
)
def test_changed_note_does_not_verify(before: str, after: str) -> None:
    changed = Checkpoint.parse(GOLDEN_NOTE.replace(before, after))
    with pytest.raises(CheckpointError, match="false"):
        changed.verify([LogKey.parse(GOLDEN_VKEY)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n1\n", "\n01\n"),
        ("\n1\n", "\n-1\n"),
        ("\n1\n", "\n\n"),
        ("yzI=\n", "yzI=\nextension\n"),
        ("yzI=", "yzI"),
        ("\u2014 ", "- "),
        ("DAg=\n", "DAg="),
        ("\n\n", "\n"),
    ],
)
def test_malformed_notes(before: str, after: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.parse(GOLDEN_NOTE.replace(before, after))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        "name+00000000+AQ==",
        GOLDEN_VKEY.replace("bebb40df", "bebb40de"),
    ],
)
def test_malformed_vkeys(vkey: str) -> None:
    with pytest.raises(CheckpointError):
        LogKey.parse(vkey)


def test_consistency_of_all_sizes() -> None:
    for new in range(1, len(LEAVES) + 1):
        for old in range(1, new + 1):
            leaves = LEAVES[:new]
            path = consistency_path(old, leaves)
            root_old, root_new = tree_root(leaves[:old]), tree_root(leaves)
            verify_consistency(old, root_old, new, root_new, path)
            wrong = [*path[:-1], b"\x00" * 32] if path else [b"\x00" * 32]
            for bad in (wrong, [*path, b"\x00" * 32], path[:-1] if path else [b""]):
                with pytest.raises(CheckpointError):
                    verify_consistency(old, root_old, new, root_new, bad)
            with pytest.raises(CheckpointError):
                verify_consistency(old, b"\x01" * 32, new, root_new, path)
