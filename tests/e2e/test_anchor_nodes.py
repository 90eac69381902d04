"""Faults that Ganache and anvil answer differently: each of these runs on both. The daemon reaches
its node through a proxy where the moment of the fault matters. Never a batch anchored twice, never
one left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from harness import (
    Anvil,
    Chain,
    Fault,
    FaultProxy,
    Ganache,
    Gateway,
    LogAnchor,
    MakeGateway,
    Tally,
    make_alert,
    wait_until,
)
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

SEND = "eth_sendRawTransaction"
SPIKE = 10
# The slowest: `make test` runs them on one node, `make test-full` on the other one too.
ANVIL_FIRST = ["anvil", pytest.param("ganache", marks=pytest.mark.full)]
GANACHE_FIRST = ["ganache", pytest.param("anvil", marks=pytest.mark.full)]


@pytest.fixture
def proxy(node: Chain) -> Iterator[FaultProxy]:
    with FaultProxy(node) as made:
        yield made


@pytest.fixture
def gateway(make_gateway: MakeGateway, node: Chain, proxy: FaultProxy) -> Gateway:
    """Configured to reach the node through the proxy; not started."""
    made = make_gateway(chain=node, config=FAST)
    reach_through(made, proxy.url)
    return made


def contract_of(gateway: Gateway) -> LogAnchor:
    assert gateway.chain is not None
    return LogAnchor(gateway.chain, gateway.contract, gateway.origin)


def attempts(gateway: Gateway) -> list[dict[str, Any]]:
    return [line for line in gateway.store.lines("anchors") if line["kind"] == "attempt"]


def superseded(gateway: Gateway) -> int:
    return sum(line["kind"] == "superseded" for line in gateway.store.lines("anchors"))


def is_covered_again(gateway: Gateway) -> bool:
    """What the chain itself says; anvil's blocks come on command."""
    assert gateway.chain is not None
    if isinstance(gateway.chain, Anvil):
        gateway.chain.mine()
    events = gateway.chain.anchored(gateway.contract, gateway.origin)
    return bool(events and events[-1]["batch"] == gateway.status()["batches"] - 1)


@pytest.mark.parametrize("kind", ["after", pytest.param("before", marks=pytest.mark.full)])
def test_killed_at_a_call(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally, kind: str
) -> None:
    """As the send, the look for the receipt or the harvest begins, and when the node has answered
    and the daemon has not heard it yet."""
    calls = [SEND, "eth_getTransactionReceipt", "eth_getBlockReceipts"]
    kills = 0

    def kill() -> None:
        nonlocal kills
        gateway.kill()
        kills += 1

    def is_killed(times: int) -> bool:
        if isinstance(node, Anvil):
            node.mine()  # the harvest waits for depth
        return kills == times

    with gateway:
        settle(gateway)
        proxy.once(calls[0], Fault(kind, act=kill))
        with gateway.connect() as sender:  # fewer than a batch: acked before it is sealed
            sender.deliver([make_alert(number) for number in range(1, 6)])
        for times, call in enumerate(calls[1:], 1):
            wait_until(partial(is_killed, times), f"killed at {calls[times - 1]}", 20.0)
            proxy.once(call, Fault(kind, act=kill))
            gateway.launch()  # and killed again, perhaps before it is ready
        wait_until(partial(is_killed, len(calls)), f"killed at {calls[-1]}", 20.0)
        gateway.start()
        settle(gateway)
        check_anchors(gateway)
        check_verdict(gateway)
    tally.add("daemon killed at a call to a node", len(calls))


@pytest.mark.parametrize("node", GANACHE_FIRST, indirect=True)
def test_two_nodes_get_the_same_bytes_and_one_may_go(gateway: Gateway, proxy: FaultProxy) -> None:
    with FaultProxy(proxy.chain) as other:
        reach_through(gateway, proxy.url, other.url)
        with gateway:
            deliver(gateway, 1)
            settle(gateway)
            assert set(proxy.sent) & set(other.sent), "both were sent the same transaction"
            out = Fault("status", 503, "")
            proxy.rule = lambda _method, _count: out
            deliver(gateway, 11)
            settle(gateway)
            other.rule = proxy.rule
            proxy.heal()
            deliver(gateway, 21)
            settle(gateway)
            check_anchors(gateway)


