"""Copies of a store that runs, and what the daemon does with one that was put back."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Ganache, Gateway, MakeGateway, Store, logverify, make_alert, program, wait_until
from harness.load import Load, check_verifies
from harness.process import run
from harness.small_disk import SmallDisk

FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}
EXIT_USAGE = 64
EXIT_CONFIG = 78


def ctl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run([program("anchorlogctl"), *map(str, arguments)])


def said(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Its lines `name   value`."""
    assert done.returncode == 0, done.stderr
    pairs = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def put_back(gateway: Gateway, backup: Path) -> dict[str, str]:
    shutil.rmtree(gateway.store.dir)
    return said(ctl("restore", backup, gateway.store.dir))


def is_held(gateway: Gateway) -> bool:
    return bool(gateway.status()["state"] == "restored")


def make_backup(gateway: Gateway, path: Path, alerts: int = 20) -> Path:
    """Of a stopped store with sealed entries."""
    with gateway:
        assert Load(gateway, "cam-1").drive(alerts, 5)
        gateway.wait_sealed(alerts)
        assert gateway.stop() == 0
    said(ctl("backup", gateway.store.dir, path))
    return path


def test_backups_of_a_store_under_load_verify(make_gateway: MakeGateway, tmp_path: Path) -> None:
    gateway = make_gateway(config=FAST | {"storage": {"segment_bytes": 1 << 20}})
    load = Load(gateway, "cam-1")
    with gateway:
        worker = threading.Thread(target=lambda: load.drive(20_000, 60))
        worker.start()
        held: list[int] = []
        while worker.is_alive() or len(held) < 2:
            path = tmp_path / f"backup-{len(held)}"
            before = gateway.status()["entries"]
            lines = said(ctl("backup", gateway.store.dir, path))
            assert lines["verified"] == "PASS SEALED"
            copy = Store(path)
            entries = len(copy.places())
            assert entries >= before, "what was durable before is in the copy"
            assert lines["entries"].startswith(f"{entries},")
            sealed = copy.headers()[-1]
            assert sealed["first_index"] + sealed["count"] <= entries
            assert not (path / "state").exists() and not (path / "LOCK").exists()
            held.append(entries)
        worker.join()
        assert held[0] < held[-1], "the store grew meanwhile"
        assert load.acked == 20_000
        load.check()


