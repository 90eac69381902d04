"""A second key that signs each checkpoint: in a file, in an emulated TPM, in a software HSM."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness import (
    CAPTURES,
    PYTHON,
    ROOT,
    Gateway,
    Ids,
    MakeGateway,
    Tally,
    logverify,
    make_alert,
    program,
    wait_until,
)
from harness.devices import HANDLE, Hsm, Tpm, set_env
from harness.process import run
from harness.verifier import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, verdict_of

Json = dict[str, Any]
EXIT_CONFIG = 78
PIN = "0815-4711"
FAST: Json = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}
REFERENCE = ROOT / "tests" / "reference" / "anchorlog_verify.py"


def write_key(path: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))
    return f"file:{path}"


def with_key(**hardware: str) -> Json:
    return {**FAST, "hardware_key": hardware}


def deliver(gateway: Gateway, first: int, count: int = 10) -> None:
    with gateway.connect() as sender:
        sender.deliver([make_alert(number) for number in range(first, first + count)])


def trust_without_hardware(gateway: Gateway) -> Path:
    lines = [f"log {gateway.vkey}"]
    path = gateway.dir / "trust-own-key-only"
    path.write_text("\n".join(lines) + "\n")
    return path


def own_line(gateway: Gateway) -> str:
    """How the signatures of the log's own key begin: 3 of the key id's 4 bytes."""
    return base64.b64encode(bytes.fromhex(gateway.vkey.split("+")[1])).decode()[:4]


def reference(store: Path, trust: Path) -> str:
    done = subprocess.run(
        [PYTHON, REFERENCE, store, trust], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def drop_hardware_line(gateway: Gateway, batch: int) -> None:
    """As if whoever has the file of the log's own key alone had written this checkpoint."""
    path = next((gateway.store.dir / "batches").glob("*.ndjson"))
    lines = path.read_bytes().split(b"\n")
    line = json.loads(lines[batch])
    note = line["checkpoint"]
    line["checkpoint"] = note[: note.rindex("\u2014 ")]
    lines[batch] = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(b"\n".join(lines))


def check_sealed_log(gateway: Gateway, entries: int) -> None:
    """The daemon is stopped: both verifiers pass the log, and miss a line that is missing."""
    store, trust = gateway.store.dir, gateway.trust_file()
    verdict = logverify("log", store, trust)
    assert verdict.exit_code == EXIT_PASS, verdict.text
    assert "sealed in hardware" in verdict.text
    assert verdict.json["checked"]["entries"] >= entries
    assert reference(store, trust).startswith("PASS"), reference(store, trust)
    only_own = trust_without_hardware(gateway)
    drop_hardware_line(gateway, 2)
    for known, exit_code, word in ((trust, EXIT_FAIL, "FAIL"), (only_own, EXIT_PASS, "PASS")):
        assert logverify("log", store, known).exit_code == exit_code
        assert reference(store, known).startswith(word)
    fault = logverify("log", store, trust).faults[0]
    assert (fault["kind"], fault["batch"]) == ("hardware_signature", 2)


@pytest.fixture
def with_file(make_gateway: MakeGateway, tmp_path: Path) -> Gateway:
    return make_gateway(config=with_key(uri=write_key(tmp_path / "second.pem")))


