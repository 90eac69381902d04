"""logverify on stores a real daemon wrote, whole and falsified. Without a chain: SEALED at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Gateway, Pki, Store, Verdict, logverify, make_alert, program, uuid7
from harness.process import run
from harness.store import Place
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED

ALERTS = 60
VICTIM = 23
TWICE_ID = uuid7()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Gateway:
    """A stopped one, its log sealed in several batches; two entries share an entry_id."""
    config = {"batch": {"entries": 10, "seal_interval_min_ms": 0}}
    made = Gateway(tmp_path_factory.mktemp("verify"), pki, config=config)
    with made as running:
        with running.connect() as sender:
            for number in range(1, ALERTS + 1, 5):
                sender.deliver([make_alert(n) for n in range(number, number + 5)])
            again = make_alert(1, epoch=1, entry_id=TWICE_ID)
            sender.deliver([make_alert(ALERTS + 1, entry_id=TWICE_ID), again])
        assert running.stop() == 0
    assert len(made.store.headers()) > 4
    return made


@pytest.fixture
def copy(gateway: Gateway, tmp_path: Path) -> Store:
    return gateway.store.copy_to(tmp_path / "copy")


def verify(gateway: Gateway, store: Store) -> Verdict:
    return logverify("log", store.dir, gateway.trust_file())


def test_a_whole_log_passes_and_says_what_that_is_worth(gateway: Gateway, copy: Store) -> None:
    verdict = verify(gateway, copy)
    assert verdict.exit_code == EXIT_PASS, verdict.text
    assert (verdict.json["verdict"], verdict.json["level"]) == ("PASS", "SEALED")
    assert verdict.json["faults"] == []
    assert verdict.json["not_checked"], "an offline verdict says what it did not check"
    checked = verdict.json["checked"]
    assert checked["alerts"] == ALERTS + 2
    assert checked["entries"] == len(copy.lines())
    assert checked["batches"] == len(copy.headers())
    assert verdict.json["unprotected"] == len(copy.lines()), "no anchor protects anything"
    assert verdict.last_line.startswith("PASS SEALED")


def test_verification_writes_nothing(gateway: Gateway, copy: Store) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.dir.rglob("*")}
    verify(gateway, copy)
    assert {path: path.stat().st_mtime_ns for path in copy.dir.rglob("*")} == before


def victim(store: Store) -> Place:
    return store.places()[VICTIM]


def alter(store: Store, member: bytes) -> None:
    place = victim(store)
    store.flip_byte(place, place.text.index(member) + len(member))


Deed = Callable[[Store], None]


def forge(store: Store) -> None:
    """A well-formed entry of the intruder's own, with the next entry's index."""
    line = json.loads(victim(store).text)
    line["alert"]["entry_id"] = uuid7()
    text = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()
    store.insert_line(victim(store), text)


# What is done to entry VICTIM, and the kinds that may be said of it.
ENTRY_DEEDS: dict[str, tuple[Deed, set[str]]] = {
    "alert": (lambda store: alter(store, b'"alert_type":"'), {"altered"}),
    "number in the alert": (lambda store: alter(store, b'"port":'), {"altered"}),
    "entry_id": (lambda store: alter(store, b'"entry_id":"'), {"altered"}),
    "certificate": (lambda store: alter(store, b'"cert":"'), {"altered"}),
    "time of receipt": (lambda store: alter(store, b'"received_at":"'), {"altered"}),
    "sender": (lambda store: alter(store, b'sender:gw-0'), {"altered"}),
    "broken JSON": (lambda store: alter(store, b'{"aler'), {"altered"}),
    "deleted": (lambda store: store.delete_line(victim(store)), {"missing"}),
    "swapped": (lambda store: store.swap_with_next(victim(store)), {"reordered"}),
    "repeated": (
        lambda store: store.insert_line(victim(store), victim(store).text), {"duplicated"}
    ),
}


@pytest.mark.parametrize("hints", [True, False], ids=["with leaves", "without leaves"])
@pytest.mark.parametrize("name", ENTRY_DEEDS)
def test_what_is_done_to_an_entry_is_seen_and_named(
    gateway: Gateway, copy: Store, name: str, hints: bool
) -> None:
    deed, kinds = ENTRY_DEEDS[name]
    place, batch = victim(copy), copy.batch_of(VICTIM)
    deed(copy)
    if not hints:
        # Without the leaf hashes beside the log an altered entry is known by its batch only.
        for path in (copy.dir / "log").glob("*.leaves"):
            path.unlink()
    verdict = verify(gateway, copy)
    assert verdict.exit_code == EXIT_FAIL, verdict.text
    named = [
        fault for fault in verdict.faults
        if fault["kind"] in kinds | (set() if hints else {"batch_altered"})
        and fault["batch"] == batch
    ]
    assert named, verdict.faults
    if hints:
        assert any(
            (fault.get("index"), fault["segment"], fault["line"])
            == (VICTIM, place.segment, place.line)
            for fault in named
        ) or name == "repeated", verdict.faults
    assert verdict.last_line.startswith("FAIL")


def test_a_forged_line_is_seen(gateway: Gateway, copy: Store) -> None:
    forge(copy)
    verdict = verify(gateway, copy)
    assert verdict.exit_code == EXIT_FAIL
    assert any(fault["kind"] in ("inserted", "duplicated") for fault in verdict.faults)


def alter_batch(store: Store, member: bytes, at: int = 0) -> None:
    place = store.places("batches")[2]
    store.flip_byte(place, place.text.index(member) + len(member) + at)


BATCH_DEEDS: dict[str, Deed] = {
    "merkle_root": lambda store: alter_batch(store, b'"merkle_root":"'),
    "prev_root": lambda store: alter_batch(store, b'"prev_root":"'),
    "count": lambda store: alter_batch(store, b'"count":'),
    "sources": lambda store: alter_batch(store, b'"first_seq":'),
    "sealed_at": lambda store: alter_batch(store, b'"sealed_at":"'),
    "seal": lambda store: alter_batch(store, b'"seal":"', 10),
    "checkpoint size": lambda store: alter_batch(store, b"gw-01\\n"),
    "checkpoint signature": lambda store: alter_batch(store, "— anchorlog".encode(), 36),
    "deleted": lambda store: store.delete_line(store.places("batches")[2]),
    "swapped": lambda store: store.swap_with_next(store.places("batches")[2]),
    "genesis deleted": lambda store: store.delete_line(store.places("batches")[0]),
}


@pytest.mark.parametrize("name", BATCH_DEEDS)
def test_what_is_done_to_a_batch_is_seen(gateway: Gateway, copy: Store, name: str) -> None:
    BATCH_DEEDS[name](copy)
    verdict = verify(gateway, copy)
    assert verdict.exit_code == EXIT_FAIL, verdict.text
    batches = range(3)
    assert any(fault.get("batch") in batches for fault in verdict.faults), verdict.faults


def test_a_log_cut_below_what_is_sealed(gateway: Gateway, copy: Store) -> None:
    entries = len(copy.lines())
    for _ in range(3):
        copy.delete_line(copy.places()[-1])
    verdict = verify(gateway, copy)
    assert verdict.exit_code == EXIT_FAIL
    (fault,) = [fault for fault in verdict.faults if fault["kind"] == "missing"]
    assert (fault["index"], fault["index_last"]) == (entries - 3, entries - 1)


def test_an_empty_log_journal(gateway: Gateway, copy: Store) -> None:
    for path in (copy.dir / "log").iterdir():
        path.unlink()
    assert verify(gateway, copy).exit_code == EXIT_FAIL


def test_the_newest_batch_cut_off_leaves_its_entries_unsealed(
    gateway: Gateway, copy: Store
) -> None:
    """Nothing offline can tell this from a log not sealed yet: the verdict says what is open."""
    last = copy.headers()[-1]
    copy.delete_line(copy.places("batches")[-1])
    verdict = verify(gateway, copy)
    assert verdict.exit_code == EXIT_PASS
    assert verdict.json["unsealed"] == last["count"]


def test_entries_by_index_and_by_id(gateway: Gateway) -> None:
    store, trust = gateway.store, gateway.trust_file()
    by_index = logverify("entry", store.dir, trust, "--index", str(VICTIM))
    assert by_index.exit_code == EXIT_PASS, by_index.text
    (hit,) = by_index.json["entries"]
    assert (hit["index"], hit["batch"]) == (VICTIM, store.batch_of(VICTIM))
    assert hit["text"].encode() == victim(store).text
    assert [step["state"] for step in hit["steps"]].count("failed") == 0
    assert len(hit["steps"]) >= 5
    entry_id = json.loads(victim(store).text)["alert"]["entry_id"]
    by_id = logverify("entry", store.dir, trust, "--entry-id", entry_id)
    assert by_id.json["entries"] == by_index.json["entries"]


def test_all_entries_of_one_id_are_listed(gateway: Gateway) -> None:
    verdict = logverify(
        "entry", gateway.store.dir, gateway.trust_file(), "--entry-id", TWICE_ID
    )
    assert verdict.exit_code == EXIT_PASS, verdict.text
    assert len(verdict.json["entries"]) == 2


@pytest.mark.parametrize("which", [("--index", str(VICTIM)), ("--entry-id", "")])
def test_an_altered_entry_fails_at_the_broken_link(
    gateway: Gateway, copy: Store, which: tuple[str, str]
) -> None:
    entry_id = json.loads(victim(copy).text)["alert"]["entry_id"]
    alter(copy, b'"alert_type":"')
    option = (which[0], which[1] or entry_id)
    verdict = logverify("entry", copy.dir, gateway.trust_file(), *option)
    assert verdict.exit_code == EXIT_FAIL
    (hit,) = verdict.json["entries"]
    states = [step["state"] for step in hit["steps"]]
    assert states.count("failed") == 1, hit["steps"]
    neighbour = logverify("entry", copy.dir, gateway.trust_file(), "--index", "1")
    assert neighbour.exit_code == EXIT_PASS, "an entry of another batch is as good as before"


@pytest.mark.parametrize("which", [("--index", "99999"), ("--entry-id", uuid7())])
def test_an_entry_that_is_not_there_is_not_decided(
    gateway: Gateway, which: tuple[str, str]
) -> None:
    verdict = logverify("entry", gateway.store.dir, gateway.trust_file(), *which)
    assert verdict.exit_code == EXIT_UNDECIDED
    assert verdict.json["entries"] == []


def trust_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trust"
    path.write_text(text)
    return path


def test_a_verifier_that_trusts_another_key(gateway: Gateway, tmp_path: Path) -> None:
    other = gateway.ctl(
        "key", "generate", "--type", "ed25519", "--out", str(tmp_path / "other.key"),
        "--origin", gateway.origin,
    )["vkey"]
    trust = trust_of(tmp_path, f"log {other}\n")
    assert logverify("log", gateway.store.dir, trust).exit_code != EXIT_PASS
    assert logverify("entry", gateway.store.dir, trust, "--index", "3").exit_code != EXIT_PASS


@pytest.mark.parametrize("text", ["", "nonsense", "log abc", "anchor eip155:1:0x00 00 private"])
def test_a_bad_trust_file_is_named(gateway: Gateway, tmp_path: Path, text: str) -> None:
    path = trust_of(tmp_path, text)
    done = run_logverify("log", str(gateway.store.dir), "--trust", str(path), "--offline")
    assert done.returncode == 64
    assert str(path) in done.stderr or "trust" in done.stderr


def run_logverify(*arguments: str) -> Any:
    return run([program("logverify"), *arguments])


def test_missing_files_are_not_decided(gateway: Gateway, tmp_path: Path) -> None:
    trust = str(gateway.trust_file())
    gone = str(tmp_path / "gone")
    assert run_logverify("log", gone, "--trust", trust, "--offline").returncode == EXIT_UNDECIDED
    store = str(gateway.store.dir)
    assert run_logverify("log", store, "--trust", gone, "--offline").returncode == EXIT_UNDECIDED


def test_a_chain_that_does_not_answer_is_not_decided(gateway: Gateway, tmp_path: Path) -> None:
    line = "anchor eip155:1337:0x" + "11" * 20 + " " + "22" * 32 + " private\n"
    trust = trust_of(tmp_path, gateway.trust_file().read_text() + line)
    verdict = logverify("log", gateway.store.dir, trust, rpc="http://127.0.0.1:9")
    assert verdict.exit_code == EXIT_UNDECIDED, verdict.text
    assert verdict.json["undecided"]


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["log"], ["log", "x"], ["log", "x", "--trust", "y"], ["nonsense"],
        ["entry", "x", "--trust", "y", "--offline"],
        ["log", "x", "--trust", "y", "--offline", "--rpc", "http://127.0.0.1:1"],
        ["log", "x", "--trust", "y", "--offline", "--index", "1"],
        ["entry", "x", "--trust", "y", "--offline", "--index", "one"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    done = run_logverify(*arguments)
    assert done.returncode == 64
    assert "usage" in done.stderr


def test_random_bytes_do_not_crash_it(gateway: Gateway, tmp_path: Path) -> None:
    for journal in ("log", "batches", "anchors"):
        (tmp_path / "junk" / journal).mkdir(parents=True)
        path = tmp_path / "junk" / journal / f"{0:020d}.ndjson"
        path.write_bytes(bytes(range(256)) * 50)
    verdict = logverify("log", tmp_path / "junk", gateway.trust_file())
    assert verdict.exit_code in (EXIT_FAIL, EXIT_UNDECIDED)
