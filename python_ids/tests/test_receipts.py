"""Receipts are checked and kept; one that promises nothing is no reason to stop."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchorlog_ids.alert import canonical
from anchorlog_ids.checkpoint import CheckpointError, LogKey
from anchorlog_ids.frames import FrameDecoder, encode_frame
from anchorlog_ids.receipts import ReceiptFile, check_receipt
from anchorlog_ids.session import LogTrust, Session, SessionCounts
from anchorlog_ids.spool import Spool
from ids_support import counting_sources, draft, notice

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
RAW = KEY.public_key().public_bytes(
    serialization.Encoding.Raw, serialization.PublicFormat.Raw
)
KEY_ID = hashlib.sha256(b"log.example\n\1" + RAW).digest()[:4]
LOG_KEY = LogKey("log.example", KEY_ID, RAW)
AT_MS = 1_767_323_110_250
VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "formats.json"


def receipt(seq_no: int = 1, **changes: Any) -> dict[str, Any]:
    leaf = hashlib.sha256(str(seq_no).encode()).digest()
    payload = (
        b"anchorlog/receipt/v1\0" + hashlib.sha256(b"log.example").digest()
        + seq_no.to_bytes(8, "big") + leaf + AT_MS.to_bytes(8, "big")
    )
    made = {
        "device_id": "cam-1", "epoch": 0, "index": seq_no, "leaf": leaf.hex(),
        "received_at": "2026-01-02T03:05:10.250Z", "seq_no": seq_no,
        "sig": base64.b64encode(KEY.sign(payload)).decode(), "signer": KEY_ID.hex(),
        "type": "receipt",
    }
    return {**made, **changes}


def test_a_receipt_of_the_log_holds() -> None:
    check_receipt(receipt(), [LOG_KEY])


def test_the_receipt_of_the_formats_holds_under_each_pinned_key() -> None:
    vectors = json.loads(VECTORS.read_text())
    made = json.loads(vectors["receipt"]["text"])
    key, next_key = (LogKey.parse(vectors[name]["vkey"]) for name in ("log_key", "key_change"))
    check_receipt(made, [key])
    check_receipt(made, [next_key, key])
    with pytest.raises(CheckpointError, match="not pinned"):
        check_receipt(made, [next_key])


@pytest.mark.parametrize("changes", [
    {"index": 2}, {"leaf": "00" * 32}, {"received_at": "2026-01-02T03:05:10.251Z"},
    {"signer": "00000000"}, {"sig": base64.b64encode(b"\0" * 64).decode()}, {"sig": "?"},
    {"leaf": 1}, {"index": -1}, {"received_at": "yesterday"},
])
def test_any_other_promises_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError):
        check_receipt(receipt(**changes), [LOG_KEY])


def test_a_session_asks_and_keeps(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    now = 0.0
    spool, warnings = open_spool(), list[str]()
    kept = ReceiptFile(tmp_path / "kept", lambda: now)
    session = Session(
        spool, counting_sources(), ["cam-1"], LogTrust(keys=(LOG_KEY,)), SessionCounts(), notice,
        warnings.append, kept,
    )
    assert FrameDecoder().feed(session.start())[0]["receipts"] is True
    session.is_welcome = True
    spool.append("cam-1", [draft(number) for number in range(2)])
    session.next_bytes(10)
    ack = {"device_id": "cam-1", "epoch": 0, "index": 2, "seq_no": 2, "type": "ack"}
    session.receive(encode_frame(canonical(ack)))
    assert not kept.is_settled, "two promises are owed"
    session.receive(encode_frame(canonical(receipt(1))))
    session.receive(encode_frame(canonical(receipt(2, index=7))))
    assert not kept.is_settled and len(warnings) == 1
    session.receive(encode_frame(canonical(receipt(2))))
    assert kept.is_settled
    kept.close()
    lines = (tmp_path / "kept").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [receipt(1), receipt(2)]
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_a_log_that_gives_none_is_not_waited_for(tmp_path: Path) -> None:
    now = 0.0
    kept = ReceiptFile(tmp_path / "kept", lambda: now)
    kept.expect(3)
    assert not kept.is_settled
    now = 6.0
    assert kept.is_settled
    kept.expect(1)
    kept.begin_session()
    assert kept.is_settled
    kept.close()
