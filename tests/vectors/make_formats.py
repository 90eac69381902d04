"""Writes formats.json: what docs/ shows and the code must give, made without the project's code.

    python3 tests/vectors/make_formats.py            writes formats.json beside this file
    python3 tests/vectors/make_formats.py --store D  writes the example log and its trust file to D

The log's key is made from the seed 00 01 .. 1f, the device's from 20 21 .. 3f and the log's next
key from 40 41 .. 5f: known to everybody, for tests only. Ed25519 signatures are deterministic, so
every byte here is fixed.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = dict[str, Any]

ORIGIN: Final = "anchorlog.example/gw-01"
LOG_SEED: Final = bytes(range(32))
DEVICE_SEED: Final = bytes(range(32, 64))
NEXT_SEED: Final = bytes(range(64, 96))
NONCE: Final = hashlib.sha256(b"genesis nonce of the example log").hexdigest()
CERT: Final = hashlib.sha256(b"stands for a certificate's DER").hexdigest()[:32]
GENESIS_AT: Final = "2026-01-02T03:04:05.678Z"
START_AT: Final = "2026-01-02T03:05:00.000Z"
RECEIVED_AT: Final = "2026-01-02T03:05:10.250Z"
SEALED_AT: Final = "2026-01-02T03:06:10.250Z"
CHANGED_AT: Final = "2026-01-02T03:08:00.000Z"
CONTRACT: Final = "0x5fbdb2315678afecb367f032d93f642f64180aa3"

ALERT: Final[Json] = {
    "alert_type": "recon.host_scan",
    "batch_id": "019b7caa-4bf0-7a3f-8c11-5d0e7f2a9b44",
    "confidence": 0.97,
    "device_id": "cam-1",
    "entry_id": "019b7caa-8976-7e21-b0c4-91f83a6d2e57",
    "features_summary": {"dst_hosts": 254, "dst_port": 445, "packets": 1016, "seconds": 12.5},
    "seq_no": 1,
    "timestamp": "2026-01-02T03:05:09.75Z",
}
SIGNED_ALERT: Final[Json] = {
    "alert_type": "bruteforce.ftp",
    "batch_id": "019b7caa-4bf0-7a3f-8c11-5d0e7f2a9b44",
    "confidence": 1,
    "device_id": "cam-2",
    "entry_id": "019b7caa-8a0c-7d05-9a3b-c42f60e8713d",
    "epoch": 1,
    "features_summary": {"failures": 40},
    "seq_no": 2,
    "timestamp": "2026-01-02T03:05:09.9Z",
}
SENT_AT: Final = "2026-01-02T03:05:10.1Z"


def jcs(value: Any) -> str:
    """RFC 8785 for what stands here: ASCII names, and numbers whose repr is ES6's."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ms_of(server_time: str) -> int:
    at = datetime.datetime.fromisoformat(server_time)
    return round(at.timestamp() * 1000)


def leaf_hash(text: str) -> bytes:
    return sha256(b"\0" + text.encode())


def tree_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + tree_root(leaves[:split]) + tree_root(leaves[split:]))


