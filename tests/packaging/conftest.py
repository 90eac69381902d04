"""What the package and image tests share: Docker with the two base images, and the packages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "packaging"))

from docker_host import DockerHost  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: long; part of `make test-full` only")


@pytest.fixture(scope="session")
def docker() -> Iterator[DockerHost]:
    with DockerHost() as host:
        yield host


@pytest.fixture(scope="session")
def packages() -> dict[str, list[Path]]:
    """Each package in the project's version and in a later one."""
    made: dict[str, list[Path]] = {"anchorlog": [], "anchorlog-ids": []}
    for names, options in ((list(made), []), (["anchorlog"], ["--version", "99.0.0"])):
        done = subprocess.run(
            [str(ROOT / "config/debian/build"), *options, *names],
            capture_output=True, text=True, timeout=900,
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        for line in done.stdout.splitlines():
            path = ROOT / line.split()[0]
            made[path.name.split("_")[0]].append(path)
    return made
