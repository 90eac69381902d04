"""tests/setup/test_report says what the logs say, the bad news too."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from project import ROOT

SCRIPT = ROOT / "tests" / "setup" / "test_report"


def load() -> ModuleType:
    loader = SourceFileLoader("test_report_script", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = made
    loader.exec_module(made)
    return made


def write(logs: Path, name: str, text: str, end: str | None) -> None:
    (logs / f"{name}.log").write_text(text)
    if end is not None:
        (logs / f"{name}.end").write_text(end)


def run(logs: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--logs", str(logs), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("closing", "counts"),
    [
        ("290 passed in 68.67s (0:01:08)", {"passed": 290}),
        ("1 failed, 9 passed, 2 skipped, 1 deselected in 3.1s",
         {"failed": 1, "passed": 9, "skipped": 2, "deselected": 1}),
        ("2 errors in 0.31s", {"error": 2}),
        ("99% tests passed, 2 tests failed out of 581\n\nTotal Test time (real) =   9.52 sec",
         {"passed": 579, "failed": 2}),
        ("[  PASSED  ] 4 tests.\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Chain.Gone",
         {"passed": 4, "failed": 1}),
        ("[  PASSED  ] 4 tests.\n-- net\n[  PASSED  ] 1 test.\narm64: 5 tests passed",
         {"passed": 5}),
        ("sim: seeds 1 to 1000: 999 seeds passed, 1 failed in 17.8 s",
         {"passed": 999, "failed": 1}),
        ("mutants: 12 mutants passed as killed, 1 failed to be", {"passed": 12, "failed": 1}),
        ("no tests ran in 0.1s", {}),
        ("", {}),
    ],
)
def test_closing_lines_are_read(closing: str, counts: dict[str, int]) -> None:
    assert load().count(f"== a suite\n....\n{closing}\n") == counts


def test_a_report_of_good_and_bad_suites(tmp_path: Path) -> None:
    write(tmp_path, "unit", "100% tests passed, 0 tests failed out of 581\n", "0 10 abc1234\n")
    write(tmp_path, "e2e", "faults: kill: 25 tried, 0 violations\n"
          "FAILED tests/e2e/test_x.py::test_y[a-b] - assert 1 == 2\n1 failed, 289 passed in 60s\n",
          "1 61 abc1234\n")
    write(tmp_path, "sim", "sim: seeds 1 to 9: 9 seeds passed, 0 failed\n", "0 3 abc1234\n")
    write(tmp_path, "sim_full", "sim: seeds 1 to 90: 90 seeds passed, 0 failed\n",
          "0 30 abc1234\n")
    write(tmp_path, "lint", "....\n", None)
    write(tmp_path, "speed", "no tests ran in 0.1s\n", "0 1 def5678\n")
    assert run(tmp_path, tmp_path / "report.md").returncode == 0
    text = (tmp_path / "report.md").read_text()
    assert ("**870 tests and 99 simulated worlds passed in 6 suites; not passed: lint, e2e, speed; "
            "not run: chain_faults, packaging, ") in text
    assert "only `make test-full` runs: asan-unit, " in text and "mutants, packaging_full, " in text
    assert "- e2e: `tests/e2e/test_x.py::test_y[a-b]`\n" in text
    assert text.index("| speed |") < text.index("| sim_full |")
    assert "| pass | 581 | 0 | 0 | 10 s | abc1234 |" in text
    assert "| FAIL (exit 1) | 289 | 1 | 0 | 61 s |" in text
    assert "| DID NOT END | 0 |" in text and "| NOTHING RUN | 0 |" in text
    assert "- faults: kill: 25 tried, 0 violations" in text
    assert "different commits" in text


def test_what_did_not_pass_is_named_as_each_runner_lists_it() -> None:
    pattern = load()._BAD_TEST
    log = ("[  FAILED  ] Chain.Gone (12 ms)\nThe following tests FAILED:\n"
           "\t 12 - store.Journal.Cut (Failed)\n"
           "\t213 - net.Frame/Sizes.One/3 (Subprocess aborted)\n"
           "ERROR tests/a.py::test_b - no\n[  PASSED  ] 4 tests.\n 3 - done\n[  FAILED  ] 1 test\n")
    assert ["".join(found) for found in pattern.findall(log)] == [
        "Chain.Gone", "store.Journal.Cut", "net.Frame/Sizes.One/3", "tests/a.py::test_b"]


def test_an_end_of_an_earlier_run_is_none(tmp_path: Path) -> None:
    write(tmp_path, "unit", "100% tests passed, 0 tests failed out of 581\n", "0 10 abc1234\n")
    os.utime(tmp_path / "unit.end", (1, 1))
    assert run(tmp_path, tmp_path / "report.md").returncode == 0
    assert "DID NOT END" in (tmp_path / "report.md").read_text()


def test_without_logs_an_old_report_stays(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("old")
    done = run(tmp_path / "none", tmp_path / "report.md")
    assert done.returncode == 1 and "make test" in done.stderr
    assert (tmp_path / "report.md").read_text() == "old"


def test_the_suites_are_those_of_the_runner() -> None:
    runner = (ROOT / "tests" / "setup" / "run_tests").read_text().replace("\\\n", "")
    (line,) = [line for line in runner.splitlines() if line.strip().startswith("set -- ")]
    assert set(line.split()[2:]) == set(load().SUITES)
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^test-full:.*\n(?:\t.*\n)+", makefile, re.MULTILINE)
    full = set(re.findall(r"\btest-(asan|ubsan|tsan|arm)\b", recipe))
    full |= set(recipe.rsplit("run_tests ", 1)[1].split())
    assert {name.split("-")[0] for name in load().LONG_SUITES} == full
