"""One entry's evidence: made from a store, checked by somebody who has nothing but the file."""

from __future__ import annotations

import base64
import copy
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from harness import EvidenceFile, Ganache, Gateway, MakeGateway, Pki, logverify, make_alert, program
from harness.notes import cosign, witness_vkey
from harness.process import run
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, Verdict

FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}
COLD_MS_MAX = 5.0
COLD_RUNS = 40
# Of a receipt, what no proof speaks of: when it was written, under which name, and by which
# transaction the event came about.
UNPROVEN = {"at", "target", "hash"}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def anchored(
    tmp_path_factory: pytest.TempPathFactory, pki: Pki, chain: Ganache
) -> Iterator[Gateway]:
    """Three batches of ten alerts and some of audits, all anchored, the first three times."""
    with Gateway(tmp_path_factory.mktemp("evidence"), pki, chain=chain, config=FAST) as gateway:
        for first in (1, 11, 21):
            with gateway.connect() as sender:
                sender.deliver([make_alert(number) for number in range(first, first + 10)])
            gateway.wait_sealed(first + 9)
            gateway.wait_anchored()
        assert gateway.stop() == 0
        yield gateway


def export(gateway: Gateway, file: Path, *options: str) -> None:
    command = [program("logverify"), "export", str(gateway.store.dir), *options, "-o", str(file)]
    done = run(command)
    assert done.returncode == EXIT_PASS, done.stdout + done.stderr
    assert f"wrote {file}" in done.stdout


def blocks_of(gateway: Gateway) -> list[int]:
    assert gateway.chain is not None
    return [event["block"] for event in gateway.chain.anchored(gateway.contract, gateway.origin)]


@pytest.fixture(scope="module")
def trust(anchored: Gateway) -> Path:
    return anchored.trust_file(blocks=blocks_of(anchored))


@pytest.fixture(scope="module")
def index(anchored: Gateway) -> int:
    """An alert of the second batch of ten."""
    return int(anchored.store.alerts()[14]["index"])


@pytest.fixture(scope="module")
def file(anchored: Gateway, index: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("file") / "alert.tlog-proof"
    export(anchored, made, "--index", str(index))
    return made


def judge(text: str, trust: Path, tmp_path: Path, rpc: str | None = None) -> Verdict:
    changed = tmp_path / "changed.tlog-proof"
    changed.write_text(text)
    return logverify("evidence", changed, trust, rpc=rpc)


def test_a_file_and_a_trusted_block_are_enough(
    anchored: Gateway, file: Path, trust: Path, index: int
) -> None:
    verdict = logverify("evidence", file, trust)
    assert verdict.exit_code == EXIT_PASS, verdict.text
    assert (verdict.json["level"], verdict.json["label"]) == ("ANCHORED", "private")
    (entry,) = verdict.json["entries"]
    assert entry["text"].encode() == anchored.store.places()[index].text
    assert any("receipt proof under the trust file's block" in text
               for text in verdict.json["basis"])
    assert "the chain is private" in verdict.text


def test_by_entry_id_it_is_the_same_file(
    anchored: Gateway, file: Path, index: int, tmp_path: Path
) -> None:
    entry_id = anchored.store.lines()[index]["alert"]["entry_id"]
    export(anchored, tmp_path / "by-id", "--entry-id", entry_id)
    assert (tmp_path / "by-id").read_bytes() == file.read_bytes()


def test_others_read_it_without_our_code(anchored: Gateway, file: Path, index: int) -> None:
    evidence = EvidenceFile.read(file)
    assert evidence.prove(anchored.vkey) == anchored.store.lines()[index]
    assert evidence.text() == file.read_text()
    assert len(evidence.extra["anchors"]) == 1


def test_the_store_and_the_file_are_judged_alike(
    anchored: Gateway, file: Path, trust: Path, index: int
) -> None:
    """One check: `entry` builds the evidence and follows the same links."""
    by_store = logverify("entry", anchored.store.dir, trust, "--index", str(index)).json
    by_file = logverify("evidence", file, trust).json
    assert by_store["entries"][0]["steps"] == by_file["entries"][0]["steps"]
    for name in ("verdict", "level", "label", "origin", "basis"):
        assert by_store[name] == by_file[name]


def test_each_kind_of_trust_has_its_level(
    anchored: Gateway, file: Path, tmp_path: Path
) -> None:
    blocks = blocks_of(anchored)
    plain, no_contract = anchored.trust_file(), anchored.trust_file(anchors=False, blocks=blocks)
    for less in (plain, no_contract):
        verdict = logverify("evidence", file, less)
        assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "SEALED"), verdict.text
        assert "proves nothing against whoever holds the log key" in verdict.text
    public = tmp_path / "public"
    public.write_text(anchored.trust_file(blocks=blocks).read_text().replace("private", "public"))
    assert logverify("evidence", file, public).json["label"] == "public"
    stranger = tmp_path / "stranger"
    stranger.write_text(public.read_text().replace(anchored.vkey, witnessless_vkey()))
    assert logverify("evidence", file, stranger).exit_code == EXIT_FAIL


