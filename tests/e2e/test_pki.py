"""`anchorlogctl pki`: what it makes, lists and revokes, and what it refuses to do."""

from __future__ import annotations

import datetime
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from harness import program
from harness.process import run

DAY = datetime.timedelta(days=1)


class Ca:
    def __init__(self, directory: Path) -> None:
        self.dir = directory

    def try_run(self, command: str, *options: str) -> tuple[int, str]:
        done = run([program("anchorlogctl"), "pki", command, "--dir", str(self.dir), *options])
        return done.returncode, done.stdout + done.stderr

    def run(self, command: str, *options: str) -> str:
        code, said = self.try_run(command, *options)
        assert code == 0, said
        return said

    def certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.dir / f"{name}.crt").read_bytes())

    def crl(self) -> x509.CertificateRevocationList:
        return x509.load_pem_x509_crl((self.dir / "ca.crl").read_bytes())

    def listed(self, name: str) -> list[list[str]]:
        """Role, end, state and serial of the certificates of a name, the newest last."""
        lines = [line.split() for line in self.run("list").splitlines()]
        return [line[:4] for line in lines if line[4:] == [name]]

    def revoked(self) -> set[int]:
        return {one.serial_number for one in self.crl()}


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    made = Ca(tmp_path / "pki")
    made.run("init")
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_the_owners_and_certificates_everybodys(ca: Ca) -> None:
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    assert {mode(path) for path in ca.dir.glob("*.key")} == {0o600}
    assert {mode(path) for path in (*ca.dir.glob("*.crt"), ca.dir / "ca.crl")} == {0o644}


def test_a_sender_is_one_uri_for_a_month(ca: Ca) -> None:
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    made = ca.certificate("gw-01")
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("urn:anchorlog:sender:gw-01")]
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    life = made.not_valid_after_utc - made.not_valid_before_utc
    assert 30 * DAY <= life < 31 * DAY


