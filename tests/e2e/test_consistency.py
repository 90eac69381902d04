"""Who kept a checkpoint can tell whether the log since only grew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Checkpoint, Gateway, Pki, make_alert, program
from harness.process import run
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, Verdict, verdict_of

FAST = {"batch": {"entries": 5, "interval_s": 1, "seal_interval_min_ms": 0}}
USAGE = 64


def log_alerts(gateway: Gateway, first: int, last: int) -> str:
    """Returns the checkpoint that a sender is shown then."""
    with gateway.connect() as sender:
        for start in range(first, last + 1, 5):
            sender.deliver([make_alert(number) for number in range(start, start + 5)])
        gateway.wait_sealed(last - 1)
        return str(sender.hello([])["checkpoint"])


class History:
    """A log of three ages, each with its checkpoint and a copy of its directory; and the first
    copy, put back and grown past the others."""

    def __init__(self, gateway: Gateway, directory: Path) -> None:
        self.trust = gateway.trust_file()
        self.vkey = gateway.vkey
        self.notes: list[str] = []
        self.copies: list[Path] = []
        for age in range(3):
            gateway.start()
            self.notes.append(log_alerts(gateway, 1 + 10 * age, 10 + 10 * age))
            assert gateway.stop() == 0
            self.copies.append(gateway.store.copy_to(directory / f"age-{age}").dir)
        shutil.rmtree(gateway.store.dir)
        shutil.copytree(self.copies[0], gateway.store.dir)
        gateway.start()
        log_alerts(gateway, 11, 60)
        assert gateway.stop() == 0
        self.grown_again = gateway.store.copy_to(directory / "again").dir


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[History]:
    directory = tmp_path_factory.mktemp("consistency")
    with Gateway(directory / "gateway", pki, config=FAST) as gateway:
        assert gateway.stop() == 0
        yield History(gateway, directory)


def judge(history: History, note: str, store: Path, tmp_path: Path) -> Verdict:
    kept = tmp_path / "kept.note"
    kept.write_text(note)
    return verdict_of("consistency", str(kept), str(store), "--trust", str(history.trust))


def test_a_log_that_grew_passes(history: History, tmp_path: Path) -> None:
    for age, note in enumerate(history.notes):
        verdict = judge(history, note, history.copies[2], tmp_path)
        assert verdict.exit_code == EXIT_PASS, verdict.text
        kept = Checkpoint.read(note, history.vkey)
        newest = Checkpoint.read(verdict.json["store"]["checkpoint"], history.vkey)
        assert newest.size >= Checkpoint.read(history.notes[2], history.vkey).size
        assert verdict.json["kept"] == {
            "size": kept.size, "root": kept.root.hex(), "checkpoint": note
        }
        assert verdict.json["root_then"] == kept.root.hex(), age
        assert verdict.last_line.startswith(f"PASS CONSISTENT: from {kept.size} to {newest.size}")


def test_a_log_put_back_fails_with_both_heads(history: History, tmp_path: Path) -> None:
    verdict = judge(history, history.notes[2], history.copies[0], tmp_path)
    assert verdict.exit_code == EXIT_FAIL, verdict.text
    kept = Checkpoint.read(history.notes[2], history.vkey)
    (fault,) = verdict.faults
    assert fault["kind"] == "rolled_back"
    assert fault["batch"] == verdict.json["store"]["size"]
    assert fault["batch_last"] == kept.size - 1
    assert kept.root.hex() in verdict.text and verdict.json["store"]["root"] in verdict.text


def test_a_log_put_back_and_grown_again_fails(history: History, tmp_path: Path) -> None:
    """It is longer than it was, and every signature in it is good."""
    verdict = judge(history, history.notes[2], history.grown_again, tmp_path)
    assert verdict.exit_code == EXIT_FAIL, verdict.text
    (fault,) = verdict.faults
    assert fault["kind"] == "forked"
    assert verdict.json["store"]["size"] > verdict.json["kept"]["size"]
    assert verdict.json["root_then"] not in (None, verdict.json["kept"]["root"])
    # It is not the whole of it that is another: what is older than the copy is the same.
    assert judge(history, history.notes[0], history.grown_again, tmp_path).exit_code == EXIT_PASS


def test_a_note_that_nobody_signed_decides_nothing(history: History, tmp_path: Path) -> None:
    size = Checkpoint.read(history.notes[1], history.vkey).size
    for note in ("", "nonsense\n", history.notes[1].replace(f"\n{size}\n", f"\n{size + 1}\n")):
        verdict = judge(history, note, history.copies[2], tmp_path)
        assert verdict.exit_code == EXIT_UNDECIDED, verdict.text
        assert verdict.faults == [] and verdict.json["undecided"]


def test_wrong_use_is_told(history: History, tmp_path: Path) -> None:
    kept = tmp_path / "kept.note"
    kept.write_text(history.notes[0])
    for words in ([str(kept)], [str(kept), str(history.copies[0])]):
        done = run([program("logverify"), "consistency", *words])
        assert done.returncode == USAGE, done.stdout
        assert "usage: logverify consistency CHECKPOINT DIR --trust FILE" in done.stderr
