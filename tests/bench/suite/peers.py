"""rsyslog with what this machine's Debian has, given the same bytes at the same time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .daemon import Numbers, check_numbers
from .table import Row, per_s
from .tool import ROOT, Json, first_line, median, options_of, run_tool, trial_directory

from harness.pki import Pki  # isort: skip
from harness.process import Child, HarnessError, free_port, wait_until  # isort: skip

# Debian's packages, unpacked there by tests/setup/install --bench: installed, they would make this
# machine's own log a service.
UNPACKED = ROOT / "build" / "peers"
SECONDS = 2
STORED_S_MAX = 30.0

_BASE = """
global(workDirectory="{dir}" maxMessageSize="64k" defaultNetstreamDriver="ossl"
       defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{certificate}"
       defaultNetstreamDriverKeyFile="{key}")
template(name="raw" type="string" string="%msg%\\n")
"""
_PLAIN = _BASE + """
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
       streamDriver.authMode="x509/name" permittedPeer=["client.local"])
ruleset(name="r" queue.type="FixedArray" queue.size="200000" queue.dequeueBatchSize="1024"
        queue.workerThreads="1") {{
  action(type="omfile" file="{out}" template="raw" sync="off" flushOnTXEnd="on")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="r")
"""
_DURABLE = _BASE + """
module(load="imrelp" tls.tlslib="openssl")
ruleset(name="r" queue.type="Direct") {{
  action(type="omfile" file="{out}" template="raw" sync="on" flushOnTXEnd="on")
}}
input(type="imrelp" address="127.0.0.1" port="{port}" ruleset="r" tls="on" tls.authMode="name"
      tls.permittedPeer=["client.local"] tls.caCert="{ca}" tls.myCert="{certificate}"
      tls.myPrivKey="{key}")
"""


@dataclass(frozen=True)
class Peer:
    name: str
    config: str
    dialect: str
    load: Json


PEERS = [
    Peer("rsyslog, TLS, memory queue: **not durable**, one connection, 16 messages a record",
         _PLAIN, "syslog", {"connections": 1, "coalesce": 16}),
    Peer("rsyslog, TLS, memory queue: **not durable**, 8 connections, 1 message a record",
         _PLAIN, "syslog", {"connections": 8, "coalesce": 1}),
    # 128 is the window of rsyslog's own RELP sender.
    Peer("rsyslog, RELP over TLS, acked after its sync: durable, 8 connections",
         _DURABLE, "relp", {"connections": 8, "coalesce": 1, "window": 128}),
]


def unpacked() -> Path | None:
    """The folder of rsyslog's modules, if it is there."""
    found = sorted(UNPACKED.glob("usr/lib/*/rsyslog"))
    return found[0] if found else None


def version() -> str:
    modules = unpacked()
    if modules is None:
        return ""
    return first_line([
        "env", f"LD_LIBRARY_PATH={modules.parent}", str(UNPACKED / "usr/sbin/rsyslogd"), "-v"
    ])


def _listens(port: int) -> bool:
    """Without a connection, which the server would log as a failed handshake."""
    wanted = f":{port:04X} 00000000:0000 0A"
    return wanted in Path("/proc/net/tcp").read_text()


@contextmanager
def _running(peer: Peer, directory: Path, pki: Pki) -> Iterator[tuple[list[str], Path]]:
    """Where it listens, as options, and the file it writes."""
    modules = unpacked()
    assert modules is not None
    port, out, config = free_port(), directory / "out.ndjson", directory / "rsyslog.conf"
    config.write_text(peer.config.format(
        dir=directory, ca=pki.ca, certificate=pki.server.certificate, key=pki.server.key,
        out=out, port=port,
    ))
    command = [str(UNPACKED / "usr/sbin/rsyslogd"), "-n", "-f", str(config),
               "-i", str(directory / "pid"), "-M", str(modules)]
    client = pki.misfit("client.local")
    env = {"LD_LIBRARY_PATH": str(modules.parent)}
    with Child(command, directory / "rsyslog.log", env=env) as child:
        wait_until(lambda: _listens(port) or child.expect_running(), "rsyslog listens")
        yield [
            "--port", str(port), "--ca", str(pki.ca), "--certificate", str(client.certificate),
            "--key", str(client.key),
        ], out
        child.stop()


def _trial(peer: Peer) -> float:
    """Alerts a second: acked ones where there are acks, else those in the file, until the last
    one is there."""
    with trial_directory() as directory:
        with _running(peer, directory, Pki(directory / "pki")) as (where, out):
            done = run_tool("load", *options_of(peer.load), "--seconds", str(SECONDS),
                            "--dialect", peer.dialect, *where)
            rate = float(done["alerts_per_s"])
            if peer.dialect == "syslog":
                rate = float(done["acked"]) / _wait_stored(out, done)
        check_numbers([out], _numbers(done))
    return rate


def _numbers(done: Json) -> Numbers:
    return {device: [range(count)] for device, count in enumerate(done["acked_by_device"])}


def _wait_stored(out: Path, done: Json) -> float:
    """Seconds from the first alert until all are in the file: they have one size."""
    with out.open("rb") as lines:
        size = len(lines.readline())
    expected = size * done["acked"]
    wait_until(lambda: os.stat(out).st_size >= expected, "all messages are in the file",
               STORED_S_MAX)
    return (time.monotonic_ns() - int(done["start_ns"])) / 1e9


def peers(trials: int) -> list[Row]:
    if unpacked() is None:
        raise HarnessError("rsyslog is not there: tests/setup/install --bench")
    rows = []
    for peer in PEERS:
        rates = [_trial(peer) for _ in range(trials)]
        rows.append(Row(peer.name, "", per_s(median(rates)), details={"rates": rates}))
    return rows
