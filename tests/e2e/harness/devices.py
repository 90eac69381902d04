"""Devices that keep a key: an emulated TPM 2.0 (swtpm), and a software HSM (SoftHSM)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from .process import Child, HarnessError, run, wait_until

HANDLE = "0x81000001"
_ATTRIBUTES = "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda"


def need(*programs: str) -> None:
    """A program that is missing is a failure here, not a reason to leave something out."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise HarnessError(f"missing: {', '.join(missing)}; run tests/setup/install --full")


def _run(command: list[str], env: Mapping[str, str]) -> str:
    done = run(command, env={**os.environ, **env})
    if done.returncode != 0:
        raise HarnessError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def _two_ports() -> int:
    """The first of two free ports in a row: swtpm's control channel is the second."""
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            second = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port
    raise HarnessError("no two free ports in a row")


class Tpm:
    """An emulated TPM whose state outlives its process. A context manager that starts it."""

    def __init__(self, directory: Path) -> None:
        need("swtpm", "tpm2_createprimary")
        self.dir = directory
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = _two_ports()
        tcti = f"swtpm:host=127.0.0.1,port={self.port}"
        # TSS would print each error of the device in a form of its own.
        self.env = {"TPM2TOOLS_TCTI": tcti, "TPM2OPENSSL_TCTI": tcti, "TSS2_LOG": "all+NONE"}
        self.child: Child | None = None

    def __enter__(self) -> Tpm:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.child is not None:
            self.child.kill()

    def start(self) -> None:
        server = f"type=tcp,port={self.port},bindaddr=127.0.0.1"
        control = f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1"
        self.child = Child(
            [
                "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}", "--server", server,
                "--ctrl", control, "--flags", "not-need-init,startup-clear",
            ],
            self.dir / "swtpm.log",
        )
        child = self.child

        def answers() -> bool:
            done = run(["tpm2_getrandom", "--hex", "1"], env={**os.environ, **self.env})
            return done.returncode == 0 or child.expect_running()

        wait_until(answers, "the emulated TPM answers")

    def make_key(self, pin: str) -> None:
        """The commands of docs/security-hardening.md; without a resource manager, as here, the
        three places for keys in use are to be emptied by hand."""
        steps = [
            ["tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "primary.ctx"],
            [
                "tpm2_create", "-Q", "-C", "primary.ctx", "-G", "ecc256:ecdsa-sha256", "-p", pin,
                "-a", _ATTRIBUTES, "-u", "log.pub", "-r", "log.priv",
            ],
            ["tpm2_load", "-Q", "-C", "primary.ctx", "-u", "log.pub", "-r", "log.priv", "-c",
             "log.ctx"],
            ["tpm2_evictcontrol", "-Q", "-C", "o", "-c", "log.ctx", HANDLE],
        ]
        for step in steps:
            _run(["env", "-C", str(self.dir), *step], self.env)
            _run(["tpm2_flushcontext", "-t"], self.env)


class Hsm:
    """A token of SoftHSM with one key pair in it."""

    LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"

    def __init__(self, directory: Path, pin: str) -> None:
        need("softhsm2-util", "pkcs11-tool")
        (directory / "tokens").mkdir(parents=True)
        config = directory / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {directory / 'tokens'}\n")
        self.env = {"SOFTHSM2_CONF": str(config), "PKCS11_PROVIDER_MODULE": self.LIBRARY}
        _run(["softhsm2-util", "--init-token", "--free", "--label", "log", "--so-pin",
              "so-" + pin, "--pin", pin], self.env)
        _run(["pkcs11-tool", "--module", self.LIBRARY, "--token-label", "log", "--login", "--pin",
              pin, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "log", "--id", "01"],
             self.env)
        self.uri = "pkcs11:token=log;object=log;type=private"


@contextlib.contextmanager
def set_env(values: Mapping[str, str]) -> Iterator[None]:
    """For programs that are started without an environment of their own."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
