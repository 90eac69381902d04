"""What the package and image tests share: Docker with the two base images, and the packages."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "packaging"))

from docker_host import DockerHost, run  # noqa: E402

# A package is for the release it is built on: this machine's, and in a container Debian 13's.
THIS_RELEASE = platform.freedesktop_os_release()["VERSION_CODENAME"]
RELEASES = [THIS_RELEASE] if THIS_RELEASE == "trixie" else [THIS_RELEASE, "trixie"]
PACKAGE_RUNS = [["anchorlog", "anchorlog-ids"], ["--version", "99.0.0", "anchorlog"]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: long; part of `make test-full` only")
    config.addinivalue_line("markers", "arm64: of what `make test-arm` has built")


@pytest.fixture(scope="session")
def docker() -> Iterator[DockerHost]:
    with DockerHost() as host:
        yield host


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def packages(docker: DockerHost, release: str, tmp_path_factory: pytest.TempPathFactory
             ) -> dict[str, list[Path]]:
    """Each package of a release in the project's version and in a later one."""
    made: dict[str, list[Path]] = {"anchorlog": [], "anchorlog-ids": []}
    for options in PACKAGE_RUNS:
        if release == THIS_RELEASE:
            folder = ROOT
            told = run(str(ROOT / "config/debian/build"), *options, timeout_s=900)
        else:
            folder = tmp_path_factory.mktemp(f"packages-{release}")
            told = docker.build_packages(ROOT, folder, options)
        print(f"{release}: {told}")
        for line in told.splitlines():
            path = folder / line.split()[0]
            made[path.name.split("_")[0]].append(path)
    return made
