"""Writes the seeds of the fuzzers' corpora from tests/vectors: one `seed_*` file a sample.

    build/venv/bin/python tests/fuzz/make_seeds.py

What a fuzzer found later (`found_*`, `crash_*`) stays beside them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
CONFIG = HERE.parents[1] / "config"

Seeds = dict[str, bytes]  # by name, without folder and suffix


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def texts(**samples: str) -> Seeds:
    return {name: text.encode() for name, text in samples.items()}


def cosigner_vkey(name: str, formats: dict[str, Any], member: str = "log_key") -> str:
    tagged = b"\x04" + unhex(formats[member]["public"])
    key_id = hashlib.sha256(name.encode() + b"\n" + tagged).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(tagged).decode()}"


def alert_seeds(formats: dict[str, Any]) -> Seeds:
    alert, messages = formats["alert"], formats["messages"]
    seeds = texts(
        canonical=alert["canonical"], sent=alert["sent"], loose=alert["sent_loosely"],
        signed=formats["signed_alert"]["canonical"], hello=messages["hello"],
        hello_seen=messages["hello_seen"],
    )
    for number, (_, text, _) in enumerate(formats["refused"]):
        seeds[f"refused_{number:02}"] = text.encode("utf-8", "surrogatepass")
    return seeds


def canonical_seeds(formats: dict[str, Any]) -> Seeds:
    seeds = {f"vector_{n}": text.encode() for n, (text, _) in enumerate(formats["canonical"])}
    return seeds | texts(
        numbers="[0,-0,1.0,1e2,9007199254740991,-9007199254740991,5e-324,1.5e-7,0.000001,1e21]",
        beyond="[9007199254740992]",
        escapes='"\\b\\f\\n\\r\\t\\"\\\\\\/\\u0000\\u001f\\u007f\\u2028\\ud83d\\ude00"',
        order='{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\U0001f600":5,"\u0080":6,"\u00f6":7}',
        nested="[" * 16 + "]" * 16, too_deep="[" * 17 + "]" * 17,
        literals="[true,false,null,{},[]]", spaces=' { "b" : [ 1 , 2 ] ,\n\t"a" : { } } ',
        twice='{"a":1,"\\u0061":2}', surrogate='"\\ud800"', sent=formats["alert"]["sent_loosely"],
    )


def encoding_seeds(formats: dict[str, Any]) -> Seeds:
    times = formats["log"]["times"]
    return texts(
        hash=formats["log_id"], base64=formats["signed_alert"]["sig"], short="AQ==", pair="AQI=",
        uuid="019b7caa-8976-7e21-b0c4-91f83a6d2e57", integer="9007199254740991", zero="0",
        server_time=times["received"], sender_time="2026-01-02T03:05:10.123456789Z",
        leap_day="2024-02-29T23:59:59Z", first="0001-01-01T00:00:00.000Z",
        last="9999-12-31T23:59:59.999Z",
    )


def entry_seeds(formats: dict[str, Any]) -> Seeds:
    return {f"entry_{n}": text.encode() for n, text in enumerate(formats["log"]["entries"])}


def frame_seeds(formats: dict[str, Any]) -> Seeds:
    frames = {name: unhex(text) for name, text in formats["frames"].items()}
    whole = b"".join(frames.values())
    return {
        "one_chunk_size": b"\x01\x05" + frames["hello"],
        "bytewise": b"\x01\x01" + whole,
        "chunks": b"\x03\x07\x40\xff" + whole,
        "no_sizes": b"\x00" + whole,
        "cut": b"\x02\x09\x02" + whole[:-3],
        "length_zero": b"\x01\x03" + frames["ack"] + b"\0\0\0\0rest",
        "too_large": b"\x01\x04" + frames["ack"] + b"\0\1\0\1rest",
    }


def batch_seeds(formats: dict[str, Any]) -> tuple[Seeds, Seeds, Seeds]:
    batches = formats["log"]["batches"]
    headers = {f"header_{n}": batch["header"].encode() for n, batch in enumerate(batches)}
    lines = {f"batch_{n}": batch["line"].encode() for n, batch in enumerate(batches)}
    notes = {f"note_{n}": batch["checkpoint"].encode() for n, batch in enumerate(batches)}
    header = json.loads(batches[1]["header"])
    many = {**header, "sources": [], "sources_count": 17, "sources_digest": "ab" * 32,
            "count": 20, "count_audit": 3}
    beacon = {**header, "beacon": {"chain_id": 1, "hash": "cd" * 32, "number": 7}}
    control = {**header, "kind": "note", "note": {"text": "x"}, "count": 0, "count_audit": 0,
               "sources": [], "merkle_root": formats["empty_root"], "reason": "control"}
    headers |= texts(many_sources=canonical(many), beacon=canonical(beacon),
                     control=canonical(control), later=canonical({**header, "v": 2}))
    note = batches[1]["checkpoint"]
    # A cosignature of the vectors' key, as C2SP's tools made it.
    golden = ("anchorlog.example/gw-01\n1\nD+fwTNloj7mW7qmuEkjL6DtNBIBUE/NaslrZ3rWjyzI=\n\n"
              "\u2014 anchorlog.example/gw-01 vrtA37jqLVm79KdTBzYG0bnN/K++hMp0Y6x/Teiak2/BG6XffFYOX"
              "P99qGMglm/lpYNFLYw186aWxdF5Isr8C25DDAg=\n"
              "\u2014 anchorlog.example/gw-01 mbP3AgAAAABlU/EAXEIH6ZRUFeFwC7mYZ5vHSamUqIuHh6qwUAAqW"
              "84vTQuj6mVDlugXqbIu4V1bkKjj23hI448QorKAf/sdj45VAg==\n")
    notes |= texts(cosignature=golden, witness=cosigner_vkey("witness.example/w1", formats))
    notes |= texts(checkpoint=batches[1]["checkpoint_text"], vkey=formats["log_key"]["vkey"],
                   cosigned=note + "\u2014 witness.example/w AAAAAAECAwQ=\n",
                   empty_tree="a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
    return headers, lines, notes


def anchor_seeds(eth: dict[str, Any]) -> Seeds:
    seeds: Seeds = {}
    for name, block, at in (("one", eth["chain"]["blocks"][0], 0),
                            ("twenty", eth["chain"]["blocks"][2], 0)):
        log = block["rpc_receipt"]["logs"][0]
        proof = next(p for p in block["proofs"] if p["index"] in (at, hex(at)))
        seeds[f"receipt_{name}"] = canonical({
            "at": "2026-01-02T03:06:11.000Z", "batch_id": int(log["topics"][2], 16),
            "block_hash": unhex(block["hash"]).hex(), "block_header": unhex(block["header"]).hex(),
            "block_number": int(block["rpc_block"]["number"], 16), "chain_id": 1337,
            "contract": unhex(log["address"]).hex(), "from_batch": int(log["data"][2:66], 16),
            "hash": unhex(log["transactionHash"]).hex(), "kind": "receipt", "log_index": 0,
            "receipt_path": [unhex(node).hex() for node in proof["nodes"]], "target": "eth",
            "transaction_index": at,
        }).encode()
    calls = {call["data"]: call["record"] for call in eth["contract"]["anchor_calls"]}
    sent = next(t for t in eth["transactions"] if t["data"] in calls and t["to"])
    numbers = {name: int(sent[name], 16) for name in ("nonce", "gas", "max_fee", "chain_id")}
    seeds["attempt"] = canonical({
        "at": "2026-01-02T03:06:10.500Z", "batch_id": int(calls[sent["data"]]["batch_id"], 16),
        "gas": numbers["gas"], "hash": unhex(sent["hash"]).hex(), "kind": "attempt",
        "max_fee": str(numbers["max_fee"]), "nonce": numbers["nonce"],
        "priority_fee": str(int(sent["max_priority_fee"], 16)), "raw": unhex(sent["raw"]).hex(),
        "target": "eth",
    }).encode()
    seeds["superseded"] = canonical({
        "at": "2026-01-02T03:06:12.000Z", "batch_id": 1, "hash": "ef" * 32, "kind": "superseded",
        "reason": "block 5 left the chain", "target": "eth",
    }).encode()
    return seeds


def proof_seeds(formats: dict[str, Any], anchors: Seeds) -> Seeds:
    """Files, and files whose extra stands at their beginning as it is."""
    log = formats["log"]
    batch = log["batches"][1]
    receipt = json.loads(anchors["receipt_one"])
    extra = {"anchors": [], "batch_path": [log["leaves"][0], log["leaves"][2]],
             "entry": log["entries"][1], "header": batch["header"], "keys": [],
             "seal": batch["seal"], "v": 1}
    key = {"checkpoint": batch["checkpoint"], "header": batch["header"], "path": []}
    whole = {**extra, "anchors": [{"path": [log["leaves"][1]], "receipt": receipt}], "keys": [key]}
    path = base64.b64encode(unhex(log["batches"][0]["header_leaf"])).decode()
    rest = f"index 1\n{path}\n\n{batch['checkpoint']}"
    return texts(
        bare="c2sp.org/tlog-proof@v1\n" + rest, small=canonical(extra) + "\n" + rest,
        whole=canonical(whole) + "\n" + rest, later=canonical({**extra, "v": 2}) + "\n" + rest,
        file="c2sp.org/tlog-proof@v1\nextra "
             + base64.b64encode(canonical(extra).encode()).decode() + "\n" + rest,
    )


def raw_proof_seeds() -> Seeds:
    """Some of the published proofs, good and bad."""
    published = json.loads((VECTORS / "transparency-dev-merkle.json").read_text())
    wanted = ("happy-path", "empty-root", "swapped-roots", "inserted-component", "size1-sub-@1")
    return {
        name.replace("/", "_").replace("@", ""): json.dumps(case).encode()
        for name, case in published.items()
        if name.endswith(wanted) and name.split("/")[1] in "013"
    }


def rlp_seeds(eth: dict[str, Any]) -> Seeds:
    seeds = {f"good_{n:02}": unhex(v["encoded"]) for n, v in enumerate(eth["rlp"]) if n % 2}
    seeds |= {f"bad_{n:02}": unhex(v["encoded"]) for n, v in enumerate(eth["rlp_bad"])}
    return {name: seed for name, seed in seeds.items() if len(seed) <= 400}


def chain_seeds(eth: dict[str, Any]) -> tuple[Seeds, Seeds, Seeds]:
    blocks = eth["chain"]["blocks"]
    headers = {f"header_{n}": unhex(block["header"]) for n, block in enumerate(blocks[:2])}
    receipts = {f"receipt_{n}": unhex(receipt) for n, receipt in enumerate(blocks[1]["receipts"])}
    proofs: Seeds = {}
    for block in blocks[1:3]:
        for proof in block["proofs"][:3]:
            nodes = [unhex(node) for node in proof["nodes"]]
            path = b"".join(len(node).to_bytes(2, "big") + node for node in nodes)
            name = f"proof_{len(block['receipts'])}_{proof['index']}"
            proofs[name] = bytes([len(nodes)]) + path + unhex(proof["key"])
    return headers, receipts, proofs


def transaction_seeds(eth: dict[str, Any]) -> Seeds:
    chosen = eth["transactions"]
    shortest = min(chosen, key=lambda t: len(t["raw"]))
    creation = next(t for t in chosen if not t["to"])
    call = next(t for t in chosen if t["data"].startswith(eth["contract"]["anchor_calls"][0]["data"]
                                                         [:10]))
    return {"short": unhex(shortest["raw"]), "creation": unhex(creation["raw"])[:2000],
            "call": unhex(call["raw"])}


def contract_seeds(eth: dict[str, Any]) -> Seeds:
    contract = eth["contract"]
    event = contract["events"][0]
    topics = b"".join(unhex(topic) for topic in event["topics"])
    text = b"Execution reverted"
    words = (32).to_bytes(32, "big") + len(text).to_bytes(32, "big") + text.ljust(32, b"\0")
    seeds = {f"revert_{r['name'].lower()}": unhex(r["data"]) for r in contract["reverts"]}
    return seeds | {
        "call": unhex(contract["anchor_calls"][0]["data"]),
        "head": unhex(contract["head_answers"][0]["data"]),
        "event": bytes([4]) + topics + unhex(event["data"]),
        "error_text": unhex("0x08c379a0") + words,
        "address": eth["accounts"][0]["address"].encode(),
        "record": unhex(contract["anchor_calls"][0]["record_hash"]),
    }


def rpc_seeds(eth: dict[str, Any]) -> Seeds:
    block = eth["chain"]["blocks"][0]
    head = eth["contract"]["head_answers"][0]["data"]
    log = {**block["rpc_receipt"]["logs"][0], "address": "0x" + "00" * 20}
    log["topics"] = [log["topics"][0], "0x" + "00" * 32, *log["topics"][2:]]
    first = {**block["rpc_block"], "number": "0x1"}
    receipt = {**block["rpc_receipt"], "blockHash": "0x" + "00" * 32}
    samples = {
        "chain_id": ("r0", "0x539"), "genesis": ("r1", block["rpc_block"]),
        "finalized": ("r2", block["rpc_block"]), "code": ("r3", "0x6080"),
        "balance": ("r4", "0xde0b6b3a7640000"), "fees": ("r5", "0x3b9aca00"),
        "head": ("r6", head), "record": ("r7", "0x" + "11" * 32), "gas": ("r8", "0xe4c0"),
        "sent": ("r9", "0x" + "22" * 32), "block": ("rb", block["rpc_block"]),
        "other_block": ("rb", first), "receipt": ("rr", block["rpc_receipt"]),
        "receipts": ("rl", [receipt]), "events": ("re", [log]),
        "reverted": ("e6", {"code": 3, "message": "execution reverted",
                            "data": eth["contract"]["reverts"][0]["data"]}),
        "ganache": ("e8", {"code": -32000, "message": "VM Exception",
                           "data": {"result": eth["contract"]["reverts"][1]["data"]}}),
        "no_method": ("el", {"code": -32601, "message": "the method does not exist"}),
        "busy": ("h0", {"error": {"code": 429, "message": "Too Many Requests"}}),
        "body": ("b0", {"jsonrpc": "2.0", "id": 1, "result": "0x1"}),
    }
    return {name: (lead + json.dumps(value)).encode() for name, (lead, value) in samples.items()}


def config_seeds(formats: dict[str, Any]) -> tuple[Seeds, Seeds, Seeds]:
    full = json.loads((CONFIG / "anchorlogd.json").read_text())
    target = {
        "id": "eth", "type": "ethereum", "rpc": "http://127.0.0.1:8545", "chain_id": 1337,
        "contract": "0x" + "42" * 20, "code_hash": "0x" + "6c" * 32, "submitter_key": "a.key",
        "profile": "ganache", "confirmations": 1, "interval_s": 0, "max_fee_gwei": 100,
    }
    anchored = {**full, "anchor": {"targets": [target]}}
    configs = texts(small=(CONFIG / "small.json").read_text(), full=json.dumps(full),
                    anchored=json.dumps(anchored))
    senders = json.loads((CONFIG / "senders.json").read_text())
    keyed = {"senders": {"gw-01": {"state": "active", "devices": {
        "*": {}, "cam-2": {"key": formats["device_key"]["public"]}}},
        "gw-02": {"state": "revoked", "devices": {}},
        "gw-03": {"state": "suspended", "devices": {"a": {}}}}}
    registries = texts(small=json.dumps(senders), keyed=json.dumps(keyed),
                       twice='{"senders":{"a":{"state":"revoked","devices":{}},'
                             '"a":{"state":"active","devices":{}}}}')
    vkey = formats["log_key"]["vkey"]
    first = cosigner_vkey("witness.example/w1", formats)
    second = cosigner_vkey("witness.example/w2", formats, "device_key")
    trusts = texts(
        log=f"log {vkey}\n",
        whole=f"# what we trust\nlog {vkey} https://log.example/\n"
              f"witness w1 {first} https://w.example\nwitness w2 {second}\n"
              "group g any w1 w2\ngroup h 2 g w1 w2\nquorum h\n"
              f"anchor eip155:1:0x{'42' * 20} 0x{'6c' * 32} public\n"
              f"block 1 5 {'ab' * 32}\n",
        none=f"log {vkey}\nquorum none\nanchor eip155:1337:0x{'42' * 20} {'6c' * 32} private\r\n",
    )
    return configs, registries, trusts


def journal_seeds() -> Seeds:
    """Segments, separated by 0x1E; lines tell their numbers."""
    return {
        "empty": b"", "padded": b"0:a\n1:bb\n" + bytes(40), "torn": b"0:a\n1:bb\n2:cc",
        "hole": b"0:a\n1:b\0\n2:c\n" + bytes(9), "wrong_number": b"0:a\n2:b\n",
        "zeros": bytes(64), "long": b"0:" + b"x" * 46 + b"\n1:" + b"y" * 47 + b"\n",
        "two": b"0:a\n1:b\n\x1e2:c\n" + bytes(20),
        "empty_newest": b"0:a\n1:b\n\x1e" + bytes(64),
        "gap": b"0:a\n\x1e\xff2:c\n", "three": b"0:a\n\x1e1:b\n\x1e2:c\n3:d",
        "full": b"".join(b"%d:%s\n" % (n, b"z" * 20) for n in range(5)) + bytes(8),
    }


def tree_seeds() -> tuple[Seeds, Seeds, Seeds]:
    """Inputs that are instructions: sizes and changes, as the targets read them."""
    paths = {
        "first": bytes([6, 0, 1]), "last": bytes([6, 6, 2]), "middle": bytes([99, 41, 7]),
        "power_of_two": bytes([127, 64, 1]), "same_size": bytes([6, 7, 0]),
        "older": bytes([200, 129, 130]), "dropped": bytes([20, 7, 3, 0, 1]),
        "swapped": bytes([20, 7, 3, 1, 2]), "flipped": bytes([20, 7, 3, 2, 0, 5, 1]),
        "longer": bytes([20, 7, 3, 3, 0, 9, 4, 1, 3]),
    }
    lists = {
        "one": bytes([0, 1, 0, 0, 0, 1, 3]), "small": bytes([2, 0, 1, 0, 9, 1]) + bytes(range(5)),
        "twenty": bytes([17, 3, 0, 0, 40, 128]) + bytes([60] * 20),
        "deep": bytes([139, 5, 2, 0, 7, 2]) + bytes([40] * 140),
        "none_such": bytes([9, 0, 0, 0, 0, 0, 4]),
    }
    edits = {
        "sound": b"\x00", "overwrite": b"\x01\x00\x03\x00\x20\x02AB",
        "flip": b"\x02\x04\x03\x01\x00\x01",
        "insert": b"\x03\x01\x03\x00\x00\x02{}", "erase": b"\x04\x02\x01\x00\x50\x05",
        "truncate": b"\x05\x03\x01\x01\x00\x00", "line_away": b"\x06\x05\x03\x00\x10\x00",
        "line_moved": b"\x07\x06\x03\x02\x10\x07", "file_away": b"\x08\x07\x00\x00\x00\x00",
        "no_anchor": b"\x01\x05\x00\x00\x00\x00\x05\x00\x00\x00\x00",
        "no_leaves": b"\x01\x07\x02\x00\x00\x00\x07\x03\x00\x00\x00",
    }
    return paths, lists, edits


def evidence_edits() -> Seeds:
    """Edits of evidence: which one, then what, of which part and with which other one."""
    return {
        "sound": b"\x00", "unanchored": b"\x0b", "overwrite": b"\x01\x00\x00\x00\x20\x02AB",
        "flip_checkpoint": b"\x02\x04\x01\x00\x40\x01", "insert": b"\x03\x01\x00\x00\x00\x02{}",
        "erase_path": b"\x04\x02\x01\x00\x08\x2d", "cut": b"\x05\x03\x01\x00\x60\x00",
        "other_rest": b"\x00\x05\x15", "other_extra": b"\x00\x05\x14",
        "neighbour_rest": b"\x00\x05\x03", "splice": b"\x00\x06\x0e\x01\x00\x40",
        "splice_checkpoint": b"\x00\x06\x0f\x00\x50\x10",
    }


def alert_receipt_seeds(formats: dict[str, Any]) -> Seeds:
    """Edits of receipts: which one, then what, at which of its bytes; and two as they come."""
    receipt = {
        "device_id": "cam-1", "epoch": 0, "index": 4, "leaf": formats["empty_root"],
        "received_at": "2026-01-02T03:04:05.678Z", "seq_no": 1, "sig": "A" * 86 + "==",
        "signer": "e6a66c39", "type": "receipt",
    }
    return {
        "kept": b"\x00", "broken": b"\x01", "unsealed": b"\x02",
        "flip_index": b"\x00\x04\x00\x2a\x01", "flip_leaf": b"\x01\x04\x00\x38\x01",
        "overwrite": b"\x00\x00\x00\x20\x02AB", "insert": b"\x00\x01\x00\x01\x02  ",
        "erase": b"\x01\x02\x00\x10\x08", "cut": b"\x00\x03\x00\x60\x00",
    } | texts(forged=canonical(receipt), loose=json.dumps(receipt))


def tile_path_seeds() -> Seeds:
    samples = {
        "full": (70_000, "tile/0/000"), "thousands": (1_234_068 * 256, "tile/0/x001/x234/067"),
        "partial": (300, "tile/0/001.p/44"), "bundle": (257, "tile/entries/000"),
        "partial_bundle": (5, "tile/entries/000.p/5"), "above": (65_536, "tile/1/000"),
        "beyond": (256, "tile/0/001"), "leading": (256, "tile/0/x000/001"),
        "level": (2**63, "tile/64/000"), "wide": (256, "tile/0/000.p/256"),
        "none": (0, "tile/0/000.p/0"), "huge": (2**64 - 1, "tile/0/" + "x999/" * 7 + "999"),
    }
    return {name: size.to_bytes(8, "big") + path.encode()
            for name, (size, path) in samples.items()}


def all_seeds() -> dict[str, Seeds]:
    formats = json.loads((VECTORS / "formats.json").read_text())
    eth = json.loads((VECTORS / "eth.json").read_text())
    headers, batches, notes = batch_seeds(formats)
    block_headers, receipts, proofs = chain_seeds(eth)
    configs, registries, trusts = config_seeds(formats)
    paths, lists, edits = tree_seeds()
    anchors = anchor_seeds(eth)
    makers: dict[str, Callable[[dict[str, Any]], Seeds]] = {
        "alert": alert_seeds, "alert_receipt": alert_receipt_seeds, "canonical": canonical_seeds,
        "encoding": encoding_seeds, "entry": entry_seeds, "frame": frame_seeds,
    }
    return {name: maker(formats) for name, maker in makers.items()} | {
        "anchor_line": anchors, "anchor_proof": anchors, "batch_line": batches,
        "block_header": block_headers, "config": configs, "contract_data": contract_seeds(eth),
        "header": headers, "journal": journal_seeds(), "list_trie": lists,
        "merkle_path": paths, "note": notes,
        "evidence": evidence_edits(), "raw_proof": raw_proof_seeds(),
        "tlog_proof": proof_seeds(formats, anchors), "receipt": receipts,
        "tile_path": tile_path_seeds(), "registry": registries, "rlp": rlp_seeds(eth),
        "rpc_answer": rpc_seeds(eth), "transaction": transaction_seeds(eth),
        "trie_proof": proofs, "trust": trusts, "verify_log": edits,
    }


def main() -> None:
    for target, seeds in all_seeds().items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("seed_*"):
            old.unlink()
        for name, seed in seeds.items():
            (folder / f"seed_{name}.bin").write_bytes(seed)


if __name__ == "__main__":
    main()
