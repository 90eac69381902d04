"""The history log as C2SP tlog-tiles: written to files, and served by the daemon."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Checkpoint, Gateway, Pki, make_alert, program
from harness.alerts import canonical
from harness.process import run
from harness.tiles import WIDTH, fsck, paths_of
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED

# Past one full tile, so that there is a second level.
BATCHES = WIDTH + 20
EACH_ALERT_A_BATCH = {"batch": {"entries": 1, "seal_interval_min_ms": 0}}


def grow(gateway: Gateway, first: int, last: int) -> None:
    with gateway.connect() as sender:
        for number in range(first, last + 1):
            sender.deliver([make_alert(number)])
    gateway.wait_sealed(last)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("tiles"), pki, config=EACH_ALERT_A_BATCH) as made:
        grow(made, 1, BATCHES)
        yield made


def get(gateway: Gateway, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=10)
    try:
        connection.request("GET", f"/{path}")
        reply = connection.getresponse()
        return reply, reply.read()
    finally:
        connection.close()


def served(gateway: Gateway, path: str) -> bytes:
    reply, body = get(gateway, path)
    assert reply.status == 200, f"{path}: {reply.status} {body!r}"
    return body


def write(store: Path, out: Path, *options: str) -> tuple[int, str]:
    done = run([program("logverify"), "tiles", str(store), "-o", str(out), *options])
    return done.returncode, done.stdout + done.stderr


def files_below(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes()
            for path in out.rglob("*") if path.is_file()}


def test_a_stock_client_reads_what_was_written(gateway: Gateway, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, text = write(gateway.store.dir, out, "--trust", str(gateway.trust_file()))
    assert status == EXIT_PASS, text
    checkpoint, entries = fsck(lambda path: (out / path).read_bytes(), gateway.vkey)
    assert checkpoint.size > WIDTH
    assert entries == [canonical(header) for header in gateway.store.headers()]
    files = files_below(out)
    assert set(files) == {"checkpoint", *paths_of(checkpoint.size)}
    assert f"wrote {len(files)} files of {gateway.origin}, size {checkpoint.size}" in text


def test_the_daemon_serves_the_same_files(gateway: Gateway, tmp_path: Path) -> None:
    checkpoint, entries = fsck(lambda path: served(gateway, path), gateway.vkey)
    assert len(entries) == len(gateway.store.headers())
    assert write(gateway.store.dir, tmp_path)[0] == EXIT_PASS
    for path, content in files_below(tmp_path).items():
        assert served(gateway, path) == content, path
    reply, _ = get(gateway, "checkpoint")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    reply, _ = get(gateway, paths_of(checkpoint.size)[0])
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert "immutable" in reply.headers["Cache-Control"]


def test_tiles_of_every_older_checkpoint_are_served(gateway: Gateway) -> None:
    newest = Checkpoint.read(served(gateway, "checkpoint").decode(), gateway.vkey)
    notes = [line["checkpoint"] for line in gateway.store.lines("batches")]
    for note in notes[:: len(notes) // 5]:

        def fetch(path: str, note: str = note) -> bytes:
            return note.encode() if path == "checkpoint" else served(gateway, path)

        checkpoint, _ = fsck(fetch, gateway.vkey)
        assert checkpoint.size <= newest.size


@pytest.mark.parametrize("path", [
    "tile/0/999", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/0", "tile/00/000", "tile/2/000.p/1",
    "tile/64/000", "tile/entries/999.p/1", "tile/", "tile/0/x000/000", "tile/0/../../status",
    "tile/0/x018/x446/x744/x073/x709/x551/615.p/255",
])
def test_what_is_no_tile_is_not_found(gateway: Gateway, path: str) -> None:
    assert get(gateway, path)[0].status == 404


def test_a_later_export_goes_on_and_another_history_is_refused(
    gateway: Gateway, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    old = gateway.store.copy_to(tmp_path / "old")
    assert write(old.dir, out)[0] == EXIT_PASS
    grow(gateway, BATCHES + 1, BATCHES + 3)
    assert write(gateway.store.dir, out)[0] == EXIT_PASS
    checkpoint, _ = fsck(lambda path: (out / path).read_bytes(), gateway.vkey)
    assert checkpoint.size == len(gateway.store.headers())
    damaged = out / "tile/0/000"
    damaged.write_bytes(b"\0" * 8192)
    status, text = write(gateway.store.dir, out)
    assert status == EXIT_UNDECIDED and "tile/0/000 is of another history" in text
    assert damaged.read_bytes() == b"\0" * 8192


def test_an_altered_store_is_not_written(gateway: Gateway, tmp_path: Path) -> None:
    copy = gateway.store.copy_to(tmp_path / "copy")
    place = copy.places("batches")[7]
    copy.flip_byte(place, place.text.index(b'"merkle_root":"') + 20)
    out = tmp_path / "out"
    status, text = write(copy.dir, out)
    assert status == EXIT_FAIL and "FAULT batch 7" in text
    assert not out.exists()
    shutil.rmtree(copy.dir / "batches")
    assert write(copy.dir, out)[0] == EXIT_UNDECIDED
