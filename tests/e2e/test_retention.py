"""Archived segments and erased entries: the daemon and the verifiers go on without the lines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from harness import Gateway, MakeGateway, logverify, make_alert, program
from harness.alerts import now_text
from harness.paths import ROOT
from harness.process import run
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, verdict_of

CONFIG = {
    "batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0},
    "storage": {"segment_bytes": 1 << 20},
}
ALERTS = 70
AT_ONCE = 10  # a group is never cut in two, so larger ones would make larger segments


def ctl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run([program("anchorlogctl"), *map(str, arguments)])


def archive(gateway: Gateway, to: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return ctl("archive", "--config", gateway.config_file, "--keep", "3", "--to", to,
               "--why", "older than a year", *options)


def erase(gateway: Gateway, index: int) -> subprocess.CompletedProcess[str]:
    return ctl("erase", "--config", gateway.config_file, "--index", str(index), "--why",
               "asked for", "--unanchored")


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]" * 20 + ".ndjson"))


def reference_says(gateway: Gateway) -> str:
    script = ROOT / "tests" / "reference" / "anchorlog_verify.py"
    return run([sys.executable, str(script), str(gateway.store.dir),
                str(gateway.trust_file())]).stdout


def expect(gateway: Gateway, verdict: int, *told: str) -> None:
    """Both verifiers say so, and ours names these."""
    ours = logverify("log", gateway.store.dir, gateway.trust_file())
    assert ours.exit_code == verdict, ours.text
    for text in told:
        assert text in ours.text, ours.text
    assert reference_says(gateway).startswith(["PASS", "FAIL"][verdict])


def test_a_pruned_log_lives_on(make_gateway: MakeGateway, tmp_path: Path) -> None:
    gateway = make_gateway(config=CONFIG)
    alerts = [make_alert(number, features_summary={"filler": "x" * 60_000})
              for number in range(1, ALERTS + 1)]
    log, kept = gateway.store.dir / "log", tmp_path / "archive"
    with gateway:
        with gateway.connect() as sender:
            for first in range(0, ALERTS, AT_ONCE):
                sender.deliver(alerts[first:first + AT_ONCE])
        gateway.wait_sealed(ALERTS)
        running = archive(gateway, kept, "--unanchored")
        assert running.returncode == 1 and "stop it first" in running.stderr
        assert gateway.stop() == 0
        store, trust = str(gateway.store.dir), gateway.trust_file()
        evidence = str(tmp_path / "5.tlog-proof")
        assert run([program("logverify"), "export", store, "--index", "5", "-o",
                    evidence]).returncode == 0
        refused = archive(gateway, kept)
        assert refused.returncode == 1 and "no confirmed anchor covers" in refused.stderr
        before = segments(log)
        done = archive(gateway, kept, "--unanchored")
        assert done.returncode == 0, done.stderr
        assert [path.name for path in segments(kept)] == [path.name for path in before[:-3]]
        assert segments(log) == before[-3:]
        pruned = int(before[-3].stem)
        expect(gateway, EXIT_PASS, "prunes entries 0-", f"the lines of {pruned} pruned entries")
        assert verdict_of("evidence", evidence, "--trust", str(trust)).exit_code == EXIT_PASS
        gone = logverify("entry", gateway.store.dir, trust, "--index", "5")
        assert gone.exit_code == EXIT_UNDECIDED and "entry 5 is pruned" in gone.text

        for rebuild in (False, True):
            if rebuild:
                assert gateway.stop() == 0
                shutil.rmtree(gateway.store.dir / "state")
            gateway.start()
            with gateway.connect() as sender:
                sender.send({**alerts[0], "sent_at": now_text()})
                refusal = sender.expect("reject")
                assert refusal["code"] == "replay" and refusal["permanent"]
                sender.deliver([{**alerts[-1], "sent_at": now_text()}])  # as it is stored
            status, body = gateway.http(f"/entries/{alerts[4]['entry_id']}/5")
            assert status == 410 and "entry 5 is pruned" in body
            status, _ = gateway.http(f"/entries/{alerts[-1]['entry_id']}")
            assert status == 200
        with gateway.connect() as sender:
            sender.deliver([make_alert(ALERTS + 1)])
        assert gateway.stop() == 0
        check_erased(gateway)
        check_backup(gateway, tmp_path)
        check_tampering(gateway, kept)


def check_erased(gateway: Gateway) -> None:
    index = int(segments(gateway.store.dir / "log")[1].stem) + 1
    lines = {line["index"]: line for line in map(json.loads, log_lines(gateway))}
    assert erase(gateway, 0).returncode == 1, "archived"
    done = erase(gateway, index)
    assert done.returncode == 0, done.stderr
    assert "backup" in done.stdout
    left = {line["index"]: line for line in map(json.loads, log_lines(gateway))}
    assert left.pop(index).keys() == {"erased", "index"}
    lines.pop(index)
    assert left == lines
    assert erase(gateway, index).returncode == 0, "again"
    expect(gateway, EXIT_PASS, f"prunes entry {index} (asked for)")
    gateway.start()
    assert gateway.stop() == 0
    expect(gateway, EXIT_PASS, f"prunes entry {index} (asked for)")


def log_lines(gateway: Gateway) -> list[bytes]:
    texts = [path.read_bytes().rstrip(b"\0") for path in segments(gateway.store.dir / "log")]
    return b"".join(texts).splitlines()


def check_backup(gateway: Gateway, folder: Path) -> None:
    backup, again = folder / "backup", folder / "again"
    made = ctl("backup", gateway.store.dir, backup)
    assert made.returncode == 0 and "PASS SEALED" in made.stdout, made.stderr
    done = ctl("restore", backup, again)
    assert done.returncode == 0, done.stderr
    verdict = logverify("log", again, gateway.trust_file())
    assert verdict.exit_code == EXIT_PASS and "pruned entries" in verdict.text


def check_tampering(gateway: Gateway, kept: Path) -> None:
    """Each file that stands for lines, changed and changed back; and the lines put back."""
    log = gateway.store.dir / "log"
    first = segments(kept)[0]
    leaves, devices = log / f"{first.stem}.leaves", log / f"{first.stem}.devices.ndjson"
    for path, named in ((leaves, leaves.name), (devices, devices.name)):
        data = path.read_bytes()
        path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
        expect(gateway, EXIT_FAIL, named)
        path.unlink()
        expect(gateway, EXIT_FAIL)
        path.write_bytes(data)
    put_back = shutil.copy(first, log)
    expect(gateway, EXIT_PASS)
    assert "(older than a year): the lines of" in logverify(
        "log", gateway.store.dir, gateway.trust_file()).text
    text = Path(put_back).read_bytes()
    Path(put_back).write_bytes(text.replace(b'"seq_no":3,', b'"seq_no":4,', 1))
    expect(gateway, EXIT_FAIL, "altered", first.name)
    Path(put_back).unlink()
    expect(gateway, EXIT_PASS)
    newest_closed = segments(log)[0]
    data = newest_closed.read_bytes()
    newest_closed.unlink()
    expect(gateway, EXIT_FAIL, "missing")
    newest_closed.write_bytes(data)
    expect(gateway, EXIT_PASS)
