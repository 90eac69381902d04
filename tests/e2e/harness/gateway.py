"""anchorlogd with everything it needs, in a directory of its own."""

from __future__ import annotations

import copy
import hashlib
import http.client
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .chain import Chain
from .paths import is_volatile, program
from .pki import Identity, Pki
from .process import Child, run, run_ok, wait_until
from .sender import Sender
from .store import Store

READY_S_MAX = 20.0
STOP_S_MAX = 5.0  # what the daemon promises

Json = dict[str, Any]
DEVICES: Json = {"cam-1": {}, "cam-2": {}}


def _merge(into: Json, changes: Json) -> Json:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
    return into


class Gateway:
    """Makes keys, configuration and log; start, stop and kill the daemon at will. A context
    manager that starts it if it does not run and kills what runs at the end."""

    def __init__(
        self,
        directory: Path,
        pki: Pki,
        *,
        chain: Chain | None = None,
        config: Json | None = None,
        senders: Json | None = None,
        origin: str = "anchorlog.example/gw-01",
        init: bool = True,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.dir = directory
        self.pki = pki
        self.origin = origin
        self.chain = chain
        self.contract = ""
        self.vkey = ""
        self.submitter = ""
        self.config_file = directory / "anchorlogd.json"
        self.store = Store(directory / "store")
        self.child: Child | None = None
        self.wrapper: list[str] = []
        self.env: dict[str, str] = {}
        self._trust: list[str] = []
        self.ctl("key", "generate", "--type", "ed25519", "--out", str(directory / "log.key"))
        self.write_registry(senders or {"gw-01": {"state": "active", "devices": DEVICES}})
        self.config = _merge(self._base_config(), config or {})
        if chain is not None:
            self.config["anchor"] = {"targets": [self._deploy(chain)]}
        self.write_config()
        if init:
            self.init_log()

    def ctl(self, *arguments: str) -> dict[str, str]:
        """Runs anchorlogctl; its lines `name value` as a dictionary."""
        output = run_ok([program("anchorlogctl"), *arguments])
        return dict(line.split(" ", 1) for line in output.splitlines() if " " in line)

    def _base_config(self) -> Json:
        return {
            "origin": self.origin,
            "store": {"dir": "store"},
            "listen": {"port": 0},
            "http": {"port": 0},
            "tls": {
                "certificate": str(self.pki.server.certificate),
                "key": str(self.pki.server.key),
                "client_ca": str(self.pki.ca),
            },
            "registry": "senders.json",
            "signing_key": "log.key",
            "storage": {"allow_volatile": is_volatile(self.dir)},
        }

    def _deploy(self, chain: Chain) -> Json:
        key = self.dir / "submitter.key"
        address = self.ctl("key", "generate", "--type", "secp256k1", "--out", str(key))["address"]
        self.submitter = address
        chain.fund(address)
        made = self.ctl(
            "contract", "deploy", "--rpc", chain.url, "--key", str(key), "--origin", self.origin
        )
        self.contract = made["address"]
        self._trust.append(made["trust"])
        return {
            "id": "eth", "type": "ethereum", "rpc": chain.url, "chain_id": chain.chain_id,
            "contract": made["address"], "code_hash": made["code_hash"],
            "genesis_hash": made["genesis_hash"],
            "submitter_key": "submitter.key", "profile": chain.profile, "interval_s": 0,
        }

    def write_config(self) -> None:
        self.config_file.write_text(json.dumps(self.config, indent=2))

    def write_registry(self, senders: Json) -> None:
        (self.dir / "senders.json").write_text(json.dumps({"senders": senders}))

    def init_log(self) -> None:
        made = self.ctl("log", "init", "--config", str(self.config_file))
        assert made["log_id"] == hashlib.sha256(self.origin.encode()).hexdigest()
        self.vkey = made["vkey"]
        self._trust.append(made["trust"])
        if "hardware_trust" in made:
            self._trust.append(made["hardware_trust"])

    def trust_file(self, *, anchors: bool = True, blocks: list[int] | None = None) -> Path:
        """A verifier's trust: the log's key, the contract, and the hashes of some blocks."""
        lines = [line for line in self._trust if anchors or not line.startswith("anchor")]
        for number in blocks or []:
            assert self.chain is not None
            lines.append(f"block {self.chain.chain_id} {number} {self.chain.block_hash(number)}")
        path = self.dir / f"trust-{len(list(self.dir.glob('trust-*')))}"
        path.write_text("\n".join(lines) + "\n")
        return path

    def copy_to(self, directory: Path) -> Gateway:
        """A second one with the same keys and the same log. This one must be stopped."""
        shutil.copytree(self.dir, directory)
        made = copy.copy(self)
        made.dir = directory
        made.config_file = directory / self.config_file.name
        made.store = Store(directory / "store")
        made.child = None
        return made

    def __enter__(self) -> Gateway:
        if self.child is None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.child is not None:
            self.child.kill()

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def launch(self) -> Child:
        """Starts it without waiting, below `wrapper` and with `env` if they are set."""
        # Only a daemon that is ready writes this file, so an old one must not be taken for it.
        (self.store.dir / "ports.json").unlink(missing_ok=True)
        self.child = Child(
            [*self.wrapper, program("anchorlogd"), "--config", str(self.config_file)],
            self.dir / "anchorlogd.log",
            env=self.env,
        )
        return self.child

    def read_ports(self) -> bool:
        """Whether it serves; from then on the ports are known."""
        try:
            chosen = json.loads((self.store.dir / "ports.json").read_text())
        except FileNotFoundError:
            return False
        self.ingest_port = int(chosen["ingest"])
        self.http_port = int(chosen["http"])
        return True

    def start(self) -> None:
        child = self.launch()
        wait_until(lambda: self.read_ports() or child.expect_running(), "ports.json", READY_S_MAX)
        wait_until(lambda: self.http("/readyz")[0] == 200, "/readyz says 200", READY_S_MAX)

    def refuses_to_start(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs the daemon where it is expected to end by itself."""
        command = [program("anchorlogd"), "--config", str(self.config_file), *options]
        return run([*self.wrapper, *command])

    def stop(self) -> int:
        assert self.child is not None
        return self.child.stop(STOP_S_MAX)

    def kill(self) -> None:
        assert self.child is not None
        self.child.kill()

    def output(self) -> str:
        """What the daemon printed, over all its starts."""
        assert self.child is not None
        return self.child.output()

    def restart(self) -> None:
        assert self.stop() == 0
        self.start()

    def connect(self, identity: Identity | None = None, source: str = "127.0.0.1",
                ca: Path | None = None) -> Sender:
        return Sender(self.ingest_port, ca or self.pki.ca, identity or self.pki.sender(), source)

    def http(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            connection.request(method, path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def status(self) -> Json:
        code, body = self.http("/status")
        assert code == 200, body
        status = json.loads(body)
        assert isinstance(status, dict)
        return status

    def metric(self, sample: str) -> float:
        """The value of `name` or `name{labels}`, which is on the page."""
        for line in self.http("/metrics")[1].splitlines():
            if line.startswith(sample + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no {sample} on /metrics")

    def wait_sealed(self, entries: int = 0, timeout_s: float = 15.0) -> None:
        """Until nothing is open, with at least so many entries, and all that are stored now."""
        # The status may come behind an ack, and among its entries are the daemon's own.
        stored = max(entries, self.store.entries())

        def is_sealed() -> bool:
            status = self.status()
            return bool(status["entries"] >= stored and status["open_batch"]["entries"] == 0)

        wait_until(is_sealed, "all entries are sealed", timeout_s)

    def wait_anchored(self, timeout_s: float = 30.0) -> Json:
        """Until the newest sealed batch is under a confirmed anchor; the status then."""

        def is_anchored() -> Json | None:
            status = self.status()
            covered = status["anchors"][0]["covered_to"]
            return status if covered == status["batches"] - 1 else None

        status = wait_until(is_anchored, "the newest batch is anchored", timeout_s)
        assert status is not None
        return status


# A fixture that makes gateways with what it is given, in directories of their own.
MakeGateway = Callable[..., Gateway]
