"""The images of docker/, the programs in them, and the whole pipeline of docker/compose.yml up to
the demo's PASS, with Debian 12's docker-compose and with Debian 13's `docker compose`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost, run

pytestmark = pytest.mark.full
ROOT = Path(__file__).resolve().parents[2]
PROJECT = "anchorlog-test"
E2E_IMAGE = "anchorlog-test-e2e"
E2E_TESTS = [f"tests/e2e/test_{name}.py" for name in (
    "tls_group", "tls", "admission", "frames", "crash", "reload")]
IMAGES = {"anchorlog": "anchorlog", "ids": "anchorlog-ids", "ganache": "anchorlog-ganache",
          "prometheus": "anchorlog-prometheus"}
SERVICES = ["ganache", "setup", "anchorlogd", "ids", "verify", "prometheus"]
VERDICT_S_MAX = 600
CONTEXT_BYTES_MAX = 16 << 20


class Pipeline:
    """What docker/compose.yml describes, handled by one release's compose. A context manager."""

    def __init__(self, docker: DockerHost, release: str) -> None:
        command = ["docker-compose"] if release == "bookworm" else ["docker", "compose"]
        # At the same path as here, because the files that it mounts are named from there.
        self._command = [
            "docker", "run", "--rm", f"--volume={ROOT}:{ROOT}:ro",
            "--volume=/var/run/docker.sock:/var/run/docker.sock", docker.compose_image(release),
            *command, "--project-name", PROJECT, "--file", str(ROOT / "docker/compose.yml"),
        ]

    def __enter__(self) -> Pipeline:
        self.compose("down", "--volumes", "--remove-orphans")
        try:
            self.compose("up", "--detach", "--no-build", timeout_s=600)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if "ANCHORLOG_KEEP" not in os.environ:
            self.compose("down", "--volumes", "--remove-orphans")

    def compose(self, *arguments: str, timeout_s: float = 120) -> str:
        return run(*self._command, *arguments, timeout_s=timeout_s)

    def container(self, service: str) -> str:
        return self.compose("ps", "--quiet", "--all", service).strip()

    @property
    def daemon(self) -> str:
        return self.container("anchorlogd")


@pytest.fixture(scope="module")
def images(docker: DockerHost) -> dict[str, str]:
    for target, image in IMAGES.items():
        docker.build_image(ROOT, target, image)
    return IMAGES


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def pipeline(
    request: pytest.FixtureRequest, docker: DockerHost, images: dict[str, str]
) -> Iterator[Pipeline]:
    """Everything up."""
    with Pipeline(docker, request.param) as made:
        yield made


def inspect(kind: str, name: str) -> dict[str, object]:
    found = json.loads(run("docker", kind, "inspect", name))
    assert isinstance(found[0], dict)
    return found[0]


def test_the_demo_reaches_its_pass(pipeline: Pipeline) -> None:
    print(pipeline.compose("version", "--short"))
    verify = pipeline.container("verify")
    code = run("docker", "wait", verify, timeout_s=VERDICT_S_MAX).strip()
    told = pipeline.compose("logs", "--no-color")
    assert code == "0", told[-8000:]
    verdict = run("docker", "logs", verify)
    assert verdict.rstrip().endswith("demo: PASS"), verdict
    assert "ANCHORED" in verdict
    print(verdict)


def test_the_daemon_is_healthy_and_prometheus_sees_it(pipeline: Pipeline) -> None:
    daemon = pipeline.daemon
    assert run("docker", "inspect", "--format", "{{.State.Health.Status}}", daemon) == "healthy\n"
    request = ("exec 3<>/dev/tcp/127.0.0.1/9090; printf 'GET /api/v1/query?query=up%%7Bjob%%3D"
               "\"anchorlog\"%%7D HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3")
    done = ""
    for _ in range(60):
        done = run("docker", "exec", daemon, "bash", "-c", request)
        if '"1"]' in done:
            return
        run("docker", "exec", daemon, "sleep", "1")
    raise AssertionError(done)


def test_the_handshake_is_post_quantum(pipeline: Pipeline) -> None:
    """OpenSSL 3.5's client, with its defaults, against the daemon's."""
    shown = subprocess.run(
        ["docker", "exec", "--interactive", pipeline.daemon, "openssl", "s_client", "-connect",
         "127.0.0.1:7400", "-tls1_3", "-CAfile", "/etc/anchorlog/pki/ca.crt",
         "-cert", "/etc/anchorlog/pki/gw-01.crt", "-key", "/etc/anchorlog/pki/gw-01.key"],
        input="", capture_output=True, text=True, timeout=60,
    )
    assert "Negotiated TLS1.3 group: X25519MLKEM768" in shown.stdout, shown.stdout + shown.stderr
    assert "Verification: OK" in shown.stdout


