"""Every edit of a store is seen and its place is named; every honest log passes.

`make test` takes a sample, `make test-full` (ANCHORLOG_TEST_FULL=1) the whole: each byte of a 1 MB
store, each cut of the last 256 KiB of its journals, 10,000 honest logs. See edit_matrix.cpp.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = Path(os.environ.get("ANCHORLOG_TESTS", ROOT / "build/release/tests"))
FULL = os.environ.get("ANCHORLOG_TEST_FULL") == "1"
THREADS = ["--threads", str(os.cpu_count() or 1)]
LIMIT_S = 4 * 3600 if FULL else 120

SAMPLE = {
    "bytes": ["--bytes", "40000", "--stride", "13", "--values", "6"],
    "cuts": ["--bytes", "40000", "--stride", "17"],
    "deeds": ["--bytes", "40000", "--rounds", "40"],
    "clean": ["--rounds", "300"],
}
WHOLE = {
    "bytes": ["--bytes", "1250000"],  # what it makes is a little smaller than asked for
    "cuts": ["--bytes", "1048576"],
    "deeds": ["--bytes", "262144", "--rounds", "500"],
    "clean": ["--rounds", "10000"],
}
# What every matrix has to have tried, so that an empty one does not pass.
TRIED_MIN = {"bytes": 1_000_000, "cuts": 262_144, "deeds": 5_000, "clean": 10_000} if FULL else {
    "bytes": 10_000, "cuts": 900, "deeds": 400, "clean": 300}


@pytest.mark.parametrize("matrix", list(SAMPLE))
def test_nothing_is_missed(matrix: str, capfd: pytest.CaptureFixture[str]) -> None:
    options = (WHOLE if FULL else SAMPLE)[matrix]
    done = subprocess.run([TESTS / "edit_matrix", matrix, *options, *THREADS],
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)
    with capfd.disabled():
        print(f"\nedits: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["tried"] >= TRIED_MIN[matrix]
    assert result["missed"] == result["named_wrong"] == 0


def test_a_miss_would_be_seen() -> None:
    assert subprocess.run([TESTS / "edit_matrix", "judge"], timeout=60, check=False).returncode == 0