def test_a_restore_that_lacks_nothing_goes_on_by_itself(
    make_gateway: MakeGateway, chain: Ganache, tmp_path: Path
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(25, 5)
        gateway.wait_sealed(25)
        gateway.wait_anchored()
        assert gateway.stop() == 0
        gateway.start()
        gateway.wait_anchored()
        gateway.kill()
        trust = gateway.trust_file()
        lines = said(ctl("backup", gateway.store.dir, tmp_path / "backup", "--trust", trust))
        assert lines["anchors"] != "0 lines on record"
        lines = put_back(gateway, tmp_path / "backup")
        assert lines["restored"] == str(gateway.store.dir)
        assert (gateway.store.dir / "restored.json").exists()
        gateway.start()
        wait_until(lambda: gateway.status()["state"] == "ready", "it goes on")
        assert not (gateway.store.dir / "restored.json").exists()
        assert load.drive(50, 5)
        gateway.wait_sealed(50)
        gateway.wait_anchored()
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    assert gateway.store.audits("start")[-1]["data"]["restored"]["batches"] >= 3
    assert "the chain holds nothing newer" in gateway.store.audits("config_change")[-1]["subject"]


def test_a_restore_waits_for_a_chain_that_is_down(
    make_gateway: MakeGateway, chain: Ganache, tmp_path: Path
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(15, 5)
        gateway.wait_sealed(15)
        gateway.wait_anchored()
        gateway.kill()
        said(ctl("backup", gateway.store.dir, tmp_path / "backup"))
        put_back(gateway, tmp_path / "backup")
        chain.pause()
        try:
            gateway.launch()
            wait_until(gateway.read_ports, "it serves", 20)
            assert is_held(gateway)
        finally:
            chain.resume()
        wait_until(lambda: gateway.status()["state"] == "ready", "it goes on by itself", 60)
        assert load.drive(30, 10)
        load.check()


def test_a_restore_that_the_chain_is_ahead_of_seals_nothing(
    make_gateway: MakeGateway, chain: Ganache, tmp_path: Path
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(15, 5)
        gateway.wait_sealed(15)
        gateway.wait_anchored()
        said(ctl("backup", gateway.store.dir, tmp_path / "backup"))
        assert load.drive(40, 5)
        gateway.wait_sealed(40)
        gateway.wait_anchored()
        assert gateway.stop() == 0
        gateway.start()
        gateway.wait_anchored()
        gateway.kill()
        put_back(gateway, tmp_path / "backup")
        sealed = [place.text for place in gateway.store.places("batches")]
        for _ in range(2):  # a restart does not help
            gateway.launch()
            wait_until(gateway.read_ports, "it serves")
            wait_until(lambda: gateway.status()["state"] == "forked", "forked")
            with gateway.connect() as sender:
                sender.hello(["cam-2"])
                sender.send(make_alert(1, "cam-2"))
                assert sender.expect("reject")["code"] == "forked"
            assert gateway.stop() == 0
        assert [place.text for place in gateway.store.places("batches")] == sealed
        assert (gateway.store.dir / "restored.json").exists()


@pytest.mark.parametrize("targets", [[], ["unreachable"]])
def test_a_restore_that_no_chain_speaks_for_waits_for_the_operator(
    make_gateway: MakeGateway, chain: Ganache, tmp_path: Path, targets: list[str]
) -> None:
    gateway = make_gateway(chain=chain if targets else None, config=FAST)
    for target in gateway.config.get("anchor", {}).get("targets", []):
        target["rpc"] = "http://127.0.0.1:9"
    gateway.write_config()
    load = Load(gateway, "cam-1")
    with gateway:
        assert load.drive(20, 5)
        gateway.wait_sealed(20)
        said(ctl("backup", gateway.store.dir, tmp_path / "backup"))
        gateway.kill()
        put_back(gateway, tmp_path / "backup")
        sealed = [place.text for place in gateway.store.places("batches")]
        gateway.launch()
        wait_until(gateway.read_ports, "it serves")
        assert is_held(gateway)
        assert gateway.http("/readyz") == (503, "restored\n")
        assert "accept-restore" in gateway.status()["reason"]
        with gateway.connect() as sender:
            assert sender.hello(["cam-1"])["durable"]["cam-1"]["seq_no"] == 20
            sender.send(make_alert(1, "cam-2"))
            reject = sender.expect("reject")
            assert (reject["code"], reject["permanent"]) == ("forked", False)
        refused = ctl("log", "accept-restore", gateway.store.dir)
        assert refused.returncode == 1 and "stop the daemon first" in refused.stderr
        assert is_held(gateway)
        assert gateway.stop() == 0
        assert [place.text for place in gateway.store.places("batches")] == sealed

        assert "goes on behind batch" in said(
            ctl("log", "accept-restore", gateway.store.dir))["accepted"]
        again = ctl("log", "accept-restore", gateway.store.dir)
        assert again.returncode == 1 and "not held" in again.stderr
        gateway.start()
        assert load.drive(30, 5)
        gateway.wait_sealed(30)
        assert gateway.stop() == 0
    load.check()
    verdict = logverify("log", gateway.store.dir, gateway.trust_file(anchors=False))
    assert verdict.exit_code == 0, verdict.text


def test_a_damaged_mark_keeps_the_daemon_from_starting(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    gateway = make_gateway(config=FAST)
    put_back(gateway, make_backup(gateway, tmp_path / "backup"))
    (gateway.store.dir / "restored.json").write_text("{}")
    done = gateway.refuses_to_start()
    assert done.returncode == EXIT_CONFIG and "restored.json" in done.stderr


def drop_note(backup: Path) -> None:
    (backup / "backup.json").unlink()


def newer_note(backup: Path) -> None:
    note = json.loads((backup / "backup.json").read_text())
    (backup / "backup.json").write_text(json.dumps(note | {"format": 2}))


def newer_header(backup: Path) -> None:
    """As a later version would write it; only its `v` is looked at."""
    (path,) = Store(backup).segments("batches")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b'"v":1}', b'"v":2}')
    path.write_bytes(b"".join(lines))


def drop_log(backup: Path) -> None:
    Store(backup).segments("log")[0].unlink()


def cut_log(backup: Path) -> None:
    path = Store(backup).segments("log")[0]
    path.write_bytes(path.read_bytes()[:-10])


def alter_log(backup: Path) -> None:
    path = Store(backup).segments("log")[0]
    path.write_bytes(path.read_bytes().replace(b"cam-1", b"cam-2", 1))


BAD_BACKUPS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no note": (drop_note, "no whole backup"),
    "newer format": (newer_note, "format 2"),
    "newer store": (newer_header, "newer version"),
    "a file missing": (drop_log, "is missing"),
    "a file cut": (cut_log, "bytes instead of"),
    "an entry altered": (alter_log, "does not verify"),
}


@pytest.mark.parametrize("name", BAD_BACKUPS)
def test_a_bad_backup_is_refused_and_nothing_written(
    make_gateway: MakeGateway, tmp_path: Path, name: str
) -> None:
    spoil, expected = BAD_BACKUPS[name]
    backup = make_backup(make_gateway(config=FAST), tmp_path / "backup")
    spoil(backup)
    done = ctl("restore", backup, tmp_path / "store")
    assert done.returncode == 1 and expected in done.stderr, done.stderr
    assert not list(tmp_path.glob("store*"))


def test_nothing_is_written_over(make_gateway: MakeGateway, tmp_path: Path) -> None:
    gateway = make_gateway(config=FAST)
    backup = make_backup(gateway, tmp_path / "backup")
    kept = {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()}
    commands: list[list[str | Path]] = [
        ["backup", gateway.store.dir, backup],
        ["backup", gateway.store.dir, f"{backup}/"],
        ["restore", backup, gateway.store.dir],
        ["restore", backup, backup],
    ]
    for command in commands:
        done = ctl(*command)
        assert done.returncode == 1 and "nothing is ever written over it" in done.stderr
    assert {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()} == kept


def test_a_damaged_store_is_copied_but_not_called_good(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    gateway = make_gateway(config=FAST)
    make_backup(gateway, tmp_path / "good")
    alter_log(gateway.store.dir)
    done = ctl("backup", gateway.store.dir, tmp_path / "bad")
    assert done.returncode == 1 and "does not verify" in done.stderr
    assert "FAIL" in done.stdout and (tmp_path / "bad" / "backup.json").exists()


def injected(fault: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command with a system call that fails, or with its end at one."""
    strace = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={fault.split(':')[0]}",
              "-e", f"inject={fault}"]
    return run([*strace, program("anchorlogctl"), *map(str, arguments)])


FAULTS = [
    *[f"{call}:error=EIO:when={when}"
      for call in ("fsync", "fdatasync", "rename", "mkdir") for when in (1, 2)],
    "pwrite64:error=ENOSPC:when=2", "pwrite64:error=EIO:when=3", "pread64:error=EIO:when=3",
    "fsync:signal=KILL:when=3", "mkdir:signal=KILL:when=2", "rename:signal=KILL:when=1",
]


@pytest.mark.release
def test_what_is_cut_short_is_never_taken_for_whole(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    """A copy under its own name is whole, a restored store is held; anything else is .partial."""
    gateway = make_gateway(config=FAST)
    backup = make_backup(gateway, tmp_path / "backup")
    cut_short = 0
    for number, fault in enumerate(FAULTS):
        for verb, source in (("backup", gateway.store.dir), ("restore", backup)):
            to = tmp_path / f"{verb}-{number}"
            done = injected(fault, verb, source, to)
            if done.returncode == 0:
                assert to.exists(), fault  # that call never came so often
            elif to.exists():  # the last step, making the name durable, failed
                assert "sync" in done.stderr or done.returncode < 0, fault
            else:
                cut_short += 1
            if to.exists() and verb == "restore":
                assert (to / "restored.json").exists(), fault
            if to.exists() and verb == "backup":
                said(ctl("restore", to, tmp_path / f"of-{number}"))
    assert cut_short >= len(FAULTS)
    partial = ctl("restore", tmp_path / "backup-0.partial", tmp_path / "x")
    assert partial.returncode == 1 and "no whole backup" in partial.stderr


def test_a_full_disk_is_named_and_the_store_goes_on(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    gateway = make_gateway(config=FAST)
    make_backup(gateway, tmp_path / "backup")
    with SmallDisk(tmp_path / "disk", 1) as disk:
        disk.fill(8_192)
        to = tmp_path / "disk" / "copy"
        done = run([*disk.inside, program("anchorlogctl"), "backup", str(gateway.store.dir),
                    str(to)])
        assert done.returncode == 1, done.stderr
        assert f"remove {to}.partial" in done.stderr and "No space left" in done.stderr
        assert not (disk.path / "copy").exists()
    with gateway:
        gateway.start()
        assert Load(gateway, "cam-2").drive(10, 5)


@pytest.mark.parametrize("words", [["backup"], ["backup", "a"], ["restore", "a", "b", "c"],
                                   ["log", "accept-restore"], ["backup", "a", "b", "--days", "1"]])
def test_wrong_words_are_usage(words: list[str], tmp_path: Path) -> None:
    done = ctl(*words)
    assert done.returncode == EXIT_USAGE and "usage:" in done.stderr


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    done = ctl("backup", tmp_path, tmp_path / "backup")
    assert done.returncode == 1 and "is no store" in done.stderr
    assert not list(tmp_path.iterdir())
