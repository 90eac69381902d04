"""The daemon's anchors under a chain that misbehaves: behind a proxy that breaks answers, and on
anvil, which can reorganise, forget its pool and raise its fee. What must hold is always the same:
no batch is anchored twice, none is left out, and nothing is believed before it is so."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from harness import Anvil, Chain, Fault, FaultProxy, Ganache, MakeGateway, Pki, wait_until
from harness.anchors import (
    FAST,
    anchor_of,
    check_anchors,
    check_verdict,
    deliver,
    reach_through,
    settle,
    wait_stalled,
)

WHOLE_BETWEEN = 5
FULL_LIES = [pytest.param(kind, marks=pytest.mark.full) for kind in ("receipt", "block")]
# What each anchor asks; chain id, code and balance are asked at start and after an outage alone.
CALLS = [
    "eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_call", "eth_getBlockByNumber",
    "eth_getTransactionCount", "eth_estimateGas",
]
QUICK_FAULTS = {
    "429": Fault("status", 429, ""),
    "429 with Retry-After": Fault("status", 429, "", retry_after=1),
    "500": Fault("status", 500, "oops"),
    "502 HTML": Fault("status", 502, "<html><h1>Bad Gateway</h1></html>"),
    "limit exceeded": Fault("error", body='{"code":-32005,"message":"limit exceeded"}'),
    "unknown error": Fault("error", body='{"code":-32603,"message":"something"}'),
    "cut JSON": Fault("cut"),
    "wrong id": Fault("wrong_id"),
    "lost answer": Fault("lost"),
    "64 MB": Fault("huge"),
    "null": Fault("edit", edit=lambda _result: None),
}


class Pending:
    """Each kind of fault on each kind of call, in a seeded order, with whole calls between."""

    def __init__(self, count: int) -> None:
        self.left = [(method, name) for method in CALLS for name in QUICK_FAULTS]
        random.Random(6).shuffle(self.left)
        del self.left[count:]
        self._whole = 0

    def rule(self, method: str, _count: int) -> Fault | None:
        self._whole += 1
        if self._whole <= WHOLE_BETWEEN:
            return None
        for index, (wanted, name) in enumerate(self.left):
            if wanted == method:
                del self.left[index]
                self._whole = 0
                return QUICK_FAULTS[name]
        return None


@pytest.mark.parametrize("node", ["ganache", "anvil"])
@pytest.mark.parametrize("count", [3, pytest.param(66, marks=pytest.mark.full)])
def test_every_answer_of_a_node_may_be_broken(
    node: str, count: int, make_gateway: MakeGateway, request: pytest.FixtureRequest
) -> None:
    chain: Chain = request.getfixturevalue("chain" if node == "ganache" else "anvil")
    pending = Pending(count)
    gateway = make_gateway(chain=chain, config=FAST)
    with FaultProxy(chain) as proxy:
        proxy.rule = pending.rule
        reach_through(gateway, proxy.url)
        with gateway:
            first = 1
            while pending.left and first < 100 * count:
                before = sum(proxy.faults.values())
                deliver(gateway, first)
                first += 10

                def is_broken(before: int = before) -> bool:
                    if isinstance(chain, Anvil):
                        chain.mine()
                    return sum(proxy.faults.values()) > before

                wait_until(is_broken, f"one of {pending.left}", 20.0)
            proxy.heal()
            deliver(gateway, first)
            wait_until(lambda: anchor_of(gateway)["state"] != "stalled", "it goes on", 20.0)
            settle(gateway)
            check_anchors(gateway)
            check_verdict(gateway)
            assert gateway.http("/readyz")[0] == 200
        assert not pending.left
        print(f"{node}: {sum(proxy.faults.values())} faults: {dict(proxy.faults)}")


@pytest.mark.full
@pytest.mark.parametrize("kind", ["silence", "slow"])
def test_a_call_has_a_deadline(kind: str, make_gateway: MakeGateway, chain: Ganache) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    with FaultProxy(chain) as proxy:
        proxy.rule = lambda method, count: (
            Fault(kind) if method == "eth_getTransactionReceipt" and count == 0 else None
        )
        reach_through(gateway, proxy.url)
        with gateway:
            deliver(gateway, 1)
            settle(gateway)
            assert proxy.faults[kind] == 1
            check_anchors(gateway)


def test_a_node_with_a_certificate_of_nobody_known_is_not_asked(
    make_gateway: MakeGateway, chain: Ganache, pki: Pki
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    with FaultProxy(chain, tls=pki.server) as proxy:
        reach_through(gateway, proxy.url)
        with gateway:
            deliver(gateway, 1)
            assert "certificate" in wait_stalled(gateway, proxy.url)
            assert not proxy.calls, "nothing is said to it"


def lying(kind: str) -> Callable[[str, int], Fault | None]:
    """A node that makes up a receipt, another contract's log, a trie, or a block."""

    def other_log(receipt: Any) -> Any:
        if receipt and receipt["logs"]:
            receipt["logs"][0]["address"] = "0x" + "11" * 20
        return receipt

    def made_up(receipt: Any) -> Any:
        if receipt:
            receipt["cumulativeGasUsed"] = hex(int(receipt["cumulativeGasUsed"], 16) + 1)
        return receipt

    def other_hash(block: Any) -> Any:
        if block and block["transactions"]:
            block["stateRoot"] = "0x" + "22" * 32
        return block

    edits = {
        "log": ("eth_getTransactionReceipt", other_log),
        "receipt": ("eth_getTransactionReceipt", made_up),
        "block": ("eth_getBlockByNumber", other_hash),
    }
    wanted, edit = edits[kind]
    return lambda method, _count: Fault("edit", edit=edit) if method == wanted else None


