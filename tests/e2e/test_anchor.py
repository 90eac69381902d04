"""Batches on a chain: each under exactly one anchor, whatever is killed, hangs or lies."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from harness import (
    Alert,
    Ganache,
    Gateway,
    MakeGateway,
    Pki,
    Tally,
    logverify,
    make_alert,
    wait_until,
)
from harness.anchors import deliver as deliver_batch
from harness.verifier import EXIT_FAIL, EXIT_PASS

COVERED_S_MAX = 5.0
FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}


def deliver(gateway: Gateway, first: int, last: int) -> list[Alert]:
    alerts = [make_alert(number) for number in range(first, last + 1)]
    with gateway.connect() as sender:
        sender.deliver(alerts)
    return alerts


def check_each_batch_has_one_anchor(gateway: Gateway) -> list[dict[str, int]]:
    """On the chain itself: ranges that follow each other without gap or overlap."""
    assert gateway.chain is not None
    events = gateway.chain.anchored(gateway.contract, gateway.origin)
    next_batch = 0
    for event in events:
        assert event["from_batch"] == next_batch, events
        assert event["batch"] >= next_batch, events
        next_batch = event["batch"] + 1
    assert max(Counter(event["batch"] for event in events).values()) == 1
    return events


@pytest.fixture(scope="module")
def anchored(
    tmp_path_factory: pytest.TempPathFactory, pki: Pki, chain: Ganache
) -> Iterator[Gateway]:
    """A gateway with three batches and more, all anchored and confirmed, still running."""
    with Gateway(tmp_path_factory.mktemp("anchored"), pki, chain=chain, config=FAST) as gateway:
        for first in (1, 11, 21):
            deliver_batch(gateway, first)
            gateway.wait_anchored()
        yield gateway


def test_batches_are_anchored_and_confirmed(anchored: Gateway) -> None:
    status = anchored.status()
    (anchor,) = status["anchors"]
    assert anchor["target"] == "eth"
    assert anchor["covered_to"] == status["batches"] - 1
    assert status["unprotected"] == {"entries": 0, "age_ms": 0}
    events = check_each_batch_has_one_anchor(anchored)
    assert len(events) >= 3
    assert events[-1]["batch"] == status["batches"] - 1
    assert events[-1]["block"] == anchor["block"]


def level(gateway: Gateway, trust: Path, rpc: str | None = None) -> tuple[int, str, str]:
    verdict = logverify("log", gateway.store.dir, trust, rpc=rpc)
    entry = logverify("entry", gateway.store.dir, trust, "--index", "5", rpc=rpc)
    assert (entry.exit_code, entry.json["level"]) == (verdict.exit_code, verdict.json["level"])
    return verdict.exit_code, verdict.json["level"], verdict.json["label"]


def test_levels(anchored: Gateway) -> None:
    assert anchored.chain is not None
    url = anchored.chain.url
    events = anchored.chain.anchored(anchored.contract, anchored.origin)
    blocks = [event["block"] for event in events]
    plain, with_blocks = anchored.trust_file(), anchored.trust_file(blocks=blocks)
    newest_only = anchored.trust_file(blocks=blocks[-1:])
    no_anchor = anchored.trust_file(anchors=False, blocks=blocks)
    assert level(anchored, plain, url) == (EXIT_PASS, "ANCHORED", "private")
    assert level(anchored, with_blocks) == (EXIT_PASS, "ANCHORED", "private")
    assert level(anchored, with_blocks, url) == (EXIT_PASS, "ANCHORED", "private")
    assert level(anchored, plain)[:2] == (EXIT_PASS, "SEALED"), "no trusted block"
    assert level(anchored, no_anchor)[:2] == (EXIT_PASS, "SEALED"), "no trusted contract"
    # What was changed before the newest anchor was made, that anchor alone does not show.
    assert level(anchored, newest_only)[:2] == (EXIT_PASS, "SEALED")


def test_an_online_verdict_names_who_answered(anchored: Gateway) -> None:
    assert anchored.chain is not None
    url = anchored.chain.url
    verdict = logverify("log", anchored.store.dir, anchored.trust_file(), rpc=url)
    assert f"as honest as {url}" in verdict.text
    assert verdict.json["unprotected"] == 0


def test_a_block_hash_of_another_chain_fails(anchored: Gateway, tmp_path: Path) -> None:
    assert anchored.chain is not None
    newest = anchored.status()["anchors"][0]["block"]
    trust = tmp_path / "trust"
    text = anchored.trust_file(blocks=[newest]).read_text()
    good = anchored.chain.block_hash(newest)
    trust.write_text(text.replace(good, "0x" + "ab" * 32))
    offline = logverify("log", anchored.store.dir, trust)
    assert offline.json["level"] == "SEALED", "a receipt under another block proves nothing here"
    online = logverify("log", anchored.store.dir, trust, rpc=anchored.chain.url)
    assert online.exit_code == EXIT_FAIL


def test_altered_anchors_are_seen(anchored: Gateway, tmp_path: Path) -> None:
    copy = anchored.store.copy_to(tmp_path / "copy")
    place = next(p for p in copy.places("anchors") if b'"kind":"receipt"' in p.text)
    copy.flip_byte(place, place.text.index(b'"block_header":"') + 30)
    assert logverify("log", copy.dir, anchored.trust_file()).exit_code == EXIT_FAIL


def test_batches_cut_off_after_they_were_anchored(anchored: Gateway, tmp_path: Path) -> None:
    """Rolled back: offline the receipts tell, and without them the chain does."""
    assert anchored.chain is not None
    copy = anchored.store.copy_to(tmp_path / "copy")
    for _ in range(2):
        copy.delete_line(copy.places("batches")[-1])
    assert logverify("log", copy.dir, anchored.trust_file()).exit_code == EXIT_FAIL
    shutil.rmtree(copy.dir / "anchors")
    online = logverify("log", copy.dir, anchored.trust_file(), rpc=anchored.chain.url)
    assert online.exit_code == EXIT_FAIL
    assert any(fault["kind"] == "rolled_back" for fault in online.faults), online.faults


def test_a_history_rewritten_with_the_stolen_key(
    anchored: Gateway, make_gateway: MakeGateway, tmp_path: Path
) -> None:
    """Whoever holds the log key can seal a whole other log, but not one the chain knows."""
    assert anchored.chain is not None
    forger = make_gateway(config=FAST, init=False)
    (forger.dir / "log.key").unlink()
    shutil.copy(anchored.dir / "log.key", forger.dir / "log.key")
    forger.init_log()
    assert forger.vkey == anchored.vkey
    with forger:
        deliver(forger, 1, 35)
        assert forger.stop() == 0
    assert len(forger.store.headers()) >= 2
    alone = logverify("log", forger.store.dir, anchored.trust_file())
    assert (alone.exit_code, alone.json["level"]) == (EXIT_PASS, "SEALED")
    assert any("key" in line for line in alone.json["basis"] + alone.json["not_checked"]
               + alone.json["notes"]), "SEALED is never sold as proof against the key's holder"
    online = logverify("log", forger.store.dir, anchored.trust_file(), rpc=anchored.chain.url)
    assert online.exit_code == EXIT_FAIL
    shutil.copytree(anchored.store.dir / "anchors", tmp_path / "anchors")
    shutil.rmtree(forger.store.dir / "anchors")
    shutil.copytree(tmp_path / "anchors", forger.store.dir / "anchors")
    block = anchored.status()["anchors"][0]["block"]
    offline = logverify("log", forger.store.dir, anchored.trust_file(blocks=[block]))
    assert offline.exit_code == EXIT_FAIL


def is_above(count: Callable[[], int], before: int) -> bool:
    return count() > before


def test_killed_between_the_steps_of_an_anchor(
    make_gateway: MakeGateway, chain: Ganache
) -> None:
    """At each step: sealed, on record, sent, mined. The same batch never gives two events."""
    gateway = make_gateway(chain=chain, config=FAST)
    steps: dict[str, Callable[[], int]] = {
        "sealed": lambda: len(gateway.store.places("batches")),
        "on record": lambda: len(gateway.store.places("anchors")),
        "mined": lambda: len(chain.anchored(gateway.contract, gateway.origin)),
        "receipt": lambda: len(gateway.store.places("anchors")),
    }
    with gateway:
        number = 1
        for _ in range(2):
            for step, count in steps.items():
                gateway.wait_anchored()
                before = count() + (1 if step == "receipt" else 0)  # behind the attempt's line
                deliver(gateway, number, number + 9)
                number += 10
                wait_until(partial(is_above, count, before), step)
                gateway.kill()
                gateway.start()
        status = gateway.wait_anchored()
        made = check_each_batch_has_one_anchor(gateway)
        assert made[-1]["batch"] == status["batches"] - 1
        verdict = logverify("log", gateway.store.dir, gateway.trust_file(), rpc=chain.url)
        assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "ANCHORED"), verdict.text


def test_pending_anchors_survive_a_stop(make_gateway: MakeGateway, chain: Ganache) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    with gateway:
        deliver(gateway, 1, 10)
        gateway.wait_sealed(10)
        assert gateway.stop() == 0
        gateway.start()
        status = gateway.wait_anchored()
        assert status["batches"] >= 3
        assert check_each_batch_has_one_anchor(gateway)[-1]["batch"] == status["batches"] - 1


@pytest.fixture
def own_chain(tmp_path: Path) -> Iterator[Ganache]:
    with Ganache(tmp_path / "own-chain", keep_chain=True) as node:
        yield node


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.full)])
@pytest.mark.parametrize("how", ["restarted", pytest.param("stopped", marks=pytest.mark.full)])
def test_one_transaction_heals_an_outage(
    make_gateway: MakeGateway, own_chain: Ganache, tally: Tally, how: str, seconds: int
) -> None:
    """A batch a second; the node is ended and started again, or stands still and goes on."""
    gateway = make_gateway(chain=own_chain, config=FAST)
    with gateway:
        gateway.wait_anchored()
        before = len(own_chain.anchored(gateway.contract, gateway.origin))
        own_chain.stop() if how == "restarted" else own_chain.pause()
        begin = time.monotonic()
        for number in range(seconds):
            deliver(gateway, 10 * number + 1, 10 * number + 10)
            time.sleep(max(0.0, begin + number + 1 - time.monotonic()))
        gateway.wait_sealed(10 * seconds)
        assert gateway.status()["unprotected"]["entries"] >= 10 * seconds
        assert gateway.http("/readyz")[0] == 200, "the chain's absence holds nothing up"
        own_chain.start() if how == "restarted" else own_chain.resume()
        back = time.monotonic()
        status = gateway.wait_anchored()
        took_s = time.monotonic() - back
        events = check_each_batch_has_one_anchor(gateway)
        assert len(events) - before == 1, events
        assert events[-1]["batch"] == status["batches"] - 1
        assert status["unprotected"]["entries"] == 0
        tally.measured(f"node {how} after {seconds} s: {status['batches']} batches, all covered "
                       f"{took_s:.1f} s after it is back, by one transaction")
        assert took_s <= COVERED_S_MAX


def test_a_closed_gate_holds_anchors_back_and_not_alerts(
    make_gateway: MakeGateway, chain: Ganache
) -> None:
    """The key of somebody whom the contract does not know."""
    gateway = make_gateway(chain=chain, config=FAST)
    gateway.ctl("key", "generate", "--type", "secp256k1", "--out", str(gateway.dir / "poor.key"))
    gateway.config["anchor"]["targets"][0]["submitter_key"] = "poor.key"
    gateway.write_config()
    with gateway:
        deliver(gateway, 1, 10)
        gateway.wait_sealed(10)
        anchor = wait_until(
            lambda: [a for a in gateway.status()["anchors"] if a["state"] == "stalled"],
            "the target is stalled",
        )[0]
        assert anchor["covered_to"] is None
        assert f"submitter is {gateway.submitter}, our key is" in anchor["reason"]
        assert gateway.status()["unprotected"]["entries"] >= 10
        assert gateway.http("/readyz")[0] == 200
    assert chain.anchored(gateway.contract, gateway.origin) == []
