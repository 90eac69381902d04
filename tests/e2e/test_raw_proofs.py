"""`logverify raw`: proofs made by others, straight against the program."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from harness import ROOT, leaf_hash, merkle_root
from harness.paths import program
from harness.process import run

PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "tests/vectors/transparency-dev-merkle.json").read_text()
)
EXIT_OK, EXIT_ERROR, EXIT_USAGE = 0, 1, 64


def raw(kind: str, text: str) -> tuple[int, str]:
    done = run([program("logverify"), "raw", kind], stdin=text)
    return done.returncode, done.stdout


def is_accepted(kind: str, vector: dict[str, Any]) -> bool:
    status, answer = raw(kind, json.dumps(vector))
    assert (status, answer.split(":")[0].strip()) in ((EXIT_OK, "ok"), (EXIT_ERROR, "error"))
    return status == EXIT_OK


def test_the_published_vectors() -> None:
    kinds = {name.split("/")[0] for name in PUBLISHED}
    assert kinds == {"inclusion", "consistency"}
    assert len(PUBLISHED) == 196
    wrong = [
        name for name, vector in PUBLISHED.items()
        if is_accepted(name.split("/")[0], vector) == vector["wantErr"]
    ]
    assert wrong == []


def split_of(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 §2.1.3.1, as its text defines it."""
    if len(leaves) == 1:
        return []
    split = split_of(len(leaves))
    if index < split:
        return [*inclusion(index, leaves[:split]), merkle_root(leaves[split:])]
    return [*inclusion(index - split, leaves[split:]), merkle_root(leaves[:split])]


def consistency(size: int, leaves: list[bytes], is_whole: bool = True) -> list[bytes]:
    """RFC 9162 §2.1.4.1, as its text defines it."""
    if size == len(leaves):
        return [] if is_whole else [merkle_root(leaves)]
    split = split_of(len(leaves))
    if size <= split:
        return [*consistency(size, leaves[:split], is_whole), merkle_root(leaves[split:])]
    return [*consistency(size - split, leaves[split:], False), merkle_root(leaves[:split])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_proofs_of_our_own_making() -> None:
    """Right ones are accepted; with one bit changed anywhere they are not."""
    draw = random.Random(9162)
    for size in (1, 2, 3, 7, 8, 21):
        leaves = [leaf_hash(bytes([size, n])) for n in range(size)]
        root = merkle_root(leaves)
        index = draw.randrange(size)
        included = {
            "leafIdx": index, "treeSize": size, "root": b64(root),
            "leafHash": b64(leaves[index]),
            "proof": [b64(step) for step in inclusion(index, leaves)],
        }
        old = draw.randint(1, size)
        consistent = {
            "size1": old, "size2": size, "root1": b64(merkle_root(leaves[:old])),
            "root2": b64(root), "proof": [b64(step) for step in consistency(old, leaves)],
        }
        for kind, vector in (("inclusion", included), ("consistency", consistent)):
            assert is_accepted(kind, vector), vector
            for changed in changes(vector, draw):
                assert not is_accepted(kind, changed), changed


def changes(vector: dict[str, Any], draw: random.Random) -> list[dict[str, Any]]:
    """The vector with one bit of each hash changed, a step more, and a step less."""
    out = [vector | {"proof": [*vector["proof"], b64(bytes(32))]}]
    if vector["proof"]:
        out.append(vector | {"proof": vector["proof"][:-1]})
    for name in ("root", "leafHash", "root1", "root2"):
        if name in vector:
            out.append(vector | {name: flipped(vector[name], draw)})
    for place in range(len(vector["proof"])):
        proof = list(vector["proof"])
        proof[place] = flipped(proof[place], draw)
        out.append(vector | {"proof": proof})
    return out


def flipped(text: str, draw: random.Random) -> str:
    data = bytearray(base64.b64decode(text))
    data[draw.randrange(32)] ^= 1 << draw.randrange(8)
    return b64(bytes(data))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("inclusion", ""), ("inclusion", "[]"), ("inclusion", "{}"), ("consistency", "{"),
        ("inclusion", '{"leafIdx":-1,"treeSize":1,"root":"","leafHash":"","proof":[]}'),
        ("inclusion", '{"leafIdx":0,"treeSize":1,"root":"=","leafHash":"","proof":[]}'),
        ("consistency", '{"size1":1,"size2":1.5,"root1":"","root2":"","proof":[]}'),
        ("consistency", '{"size1":1,"size2":1,"root1":"","root2":"","proof":{}}'),
        ("subtree", "{}"),
    ],
)
def test_what_is_no_proof_is_not_judged(kind: str, text: str) -> None:
    status, answer = raw(kind, text)
    assert (status, answer) == (EXIT_USAGE, "")
