"""Docker on this machine, started if it does not run, and base images that need no registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

START_S_MAX = 60.0
BUILD_S_MAX = 3600.0
BUILD_BASE = "anchorlog-build-base"
BUILT = "anchorlog-test-built"
# What pip, npm and others read when a proxy signs with a certificate of its own.
CERTIFICATE_VARIABLES = ["PIP_CERT", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "npm_config_cafile"]
# What systemd needs inside a container. --privileged asks for more, which a machine that is itself
# a guest may not have to give.
SYSTEMD_CAPABILITIES = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_NICE", "DAC_READ_SEARCH",
                        "IPC_LOCK", "SYSLOG", "SYS_BOOT"]


def run(*command: str, timeout_s: float = 60, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_s)
    if done.returncode != 0:
        told = done.stdout[-4000:] + done.stderr[-4000:]
        raise AssertionError(f"exit {done.returncode}: {' '.join(command)}\n{told}")
    return done.stdout


def answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


class Container:
    """A running container, removed at the end. A context manager."""

    def __init__(self, *options: str) -> None:
        self.id = run("docker", "run", "--detach", *options).strip()

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        run("docker", "rm", "--force", "--volumes", self.id)

    def try_run(self, script: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "exec", "--interactive", self.id, "bash", "-e"],
            input=script, capture_output=True, text=True, timeout=timeout_s,
        )

    def run(self, script: str, timeout_s: float = 120) -> str:
        done = self.try_run(script, timeout_s)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def copy(self, source: Path, target: str) -> None:
        run("docker", "cp", str(source), f"{self.id}:{target}")

    def wait(self, script: str, what: str, timeout_s: float) -> str:
        """Polls until the script succeeds."""
        deadline = time.monotonic() + timeout_s
        while True:
            done = self.try_run(script)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() > deadline:
                told = done.stdout + done.stderr
                raise AssertionError(f"not within {timeout_s:g} s: {what}\n{told}")
            time.sleep(0.5)


class DockerHost:
    """A context manager: stops the Docker it started."""

    def __init__(self) -> None:
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DockerHost:
        if not answers():
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(60)

    def _start(self) -> None:
        with open(Path(tempfile.gettempdir()) / "anchorlog-dockerd.log", "ab") as log:
            self._daemon = subprocess.Popen(
                ["dockerd"], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S_MAX
        while not answers():
            assert self._daemon.poll() is None and time.monotonic() < deadline, (
                f"dockerd did not start: see {log.name}")
            time.sleep(0.2)

    def has(self, image: str) -> bool:
        found = subprocess.run(["docker", "image", "inspect", image], capture_output=True)
        return found.returncode == 0

    def base(self, release: str) -> str:
        """debian:RELEASE-slim, made by debootstrap where it is not there."""
        image = f"debian:{release}-slim"
        if not self.has(image):
            with tempfile.TemporaryDirectory() as root:
                run("debootstrap", "--variant=minbase", release, root, timeout_s=900)
                tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
                subprocess.run(["docker", "import", "-", image], stdin=tar.stdout, check=True,
                               capture_output=True, timeout=300)
                assert tar.wait() == 0
        return image

    def build_base(self) -> str:
        """A base for stages that build: it trusts the certificates this machine was told to."""
        base = self.base("trixie")
        bundle = next((os.environ[v] for v in CERTIFICATE_VARIABLES if os.environ.get(v)), None)
        if os.environ.get("BUILD_BASE"):
            return os.environ["BUILD_BASE"]
        if bundle is None:
            return base
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(bundle, Path(folder) / "bundle.crt")
            values = " ".join(f"{name}=/bundle.crt" for name in CERTIFICATE_VARIABLES)
            (Path(folder) / "Dockerfile").write_text(
                f"FROM {base}\nCOPY bundle.crt /bundle.crt\nENV {values}\n")
            run("docker", "build", "--tag", BUILD_BASE, folder, timeout_s=120)
        return BUILD_BASE

    def build_image(self, project: Path, target: str, image: str) -> None:
        """As docker/Dockerfile says; with the machine's network, because a bridge may have no
        DNS."""
        run("docker", "build", "--network", "host", "--build-arg",
            f"BUILD_BASE={self.build_base()}", "--file", str(project / "docker/Dockerfile"),
            "--target", target, "--tag", image, str(project), timeout_s=BUILD_S_MAX)

    def build_packages(self, project: Path, folder: Path, options: list[str]) -> str:
        """Where docker/Dockerfile has built the programs, on Debian 13, the packages are made."""
        self.build_image(project, "build", BUILT)
        script = (
            "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
            "--no-install-recommends dpkg-dev file python3-venv >/dev/null; "
            "cp -r /project/config /project/docs /project/LICENSE /project/python_ids .; "
            f"config/debian/build {' '.join(options)}; mkdir -p /made/build; "
            "cp -r build/packages /made/build/; "
            f"chown -R {os.getuid()}:{os.getgid()} /made"
        )
        return run("docker", "run", "--rm", "--network", "host", f"--volume={project}:/project:ro",
                   f"--volume={folder}:/made", BUILT, "bash", "-ec", script, timeout_s=1800)

    def systemd_image(self, release: str) -> str:
        """The base image with systemd, as a machine has it."""
        image = f"anchorlog-test-systemd:{release}"
        if not self.has(image):
            lines = [
                f"FROM {self.base(release)}",
                "RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
                "--no-install-recommends systemd systemd-sysv dbus ca-certificates >/dev/null",
                # Credentials are mounted by a child of systemd and must be seen by its services.
                'CMD ["bash", "-c", "mount --make-rshared / && exec /sbin/init"]',
            ]
            run("docker", "build", "--network", "host", "--tag", image, "-", timeout_s=600,
                stdin="\n".join(lines))
        return image

    def compose_image(self, release: str) -> str:
        """The docker-compose of that release, which speaks to this machine's Docker."""
        image = f"anchorlog-test-compose:{release}"
        if not self.has(image):
            client = "docker.io" if release == "bookworm" else "docker-cli"
            lines = [
                f"FROM {self.base(release)}",
                "RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
                f"--no-install-recommends docker-compose {client} >/dev/null",
            ]
            run("docker", "build", "--network", "host", "--tag", image, "-", timeout_s=600,
                stdin="\n".join(lines))
        return image

    def boot(self, release: str) -> Container:
        """A container with systemd as its first process; its store is on the disk."""
        image = self.systemd_image(release)
        capabilities = [f"--cap-add={name}" for name in SYSTEMD_CAPABILITIES]
        return Container(
            *capabilities, "--cgroupns=host", "--security-opt=seccomp=unconfined",
            "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined",
            "--volume=/sys/fs/cgroup:/sys/fs/cgroup", "--volume=/var/lib",
            "--tmpfs=/run", "--tmpfs=/run/lock", "--env=container=docker", image,
        )
