"""What the daemon tells a service manager over NOTIFY_SOCKET, and what it says when it hangs."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Gateway, Pki, make_alert, wait_until
from harness.strace import attach

WATCHDOG_US = 400_000
STEP_HELD_S_MAX = 10.0


class Supervisor:
    """A service manager's end of sd_notify(3). Keeps what it read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.heard: list[dict[str, str]] = []

    def read(self) -> None:
        while True:
            try:
                message = self._socket.recv(4096).decode()
            except BlockingIOError:
                return
            self.heard.append(dict(line.split("=", 1) for line in message.splitlines()))

    def told(self, name: str, after: int = 0) -> int | None:
        """How many messages it took until this one, from the `after`th on."""
        self.read()
        for number, message in enumerate(self.heard[after:], after + 1):
            if name in message:
                return number
        return None

    def expect(self, name: str, after: int = 0) -> int:
        return wait_until(lambda: self.told(name, after), name)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def gateway(tmp_path: Path, pki: Pki, manager: Supervisor) -> Gateway:
    made = Gateway(tmp_path / "gateway", pki)
    made.env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(WATCHDOG_US)}
    return made


def test_start_reload_and_stop_are_told(gateway: Gateway, manager: Supervisor) -> None:
    with gateway:
        ready = manager.expect("READY")
        assert manager.heard[ready - 1]["STATUS"] == f"Serving {gateway.origin}"
        alive = manager.expect("WATCHDOG", ready)
        alive = manager.expect("WATCHDOG", alive)
        assert gateway.child is not None
        gateway.child.send_signal(signal.SIGHUP)
        reloading = manager.expect("RELOADING", alive)
        assert int(manager.heard[reloading - 1]["MONOTONIC_USEC"]) > 0
        manager.expect("READY", reloading)
        assert gateway.stop() == 0
        stopping = manager.expect("STOPPING")
        assert manager.told("WATCHDOG", stopping) is None


def test_a_refused_start_is_not_told_as_ready(gateway: Gateway, manager: Supervisor) -> None:
    gateway.config["origin"] = "another.example/log"
    gateway.write_config()
    child = gateway.launch()
    assert child.wait() == 78
    assert manager.told("READY") is None


def test_a_check_of_the_configuration_tells_nothing(gateway: Gateway, manager: Supervisor) -> None:
    gateway.wrapper = ["env", *(f"{name}={value}" for name, value in gateway.env.items())]
    assert gateway.refuses_to_start("--check-config").returncode == 0
    manager.read()
    assert manager.heard == []


@pytest.mark.full
@pytest.mark.release
def test_a_sync_that_hangs_fails_the_health_page_and_starves_the_watchdog(
    gateway: Gateway, manager: Supervisor, tmp_path: Path
) -> None:
    delay_us = int((STEP_HELD_S_MAX + 6) * 1e6)

    def health() -> int:
        manager.read()  # its queue is short
        return gateway.http("/healthz")[0]

    with gateway:
        manager.expect("READY")
        options = ["-e", "trace=fdatasync", "-e", f"inject=fdatasync:delay_enter={delay_us}:when=1"]
        with attach(gateway.pid, tmp_path / "trace", options), gateway.connect() as sender:
            assert health() == 200
            sender.send(make_alert(1))
            wait_until(lambda: health() == 503, "healthz fails", 20.0)
            assert gateway.http("/healthz")[1].startswith("stalled: ")
            wait_until(lambda: "stalled" in gateway.output(), "the stall is logged")
            manager.read()
            fed_before = len(manager.heard)
            sender.expect("ack")
            # One may have been on its way when the step came to its limit, one since it ended.
            manager.read()
            assert len(manager.heard) <= fed_before + 2
        wait_until(lambda: health() == 200, "healthz recovers")
        manager.expect("WATCHDOG", fed_before)
        assert gateway.stop() == 0


def test_a_credential_is_taken_from_the_directory_of_the_service(
    gateway: Gateway, tmp_path: Path
) -> None:
    """As systemd shows it: an access list that stat reports as a right of the group."""
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    (gateway.dir / "log.key").rename(credentials / "anchorlog.key")
    (credentials / "anchorlog.key").chmod(0o440)
    gateway.config["signing_key"] = "$CREDENTIALS_DIRECTORY/anchorlog.key"
    gateway.write_config()
    refused = gateway.refuses_to_start()
    assert refused.returncode == 78
    assert "$CREDENTIALS_DIRECTORY/anchorlog.key" in refused.stderr
    gateway.env["CREDENTIALS_DIRECTORY"] = str(credentials)
    with gateway, gateway.connect() as sender:
        sender.deliver([make_alert(1)])
        wait_until(lambda: gateway.status()["entries"] > 1, "the alert is in the status")