class Key:
    """An Ed25519 key from a seed, and its name as a verifier of notes."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw()
        tagged = b"\1" + self.public
        self.key_id = sha256(ORIGIN.encode() + b"\n" + tagged)[:4]
        self.vkey = f"{ORIGIN}+{self.key_id.hex()}+{b64(tagged)}"

    def sign(self, payload: bytes) -> bytes:
        return self._private.sign(payload)


LOG_KEY: Final = Key(LOG_SEED)
DEVICE_KEY: Final = Key(DEVICE_SEED)
NEXT_KEY: Final = Key(NEXT_SEED)
LOG_ID: Final = sha256(ORIGIN.encode())


def header(**members: Any) -> Json:
    common = {
        "count": 0, "count_audit": 0, "first_index": 0, "log": ORIGIN,
        "signer": LOG_KEY.key_id.hex(), "sources": [], "v": 1,
    }
    return {**common, **members}


def seal(head: Json, headers: list[str], also: list[Key] | None = None) -> Json:
    """The batch line of `head`, with what leads to it; `headers` are all texts, this one last.
    The keys of `also` sign the checkpoint besides the log's."""
    root = tree_root([leaf_hash(text) for text in headers])
    batch_id: int = head["batch_id"]
    checkpoint_text = f"{ORIGIN}\n{batch_id + 1}\n{b64(root)}\n"
    checkpoint = checkpoint_text + "\n" + "".join(
        f"— {ORIGIN} {b64(key.key_id + key.sign(checkpoint_text.encode()))}\n"
        for key in (LOG_KEY, *(also or []))
    )
    payload = (
        b"anchorlog/seal/v1\0" + LOG_ID + batch_id.to_bytes(8, "big")
        + bytes.fromhex(head["merkle_root"]) + root
        + ms_of(head["sealed_at"]).to_bytes(8, "big")
    )
    sealed = LOG_KEY.sign(payload)
    return {
        "header": headers[-1],
        "header_leaf": leaf_hash(headers[-1]).hex(),
        "history_root": root.hex(),
        "checkpoint_text": checkpoint_text,
        "checkpoint": checkpoint,
        "seal_payload": payload.hex(),
        "seal": b64(sealed),
        "line": jcs({"checkpoint": checkpoint, "header": head, "seal": b64(sealed)}),
    }


def make_alerts() -> tuple[Json, Json]:
    canonical = jcs(ALERT)
    sent = jcs({**ALERT, "sent_at": SENT_AT})
    # What a sender may also write: other order, white space, other spelling of a number.
    loose = json.dumps({"sent_at": SENT_AT, **dict(reversed(ALERT.items()))})
    alert = {
        "canonical": canonical,
        "sent": sent,
        "sent_loosely": loose.replace("12.5", "1.25e1").replace("cam-1", "cam\\u002d1"),
        "sent_at": SENT_AT,
    }
    payload = b"anchorlog/alert/v1\0" + jcs(SIGNED_ALERT).encode()
    signature = b64(DEVICE_KEY.sign(payload))
    signed = {
        "payload": payload.hex(),
        "sig": signature,
        "canonical": jcs({**SIGNED_ALERT, "sig": signature}),
    }
    return alert, signed


def make_entries(alert: Json, signed: Json) -> list[str]:
    audit = {
        "count": 1, "data": {"version": "0.1.0"}, "event": "start", "first_at": START_AT,
        "last_at": START_AT, "subject": "daemon",
    }
    from_sender = {"cert": CERT, "received_at": RECEIVED_AT, "sender": "urn:anchorlog:sender:gw-01"}
    return [
        jcs({"audit": audit, "index": 0, "received_at": START_AT,
             "sender": "urn:anchorlog:daemon"}),
        jcs({"alert": json.loads(alert["canonical"]), "index": 1, "sent_at": SENT_AT,
             **from_sender}),
        jcs({"alert": json.loads(signed["canonical"]), "index": 2, **from_sender}),
    ]


def make_log(alert: Json, signed: Json) -> Json:
    entries = make_entries(alert, signed)
    leaves = [leaf_hash(line) for line in entries]
    empty = tree_root([]).hex()
    genesis_header = header(
        batch_id=0, kind="genesis", merkle_root=empty, prev_root=empty, reason="control",
        opened_at=GENESIS_AT, sealed_at=GENESIS_AT,
        genesis={
            "canon": "rfc8785", "keys": [LOG_KEY.vkey], "nonce": NONCE,
            "policy": {"entries": 50, "interval_s": 60, "window_s": 30},
        },
    )
    genesis = seal(genesis_header, [jcs(genesis_header)])
    sources = [
        {"count": 1, "device_id": "cam-1", "epoch": 0, "first_seq": 1, "gaps": 0, "last_seq": 1},
        {"count": 1, "device_id": "cam-2", "epoch": 1, "first_seq": 2, "gaps": 1, "last_seq": 2},
    ]
    batch_header = header(
        batch_id=1, count=3, count_audit=1, kind="batch", merkle_root=tree_root(leaves).hex(),
        prev_root=genesis["history_root"], reason="age", opened_at=START_AT, sealed_at=SEALED_AT,
        sources=sources,
    )
    batch = seal(batch_header, [jcs(genesis_header), jcs(batch_header)])
    return {
        "entries": entries,
        "leaves": [leaf.hex() for leaf in leaves],
        "node_0_1": sha256(b"\1" + leaves[0] + leaves[1]).hex(),
        "merkle_root": batch_header["merkle_root"],
        "sources": jcs(sources),
        "nonce": NONCE,
        "times": {"genesis": GENESIS_AT, "start": START_AT, "received": RECEIVED_AT,
                  "sealed": SEALED_AT, "sealed_ms": ms_of(SEALED_AT)},
        "batches": [genesis, batch],
    }


