"""docs/configuration.md names every option of the code, its default, its range, nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from config_options import Option, options
from project import ROOT

PAGE = (ROOT / "docs" / "configuration.md").read_text()
SAMPLE = json.loads((ROOT / "config" / "anchorlogd.json").read_text())
_ROW = re.compile(r"^\| `([a-z_.\[\]0-9]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)

Rows = dict[str, tuple[str, str, str]]


def rows(text: str) -> Rows:
    found = _ROW.findall(text)
    assert len({path for path, *_ in found}) == len(found), "an option has two rows"
    return {path: (default, values, meaning) for path, default, values, meaning in found}


def sample_value(path: str) -> Any:
    """What config/anchorlogd.json says; a unit test keeps it equal to the defaults."""
    value: Any = SAMPLE
    for part in path.replace("[]", ".0").split("."):
        value = value[int(part)] if isinstance(value, list) else value.get(part)
        if value is None:
            return None
    return value


def faults(page: Rows, known: dict[str, Option]) -> list[str]:
    wrong = [f"{path}: no row" for path in known.keys() - page.keys()]
    wrong += [f"{path}: the code reads no such option" for path in page.keys() - known.keys()]
    for path in known.keys() & page.keys():
        option, (default, values, meaning) = known[path], page[path]
        if option.kind == "number" and f", {option.low} to {option.high}" not in values:
            wrong.append(f"{path}: the code allows {option.low} to {option.high}")
        if option.kind == "one_of" and re.findall(r"`([^`]+)`", values) != list(option.allowed):
            wrong.append(f"{path}: the code allows {', '.join(option.allowed)}")
        said = sample_value(path)
        shown = json.dumps(said).strip('"') or "none"
        if default != "required" and said is not None and default != shown:
            wrong.append(f"{path}: its default is {shown}")
        if len(meaning) < 30:
            wrong.append(f"{path}: no meaning")
    return sorted(wrong)


def test_the_page_is_what_the_code_reads() -> None:
    known = options()
    assert len(known) > 50
    assert faults(rows(PAGE), known) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| `batch.entries` |", "| `batch.entrys` |", "batch.entries: no row"),
        ("| 50 | alerts, 1 to", "| 51 | alerts, 1 to", "batch.entries: its default is 50"),
        ("port, 0 to 65535", "port, 1 to 65535", "listen.port: the code allows 0 to 65535"),
        ("`off`, `best-effort`, `required` |", "`off`, `required` |", "the code allows off, best"),
    ],
)
def test_a_wrong_page_is_found(old: str, new: str, said: str) -> None:
    assert old in PAGE
    found = faults(rows(PAGE.replace(old, new)), options())
    assert any(said in fault for fault in found), found
