"""A Ganache node of our own on a free port, for the tests of the contracts."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
START_S_MAX = 60.0
STOP_S_MAX = 10.0


@dataclass(frozen=True)
class Node:
    url: str
    funder_key: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chain_id(url: str) -> int | None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []})
    request = urllib.request.Request(
        url, body.encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return int(json.load(answer)["result"], 16)
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return None


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    # What Ganache prints is no sign of readiness: the first lines differ with Node's version.
    deadline = time.monotonic() + START_S_MAX
    while chain_id(url) != 1337:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Ganache did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Ganache with one rich account; ended by its process id when the tests are over."""
    # A key named, not stored; the funder needs no other property than being a valid scalar.
    funder_key = "0x" + hashlib.sha256(b"anchorlog test key funder").hexdigest()
    port = free_port()
    log = tmp_path_factory.mktemp("ganache") / "ganache.log"
    program = CONTRACTS / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
    command = [
        "node", str(program), "--server.host", "127.0.0.1", "--server.port", str(port),
        "--chain.hardfork", "shanghai", "--chain.chainId", "1337",
        "--wallet.accounts", f"{funder_key},0x56BC75E2D63100000",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, url, log)
        yield Node(url, funder_key)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S_MAX)