def witnessless_vkey() -> str:
    return "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_a_node_that_is_asked_is_named(
    anchored: Gateway, file: Path, index: int, tmp_path: Path
) -> None:
    assert anchored.chain is not None
    url = anchored.chain.url
    verdict = logverify("evidence", file, anchored.trust_file(), rpc=url)
    assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "ANCHORED"), verdict.text
    assert f"as honest as {url}" in verdict.text
    no_answer = logverify("evidence", file, anchored.trust_file(), rpc="http://127.0.0.1:9")
    assert no_answer.exit_code == EXIT_UNDECIDED


def sockets_opened(arguments: list[str], trace: Path) -> list[str]:
    command = ["strace", "-f", "-o", str(trace), "-e", "trace=%network,%file",
               program("logverify"), *arguments]
    # A sanitizer looks for leaks as a debugger does, and strace is one already.
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    done = run(command, env={"ASAN_OPTIONS": options})
    assert done.returncode == EXIT_PASS, done.stdout + done.stderr
    return [line for line in trace.read_text().splitlines() if re.search(r"\bsocket\(", line)]


def test_no_socket_and_no_store(
    anchored: Gateway, file: Path, trust: Path, tmp_path: Path
) -> None:
    assert anchored.chain is not None
    arguments = ["evidence", str(file), "--trust", str(trust)]
    trace = tmp_path / "trace"
    assert sockets_opened(arguments, trace) == []
    traced = trace.read_text()
    assert str(file) in traced and str(trust) in traced, "the trace shows what is opened"
    assert str(anchored.store.dir) not in traced
    assert sockets_opened([*arguments, "--rpc", anchored.chain.url], trace), "it shows sockets too"


