"""Our canonical form against another implementation's: the PyPI package rfc8785 over json.loads.

Every file of the corpora and generated texts, good and bad; both must take the same and write the
same bytes. Our refusals beyond RFC 8785 (formats: numbers beyond 2^53-1, nesting over 16, one name
twice) are spelled out below on the Python side.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

HERE = Path(__file__).resolve().parent
BINARIES = Path(os.environ.get("ANCHORLOG_TESTS", HERE.parents[1] / "build/release/tests"))
INTEGER_MAX = 2**53 - 1
NESTING_MAX = 16
GENERATED = 20_000
BATCH = 5_000


def ours(samples: list[bytes]) -> list[tuple[str, bytes | None]]:
    """Verdict ('0' refused, '1' taken, 'c' canonical as it was) and canonical form of each."""
    given = b"".join(len(text).to_bytes(4, "big") + text for text in samples)
    told = subprocess.run(
        [BINARIES / "canonical_forms"], input=given, capture_output=True, check=True, timeout=60
    ).stdout
    answers: list[tuple[str, bytes | None]] = []
    at = 0
    while at < len(told):
        verdict = chr(told[at])
        at += 1
        if verdict in "1c":
            end = at + 4 + int.from_bytes(told[at : at + 4], "big")
            answers.append((verdict, told[at + 4 : end]))
            at = end
        else:
            answers.append((verdict, None))
    assert len(answers) == len(samples)
    return answers


def within(number: Any) -> Any:
    if not math.isfinite(number) or abs(number) > INTEGER_MAX:
        raise ValueError("beyond 2^53-1")
    return number


def unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in members}) < len(members):
        raise ValueError("one name twice")
    return dict(members)


def refuse_constant(name: str) -> None:
    raise ValueError(name)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    is_structure = isinstance(value, dict | list)
    return is_structure + max((depth(one) for one in inner), default=0)


def theirs(text: bytes) -> bytes | None:
    """The reference's canonical form; nothing where the text is not to be taken."""
    try:
        value = json.loads(
            text.decode("utf-8", "strict"), object_pairs_hook=unique,
            parse_constant=refuse_constant, parse_int=lambda digits: within(int(digits)),
            parse_float=lambda digits: within(float(digits)),
        )
        if depth(value) > NESTING_MAX:
            return None
        # Encoding refuses lone surrogates.
        return rfc8785.dumps(value)
    except (ValueError, RecursionError):
        return None


def compare(samples: Iterable[bytes]) -> dict[str, int]:
    """Fails on the first difference; counts the verdicts."""
    counts = {"0": 0, "1": 0, "c": 0}
    samples = list(samples)
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        for text, (verdict, form) in zip(batch, ours(batch), strict=True):
            expected = theirs(text)
            assert form == expected, f"{text!r}: ours {form!r}, theirs {expected!r}"
            is_canonical = expected is not None and expected == text
            assert (verdict == "c") == is_canonical, f"{text!r}: {verdict}"
            counts[verdict] += 1
    return counts


def corpus_files() -> list[Path]:
    return sorted(path for path in (HERE / "corpus").rglob("*") if path.is_file())


def test_every_corpus_file() -> None:
    files = corpus_files()
    counts = compare(path.read_bytes() for path in files)
    # Each verdict occurs, so each was compared.
    assert min(counts.values()) > 10, counts


def test_every_prefix_of_an_alert() -> None:
    alert = (HERE / "corpus/alert/seed_loose.bin").read_bytes()
    counts = compare(alert[:size] for size in range(len(alert) + 1))
    assert counts["1"] == 1


NUMBERS = [
    "0", "-0", "1", "-1", "0.1", "1e2", "1E+2", "-1.5e-7", "0.000001", "1e-6", "1e-7",
    "123456789012345",
    "9007199254740991", "-9007199254740991", "9007199254740992", "9007199254740991.5", "1e15",
    "1e16", "5e-324", "1e-400", "1e400", "2.2250738585072014e-308", "01", "+1", ".5", "1.", "1e",
    "0x10", "4.50", "333333333.33333329", "1.0000000000000002", "-", "1e-0", "0e99", "-0.0",
]
CHARACTERS = [
    "a", "\u00e9", "\u20ac", "\U0001f600", "\ufb33", "\ue000", "\uffff", "\\n", "\\u0041",
    "\\u000a", "\\/", "\\\"", "\\\\", "\\ud83d\\ude00", "\\ud800", "\\u001f", "\\u2028", "\u2028",
    "\x7f", "\\x",
    "\\u00", "\t", "\\u0000", "\\uD83D\\uDE00", "\\udead",
]


class Generator:
    """JSON texts of every shape; some of them are not JSON."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def space(self) -> str:
        return self.random.choice(["", "", "", " ", "\n", "\t\r ", "\x0b"]
                                  if self.random.random() < 0.02 else ["", "", " "])

    def number(self) -> str:
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.choice(NUMBERS)
        if kind == 1:
            return str(self.random.randint(-2**54, 2**54))
        if kind == 2:
            return repr(self.random.uniform(-1, 1) * 10.0 ** self.random.randint(-30, 16))
        digits = self.random.randint(1, 17)
        return f"{self.random.uniform(-1e6, 1e6):.{digits}e}"

    def string(self) -> str:
        common = [c for c in CHARACTERS if c not in ("\\ud800", "\\x", "\\u00", "\t", "\\udead")]
        pool = CHARACTERS if self.random.random() < 0.05 else common
        return '"' + "".join(self.random.choices(pool, k=self.random.randint(0, 5))) + '"'

    def value(self, level: int) -> str:
        kind = self.random.randrange(8 if level > 0 else 5)
        if kind <= 1:
            return self.number()
        if kind <= 3:
            return self.string()
        if kind == 4:
            return self.random.choice(["true", "false", "null"])
        count = self.random.randint(0, 5)
        if kind == 5:
            inner = [self.space() + self.value(level - 1) + self.space() for _ in range(count)]
            return "[" + ",".join(inner) + "]"
        members = [f"{self.space()}{self.string()}{self.space()}:{self.value(level - 1)}"
                   for _ in range(count)]
        return "{" + ",".join(members) + "}"

    def text(self) -> bytes:
        text = self.space() + self.value(self.random.randint(0, 4)) + self.space()
        if self.random.random() < 0.02:
            levels = self.random.randint(14, 18)
            text = "[" * levels + text + "]" * levels
        data = bytearray(text.encode("utf-8", "surrogatepass"))
        if self.random.random() < 0.1 and data:
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        return bytes(data)


@pytest.mark.parametrize("seed", [1, 2])
def test_generated_texts(seed: int) -> None:
    generator = Generator(seed)
    counts = compare(generator.text() for _ in range(GENERATED))
    assert min(counts.values()) > GENERATED // 20, counts


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for told in [("1", b"[1.0]"), ("0", None), ("c", b"[1]")]:
        monkeypatch.setitem(globals(), "ours", lambda _, told=told: [told])
        with pytest.raises(AssertionError, match="ours|: c"):
            compare([b"[1.0]"])
