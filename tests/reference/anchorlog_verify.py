"""A second verifier of Anchorlog stores, written from docs/log_format.md alone.

    python3 tests/reference/anchorlog_verify.py STORE TRUST_FILE

Prints PASS, FAIL or UNDECIDED and why; exits with 0, 1 or 2. Needs `cryptography`, stops at the
first fault, holds the store in memory. Whether a chain holds the anchors it leaves to logverify.
"""

from __future__ import annotations

import base64
import datetime
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from canonical import INTEGER_MAX, Fault, Json, need, parse, sha256, write
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

Check = Callable[[Any], Any]
Shape = dict[str, Check]
EMPTY = sha256()
P256 = bytes.fromhex("023059301306072a8648ce3d020106082a8648ce3d03010703420004")  # of a vkey


class Tree:
    """The right edge of an RFC 9162 tree: roots of its perfect subtrees, the largest first."""

    def __init__(self) -> None:
        self.size, self.peaks = 0, list[bytes]()

    def append(self, node: bytes) -> None:
        bit = 1
        while self.size & bit:
            node, bit = sha256(b"\1", self.peaks.pop(), node), bit << 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        node = self.peaks[-1] if self.peaks else EMPTY
        for peak in reversed(self.peaks[:-1]):
            node = sha256(b"\1", peak, node)
        return node