@pytest.mark.parametrize("node", ANVIL_FIRST, indirect=True)
def test_accepted_and_forgotten(gateway: Gateway, proxy: FaultProxy, tally: Tally) -> None:
    """A pool lets go of what it took: the very same bytes go out again."""
    with gateway:
        settle(gateway)
        before = len(attempts(gateway)), len(proxy.sent)
        proxy.once(SEND, Fault("forgotten"))
        deliver(gateway, 1)
        settle(gateway)
        check_anchors(gateway)
        assert len(attempts(gateway)) == before[0] + 1
        assert len(proxy.sent) >= before[1] + 2
        assert len(set(proxy.sent[before[1]:])) == 1
    tally.add("transaction forgotten by a pool", 1)


def base_fee(chain: Chain) -> int:
    return int(chain.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)


def raise_base_fee(chain: Chain) -> None:
    before = base_fee(chain)
    if isinstance(chain, Anvil):
        chain.set_base_fee(SPIKE * before)
        chain.mine()
        chain.set_base_fee(SPIKE * before)  # and the one that would take the transaction
    else:
        assert isinstance(chain, Ganache)
        while base_fee(chain) < SPIKE * before:
            chain.fill_block()


@pytest.mark.parametrize("node", GANACHE_FIRST, indirect=True)
def test_the_base_fee_times_ten_and_back(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally
) -> None:
    """Between the choice of the fee and the send: the node refuses, the nonce stays."""
    # No tip to speak of: both nodes would have the daemon pay a hundred million times the base fee.
    no_tip = Fault("edit", edit=lambda _result: "0x1")
    proxy.rule = lambda method, _: no_tip if method == "eth_maxPriorityFeePerGas" else None
    with gateway:
        settle(gateway)
        before = len(attempts(gateway))
        proxy.once(SEND, Fault("meanwhile", act=lambda: raise_base_fee(node)))
        deliver(gateway, 1)
        settle(gateway)
        check_anchors(gateway)
        first, *more = attempts(gateway)[before:]
        assert more, "the fee was raised"
        for old, new in zip([first, *more], more, strict=False):
            assert new["nonce"] == first["nonce"]
            for fee in ("max_fee", "priority_fee"):
                assert int(new[fee]) * 8 >= int(old[fee]) * 9, (old, new)
        node.mine(40)
        count = len(attempts(gateway))
        deliver(gateway, 11)
        settle(gateway)
        (calm,) = attempts(gateway)[count:]
        assert int(calm["max_fee"]) < int(more[-1]["max_fee"]), "back to what the chain asks"
        check_anchors(gateway)
    tally.add("base fee times ten and back", 1)


@pytest.mark.parametrize("node", GANACHE_FIRST, indirect=True)
def test_a_stranger_takes_the_nonce(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally
) -> None:
    with gateway:
        settle(gateway)
        before = len(attempts(gateway))
        stranger = Fault("meanwhile", act=lambda: node.send_from(gateway.submitter))
        proxy.once(SEND, stranger)
        deliver(gateway, 1)
        settle(gateway)
        check_anchors(gateway)
        first, second = attempts(gateway)[before:]
        assert second["nonce"] == first["nonce"] + 1
        check_verdict(gateway)
    tally.add("foreign transaction of the submitter", 1)


@pytest.mark.parametrize("node", ANVIL_FIRST, indirect=True)
def test_a_gap_below_the_nonce_is_filled(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally
) -> None:
    """A stranger's transaction, which ours was numbered behind, leaves the chain."""
    with gateway:
        settle(gateway)
        snapshot = node.snapshot()
        node.send_from(gateway.submitter)
        before = len(attempts(gateway))
        proxy.once(SEND, Fault("meanwhile", act=lambda: node.revert(snapshot)))
        deliver(gateway, 1)
        settle(gateway)
        first, second = attempts(gateway)[before:]
        assert second["nonce"] == first["nonce"] - 1, "the gap is filled by the anchor itself"
        check_anchors(gateway)
        deliver(gateway, 11)
        settle(gateway)
        check_anchors(gateway)
        check_verdict(gateway)
    tally.add("gap below the nonce", 1)


