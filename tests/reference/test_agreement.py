"""The project's verifier and the reference say the same of random stores and random edits.

One case is a seed: the store random_log writes for it, with one to three edits drawn from it. The
sample is ANCHORLOG_REFERENCE_CASES (200) cases, with ANCHORLOG_TEST_FULL=1 it is 6,000. A case that
fails is run again with `pytest tests/reference --seed N`.

Whether a chain holds an anchor is not the reference's to say: where logverify finds only lines of
anchors/ at fault, the reference may pass the store; it may never fail what logverify passes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import anchorlog_verify
import pytest
from store_edits import EDITS, nothing

FULL = os.environ.get("ANCHORLOG_TEST_FULL") == "1"
CASES = int(os.environ.get("ANCHORLOG_REFERENCE_CASES", "6000" if FULL else "200"))
CHAIN_FAULTS = {"anchor_line", "anchor_missing", "anchor_conflict"}
DISAGREEMENTS_SHOWN = 10


def make_store(random_log: Path, folder: Path, seed: int) -> Path:
    subprocess.run([random_log, folder, str(seed), "1"], check=True, timeout=60)
    return folder / str(seed)


def run_logverify(logverify: Path, store: Path) -> dict[str, Any]:
    done = subprocess.run(
        [logverify, "log", store, "--trust", store / "trust", "--offline", "--json"],
        capture_output=True, timeout=60, check=False,
    )
    assert done.returncode in (0, 1, 2), done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def reference_verdict(store: Path) -> str:
    return anchorlog_verify.verify(store, (store / "trust").read_text())


def agree(report: dict[str, Any], reference: str) -> bool:
    ours, theirs = report["verdict"], reference.split()[0]
    if ours == theirs:
        return True
    only_chain = {fault["kind"] for fault in report["faults"]} <= CHAIN_FAULTS
    return bool(ours == "FAIL" and only_chain)


def edited(store: Path, seed: int) -> list[str]:
    draw = Random(seed)
    edits = draw.choices(EDITS, k=draw.choice([1, 1, 1, 2, 3]))
    return [edit(store, draw) for edit in edits if edit is not nothing and
            list(store.glob("*/*.ndjson"))]


def check(logverify: Path, random_log: Path, folder: Path, seed: int) -> tuple[str, str]:
    """What became of the case, and what the two disagree about."""
    store = make_store(random_log, folder, seed)
    deeds = edited(store, seed)
    report, reference = run_logverify(logverify, store), reference_verdict(store)
    shutil.rmtree(store)
    where = f"seed {seed} {deeds}: {report['verdict']} {report['faults'][:2]}, {reference}"
    return report["verdict"], "" if agree(report, reference) else where


def test_the_two_agree(
    logverify: Path, random_log: Path, tmp_path: Path, pytestconfig: pytest.Config,
    counts: list[str],
) -> None:
    only = pytestconfig.getoption("seed")
    seeds = range(CASES) if only is None else [only]
    verdicts, different = Counter[str](), []
    for seed in seeds:
        verdict, disagreement = check(logverify, random_log, tmp_path, seed)
        verdicts[verdict] += 1
        different += [disagreement] if disagreement else []
    counts.append(
        f"two verifiers, cases {len(seeds)}, {dict(verdicts)}, disagreements {len(different)}"
    )
    assert not different, "\n".join(different[:DISAGREEMENTS_SHOWN])
    if only is None:
        assert min(verdicts[name] for name in ("PASS", "FAIL", "UNDECIDED")) >= CASES // 100


@pytest.mark.parametrize("seed", range(1, 41))
def test_both_pass_an_honest_log(
    logverify: Path, random_log: Path, tmp_path: Path, seed: int
) -> None:
    store = make_store(random_log, tmp_path, 3 * seed + 1)
    assert (store / "daemon").read_text() == "honest"
    report = run_logverify(logverify, store)
    assert report["verdict"] == "PASS", report["faults"]
    assert reference_verdict(store).startswith("PASS SEALED")


def test_the_comparison_can_fail() -> None:
    passed = {"verdict": "PASS", "faults": []}
    proof = {"verdict": "FAIL", "faults": [{"kind": "anchor_line"}]}
    altered = {"verdict": "FAIL", "faults": [{"kind": "anchor_line"}, {"kind": "altered"}]}
    assert agree(passed, "PASS x") and agree(proof, "PASS x") and agree(altered, "FAIL x")
    assert not agree(passed, "FAIL x")
    assert not agree(passed, "UNDECIDED x")
    assert not agree(altered, "PASS x")


def test_the_reference_is_short() -> None:
    text = Path(anchorlog_verify.__file__).read_text()
    assert len(text.splitlines()) <= 400
