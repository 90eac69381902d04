"""Every example in docs/ is what tests/vectors/formats.json says, and that is right.

A fenced block below `<!-- vector: NAME -->` holds that value of the vectors; `vector-hex` allows
white space between the digits, `vector-json` any layout. The unit tests compare the same file with
the code, so a page, the vectors and the code cannot part.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from project import ROOT

VECTORS = json.loads((ROOT / "tests" / "vectors" / "formats.json").read_text())
PAGES = ["message_schema.md", "framing_spec.md", "log_format.md", "evidence_format.md",
         "tls-policy.md"]
PAGE_LINES_MAX = 250
REFERENCE_LINES_MAX = 400  # log_format.md: every rule that a second verifier needs
VERIFIER = ROOT / "tests" / "reference" / "anchorlog_verify.py"

_BLOCK = re.compile(
    r"<!-- (vector(?:-hex|-json)?): (\S+) -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
_MARK = re.compile(r"<!-- vector(?:-hex|-json)?: ")
_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def vector(path: str) -> Any:
    value: Any = VECTORS
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def is_shown(kind: str, block: str, value: str) -> bool:
    if kind == "vector-hex":
        return "".join(block.split()) == value
    if kind == "vector-json":
        return bool(json.loads(block) == json.loads(value))
    return block.removesuffix("\n") == value.removesuffix("\n")


def examples() -> Iterator[tuple[str, str, str, str]]:
    for name in PAGES:
        for kind, path, block in _BLOCK.findall(page(name)):
            yield name, kind, path, block


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    folder = str(ROOT / "tests" / "vectors")
    sys.path.insert(0, folder)
    import make_formats

    yield make_formats
    sys.path.remove(folder)


@pytest.fixture
def store(tmp_path: Path, generator: ModuleType) -> Path:
    generator.write_store(VECTORS, tmp_path)
    return tmp_path


def test_the_vectors_are_what_their_generator_makes(generator: ModuleType) -> None:
    assert generator.build() == VECTORS


@pytest.mark.parametrize(("name", "kind", "path", "block"), list(examples()))
def test_an_example_is_its_vector(name: str, kind: str, path: str, block: str) -> None:
    assert is_shown(kind, block, vector(path)), f"docs/{name}: {path}"


@pytest.mark.parametrize("name", PAGES)
def test_no_mark_is_without_its_block(name: str) -> None:
    assert len(_MARK.findall(page(name))) == len(_BLOCK.findall(page(name)))


@pytest.mark.parametrize("name", PAGES)
def test_every_hash_is_a_vector(name: str) -> None:
    known = json.dumps(VECTORS)
    assert [found for found in _HASH.findall(page(name)) if found not in known] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_short(name: str) -> None:
    lines_max = REFERENCE_LINES_MAX if name == "log_format.md" else PAGE_LINES_MAX
    assert len(page(name).splitlines()) <= lines_max


def test_the_comparison_can_fail() -> None:
    assert is_shown("vector-hex", "00 0\n1", "0001")
    assert not is_shown("vector-hex", "00 02", "0001")
    assert not is_shown("vector", "a\nc\n", "a\nb\n")
    assert not is_shown("vector-json", '{"a": 2}', '{"a":1}')


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def test_hashes_are_those_of_the_lines() -> None:
    log = VECTORS["log"]
    leaves = [sha256(b"\0", line.encode()) for line in log["entries"]]
    assert [leaf.hex() for leaf in leaves] == log["leaves"]
    left = sha256(b"\1", leaves[0], leaves[1])
    assert left.hex() == log["node_0_1"]
    assert sha256(b"\1", left, leaves[2]).hex() == log["merkle_root"]
    headers = [sha256(b"\0", batch["header"].encode()) for batch in log["batches"]]
    assert headers[0].hex() == log["batches"][0]["history_root"]
    assert sha256(b"\1", *headers).hex() == log["batches"][1]["history_root"]
    assert sha256(VECTORS["origin"].encode()).hex() == VECTORS["log_id"]


def test_signatures_hold() -> None:
    log_key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["log_key"]["public"]))
    for batch in VECTORS["log"]["batches"]:
        text, signature = batch["checkpoint"].split("\n\n")
        blob = base64.b64decode(signature.split()[2])
        assert blob[:4].hex() == VECTORS["log_key"]["key_id"]
        log_key.verify(blob[4:], text.encode() + b"\n")
        payload = bytes.fromhex(batch["seal_payload"])
        assert len(payload) == 130
        log_key.verify(base64.b64decode(batch["seal"]), payload)
    signed = VECTORS["signed_alert"]
    device_key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["device_key"]["public"]))
    device_key.verify(base64.b64decode(signed["sig"]), bytes.fromhex(signed["payload"]))
    unsigned = json.loads(signed["canonical"])
    assert unsigned.pop("sig") == signed["sig"]
    text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"))
    assert bytes.fromhex(signed["payload"]) == b"anchorlog/alert/v1\0" + text.encode()


def run_verifier(store: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(VERIFIER), str(store), str(store / "trust.txt")],
        capture_output=True, text=True, timeout=60, check=False,
    )


def test_the_reference_verifier_accepts_the_example(store: Path) -> None:
    done = run_verifier(store)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in page("log_format.md")


def check_by_hand(file: Path, text: str) -> subprocess.CompletedProcess[str]:
    file.write_text(text)
    script = re.search(r"^```python\n(.*?)^```$", page("evidence_format.md"),
                       re.DOTALL | re.MULTILINE)
    assert script
    return subprocess.run([sys.executable, "-c", script[1], str(file)], capture_output=True,
                          text=True, timeout=60, check=False)


def test_evidence_is_checked_by_hand_as_the_page_says(tmp_path: Path) -> None:
    text: str = VECTORS["evidence"]["file"]
    done = check_by_hand(tmp_path / "one.evidence", text)
    assert done.stdout == "entry 1 is in batch 1 of anchorlog.example/gw-01, size 2\n", done.stderr
    extra = VECTORS["evidence"]["extra"]
    assert "host_scan" in extra
    forged = base64.b64encode(extra.replace("host_scan", "port_scan").encode()).decode()
    before = base64.b64encode(extra.encode()).decode()
    assert check_by_hand(tmp_path / "forged", text.replace(before, forged)).returncode != 0


@pytest.mark.parametrize("journal", ["log", "batches"])
def test_the_reference_verifier_refuses_another_byte(store: Path, journal: str) -> None:
    path = store / journal / ("0" * 20 + ".ndjson")
    content = path.read_bytes()
    # Inside an entry, and inside the policy of the genesis header.
    wanted = {"log": (b'"dst_port":445', b'"dst_port":446'),
              "batches": (b'"window_s":30', b'"window_s":60')}[journal]
    assert wanted[0] in content
    path.write_bytes(content.replace(*wanted))
    assert run_verifier(store).returncode != 0


def test_canonical_examples_are_vectors() -> None:
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \|", page("message_schema.md"), re.MULTILINE)
    shown = [list(row) for row in rows if row[0].startswith(("[", "{"))]
    assert shown
    assert [row for row in shown if row not in VECTORS["canonical"]] == []


def code_names(path: str, pattern: str) -> list[str]:
    return re.findall(pattern, (ROOT / path).read_text())


def test_every_reject_code_has_its_row() -> None:
    in_code = code_names("src/wire/message.cpp", r'case RejectCode::\w+:\s+return "(\w+)"')
    row = re.compile(r"^\| `(\w+)` \| (?:permanent|transient) \|", re.MULTILINE)
    rows = row.findall(page("message_schema.md"))
    assert in_code
    assert sorted(rows) == sorted(in_code)


def test_the_cipher_suites_are_those_of_the_code() -> None:
    in_code = code_names("src/net/tls_context.cpp", r"(TLS_[A-Z0-9_]{10,})")
    row = next(line for line in page("tls-policy.md").splitlines() if "cipher suites" in line)
    assert re.findall(r"`(TLS_\w+)`", row) == in_code


def test_every_header_member_has_its_row() -> None:
    members = set(code_names("src/wire/header.cpp", r'reader\.\w+\("(\w+)"'))
    text = page("log_format.md")
    assert len(members) > 15
    assert [member for member in sorted(members) if f"`{member}`" not in text
            and f'"{member}"' not in text] == []