@pytest.mark.parametrize("node", ANVIL_FIRST, indirect=True)
@pytest.mark.parametrize("kind", ["gone", pytest.param("moved", marks=pytest.mark.full)])
def test_a_reorganisation_deeper_than_the_policy(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally, kind: str
) -> None:
    """Two confirmed anchors, ten blocks deep, leave the chain or come again in other blocks."""
    with gateway:
        settle(gateway)
        snapshot = node.snapshot()
        sent = len(proxy.sent)
        for first in (1, 11):
            deliver(gateway, first)
            settle(gateway)
        node.mine(10)
        assert len(check_anchors(gateway)) >= 2
        raws = list(dict.fromkeys(proxy.sent[sent:]))
        node.revert(snapshot)
        node.mine(2)
        if kind == "moved":
            for raw in raws:
                node.rpc(SEND, raw)
        node.mine(15)
        wait_until(lambda: superseded(gateway) >= 1, "the loss is on record", 20.0)
        # The status follows the record, so that for a moment it still tells of what is lost.
        wait_until(lambda: is_covered_again(gateway), "the chain has the newest batch", 30.0)
        settle(gateway)
        wait_until(lambda: anchor_of(gateway)["state"] in ("confirmed", "final"), "at rest", 20.0)
        check_anchors(gateway)
        check_verdict(gateway)
    tally.add(f"reorganisation deeper than the policy, {kind}", 1)


@pytest.mark.parametrize("node", ANVIL_FIRST, indirect=True)
def test_a_reorganisation_during_the_harvest(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally
) -> None:
    snapshot = node.snapshot()

    def reorganise() -> None:
        node.revert(snapshot)
        node.mine(4)

    proxy.once("eth_getBlockReceipts", Fault("meanwhile", act=reorganise))
    with gateway:
        settle(gateway)
        assert proxy.faults["meanwhile"] == 1
        deliver(gateway, 1)
        settle(gateway)
        check_anchors(gateway)
        check_verdict(gateway)
    tally.add("reorganisation during the harvest", 1)


@pytest.mark.parametrize("node", GANACHE_FIRST, indirect=True)
def test_a_conflicting_anchor_after_a_reorganisation(
    gateway: Gateway, node: Chain, tally: Tally
) -> None:
    with gateway:
        settle(gateway)
        snapshot = node.snapshot()
        deliver(gateway, 1)
        settle(gateway)
        batch = gateway.status()["batches"] - 1
        node.revert(snapshot)
        contract_of(gateway).anchor(gateway.submitter, batch)
        node.mine(4)
        wait_until(lambda: anchor_of(gateway)["state"] == "conflict", "the alarm", 25.0)
        assert f"another record of batch {batch}" in anchor_of(gateway)["reason"]
        assert superseded(gateway) == 1
        deliver(gateway, 11)
        settle(gateway)
        gateway.restart()
        for first in (21, 31):
            deliver(gateway, first)
            settle(gateway)
            # Later anchors do not hide it, nor does a restart.
            wait_until(lambda: anchor_of(gateway).get("alarm") == "conflict", "still told", 20.0)
            assert f"another record of batch {batch}" in anchor_of(gateway)["conflict"]
        assert re.search(r"^anchorlog_anchor_conflicts\{.*\} 1$", gateway.http("/metrics")[1], re.M)
        check_anchors(gateway)
    tally.add("conflicting anchor after a reorganisation", 1)


@pytest.mark.parametrize("node", GANACHE_FIRST, indirect=True)
def test_every_error_of_the_contract(
    gateway: Gateway, proxy: FaultProxy, node: Chain, tally: Tally
) -> None:
    """Each comes about between the gates and the send, so that the transaction itself fails."""
    contract, mine = contract_of(gateway), gateway.submitter
    other = "0x" + "c0" * 20
    node.fund(other)
    with gateway:
        settle(gateway)
        batches = gateway.status()["batches"]
        proxy.once(SEND, Fault("meanwhile", act=lambda: contract.anchor(mine, batches)))
        deliver(gateway, 1)
        wait_until(lambda: anchor_of(gateway)["state"] == "conflict", "Conflict", 25.0)

        proxy.once(SEND, Fault("meanwhile", act=lambda: contract.rotate(mine, other)))
        deliver(gateway, 11)
        assert other in wait_stalled(gateway, "submitter is", mine).lower()
        contract.rotate(mine, mine)  # its owner is still the one who deployed it
        settle(gateway)

        above = gateway.status()["batches"] + 1
        proxy.once(SEND, Fault("meanwhile", act=lambda: contract.anchor(mine, above)))
        deliver(gateway, 21)
        wait_stalled(gateway, "head is above ours", f"batch {above}")
        deliver(gateway, 31)
        assert gateway.status()["batches"] == above + 1
        wait_until(lambda: anchor_of(gateway)["state"] == "conflict", "Conflict, unsent", 25.0)
        deliver(gateway, 41)
        settle(gateway)
        check_anchors(gateway)

        proxy.once(SEND, Fault("meanwhile", act=lambda: contract.freeze(mine)))
        covered = anchor_of(gateway)["covered_to"]
        deliver(gateway, 51)
        wait_stalled(gateway, "is frozen")
        assert anchor_of(gateway)["covered_to"] == covered
        assert gateway.http("/readyz")[0] == 200
    assert proxy.faults["meanwhile"] == 4
    tally.add("revert of the contract in flight", 4)