def leaves_of(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every string and number of a JSON value stands."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves_of(item, (*place, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves_of(item, (*place, number))
    else:
        yield place


def changed_at(extra: Json, place: tuple[Any, ...]) -> Json:
    """A copy in which one character, or one number, is another of its kind."""
    out = copy.deepcopy(extra)
    inside: Any = out
    for step in place[:-1]:
        inside = inside[step]
    value = inside[place[-1]]
    if isinstance(value, int):
        inside[place[-1]] = value + 1
        return out
    at = len(value) // 2
    while not value[at].isalnum():
        at += 1
    other = "1" if value[at] == "0" else "0" if value[at].isdigit() else "a"
    if other == value[at]:
        other = "b"
    inside[place[-1]] = value[:at] + other + value[at + 1:]
    return out


def test_every_member_of_it_is_proven_or_said_to_be_nothing(
    file: Path, trust: Path, tmp_path: Path
) -> None:
    evidence = EvidenceFile.read(file)
    places = list(leaves_of(evidence.extra))
    assert len(places) > 20
    believed = set()
    for place in places:
        changed = replace(evidence, extra=changed_at(evidence.extra, place))
        verdict = judge(changed.text(), trust, tmp_path)
        if verdict.exit_code == EXIT_PASS:
            believed.add((verdict.json["level"], place[-1]))
            continue
        assert verdict.exit_code == (EXIT_UNDECIDED if place == ("v",) else EXIT_FAIL), place
        assert verdict.json["still"] or verdict.json["undecided"], "what is left to trust"
    # On a chain the trust file does not name, the anchor is none.
    assert believed == {("SEALED", "chain_id"), *(("ANCHORED", name) for name in UNPROVEN)}


def test_every_line_of_it_is_proven(file: Path, trust: Path, tmp_path: Path) -> None:
    evidence = EvidenceFile.read(file)
    assert judge(evidence.text(), trust, tmp_path).exit_code == EXIT_PASS
    changes = [
        replace(evidence, index=evidence.index + 1), replace(evidence, index=0),
        replace(evidence, path=evidence.path[:-1]), replace(evidence, path=[]),
        replace(evidence, path=[*evidence.path, bytes(32)]),
        *(replace(evidence, path=[*evidence.path[:n], bytes(32), *evidence.path[n + 1:]])
          for n in range(len(evidence.path))),
        *(replace(evidence, checkpoint=swap_digit(evidence.checkpoint, n))
          for n in range(0, len(evidence.checkpoint), 3)),
    ]
    for changed in changes:
        if changed == evidence:
            continue
        verdict = judge(changed.text(), trust, tmp_path)
        assert verdict.exit_code == EXIT_FAIL, changed
        assert verdict.faults, "the first broken link is named"
    for size in range(0, len(evidence.text()), 97):
        cut = judge(evidence.text()[:size], trust, tmp_path)
        assert cut.exit_code != EXIT_PASS, size


def swap_digit(text: str, at: int) -> str:
    if not text[at].isascii() or not text[at].isalnum():
        return text
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


def test_the_break_is_named_with_what_was_expected(
    anchored: Gateway, file: Path, trust: Path, tmp_path: Path
) -> None:
    evidence = EvidenceFile.read(file)
    header = anchored.store.headers()[evidence.index]
    forged = evidence.extra["entry"].replace('"confidence":0.5', '"confidence":0.1')
    verdict = judge(evidence.with_extra(entry=forged).text(), trust, tmp_path)
    (fault,) = verdict.faults
    assert (fault["kind"], fault["batch"]) == ("batch_path", evidence.index)
    assert header["merkle_root"] in fault["expected"]
    assert re.fullmatch("[0-9a-f]{64}", fault["found"])
    assert fault["found"] not in fault["expected"]
    (still,) = verdict.json["still"]
    assert "as a whole" in still and "ANCHORED" in still
    assert verdict.last_line.startswith("FAIL entry ")


def test_an_anchor_counts_only_for_the_batches_it_is_the_first_over(
    anchored: Gateway, file: Path, trust: Path, tmp_path: Path
) -> None:
    """A history rewritten and anchored later has an anchor over all of it, and it is not this
    batch's: fromBatch says so, and the event says what fromBatch is."""
    evidence = EvidenceFile.read(file)
    newest = int(anchored.store.alerts()[-1]["index"])
    export(anchored, tmp_path / "later", "--index", str(newest))
    later = EvidenceFile.read(tmp_path / "later")
    receipt = later.extra["anchors"][0]["receipt"]
    assert receipt["from_batch"] > evidence.index
    lie = replace(later, extra={**evidence.extra, "anchors": later.extra["anchors"]},
                  index=evidence.index)
    for from_batch in (receipt["from_batch"], evidence.index, 0):
        anchor = {**later.extra["anchors"][0], "receipt": {**receipt, "from_batch": from_batch}}
        text = evidence.with_extra(anchors=[anchor]).text()
        verdict = judge(text, trust, tmp_path)
        assert verdict.exit_code == EXIT_FAIL
        assert verdict.faults[0]["kind"] == "anchor", verdict.text
    assert judge(lie.text(), trust, tmp_path).exit_code == EXIT_FAIL


def test_witnesses_count_when_they_are_the_quorum_asked_for(
    anchored: Gateway, file: Path, tmp_path: Path
) -> None:
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([n + 1]) * 32) for n in range(3)]
    names = [f"witness.example/{n}" for n in range(3)]
    lines = [f"witness w{n} {witness_vkey(names[n], key)}" for n, key in enumerate(keys)]
    policy = tmp_path / "policy"
    policy.write_text(
        anchored.trust_file().read_text()
        + "\n".join([*lines, "group two 2 w0 w1 w2", "quorum two"]) + "\n"
    )
    evidence = EvidenceFile.read(file)
    cosigned = evidence.checkpoint
    seen = []
    for n in (1, 2):
        cosigned += cosign(evidence.checkpoint, names[n], keys[n], 1_700_000_000 + n)
        verdict = judge(replace(evidence, checkpoint=cosigned).text(), policy, tmp_path)
        seen.append((verdict.exit_code, verdict.json["level"]))
    assert judge(evidence.text(), policy, tmp_path).exit_code == EXIT_UNDECIDED
    assert seen == [(EXIT_UNDECIDED, "NONE"), (EXIT_PASS, "WITNESSED")]
    assert "w1 at 2023-11-14T22:13:21.000Z" in verdict.text
    false = evidence.checkpoint + cosign(cosigned, names[0], keys[1], 1_700_000_000)
    refused = judge(replace(evidence, checkpoint=false).text(), policy, tmp_path)
    assert refused.exit_code == EXIT_UNDECIDED, "a key that is not the witness's is nobody's"
    broken = bytearray(base64.b64decode(cosigned.split(" ")[-1]))
    broken[40] ^= 1
    false = cosigned[: cosigned.rindex(" ")] + " " + base64.b64encode(broken).decode() + "\n"
    refused = judge(replace(evidence, checkpoint=false).text(), policy, tmp_path)
    assert (refused.exit_code, refused.faults[0]["kind"]) == (EXIT_FAIL, "witnesses")


