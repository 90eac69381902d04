"""The project's style, and proof that every rule of it can fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import style
from project import CODE, CXX, Findings, blank_cxx, code, texts

Rule = Callable[[str, str], Findings]

# Written by a tool or by someone else: their lines are not ours.
FOREIGN = (".json", ".lock", ".txt", ".csv", ".pem", ".bin", "LICENSE")


def our_texts() -> dict[str, str]:
    return {path: text for path, text in texts().items() if not path.endswith(FOREIGN)}


def code_and_scripts() -> dict[str, str]:
    scripts = {path: text for path, text in texts().items() if text.startswith("#!")}
    return {**code(*CODE), **scripts}


RULES: dict[str, tuple[Rule, Callable[[], dict[str, str]]]] = {
    "sizes": (style.sizes, code_and_scripts),
    "whitespace": (style.whitespace, our_texts),
    "unfinished": (style.unfinished, our_texts),
    "names": (style.names, code_and_scripts),
    "co_await": (style.co_await, lambda: code(*CXX)),
    "algorithms": (style.algorithms, lambda: code(*CXX)),
    "comments": (style.comments, code_and_scripts),
    "python_functions": (style.python_functions, lambda: code(".py")),
    "cxx_functions": (style.cxx_functions, lambda: code(*CXX)),
}


@pytest.mark.parametrize("name", RULES)
def test_the_project(name: str) -> None:
    rule, files = RULES[name]
    assert files(), "nothing to look at"
    findings = [finding for path, text in files().items() for finding in rule(path, text)]
    assert not findings, "\n" + "\n".join(findings)


LONG_CXX = "namespace a {\nResult<int> f(int x) {\n" + "    x++;\n" * 69 + "}\n}\n"
LONG_MEMBER = (
    "class A {\npublic:\n    explicit A(int x)\n        : x_{x} {\n"
    + "        go();\n" * 70
    + "    }\n    int x_;\n};\n"
)
LONG_PYTHON = "def f() -> None:\n" + "    print()\n" * 70


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("sizes", "src/a.cpp", "int x;\n" * 501),
        ("sizes", "src/a.cpp", "//" + "x" * 99 + "\n"),
        ("whitespace", "src/a.cpp", "\tint x;\n"),
        ("whitespace", "src/a.cpp", "int x; \n"),
        ("whitespace", "src/a.cpp", "int x;"),
        ("unfinished", "src/a.cpp", "// TO" + "DO: later\n"),
        ("unfinished", "a.py", "# FIX" + "ME\n"),
        ("names", "src/base/string_util.h", ""),
        ("names", "src/common/a.h", ""),
        ("names", "src/a.h", "namespace anchorlog::util {}\n"),
        ("names", "src/a.h", "class SessionManager {};\n"),
        ("names", "src/a.h", "enum class ParseHelper { kNone };\n"),
        ("names", "a.py", "class SessionManager:\n    pass\n"),
        ("co_await", "src/a.cpp", "co_await f(Options{1});\n"),
        ("co_await", "src/a.cpp", "x = co_await\n    g([this] { return 1; });\n"),
        ("algorithms", "src/a.cpp", "#include <array>\nauto x = std::copy_n(a, 2, b);\n"),
        ("comments", "src/a.cpp", "// ---------- section\n"),
        ("comments", "src/a.cpp", "    // return total + 1;\n"),
        ("comments", "src/a.cpp", "    // total = count(x);\n"),
        ("comments", "src/a.cpp", "    // writer.flush();\n"),
        ("comments", "src/a.cpp", "    // if (ready) {\n"),
        ("comments", "src/a.cpp", "// #include <vector>\n"),
        ("comments", "a.py", "    # total = count(x)\n"),
        ("comments", "a.py", "    # writer.flush()\n"),
        ("comments", "a.py", "# import os\n"),
        ("python_functions", "a.py", LONG_PYTHON),
        ("cxx_functions", "src/a.cpp", LONG_CXX),
        ("cxx_functions", "src/a.h", LONG_MEMBER),
    ],
)
def test_bad_text_is_found(name: str, path: str, text: str) -> None:
    findings = RULES[name][0](path, text)
    assert findings
    assert all(finding.startswith(f"{path}:") for finding in findings)


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("names", "src/a.cpp", "#include <utility>\nnamespace commonality {}\n"),
        ("co_await", "src/a.cpp", "auto x = co_await f(y);\nif (x) { g([] {}); }\n"),
        ("co_await", "src/a.cpp", "// co_await f({});\n"),
        ("co_await", "src/a.cpp", 'log("co_await {");\n'),
        ("algorithms", "src/a.cpp", "#include <algorithm>\nauto x = std::copy_n(a, 2, b);\n"),
        ("comments", "src/a.cpp", "// The sync is done; what follows may be lost.\n"),
        ("comments", "src/a.cpp", "// Returned to the caller, who frees it (see store).\n"),
        ("comments", "a.py", "# Two passes: sizes first, names later.\n"),
        ("cxx_functions", "src/a.cpp", LONG_CXX.replace("    x++;\n", "", 1)),
    ],
)
def test_good_text_passes(name: str, path: str, text: str) -> None:
    assert RULES[name][0](path, text) == []


def test_function_lines_are_counted_with_their_declaration() -> None:
    text = (
        "struct Options {\n    int size = 1;\n    std::array<int, 2> limits{1, 2};\n};\n"
        "constexpr std::array<int, 2> kSizes = {\n    1,\n    2,\n};\n"
        "Server::Server(Options options,\n               int port)\n"
        "    : options_{options}, port_{port} {\n    start([this] {\n        run();\n    });\n}\n"
        "int Server::port() const {\n    return port_;\n}\n"
        "void serve(Options options = {}) {\n    run();\n}\n"
    )
    assert style.cxx_function_lines(text) == [(9, 15), (16, 18), (19, 21)]


def test_blank_keeps_lines_and_hides_literals() -> None:
    text = 'auto a = R"(x { // y)";  // {\nchar b = \'{\'; /* {\n */ int c = 1\'000;\n"a\\"{"\n'
    blank = blank_cxx(text)
    assert blank.count("\n") == text.count("\n")
    assert "{" not in blank
    assert "int c = 1'000;" in blank
