"""Who may include whom, and proof that every rule of it can fail."""

from __future__ import annotations

import pytest
from include_graph import MODULES, check
from project import CXX, code

PUBLIC = {
    "include/anchorlog/base/result.h": "",
    "include/anchorlog/store/journal.h": '#include "anchorlog/base/result.h"\n',
    "src/ledger/sequencer.cpp": '#include "anchorlog/store/journal.h"\n',
}


def test_the_project() -> None:
    files = code(*CXX)
    assert files
    findings = check(files)
    assert not findings, "\n" + "\n".join(findings)


def test_no_module_reaches_itself() -> None:
    reached = {module: set(allowed) for module, allowed in MODULES.items() if module != "app"}
    for _ in MODULES:
        for module, allowed in reached.items():
            reached[module] = allowed.union(*(reached[other] for other in allowed))
    assert [m for m, allowed in reached.items() if m in allowed] == []


def test_good_files_pass() -> None:
    assert check(PUBLIC) == []


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("src/base/a.cpp", '#include "anchorlog/store/journal.h"\n', "base may not include store"),
        ("src/net/a.cpp", '#include "anchorlog/store/journal.h"\n', "net may not include store"),
        ("src/verify/a.cpp", '# include "anchorlog/store/journal.h"\n', "verify may not include"),
        ("src/base/a.cpp", '#include "no_such.h"\n', "is no path below"),
        ("src/other/a.cpp", "", "is no module"),
        ("src/ledger/a.cpp", "#include <boost/asio.hpp>\n", "ledger may not include <boost"),
        ("src/verify/a.cpp", "#include <rocksdb/db.h>\n", "verify may not include <rocksdb"),
        ("src/store/a.cpp", "#include <nlohmann/json.hpp>\n", "store may not include <nlohmann"),
        ("include/anchorlog/base/result.h", "#include <boost/asio.hpp>\n", "out of public"),
        ("include/anchorlog/wire/a.h", "", "no other module includes it"),
        ("src/app/a_main.cpp", "\n" * 31, "at most 30 lines"),
    ],
)
def test_bad_files_are_found(path: str, text: str, wanted: str) -> None:
    findings = check({**PUBLIC, path: text})
    assert len(findings) == 1, findings
    assert path in findings[0]
    assert wanted in findings[0]


def test_heavy_headers_stay_in_few_files() -> None:
    users = {f"src/store/a{i}.cpp": "#include <rocksdb/db.h>\n" for i in range(3)}
    assert "3 files include rocksdb/" in check({**PUBLIC, **users})[0]
    users.popitem()
    assert check({**PUBLIC, **users}) == []


def test_tests_may_include_what_stands_beside_them() -> None:
    files = {**PUBLIC, "tests/unit/eth/vectors.h": "", "tests/support/clock.h": ""}
    include = '#include "vectors.h"\n#include "support/clock.h"\n'
    assert check({**files, "tests/unit/eth/rlp_test.cpp": include}) == []
    assert len(check({**files, "src/base/a.cpp": include})) == 2


def test_private_headers_stay_in_their_module() -> None:
    private = {**PUBLIC, "src/store/segment.h": ""}
    include = '#include "store/segment.h"\n'
    assert check({**private, "src/store/journal.cpp": include}) == []
    assert check({**private, "tests/unit/store/segment_test.cpp": include}) == []
    for path in ("src/app/daemon.cpp", "tests/unit/app/daemon_test.cpp", "tests/support/a.h"):
        assert "is private to store" in check({**private, path: include})[0]


def test_a_public_header_carries_what_it_includes() -> None:
    inner = "include/anchorlog/store/position.h"
    outer = '#include "anchorlog/store/position.h"\n'
    assert "no other module" in check({**PUBLIC, inner: "", "src/store/a.cpp": outer})[0]
    assert check({**PUBLIC, inner: "", "include/anchorlog/store/journal.h": outer}) == [
        "include/anchorlog/base/result.h:1: no other module includes it: it belongs in src/"
    ]
    private = {"src/store/segment.h": "", "include/anchorlog/store/journal.h":
               '#include "anchorlog/base/result.h"\n#include "store/segment.h"\n'}
    assert "which is private" in check({**PUBLIC, **private})[0]


def test_eth_is_a_module_of_its_own() -> None:
    files = {**PUBLIC, "src/anchor/eth/rlp.cpp": '#include "anchorlog/store/journal.h"\n'}
    assert "eth may not include store" in check(files)[0]
