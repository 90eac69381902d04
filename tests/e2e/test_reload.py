"""Certificates, revocation list and registry that change while the daemon runs: who is cut off,
who is not, and what is not taken."""

from __future__ import annotations

import shutil
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from harness import Gateway, Identity, Pki, Refused, Sender, make_alert, wait_until
from harness.sender import client_context

CUT_S_MAX = 5.0  # what is promised
# Any device, so that two senders may speak for two of them.
ACTIVE = {"state": "active", "devices": {"*": {}}}
SENDERS = {"gw-01": ACTIVE, "gw-02": ACTIVE}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """With a CA of its own, whose files a test may change, and its list in use."""
    pki = Pki(tmp_path / "pki")
    for name in SENDERS:
        pki.sender(name)
    config = {"tls": {"crl": str(pki.crl)}}
    with Gateway(tmp_path / "gateway", pki, config=config, senders=SENDERS) as made:
        yield made


def reloads(gateway: Gateway, result: str) -> float:
    return gateway.metric(f'anchorlog_reloads_total{{result="{result}"}}')


def refusals(gateway: Gateway, reason: str) -> float:
    return gateway.metric(f'anchorlog_handshakes_refused_total{{reason="{reason}"}}')


def is_let_in(gateway: Gateway, identity: Identity) -> bool:
    try:
        with gateway.connect(identity) as sender:
            sender.send({"devices": ["cam-9"], "protocol": 1, "receipts": False, "type": "hello"})
            return sender.receive() is not None
    except (Refused, ssl.SSLError, ConnectionError):
        return False


def revoke_certificate(gateway: Gateway) -> None:
    gateway.pki.run("revoke", "--name", "gw-01")


def change_state(state: str) -> Callable[[Gateway], None]:
    return lambda gateway: gateway.write_registry(
        {**SENDERS, "gw-01": {**ACTIVE, "state": state}})


def strike(gateway: Gateway) -> None:
    gateway.write_registry({"gw-02": ACTIVE})


WITHDRAWN = {
    "its certificate is revoked": (revoke_certificate, "revoked"),
    "suspended": (change_state("suspended"), "sender"),
    "revoked": (change_state("revoked"), "sender"),
    "not in the registry any more": (strike, "sender"),
}


@pytest.mark.parametrize("how", WITHDRAWN)
def test_who_is_withdrawn_is_cut_off_and_nobody_else(gateway: Gateway, how: str) -> None:
    withdraw, reason = WITHDRAWN[how]
    identity = gateway.pki.sender("gw-01")
    with gateway.connect(identity) as bad, gateway.connect(gateway.pki.sender("gw-02")) as good:
        bad.deliver([make_alert(1, "cam-1")])
        good.deliver([make_alert(1, "cam-2")])
        withdraw(gateway)
        since = time.monotonic()  # what is promised counts from the change, not from its making
        bad.set_timeout(CUT_S_MAX)
        bad.expect_closed()
        good.deliver([make_alert(2, "cam-2")])
        # The connection itself: it did not end it, so this end does not wait for it for long.
        wait_until(lambda: gateway.metric("anchorlog_sessions") == 1, "it is gone", CUT_S_MAX)
        assert time.monotonic() - since <= CUT_S_MAX
        assert not is_let_in(gateway, identity)
        assert refusals(gateway, reason) == 1
        good.deliver([make_alert(3, "cam-2")])
    assert gateway.store.numbers("cam-1") == [1]
    assert reloads(gateway, "done") == 1


def test_who_does_not_read_is_cut_off_too(gateway: Gateway) -> None:
    with gateway.connect(gateway.pki.sender("gw-01")) as bad:
        bad.shrink_receive_buffer()
        bad.set_timeout(2)
        with pytest.raises((TimeoutError, ssl.SSLError)):
            for _ in range(10_000):  # each is answered by a reject that nobody takes
                bad.send_bytes(b"\0\0\0\x02{}" * 1_000)
        assert gateway.metric("anchorlog_output_bytes") > 0
        change_state("revoked")(gateway)
        since = time.monotonic()
        wait_until(lambda: gateway.metric("anchorlog_sessions") == 0, "it is gone", CUT_S_MAX)
        assert time.monotonic() - since <= CUT_S_MAX


def serial_seen(gateway: Gateway) -> int:
    context = client_context(gateway.pki.ca, gateway.pki.sender())
    with Sender.with_context(gateway.ingest_port, context) as sender:
        der = sender.peer_certificate()
    return x509.load_der_x509_certificate(der).serial_number


@pytest.mark.parametrize("how", ["by the change alone", "SIGHUP"])
def test_a_renewed_certificate_is_taken_and_no_session_lost(gateway: Gateway, how: str) -> None:
    before = serial_seen(gateway)
    with gateway.connect(gateway.pki.sender("gw-01")) as sender:
        sender.deliver([make_alert(1, "cam-1")])
        gateway.pki.run("renew", "--name", "server")
        made = x509.load_pem_x509_certificate(gateway.pki.server.certificate.read_bytes())
        if how == "SIGHUP":
            assert gateway.child is not None
            gateway.child.send_signal(signal.SIGHUP)
        wait_until(lambda: serial_seen(gateway) == made.serial_number, "the new one is shown", 5)
        assert made.serial_number != before
        sender.deliver([make_alert(2, "cam-1")])
    end = gateway.metric('anchorlog_certificate_expiry_timestamp_seconds{file="server"}')
    assert end == made.not_valid_after_utc.timestamp()
    assert reloads(gateway, "refused") == 0


