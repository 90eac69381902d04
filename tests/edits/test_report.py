"""What `logverify log` writes besides its verdict: the documented JSON, a page, a progress bar."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TESTS = Path(os.environ.get("ANCHORLOG_TESTS", ROOT / "build/release/tests"))
LOGVERIFY = Path(os.environ.get("ANCHORLOG_BIN", ROOT / "build/release/bin")) / "logverify"
SEED = 1  # an honest log of 65 entries in 5 batches
USAGE = 64


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    subprocess.run([TESTS / "random_log", folder, str(SEED), "1"], check=True, timeout=60)
    return folder / str(SEED)


def command(store: Path, *options: str | Path) -> list[str]:
    words = [LOGVERIFY, "log", store, "--trust", store / "trust", "--offline", *options]
    return [str(word) for word in words]


def run(store: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(store, *options), capture_output=True, text=True, timeout=60,
                          check=False)


def report_of(store: Path, *options: str) -> dict[str, Any]:
    report = json.loads(run(store, "--json", *options).stdout)
    assert isinstance(report, dict)
    return report


def documented_members() -> set[str]:
    section = (ROOT / "docs/forensics.md").read_text().split("## The JSON report")[1]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_member_is_documented_and_there(store: Path) -> None:
    assert set(report_of(store)) == documented_members()


def test_the_report_is_the_same_with_any_number_of_threads(store: Path) -> None:
    assert run(store, "--threads", "1").stdout == run(store, "--threads", "8").stdout


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload", "onclick"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_not_overwritten(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = run(store, "--html", file)
    assert done.returncode == 0, done.stdout + done.stderr
    text = file.read_text()
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == [] and not page.tags & {"script", "link", "img", "iframe"}
    assert f"PASS {report_of(store)['level']}" in text and str(store) in text
    again = run(store, "--html", file)
    assert again.returncode == USAGE and "exists" in again.stderr
    assert file.read_text() == text


def test_a_range_reads_its_batches_alone(store: Path) -> None:
    whole = report_of(store)
    part = report_of(store, "--from", "0", "--to", "0")
    assert part["verdict"] == "PASS" and part["range"] == {"first": 0, "last": 0}
    assert 0 < part["checked"]["entries"] < whole["checked"]["entries"]
    assert part["checked"]["batches"] == whole["checked"]["batches"]


@pytest.mark.parametrize("options", [
    ["--from", "3", "--to", "2"], ["--from", "x"], ["--threads", "0"], ["--threads", "65"],
    ["--html"],
])
def test_wrong_use_is_told(store: Path, options: list[str]) -> None:
    done = run(store, *options)
    assert done.returncode == USAGE and "usage" in done.stderr


def read_to_end(terminal: int) -> bytes:
    seen = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # how Linux says that nobody has the other end any more
            return seen
        if not chunk:
            return seen
        seen += chunk


def test_progress_is_for_terminals_alone(store: Path) -> None:
    piped = run(store)
    assert piped.stderr == ""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(command(store), stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = read_to_end(ours)
    os.close(ours)
    out, _ = child.communicate(timeout=60)
    assert out.decode() == piped.stdout
    assert b" entries" in shown and b"%" in shown
    assert shown.endswith(b"\r\x1b[K"), "the bar is taken away"
