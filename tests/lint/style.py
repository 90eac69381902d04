"""Style that a reader feels and a compiler does not: sizes, names, comments, two g++ traps."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from project import Findings, blank_cxx, line_of

FILE_LINES_MAX = 500
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
# Names that say nothing about what a thing is.
EMPTY_WORDS = {"util", "utils", "common", "manager", "helper", "helpers", "misc"}
# Spelled in halves, because this file is looked at too.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_CXX_NAMED = re.compile(r"\b(?:namespace|class|struct|enum(?:\s+class)?)\s+([A-Za-z_][\w:]*)")
_CO_AWAIT = re.compile(r"\bco_await\b[^;]*?[{\[]")
_ALGORITHM = re.compile(
    r"\bstd::(?:(?:copy|fill|count|find|remove|search)_(?:n|if|backward|end)|copy|fill|find|sort"
    r"|stable_sort|any_of|all_of|none_of|transform|reverse|rotate|equal|lower_bound|upper_bound"
    r"|unique|generate|mismatch|for_each|shuffle|is_sorted|binary_search|adjacent_find"
    r"|min_element|max_element|clamp)\(")
_BANNER = re.compile(r"^\s*(?://+|#+|/\*+)\s*[-=*#~]{5,}")
_CXX_DEAD = re.compile(
    r"^\s*//\s*(?:#\s*(?:include|define|if|endif)\b.*"
    r"|\}.*|(?:if|for|while|switch)\s*\(.*\)\s*\{?"
    r"|(?:return|auto|const|co_await|co_return)\b[^.]*;"
    r"|[\w:.>-]+(?:<[^>]*>)?[\s*&]*[\w.>-]*\s*(?:=|\+=|\().*;)\s*$"
)


def sizes(path: str, text: str) -> Findings:
    lines = text.split("\n")
    findings = []
    if len(lines) - 1 > FILE_LINES_MAX:
        findings.append(f"{path}:1: {len(lines) - 1} lines, at most {FILE_LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            findings.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
    return findings


def whitespace(path: str, text: str) -> Findings:
    findings = []
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line and PurePosixPath(path).name != "Makefile":
            findings.append(f"{path}:{number}: a tab")
        # An empty line that a patch leaves as it is stands there as one space.
        is_context = line == " " and PurePosixPath(path).suffix == ".patch"
        if line != line.rstrip() and not is_context:
            findings.append(f"{path}:{number}: white space at the end")
    if text and not text.endswith("\n"):
        findings.append(f"{path}:1: no newline at the end")
    return findings


def unfinished(path: str, text: str) -> Findings:
    return [f"{path}:{line_of(text, m.start())}: {m.group()}" for m in UNFINISHED.finditer(text)]


def empty_words_in(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)} & EMPTY_WORDS


def names(path: str, text: str) -> Findings:
    findings = [f"{path}:1: the file's name says {word}" for word in sorted(empty_words_in(path))]
    named: list[tuple[int, str]] = []
    if path.endswith(".py"):
        classes = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef))
        named = [(c.lineno, c.name) for c in classes]
    elif path.endswith((".h", ".cpp")):
        blank = blank_cxx(text)
        named = [(line_of(blank, m.start()), m.group(1)) for m in _CXX_NAMED.finditer(blank)]
    for line, name in named:
        if empty_words_in(name):
            findings.append(f"{path}:{line}: {name} says nothing")
    return findings


def co_await(path: str, text: str) -> Findings:
    """g++ 12 miscompiles a brace temporary or a lambda inside a co_await expression."""
    blank = blank_cxx(text)
    return [
        f"{path}:{line_of(blank, m.start())}: a brace or bracket after co_await"
        for m in _CO_AWAIT.finditer(blank)
    ]


def algorithms(path: str, text: str) -> Findings:
    """Other headers bring <algorithm> along with g++ 12 and do not with g++ 14."""
    found = _ALGORITHM.search(blank_cxx(text))
    if found is None or "#include <algorithm>" in text:
        return []
    return [f"{path}:{line_of(text, found.start())}: {found.group()}) without <algorithm>"]


def comments(path: str, text: str) -> Findings:
    findings = []
    for number, line in enumerate(text.split("\n"), 1):
        if _BANNER.match(line):
            findings.append(f"{path}:{number}: a banner")
        if path.endswith((".h", ".cpp", ".mjs")) and _CXX_DEAD.match(line):
            findings.append(f"{path}:{number}: code that is commented out")
        if path.endswith(".py") and _is_dead_python(line):
            findings.append(f"{path}:{number}: code that is commented out")
    return findings


def _is_dead_python(line: str) -> bool:
    stripped = line.strip()
    if not stripped.startswith("# "):
        return False
    try:
        body = ast.parse(stripped[2:].strip()).body
    except SyntaxError:
        return False
    dead = (ast.Assign, ast.AugAssign, ast.Import, ast.ImportFrom, ast.Return, ast.Raise)
    return any(
        isinstance(node, dead) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in body
    )


def python_functions(path: str, text: str) -> Findings:
    findings = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                findings.append(_too_long(path, node.lineno, length))
    return findings


def _too_long(path: str, line: int, length: int) -> str:
    return f"{path}:{line}: a function of {length} lines, at most {FUNCTION_LINES_MAX}"


_SCOPE = re.compile(r"(?:^|[\s>\])])(?:namespace|class|struct|union|enum|extern)\b[^()]*$")


def cxx_functions(path: str, text: str) -> Findings:
    """Lengths by matching braces; a lambda counts as part of the function around it."""
    return [
        _too_long(path, first, last - first + 1)
        for first, last in cxx_function_lines(text)
        if last - first + 1 > FUNCTION_LINES_MAX
    ]


def cxx_function_lines(text: str) -> list[tuple[int, int]]:
    """First and last line of every outermost function body, with its declaration."""
    blank = re.sub(r"^[ \t]*#.*$", lambda m: " " * len(m.group()), blank_cxx(text), flags=re.M)
    functions = []
    scopes: list[tuple[str, int]] = []  # kind and where its declaration begins
    start = 0
    for offset, char in enumerate(blank):
        inside = any(kind == "function" for kind, _ in scopes)
        if char == "{":
            declaration = blank[start:offset]
            kind = "inner" if inside else _kind_of(declaration)
            begin = start + len(declaration) - len(declaration.lstrip())
            scopes.append((kind, begin))
            if kind == "scope":
                start = offset + 1
        elif char == "}" and scopes:
            kind, begin = scopes.pop()
            if kind == "function":
                functions.append((line_of(blank, begin), line_of(blank, offset)))
            if kind in ("function", "scope"):
                start = offset + 1
        elif char == ";" and not inside:
            start = offset + 1
    return functions


def _kind_of(declaration: str) -> str:
    """What a brace opens: a scope, a function, or an initialiser that belongs to either."""
    if _SCOPE.search(declaration):
        return "scope"
    # `member_{...}` hugs its brace, a body does not; `= {` starts a value.
    if ")" not in declaration or declaration.rstrip().endswith("="):
        return "value"
    return "value" if re.search(r"[\w>]$", declaration) else "function"