def form(pattern: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        need(type(value) is str and re.fullmatch(pattern, value), f"{value!r} is wrong")
        return str(value)
    return check


def integer(value: Any) -> int:
    need(type(value) is int and 0 <= value <= INTEGER_MAX, f"{value!r} is no such integer")
    return int(value)


def base64_of(value: Any) -> bytes:
    form("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")(value)
    data = base64.b64decode(value)
    need(base64.b64encode(data).decode() == value, "not how these bytes are written in base64")
    return data


def array(check: Check) -> Check:
    return lambda value: [*map(check, value)] if type(value) is list else need(False, "no array")


def members(required: Shape, optional: Shape | None = None) -> Check:
    """Checks that an object has these members, no others, and that their values fit."""
    known = required | (optional or {})
    def check(value: Any) -> None:
        need(type(value) is dict and required.keys() <= value.keys() <= known.keys(), "members")
        for member, item in value.items():
            known[member](item)
    return check


def calendar(pattern: str) -> Callable[[Any], int]:
    """Milliseconds since 1970 of a time with such a fraction of a second."""
    def check(value: Any) -> int:
        form(r"(?a)\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3])(?::[0-5]\d){2}" + pattern + "Z")(value)
        try:
            at = datetime.datetime.fromisoformat(value[:19] + "+00:00").timestamp()
        except ValueError as error:
            raise Fault(f"{value} is no day") from error
        return int(at) * 1000 + int(f"{value[20:-1]:0<3}"[:3])
    return check


record: Check = lambda value: need(type(value) is dict, "not an object")
name, origin, text = form("[A-Za-z0-9._:-]{1,64}"), form("[a-z0-9./_-]{1,255}"), form("(?s).*")
digest, hexadecimal = form("[0-9a-f]{64}"), form("(?:[0-9a-f]{2})*")
key_id, fee, server_time = form("[0-9a-f]{8}"), form("0|[1-9][0-9]{0,19}"), calendar("[.][0-9]{3}")
uuid7 = form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
HEADER: Shape = {
    "batch_id": integer, "count": integer, "count_audit": integer, "first_index": integer,
    "kind": form("[a-z_]{1,32}"), "log": origin, "merkle_root": digest, "opened_at": server_time,
    "prev_root": digest, "reason": form("count|age|stop|recover|control"), "sealed_at": server_time,
    "signer": key_id, "sources": array(record), "v": integer}
SOMETIMES: Shape = {"sources_count": integer, "sources_digest": digest, "beacon": members(
    {"chain_id": integer, "hash": digest, "number": integer})}
KINDS: Shape = {"genesis": members({"canon": form("rfc8785"), "keys": array(text), "nonce": digest,
    "policy": members({"entries": integer, "interval_s": integer, "window_s": integer})},
    {"continues": form("(?s).+")}),
    "key": members({"new": text, "old": text, "why": form("planned|compromise")}),
    "prune": members({"devices_sha256": digest, "ranges": array(array(integer)),
                      "why": form("[ -~]{1,256}")})}
ENTRY: Shape = {"index": integer, "received_at": server_time}
AUDIT = members(ENTRY | {"audit": record, "sender": form("urn:anchorlog:daemon")})
ALERT = members(ENTRY | {"alert": record, "cert": form("[0-9a-f]{32}"),
    "sender": form("urn:anchorlog:sender:[A-Za-z0-9._:-]{1,64}")},
    {"sent_at": calendar("(?:[.][0-9]{1,9})?")})
ERASED = members({"erased": digest, "index": integer})
STEP: Shape = {"at": server_time, "batch_id": integer, "hash": digest, "kind": text, "target": name}
STEPS = {"attempt": members(STEP | {
        "gas": integer, "max_fee": fee, "nonce": integer, "priority_fee": fee, "raw": hexadecimal}),
    "receipt": members(STEP | {
        "block_hash": digest, "block_header": hexadecimal, "block_number": integer,
        "chain_id": integer, "contract": form("[0-9a-f]{40}"), "from_batch": integer,
        "log_index": integer, "receipt_path": array(hexadecimal), "transaction_index": integer}),
    "superseded": members(STEP | {"reason": text}), "written": members(STEP),
    "token": members(STEP | {"token": base64_of})}


class Key:
    def __init__(self, vkey: str) -> None:
        self.vkey = form(r"[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")(vkey)
        self.name, self.id, tagged = vkey.split("+", 2)
        raw = base64_of(tagged)
        self.raw, self.hardware = raw[1:], raw.startswith(P256)
        own_id = sha256(b"" if self.hardware else self.name.encode() + b"\n" + raw[:1], self.raw)
        need(raw[0] == 1 and len(raw) == 33 or self.hardware and len(raw) == 92, "not a vkey")
        need(own_id[:4].hex() == self.id, "not the key id of this vkey")

    def signed(self, signature: bytes, message: bytes) -> bool:
        try:
            if self.hardware:
                key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.raw[26:])
                key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            else:
                ed25519.Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def signers(note: str, stated: str, keys: list[Key]) -> set[str]:
    """The ids of the keys that signed the note, whose text must be the stated one."""
    lines = r"(?:\u2014 [^+\s\0-\x1f]+ [A-Za-z0-9+/]{7}[A-Za-z0-9+/=]+\n){1,100}"
    need(len(note.encode()) <= 16_384 and note.startswith(stated + "\n"), "of another history")
    found = set()
    for line in form(lines)(note[len(stated) + 1:]).splitlines():
        signer, blob = line.split(" ")[1], base64_of(line.split(" ")[2])
        for key in keys:
            if (key.name, key.id) == (signer, blob[:4].hex()):
                need(key.signed(blob[4:], stated.encode()), "the checkpoint's signature")
                found.add(key.id)
    return found


