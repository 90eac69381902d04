from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from anchorlog_ids.alert import AlertError, canonical, make_draft, numbered
from anchorlog_ids.clock import Sources, rfc3339
from ids_support import counting_sources, draft


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (1e2, "100"),
        (0.9, "0.9"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (123456.789, "123456.789"),
        (4.5, "4.5"),
        (2e-3, "0.002"),
        (333333333.33333329, "333333333.3333333"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (9007199254740991, "9007199254740991"),
    ],
)
def test_canonical_numbers(number: float, text: str) -> None:
    assert canonical({"n": number}) == b'{"n":' + text.encode() + b"}"


def test_canonical_keys_by_utf16_units() -> None:
    keys = ["\ufb33", "\U0001f600", "\u20ac", "\r", "1", "\u0080", "\u00f6"]
    ordered = list(json.loads(canonical(dict.fromkeys(keys, 0))))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_canonical_strings() -> None:
    text = '\u20ac$\u000f\nA\'B"\\\\"/\u007f'
    expected = b'{"s":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"}'
    assert canonical({"s": text}) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800"])
def test_canonical_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="."):
        canonical({"v": value})


def test_uuid7() -> None:
    made = [uuid.UUID(Sources().uuid7()) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {value.version for value in made} == {7}
    assert {value.variant for value in made} == {uuid.RFC_4122}
    fixed = Sources(lambda: 0x017F22E279B0 * 1000, lambda size: b"\xff" * size)
    assert fixed.uuid7() == "017f22e2-79b0-7fff-bfff-ffffffffffff"


def test_times_are_rfc3339_with_z() -> None:
    assert rfc3339(1_700_000_000_123_456) == "2023-11-14T22:13:20.123456Z"
    assert rfc3339(-5) == "1970-01-01T00:00:00.000000Z"


def test_draft_has_exactly_the_members_of_the_schema() -> None:
    body = json.loads(draft(1).body)
    assert sorted(body) == [
        "alert_type", "batch_id", "confidence", "device_id", "entry_id", "features_summary",
        "timestamp",
    ]  # fmt: skip
    alert = json.loads(numbered(body, 0, 7, "2026-01-01T00:00:00.000000Z"))
    assert sorted(set(alert) - set(body)) == ["sent_at", "seq_no"]
    assert json.loads(numbered(body, 3, 7, "x"))["epoch"] == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["timestamp"])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("device_id", "no spaces"),
        ("device_id", ""),
        ("device_id", "x" * 65),
        ("alert_type", "Upper"),
        ("confidence", 1.5),
        ("confidence", float("nan")),
        ("features_summary", {"big": "x" * 70_000}),
    ],
)
def test_draft_refuses(member: str, value: object) -> None:
    arguments: dict[str, Any] = {
        "sources": counting_sources(),
        "batch_id": "b",
        "device_id": "cam-1",
        "alert_type": "anomaly.flow",
        "ts_us": 0,
        "features_summary": {},
        "confidence": 0.123456,
        "severity": 3,
    }
    assert json.loads(make_draft(**arguments).body)["confidence"] == 0.1235
    with pytest.raises(AlertError, match="alert|device_id|confidence"):
        make_draft(**{**arguments, member: value})
