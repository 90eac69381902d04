"""What the lint tests look at: the project's files, and C++ text without comments or strings."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CXX = (".h", ".cpp")
CODE = (*CXX, ".py", ".mjs", ".sol")
FILE_SIZE_MAX = 4 * 1024 * 1024

# A finding is one line of text: `path:line: what is wrong`.
Findings = list[str]


@functools.cache
def paths() -> tuple[str, ...]:
    """Every file that is or would be committed, relative to the project's root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, timeout=60,
    ).stdout.decode()
    return tuple(sorted(p for p in set(listed.split("\0")) if p and (ROOT / p).is_file()))


@functools.cache
def texts() -> dict[str, str]:
    """Content by path of every text file; what is not UTF-8 or has a NUL byte is no text."""
    found = {}
    for path in paths():
        data = (ROOT / path).read_bytes()
        if b"\0" in data or len(data) > FILE_SIZE_MAX:
            continue
        try:
            found[path] = data.decode()
        except UnicodeDecodeError:
            continue
    return found


def code(*suffixes: str) -> dict[str, str]:
    return {path: text for path, text in texts().items() if path.endswith(suffixes)}


_CXX_PIECES = re.compile(
    r'R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r'|//[^\n]*|/\*.*?\*/'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'",
    re.DOTALL,
)


def blank_cxx(text: str) -> str:
    """The same text, same lines, with the inside of comments and literals made blank."""

    def blank(match: re.Match[str]) -> str:
        piece = match.group()
        mark = " " if piece.startswith("/") else '"'
        return mark + re.sub(r"[^\n]", " ", piece[1:-1]) + mark

    return _CXX_PIECES.sub(blank, text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
