"""Steps 1 to 3 of docs/log_format.md in one page, for a log of one segment. No project code.

    python3 docs/examples/verify_log.py STORE TRUST_FILE

Needs the `cryptography` package. It does not compare `sources` with the entries, looks at no
anchors and names no line: logverify does.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", root(leaves[:left]), root(leaves[left:]))


def lines(store: Path, journal: str) -> list[bytes]:
    content = (store / journal / f"{0:020}.ndjson").read_bytes()
    return content.rstrip(b"\0").removesuffix(b"\n").split(b"\n")


def canonical(value: object) -> bytes:
    # Enough for headers: ASCII names, no fractions.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def milliseconds(server_time: str) -> int:
    at = datetime.datetime.fromisoformat(server_time)
    return round(at.timestamp() * 1000)


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"FAIL: {what}")


def main() -> None:
    store, trust = Path(sys.argv[1]), Path(sys.argv[2]).read_text()
    origin, key_id, tagged_key = trust.split()[1].split("+", 2)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(tagged_key)[1:])
    leaves = [sha256(b"\0", line) for line in lines(store, "log")]
    headers: list[bytes] = []
    next_index = 0
    for number, line in enumerate(lines(store, "batches")):
        batch = json.loads(line)
        header = batch["header"]
        name = f"batch {number}"
        expect(canonical(batch) == line, f"{name} is not canonical")
        expect(header["batch_id"] == number and header["log"] == origin, f"{name} is out of place")
        expect(header["first_index"] == next_index, f"{name} does not follow the one before")
        expect(header["prev_root"] == root(headers).hex(), f"{name} has another history")
        next_index += header["count"]
        merkle_root = root(leaves[header["first_index"]:next_index])
        expect(header["merkle_root"] == merkle_root.hex(), f"an entry of {name} was altered")

        headers.append(sha256(b"\0", canonical(header)))
        history_root = root(headers)
        note, signature = batch["checkpoint"].split("\n\n")
        stated = f"{origin}\n{number + 1}\n{base64.b64encode(history_root).decode()}"
        blob = base64.b64decode(signature.split()[2])
        expect(note == stated and blob[:4].hex() == key_id, f"the checkpoint of {name} differs")
        key.verify(blob[4:], note.encode() + b"\n")
        sealed = (
            b"anchorlog/seal/v1\0", sha256(origin.encode()), number.to_bytes(8, "big"),
            merkle_root, history_root, milliseconds(header["sealed_at"]).to_bytes(8, "big"),
        )
        key.verify(base64.b64decode(batch["seal"]), b"".join(sealed))
    print(f"{next_index} entries in {len(headers)} batches are what was sealed")


if __name__ == "__main__":
    main()
