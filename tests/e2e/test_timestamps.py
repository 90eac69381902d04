"""RFC 3161: tokens of a real `openssl ts`, and answers that must never pass for one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from harness import Gateway, MakeGateway, Tally, logverify, make_alert, wait_until
from harness.authority import (
    GRANTED,
    HUGE_BYTES,
    SLOW_S_MAX,
    WITH_MODS,
    Answer,
    Authority,
    Signer,
    inspect,
    other_imprint,
    other_nonce,
)
from harness.verifier import EXIT_FAIL, EXIT_PASS

Json = dict[str, Any]
FAST: Json = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("tsa") / "good", "Clock House")


@pytest.fixture
def authority(signer: Signer) -> Iterator[Authority]:
    with Authority(signer) as made:
        yield made


def config_for(authority: Authority, *more: Json) -> Json:
    mine = {
        "id": "clock", "type": "rfc3161", "url": authority.url, "ca": str(authority.signer.ca),
    }
    return {**FAST, "anchor": {"targets": [mine, *more]}}


def deliver(gateway: Gateway, first: int, count: int = 10) -> None:
    with gateway.connect() as sender:
        sender.deliver([make_alert(number) for number in range(first, first + count)])
    gateway.wait_sealed(first + count - 1)


def shown(gateway: Gateway, name: str = "clock") -> Json:
    found: Json = next(one for one in gateway.status()["anchors"] if one["target"] == name)
    return found


def wait_covered(gateway: Gateway, name: str = "clock", timeout_s: float = 30.0) -> None:
    wait_until(
        lambda: shown(gateway, name)["covered_to"] == gateway.status()["batches"] - 1,
        f"{name} covers all", timeout_s,
    )


def trust_file(gateway: Gateway, *lines: str) -> Path:
    path = gateway.trust_file()
    path.write_text(path.read_text() + "".join(line + "\n" for line in lines))
    return path


def tokens(gateway: Gateway) -> list[Json]:
    return [line for line in gateway.store.lines("anchors") if line["kind"] == "token"]


def test_tokens_cover_what_is_sealed(
    make_gateway: MakeGateway, authority: Authority, tmp_path: Path
) -> None:
    with make_gateway(config=config_for(authority)) as gateway:
        for first in (1, 11, 21):
            deliver(gateway, first)
            wait_covered(gateway)
        gateway.kill()
        gateway.start()
        wait_covered(gateway)
        deliver(gateway, 31)
        wait_covered(gateway)
        status = gateway.status()
        assert status["unprotected"] == {"entries": 0, "age_ms": 0}
        assert shown(gateway)["state"] == "final"
        gateway.kill()  # so that nothing is sealed that is not stamped
        sealed = gateway.store.lines("batches")
        lines = tokens(gateway)
        assert set(authority.calls) == {"application/timestamp-query"}
        assert "secret" not in gateway.output()
        for line in lines:
            note = sealed[line["batch_id"]]["checkpoint"].encode()
            assert line["hash"] == hashlib.sha256(note).hexdigest()
        # OpenSSL itself agrees, offline, from the store's own bytes.
        text = inspect(base64.b64decode(lines[-1]["token"]), tmp_path)
        assert "Hash Algorithm: sha256" in text
        for label in ("public", "private"):
            trust = trust_file(gateway, authority.signer.trust_line(label))
            verdict = logverify("log", gateway.store.dir, trust)
            assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "TIMESTAMPED")
            assert verdict.json["label"] == label
            assert verdict.json["unprotected"] == 0
            (one,) = verdict.json["targets"]
            assert (one["target"], one["state"]) == ("clock", "verified")
            assert one["covered_to"] == len(sealed) - 1
            assert "\ntarget clock rfc3161 verified: " in verdict.text
        untrusting = logverify("log", gateway.store.dir, gateway.trust_file())
        assert (untrusting.exit_code, untrusting.json["level"]) == (EXIT_PASS, "SEALED")
        assert untrusting.json["targets"][0]["state"] == "untrusted"


def changed_end(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def dishonest(authority: Authority, tmp_path: Path) -> dict[str, Callable[[bytes], Answer]]:
    good = authority.signer
    expired = Signer(tmp_path / "expired", "Clock House", (-20, -1), good)
    foreign = Signer(tmp_path / "foreign", "Clock House")

    def der(make: Callable[[bytes], bytes]) -> Callable[[bytes], Answer]:
        return lambda query: (200, {"Content-Type": "application/timestamp-reply"}, make(query))

    def slow(query: bytes) -> Answer:
        authority.stopping.wait(SLOW_S_MAX)
        return authority.honest(query)

    return {
        "wrong nonce": der(lambda query: good.reply(other_nonce(query))),
        "wrong imprint": der(lambda query: good.reply(other_imprint(query))),
        "expired certificate": der(expired.reply),
        "foreign CA": der(foreign.reply),
        "granted with mods": der(lambda query: good.reply(query).replace(GRANTED, WITH_MODS, 1)),
        "rejection": der(partial(good.reply, digests="sha512")),
        "changed signature": der(lambda query: changed_end(good.reply(query))),
        "64 MB": der(lambda _query: bytes(HUGE_BYTES)),
        "HTML 502": lambda _query: (502, {}, b"<html>Bad Gateway</html>"),
        "HTML 200": lambda _query: (200, {}, b"<html>hello</html>"),
        "slow": slow,
    }


NEVER = {
    "wrong nonce": "nonce is not ours",
    "wrong imprint": "over another imprint",
    "expired certificate": "expired",
    "foreign CA": "not signed by a trusted authority",
    "granted with mods": "status 1",
    "rejection": "status 2",
    "changed signature": "time stamp",
    "64 MB": "larger than",
    "HTML 502": "HTTP status 502",
    "HTML 200": "no TimeStampResp",
    "slow": "imed out",
}


@pytest.mark.parametrize("fault", NEVER)
def test_what_is_no_token_is_never_taken_for_one(
    make_gateway: MakeGateway, authority: Authority, tmp_path: Path, tally: Tally, fault: str
) -> None:
    authority.rule = dishonest(authority, tmp_path)[fault]
    more = {"id": "copy", "type": "file", "path": str(tmp_path / "copy")}
    with make_gateway(config=config_for(authority, more)) as gateway:
        deliver(gateway, 1)
        wait_covered(gateway, "copy")  # nobody waits for the other
        wait_until(lambda: NEVER[fault] in shown(gateway).get("reason", ""), fault, 25.0)
        if fault != "slow":
            wait_until(lambda: sum(authority.calls.values()) >= 3, "it is tried again", 25.0)
        assert shown(gateway)["state"] == "stalled"
        assert tokens(gateway) == []
        errors = next(
            float(line.split()[-1]) for line in gateway.http("/metrics")[1].splitlines()
            if line.startswith('anchorlog_anchor_errors_total{target="clock"}')
        )
        assert errors >= 1
        authority.rule = None
        authority.stopping.set()
        wait_covered(gateway)
        assert shown(gateway).get("reason") is None
        calls = sum(authority.calls.values())
        assert gateway.stop() == 0
        assert len(tokens(gateway)) >= 1
        trust = trust_file(gateway, authority.signer.trust_line())
        assert logverify("log", gateway.store.dir, trust).json["level"] == "TIMESTAMPED"
    # 0.5 s, doubled each time: never a storm.
    assert calls <= 12
    tally.add(f"time stamp authority, {fault}", 1)


def test_a_token_is_checked_again_by_who_verifies(
    make_gateway: MakeGateway, authority: Authority, tmp_path: Path
) -> None:
    with make_gateway(config=config_for(authority)) as gateway:
        deliver(gateway, 1)
        wait_covered(gateway)
        assert gateway.stop() == 0
    foreign = Signer(tmp_path / "foreign", "Clock House")
    verdict = logverify("log", gateway.store.dir, trust_file(gateway, foreign.trust_line()))
    assert (verdict.exit_code, verdict.json["level"]) == (EXIT_PASS, "SEALED")
    assert verdict.json["targets"][0]["state"] == "untrusted"
    (segment,) = (gateway.store.dir / "anchors").glob("*.ndjson")
    lines = segment.read_bytes().rstrip(b"\0").splitlines()
    line = json.loads(lines[-1])
    token = bytearray(base64.b64decode(line["token"]))
    token[-1] ^= 1  # the end of the signature
    line["token"] = base64.b64encode(token).decode()
    lines[-1] = json.dumps(line, separators=(",", ":"), sort_keys=True).encode()
    segment.write_bytes(b"\n".join(lines) + b"\n")
    trust = trust_file(gateway, authority.signer.trust_line())
    verdict = logverify("log", gateway.store.dir, trust)
    assert verdict.exit_code == EXIT_FAIL
    assert verdict.faults[0]["kind"] == "anchor_line"
    assert verdict.faults[0]["line"] == len(lines)
