"""logverify gives out the evidence file of the vectors for the example log, and accepts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