def make_key_change(log: Json) -> Json:
    """Batch 2 of the example log, were its key changed then."""
    before = log["batches"]
    head = header(
        batch_id=2, first_index=3, kind="key", merkle_root=tree_root([]).hex(),
        prev_root=before[1]["history_root"], reason="control", opened_at=CHANGED_AT,
        sealed_at=CHANGED_AT,
        key={"new": NEXT_KEY.vkey, "old": LOG_KEY.vkey, "why": "planned"},
    )
    return {
        "seed": NEXT_SEED.hex(), "vkey": NEXT_KEY.vkey, "at": CHANGED_AT,
        **seal(head, [*(batch["header"] for batch in before), jcs(head)], [NEXT_KEY]),
    }


def make_receipt(log: Json) -> Json:
    """The promise of entry 1."""
    payload = (
        b"anchorlog/receipt/v1\0" + LOG_ID + (1).to_bytes(8, "big")
        + bytes.fromhex(log["leaves"][1]) + ms_of(RECEIVED_AT).to_bytes(8, "big")
    )
    return {
        "payload": payload.hex(),
        "text": jcs({
            "device_id": "cam-1", "epoch": 0, "index": 1, "leaf": log["leaves"][1],
            "received_at": RECEIVED_AT, "seq_no": 1, "sig": b64(LOG_KEY.sign(payload)),
            "signer": LOG_KEY.key_id.hex(), "type": "receipt",
        }),
    }


def make_pruned(log: Json) -> Json:
    """What stands for the example's entries, and batch 2, were they archived then."""
    at = "2027-02-03T00:00:00.000Z"
    erased = [jcs({"erased": leaf, "index": index}) for index, leaf in enumerate(log["leaves"])]
    sources = json.loads(log["sources"])
    devices = "".join(jcs({"batch_id": 1, **source}) + "\n" for source in sources)
    before = log["batches"]
    head = header(
        batch_id=2, first_index=3, kind="prune", merkle_root=tree_root([]).hex(),
        prev_root=before[1]["history_root"], reason="control", opened_at=at, sealed_at=at,
        prune={"devices_sha256": sha256(devices.encode()).hex(), "ranges": [[0, 2]],
               "why": "older than a year"},
    )
    sealed = seal(head, [*(batch["header"] for batch in before), jcs(head)])
    return {"erased": erased, "devices": devices, "at": at, "header": sealed["header"],
            "line": sealed["line"]}


def make_evidence(log: Json) -> Json:
    """Evidence of entry 1, at the checkpoint of its own batch, without an anchor."""
    genesis, batch = log["batches"]
    extra = jcs({
        "anchors": [], "batch_path": [log["leaves"][0], log["leaves"][2]],
        "entry": log["entries"][1], "header": batch["header"], "keys": [],
        "seal": batch["seal"], "v": 1,
    })
    path = b64(bytes.fromhex(genesis["header_leaf"]))
    return {
        "extra": extra,
        "file": f"c2sp.org/tlog-proof@v1\nextra {b64(extra.encode())}\nindex 1\n{path}\n\n"
                + batch["checkpoint"],
    }


