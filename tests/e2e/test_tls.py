"""Who may not connect: refused, nothing of theirs logged, and the refusal audited."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from harness import Gateway, Identity, Pki, Refused, Sender, make_alert, wait_until
from harness.sender import client_context

SENDERS = {
    "gw-01": {"state": "active", "devices": {"*": {}}},
    "gw-off": {"state": "suspended", "devices": {"*": {}}},
    "gw-gone": {"state": "revoked", "devices": {"*": {}}},
}
HANDSHAKE_TIMEOUT_MS = 500
DEVICE = "intruder"


def connect(gateway: Gateway, identity: Identity | None) -> None:
    with Sender(gateway.ingest_port, gateway.pki.ca, identity) as sender:
        try:
            sender.send(make_alert(1, DEVICE))
        except (ssl.SSLError, ConnectionError) as error:
            raise Refused(str(error)) from error
        if sender.receive() is None:
            raise Refused("closed")


def tls_1_2(gateway: Gateway) -> None:
    context = client_context(gateway.pki.ca, gateway.pki.sender())
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    Sender.with_context(gateway.ingest_port, context).close()


def plain_text(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.ingest_port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = plain.recv(4096)  # at most a TLS alert, then the end
        if b"HTTP" not in answer:
            raise Refused("closed")


def silence(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.ingest_port), 10) as plain:
        if plain.recv(4096) == b"":
            raise Refused("closed")


def misfit(name: str, **options: Any) -> Callable[[Gateway], None]:
    return lambda gateway: connect(gateway, gateway.pki.misfit(name, **options))


URI = "urn:anchorlog:sender:"
# What is tried, and what the audit must say of it.
REFUSED: dict[str, tuple[Callable[[Gateway], None], str]] = {
    "no certificate": (lambda gateway: connect(gateway, None), "no client certificate"),
    "wrong CA": (misfit("wrong-ca", own_ca=True), "signature failure"),
    "expired": (misfit("expired", days=(-3, -1)), "expired"),
    "not valid yet": (misfit("early", days=(1, 3)), "not yet valid"),
    "for servers": (misfit("servers", usages=[ExtendedKeyUsageOID.SERVER_AUTH]), "purpose"),
    "two URIs": (misfit("two", uris=[URI + "gw-01", URI + "gw-02"]), "URI"),
    "no URI": (misfit("none", uris=[]), "URI"),
    "foreign URI": (misfit("foreign", uris=["urn:example:gw-01"]), "URI"),
    "unknown sender": (
        lambda gateway: connect(gateway, gateway.pki.sender("gw-99")), "gw-99 is not registered"
    ),
    "suspended sender": (
        lambda gateway: connect(gateway, gateway.pki.sender("gw-off")), "gw-off is not active"
    ),
    "revoked sender": (
        lambda gateway: connect(gateway, gateway.pki.sender("gw-gone")), "gw-gone is not active"
    ),
    "TLS 1.2": (tls_1_2, "TLS 1.3"),
    "no TLS": (plain_text, "does not speak TLS"),
    "silence": (silence, f"no TLS handshake within {HANDSHAKE_TIMEOUT_MS} ms"),
}


@pytest.fixture(scope="module")
def tried(
    tmp_path_factory: pytest.TempPathFactory, pki: Pki
) -> Iterator[tuple[Gateway, dict[str, bool]]]:
    """All refusals, one after the other, at one gateway; then a sender that is welcome."""
    config = {"listen": {"handshake_timeout_ms": HANDSHAKE_TIMEOUT_MS}}
    made = Gateway(tmp_path_factory.mktemp("tls"), pki, config=config, senders=SENDERS)
    refused = {}
    with made as gateway:
        for name, (attempt, _) in REFUSED.items():
            try:
                attempt(gateway)
                refused[name] = False
            except Refused:
                refused[name] = True
        with gateway.connect() as sender:
            sender.deliver([make_alert(1, "cam-1")])
        # Equal refusals are folded into one line with a count.
        wait_until(
            lambda: sum(a["count"] for a in gateway.store.audits("cert_refused")) >= len(REFUSED),
            f"{len(REFUSED)} refusals are audited",
        )
        yield gateway, refused


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_and_audited(tried: tuple[Gateway, dict[str, bool]], name: str) -> None:
    gateway, refused = tried
    assert refused[name], "the connection was accepted"
    subjects = [audit["subject"] for audit in gateway.store.audits("cert_refused")]
    assert any(REFUSED[name][1] in subject for subject in subjects), subjects


def test_nothing_else_is_logged(tried: tuple[Gateway, dict[str, bool]]) -> None:
    gateway, _ = tried
    assert gateway.store.numbers(DEVICE) == []
    assert gateway.store.numbers("cam-1") == [1]
    audits = gateway.store.audits("cert_refused")
    assert sum(audit["count"] for audit in audits) == len(REFUSED)
    for audit in audits:
        assert set(audit) <= {"count", "data", "event", "first_at", "last_at", "subject"}
        assert len(audit["subject"]) <= 128


def test_a_sender_withdrawn_by_a_reload_is_cut_off(tried: tuple[Gateway, dict[str, bool]]) -> None:
    gateway, _ = tried
    assert gateway.child is not None
    with gateway.connect() as sender:
        sender.deliver([make_alert(2, "cam-1")])
        gateway.write_registry({**SENDERS, "gw-01": {"state": "revoked", "devices": {"*": {}}}})
        gateway.child.send_signal(signal.SIGHUP)
        sender.expect_closed()
    with gateway.connect() as sender:
        sender.expect_closed()
    wait_until(lambda: gateway.store.audits("config_change"), "the reload is audited")
