"""The short measurement of `make test`, and what it is held against."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path

from .pairs import COALESCED, LINE_BOUND, SEPARATE, Case, run_pairs
from .tool import Json, machine_facts, median

RECORD = Path(__file__).resolve().parents[1] / "recorded.json"
PAIRS = 3
SECONDS = 1
CASES = {"coalesced": COALESCED, "separate": SEPARATE}


def short_ratios(case: Case) -> list[float]:
    """daemon/bound of every pair, the bound writing lines as long as the daemon's. In a container
    both may be on an overlay: a ratio, and no figure."""
    short = dataclasses.replace(case, load={**case.load, "seconds": SECONDS})
    return run_pairs(short, PAIRS, LINE_BOUND, "--allow-volatile").pair_ratios()


def recorded() -> Json:
    document = json.loads(RECORD.read_text())
    assert isinstance(document, dict)
    return document


def record() -> Json:
    """Measures the short ratios twice over and writes their medians down."""
    ratios = {
        name: round(median(short_ratios(case) + short_ratios(case)), 3)
        for name, case in CASES.items()
    }
    document = {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine_facts(),
        "ratios": ratios,
    }
    RECORD.write_text(json.dumps(document, indent=2) + "\n")
    return document
