"""Files that are not what the daemon left: an old copy put back, an index deleted or damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from harness import (
    Checkpoint,
    Ganache,
    Gateway,
    MakeGateway,
    Pki,
    Tally,
    make_alert,
    verify_consistency,
    wait_until,
)
from harness.alerts import now_text
from harness.load import Load, check_provable, check_verifies
from harness.parallel import spread

SEED = int(os.environ.get("ANCHORLOG_SEED", "20263"))
FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}
EXIT_STORAGE = 74
EXIT_CONFIG = 78


def put_back(gateway: Gateway, copy: Path) -> None:
    shutil.rmtree(gateway.store.dir)
    shutil.copytree(copy, gateway.store.dir)


@pytest.mark.parametrize("open_alerts", [0, 5])
def test_an_old_copy_put_back_stops_the_log(
    make_gateway: MakeGateway, chain: Ganache, tmp_path: Path, tally: Tally, open_alerts: int
) -> None:
    """What the copy lacks is on the chain: going on would be a second history."""
    gateway = make_gateway(chain=chain, config=FAST)
    load = Load(gateway, "cam-1")
    old, new = tmp_path / "old", tmp_path / "new"
    with gateway:
        assert load.drive(20, 5)
        gateway.wait_sealed(21)
        gateway.wait_anchored()
        assert load.drive(20 + open_alerts, 5)
        gateway.kill()
        shutil.copytree(gateway.store.dir, old)
        gateway.start()
        assert load.drive(60, 5)
        gateway.wait_sealed(61)
        gateway.wait_anchored()
        assert gateway.stop() == 0
        gateway.start()
        gateway.wait_anchored()
        assert gateway.stop() == 0
        shutil.copytree(gateway.store.dir, new)
        anchored = chain.anchored(gateway.contract, gateway.origin)

        put_back(gateway, old)
        sealed = [place.text for place in gateway.store.places("batches")]
        gateway.launch()
        wait_until(gateway.read_ports, "it serves")
        wait_until(lambda: gateway.status()["state"] == "forked", "forked")
        check_refuses_and_serves(gateway)
        assert gateway.stop() == 0
        assert [place.text for place in gateway.store.places("batches")] == sealed
        assert gateway.store.numbers("cam-1") == list(range(1, 21 + open_alerts))
        assert chain.anchored(gateway.contract, gateway.origin) == anchored

        put_back(gateway, new)
        gateway.start()
        assert load.drive(80, 5)
        gateway.wait_sealed()
        gateway.wait_anchored()
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add("old copies put back", 1)


def check_refuses_and_serves(gateway: Gateway) -> None:
    assert gateway.http("/readyz") == (503, "forked\n")
    assert gateway.http("/healthz")[0] == 200
    assert "anchorlog_admitting 0" in gateway.http("/metrics")[1]
    check_provable(gateway, [5])
    with gateway.connect() as sender:
        assert sender.hello(["cam-1"])["durable"]["cam-1"]["seq_no"] >= 20
        sender.send(make_alert(1, "cam-2"))
        reject = sender.expect("reject")
        assert (reject["code"], reject["permanent"]) == ("forked", False)


def test_segments_without_batches_are_refused(make_gateway: MakeGateway, tally: Tally) -> None:
    """Whoever can delete the seals must not get the entries sealed anew."""
    gateway = make_gateway(config=FAST)
    with gateway:
        assert Load(gateway, "cam-1").drive(20, 5)
        assert gateway.stop() == 0
    entries = [place.text for place in gateway.store.places()]
    for spoil in (empty_batches, shutil.rmtree):
        spoil(gateway.store.dir / "batches")
        for state_too in (False, True):
            if state_too:
                shutil.rmtree(gateway.store.dir / "state")
            done = gateway.refuses_to_start()
            assert done.returncode == EXIT_CONFIG, done.stderr
            assert "batches" in done.stderr and "genesis" in done.stderr
            assert [place.text for place in gateway.store.places()] == entries
            tally.add("segments without batches", 1)
            (gateway.store.dir / "state").mkdir(exist_ok=True)


def empty_batches(directory: Path) -> None:
    for path in directory.glob("*.ndjson"):
        path.write_bytes(b"")


# What is asked, and how a damaged index shows: answers must be those of the whole one.
Answers = dict[str, Any]
ASKED = 25
STATE_CLASS = "indexes deleted or damaged"
DAMAGED = 14
DAMAGED_FULL = 300
FILLED = 2_600


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Gateway:
    """A stopped gateway with two runs in its state, and more that is only in its journals."""
    config = {"batch": {"entries": 50, "seal_interval_min_ms": 0}, "state": {"run_entries": 1_000}}
    made = Gateway(tmp_path_factory.mktemp("filled"), pki, config=config)
    load = Load(made, "cam-1")
    with made:
        for upto in range(100, FILLED + 1, 100):
            assert load.drive(upto, 5)
            if upto == 100:
                with made.connect() as sender:
                    seen = sender.hello([])["checkpoint"]
        assert made.stop() == 0
    assert len(list((made.store.dir / "state").glob("*.sst"))) >= 2
    made.store.trim()
    made.child = None
    (made.dir / "made.json").write_text(json.dumps([seen, load.made]))
    return made


def ask(gateway: Gateway, rng: random.Random) -> Answers:
    """Resent alerts, altered ones, and a path from an old checkpoint: each needs the index."""
    seen, made = json.loads((gateway.dir / "made.json").read_text())
    answers: Answers = {}
    with gateway.connect() as sender:
        welcome = sender.hello(["cam-1"], seen)
        old = Checkpoint.read(seen, gateway.vkey)
        new = Checkpoint.read(welcome["checkpoint"], gateway.vkey)
        path = [bytes.fromhex(node) for node in welcome["consistency"]]
        answers["durable"] = welcome["durable"]
        answers["consistent"] = verify_consistency(old, new, path)
        for alert in rng.sample(made, ASKED):
            number = alert["seq_no"]
            sender.send({**alert, "sent_at": now_text()})
            answers[f"resent {number}"] = sender.expect("ack")["index"]
            sender.send({**alert, "confidence": 1, "sent_at": now_text()})
            answers[f"altered {number}"] = sender.expect("reject")["code"]
    return answers


def right_answers(gateway: Gateway, rng: random.Random) -> Answers:
    _, made = json.loads((gateway.dir / "made.json").read_text())
    index_of = {line["alert"]["seq_no"]: line["index"] for line in gateway.store.alerts()}
    numbers = [alert["seq_no"] for alert in rng.sample(made, ASKED)]
    answers: Answers = {"durable": {"cam-1": {"epoch": 0, "seq_no": FILLED}}, "consistent": True}
    for number in numbers:
        answers |= {f"resent {number}": index_of[number], f"altered {number}": "equivocation"}
    return answers


def delete(path: Path, _: random.Random) -> None:
    path.unlink()


def cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size + 1))


def scramble(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 64])):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)


def blank(path: Path, rng: random.Random) -> None:
    """A sector that was never written."""
    data = bytearray(path.read_bytes())
    start = rng.randrange(len(data) + 1) // 512 * 512
    data[start : start + 512] = bytes(len(data[start : start + 512]))
    path.write_bytes(data)


def swap(path: Path, rng: random.Random) -> None:
    """Of another time: a file's bytes under another one's name."""
    other = rng.choice([p for p in path.parent.iterdir() if p.is_file()])
    path.write_bytes(other.read_bytes())


SPOILS: list[Callable[[Path, random.Random], None]] = [delete, cut, scramble, blank, swap]


def spoil_state(state: Path, rng: random.Random) -> str:
    if rng.random() < 0.1:
        shutil.rmtree(state)
        return "the whole directory deleted"
    done = []
    for _ in range(rng.choice([1, 1, 2, 5])):
        files = sorted(p for p in state.iterdir() if p.is_file() and not p.name.startswith("LOG"))
        # Tables hold what is asked for; the small files decide whether it opens at all.
        tables = [p for p in files if p.suffix == ".sst"]
        path = rng.choice(tables if tables and rng.random() < 0.6 else files)
        spoil = rng.choice(SPOILS)
        spoil(path, rng)
        done.append(f"{spoil.__name__} {path.name}")
    return ", ".join(done)


def damage_once(filled: Gateway, directory: Path, seed: int) -> str:
    """Empty, or what was wrong and how to see it again."""
    rng = random.Random(seed)
    gateway = filled.copy_to(directory / f"damaged-{seed}")
    what = spoil_state(gateway.store.dir / "state", rng)
    asked = rng.random()
    try:
        right = right_answers(gateway, random.Random(asked))
        starts = 0
        while True:
            gateway.start()
            starts += 1
            try:
                answers = ask(gateway, random.Random(asked))
                break
            except (AssertionError, OSError):
                # Damage met by a look-up ends the daemon once; the next start rebuilds.
                assert gateway.child is not None
                assert starts == 1, gateway.child.tail()
                assert gateway.child.wait(5) == EXIT_STORAGE, gateway.child.tail()
                assert "state" in gateway.output()
        assert answers == right
        assert gateway.stop() == 0
        check_verifies(gateway)
    except Exception as error:
        return f"ANCHORLOG_SEED={seed}: {what}: {type(error).__name__}: {error}"
    finally:
        gateway.kill()
    shutil.rmtree(gateway.dir)
    return ""


def damage_all(filled: Gateway, directory: Path, seeds: list[int], tally: Tally) -> None:
    broken = [said for said in spread(partial(damage_once, filled, directory), seeds) if said]
    tally.add(STATE_CLASS, len(seeds), len(broken))
    assert not broken, "\n".join(broken)


def test_a_damaged_index_is_rebuilt(filled: Gateway, tmp_path: Path, tally: Tally) -> None:
    damage_all(filled, tmp_path, list(range(SEED, SEED + DAMAGED)), tally)


@pytest.mark.full
def test_an_index_damaged_at_random(filled: Gateway, tmp_path: Path, tally: Tally) -> None:
    damage_all(filled, tmp_path, list(range(SEED, SEED + DAMAGED_FULL)), tally)
