"""A TLS client of another make (tlslite-ng) that breaks the rules when asked."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from typing import Any

from tlslite.constants import AlertDescription, HandshakeType
from tlslite.errors import TLSAbruptCloseError, TLSLocalAlert, TLSRemoteAlert
from tlslite.handshakesettings import HandshakeSettings
from tlslite.messages import HandshakeMsg
from tlslite.tlsconnection import TLSConnection
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.x509certchain import X509CertChain

from .gateway import Gateway
from .pki import Identity

TIMEOUT_S = 10.0

# Changes a message that is about to be sent, in place.
Edit = Callable[[Any], None]


class Client(TLSConnection):  # type: ignore[misc]
    """Notes what the server sends, by type; `edit` sees every handshake message of ours."""

    def __init__(self, plain: socket.socket, edit: Edit | None) -> None:
        super().__init__(plain)
        self.closeSocket = True
        self.received: dict[int, Any] = {}
        self._edit = edit

    def _sendMsg(self, msg: Any, *arguments: Any, **options: Any) -> Generator[Any, None, None]:
        if self._edit is not None and isinstance(msg, HandshakeMsg):
            self._edit(msg)
        yield from super()._sendMsg(msg, *arguments, **options)

    def _getMsg(self, *arguments: Any, **options: Any) -> Generator[Any, None, None]:
        for result in super()._getMsg(*arguments, **options):
            kind = getattr(result, "handshakeType", None)
            if kind is not None:
                self.received[kind] = result
            yield result

    def send(self, message: Any) -> None:
        """After the handshake."""
        for _ in super()._sendMsg(message):
            pass


def tls_1_3() -> HandshakeSettings:
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 4)
    settings.versions = [(3, 4)]
    settings.eccCurves = ["x25519", "secp256r1", "secp384r1"]
    settings.keyShares = ["x25519"]
    settings.certificate_compression_send = []  # it would compress unasked
    settings.certificate_compression_receive = []
    return settings


def connect(
    gateway: Gateway,
    identity: Identity | None,
    settings: HandshakeSettings | None = None,
    edit: Edit | None = None,
) -> Client:
    """Our side of the handshake is done; what the server makes of it is seen at the first read."""
    plain = socket.create_connection(("127.0.0.1", gateway.ingest_port), TIMEOUT_S)
    client = Client(plain, edit)
    chain = key = None
    if identity is not None:
        chain = X509CertChain()
        chain.parsePemList(identity.certificate.read_text())
        key = parsePEMKey(identity.key.read_text(), private=True)
    try:
        client.handshakeClientCert(chain, key, settings=settings or tls_1_3())
    except BaseException:
        plain.close()
        raise
    return client


def outcome(attempt: Callable[[], str]) -> str:
    """What the attempt says, or how the server ended it."""
    try:
        return attempt()
    except TLSRemoteAlert as error:
        return f"alert {AlertDescription.toStr(error.description)}"
    except TLSLocalAlert as error:
        return f"refused by us: {error}"
    except (TLSAbruptCloseError, ConnectionError, BrokenPipeError):
        return "closed"


def messages_of(client: Client) -> str:
    """What the server's handshake was made of."""
    return " ".join(HandshakeType.toStr(kind) for kind in client.received)
