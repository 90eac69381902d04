"""What anchoring costs: signing, the first resend after a restart, and ingest while every target is
down.

Usage: anchoring.py [signing|restart|ingest ...] [--pairs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from suite.daemon import BenchDaemon
from suite.tool import BUILD, Json, machine_facts, median, trial_directory

from harness.anvil import Anvil  # isort: skip
from harness.fault_proxy import Fault, FaultProxy  # isort: skip
from harness.gateway import Gateway  # isort: skip
from harness.alerts import make_alert  # isort: skip
from harness.pki import Pki  # isort: skip
from harness.process import free_port, run_ok, wait_until  # isort: skip

PENDING = 1_000
RESTARTS = 5
LOAD = ("--rate", "2000", "--window", "1000", "--seconds", "3")
CONNECTIONS = 4


def signing() -> Json:
    done: Json = json.loads(run_ok([str(BUILD / "tests" / "anchor_signing")]))
    return done


def restart() -> Json:
    """Kills a daemon with one transaction on its way and batches waiting; seconds from its start to
    the first byte of a resend at the node."""
    seconds: list[float] = []
    with trial_directory() as directory, Anvil(directory / "chain") as chain:
        chain_down = Fault("status", 503, "")
        config = {"batch": {"entries": 1, "interval_s": 60, "seal_interval_min_ms": 0}}
        gateway = Gateway(directory / "gateway", Pki(directory / "pki"), chain=chain, config=config)
        with FaultProxy(chain) as proxy:
            gateway.config["anchor"]["targets"][0]["rpc"] = proxy.url
            gateway.write_config()
            chain.set_automine(False)
            with gateway:
                wait_until(lambda: proxy.sent, "an anchor is on its way", 20.0)
                proxy.rule = lambda _method, _count: chain_down
                with gateway.connect() as sender:
                    # One at a time: what comes in one group is sealed in one batch.
                    number = 0
                    while gateway.status()["batches"] <= PENDING:
                        for _ in range(50):
                            number += 1
                            sender.deliver([make_alert(number)])
                batches = gateway.status()["batches"]
                chain.drop_pool()
                proxy.heal()
                for _ in range(RESTARTS):
                    assert gateway.child is not None
                    gateway.child.send_signal(signal.SIGKILL)
                    gateway.child.wait()
                    chain.drop_pool()
                    before = len(proxy.sent)
                    begin = time.monotonic()
                    gateway.launch()
                    while len(proxy.sent) == before:
                        assert time.monotonic() - begin < 30.0
                        time.sleep(0.002)
                    seconds.append(time.monotonic() - begin)
                    assert proxy.sent[-1] == proxy.sent[0], "the same bytes"
                    wait_until(gateway.read_ports, "it serves", 20.0)
    return {"pending": batches - 1, "first_resend_s": seconds}


def targets_down(directory: Path) -> Json:
    """Ports nobody listens on, and a file on a disk that is not mounted."""
    gateway_dir = directory / "gateway"
    gateway_dir.mkdir(exist_ok=True)
    key, ca = gateway_dir / "submitter.key", directory / "pki" / "ca.crt"
    return {
        "anchor": {
            "targets": [
                {
                    "id": "eth", "rpc": f"http://127.0.0.1:{free_port()}", "chain_id": 1337,
                    "contract": "0x0000000000000000000000000000000000000001",
                    "code_hash": "0x" + "01" * 32, "submitter_key": str(key),
                },
                {
                    "id": "clock", "type": "rfc3161", "mode": "required", "ca": str(ca),
                    "url": f"http://127.0.0.1:{free_port()}",
                },
                {"id": "copy", "type": "file", "path": str(directory / "unmounted" / "copy")},
            ]
        }
    }


def one_trial(is_down: bool) -> Json:
    with trial_directory() as directory:
        pki = Pki(directory / "pki")
        config = targets_down(directory) if is_down else {}
        daemon = BenchDaemon(directory, pki, config)
        if is_down:
            key = str(directory / "gateway" / "submitter.key")
            daemon.ctl("key", "generate", "--type", "secp256k1", "--out", key)
        with daemon:
            done = daemon.load(*LOAD, connections=CONNECTIONS)
            if is_down:
                states = {one["target"]: one["state"] for one in daemon.status()["anchors"]}
                assert set(states.values()) == {"stalled"}, states
            assert daemon.stop() == 0
        return done


def ingest(pairs: int) -> Json:
    """Alternating trials without a target and with three that are down."""
    none, down = [], []
    for pair in range(pairs):
        for is_down in (False, True) if pair % 2 == 0 else (True, False):
            (down if is_down else none).append(one_trial(is_down)["latency_us"]["p99"])
    ratio = median([b / a for a, b in zip(none, down, strict=True)])
    return {"p99_us_none": none, "p99_us_down": down, "ratio_median": ratio}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["signing", "restart", "ingest"])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    out: Json = {"machine": machine_facts()}
    if "signing" in options.parts:
        out["signing"] = signing()
    if "restart" in options.parts:
        out["restart"] = restart()
    if "ingest" in options.parts:
        out["ingest"] = ingest(options.pairs)
    text = json.dumps(out, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
