"""tests/setup/install decides by commands and headers; shown on machines made of stubs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from project import ROOT

TOOLS = ["bash", "cat", "cut", "dirname", "env", "id", "mkdir", "sed", "sha256sum", "tail"]
NEEDED = [
    "c++", "cmake", "ninja", "ccache", "pkg-config", "node", "npm", "curl", "strace", "faketime",
    "testssl",
]


class Machine:
    """A tree with the install script, and a PATH with nothing on it but what a test puts there."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.bin = top / "bin"
        self.bin.mkdir()
        for folder in ("tests/setup", "contracts", "python_ids"):
            (top / folder).mkdir(parents=True)
        shutil.copy(ROOT / "tests/setup/install", top / "tests/setup/install")
        for name in ("contracts/package.json", "contracts/package-lock.json",
                     "python_ids/requirements.txt", "python_ids/requirements-dev.txt",
                     "python_ids/pyproject.toml",
                     "tests/setup/requirements.txt"):
            (top / name).write_text("{}\n")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            # A script and not a link: a stub written over a link would go through to the machine.
            self.stub(tool, f'exec {found} "$@"')
        for name in NEEDED:
            self.stub(name, "cat >/dev/null" if name == "c++" else ":")

    def stub(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "tests/setup/install", *options], cwd=self.top, text=True,
            capture_output=True, env={**os.environ, "PATH": str(self.bin)}, timeout=30,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("command", "package"),
    [("c++", "g++"), ("ninja", "ninja-build"), ("ccache", "ccache"), ("node", "nodejs npm"),
     ("testssl", "testssl.sh")],
)
def test_a_missing_command_names_its_package(
    machine: Machine, command: str, package: str
) -> None:
    assert "cmake" not in machine.run("--check").stdout
    (machine.bin / command).unlink()
    run = machine.run("--check")
    assert run.returncode == 1
    assert f"missing: {package}\n" in run.stdout


def test_an_unknown_option_installs_nothing(machine: Machine) -> None:
    machine.stub("apt-get", f'echo "$@" >>"{machine.top}/apt.log"')
    (machine.bin / "cmake").unlink()
    run = machine.run("--build", "--banch")
    assert run.returncode == 64
    assert "no option --banch" in run.stderr
    assert not (machine.top / "apt.log").exists()


def test_the_bench_gets_only_what_it_needs(machine: Machine) -> None:
    machine.stub("apt-get", f'echo "$@" >>"{machine.top}/apt.log"')
    machine.stub("id", "echo 0")
    machine.stub("dpkg-deb", ":")
    machine.stub("rm", ":")
    (machine.bin / "cmake").unlink()
    run = machine.run("--bench")
    assert run.returncode == 0, run.stderr
    calls = (machine.top / "apt.log").read_text()
    assert "rsyslog-relp" in calls
    assert "cmake" not in calls


def test_a_node_of_another_vendor_is_left_alone(machine: Machine) -> None:
    (machine.bin / "npm").unlink()
    run = machine.run("--check")
    assert "missing: npm\n" in run.stdout
    assert "nodejs" not in run.stdout


def test_an_old_node_is_refused(machine: Machine) -> None:
    machine.stub("node", "exit 1")
    run = machine.run("--check")
    assert run.returncode == 1
    assert "too old" in run.stderr


def test_a_missing_header_names_its_package(machine: Machine) -> None:
    packages = "printf 'package: %s\\n' libcurl4-openssl-dev boost"
    machine.stub("c++", f"cat >/dev/null; {packages}")
    machine.stub("apt-cache", "echo 'libboost1.81-dev:'; echo '  Candidate: (none)'")
    assert "missing: libcurl4-openssl-dev libboost-dev\n" in machine.run("--check").stdout
    machine.stub("apt-cache", "echo 'libboost1.81-dev:'; echo '  Candidate: 1.81.0-5'")
    assert "missing: libcurl4-openssl-dev libboost1.81-dev\n" in machine.run("--check").stdout


def test_an_old_compiler_is_refused(machine: Machine) -> None:
    machine.stub("c++", "cat >/dev/null; echo 'package: g++-12'")
    run = machine.run("--check")
    assert run.returncode == 1
    assert "older than g++ 12" in run.stderr


def test_the_real_compiler_finds_every_header(machine: Machine) -> None:
    compiler = shutil.which("c++")
    assert compiler
    machine.stub("c++", f'exec {compiler} "$@"')
    assert "dev" not in machine.run("--check").stdout


def test_only_full_wants_a_fuzzer(machine: Machine) -> None:
    assert "clang" not in machine.run("--check").stdout
    machine.stub("clang++-19", "exit 1")
    assert "missing: clang-19 libclang-rt-19-dev\n" in machine.run("--full", "--check").stdout
    machine.stub("clang++-19", "cat >/dev/null")
    assert "clang" not in machine.run("--full", "--check").stdout


def test_nothing_is_removed_to_install(machine: Machine) -> None:
    machine.stub("apt-get", f'echo "$@" >>"{machine.top}/apt.log"')
    machine.stub("id", "echo 0")
    (machine.bin / "cmake").unlink()
    run = machine.run("--build")
    assert run.returncode == 0, run.stderr
    update, install = (machine.top / "apt.log").read_text().splitlines()
    assert update.startswith("update")
    assert "--no-remove" in install
    assert install.endswith(" cmake")


def test_a_failed_install_shows_why(machine: Machine) -> None:
    machine.stub("apt-get", 'if [ "$1" = install ]; then echo "no such package"; exit 100; fi')
    machine.stub("id", "echo 0")
    (machine.bin / "cmake").unlink()
    run = machine.run("--build")
    assert run.returncode == 1
    assert "no such package" in run.stderr


def test_neither_root_nor_sudo_is_said(machine: Machine) -> None:
    machine.stub("apt-get", ":")
    machine.stub("id", "echo 1000")
    (machine.bin / "cmake").unlink()
    run = machine.run("--build")
    assert run.returncode == 1
    assert "neither root nor sudo" in run.stderr


def test_no_node_is_too_old_for_a_program_that_is_not_of_node() -> None:
    """npm leaves an optional package out, and says nothing, when its engines do not suit."""
    packages = json.loads((ROOT / "contracts/package-lock.json").read_text())["packages"]
    optional = {name: about for name, about in packages.items() if about.get("optional")}
    foundry = [name for name in optional if "/@foundry-rs/" in name]
    assert len(foundry) == 2
    assert [name for name in foundry if "engines" in optional[name]] == []
