"""A time stamp authority: `openssl ts` behind a small HTTP server, honest or not, on command."""

from __future__ import annotations

import base64
import datetime
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .process import run_ok

HUGE_BYTES = 64 << 20
SLOW_S_MAX = 30.0
GRANTED, WITH_MODS = b"\x02\x01\x00", b"\x02\x01\x01"
_DAY = datetime.timedelta(days=1)

_CONFIG = """
[tsa]
serial = {dir}/serial
default_policy = 1.2.3.4.1
signer_digest = sha256
digests = {digests}
ess_cert_id_alg = sha256
clock_precision_digits = 3
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Signer:
    """A CA, `of` another signer's or new, and a time stamping certificate of it, valid from and to
    `days` from now."""

    def __init__(self, directory: Path, name: str, days: tuple[int, int] = (-1, 30),
                 of: Signer | None = None) -> None:
        directory.mkdir(parents=True)
        self.dir = directory
        self._lock = threading.Lock()
        key = ec.generate_private_key(ec.SECP256R1())
        self._ca_key = ca_key = of._ca_key if of else ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)

        def build(subject: str, public: ec.EllipticCurvePublicKey, span: tuple[int, int],
                  is_ca: bool) -> x509.Certificate:
            builder = (
                x509.CertificateBuilder()
                .subject_name(_name(subject))
                .issuer_name(_name(f"{name} CA"))
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now + span[0] * _DAY)
                .not_valid_after(now + span[1] * _DAY)
                .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            )
            if not is_ca:
                usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
                builder = builder.add_extension(usage, critical=True)
            return builder.sign(ca_key, hashes.SHA256())

        self.ca = of.ca if of else self._write(
            "ca.crt", build(f"{name} CA", ca_key.public_key(), (-30, 90), True))
        self.certificate = self._write("tsa.crt", build(name, key.public_key(), days, False))
        self.key = directory / "tsa.key"
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self.dir / name
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def trust_line(self, label: str = "public") -> str:
        certificate = x509.load_pem_x509_certificate(self.ca.read_bytes())
        der = certificate.public_bytes(serialization.Encoding.DER)
        return f"tsa clock {base64.b64encode(der).decode()} {label}"

    def reply(self, query: bytes, digests: str = "sha256") -> bytes:
        """The TimeStampResp of `openssl ts`."""
        with self._lock:
            return self._reply(query, digests)

    def _reply(self, query: bytes, digests: str) -> bytes:
        paths = {name: self.dir / name for name in ("query", "reply", "openssl.cnf", "serial")}
        paths["query"].write_bytes(query)
        paths["openssl.cnf"].write_text(_CONFIG.format(dir=self.dir, digests=digests))
        if not paths["serial"].exists():
            paths["serial"].write_text("01\n")
        paths["reply"].unlink(missing_ok=True)
        run_ok([
            "openssl", "ts", "-reply", "-queryfile", str(paths["query"]),
            "-config", str(paths["openssl.cnf"]), "-section", "tsa",
            "-signer", str(self.certificate), "-inkey", str(self.key),
            "-out", str(paths["reply"]),
        ])
        return paths["reply"].read_bytes()


def other_nonce(query: bytes) -> bytes:
    """The query with another nonce: the answer is to somebody else's."""
    (found,) = re.finditer(rb"\x02\x08.{8}\x01\x01\xff\Z", query, re.DOTALL)
    at = found.end() - 4
    return query[:at] + bytes([query[at] ^ 1]) + query[at + 1:]


def other_imprint(query: bytes) -> bytes:
    (found,) = re.finditer(rb"\x04\x20(?=.{32})", query, re.DOTALL)
    return query[:found.end()] + bytes(32) + query[found.end() + 32:]


# What is answered to a query: status, headers, body.
Answer = tuple[int, dict[str, str], bytes]
Rule = Callable[[bytes], Answer]


class Authority:
    """A context manager. `rule` may be changed at any time; None is honest."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.rule: Rule | None = None
        self.calls: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.headers["Content-Type"]
                try:
                    status, headers, body = authority.answer(kind, query)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # who was waiting has gone

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/tsr?key=secret"

    def honest(self, query: bytes) -> Answer:
        return 200, {"Content-Type": "application/timestamp-reply"}, self.signer.reply(query)

    def answer(self, kind: str, query: bytes) -> Answer:
        with self._lock:
            self.calls[kind] += 1
        return (self.rule or self.honest)(query)

    def __enter__(self) -> Authority:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def inspect(token: bytes, directory: Path) -> str:
    """What `openssl ts` reads in a token."""
    path = directory / "token.der"
    path.write_bytes(token)
    done = subprocess.run(["openssl", "ts", "-reply", "-token_in", "-in", path, "-text"],
                          capture_output=True, text=True, check=True, timeout=20)
    return done.stdout
