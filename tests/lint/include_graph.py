"""The include graph of docs/architecture.md, as a rule over file contents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from project import Findings

MODULES = {
    "base": set(),
    "crypto": {"base"},
    "merkle": {"base", "crypto"},
    "wire": {"base", "crypto"},
    "store": {"base", "crypto", "wire"},
    "ledger": {"base", "crypto", "merkle", "wire", "store"},
    "eth": {"base", "crypto"},
    "anchor": {"base", "crypto", "wire", "store", "eth"},
    "verify": {"base", "crypto", "merkle", "wire", "eth"},
    "net": {"base", "crypto", "wire"},
}
MODULES["app"] = set(MODULES)

# Heavy libraries: by the start of the header's name, who may include it.
LIBRARIES = {
    "boost/": {"net", "app"},
    "openssl/": {"crypto", "net"},
    "rocksdb/": {"store"},
    "nlohmann/": {"wire", "anchor", "verify", "net", "app"},
    "spdlog/": {"base"},
    "curl/": {"anchor", "app"},
    "secp256k1": {"crypto"},
    "crypto++/": {"crypto"},
    "cryptopp/": {"crypto"},
}
# Few files pay for compiling a heavy header, and a change of library touches few files.
LIBRARY_FILES_MAX = {
    "openssl/": 13, "rocksdb/": 2, "nlohmann/json.hpp": 14, "spdlog/": 2,
    "curl/": 2, "secp256k1": 1,
}
MAIN_LINES_MAX = 30

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def module_of(path: str) -> str | None:
    """The module a file under src/ or include/anchorlog/ belongs to."""
    parts = PurePosixPath(path).parts
    if parts[:3] == ("src", "anchor", "eth"):
        return "eth"
    if parts[:1] == ("src",) and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("include", "anchorlog") and len(parts) > 3:
        return parts[2]
    return None


def tested_module_of(path: str) -> str | None:
    parts = PurePosixPath(path).parts
    is_of_module = parts[:2] in (("tests", "unit"), ("tests", "fuzz"))
    return parts[2] if is_of_module and len(parts) > 3 else None


def includes(text: str) -> list[tuple[int, bool, str]]:
    """Line, whether it is in quotes, and name of every include."""
    return [
        (text.count("\n", 0, m.start()) + 1, m.group(1) == '"', m.group(2))
        for m in _INCLUDE.finditer(text)
    ]


def check(files: Mapping[str, str]) -> Findings:
    """Every rule on the given C++ files, by path relative to the project's root."""
    findings: Findings = []
    for path, text in files.items():
        module = module_of(path)
        if module is not None and module not in MODULES:
            findings.append(f"{path}:1: {module} is no module of the design")
            continue
        for line, quoted, name in includes(text):
            where = f"{path}:{line}:"
            if quoted:
                findings += _own_include(files, path, module, where, name)
            elif module is not None:
                findings += _library_include(path, module, where, name)
        if path.endswith("_main.cpp") and text.count("\n") > MAIN_LINES_MAX:
            findings.append(f"{path}:1: a main has at most {MAIN_LINES_MAX} lines")
    findings += _spread_libraries(files)
    needed = _needed_elsewhere(files)
    for path in files:
        if path.startswith("include/") and path not in needed:
            findings.append(f"{path}:1: no other module includes it: it belongs in src/")
    return findings


def _needed_elsewhere(files: Mapping[str, str]) -> set[str]:
    """Public headers that another module includes, and those that such a header includes."""
    public = {
        path: [f"include/{name}" for _, quoted, name in includes(text) if quoted]
        for path, text in files.items()
        if module_of(path) is not None
    }
    needed = {
        header
        for path, headers in public.items()
        for header in headers
        if module_of(header) != module_of(path)
    }
    waiting = list(needed)
    while waiting:
        for header in public.get(waiting.pop(), []):
            if header not in needed:
                needed.add(header)
                waiting.append(header)
    return needed


def _own_include(
    files: Mapping[str, str], path: str, module: str | None, where: str, name: str
) -> Findings:
    public, private = f"include/{name}", f"src/{name}"
    if public in files:
        return _module_edge(module, module_of(public), where, name)
    if private in files:
        owner = module_of(private)
        if path.startswith("include/"):
            return [f"{where} a public header cannot include {name}, which is private"]
        # The simulation puts the modules together, as app does.
        if owner in (module, tested_module_of(path)) or path.startswith("tests/sim/"):
            return []
        return [f"{where} {name} is private to {owner}"]
    beside = str(PurePosixPath(path).parent / name)
    if module is None and (f"tests/{name}" in files or beside in files):
        return []
    return [f'{where} "{name}" is no path below include/ or src/']


def _module_edge(user: str | None, owner: str | None, where: str, name: str) -> Findings:
    if user is None or owner is None or owner == user or owner in MODULES[user]:
        return []
    return [f"{where} {user} may not include {owner} ({name})"]


def _library_include(path: str, module: str, where: str, name: str) -> Findings:
    for prefix, allowed in LIBRARIES.items():
        if not name.startswith(prefix):
            continue
        if path.startswith("include/"):
            return [f"{where} <{name}> is heavy and stays out of public headers"]
        if module not in allowed:
            return [f"{where} {module} may not include <{name}>"]
    return []


def _spread_libraries(files: Mapping[str, str]) -> Findings:
    findings = []
    for prefix, files_max in LIBRARY_FILES_MAX.items():
        users = sorted(
            path
            for path, text in files.items()
            if module_of(path) is not None
            and any(name.startswith(prefix) for _, quoted, name in includes(text) if not quoted)
        )
        if len(users) > files_max:
            findings.append(f"{users[0]}:1: {len(users)} files include {prefix}: {users}")
    return findings
