"""Follows the commands of a page of docs/runbooks as an operator would, on a gateway of a test.

The page's paths are those of the Debian package; here they stand for the gateway's. systemctl is a
script that starts and stops the real daemon, because nothing here runs below systemd.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from pathlib import Path

from .gateway import READY_S_MAX, Gateway
from .paths import PROGRAMS, ROOT
from .process import Child

_BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SYSTEMCTL = """#!/bin/bash
# systemctl stop|start|restart|reload|enable --now|disable --now anchorlogd
set -eu
verb=$1
if [ "${!#}" != anchorlogd ]; then echo "no unit ${!#}" >&2; exit 5; fi
running() {
    [ -s "$PID_FILE" ] && grep -qs '^State:.[^Z]' "/proc/$(cat "$PID_FILE")/status"
}
case "$verb" in
stop | disable | restart)
    if running; then
        kill -TERM "$(cat "$PID_FILE")"
        for _ in $(seq 200); do running || break; sleep 0.05; done
        if running; then echo "it does not stop" >&2; exit 1; fi
    fi
    ;;
esac
case "$verb" in
start | enable | restart)
    rm -f "$STORE_DIR/ports.json"
    anchorlogd --config "$CONFIG_FILE" >>"$LOG_FILE" 2>&1 &
    echo $! >"$PID_FILE"
    for _ in $(seq 400); do
        if [ -s "$STORE_DIR/ports.json" ]; then exit 0; fi
        running || { echo "it ended" >&2; exit 1; }
        sleep 0.05
    done
    echo "it does not serve" >&2
    exit 1
    ;;
reload) kill -HUP "$(cat "$PID_FILE")" ;;
esac
"""


class Runbook:
    """A page's blocks, run one after the other. A context manager: what they started is ended."""

    def __init__(self, page: str, gateway: Gateway, directory: Path) -> None:
        self.blocks: list[str] = _BLOCK.findall((ROOT / "docs" / "runbooks" / page).read_text())
        self.gateway = gateway
        self.dir = directory
        self.pid_file = directory / "anchorlogd.pid"
        self.env: dict[str, str] = {}
        self._shells: list[Child] = []
        for name in ("bin", "evidence", "backup"):
            (directory / name).mkdir(parents=True)
        script = directory / "bin" / "systemctl"
        script.write_text(_SYSTEMCTL)
        script.chmod(0o755)
        self.paths = {
            "/mnt/evidence": directory / "evidence",
            "/mnt/backup": directory / "backup",
            "/etc/anchorlog": gateway.dir,
            "/var/lib/anchorlog": gateway.store.dir,
        }

    def __enter__(self) -> Runbook:
        return self

    def __exit__(self, *_: object) -> None:
        for shell in self._shells:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)

    def took_over(self) -> None:
        """The daemon that the test itself started is the service from now on."""
        self.pid_file.write_text(str(self.gateway.pid))

    def follow(self, block: int, *, exit_code: int = 0) -> str:
        """Runs one block, counted from 1; returns what it printed."""
        text = self.blocks[block - 1]
        for path, here in self.paths.items():
            text = text.replace(path, str(here))
        log = self.dir / f"block-{len(self._shells)}.log"
        env = {
            "PATH": f"{self.dir / 'bin'}:{PROGRAMS}:{os.environ['PATH']}",
            "PID_FILE": str(self.pid_file),
            "CONFIG_FILE": str(self.gateway.config_file),
            "LOG_FILE": str(self.gateway.dir / "anchorlogd.log"),
            "STORE_DIR": str(self.gateway.store.dir),
            "ORIGIN": self.gateway.origin,
            "CONTRACT": self.gateway.contract,
            "RPC": self.gateway.chain.url if self.gateway.chain else "",
            **self.env,
        }
        shell = Child(["bash", "-euo", "pipefail", "-c", text], log, cwd=self.dir, env=env)
        self._shells.append(shell)
        code = shell.wait(60)
        assert code == exit_code, f"block {block} ended with {code}:\n{text}{shell.tail()}"
        return shell.output()

    def serve(self) -> None:
        """The daemon that a block started: its ports are known from now on."""
        deadline = time.monotonic() + READY_S_MAX
        while not self.gateway.read_ports():
            assert time.monotonic() < deadline, "no ports.json"

    def is_running(self) -> bool:
        try:
            status = Path(f"/proc/{self.pid_file.read_text().strip()}/status").read_text()
        except FileNotFoundError:
            return False
        return "State:\tZ" not in status


def keep_trust(gateway: Gateway, directory: Path, blocks: list[int] | None = None) -> Path:
    """The trust file that was kept elsewhere."""
    return Path(shutil.copy(gateway.trust_file(blocks=blocks), directory / "trust.txt"))
