"""The runbooks on certificates: their commands, typed as they stand, do what the pages say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from harness import Gateway, Identity, Pki, make_alert, program, wait_until
from harness.paths import PROGRAMS, ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
ACTIVE = {"state": "active", "devices": {"*": {}}}
CUT_S_MAX = 5.0


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """With its CA beside its configuration, as on an installed machine."""
    (tmp_path / "etc").mkdir()
    pki = Pki(tmp_path / "etc" / "pki")
    for name in ("gw-01", "gw-02"):
        pki.sender(name)
    senders = {"gw-01": ACTIVE, "gw-02": ACTIVE}
    config = {"tls": {"crl": str(pki.crl)}}
    with Gateway(tmp_path / "etc", pki, config=config, senders=senders) as made:
        (made.dir / "senders.json").write_text(json.dumps({"senders": senders}, indent=2))
        yield made


def section(page: str, heading: str) -> list[str]:
    """The blocks of commands below a heading."""
    text = (RUNBOOKS / page).read_text()
    (body,) = re.findall(rf"^## (?:\d\. )?{heading}\n(.*?)(?=^## |\Z)", text,
                         flags=re.MULTILINE | re.DOTALL)
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```", body, flags=re.MULTILINE | re.DOTALL)
    assert blocks, f"{page}: no commands below {heading}"
    return blocks


def type_in(gateway: Gateway, block: str) -> str:
    """Runs a block on this gateway, wherever it is; each command must succeed."""
    script = (block.replace("/etc/anchorlog", str(gateway.dir))
              .replace("/var/lib/anchorlog", str(gateway.store.dir))
              .replace("localhost:7480", f"127.0.0.1:{gateway.http_port}"))
    assert shutil.which("curl") is not None
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}, check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_programs_of_the_pages_are_those_tested() -> None:
    assert Path(program("anchorlogctl")).parent == PROGRAMS


def test_what_runs_out_when(gateway: Gateway) -> None:
    (block,) = section("certificate-expiry.md", "What runs out when")
    said = type_in(gateway, block)
    assert re.search(r"^ca 20", said, re.MULTILINE) and re.search(r"^crl 20", said, re.MULTILINE)
    assert re.search(r"^sender \S+ valid [0-9a-f]+ gw-01$", said, re.MULTILINE)
    assert 'anchorlog_certificate_expiry_timestamp_seconds{file="server"}' in said
    assert "anchorlog_crl_next_update_timestamp_seconds" in said


def test_the_servers_certificate(gateway: Gateway) -> None:
    (block,) = section("certificate-expiry.md", "The server's certificate")
    with gateway.connect(gateway.pki.sender("gw-01")) as sender:
        sender.deliver([make_alert(1, "cam-1")])
        type_in(gateway, block)
        sender.deliver([make_alert(2, "cam-1")])
        made = x509.load_pem_x509_certificate(gateway.pki.server.certificate.read_bytes())
        with gateway.connect(gateway.pki.sender("gw-02")) as other:
            shown = x509.load_der_x509_certificate(other.peer_certificate())
        assert shown.serial_number == made.serial_number
    assert gateway.metric('anchorlog_reloads_total{result="done"}') == 1


def test_a_senders_certificate(gateway: Gateway, tmp_path: Path) -> None:
    (block,) = section("certificate-expiry.md", "A sender's certificate")
    old = Identity(tmp_path / "old.crt", tmp_path / "old.key")
    now = gateway.pki.sender("gw-01")
    shutil.copy(now.certificate, old.certificate)
    shutil.copy(now.key, old.key)
    type_in(gateway, block)
    assert now.certificate.read_bytes() != old.certificate.read_bytes()
    for number, identity in enumerate((now, old), start=1):
        with gateway.connect(identity) as sender:
            sender.deliver([make_alert(number, "cam-1")])


def test_the_revocation_list(gateway: Gateway) -> None:
    (block,) = section("certificate-expiry.md", "The revocation list")
    gateway.pki.write_crl(gateway.pki.crl, (-3_600, 600))
    wait_until(lambda: gateway.metric('anchorlog_reloads_total{result="done"}') == 1, "taken", 5)
    before = gateway.metric("anchorlog_crl_next_update_timestamp_seconds")
    said = type_in(gateway, block)
    assert gateway.metric("anchorlog_crl_next_update_timestamp_seconds") > before + 3_600
    assert "crl pki/ca.crl" in said


def test_the_ca(gateway: Gateway) -> None:
    trust, sender, server = section("certificate-expiry.md", "The CA")
    with gateway.connect(gateway.pki.sender("gw-02")) as old:
        old.deliver([make_alert(1, "cam-2")])
        type_in(gateway, trust)
        type_in(gateway, sender)
        made = gateway.dir / "pki-next"
        with gateway.connect(Identity(made / "gw-01.crt", made / "gw-01.key")) as new:
            new.deliver([make_alert(1, "cam-1")])
        type_in(gateway, server)

        def is_in_use() -> bool:
            with gateway.connect(gateway.pki.sender("gw-02")) as peer:
                shown = x509.load_der_x509_certificate(peer.peer_certificate())
            expected = x509.load_pem_x509_certificate((made / "server.crt").read_bytes())
            return shown.serial_number == expected.serial_number

        wait_until(is_in_use, "the new CA's server certificate is shown", 5)
        old.deliver([make_alert(2, "cam-2")])
    assert gateway.metric("anchorlog_last_reload_successful") == 1


def test_revoke_a_sender_and_let_it_back(gateway: Gateway) -> None:
    page = "revoke-a-sender.md"
    with gateway.connect(gateway.pki.sender("gw-02")) as good:
        with gateway.connect(gateway.pki.sender("gw-01")) as bad:
            bad.deliver([make_alert(1, "cam-1")])
            good.deliver([make_alert(1, "cam-2")])
            assert '"revoked"' in type_in(gateway, section(page, "Take it out of the registry")[0])
            bad.set_timeout(CUT_S_MAX)
            bad.expect_closed()
        said = type_in(gateway, section(page, "Revoke its certificates")[0])
        assert re.search(r"^sender \S+ revoked [0-9a-f]+ gw-01$", said, re.MULTILINE)
        assert re.search(r"^sender \S+ valid [0-9a-f]+ gw-02$", said, re.MULTILINE)
        assert "anchorlog_sessions 1\n" in type_in(gateway, section(page, "See that it worked")[0])
        entries = type_in(gateway, section(page, "What it had sent")[0]).splitlines()
        assert [json.loads(line)["alert"]["seq_no"] for line in entries] == [1]
        type_in(gateway, section(page, "Let it back")[0])
        wait_until(lambda: gateway.metric('anchorlog_reloads_total{result="done"}') >= 3,
                   "the registry is taken", 5)
        with gateway.connect(gateway.pki.sender("gw-01")) as back:
            back.deliver([make_alert(2, "cam-1")])
        good.deliver([make_alert(2, "cam-2")])
