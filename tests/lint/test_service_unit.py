"""The units of config/systemd: what they promise, and how systemd itself rates their sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from project import ROOT

UNITS = sorted((ROOT / "config/systemd").glob("*.service"))
EXPOSURE_MAX = 1.5
EXIT_STORAGE = "74"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and "ANCHORLOG_TEST_FULL" not in os.environ,
    reason="no systemd here; `make test-full` installs it and fails without it",
)


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def exposure(unit: Path) -> float:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)],
        capture_output=True, text=True, timeout=30, check=True,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    rated = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert rated, done.stdout
    return float(rated.group(1))


def test_the_daemon_is_watched_and_started_again() -> None:
    unit = settings(ROOT / "config/systemd/anchorlogd.service")
    assert unit["Type"] == ["notify"]
    assert int(unit["WatchdogSec"][0]) >= 20  # a step may be held for 10 s, and then be fed again
    assert unit["Restart"] == ["on-failure"]
    assert unit["User"] == ["anchorlog"]
    assert unit["StateDirectory"] == unit["LogsDirectory"] == ["anchorlog"]


def test_a_storage_failure_does_not_loop() -> None:
    unit = settings(ROOT / "config/systemd/anchorlogd.service")
    held_back = EXIT_STORAGE in unit["RestartPreventExitStatus"][0].split()
    starts, span_s = int(unit["StartLimitBurst"][0]), int(unit["StartLimitIntervalSec"][0])
    # The limit is only met when that many starts fit into its span, however fast each one fails.
    assert held_back or starts * int(unit["RestartSec"][0]) < span_s


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@needs_systemd
def test_the_sandbox_is_tight(unit: Path) -> None:
    assert exposure(unit) <= EXPOSURE_MAX


@needs_systemd
def test_an_open_unit_is_rated_so(tmp_path: Path) -> None:
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure(unit) > EXPOSURE_MAX


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@needs_systemd
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    """With programs that are there: an installed one is not needed to read a unit."""
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"(?m)^(Exec\w+=)/usr/bin/anchorlog\S*", r"\1/bin/true",
                           unit.read_text()))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True, text=True, timeout=30,
    )
    assert unit.name not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