class Verifier:
    def __init__(self, store: Path, keys: list[Key]) -> None:
        self.store, self.keys, self.hardware, self.undecided = store, keys, keys[:0], list[str]()
        self.history, self.next_index, self.origin = Tree(), 0, ""
        self.devices: dict[str, tuple[int, int]] = {}  # highest (epoch, seq_no)
        self.uncertain = False  # numbers may have passed in a batch of another version
        self.rows, self.audits = dict[Any, Json](), 0  # of the batch at hand
        self.records, self.stamped = list[bytes](), list[str]()  # of each batch; unknown: b""
        self.segments = {"batches": [0], "log": [0], "anchors": [0]}  # their first lines
        self.gone, self.prunes = list[int](), list[Json]()

    def journal(self, kind: str, size_max: int = 1 << 20) -> list[bytes]:
        folder, lines = self.store / kind, list[bytes]()
        files = [*folder.glob("[0-9]" * 20 + ".ndjson")]
        # Of a pruned segment there are the leaves: lines with nothing else in them.
        files += [file for file in folder.glob("[0-9]" * 20 + ".leaves")
                  if file.with_suffix(".devices.ndjson").exists()
                  and not file.with_suffix(".ndjson").exists()]
        for file in (files := sorted(files)):
            need(int(file.stem) == len(lines), f"{kind}/{file.name} has the wrong name")
            self.segments[kind].append(len(lines))
            data, at = file.read_bytes(), 0
            if file.suffix == ".leaves":
                leaves = (data[i:i + 32].hex() for i in range(0, len(data), 32))
                data = "".join(f'{{"erased":"{leaf}","index":{index}}}\n' for index, leaf
                               in enumerate(leaves, len(lines))).encode()
            while (end := data.find(b"\n", at)) >= 0 and b"\0" not in data[at:end]:
                need(end - at <= size_max, f"a line of {kind}/{file.name} is too long")
                lines.append(data[at:end])
                at = end + 1
            need(at == len(data) or file == files[-1], f"{kind}/{file.name} does not end in a line")
            if not (rest := data[at:].rstrip(b"\0")):
                continue
            # What a crash leaves: the holes of a torn write lie between sectors.
            edges = [at + edge for hole in re.finditer(b"\0+", rest) for edge in hole.span()]
            torn = len(rest) <= 4 << 20 and (kind == "log" or b"\n" not in rest[:-1])
            need(torn and all(edge in (at, edge // 512 * 512) for edge in edges),
                 f"damage at the end of {kind}/{file.name}")
            if kind != "log" or edges or not rest.startswith(b'{"a'[:len(rest)]):
                self.undecided.append(f"{kind}/{file.name} ends in what a crash may leave")
        return lines

    def run(self) -> str:
        if not (self.store / "batches").is_dir():
            return "UNDECIDED there is no batches/"
        batches, torn = self.journal("batches"), bool(self.undecided)
        self.entries = self.journal("log", 66_560)
        if not batches and not torn:
            need(not self.entries, "entries without a genesis")
            self.undecided.append("the store is empty")
        for number, line in enumerate(batches):
            self.batch(number, parse(line))
        list(map(self.entry, range(self.next_index, len(self.entries))))
        self.pruned()
        self.anchors()
        whole = f"PASS SEALED: {self.next_index} entries in {len(batches)} batches as sealed"
        return f"UNDECIDED {self.undecided[0]}" if self.undecided else whole

    def batch(self, number: int, line: Json) -> None:
        members({"checkpoint": text, "header": record, "seal": text})(line)
        header, canonical = line["header"], write(line["header"], 1).encode()
        before, seal = self.history.root(), base64_of(line["seal"])
        need(len(canonical) <= 65_535 and len(seal) == 64, "the size of header or seal")
        self.history.append(sha256(b"\0", canonical))
        root = self.history.root()
        self.stamped.append(sha256(text(line["checkpoint"]).encode()).hex())
        if number == 0:
            self.origin = origin(header.get("log"))
            self.keys, self.hardware = ([key for key in self.keys if key.name == self.origin
                                         and key.hardware == second] for second in (False, True))
        stated = f"{self.origin}\n{number + 1}\n{base64.b64encode(root).decode()}\n"
        known = integer(header.get("v")) == 1
        new = self.header(number, header) if known else []
        signed = signers(line["checkpoint"], stated, self.keys + new + self.hardware)
        need(signed & {key.id for key in self.keys + new}, f"no trusted key signed batch {number}")
        need({key.id for key in self.hardware} <= signed, f"no hardware key signed batch {number}")
        if not known:
            self.records.append(b"")
            return self.undecided.append(f"batch {number} is of another version")
        need(header["batch_id"] == number and header["log"] == self.origin, "a header out of place")
        need(header["prev_root"] == before.hex(), f"prev_root of batch {number}")
        if self.records and not self.records[-1] and header["first_index"] > self.next_index:
            self.uncertain, self.next_index = True, header["first_index"]
        need(header["first_index"] == self.next_index, f"first_index of batch {number}")
        sealed = (sha256(self.origin.encode()) + number.to_bytes(8, "big")
                  + bytes.fromhex(header["merkle_root"]) + root
                  + (server_time(header["sealed_at"]) % 2**64).to_bytes(8, "big"))
        by = [key for key in self.keys if key.id == header["signer"]
              and key.signed(seal, b"anchorlog/seal/v1\0" + sealed)]
        need(by, f"the seal of batch {number}")
        self.content(header)
        words = sealed[:32] + bytes(24) + sealed[32:104] + bytes(24) + sealed[104:]
        self.records.append(words + by[0].raw + seal)
        need(not new or {by[0].id, new[0].id} <= signed, f"batch {number} changes the key alone")
        self.keys = new or self.keys

    def header(self, number: int, header: Json) -> list[Key]:
        """What the header shows by itself, and the key it brings in."""
        kind = text(header.get("kind"))
        need(kind not in HEADER | SOMETIMES, "a kind that is a member")
        own = {} if kind == "batch" else {kind: KINDS.get(kind, lambda _: None)}
        members(HEADER | own, SOMETIMES)(header)
        need(header["opened_at"] <= header["sealed_at"], "opened after it was sealed")
        need((kind == "genesis") == (number == 0), "the genesis is batch 0, and nothing else is")
        if kind == "batch":
            need(1 <= header["count"] <= 65_536 and header["reason"] != "control", "an empty batch")
            return []
        need(header["count"] == header["count_audit"] == 0 and header["reason"] == "control"
             and header["merkle_root"] == EMPTY.hex(), "a control kind that holds something")
        if kind == "genesis":
            listed = [Key(vkey) for vkey in header["genesis"]["keys"]]
            vkeys = {key.vkey for key in listed}
            need(vkeys & {key.vkey for key in self.keys} and len(listed) <= 16
                 and not listed[0].hardware and {key.vkey for key in self.hardware} <= vkeys,
                 "the genesis does not name the trusted keys")
        elif kind == "key":
            old, new = Key(header["key"]["old"]), Key(header["key"]["new"])
            need(old.id == header["signer"] and new.id != old.id and new.name == old.name
                 and not old.hardware and not new.hardware, "keys")
            return [new]
        elif kind == "prune":
            before, ranges = -1, header["prune"]["ranges"]
            for pair in ranges:
                need(len(pair) == 2 and before < pair[0] <= pair[1] < header["first_index"],
                     "ranges out of order or not sealed")
                before = pair[1]
            need(1 <= len(ranges) <= 1_000, "the number of ranges")
            self.prunes.append(header["prune"])
        return []

    def entry(self, index: int) -> bytes:
        """Its leaf."""
        entry = parse(self.entries[index], -1)
        (ERASED if "erased" in entry else AUDIT if "audit" in entry else ALERT)(entry)
        need(entry["index"] == index, f"index of entry {index}")
        if "erased" in entry:
            self.gone.append(index)
            return bytes.fromhex(entry["erased"])
        leaf = sha256(b"\0", self.entries[index])
        if "audit" in entry:
            self.audits += 1
            return leaf
        alert = entry["alert"]
        uuid7(alert.get("entry_id"))
        device, seq_no = name(alert.get("device_id")), integer(alert.get("seq_no"))
        epoch = integer(alert.get("epoch", 0))
        need(seq_no > 0 and (epoch > 0 or "epoch" not in alert), "seq_no or epoch")
        last = self.devices.get(device, (0, 0))
        need((epoch, seq_no) > last, f"a number of {device} does not rise")
        self.devices[device] = (epoch, seq_no)
        row = self.rows.setdefault((device, epoch), {
            "count": 0, "device_id": device, "epoch": epoch, "first_seq": seq_no,
            "gaps": -last[1] if last[0] == epoch else 0})
        row.update(count=row["count"] + 1, last_seq=seq_no)
        return leaf

    def devices_file(self, index: int) -> tuple[int, bytes]:
        """The number of the segment that holds an entry, and what it held of each device."""
        first = max(first for first in self.segments["log"] if first <= index)
        file = self.store / "log" / f"{first:020}.devices.ndjson"
        need(file.exists(), f"{file.name} is missing")
        return first, file.read_bytes()

    def pruned(self) -> None:
        """What is gone is in sealed ranges, and what stands for it is as it was sealed."""
        ranges = sorted(pair for prune in self.prunes for pair in prune["ranges"])
        need(all(a[1] < b[0] for a, b in zip(ranges, ranges[1:], strict=False)),
             "entries are pruned twice")
        allowed = {index for first, last in ranges for index in range(first, last + 1)}
        need(allowed.issuperset(self.gone), "an entry is gone without a sealed prune header")
        for prune in self.prunes:
            ends = [[self.devices_file(index) for index in pair] for pair in prune["ranges"]]
            need(all(a == b for a, b in ends), "a range is not of one segment")
            files = dict(a for a, _ in ends)
            need(sha256(*files.values()).hex() == prune["devices_sha256"], "pruned devices")

    def content(self, header: Json) -> None:
        first, end, where = self.next_index, self.next_index + header["count"], header["batch_id"]
        gone_before, uncertain = len(self.gone), self.uncertain
        need(len(self.entries) >= end, f"entries of batch {where} are missing")
        self.rows, self.audits, self.next_index, tree = {}, 0, end, Tree()
        for index in range(first, end):
            tree.append(self.entry(index))
        need(tree.root().hex() == header["merkle_root"], f"an entry of batch {where} was altered")
        sources, stated = [self.rows[key] for key in sorted(self.rows)], header["sources"]
        for row in sources:
            row["gaps"] = 0 if uncertain else row["gaps"] + row["last_seq"] - row["count"]
        if len(self.gone) > gone_before:  # the file beside the log says what the lines were
            told = map(parse, self.devices_file(self.gone[gone_before])[1].splitlines())
            sources = [row for row in told if row.pop("batch_id", None) == where]
            alerts = sum(integer(row.get("count")) for row in sources)
            self.audits, uncertain = header["count"] - alerts, False
        if uncertain:
            stated = [{**source, "gaps": 0} for source in stated]
        many = len(sources) > 16
        need(stated == ([] if many else sources) and header["count_audit"] == self.audits
             and header.get("sources_count") == (len(sources) if many else None)
             and ("sources_digest" in header) == many, f"sources or count_audit of batch {where}")
        need(not many or uncertain or header["sources_digest"]
             == sha256(write(sources, 0).encode()).hex(), f"sources_digest of batch {where}")
        self.devices |= {row["device_id"]: (row["epoch"], row["last_seq"]) for row in sources}

    def anchors(self) -> None:
        gone = set()
        for step in map(parse, reversed(self.journal("anchors"))):
            kind = form("|".join(STEPS))(step.get("kind"))
            STEPS[kind](step)
            batch, same = step["batch_id"], (step["target"], step["batch_id"], step["hash"])
            if kind == "superseded":
                gone.add(same)
                continue
            need(batch < len(self.records), f"batch {batch} was rolled back")
            ours = self.records[batch].hex()
            if kind == "attempt":
                need(ours in step["raw"], f"an attempt for another record of batch {batch}")
            elif kind == "receipt":
                need(step["from_batch"] <= batch, "from_batch is above batch_id")
                event = f"{step['from_batch']:064x}" + ours[128:192] + ours[256:] if ours else ""
                need(same in gone or any(event in node for node in step["receipt_path"]),
                     f"another record of batch {batch} is anchored")
            else:
                need(not ours or step["hash"] == self.stamped[batch], f"stamp of batch {batch}")


def verify(store: Path, trust: str) -> str:
    try:
        keys = [Key(vkey) for vkey in re.findall(r"^\s*log\s+([^\s#]+)", trust, re.MULTILINE)]
        return Verifier(store, keys).run()
    except Fault as fault:
        return f"FAIL {fault}"


if __name__ == "__main__":
    print(verdict := verify(Path(sys.argv[1]), Path(sys.argv[2]).read_text()))
    sys.exit("PFU".index(verdict[0]))
