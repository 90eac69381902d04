"""What is committed and what is not, and proof that every rule of it can fail."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest
import tracked
from project import ROOT, Findings, paths, texts

MAKEFILE = (ROOT / "Makefile").read_text()
RULES: dict[str, Callable[[str, str], Findings]] = {
    "machine_paths": tracked.machine_paths,
    "private_keys": tracked.private_keys,
    "registries": tracked.registries,
    "pinned": tracked.pinned,
    "make_targets": lambda path, text: tracked.make_targets(path, text, MAKEFILE),
}
TOP_LEVEL = [
    "CMakeLists.txt", "CMakePresets.json", "Makefile", "LICENSE", "CHANGELOG.md", "README.md",
    ".clang-format", ".clang-tidy", ".gitignore", ".ci/run", "certs/README.md",
    "contracts/package-lock.json", "python_ids/requirements.txt",
]


@pytest.mark.parametrize("name", RULES)
def test_the_project(name: str) -> None:
    looked_at = texts()
    if name == "make_targets":
        looked_at = {path: text for path, text in looked_at.items() if path.endswith(".md")}
    rule = RULES[name]
    findings = [finding for path, text in looked_at.items() for finding in rule(path, text)]
    assert not findings, "\n" + "\n".join(findings)


def test_no_key_file_is_tracked() -> None:
    assert tracked.key_files(paths()) == []


def test_captures_have_their_notices() -> None:
    findings = tracked.captures(paths(), texts())
    assert not findings, "\n" + "\n".join(findings)


@pytest.mark.parametrize("path", TOP_LEVEL)
def test_top_level_is_whole(path: str) -> None:
    assert path in paths()


def test_ci_runs_the_tests_and_the_demo() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^make test$", text, re.MULTILINE)
    assert re.search(r"^make demo$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "path", [".ci/run", "tests/setup/install", "tests/setup/run_tests"]
)
def test_scripts_can_be_run(path: str) -> None:
    assert (ROOT / path).stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], cwd=ROOT, check=True, timeout=20)


def test_made_files_stay_out() -> None:
    made = ["build/release/bin/anchorlogd", "contracts/a/node_modules/b", "certs/ca.crt",
            "certs/ca.key", "log.key", "python_ids/a/__pycache__/b.pyc"]
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *made],
        cwd=ROOT, capture_output=True, text=True, timeout=20,
    ).stdout.split()
    assert ignored == made
    kept = ["contracts/build/LogAnchor.json", "certs/README.md", "tests/vectors/eth.json"]
    assert [path for path in kept if path not in paths()] == []


REQUIREMENT = "scapy==2.6.1 \\\n    --hash=sha256:" + "0" * 64 + "\n"


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("machine_paths", "a.md", "see /" + "root/notes\n"),
        ("machine_paths", "a.cpp", '"/' + 'home/bob/x"\n'),
        ("machine_paths", "a.cpp", f'"{ROOT}/src"\n'),
        ("private_keys", "a.txt", "-----BEGIN " + "PRIVATE KEY-----\n"),
        ("private_keys", "a.txt", "-----BEGIN EC " + "PRIVATE KEY-----\n"),
        ("private_keys", "a.json", '{"private' + '_key": "0x' + "ab" * 32 + '"}\n'),
        ("registries", "a/requirements.txt", "--index-url https://a.example/\n" + REQUIREMENT),
        (
            "registries", "a/package-lock.json",
            json.dumps({"packages": {"b": {"resolved": "https://a.example/b.tgz"}}}),
        ),
        ("pinned", "a/requirements.txt", "scapy>=2.6\n"),
        ("pinned", "a/requirements.txt", "scapy==2.6.1\n"),
        ("pinned", "a/package.json", '{"devDependencies": {"solc": "^0.8.30"}}'),
        ("make_targets", "README.md", "Run `make everything`.\n"),
        ("make_targets", "README.md", "```sh\nmake demo everything\n```\n"),
        ("make_targets", "README.md", "Then:\n\n    make everything\n"),
    ],
)
def test_bad_text_is_found(name: str, path: str, text: str) -> None:
    assert RULES[name](path, text)


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("machine_paths", "a.md", "/var/lib/anchorlog, ./rework/a and framework/x\n"),
        ("private_keys", "a.md", "A private key is never committed.\n"),
        ("registries", "a/requirements.txt", REQUIREMENT),
        ("pinned", "a/requirements.txt", "# made by pip-compile\n" + REQUIREMENT),
        ("pinned", "a/package.json", '{"dependencies": {"solc": "0.8.30"}}'),
        ("make_targets", "README.md", "Batches make demos. Run `make demo` and `make test`.\n"),
    ],
)
def test_good_text_passes(name: str, path: str, text: str) -> None:
    assert RULES[name](path, text) == []


def test_bad_captures_are_found() -> None:
    capture, notice, licence = "d/a/x.pcap", "d/SOURCES.md", "d/LICENSES/zeek.txt"
    named = {notice: "| a/x.pcap | zeek | BSD-3-Clause |"}
    assert tracked.captures([capture, notice, licence], named) == []
    assert tracked.captures([capture, licence], {})
    assert tracked.captures([capture, notice, licence], {notice: "| y.pcap |"})
    assert tracked.captures([capture, notice], named)


def test_key_files_are_found() -> None:
    assert tracked.key_files(["certs/ca.key", "a.p12", "docs/key.md"]) == [
        "certs/ca.key:1: a key file", "a.p12:1: a key file",
    ]
