"""Targets beside the chain: the file, the modes, and what each failing one leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness import Gateway, MakeGateway, logverify, make_alert, wait_until
from harness.verifier import EXIT_FAIL, EXIT_PASS

Json = dict[str, Any]
FAST: Json = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}


def with_targets(*targets: Json) -> Json:
    return {**FAST, "anchor": {"targets": list(targets)}}


def deliver(gateway: Gateway, first: int, count: int) -> None:
    with gateway.connect() as sender:
        sender.deliver([make_alert(number) for number in range(first, first + count)])


def target(gateway: Gateway, name: str) -> Json:
    found: Json = next(one for one in gateway.status()["anchors"] if one["target"] == name)
    return found


def wait_covered(gateway: Gateway, name: str) -> None:
    wait_until(
        lambda: target(gateway, name)["covered_to"] == gateway.status()["batches"] - 1,
        f"{name} covers all",
        20.0,
    )


def test_a_file_gets_every_checkpoint_and_protects_nothing(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.ndjson"
    config = with_targets(
        {"id": "copy", "type": "file", "path": str(copy), "mode": "required"},
        {"id": "spare", "type": "file", "path": str(tmp_path / "spare"), "mode": "off"},
    )
    with make_gateway(config=config) as gateway:
        for first in (1, 11, 21):
            deliver(gateway, first, 10)
            gateway.wait_sealed(first + 9)
            wait_covered(gateway, "copy")
        gateway.kill()
        gateway.start()
        deliver(gateway, 31, 10)
        gateway.wait_sealed(40)
        wait_covered(gateway, "copy")
        status = gateway.status()
        assert status["state"] == "ready"
        assert status["unprotected"]["entries"] == status["entries"]
        assert target(gateway, "spare") == {
            "target": "spare", "type": "file", "mode": "off", "state": "off", "covered_to": None,
        }
        assert gateway.stop() == 0
        trust = gateway.trust_file()
        verdict = logverify("log", gateway.store.dir, trust)
    assert not (tmp_path / "spare").exists()
    newest = status["batches"] - 1
    lines = [json.loads(line) for line in copy.read_text().splitlines()]
    sealed = {
        line["header"]["batch_id"]: line["checkpoint"] for line in gateway.store.lines("batches")
    }
    assert all(line["checkpoint"] == sealed[line["batch_id"]] for line in lines)
    assert lines[-1]["batch_id"] >= newest
    assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "SEALED")
    (shown,) = verdict.json["targets"]
    assert (shown["target"], shown["type"], shown["state"]) == ("copy", "file", "self")
    assert "\ntarget copy file self: " in verdict.text


def test_a_stamp_over_another_history_is_seen(make_gateway: MakeGateway, tmp_path: Path) -> None:
    config = with_targets({"id": "copy", "type": "file", "path": str(tmp_path / "copy")})
    with make_gateway(config=config) as gateway:
        deliver(gateway, 1, 10)
        gateway.wait_sealed(10)
        wait_covered(gateway, "copy")
        assert gateway.stop() == 0
        (segment,) = (gateway.store.dir / "anchors").glob("*.ndjson")
        text = segment.read_text()
        at = text.index('"hash":"') + 8
        segment.write_text(text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1:])
        verdict = logverify("log", gateway.store.dir, gateway.trust_file())
        assert verdict.exit_code == EXIT_FAIL
        assert verdict.faults[0]["kind"] == "anchor_conflict"
        refused = gateway.refuses_to_start()
        assert refused.returncode == 78
        assert "anchor.targets copy: anchors/ line 0" in refused.stderr


def test_a_required_target_that_fails_degrades_and_blocks_nothing(
    make_gateway: MakeGateway, tmp_path: Path
) -> None:
    missing = tmp_path / "not-mounted" / "copy.ndjson"
    config = with_targets(
        {
            "id": "copy", "type": "file", "path": str(missing), "mode": "required",
            "late_after_s": 1,
        },
        {"id": "good", "type": "file", "path": str(tmp_path / "good")},
    )
    with make_gateway(config=config) as gateway:
        deliver(gateway, 1, 10)
        wait_covered(gateway, "good")
        wait_until(lambda: gateway.status()["state"] == "degraded", "degraded", 10.0)
        status = gateway.status()
        assert "required anchor target copy is behind" in status["degraded"][0]
        assert target(gateway, "copy")["state"] == "stalled"
        assert str(missing) in target(gateway, "copy")["reason"]
        code, text = gateway.http("/healthz")
        assert (code, text.splitlines()[0]) == (200, "degraded")
        assert gateway.http("/readyz") == (200, "degraded\n")
        assert 'anchorlog_anchor_late{target="copy"} 1' in gateway.http("/metrics")[1]
        deliver(gateway, 11, 10)
        wait_covered(gateway, "good")
        missing.parent.mkdir()
        wait_until(lambda: gateway.status()["state"] == "ready", "it is mended", 70.0)
        wait_covered(gateway, "copy")
        assert gateway.http("/healthz") == (200, "ok\n")