def test_each_checkpoint_bears_both_signatures(with_file: Gateway) -> None:
    with with_file as gateway:
        deliver(gateway, 1, 20)
        gateway.wait_sealed(20)
        kept = gateway.dir / "kept"
        kept.write_text(gateway.status()["checkpoint"])
        assert kept.read_text().count("\u2014 " + gateway.origin) == 2
        made = gateway.metric('anchorlog_hardware_signatures_total{result="made"}')
        assert made == gateway.status()["batches"] - 1
        assert gateway.metric("anchorlog_hardware_signature_wait_seconds") == 0
        deliver(gateway, 21)
        gateway.wait_sealed(30)
        gateway.restart()  # recovery takes what both keys signed
        shown = gateway.ctl("key", "show", "--config", str(gateway.config_file))
        assert shown["vkey"] == gateway.vkey
        assert gateway.stop() == 0
    store, trust = str(gateway.store.dir), str(gateway.trust_file())
    assert f"log {shown['hardware_vkey']}\n" in Path(trust).read_text()
    consistent = verdict_of("consistency", str(kept), store, "--trust", trust)
    assert consistent.exit_code == EXIT_PASS, consistent.text
    assert "sealed in hardware" in consistent.text
    kept.write_text(kept.read_text()[: kept.read_text().rindex("\u2014 ")])
    unproven = verdict_of("consistency", str(kept), store, "--trust", trust)
    assert unproven.exit_code == EXIT_UNDECIDED
    assert "proves nothing" in unproven.text
    file = gateway.dir / "entry.tlog-proof"
    exported = run([program("logverify"), "export", store, "--index", "3", "-o", str(file)])
    assert exported.returncode == EXIT_PASS, exported.stdout + exported.stderr
    proven = logverify("evidence", file, Path(trust))
    assert proven.exit_code == EXIT_PASS, proven.text
    assert "sealed in hardware" in proven.text
    whole = file.read_text()
    start, own = f"\u2014 {gateway.origin} ", own_line(gateway)
    line = re.search(f"{re.escape(start)}(?!{re.escape(own)}).*\n", whole)
    assert line is not None
    file.write_text(whole.replace(line.group(), ""))
    assert logverify("evidence", file, Path(trust)).exit_code == EXIT_FAIL
    assert logverify("evidence", file, trust_without_hardware(gateway)).exit_code == EXIT_PASS
    check_sealed_log(gateway, 30)


def test_a_change_of_the_logs_own_key_bears_both_too(with_file: Gateway) -> None:
    gateway = with_file
    with gateway:
        deliver(gateway, 1)
        gateway.wait_sealed(10)
        assert gateway.stop() == 0
        trust, next_key = gateway.trust_file(), str(gateway.dir / "next.key")
        gateway.ctl("key", "generate", "--type", "ed25519", "--out", next_key)
        rotate = ["log", "rotate-key", "--config", str(gateway.config_file), "--new-key", next_key]
        device, gateway.config["hardware_key"] = gateway.config["hardware_key"], {"uri": "file:no"}
        gateway.write_config()
        without = run([program("anchorlogctl"), *rotate])
        assert without.returncode != 0 and "hardware_key" in without.stderr
        gateway.config["hardware_key"] = device
        gateway.write_config()
        gateway.ctl(*rotate)
        gateway.config["signing_key"] = "next.key"
        gateway.write_config()
        gateway.start()
        deliver(gateway, 11)
        gateway.wait_sealed(20)
        assert gateway.stop() == 0
    verdict = logverify("log", gateway.store.dir, trust)
    assert verdict.exit_code == EXIT_PASS and "sealed in hardware" in verdict.text, verdict.text
    assert reference(gateway.store.dir, trust).startswith("PASS")


def test_an_ids_takes_the_second_line_as_none_of_its_business(
    with_file: Gateway, tmp_path: Path
) -> None:
    with with_file as gateway:
        deliver(gateway, 1)
        gateway.wait_sealed(10)
        ids = Ids(tmp_path / "ids", gateway, device="cam-2")
        replay = ids.replay([CAPTURES / "attack-ftp-bruteforce.pcap"])
        assert replay.wait(60) == 0, replay.tail()
        summary = ids.summary(replay)
        assert summary["acked"] == summary["alerts_total"] > 0
        assert gateway.stop() == 0


def test_a_log_keeps_the_key_it_was_made_with(with_file: Gateway, tmp_path: Path) -> None:
    gateway = with_file
    for hardware, why in (
        ({"uri": ""}, "hardware_key is not set"),
        ({"uri": write_key(tmp_path / "other.pem")}, "made with the hardware key"),
        ({"uri": f"file:{tmp_path}/none.pem"}, "none.pem: cannot open the key"),
        ({"uri": "handle:0x81000001", "provider": "no_such"}, "cannot load the provider no_such"),
    ):
        gateway.config["hardware_key"] = hardware
        gateway.write_config()
        refused = gateway.refuses_to_start()
        assert refused.returncode == EXIT_CONFIG, refused.stderr
        assert why in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1 or "recovered" in refused.stderr


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    path = tmp_path / "device.pin"
    path.touch(mode=0o600)
    path.write_text(PIN + "\n")
    return path


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Tpm]:
    with Tpm(tmp_path / "tpm") as made, set_env(made.env):
        made.make_key(PIN)
        yield made