def make_messages(log: Json) -> Json:
    texts: dict[str, Json] = {
        "hello": {"devices": ["cam-1"], "protocol": 1, "type": "hello"},
        "hello_seen": {"devices": ["cam-1", "cam-2"], "protocol": 1, "receipts": False,
                       "seen": log["batches"][0]["checkpoint"], "type": "hello"},
        "welcome": {
            "checkpoint": log["batches"][1]["checkpoint"],
            "consistency": [log["batches"][1]["header_leaf"]],
            "durable": {"cam-1": {"epoch": 0, "seq_no": 1}, "cam-2": {"epoch": 1, "seq_no": 2}},
            "entries": 3, "origin": ORIGIN, "protocol": 1, "type": "welcome",
        },
        "ack": {"device_id": "cam-1", "epoch": 0, "index": 1, "seq_no": 1, "type": "ack"},
        "reject": {
            "code": "replay", "detail": "the number is not above the highest one and nothing is "
            "stored under it", "device_id": "cam-2", "epoch": 1, "frame": 7,
            "now": "2026-01-02T03:07:00.000Z", "permanent": True, "seq_no": 1, "type": "reject",
        },
    }
    return {name: jcs(value) for name, value in texts.items()}


def frame(text: str) -> str:
    data = text.encode()
    return (len(data).to_bytes(4, "big") + data).hex()


