"""The log's signing key is changed; what was signed before and behind it goes on to verify."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import (
    CAPTURES,
    Checkpoint,
    Ganache,
    Gateway,
    Ids,
    MakeGateway,
    Sender,
    logverify,
    make_alert,
    program,
)
from harness.alerts import canonical
from harness.process import run
from harness.sender import hello_for
from harness.verifier import EXIT_FAIL, EXIT_PASS, verdict_of

FAST = {"batch": {"entries": 5, "interval_s": 1, "seal_interval_min_ms": 0}}
EXIT_CONFIG = 78
REPLAY_S_MAX = 60.0


def log_alerts(gateway: Gateway, first: int, last: int) -> str:
    """Returns the checkpoint that a sender is shown then."""
    with gateway.connect() as sender:
        sender.deliver([make_alert(number) for number in range(first, last + 1)])
        gateway.wait_sealed(last)
        return str(sender.hello([])["checkpoint"])


def rotate(gateway: Gateway, name: str, *options: str) -> str:
    """Makes the key and seals the change; returns the new vkey. The configuration stays."""
    key = str(gateway.dir / name)
    made = gateway.ctl("key", "generate", "--type", "ed25519", "--out", key,
                       "--origin", gateway.origin)
    told = gateway.ctl("log", "rotate-key", "--config", str(gateway.config_file),
                       "--new-key", key, *options)
    assert told["vkey"] == made["vkey"] and told["trust"] == f"log {made['vkey']}"
    return made["vkey"]


def use_key(gateway: Gateway, name: str) -> None:
    gateway.config["signing_key"] = name
    gateway.write_config()


def receipt_of(sender: Sender, number: int) -> bytes:
    sender.send({**hello_for(["cam-1"]), "receipts": True})
    sender.expect("welcome")
    sender.send(make_alert(number))
    assert sender.expect("ack")["seq_no"] == number
    return canonical(sender.expect("receipt"))


def export(gateway: Gateway, index: int, file: Path) -> Path:
    done = run([program("logverify"), "export", str(gateway.store.dir), "--index", str(index),
                "-o", str(file)])
    assert done.returncode == 0, done.stderr
    return file


def test_the_key_is_changed_and_everything_follows(
    make_gateway: MakeGateway, chain: Ganache, tmp_path: Path
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    with gateway:
        seen = log_alerts(gateway, 1, 10)
        with gateway.connect() as sender:
            promised = receipt_of(sender, 11)
        gateway.wait_sealed(11)
        gateway.wait_anchored()
        old_evidence = export(gateway, 3, tmp_path / "before.evidence")
        assert gateway.stop() == 0

        vkey = rotate(gateway, "log-2.key")
        use_key(gateway, "log-2.key")
        gateway.start()
        with gateway.connect() as sender:  # who saw the log under the old key
            welcome = sender.hello(["cam-1"], seen=seen)
            assert welcome["consistency"], "the path leads over the change"
        later = log_alerts(gateway, 12, 20)
        with gateway.connect() as sender:
            promised_later = receipt_of(sender, 21)
        gateway.wait_sealed(21)
        gateway.wait_anchored()
        # Batches that were sealed while an anchor was under way are in a later block than it.
        steps = gateway.store.lines("anchors")
        trust = gateway.trust_file(
            blocks=[step["block_number"] for step in steps if step["kind"] == "receipt"]
        )
        assert Checkpoint.read(later, vkey).size > Checkpoint.read(seen, gateway.vkey).size

        online = logverify("log", gateway.store.dir, trust, rpc=chain.url)
        assert online.exit_code == EXIT_PASS and "ANCHORED" in online.last_line, online.text
        assert "changes the log's key" in online.text
        (told,) = gateway.store.audits("key_change")
        assert told["data"] == {
            "new": vkey.split("+")[1], "old": gateway.vkey.split("+")[1], "why": "planned"
        }
        gateway.restart()
        assert len(gateway.store.audits("key_change")) == 1
        assert gateway.stop() == 0

    kept, receipt = tmp_path / "kept.note", tmp_path / "receipt.json"
    kept.write_text(seen)
    store = gateway.store.dir
    consistent = verdict_of("consistency", str(kept), str(store), "--trust", str(trust))
    assert consistent.exit_code == EXIT_PASS, consistent.text
    for text in (promised, promised_later):
        receipt.write_bytes(text)
        judged = verdict_of("receipt", str(receipt), str(store), "--trust", str(trust))
        assert judged.exit_code == EXIT_PASS, judged.text
    tiles = run([program("logverify"), "tiles", str(store), "-o", str(tmp_path / "tiles"),
                 "--trust", str(trust)])
    assert tiles.returncode == 0, tiles.stdout + tiles.stderr
    check_evidence(gateway, tmp_path, trust, vkey, old_evidence)


def check_evidence(
    gateway: Gateway, folder: Path, trust: Path, vkey: str, old_evidence: Path
) -> None:
    new_trust = folder / "new-trust.txt"
    new_trust.write_text(trust.read_text().replace(gateway.vkey, vkey))
    behind = max(entry["index"] for entry in gateway.store.alerts())
    files = [export(gateway, index, folder / f"{index}.evidence") for index in (3, behind)]
    for file in [old_evidence, *files]:
        verdict = logverify("evidence", file, trust)
        assert verdict.exit_code == EXIT_PASS and "ANCHORED" in verdict.last_line, verdict.text
    assert logverify("evidence", files[1], new_trust).exit_code == EXIT_PASS
    assert logverify("evidence", old_evidence, new_trust).exit_code == EXIT_FAIL


def test_a_store_and_a_configuration_that_differ_do_not_start(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config=FAST)
    with gateway:
        log_alerts(gateway, 1, 5)
        key = str(gateway.dir / "log-2.key")
        gateway.ctl("key", "generate", "--type", "ed25519", "--out", key)
        command = [program("anchorlogctl"), "log", "rotate-key", "--config",
                   str(gateway.config_file), "--new-key"]
        running = run([*command, key])
        assert running.returncode == 1 and "stop it first" in running.stderr
        assert gateway.stop() == 0
        same = run([*command, str(gateway.dir / "log.key")])
        assert same.returncode == 64 and "make another one" in same.stderr

        use_key(gateway, "log-2.key")  # before the change is sealed
        early = gateway.refuses_to_start()
        assert early.returncode == EXIT_CONFIG, early.stderr
        assert f"the log's key is {gateway.vkey.split('+')[1]}" in early.stderr
        assert "point signing_key at" in early.stderr and "rotate-key" in early.stderr
        use_key(gateway, "log.key")
        vkey = rotate(gateway, "log-3.key", "--why", "compromise")
        late = gateway.refuses_to_start()
        assert late.returncode == EXIT_CONFIG, late.stderr
        assert f"the log's key is {vkey} since batch" in late.stderr
        again = run([*command, str(gateway.dir / "log-3.key")])
        assert again.returncode != 0 and vkey in again.stderr
        use_key(gateway, "log-3.key")
        gateway.start()
        log_alerts(gateway, 6, 10)
        assert gateway.stop() == 0
        shutil.rmtree(gateway.store.dir / "state")
        gateway.start()
        log_alerts(gateway, 11, 15)


def test_an_unsealed_end_is_the_daemons_to_seal(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config={"batch": {"entries": 50, "interval_s": 60}})
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 4)])
        gateway.kill()
        key = str(gateway.dir / "log-2.key")
        gateway.ctl("key", "generate", "--type", "ed25519", "--out", key)
        command = [program("anchorlogctl"), "log", "rotate-key", "--config",
                   str(gateway.config_file), "--new-key", key]
        refused = run(command)
        assert refused.returncode == 1 and "start the daemon and stop it again" in refused.stderr
        gateway.start()
        assert gateway.stop() == 0
        done = run(command)
        assert done.returncode == 0, done.stderr
        use_key(gateway, "log-2.key")
        gateway.start()


def sealed_key(gateway: Gateway, name: str, passphrase: str) -> tuple[str, str]:
    """Makes a key that a passphrase opens; returns the paths of both."""
    key, file = gateway.dir / name, gateway.dir / f"{name}.passphrase"
    file.touch(mode=0o600)
    file.write_text(passphrase + "\n")
    gateway.ctl("key", "generate", "--type", "ed25519", "--out", str(key),
                "--passphrase", str(file))
    assert "ENCRYPTED" in key.read_text()
    return str(key), str(file)


def test_a_sealed_key_follows_with_its_passphrase(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config=FAST)
    with gateway:
        log_alerts(gateway, 1, 5)
        assert gateway.stop() == 0
        trust = gateway.trust_file()
        keys = [sealed_key(gateway, "log-2.key", "correct horse battery"),
                sealed_key(gateway, "log-3.key", "another horse altogether")]
        for step, (key, passphrase) in enumerate(keys):
            batches = gateway.store.places("batches")
            command = [program("anchorlogctl"), "log", "rotate-key", "--config",
                       str(gateway.config_file), "--new-key", key]
            unopened = run(command)  # without a passphrase, and then with the one before it
            assert unopened.returncode != 0 and "(if it is sealed: --new-pass" in unopened.stderr
            wrong = run([*command, "--new-passphrase", keys[1 - step][1]])
            assert wrong.returncode != 0 and "does not open it" in wrong.stderr
            assert gateway.store.places("batches") == batches
            done = run([*command, "--new-passphrase", passphrase])
            assert done.returncode == 0, done.stderr
            assert f'"signing_key_passphrase": "{passphrase}"' in done.stdout
            use_key(gateway, key)
            early = gateway.refuses_to_start()  # the passphrase in the configuration is the old one
            assert early.returncode == EXIT_CONFIG, early.stderr
            gateway.config["signing_key_passphrase"] = passphrase
            gateway.write_config()
            gateway.start()
            log_alerts(gateway, 10 * step + 6, 10 * step + 10)
            assert gateway.stop() == 0
    for text in ("correct horse", "another horse"):
        assert text not in gateway.output()
    verdict = logverify("log", gateway.store.dir, trust)
    assert verdict.exit_code == EXIT_PASS, verdict.text
    assert [header["kind"] for header in gateway.store.headers()].count("key") == 2


@pytest.mark.parametrize("is_told", [True, False])
def test_the_detector_follows_when_it_was_told_before(
    make_gateway: MakeGateway, tmp_path: Path, is_told: bool
) -> None:
    gateway = make_gateway(config=FAST)
    capture = [CAPTURES / "attack-smb445-hscan.pcap"]
    with gateway:
        ids = Ids(tmp_path / "ids", gateway, device="cam-2")
        assert ids.replay(capture).wait(REPLAY_S_MAX) == 0
        gateway.wait_sealed(1)
        assert gateway.stop() == 0
        vkey = rotate(gateway, "log-2.key")
        use_key(gateway, "log-2.key")
        gateway.start()
        log_alerts(gateway, 1, 5)  # up to here the newest checkpoint bears both signatures
        child = ids.replay(capture, *(["--vkey", vkey] if is_told else []))
        assert child.wait(REPLAY_S_MAX) == (0 if is_told else 4)
        if is_told:
            assert ids.summary(child)["acked"] > 0
