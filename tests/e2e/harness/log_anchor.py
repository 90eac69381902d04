"""The LogAnchor contract as somebody calls it who is not the daemon."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .chain import Chain
from .process import wait_until

ANCHOR = "anchor(bytes32,uint64,bytes32,bytes32,uint64,bytes32,bytes32,bytes32)"


def word(value: int | str) -> str:
    return f"{value:064x}" if isinstance(value, int) else value.removeprefix("0x").rjust(64, "0")


@dataclass(frozen=True)
class LogAnchor:
    chain: Chain
    address: str
    origin: str

    @property
    def log_id(self) -> str:
        return hashlib.sha256(self.origin.encode()).hexdigest()

    def call(self, by: str, signature: str, *words: int | str) -> None:
        """A transaction that must succeed."""
        selector = str(self.chain.rpc("web3_sha3", "0x" + signature.encode().hex()))[:10]
        data = selector + "".join(map(word, (self.log_id, *words)))
        sent = self.chain.send_from(by, self.address, data)
        receipt = wait_until(lambda: self.chain.rpc("eth_getTransactionReceipt", sent), "mined")
        assert receipt["status"] == "0x1", (signature, receipt)

    def anchor(self, by: str, batch: int) -> None:
        """Another history's record of that batch, without a valid seal."""
        made_up = [hashlib.sha256(name.encode()).hexdigest() for name in "mhkrs"]
        self.call(by, ANCHOR, batch, *made_up[:2], 1_780_000_000_000, *made_up[2:])

    def freeze(self, by: str) -> None:
        self.call(by, "freezeLog(bytes32)")

    def rotate(self, owner: str, to: str) -> None:
        self.call(owner, "setSubmitter(bytes32,address)", to)
        self.call(to, "acceptSubmitter(bytes32)")