@pytest.fixture
def with_tpm(tpm: Tpm, make_gateway: MakeGateway, pin_file: Path) -> Gateway:
    return make_gateway(config={
        **with_key(uri=f"handle:{HANDLE}?pass", provider="tpm2", pin=str(pin_file)),
        "storage": {"segment_bytes": 1 << 20},
    })


@pytest.fixture
def at_work(with_tpm: Gateway) -> Iterator[Gateway]:
    """It runs, and the TPM has signed for the first ten alerts."""
    with with_tpm as gateway:
        deliver(gateway, 1)
        gateway.wait_sealed(10)
        yield gateway


@pytest.mark.full
def test_a_tpm_signs_the_checkpoints(with_tpm: Gateway, tally: Tally) -> None:
    with with_tpm as gateway:
        for first in range(1, 301, 10):
            deliver(gateway, first)
        gateway.wait_sealed(300, 60)
        made = gateway.metric("anchorlog_hardware_signature_seconds_count")
        taken_s = gateway.metric("anchorlog_hardware_signature_seconds_sum")
        assert made >= 5
        tally.measured(f"an emulated TPM signs in {taken_s / made * 1000:.1f} ms on average of "
                       f"{made:.0f}")
        assert gateway.stop() == 0
    assert PIN not in gateway.output()
    check_sealed_log(gateway, 300)


@pytest.mark.full
def test_a_tpm_that_hangs_holds_up_seals_and_nothing_else(at_work: Gateway, tpm: Tpm) -> None:
    assert tpm.child is not None
    gateway = at_work
    batches = gateway.status()["batches"]
    tpm.child.send_signal(signal.SIGSTOP)
    try:
        again = [make_alert(number) for number in range(11, 21)]
        with gateway.connect() as sender:
            sender.deliver(again)
        for first in range(21, 111, 10):
            deliver(gateway, first)  # all acked
        with gateway.connect() as sender:
            sender.deliver(again)  # of the batch that waits: compared with it, and acked
        wait_until(lambda: gateway.status()["state"] == "degraded", "degraded", 15)
        assert gateway.status()["batches"] == batches
        assert "has not signed for" in gateway.status()["degraded"][0]
        assert gateway.http("/healthz")[0] == 200
        assert gateway.metric("anchorlog_hardware_signature_wait_seconds") > 5
    finally:
        tpm.child.send_signal(signal.SIGCONT)
    gateway.wait_sealed(110)
    assert gateway.status()["state"] == "ready"
    assert gateway.stop() == 0
    check_sealed_log(gateway, 110)


@pytest.mark.full
def test_a_stop_does_not_wait_for_a_tpm_that_hangs(at_work: Gateway, tpm: Tpm) -> None:
    assert tpm.child is not None
    gateway = at_work
    tpm.child.send_signal(signal.SIGSTOP)
    deliver(gateway, 11)
    assert gateway.stop() == 0  # within the 5 s that the daemon promises
    tpm.child.send_signal(signal.SIGCONT)
    gateway.start()
    deliver(gateway, 21)
    gateway.wait_sealed(30)
    assert gateway.stop() == 0
    assert "hardware_key_hangs" in gateway.output()
    check_sealed_log(gateway, 30)


@pytest.mark.full
def test_a_tpm_that_was_away_is_opened_anew(at_work: Gateway, tpm: Tpm) -> None:
    assert tpm.child is not None
    gateway = at_work
    tpm.child.kill()
    deliver(gateway, 11)
    failed = 'anchorlog_hardware_signatures_total{result="failed"}'
    wait_until(lambda: gateway.metric(failed) >= 1, "a signature fails", 15)
    batches = gateway.status()["batches"]
    assert "hardware_key_failed" in gateway.output()
    tpm.start()
    gateway.wait_sealed(20, 30)
    assert gateway.status()["batches"] > batches
    assert gateway.stop() == 0
    check_sealed_log(gateway, 20)


def passes_both(gateway: Gateway, trust: Path, told: str) -> None:
    verdict = logverify("log", gateway.store.dir, trust)
    assert verdict.exit_code == EXIT_PASS and "sealed in hardware" in verdict.text, verdict.text
    assert told in verdict.text, verdict.text
    said = reference(gateway.store.dir, trust)
    assert said.startswith("PASS"), said