def keccak256(data: bytes) -> bytes:
    """Keccak as Ethereum uses it: padding 0x01, where SHA-3 has 0x06."""
    rounds, bits, rate = 24, 64, 136
    mask = (1 << bits) - 1

    def rotate(x: int, n: int) -> int:
        return ((x << n % bits) | (x >> (bits - n % bits))) & mask if n % bits else x

    padded = bytearray(data) + bytearray(rate - len(data) % rate)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for block in range(0, len(padded), rate):
        for i in range(rate // 8):
            at = block + 8 * i
            lanes[i % 5][i // 5] ^= int.from_bytes(padded[at:at + 8], "little")
        constant = 1
        for _ in range(rounds):
            columns = [a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] for a in lanes]
            mixed = [columns[(x + 4) % 5] ^ rotate(columns[(x + 1) % 5], 1) for x in range(5)]
            lanes = [[lane ^ mixed[x] for lane in lanes[x]] for x in range(5)]
            x, y, current = 1, 0, lanes[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                current, lanes[x][y] = lanes[x][y], rotate(current, (t + 1) * (t + 2) // 2)
            for y in range(5):
                row = [lanes[x][y] for x in range(5)]
                for x in range(5):
                    lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & mask & row[(x + 2) % 5])
            for j in range(7):
                constant = ((constant << 1) ^ ((constant >> 7) * 0x71)) % 256
                if constant & 2:
                    lanes[0][0] ^= 1 << ((1 << j) - 1)
    return b"".join(lanes[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def make_chain(log: Json) -> Json:
    """Batch 1 as the first record of its log: it covers the genesis too."""
    batch = log["batches"][1]
    sealed = base64.b64decode(batch["seal"])
    types = "bytes32,uint64,bytes32,bytes32,uint64,bytes32,bytes32,bytes32"
    event_types = "bytes32,uint64,bytes32,uint64,bytes32,uint64,bytes32,bytes32,bytes32"

    def number(value: int) -> bytes:
        return value.to_bytes(32, "big")

    merkle, history = bytes.fromhex(log["merkle_root"]), bytes.fromhex(batch["history_root"])
    tail = number(log["times"]["sealed_ms"]) + LOG_KEY.public + sealed
    arguments = LOG_ID + number(1) + merkle + history + tail
    selector = keccak256(f"anchor({types})".encode())[:4]
    return {
        "contract": CONTRACT,
        "call": (selector + arguments).hex(),
        "record": keccak256(arguments).hex(),
        "topics": [keccak256(f"Anchored({event_types})".encode()).hex(), LOG_ID.hex(),
                   number(1).hex(), history.hex()],
        "data": (number(0) + merkle + tail).hex(),
    }


CANONICAL: Final = [
    ['{"b":2,"a":1}', '{"a":1,"b":2}'],
    ["[1.0,1e2,-0,0.000001,1e-7,4.50]", "[1,100,0,0.000001,1e-7,4.5]"],
    ['{"\\u0041":"\\u00e9\\u000a\\/"}', '{"A":"é\\n/"}'],
    ['{"\uff21":1,"\U0001f600":2}', '{"\U0001f600":2,"\uff21":1}'],
]
REFUSED: Final = [
    ["malformed", "[1]", "not an object"],
    ["malformed", '{"a":1,"\\u0061":2}', "one name twice"],
    ["malformed", '{"a":NaN}', "NaN"],
    ["malformed", '{"a":9007199254740992}', "beyond 2^53-1"],
    ["malformed", '{"a":"\\ud800"}', "a lone surrogate"],
    ["malformed", "[" * 17 + "]" * 17, "nested 17 deep"],
    ["schema", '{"type":"bye"}', "an unknown type"],
    ["schema", jcs({**ALERT, "severity": 3}), "an unknown member"],
    ["schema", jcs({**ALERT, "epoch": 0}), "epoch 0 is said by leaving it out"],
    ["schema", jcs(ALERT).replace('"seq_no":1', '"seq_no":1.0'), "seq_no with a fraction"],
    ["schema", jcs({**ALERT, "seq_no": 0}), "seq_no 0"],
    ["schema", jcs({**ALERT, "confidence": 1.01}), "confidence over 1"],
    ["schema", jcs({**ALERT, "timestamp": "2026-01-02T03:05:60Z"}), "second 60"],
    ["schema", jcs({**ALERT, "timestamp": "2026-01-02T03:05:09+00:00"}), "an offset, not Z"],
    ["schema", jcs({**ALERT, "entry_id": ALERT["entry_id"].upper()}), "upper-case UUID"],
    ["schema", jcs({k: v for k, v in ALERT.items() if k != "entry_id"}), "no entry_id"],
]


def build() -> Json:
    alert, signed = make_alerts()
    log = make_log(alert, signed)
    messages = make_messages(log)
    frames = {name: frame(messages[name]) for name in ("hello", "ack")}
    return {
        "origin": ORIGIN,
        "log_id": LOG_ID.hex(),
        "log_key": {"seed": LOG_SEED.hex(), "public": LOG_KEY.public.hex(),
                    "key_id": LOG_KEY.key_id.hex(), "vkey": LOG_KEY.vkey},
        "device_key": {"seed": DEVICE_SEED.hex(), "public": DEVICE_KEY.public.hex()},
        "cert": CERT,
        "empty_root": tree_root([]).hex(),
        "alert": alert,
        "signed_alert": signed,
        "log": log,
        "pruned": make_pruned(log),
        "messages": messages,
        "frames": {**frames, "alert": frame(alert["sent"])},
        "chain": make_chain(log),
        "key_change": make_key_change(log),
        "receipt": make_receipt(log),
        "evidence": make_evidence(log),
        "canonical": CANONICAL,
        "refused": REFUSED,
    }


def write_store(vectors: Json, folder: Path) -> None:
    """The example log as a daemon writes it, without preallocated space, and what to trust."""
    log = vectors["log"]
    first = "0" * 20
    files = {
        f"log/{first}.ndjson": "".join(line + "\n" for line in log["entries"]).encode(),
        f"log/{first}.leaves": bytes.fromhex("".join(log["leaves"])),
        f"batches/{first}.ndjson": "".join(b["line"] + "\n" for b in log["batches"]).encode(),
        "trust.txt": f"log {vectors['log_key']['vkey']}\n".encode(),
    }
    (folder / "anchors").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes formats.json or the example log.")
    parser.add_argument("--store", type=Path, metavar="DIR", help="write the example log there")
    options = parser.parse_args()
    vectors = build()
    if options.store:
        write_store(vectors, options.store)
    else:
        text = json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
        Path(__file__).with_name("formats.json").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
