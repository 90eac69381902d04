"""Which key exchange a handshake takes, with OpenSSL's own client and its defaults."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from harness import Gateway, Pki


def openssl(*arguments: str) -> str:
    done = subprocess.run(
        ["openssl", *arguments], input="", capture_output=True, text=True, timeout=30
    )
    return done.stdout + done.stderr


def test_a_handshake_takes_the_best_group_both_know(tmp_path: Path, pki: Pki) -> None:
    """X25519MLKEM768, which a quantum computer does not break later, where OpenSSL has it."""
    version = re.match(r"OpenSSL (\d+)\.(\d+)", openssl("version"))
    assert version
    is_hybrid = (int(version[1]), int(version[2])) >= (3, 5)
    sender = pki.sender()
    with Gateway(tmp_path / "gateway", pki) as gateway:
        shown = openssl(
            "s_client", "-connect", f"127.0.0.1:{gateway.ingest_port}", "-tls1_3",
            "-CAfile", str(pki.ca), "-cert", str(sender.certificate), "-key", str(sender.key),
        )
    if is_hybrid:
        assert "Negotiated TLS1.3 group: X25519MLKEM768" in shown, shown
    else:
        assert "Server Temp Key: X25519, 253 bits" in shown, shown
    assert "Verification: OK" in shown
