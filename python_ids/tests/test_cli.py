from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from anchorlog_ids import cli
from fake_log import FakeLog
from ids_pki import Pki
from ids_support import CAPTURES

FTP = str(CAPTURES / "attack-ftp-bruteforce.pcap")
SYNFLOOD = str(CAPTURES / "attack-synflood-synthetic.pcap")


def delivery_options(log: FakeLog, pki: Pki, tmp_path: Path) -> list[str]:
    certificate, key = pki.sender("gw-01")
    return [
        "--server", f"127.0.0.1:{log.port}", "--ca", str(pki.ca), "--cert", str(certificate),
        "--key", str(key), "--device", "cam-1", "--spool", str(tmp_path / "spool.db"),
        "--vkey", log.vkey, "--origin", log.origin, "--json", "--timeout-s", "20",
    ]  # fmt: skip


def summary_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    return summary


def test_replay_delivers_all(
    fake_log: FakeLog, pki: Pki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = delivery_options(fake_log, pki, tmp_path)
    assert cli.main(["replay", FTP, SYNFLOOD, "--flow-alerts", *options]) == cli.EXIT_OK
    summary = summary_of(capsys)
    assert summary["acked"] == summary["alerts_total"] == len(fake_log.entries) == 234
    assert summary["waiting"] == 0
    assert len({alert["batch_id"] for alert in fake_log.entries}) == 2
    assert len({alert["entry_id"] for alert in fake_log.entries}) == 234


def test_replay_through_a_server_restart(
    fake_log: FakeLog, pki: Pki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = delivery_options(fake_log, pki, tmp_path)
    fake_log.behaviour.disconnect_after_alerts = 100
    stopper = threading.Thread(target=_restart, args=(fake_log,))
    stopper.start()
    assert cli.main(["replay", SYNFLOOD, "--flow-alerts", *options]) == cli.EXIT_OK
    stopper.join()
    assert summary_of(capsys)["sessions"] >= 2
    assert [alert["seq_no"] for alert in fake_log.entries] == list(range(1, 203))


def _restart(log: FakeLog) -> None:
    deadline = time.monotonic() + 10
    while len(log.entries) < 99 and time.monotonic() < deadline:
        time.sleep(0.01)
    log.stop()
    log.start()


def test_set_aside_gives_exit_3(
    fake_log: FakeLog, pki: Pki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_log.behaviour.refuse = lambda alert: "schema" if alert["seq_no"] == 1 else None
    options = delivery_options(fake_log, pki, tmp_path)
    assert cli.main(["replay", FTP, *options]) == cli.EXIT_SET_ASIDE
    assert summary_of(capsys)["rejects"] == {"schema": 1}


def test_undelivered_gives_exit_5_and_a_later_run_delivers(
    fake_log: FakeLog, pki: Pki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = delivery_options(fake_log, pki, tmp_path)
    fake_log.stop()
    assert cli.main(["replay", FTP, *options, "--timeout-s", "0.5"]) == cli.EXIT_UNDELIVERED
    assert summary_of(capsys)["waiting"] == 2
    fake_log.start()
    assert cli.main(["replay", *options]) == cli.EXIT_OK
    assert len(fake_log.entries) == 2


def test_fork_gives_exit_4(fake_log: FakeLog, pki: Pki, tmp_path: Path) -> None:
    options = delivery_options(fake_log, pki, tmp_path)
    assert cli.main(["replay", FTP, *options]) == cli.EXIT_OK
    fake_log.entries.clear()
    assert cli.main(["replay", FTP, *options]) == cli.EXIT_FORKED


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        ([], cli.EXIT_USAGE),
        (["replay", "--server", "nonsense"], cli.EXIT_USAGE),
        (["replay", "--limit", "0"], cli.EXIT_USAGE),
    ],
)
def test_usage_errors(argv: list[str], status: int) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == status


@pytest.mark.parametrize(
    "argv",
    [
        ["replay", FTP],
        ["replay", "--dry-run", "absent.pcap"],
        ["replay", "--dry-run", "--device", "no spaces", FTP],
        ["replay", "--dry-run", __file__],
        ["live", "no-such-interface"],
    ],
)
def test_bad_configuration_is_said(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv) == cli.EXIT_CONFIG
    assert capsys.readouterr().err.startswith("anchorlog-ids: ")


def test_dry_run_prints_ndjson() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "anchorlog_ids", "replay", "--dry-run", FTP],
        capture_output=True,
        text=True,
        check=True,
    )
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [alert["alert_type"] for alert in alerts] == ["bruteforce.ftp"] * 2
    assert "incidents  bruteforce.ftp 1" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="live capture needs CAP_NET_RAW")
def test_live_on_loopback(fake_log: FakeLog, pki: Pki, tmp_path: Path) -> None:
    """In a network namespace of its own the interface would be quieter; loopback will do."""
    options = delivery_options(fake_log, pki, tmp_path)[:-2]
    process = subprocess.Popen(
        [sys.executable, "-m", "anchorlog_ids", "live", "lo", "--flow-alerts", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 15
    while not fake_log.entries and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=20)
    if process.returncode == cli.EXIT_CONFIG:
        pytest.skip(f"no live capture here: {err}")
    assert process.returncode == cli.EXIT_OK, err
    kinds = [alert["alert_type"] for alert in fake_log.entries]
    assert kinds[0] == "ids.start"
    assert kinds[-1] == "ids.stop"
    assert json.loads(out)["packets"] > 0


def test_a_replay_cut_by_its_time_limit_says_so(
    fake_log: FakeLog, pki: Pki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = delivery_options(fake_log, pki, tmp_path)
    argv = ["replay", FTP, "--flow-alerts", "--pace", "realtime", *options, "--timeout-s", "0.5"]
    assert cli.main(argv) == cli.EXIT_UNDELIVERED
    assert "stopped before" in capsys.readouterr().err
