"""Canonical JSON (RFC 8785) as docs/log_format.md has it: read, and written again to compare."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
INTEGER_MAX = 2**53 - 1
quote = json.JSONEncoder(ensure_ascii=False).encode


class Fault(Exception):
    """Something is not as it was sealed."""


def need(holds: object, what: str) -> None:
    if not holds:
        raise Fault(what)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def number_text(token: str) -> str:
    """How ECMAScript writes a number within the limits."""
    value = float(token)
    need(abs(value) <= INTEGER_MAX, "a number beyond 2^53-1")  # and no NaN
    if value == int(value):
        return str(int(value))
    return f"{Decimal(repr(value)):f}" if abs(value) >= 1e-6 else repr(value).replace("e-0", "e-")


def read_number(token: str) -> int | float:
    need(number_text(token) == token, f"{token} is not canonical")
    return float(token) if set(token) & set(".e") else int(token)


def write(value: Any, depth: int) -> str:
    need(depth < 16 or not isinstance(value, dict | list), "nested too deeply")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return f"{{{','.join(write(n, 0) + ':' + write(value[n], depth + 1) for n in names)}}}"
    if isinstance(value, list):
        return f"[{','.join(write(item, depth + 1) for item in value)}]"
    return number_text(repr(value)) if isinstance(value, float) else quote(value)


def parse(line: bytes, depth: int = 0) -> Json:
    """A canonical object; a depth of -1 begins to count its nesting inside."""
    try:
        value = json.loads(line.decode(), parse_int=read_number, parse_float=read_number,
                           parse_constant=float, object_pairs_hook=dict)
        # What json forgives, a name twice among it, is written in another way than it was read.
        need(type(value) is dict and write(value, depth).encode() == line, "not canonical")
        return dict(value)
    except (ValueError, RecursionError) as error:
        raise Fault(f"not JSON: {error}") from error