def test_nothing_is_written_of_what_does_not_hold(
    anchored: Gateway, trust: Path, index: int, tmp_path: Path
) -> None:
    copied = anchored.store.copy_to(tmp_path / "copy")
    place = copied.places()[index]
    copied.flip_byte(place, place.text.index(b"confidence") + 3)
    made = tmp_path / "made"
    for asked, expected in ((index, EXIT_FAIL), (10_000, EXIT_UNDECIDED)):
        done = run([program("logverify"), "export", str(copied.dir), "--index", str(asked),
                    "-o", str(made)])
        assert done.returncode == expected, done.stdout + done.stderr
        assert not made.exists()
    shutil.rmtree(copied.dir / "batches")
    done = run([program("logverify"), "export", str(copied.dir), "--index", "0", "-o", str(made)])
    assert (done.returncode, made.exists()) == (EXIT_UNDECIDED, False)


def test_an_entry_not_yet_sealed_has_no_evidence(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    gateway = make_gateway()
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(1)])
        done = run([program("logverify"), "export", str(gateway.store.dir), "--index", "1",
                    "-o", str(tmp_path / "made")])
    assert done.returncode == EXIT_UNDECIDED
    assert "not sealed yet" in done.stdout


def run_times_ms(command: list[str]) -> tuple[float, float]:
    """By the clock, from a process's start to its end, and what it used of the processor."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    took = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == EXIT_PASS
    return took * 1000, (used.ru_utime + used.ru_stime) * 1000


def test_a_cold_check_takes_milliseconds(file: Path, trust: Path) -> None:
    """A fresh process each time. What is held to the limit is the best processor time, because
    others may be at work on the machine; the clock's is told."""
    command = [program("logverify"), "evidence", str(file), "--trust", str(trust)]
    runs = [run_times_ms(command) for _ in range(COLD_RUNS)]
    clock, used = (sorted(kind) for kind in zip(*runs, strict=True))
    middle = COLD_RUNS // 2
    shown = f"best {clock[0]:.2f}, median {clock[middle]:.2f} ms; processor {used[0]:.2f} ms"
    print(f"one evidence file, cold, {COLD_RUNS} runs: {shown}")
    if "ANCHORLOG_BIN" not in os.environ:  # a sanitizer's build is no measure
        assert used[0] < COLD_MS_MAX, shown
