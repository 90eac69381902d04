"""What the documents call shown by a test or a file is there."""

from __future__ import annotations

import re

import pytest
from project import ROOT, code, paths

PAGES = ["docs/threat-model.md", "docs/durability.md", "docs/anchoring.md"]
_NAME = re.compile(r"`([A-Za-z0-9_./-]+)`")
_GTEST = re.compile(r"TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)")
_PYTEST = re.compile(r"^\s*def (test_\w+)\(", re.MULTILINE)


def known_tests() -> set[str]:
    cxx = {f"{suite}.{name}" for text in code(".cpp").values() for suite, name in
           _GTEST.findall(text)}
    python = {name for text in code(".py").values() for name in _PYTEST.findall(text)}
    return cxx | python


def missing(text: str, tests: set[str], files: set[str]) -> list[str]:
    found = []
    for name in _NAME.findall(text):
        is_test = name.startswith("test_") or re.fullmatch(r"[A-Z]\w+\.\w+", name)
        is_file = re.fullmatch(r"[\w./-]+/[\w.-]+\.(?:cpp|h|py|md|json)", name)
        if is_test and name not in tests or is_file and name not in files:
            found.append(name)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_page_names_what_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    assert missing(text, known_tests(), set(paths())) == []
    assert len(_NAME.findall(text)) > 50


@pytest.mark.parametrize(
    "name", ["Suite.NoSuchTest", "test_no_such", "tests/unit/no_such.cpp", "docs/no-such.md"]
)
def test_a_missing_one_is_found(name: str) -> None:
    tests, files = {"Suite.Name", "test_name"}, {"tests/unit/a.cpp"}
    assert missing("`Suite.Name`, `test_name`, `tests/unit/a.cpp`, `/status`", tests, files) == []
    assert missing(f"as `{name}` shows", tests, files) == [name]
