"""logverify gives out the evidence file of the vectors for the example log, and accepts it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anchorlog_verify
import pytest

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((VECTORS / "formats.json").read_text())
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    subprocess.run([sys.executable, VECTORS / "make_formats.py", "--store", folder], check=True,
                   timeout=60)
    return folder


def test_what_is_exported_is_the_vector(
    logverify: Path, store: Path, vectors: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "one.evidence"
    subprocess.run([logverify, "export", store, "--index", "1", "-o", file], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    assert file.read_text() == vectors["evidence"]["file"]


@pytest.mark.parametrize(("found", "instead", "status"), [
    ("", "", 0),
    ("index 1\n", "index 0\n", 1),
    ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2", 1),
    ("\n2\n", "\n3\n", 1),
])
def test_the_vector_is_evidence_and_nothing_near_it_is(
    logverify: Path, store: Path, vectors: dict[str, Any], tmp_path: Path,
    found: str, instead: str, status: int,
) -> None:
    text: str = vectors["evidence"]["file"]
    assert found in text
    file = tmp_path / "one.evidence"
    file.write_text(text.replace(found, instead, 1) if found else text)
    done = subprocess.run([logverify, "evidence", file, "--trust", store / "trust.txt"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stdout


def test_a_key_change_is_followed_by_both(
    logverify: Path, store: Path, vectors: dict[str, Any], tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(store, tmp_path / "changed"))
    (batches,) = (changed / "batches").glob("*.ndjson")
    line: str = vectors["key_change"]["line"]
    checkpoint: str = vectors["key_change"]["checkpoint"]
    trust = (store / "trust.txt").read_text()
    by_one = checkpoint[:checkpoint.rindex("\u2014")]
    alone = json.dumps({**json.loads(line), "checkpoint": by_one}, separators=(",", ":"),
                       ensure_ascii=False)
    before = batches.read_text()
    for text, status in ((line, 0), (line.replace("planned", "compromise"), 1), (alone, 1)):
        batches.write_text(before + text + "\n")
        command = [logverify, "log", changed, "--trust", store / "trust.txt", "--offline"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stdout
        assert anchorlog_verify.verify(changed, trust).startswith(("PASS", "FAIL")[status])


def test_the_receipt_of_the_vectors_is_kept(
    logverify: Path, store: Path, vectors: dict[str, Any], tmp_path: Path
) -> None:
    receipt = vectors["receipt"]
    members = anchorlog_verify.parse(receipt["text"].encode())
    key = anchorlog_verify.Key(vectors["log_key"]["vkey"])
    assert members["leaf"] == vectors["log"]["leaves"][1] and members["signer"] == key.id
    payload = (
        b"anchorlog/receipt/v1\0" + anchorlog_verify.sha256(key.name.encode())
        + members["index"].to_bytes(8, "big") + bytes.fromhex(members["leaf"])
        + anchorlog_verify.server_time(members["received_at"]).to_bytes(8, "big")
    )
    assert payload.hex() == receipt["payload"]
    assert key.signed(anchorlog_verify.base64_of(members["sig"]), payload)
    file = tmp_path / "receipt.json"
    moved = receipt["text"].replace('"index":1', '"index":2')
    for text, status in ((receipt["text"], 0), (moved, 2)):
        file.write_text(text + "\n")
        done = subprocess.run([logverify, "receipt", file, store, "--trust", store / "trust.txt"],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stdout