@pytest.mark.parametrize("kind", ["log", *FULL_LIES])
def test_a_lying_node_is_never_believed(
    kind: str, make_gateway: MakeGateway, chain: Ganache
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    with FaultProxy(chain) as proxy:
        proxy.rule = lying(kind)
        reach_through(gateway, proxy.url)
        with gateway:
            deliver(gateway, 1)
            wait_until(lambda: proxy.faults["edit"] >= 6, "the node lied a few times", 20.0)
            assert anchor_of(gateway)["covered_to"] is None
            proxy.heal()
            settle(gateway)
            check_anchors(gateway)


def test_a_fee_spike_is_followed_with_the_same_nonce(
    make_gateway: MakeGateway, anvil: Anvil
) -> None:
    """The pool holds what the next block is too dear for; a dearer one takes its place."""
    gateway = make_gateway(chain=anvil, config=FAST)
    with gateway:
        deliver(gateway, 1)
        settle(gateway)
        anvil.set_automine(False)
        deliver(gateway, 11)
        wait_until(lambda: anchor_of(gateway)["state"] == "pooled", "in the pool", 20.0)
        fee = int(anvil.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)

        def is_mined() -> bool:
            anvil.set_base_fee(10 * fee)
            anvil.mine()
            return len(anvil.anchored(gateway.contract, gateway.origin)) >= 2

        wait_until(is_mined, "mined at ten times the fee", 40.0)
        anvil.set_automine(True)
        settle(gateway)
        check_anchors(gateway)


def test_an_emptied_pool_and_a_stranger_in_our_account(
    make_gateway: MakeGateway, anvil: Anvil
) -> None:
    gateway = make_gateway(chain=anvil, config=FAST)
    with gateway:
        settle(gateway)
        anvil.set_automine(False)
        deliver(gateway, 1)
        wait_until(lambda: anchor_of(gateway)["state"] == "pooled", "in the pool", 20.0)
        anvil.drop_pool()
        anvil.send_from(gateway.submitter)
        anvil.set_automine(True)
        anvil.mine()
        settle(gateway)
        check_anchors(gateway)


def test_the_submitter_is_rotated_with_an_anchor_in_flight(
    make_gateway: MakeGateway, anvil: Anvil
) -> None:
    gateway = make_gateway(chain=anvil, config=FAST)
    contract = ["--rpc", anvil.url, "--contract", gateway.contract, "--origin", gateway.origin]
    new_key = str(gateway.dir / "next.key")
    next_one = gateway.ctl("key", "generate", "--type", "secp256k1", "--out", new_key)["address"]
    anvil.fund(next_one)
    with gateway:
        settle(gateway)
        anvil.set_automine(False)
        deliver(gateway, 1)
        wait_until(lambda: anchor_of(gateway)["state"] == "pooled", "in the pool", 20.0)
        anvil.drop_pool()
        anvil.set_automine(True)
        gateway.ctl("contract", "rotate-submitter", *contract, "--key",
                    str(gateway.dir / "submitter.key"), "--new-key", new_key)
        # The anchor in flight may have been sent again and mined ahead of the rotation: with
        # nothing more to anchor the daemon would then have no reason to look at the contract.
        deliver(gateway, 11)
        wait_stalled(gateway, next_one)
        shown = gateway.ctl("contract", "show", *contract)
        assert shown["submitter"] == next_one
        assert shown["code"] == "LogAnchor of this version"
        assert gateway.stop() == 0
        gateway.config["anchor"]["targets"][0]["submitter_key"] = "next.key"
        gateway.write_config()
        gateway.start()
        settle(gateway)
        check_anchors(gateway)
        check_verdict(gateway)
        assert gateway.ctl("contract", "show", *contract)["next_batch"] == str(
            gateway.status()["batches"])