def test_an_empty_account_waits_for_money(
    make_gateway: MakeGateway, node: Chain, tally: Tally
) -> None:
    gateway = make_gateway(chain=node, config=FAST)
    node.set_balance(gateway.submitter, "0x0")
    with gateway:
        deliver(gateway, 1)
        assert gateway.submitter in wait_stalled(gateway, "wei expected, found 0")
        assert anchor_of(gateway)["alarm"] == "balance low"
        node.fund(gateway.submitter)
        settle(gateway)
        check_anchors(gateway)
    tally.add("balance gone and refilled", 1)


def test_a_chain_made_anew_is_no_place_to_begin_again(
    make_gateway: MakeGateway, own_node: Chain, tally: Tally
) -> None:
    """Wiped, then even with the same contract at the same address: its deployer's nonces begin
    again, so its address does too."""
    gateway = make_gateway(chain=own_node, config=FAST)
    with gateway:
        deliver(gateway, 1)
        settle(gateway)
        own_node.kill()
        covered = anchor_of(gateway)["covered_to"]
        own_node.start()
        deliver(gateway, 11)
        assert own_node.url in wait_stalled(gateway, "genesis block", "expected, found")
        assert int(own_node.rpc("eth_getTransactionCount", gateway.submitter, "latest"), 16) == 0
        assert anchor_of(gateway)["covered_to"] == covered
        own_node.fund(gateway.submitter)
        anew = gateway.ctl(
            "contract", "deploy", "--rpc", own_node.url, "--key",
            str(gateway.dir / "submitter.key"), "--origin", gateway.origin)
        assert anew["address"] == gateway.contract
        gateway.kill()
        gateway.start()
        wait_stalled(gateway, own_node.url, "genesis block", anew["genesis_hash"])
        assert own_node.anchored(gateway.contract, gateway.origin) == []
        assert anchor_of(gateway)["covered_to"] == covered
        assert gateway.http("/readyz")[0] == 200
    tally.add("chain made anew behind the same id", 2)


NOBODY = "0x0000000000000000000000000000000000000001"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code_hash": "0x" + "00" * 32}, ["code hash", "expected, found 0x"]),
        ({"contract": NOBODY}, [NOBODY, "no contract"]),
        ({"genesis_hash": "0x" + "11" * 32}, ["genesis block 0x1111", "expected, found"]),
        ({"chain_id": 1}, ["chain id 1 expected, found"]),
    ],
    ids=["other code", "no contract", "other genesis", "other chain id"],
)
def test_a_wrong_place_is_named_and_not_used(
    make_gateway: MakeGateway, node: Chain, changes: dict[str, Any], said: list[str], tally: Tally
) -> None:
    gateway = make_gateway(chain=node, config=FAST)
    target = gateway.config["anchor"]["targets"][0]
    right = dict(target)
    target |= changes
    gateway.write_config()
    with gateway:
        assert node.url in wait_stalled(gateway, *said)
        assert node.anchored(right["contract"], gateway.origin) == []
    tally.add("gate closed at start", 1)


def test_a_node_that_hangs_holds_nothing_up(
    make_gateway: MakeGateway, own_node: Chain, tally: Tally
) -> None:
    """SIGSTOP: it takes the connection and never answers."""
    gateway = make_gateway(chain=own_node, config=FAST)
    with gateway:
        settle(gateway)
        own_node.pause()
        for first in (1, 11):
            deliver(gateway, first)
        assert gateway.stop() == 0, "within the five seconds promised"
        own_node.resume()
        gateway.start()
        settle(gateway)
        check_anchors(gateway)
    tally.add("node that takes calls and never answers", 1)
