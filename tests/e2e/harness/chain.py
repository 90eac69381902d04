"""A chain of our own on a free port: what Ganache and anvil have in common."""

from __future__ import annotations

import hashlib
import json
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .process import Child, HarnessError, free_port, wait_until

START_S_MAX = 60.0
RICH_WEI = hex(1000 * 10**18)
# keccak256 of the Anchored event's signature, as the contract's build says.
EVENT = "Anchored(bytes32,uint64,bytes32,uint64,bytes32,uint64,bytes32,bytes32,bytes32)"


class Chain:
    """A context manager. What differs between nodes is a subclass's business."""

    chain_id = 0
    profile = ""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.dir = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._child: Child | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def set_balance(self, address: str, wei: str) -> None:
        raise NotImplementedError

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()

    @property
    def child(self) -> Child:
        assert self._child is not None, "the chain was not started"
        return self._child

    def launch(self) -> None:
        """Starts it without waiting, so that others can use the time."""
        self._child = Child(self.command(), self.dir / "chain.log")

    def wait_ready(self) -> None:
        wait_until(
            lambda: self._answers() or self.child.expect_running(), "the chain answers", START_S_MAX
        )

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def _answers(self) -> bool:
        try:
            return int(self.rpc("eth_chainId"), 16) == self.chain_id
        except (OSError, ValueError, urllib.error.URLError):
            return False

    def stop(self) -> None:
        self.child.stop()

    def kill(self) -> None:
        self.child.kill()

    def pause(self) -> None:
        """It keeps its port and answers nobody, as a hanging node does."""
        self.child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.child.send_signal(signal.SIGCONT)

    def rpc(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(
            self.url, body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            reply = json.load(answer)
        if "error" in reply:
            raise HarnessError(f"{method}: {reply['error']}")
        return reply["result"]

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc("evm_mine")

    def snapshot(self) -> Any:
        return self.rpc("evm_snapshot")

    def revert(self, snapshot: Any) -> None:
        """What came after the snapshot was never in the chain: a reorganisation of that depth."""
        assert self.rpc("evm_revert", snapshot) is True

    def impersonate(self, address: str) -> None:
        """From now on the node signs for that account."""
        raise NotImplementedError

    def send_from(self, address: str, to: str | None = None, data: str = "0x", **more: str) -> str:
        """A transaction of that account that is none of the daemon's; its hash."""
        self.impersonate(address)
        fields = {"from": address, "to": to or address, "data": data, "gas": hex(300_000)} | more
        return str(self.rpc("eth_sendTransaction", fields))

    def fund(self, address: str) -> None:
        self.set_balance(address, RICH_WEI)

    def head(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def block_hash(self, number: int) -> str:
        return str(self.rpc("eth_getBlockByNumber", hex(number), False)["hash"])

    def anchored(self, contract: str, origin: str) -> list[dict[str, int]]:
        """The Anchored events of a log, oldest first: batch, from_batch, block."""
        log_id = "0x" + hashlib.sha256(origin.encode()).hexdigest()
        wanted = {"address": contract, "fromBlock": "0x0", "toBlock": "latest"}
        topic = self.rpc("web3_sha3", "0x" + EVENT.encode().hex())
        logs = self.rpc("eth_getLogs", {**wanted, "topics": [topic, log_id]})
        return [
            {
                "batch": int(log["topics"][2], 16),
                "from_batch": int(log["data"][2:66], 16),
                "block": int(log["blockNumber"], 16),
            }
            for log in logs
        ]