def test_a_server_has_the_names_it_is_given(ca: Ca) -> None:
    ca.run("issue", "--role", "server", "--name", "server", "--san", "ip:127.0.0.1",
           "--san", "dns:log.example.org", "--days", "7")
    made = ca.certificate("server")
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["log.example.org"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_renewing_makes_a_new_pair_for_the_same_names(ca: Ca) -> None:
    ca.run("issue", "--role", "server", "--name", "server", "--san", "ip:127.0.0.1")
    before, key = ca.certificate("server"), (ca.dir / "server.key").read_bytes()
    ca.run("renew", "--name", "server", "--days", "9")
    after = ca.certificate("server")
    assert after.serial_number != before.serial_number
    assert after.public_key() != before.public_key()
    assert (ca.dir / "server.key").read_bytes() != key
    for kind in (x509.SubjectAlternativeName, x509.ExtendedKeyUsage):
        assert (after.extensions.get_extension_for_class(kind).value
                == before.extensions.get_extension_for_class(kind).value)
    assert after.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "server"
    assert [line[2] for line in ca.listed("server")] == ["valid", "valid"]


def test_a_renewed_pair_keeps_its_owner(ca: Ca) -> None:
    ca.run("issue", "--role", "server", "--name", "server")
    owner = 65_534 if os.geteuid() == 0 else os.geteuid()  # only root can give files away
    for name in ("server.key", "server.crt"):
        os.chown(ca.dir / name, owner, -1)
    ca.run("renew", "--name", "server")
    assert {(ca.dir / name).stat().st_uid for name in ("server.key", "server.crt")} == {owner}
    assert mode(ca.dir / "server.key") == 0o600


def test_revoking_a_name_takes_all_its_certificates(ca: Ca) -> None:
    for name in ("gw-01", "gw-02"):
        ca.run("issue", "--role", "sender", "--name", name)
    ca.run("renew", "--name", "gw-01")
    assert ca.revoked() == set()
    first = ca.crl()
    ca.run("revoke", "--name", "gw-01")
    assert [line[2] for line in ca.listed("gw-01")] == ["revoked", "revoked"]
    assert [line[2] for line in ca.listed("gw-02")] == ["valid"]
    assert ca.revoked() == {int(line[3], 16) for line in ca.listed("gw-01")}
    second = ca.crl()
    key = ca.certificate("ca").public_key()
    assert second.is_signature_valid(key)  # type: ignore[arg-type]
    numbers = [crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
               for crl in (first, second)]
    assert numbers[0] < numbers[1]


def test_revoking_one_certificate_leaves_its_successor(ca: Ca) -> None:
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    old = ca.listed("gw-01")[0][3]
    ca.run("renew", "--name", "gw-01")
    ca.run("revoke", "--serial", old)
    assert ca.revoked() == {int(old, 16)}
    assert sorted(line[2] for line in ca.listed("gw-01")) == ["revoked", "valid"]


def test_what_was_revoked_stays_so_with_its_time(ca: Ca) -> None:
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    ca.run("revoke", "--name", "gw-01")
    at = {one.revocation_date_utc for one in ca.crl()}
    ca.run("revoke", "--name", "gw-01")
    (ca.dir / "ca.crl").unlink()
    ca.run("crl")
    assert {one.revocation_date_utc for one in ca.crl()} == at and len(at) == 1


def test_a_list_lives_as_long_as_the_one_before_it(tmp_path: Path) -> None:
    ca = Ca(tmp_path / "pki")
    ca.run("init", "--crl-days", "5")

    def life() -> int:
        crl = ca.crl()
        assert crl.next_update_utc is not None
        return (crl.next_update_utc - crl.last_update_utc).days

    assert life() == 5
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    ca.run("revoke", "--name", "gw-01")
    assert life() == 5
    ca.run("crl", "--crl-days", "9")
    assert life() == 9
    ca.run("crl")
    assert life() == 9
    assert ca.revoked() == {int(ca.listed("gw-01")[0][3], 16)}


# The command and its options, and what it says.
REFUSED: dict[str, tuple[list[str], str]] = {
    "a second CA": (["init"], "ca.key exists"),
    "a name that is taken": (["issue", "--role", "sender", "--name", "gw-01"], "pki renew"),
    "the CA's own name": (["issue", "--role", "sender", "--name", "ca"], "exists"),
    "no role": (["issue", "--name", "gw-02"], "--role"),
    "an unknown role": (["issue", "--role", "client", "--name", "gw-02"], "sender or server"),
    "names for a sender": (
        ["issue", "--role", "sender", "--name", "gw-02", "--san", "dns:a"], "--role server"),
    "a bad name": (["issue", "--role", "sender", "--name", "../gw"], "--name"),
    "a bad address": (
        ["issue", "--role", "server", "--name", "s", "--san", "ip:1.2.3"], "no IP address"),
    "a name of no kind": (
        ["issue", "--role", "server", "--name", "s", "--san", "a"], "dns: or ip:"),
    "no days": (["renew", "--name", "gw-01", "--days", "0"], "--days"),
    "no days of a list": (["crl", "--crl-days", "x"], "--crl-days"),
    "renewing what is not there": (["renew", "--name", "gw-09"], "nothing to renew"),
    "renewing the CA": (["renew", "--name", "ca"], "not renewed"),
    "revoking what is not there": (["revoke", "--name", "gw-09"], "no such certificate"),
    "revoking an unknown serial": (["revoke", "--serial", "00"], "no such certificate"),
    "revoking nothing": (["revoke"], "either --name"),
    "revoking two things": (["revoke", "--name", "gw-01", "--serial", "00"], "either --name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_nothing_is_changed(ca: Ca, name: str) -> None:
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    before = {path: path.read_bytes() for path in ca.dir.rglob("*") if path.is_file()}
    (command, *options), said = REFUSED[name]
    code, text = ca.try_run(command, *options)
    assert code != 0
    assert said in text, text
    assert {path: path.read_bytes() for path in ca.dir.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", ["issue", "renew", "revoke", "crl", "list"])
def test_without_a_ca_it_says_how_to_make_one(tmp_path: Path, command: str) -> None:
    options = {"issue": ["--role", "sender", "--name", "a"], "renew": ["--name", "a"],
               "revoke": ["--name", "a"]}.get(command, [])
    code, said = Ca(tmp_path).try_run(command, *options)
    assert code == 1
    assert "pki init" in said


def test_a_damaged_record_is_named(ca: Ca) -> None:
    ca.run("issue", "--role", "sender", "--name", "gw-01")
    (record,) = (ca.dir / "issued").glob("*.crt")
    record.write_text("nonsense")
    crl = (ca.dir / "ca.crl").read_bytes()
    for command, options in (("list", []), ("crl", []), ("revoke", ["--name", "gw-01"])):
        code, said = ca.try_run(command, *options)
        assert code != 0 and str(record) in said
    assert (ca.dir / "ca.crl").read_bytes() == crl
