"""What several tests share: captures, drafts, and time that repeats."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchorlog_ids.alert import Draft, Json, make_draft
from anchorlog_ids.clock import Sources

CAPTURES = Path(__file__).parent.parent / "data" / "captures"


@dataclass(frozen=True)
class Capture:
    path: Path
    label: str
    family: str | None


def load_captures() -> list[Capture]:
    labels: dict[str, dict[str, Any]] = json.loads((CAPTURES / "labels.json").read_text())
    return [
        Capture(CAPTURES / name, entry["label"], entry.get("family"))
        for name, entry in sorted(labels.items())
    ]


def all_capture_files() -> list[Path]:
    return sorted(CAPTURES.rglob("*.pcap"))


def counting_sources(start_us: int = 1_700_000_000_000_000) -> Sources:
    """Time and randomness that repeat: each call goes on by one step."""
    calls = 0

    def now_us() -> int:
        return start_us + calls

    def random_bytes(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.sha256(calls.to_bytes(8, "big")).digest()[:size]

    return Sources(now_us, random_bytes)


def draft(number: int, device: str = "cam-1", severity: int = 3, padding: int = 0) -> Draft:
    return make_draft(
        sources=Sources(),
        batch_id=Sources().uuid7(),
        device_id=device,
        alert_type="anomaly.flow",
        ts_us=1_700_000_000_000_000 + number,
        features_summary={"number": number, "padding": "x" * padding},
        confidence=0.5,
        severity=severity,
    )


def notice(device: str, alert_type: str, summary: Json) -> Draft:
    return make_draft(
        sources=Sources(),
        batch_id=Sources().uuid7(),
        device_id=device,
        alert_type=alert_type,
        ts_us=1_700_000_000_000_000,
        features_summary=summary,
        confidence=1.0,
        severity=1,
    )


def gap_notice(device: str, summary: Json) -> Draft:
    return notice(device, "ids.gap", summary)
