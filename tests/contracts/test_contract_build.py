"""The committed code of the contracts is what their sources compile to, and what C++ embeds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ganache_node import CONTRACTS

ROOT = CONTRACTS.parent
HEADER = ROOT / "src" / "anchor" / "eth" / "log_anchor_bytecode.h"


def check(contracts: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", "compile.mjs", "--check"],
        cwd=contracts, capture_output=True, text=True, timeout=120,
    )


def test_committed_code_is_what_the_sources_compile_to() -> None:
    run = check(CONTRACTS)
    assert run.returncode == 0, run.stderr


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """The contracts in a tree of their own that may be altered."""
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name in ["LogAnchor.sol", "DeviceKeyRegistry.sol", "compile.mjs", "package.json"]:
        shutil.copy(CONTRACTS / name, contracts / name)
    shutil.copytree(CONTRACTS / "build", contracts / "build")
    (contracts / "node_modules").symlink_to(CONTRACTS / "node_modules")
    header = tmp_path / HEADER.relative_to(ROOT)
    header.parent.mkdir(parents=True)
    shutil.copy(HEADER, header)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "old", "new", "named"),
    [
        ("contracts/LogAnchor.sol", "nextBatch = batchId + 1", "nextBatch = batchId + 2", "json"),
        ("contracts/build/LogAnchor.json", '"codeHash": "0x', '"codeHash": "0x0', "json"),
        (str(HEADER.relative_to(ROOT)), "6080604052", "6080604053", "log_anchor_bytecode.h"),
    ],
)
def test_a_stale_file_is_seen(
    copied_tree: Path, changed: str, old: str, new: str, named: str
) -> None:
    path = copied_tree / changed
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    run = check(copied_tree / "contracts")
    assert run.returncode == 1
    assert named in run.stderr


def test_a_comment_does_not_change_the_code_hash(copied_tree: Path) -> None:
    path = copied_tree / "contracts" / "LogAnchor.sol"
    path.write_text(path.read_text() + "\n// Another comment.\n")
    assert check(copied_tree / "contracts").returncode == 0


def test_header_holds_the_artifact() -> None:
    artifact = json.loads((CONTRACTS / "build" / "LogAnchor.json").read_text())
    text = HEADER.read_text()
    code, code_hash = text.split("kLogAnchorCodeHash")
    assert "".join(re.findall(r'"([0-9a-f]+)"', code)) == artifact["bytecode"][2:]
    assert artifact["codeHash"] in code_hash
    assert max(len(line) for line in text.splitlines()) <= 100


def test_vectors_are_of_this_contract() -> None:
    artifact = json.loads((CONTRACTS / "build" / "LogAnchor.json").read_text())
    vectors = json.loads((ROOT / "tests" / "vectors" / "eth.json").read_text())
    assert vectors["contract"]["code_hash"] == artifact["codeHash"]
    assert len(vectors["transactions"]) >= 200
    for part in ("r", "s"):
        assert any(t[part].startswith("0x00") for t in vectors["transactions"])
    assert [len(b["receipts"]) for b in vectors["chain"]["blocks"]] == [1, 3, 20, 140]