@pytest.mark.full
def test_a_log_under_a_tpm_is_pruned_with_the_tpm_only(
    at_work: Gateway, tpm: Tpm, tmp_path: Path
) -> None:
    gateway, kept = at_work, tmp_path / "archive"
    for first in range(11, 71, 10):  # more than three segments
        with gateway.connect() as sender:
            sender.deliver([make_alert(number, features_summary={"filler": "x" * 60_000})
                            for number in range(first, first + 10)])
    gateway.wait_sealed(70, 30)
    assert gateway.stop() == 0
    trust = gateway.trust_file()
    why = ["--config", str(gateway.config_file), "--why", "older than a year", "--unanchored"]
    archive = [program("anchorlogctl"), "archive", "--keep", "2", "--to", str(kept), *why]

    assert tpm.child is not None
    tpm.child.kill()
    before = gateway.store.places("batches"), gateway.store.segments("log")
    assert len(before[1]) > 2
    refused = run(archive)
    assert refused.returncode != 0 and "hardware_key" in refused.stderr
    assert (gateway.store.places("batches"), gateway.store.segments("log")) == before
    assert not kept.exists()

    tpm.start()
    archived = run(archive)
    assert archived.returncode == 0, archived.stderr
    assert gateway.store.segments("log") == before[1][-2:]
    assert all((kept / path.name).exists() for path in before[1][:-2])
    passes_both(gateway, trust, "(older than a year)")
    index = int(gateway.store.segments("log")[0].stem) + 1
    gateway.ctl("erase", "--index", str(index), *why)
    passes_both(gateway, trust, f"prunes entry {index}")
    newest = gateway.store.lines("batches")[-1]
    assert newest["header"]["kind"] == "prune"
    assert newest["checkpoint"].count("\u2014 " + gateway.origin) == 2

    gateway.start()
    deliver(gateway, 71)
    gateway.wait_sealed(80)
    assert gateway.stop() == 0
    passes_both(gateway, trust, f"prunes entry {index}")
    drop_hardware_line(gateway, newest["header"]["batch_id"])
    forged = logverify("log", gateway.store.dir, trust)
    assert forged.exit_code == EXIT_FAIL
    assert (forged.faults[0]["kind"], forged.faults[0]["batch"]) == (
        "hardware_signature", newest["header"]["batch_id"])


@pytest.mark.full
def test_a_wrong_pin_refuses_in_a_sentence(with_tpm: Gateway, pin_file: Path) -> None:
    pin_file.write_text("wrong-pin\n")
    refused = with_tpm.refuses_to_start("--check-config")
    assert refused.returncode == EXIT_CONFIG
    assert f"hardware_key: handle:{HANDLE}?pass: " in refused.stderr
    assert "wrong-pin" not in refused.stderr


def has_pkcs11_provider() -> bool:
    """Whether Debian packages OpenSSL's provider for PKCS#11 here: from 13 on, with 3.5."""
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    return tuple(map(int, version.stdout.split()[1].split(".")[:2])) >= (3, 2)


@pytest.mark.full
def test_an_hsm_signs_the_checkpoints(
    make_gateway: MakeGateway, tmp_path: Path, pin_file: Path
) -> None:
    hsm = Hsm(tmp_path / "hsm", PIN)
    config = with_key(uri=hsm.uri, provider="pkcs11", pin=str(pin_file))
    with set_env(hsm.env):
        if not has_pkcs11_provider():
            # Nothing to sign with: what the daemon says then is all there is to test.
            gateway = make_gateway(config=config, init=False)
            refused = gateway.refuses_to_start("--check-config")
            assert refused.returncode == EXIT_CONFIG
            assert "cannot load the provider pkcs11; is its package installed?" in refused.stderr
            return
        with make_gateway(config=config) as gateway:
            deliver(gateway, 1, 30)
            gateway.wait_sealed(30)
            gateway.restart()  # recovery opens the token anew
            deliver(gateway, 31)
            gateway.wait_sealed(40)
            failed = gateway.metric('anchorlog_hardware_signatures_total{result="failed"}')
            assert failed == 0
            assert gateway.stop() == 0
        assert PIN not in gateway.output()
        check_sealed_log(gateway, 40)
        pin_file.write_text("wrong-pin\n")
        refused = gateway.refuses_to_start("--check-config")
        assert refused.returncode == EXIT_CONFIG, refused.stdout + refused.stderr
        assert f"hardware_key: {hsm.uri}: " in refused.stderr
        assert "wrong-pin" not in refused.stderr