def test_a_second_ca_is_taken_and_no_session_lost(gateway: Gateway, tmp_path: Path) -> None:
    other = Pki(tmp_path / "other")
    newcomer = other.sender("gw-02")
    assert not is_let_in(gateway, newcomer)
    with gateway.connect(gateway.pki.sender("gw-01")) as sender:
        sender.deliver([make_alert(1, "cam-1")])
        for name in ("ca.crt", "ca.crl"):
            path = gateway.pki.dir / name
            path.write_bytes(path.read_bytes() + (other.dir / name).read_bytes())
        wait_until(lambda: is_let_in(gateway, newcomer), "the new CA's sender is let in", 5)
        sender.deliver([make_alert(2, "cam-1")])
    assert reloads(gateway, "refused") == 0


def spoil_certificate(gateway: Gateway) -> Path:
    gateway.pki.server.certificate.write_text("nonsense")
    return gateway.pki.server.certificate


def swap_key(gateway: Gateway) -> Path:
    shutil.copy(gateway.pki.sender("gw-02").key, gateway.pki.server.key)
    return gateway.pki.server.key


def open_key(gateway: Gateway) -> Path:
    gateway.pki.server.key.chmod(0o644)
    return gateway.pki.server.key


def remove_ca(gateway: Gateway) -> Path:
    gateway.pki.ca.unlink()
    return gateway.pki.ca


def spoil_crl(gateway: Gateway) -> Path:
    gateway.pki.crl.write_text("nonsense")
    return gateway.pki.crl


def stale_crl(gateway: Gateway) -> Path:
    return gateway.pki.write_crl(gateway.pki.crl, (-90, -30))


def foreign_crl(gateway: Gateway) -> Path:
    return gateway.pki.write_crl(gateway.pki.crl, own_ca=True)


SPOILT = {
    "a certificate of nonsense": spoil_certificate,
    "the key of another": swap_key,
    "a key for everybody": open_key,
    "no CA": remove_ca,
    "a list of nonsense": spoil_crl,
    "a stale list": stale_crl,
    "a list of another CA": foreign_crl,
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_bad_is_refused_with_all_that_came_with_it(
    gateway: Gateway, what: str, tmp_path: Path
) -> None:
    good_files = tmp_path / "good"
    shutil.copytree(gateway.pki.dir, good_files)
    with gateway.connect(gateway.pki.sender("gw-01")) as sender:
        sender.deliver([make_alert(1, "cam-1")])
        path = SPOILT[what](gateway)
        change_state("revoked")(gateway)
        wait_until(lambda: reloads(gateway, "refused") == 1, "the files are looked at", 5)
        assert gateway.metric("anchorlog_last_reload_successful") == 0
        (said,) = [line for line in gateway.output().splitlines() if "reload_refused" in line]
        assert str(path) in said
        sender.deliver([make_alert(2, "cam-1")])
        with gateway.connect(Identity(good_files / "gw-02.crt", good_files / "gw-02.key"),
                             ca=good_files / "ca.crt") as other:
            other.deliver([make_alert(1, "cam-2")])
        # Put right, all of it is taken.
        shutil.copytree(good_files, gateway.pki.dir, dirs_exist_ok=True)
        sender.expect_closed()
    wait_until(lambda: gateway.metric("anchorlog_last_reload_successful") == 1, "it is taken", 5)
    assert reloads(gateway, "refused") <= 2


def test_a_registry_with_an_unknown_field_is_refused(gateway: Gateway) -> None:
    identity = gateway.pki.sender("gw-01")
    gateway.write_registry({"gw-02": ACTIVE, "gw-01": {**ACTIVE, "sate": "revoked"}})
    wait_until(lambda: reloads(gateway, "refused") == 1, "the registry is looked at", 5)
    assert "senders.gw-01.sate: unknown member" in gateway.output()
    assert is_let_in(gateway, identity)


def test_a_list_that_gets_stale_lets_nobody_in(gateway: Gateway) -> None:
    identity = gateway.pki.sender("gw-01")
    life_s = 8.0
    gateway.pki.write_crl(gateway.pki.crl, (-1, life_s))
    wait_until(lambda: reloads(gateway, "done") == 1, "the list is taken", 5)
    end = gateway.metric("anchorlog_crl_next_update_timestamp_seconds")
    begin = gateway.metric("anchorlog_crl_this_update_timestamp_seconds")
    assert begin < time.time() < end <= time.time() + life_s
    assert is_let_in(gateway, identity)
    with gateway.connect(identity) as sender:
        sender.deliver([make_alert(1, "cam-1")])
        wait_until(lambda: "crl_half_over" in gateway.output(), "the alarm", life_s)
        assert "crl_stale" not in gateway.output()
        wait_until(lambda: "crl_stale" in gateway.output(), "the second alarm", life_s + 3)
        assert not is_let_in(gateway, identity)
        assert refusals(gateway, "crl") == 1
        sender.deliver([make_alert(2, "cam-1")])
        assert gateway.output().count("crl_half_over") == 1
        gateway.pki.run("crl")
        wait_until(lambda: is_let_in(gateway, identity), "the new list is taken", 5)
        sender.deliver([make_alert(3, "cam-1")])
    wait_until(lambda: gateway.store.audits("cert_refused"), "the refusal is audited")
    assert any("CRL has expired" in audit["subject"]
               for audit in gateway.store.audits("cert_refused"))


def test_without_a_list_in_the_configuration_none_is_asked(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.run("issue", "--role", "sender", "--name", "gw-01")
    pki.run("revoke", "--name", "gw-01")
    with Gateway(tmp_path / "gateway", pki, senders=SENDERS) as gateway:
        assert is_let_in(gateway, pki.sender("gw-01"))
        page = gateway.http("/metrics")[1]
        assert "\nanchorlog_crl_next_update_timestamp_seconds" not in page
