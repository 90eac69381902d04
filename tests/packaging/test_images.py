"""The images of docker/ and the whole pipeline of docker/compose.yml, up to the demo's PASS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost, run

pytestmark = pytest.mark.full
ROOT = Path(__file__).resolve().parents[2]
PROJECT = "anchorlog-test"
IMAGES = {"anchorlog": "anchorlog", "ids": "anchorlog-ids", "ganache": "anchorlog-ganache",
          "prometheus": "anchorlog-prometheus"}
BUILD_S_MAX = 3600
VERDICT_S_MAX = 600


def compose(*arguments: str, timeout_s: float = 120) -> str:
    return run("docker-compose", "--project-name", PROJECT, "--file",
               str(ROOT / "docker/compose.yml"), *arguments, timeout_s=timeout_s)


@pytest.fixture(scope="module")
def images(docker: DockerHost) -> dict[str, str]:
    """As docker/Dockerfile says; with the machine's network, because a bridge may have no DNS."""
    base = docker.build_base()
    for target, image in IMAGES.items():
        run("docker", "build", "--network", "host", "--build-arg", f"BUILD_BASE={base}",
            "--file", str(ROOT / "docker/Dockerfile"), "--target", target, "--tag", image,
            str(ROOT), timeout_s=BUILD_S_MAX)
    return IMAGES


@pytest.fixture(scope="module")
def pipeline(images: dict[str, str]) -> Iterator[str]:
    """Everything up, and the name of the container of the daemon."""
    compose("down", "--volumes", "--remove-orphans")
    try:
        compose("up", "--detach", "--no-build", timeout_s=600)
        yield compose("ps", "--quiet", "anchorlogd").strip()
    finally:
        if "ANCHORLOG_KEEP" not in os.environ:
            compose("down", "--volumes", "--remove-orphans")


def inspect(kind: str, name: str) -> dict[str, object]:
    found = json.loads(run("docker", kind, "inspect", name))
    assert isinstance(found[0], dict)
    return found[0]


def test_the_demo_reaches_its_pass(pipeline: str) -> None:
    verify = compose("ps", "--quiet", "verify").strip()
    code = run("docker", "wait", verify, timeout_s=VERDICT_S_MAX).strip()
    told = compose("logs", "--no-color")
    assert code == "0", told[-8000:]
    verdict = run("docker", "logs", verify)
    assert verdict.rstrip().endswith("demo: PASS"), verdict
    assert "ANCHORED" in verdict
    print(verdict)


def test_the_daemon_is_healthy_and_prometheus_sees_it(pipeline: str) -> None:
    assert run("docker", "inspect", "--format", "{{.State.Health.Status}}", pipeline) == "healthy\n"
    request = ("exec 3<>/dev/tcp/127.0.0.1/9090; printf 'GET /api/v1/query?query=up%%7Bjob%%3D"
               "\"anchorlog\"%%7D HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3")
    done = ""
    for _ in range(60):
        done = run("docker", "exec", pipeline, "bash", "-c", request)
        if '"1"]' in done:
            return
        run("docker", "exec", pipeline, "sleep", "1")
    raise AssertionError(done)


def test_the_handshake_is_post_quantum(pipeline: str) -> None:
    """OpenSSL 3.5's client, with its defaults, against the daemon's."""
    shown = subprocess.run(
        ["docker", "exec", "--interactive", pipeline, "openssl", "s_client", "-connect",
         "127.0.0.1:7400", "-tls1_3", "-CAfile", "/etc/anchorlog/pki/ca.crt",
         "-cert", "/etc/anchorlog/pki/gw-01.crt", "-key", "/etc/anchorlog/pki/gw-01.key"],
        input="", capture_output=True, text=True, timeout=60,
    )
    assert "Negotiated TLS1.3 group: X25519MLKEM768" in shown.stdout, shown.stdout + shown.stderr
    assert "Verification: OK" in shown.stdout


def test_nothing_runs_as_root_or_on_a_writable_image(pipeline: str) -> None:
    for container in compose("ps", "--quiet").split():
        found = inspect("container", container)
        config, host = found["Config"], found["HostConfig"]
        assert isinstance(config, dict) and isinstance(host, dict)
        assert config["User"] not in ("", "root", "0"), found["Name"]
        assert host["ReadonlyRootfs"] is True, found["Name"]
        assert host["CapDrop"] == ["ALL"], found["Name"]


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
