"""anvil: a pool, blocks on command, reorganisations, a base fee that can be set."""

from __future__ import annotations

from .chain import Chain
from .paths import anvil


class Anvil(Chain):
    """Its chain ends with it."""

    chain_id = 31337
    profile = "anvil"

    def command(self) -> list[str]:
        return [
            anvil(), "--host", "127.0.0.1", "--port", str(self.port), "--accounts", "1",
            "--chain-id", str(self.chain_id), "--hardfork", "shanghai", "--silent",
        ]

    def set_balance(self, address: str, wei: str) -> None:
        self.rpc("anvil_setBalance", address, wei)

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def set_automine(self, on: bool) -> None:
        self.rpc("evm_setAutomine", on)

    def reorganise(self, depth: int) -> None:
        """The last blocks are made anew, without their transactions."""
        self.rpc("anvil_reorg", depth, [])

    def set_base_fee(self, wei: int) -> None:
        self.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def drop_pool(self) -> None:
        self.rpc("anvil_dropAllTransactions")

    def impersonate(self, address: str) -> None:
        self.rpc("anvil_impersonateAccount", address)
