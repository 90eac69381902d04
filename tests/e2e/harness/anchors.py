"""What tests of anchors on a chain have in common."""

from __future__ import annotations

from typing import Any

from .alerts import make_alert
from .anvil import Anvil
from .gateway import Gateway
from .process import wait_until
from .verifier import EXIT_PASS, logverify

FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}


def deliver(gateway: Gateway, first: int) -> None:
    """A batch's worth of alerts, until the batch is sealed."""
    with gateway.connect() as sender:
        sender.deliver([make_alert(number) for number in range(first, first + 10)])
    gateway.wait_sealed(first + 9)


def settle(gateway: Gateway) -> None:
    """Until the newest batch is under a confirmed anchor; anvil's blocks come on command."""
    chain = gateway.chain
    assert chain is not None

    def is_anchored() -> bool:
        if isinstance(chain, Anvil):
            chain.mine()
        status = gateway.status()
        return bool(status["anchors"][0]["covered_to"] == status["batches"] - 1)

    wait_until(is_anchored, "the newest batch is anchored", 30.0)


def check_anchors(gateway: Gateway) -> list[dict[str, int]]:
    """Asks the chain itself: ranges without gap or overlap, up to the newest batch."""
    assert gateway.chain is not None
    events = gateway.chain.anchored(gateway.contract, gateway.origin)
    next_batch = 0
    for event in events:
        assert event["from_batch"] == next_batch, events
        next_batch = event["batch"] + 1
    assert next_batch == gateway.status()["batches"], events
    return events


def check_verdict(gateway: Gateway) -> None:
    assert gateway.chain is not None
    verdict = logverify("log", gateway.store.dir, gateway.trust_file(), rpc=gateway.chain.url)
    assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "ANCHORED"), verdict.text


def reach_through(gateway: Gateway, *urls: str) -> None:
    gateway.config["anchor"]["targets"][0]["rpc"] = list(urls) if len(urls) > 1 else urls[0]
    gateway.write_config()


def anchor_of(gateway: Gateway) -> dict[str, Any]:
    return dict(gateway.status()["anchors"][0])


def wait_stalled(gateway: Gateway, *words: str) -> str:
    def reason() -> str | None:
        # An anchor that was mined waits for blocks on top; anvil's come on command.
        if isinstance(gateway.chain, Anvil):
            gateway.chain.mine()
        anchor = anchor_of(gateway)
        text = str(anchor.get("reason", ""))
        is_it = anchor["state"] == "stalled" and all(word in text for word in words)
        return text if is_it else None

    found = wait_until(reason, f"stalled with {words}", 25.0)
    assert found is not None
    return found
