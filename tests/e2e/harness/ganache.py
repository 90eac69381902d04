"""Ganache: instant blocks, a chain that survives a restart, no pool worth the name."""

from __future__ import annotations

from pathlib import Path

from .chain import Chain
from .paths import GANACHE


class Ganache(Chain):
    """With `keep_chain` the chain outlives a stop and start."""

    chain_id = 1337
    profile = "ganache"

    def __init__(self, directory: Path, *, keep_chain: bool = False) -> None:
        super().__init__(directory)
        self._keep_chain = keep_chain

    def command(self) -> list[str]:
        command = [
            "node", str(GANACHE), "--server.host", "127.0.0.1", "--server.port", str(self.port),
            "--chain.hardfork", "shanghai", "--chain.chainId", str(self.chain_id),
            "--wallet.totalAccounts", "1", "--logging.quiet",
        ]
        if self._keep_chain:
            command += ["--database.dbPath", str(self.dir / "chain")]
        return command

    def set_balance(self, address: str, wei: str) -> None:
        self.rpc("evm_setAccountBalance", address, wei)

    def impersonate(self, address: str) -> None:
        self.rpc("evm_addAccount", address, "")
        self.rpc("personal_unlockAccount", address, "", 0)

    def fill_block(self) -> None:
        """A block without room left, so that the next one's base fee is an eighth higher."""
        limit = self.rpc("eth_getBlockByNumber", "latest", False)["gasLimit"]
        rich = self.rpc("eth_accounts")[0]
        # INVALID as a contract's creation burns all the gas it is given, at once.
        fields = {"from": rich, "data": "0xfe", "gas": limit}
        self.rpc("eth_sendTransaction", fields)
