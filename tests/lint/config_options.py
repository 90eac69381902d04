"""The options of anchorlogd's configuration, read from the code that reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from project import ROOT

_FUNCTION = re.compile(
    r"^[\w:<>\s&*]+?\b(\w+)\(([^;{}]*)\)\s*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL
)
_OBJECT = re.compile(r'(?:auto (\w+) = |read_(\w+)\()(\w+)\.objects?\("(\w+)"')
_READ = re.compile(
    r'\b(\w+)\.(text|texts|number|flag|one_of)\(\s*"(\w+)"((?:[^;"]|"[^"]*")*)\);', re.DOTALL
)
_CONSTANTS = {
    "kMiB": 1 << 20, "kIntegerMax": (1 << 53) - 1, "ledger::kBatchEntriesHigh": 32_768,
    "kIntervalMaxS": 86_400, "kLateAfterMaxS": 30 * 86_400, "interval_s": 0,
}


@dataclass(frozen=True)
class Option:
    path: str  # as an operator writes it: listen.port, anchor.targets[].id
    kind: str
    low: int = 0
    high: int = 0
    allowed: tuple[str, ...] = ()


def _value(text: str) -> int:
    for name, value in _CONSTANTS.items():
        text = re.sub(rf"(?<![\w:]){name}\b", str(value), text)
    text = text.replace("'", "").strip()
    assert re.fullmatch(r"[\d+* ]+", text), f"a limit that this test cannot read: {text}"
    return int(eval(text))  # digits, + and * only


def _option(path: str, kind: str, rest: str) -> Option:
    if kind == "number":
        low, high = rest.split(",")[-2:]
        return Option(path, kind, _value(low), _value(high))
    if kind == "one_of":
        return Option(path, kind, allowed=tuple(re.findall(r'"([^"]+)"', rest)))
    return Option(path, kind)


def options() -> dict[str, Option]:
    """By path. Follows which reader is of which object, function by function."""
    main = (ROOT / "src/app/config.cpp").read_text()
    targets = (ROOT / "src/app/target_config.cpp").read_text()
    section_of: dict[str, str] = {"": ""}
    for _, function, _, name in _OBJECT.findall(main):
        if function:
            section_of[function] = name + "."
    found: dict[str, Option] = {}
    for text, otherwise in ((main, ""), (targets, "anchor.targets[].")):
        for function, _, body in _FUNCTION.findall(text):
            section = section_of.get(function.removeprefix("read_"), otherwise)
            sections = {"root": section, "reader": section}
            for variable, _, parent, name in _OBJECT.findall(body):
                if variable:
                    sections[variable] = f"{sections[parent]}{name}."
            for variable, kind, name, rest in _READ.findall(body):
                option = _option(sections[variable] + name, kind, rest)
                found[option.path] = option
    return found
