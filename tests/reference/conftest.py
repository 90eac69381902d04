"""Where the built programs are: build/release, or what ANCHORLOG_BIN and ANCHORLOG_TESTS say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def logverify() -> Path:
    return Path(os.environ.get("ANCHORLOG_BIN", ROOT / "build/release/bin")) / "logverify"


@pytest.fixture(scope="session")
def random_log() -> Path:
    return Path(os.environ.get("ANCHORLOG_TESTS", ROOT / "build/release/tests")) / "random_log"


_COUNTS: list[str] = []


@pytest.fixture
def counts() -> list[str]:
    """Lines to be shown at the end of the run."""
    return _COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _COUNTS:
        terminalreporter.write_line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="run this case alone")
