"""What two programs of another make find at the ingest port: testssl.sh, and checks on tlslite-ng.
All that is expected is in tls_findings.json."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Gateway, Pki, Tally, make_alert
from harness.alerts import canonical
from harness.load import check_verifies
from harness.process import run
from harness.sender import frame
from harness.tls_client import Client, connect, messages_of, outcome, tls_1_3
from tlslite.constants import (
    CipherSuite,
    ContentType,
    ExtensionType,
    HandshakeType,
    KeyUpdateMessageType,
)
from tlslite.extensions import TLSExtension
from tlslite.messages import ClientHello, KeyUpdate, Message

EXPECTED = json.loads((Path(__file__).parent / "tls_findings.json").read_text())
SUITES = {
    "TLS_AES_128_GCM_SHA256": CipherSuite.TLS_AES_128_GCM_SHA256,
    "TLS_AES_256_GCM_SHA384": CipherSuite.TLS_AES_256_GCM_SHA384,
    "TLS_CHACHA20_POLY1305_SHA256": CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
    "TLS_AES_128_CCM_SHA256": CipherSuite.TLS_AES_128_CCM_SHA256,
    "TLS_AES_128_CCM_8_SHA256": CipherSuite.TLS_AES_128_CCM_8_SHA256,
}
VERSIONS = {"SSL 3.0": (3, 0), "TLS 1.0": (3, 1), "TLS 1.1": (3, 2), "TLS 1.2": (3, 3)}
SCAN_S_MAX = 900

Check = Callable[[Gateway], str]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("scan"), pki) as made:
        yield made
        assert made.stop() == 0
        check_verifies(made)


def deliver(client: Client, number: int = 1) -> str:
    """Only an ack is a session."""
    client.write(frame(canonical(make_alert(number, "cam-1"))))
    size = int.from_bytes(client.read(min=4, max=4), "big")
    answer = json.loads(bytes(client.read(min=size, max=size)))
    return "session" if answer["type"] in ("ack", "reject") else str(answer)


def session(gateway: Gateway) -> str:
    client = connect(gateway, gateway.pki.sender())
    said = deliver(client)
    return f"{said}: {messages_of(client)}; tickets: {len(client.tickets)}"


def without_certificate(gateway: Gateway) -> str:
    return deliver(connect(gateway, None))


def stranger(gateway: Gateway) -> str:
    return deliver(connect(gateway, gateway.pki.misfit("scan-stranger", own_ca=True)))


def only_suite(name: str) -> Check:
    def attempt(gateway: Gateway) -> str:
        def edit(message: Any) -> None:
            if isinstance(message, ClientHello):
                message.cipher_suites = [SUITES[name]]

        client = connect(gateway, gateway.pki.sender(), edit=edit)
        chosen = client.received[HandshakeType.server_hello].cipher_suite
        assert chosen == SUITES[name]
        return deliver(client)

    return attempt


def only_version(name: str) -> Check:
    def attempt(gateway: Gateway) -> str:
        settings = tls_1_3()
        settings.minVersion = settings.maxVersion = VERSIONS[name]
        settings.versions = [VERSIONS[name]]
        return deliver(connect(gateway, gateway.pki.sender(), settings))

    return attempt


def with_key_of_another_session(gateway: Gateway) -> str:
    """A pre-shared key is what a resumption offers."""
    settings = tls_1_3()
    settings.pskConfigs = [(b"made up", b"\x01" * 32)]
    client = connect(gateway, gateway.pki.sender(), settings)
    hello = client.received[HandshakeType.server_hello]
    resumed = hello.getExtension(ExtensionType.pre_shared_key) is not None
    return f"{deliver(client)}: {'resumed' if resumed else 'a full handshake'}"


def with_early_data(gateway: Gateway) -> str:
    settings = tls_1_3()
    settings.pskConfigs = [(b"made up", b"\x01" * 32)]

    def edit(message: Any) -> None:
        if isinstance(message, ClientHello):
            early = TLSExtension(extType=ExtensionType.early_data).create(bytearray())
            message.extensions.insert(0, early)

    client = connect(gateway, gateway.pki.sender(), settings, edit)
    said = client.received[HandshakeType.encrypted_extensions]
    taken = any(one.extType == ExtensionType.early_data for one in said.extensions)
    return f"{deliver(client)}: early data {'taken' if taken else 'not taken'}"


def renegotiation(gateway: Gateway) -> str:
    client = connect(gateway, gateway.pki.sender())
    assert deliver(client) == "session"
    again = ClientHello().create((3, 3), bytearray(32), bytearray(), list(SUITES.values()))
    client.send(again)
    return deliver(client)


def key_update(gateway: Gateway) -> str:
    client = connect(gateway, gateway.pki.sender())
    assert deliver(client) == "session"
    for _ in client.send_keyupdate_request(KeyUpdateMessageType.update_requested):
        pass
    return deliver(client)


def key_update_of_no_kind(gateway: Gateway) -> str:
    client = connect(gateway, gateway.pki.sender())
    client.send(KeyUpdate().create(7))
    return deliver(client)


def heartbeat(gateway: Gateway) -> str:
    client = connect(gateway, gateway.pki.sender())
    client.send(Message(ContentType.heartbeat, bytearray(b"\x01\x40\x00")))
    return deliver(client)


def edited(kind: int, change: Callable[[Any], None]) -> Check:
    """One message of ours is not what it should be."""

    def attempt(gateway: Gateway) -> str:
        def edit(message: Any) -> None:
            if message.handshakeType == kind:
                change(message)

        return deliver(connect(gateway, gateway.pki.sender(), edit=edit))

    return attempt


def bent(data: bytes) -> bytearray:
    return bytearray([*data[:-1], data[-1] ^ 1])


def forge(verify: Any) -> None:
    verify.signature = bent(verify.signature)


def confuse(finished: Any) -> None:
    finished.verify_data = bent(finished.verify_data)


def zero_share(hello: Any) -> None:
    """The point that makes every X25519 secret zero."""
    hello.getExtension(ExtensionType.key_share).client_shares[0].key_exchange = bytearray(32)


def compressed(hello: Any) -> None:
    hello.compression_methods = [1, 0]


def doubled(hello: Any) -> None:
    hello.extensions.append(hello.getExtension(ExtensionType.supported_groups))


def shareless(hello: Any) -> None:
    gone = hello.getExtension(ExtensionType.key_share)
    hello.extensions.remove(gone)


CHECKS: dict[str, Check] = {
    "a sender": session,
    "no certificate": without_certificate,
    "a certificate of another CA": stranger,
    **{f"only {name}": only_suite(name) for name in SUITES},
    **{f"only {name}": only_version(name) for name in VERSIONS},
    "resumption": with_key_of_another_session,
    "early data": with_early_data,
    "renegotiation": renegotiation,
    "a key update": key_update,
    "a key update of no kind": key_update_of_no_kind,
    "a heartbeat": heartbeat,
    "compression": edited(HandshakeType.client_hello, compressed),
    "an extension twice": edited(HandshakeType.client_hello, doubled),
    "no key share": edited(HandshakeType.client_hello, shareless),
    "a key share of zeros": edited(HandshakeType.client_hello, zero_share),
    "a false signature": edited(HandshakeType.certificate_verify, forge),
    "a false Finished": edited(HandshakeType.finished, confuse),
}


def test_every_expectation_has_its_check() -> None:
    assert list(EXPECTED["tlslite-ng"]) == list(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_tlslite_finds(gateway: Gateway, tally: Tally, name: str) -> None:
    found = outcome(lambda: CHECKS[name](gateway))
    tally.add("TLS checks on tlslite-ng", 1)
    assert re.fullmatch(EXPECTED["tlslite-ng"][name], found), found


def test_no_signature_on_sha1_is_asked_for(gateway: Gateway) -> None:
    client = connect(gateway, gateway.pki.sender())
    asked = client.received[HandshakeType.certificate_request].supported_signature_algs
    assert asked
    assert not [one for one in asked if one[0] in (1, 2)], "MD5 or SHA-1"


def scan(gateway: Gateway, directory: Path) -> list[dict[str, str]]:
    found = directory / "findings.json"
    parts = ["-p", "-s", "-f", "-P", "-S", "-U"]  # protocols, ciphers, secrecy … vulnerabilities
    done = run(
        ["testssl", "--warnings", "off", "--color", "0", "--ip", "one", *parts,
         "--add-ca", str(gateway.pki.ca), "--jsonfile", str(found),
         f"127.0.0.1:{gateway.ingest_port}"],
        timeout_s=SCAN_S_MAX,
    )
    assert found.exists(), done.stdout + done.stderr
    findings = json.loads(found.read_text())
    assert "scanTime" in {one["id"] for one in findings}, f"not finished:\n{done.stdout}"
    return list(findings)


@pytest.mark.full
def test_testssl_finds(gateway: Gateway, tally: Tally, tmp_path: Path) -> None:
    assert shutil.which("testssl"), "testssl.sh is not installed: tests/setup/install"
    findings = scan(gateway, tmp_path)
    missing = [
        f"{name}: {wanted}, not {[one['finding'] for one in findings if one['id'] == name]}"
        for name, wanted in EXPECTED["testssl"].items()
        if not any(
            re.fullmatch(name, one["id"]) and re.fullmatch(wanted, one["finding"])
            for one in findings
        )
    ]
    bad = [
        f"{one['id']} ({one['severity']}): {one['finding']}"
        for one in findings
        if one["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")
        and one["id"] not in EXPECTED["testssl, accepted"]
    ]
    tally.add("TLS checks of testssl.sh", len(findings), len(bad) + len(missing))
    assert not missing + bad, "\n".join(missing + bad)
