"""The package for 64-bit ARM, made on another processor, and its programs in QEMU."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.arm64
ROOT = Path(__file__).resolve().parents[2]
QEMU = ["qemu-aarch64-static", "-L", str(ROOT / "build/arm64-root")]
PROGRAMS = ["anchorlogctl", "anchorlogd", "logverify", "logverify_online"]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package() -> Path:
    told = run("config/debian/build", "--arm64")
    print(told)
    return ROOT / told.split()[0]


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arm64")
    run("dpkg-deb", "-x", str(package), str(folder))
    return folder


def test_it_is_for_the_other_processor(package: Path, unpacked: Path) -> None:
    assert run("dpkg-deb", "-f", str(package), "Architecture") == "arm64\n"
    assert sorted(path.name for path in (unpacked / "usr/bin").iterdir()) == PROGRAMS
    for name in PROGRAMS:
        assert re.search(r"Machine: +AArch64", run("readelf", "-h", f"{unpacked}/usr/bin/{name}"))


def test_it_depends_on_what_its_programs_load(package: Path) -> None:
    """As the same sources' package for this processor does, where dpkg itself has found it out."""
    wanted = r"libc6 |libssl3|librocksdb|libcurl|libsecp256k1|libspdlog|libstdc\+\+6( |$)|adduser"
    depends = run("dpkg-deb", "-f", str(package), "Depends").split(", ")
    assert len([name for name in depends if re.match(wanted, name)]) == 8, depends
    assert len(depends) == len({name.split()[0] for name in depends}), depends


def test_lintian_finds_nothing(package: Path) -> None:
    run("lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", "--allow-root",
        str(package))


def test_its_programs_run(unpacked: Path, tmp_path: Path) -> None:
    for name in PROGRAMS:
        assert run(*QEMU, f"{unpacked}/usr/bin/{name}", "--version").split()[0] in name
    key = tmp_path / "log.key"
    made = run(*QEMU, f"{unpacked}/usr/bin/anchorlogctl", "key", "generate", "--type", "ed25519",
               "--out", str(key), "--origin", "arm.example/log")
    assert "vkey arm.example/log+" in made and key.stat().st_mode & 0o777 == 0o600


def test_its_manual_has_what_the_programs_say(unpacked: Path) -> None:
    page = run("zcat", f"{unpacked}/usr/share/man/man8/anchorlogd.8.gz")
    assert "\\-\\-config" in page
