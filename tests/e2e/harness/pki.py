"""A CA and certificates by anchorlogctl, and certificates no honest tool would make."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .paths import program
from .process import run_ok

_DAY = datetime.timedelta(days=1)
_CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True)
class Identity:
    certificate: Path
    key: Path


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)


class Pki:
    """`server` for gateways on 127.0.0.1; senders and misfits on demand. anchorlogctl runs below
    `wrapper`."""

    def __init__(self, directory: Path, wrapper: Sequence[str] = ()) -> None:
        self.dir = directory
        self._ctl = [*wrapper, program("anchorlogctl")]
        self.run("init")
        self.run("issue", "--role", "server", "--name", "server", "--san", "ip:127.0.0.1",
                 "--san", "dns:localhost")
        self.ca = directory / "ca.crt"
        self.crl = directory / "ca.crl"
        self.server = self._identity("server")

    def run(self, command: str, *options: str) -> str:
        """`anchorlogctl pki`; what it printed."""
        return run_ok([*self._ctl, "pki", command, "--dir", str(self.dir), *options])

    def _identity(self, name: str) -> Identity:
        return Identity(self.dir / f"{name}.crt", self.dir / f"{name}.key")

    def sender(self, name: str = "gw-01") -> Identity:
        if not (self.dir / f"{name}.crt").exists():
            self.run("issue", "--role", "sender", "--name", name)
        return self._identity(name)

    def misfit(
        self,
        name: str,
        *,
        uris: Sequence[str] = ("urn:anchorlog:sender:gw-01",),
        usages: Sequence[x509.ObjectIdentifier] = _CLIENT,
        days: tuple[int, int] = (-1, 1),
        own_ca: bool = False,
    ) -> Identity:
        """A certificate of this CA, or with `own_ca` of one nobody trusts, valid from and to
        `days` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer, issuer_key = self._stranger() if own_ca else self._ca()
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * _DAY)
            .not_valid_after(now + days[1] * _DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if uris:
            names = [x509.UniformResourceIdentifier(uri) for uri in uris]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        is_edwards = isinstance(issuer_key, ed25519.Ed25519PrivateKey)
        certificate = builder.sign(issuer_key, None if is_edwards else hashes.SHA256())
        identity = self._identity(name)
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(identity.key, key)
        return identity

    def write_crl(
        self, path: Path, seconds: tuple[float, float] = (-60, 3_600), own_ca: bool = False
    ) -> Path:
        """An empty revocation list of this CA, or of one nobody trusts, made and to be replaced
        `seconds` from now."""
        issuer, key = self._stranger() if own_ca else self._ca()
        now = datetime.datetime.now(datetime.UTC)
        begin, end = (now + datetime.timedelta(seconds=s) for s in seconds)
        builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer)
                   .last_update(begin).next_update(end))
        is_edwards = isinstance(key, ed25519.Ed25519PrivateKey)
        made = builder.sign(key, None if is_edwards else hashes.SHA256())
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return path

    def _ca(self) -> tuple[x509.Name, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey]:
        certificate = x509.load_pem_x509_certificate(self.ca.read_bytes())
        key = serialization.load_pem_private_key((self.dir / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
        return certificate.subject, key

    def _stranger(self) -> tuple[x509.Name, ec.EllipticCurvePrivateKey]:
        """The CA's name with another key: only the signature tells them apart."""
        return self._ca()[0], ec.generate_private_key(ec.SECP256R1())