def test_nothing_runs_as_root_or_on_a_writable_image(pipeline: Pipeline) -> None:
    containers = pipeline.compose("ps", "--quiet", "--all").split()
    assert len(containers) == len(SERVICES)
    for container in containers:
        found = inspect("container", container)
        config, host = found["Config"], found["HostConfig"]
        assert isinstance(config, dict) and isinstance(host, dict)
        assert config["User"] not in ("", "root", "0"), found["Name"]
        assert host["ReadonlyRootfs"] is True, found["Name"]
        assert host["CapDrop"] == ["ALL"], found["Name"]


def test_a_build_is_sent_sources_only(docker: DockerHost) -> None:
    """The builder of Debian 12 knows no ignore file but the one of the folder that it is sent."""
    base = docker.base("trixie")
    listing = f"FROM {base}\nCOPY . /context\nRUN du -ab /context >/listing\n"
    image = run("docker", "build", "--quiet", "--file", "-", str(ROOT), stdin=listing,
                timeout_s=120).strip()
    try:
        listed = run("docker", "run", "--rm", image, "cat", "/listing").splitlines()
    finally:
        run("docker", "rmi", image)
    sizes = {path: int(size) for size, path in (line.split("\t") for line in listed)}
    assert sizes["/context"] < CONTEXT_BYTES_MAX
    tops = {path.split("/")[2] for path in sizes if path.count("/") == 2}
    assert tops == {"CMakeLists.txt", "CMakePresets.json", "config", "contracts", "include",
                    "python_ids", "src", "tests"}
    assert "/context/src/app/daemon.cpp" in sizes
    assert not [path for path in sizes if path.endswith((".key", ".pem"))]
    assert "/context/contracts/node_modules" not in sizes


def test_nothing_of_the_build_is_in_the_images(images: dict[str, str]) -> None:
    for image in images.values():
        found = inspect("image", image)
        config = found["Config"]
        assert isinstance(config, dict)
        assert not any("bundle.crt" in value for value in config["Env"] or []), image
        inside = run("docker", "run", "--rm", "--entrypoint", "sh", image, "-c",
                     "ls / /usr/bin; command -v cc c++ npm pip || true")
        assert "bundle.crt" not in inside and "c++" not in inside.split(), image
        size = found["Size"]
        assert isinstance(size, int)
        print(f"{image}: {size / 1e6:.0f} MB")


def test_a_container_without_a_volume_is_refused(images: dict[str, str], tmp_path: Path) -> None:
    """An image's own file system goes away with the container: the daemon takes no alert on it."""
    done = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "bash", images["anchorlog"], "-c",
         "cd /etc/anchorlog && anchorlogctl pki init --dir pki >/dev/null "
         "&& anchorlogctl pki issue --role server --dir pki --name server >/dev/null "
         "&& anchorlogctl key generate --type ed25519 --out log.key >/dev/null "
         "&& echo '{\"senders\": {}}' >senders.json && echo '{\"origin\": \"a.example/b\", "
         "\"store\": {\"dir\": \"store\"}, \"registry\": \"senders.json\", \"signing_key\": "
         "\"log.key\", \"tls\": {\"certificate\": \"pki/server.crt\", \"key\": \"pki/server.key\","
         " \"client_ca\": \"pki/ca.crt\"}}' >a.json && anchorlogctl log init --config a.json "
         ">/dev/null && anchorlogd --config a.json"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 78, done.stdout + done.stderr
    assert "overlay" in done.stderr


@pytest.fixture(scope="module")
def e2e_image(docker: DockerHost, images: dict[str, str]) -> str:
    """The daemon's image with what end-to-end tests need besides."""
    lines = [
        f"FROM {images['anchorlog']}",
        "USER root",
        "RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
        "--no-install-recommends openssl python3-pytest python3-cryptography softhsm2 opensc "
        "pkcs11-provider >/dev/null",
    ]
    run("docker", "build", "--network", "host", "--tag", E2E_IMAGE, "-", timeout_s=600,
        stdin="\n".join(lines))
    return E2E_IMAGE


def end_to_end(image: str, *pytest_arguments: str) -> str:
    """Of another release than this machine's, with another OpenSSL, compiler and RocksDB."""
    command = ["python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
               "--basetemp=/store/tests", *pytest_arguments]
    told = run(
        "docker", "run", "--rm", "--init", f"--volume={ROOT}:/anchorlog:ro", "--volume=/store",
        "--env=ANCHORLOG_BIN=/usr/bin", "--workdir=/anchorlog", "--entrypoint=sh", image,
        "-c", f"openssl version; exec {shlex.join(command)}", timeout_s=900)
    assert told.startswith("OpenSSL 3.5"), told
    assert " passed" in told and "skipped" not in told
    print(told[-400:])
    return told


def test_the_programs_pass_end_to_end_on_the_images_openssl(e2e_image: str) -> None:
    """Of this OpenSSL test_tls_group.py expects the hybrid."""
    end_to_end(e2e_image, "-m", "not full", *E2E_TESTS)


def test_a_software_hsm_signs_where_debian_has_the_provider(e2e_image: str) -> None:
    """Debian 12 has no provider for PKCS#11: there the same test asserts the refusal."""
    told = end_to_end(e2e_image, "tests/e2e/test_hardware_key.py", "-k", "an_hsm_signs")
    assert "1 passed" in told
