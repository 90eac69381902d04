"""The daemon has not lost half of its speed, as a ratio to the bound measured beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from suite.daemon import FIRST_NUMBER, check_numbers  # noqa: E402
from suite.speed import CASES, recorded, short_ratios  # noqa: E402
from suite.tool import median  # noqa: E402

from harness.process import HarnessError  # isort: skip


@pytest.mark.parametrize("name", CASES)
def test_the_daemon_keeps_half_of_its_recorded_ratio(name: str) -> None:
    """One measurement under the limit may be this machine's other work, so a second one decides;
    that it was needed is printed."""
    limit = recorded()["ratios"][name] / 2
    ratios = short_ratios(CASES[name])
    print(f"\n{name}: daemon/bound {ratios}, at least {limit:.3f} in the median")
    if median(ratios) < limit:
        ratios = short_ratios(CASES[name])
        print(f"{name}: under it, so measured again: {ratios}")
    assert median(ratios) >= limit


def write_log(path: Path, numbers: list[int]) -> Path:
    alerts = [
        {"device_id": "cam-00003", "entry_id": "x", "seq_no": FIRST_NUMBER + number, "z": 0}
        for number in numbers
    ]
    path.write_text("".join(json.dumps(a, separators=(",", ":")) + "\n" for a in alerts))
    return path


@pytest.mark.parametrize(
    ("stored", "fault"),
    [
        ([0, 1, 3, 4], None),
        ([0, 1, 3], "acked but not stored: device 3, alert 4"),
        ([0, 1, 1, 3, 4], "stored twice or never acked: device 3, alert 1"),
        ([0, 1, 2, 3, 4], "stored twice or never acked: device 3, alert 2"),
        ([0, 1, 3, 4, 5], "stored twice or never acked: device 3, alert 5"),
    ],
)
def test_a_trial_is_checked(tmp_path: Path, stored: list[int], fault: str | None) -> None:
    log = write_log(tmp_path / "log", stored)
    acked = {3: [range(2), range(3, 5)]}
    if fault is None:
        check_numbers([log], acked)
        return
    with pytest.raises(HarnessError, match=fault):
        check_numbers([log], acked)
