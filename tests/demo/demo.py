"""The whole pipeline once: captures to alerts, alerts to a sealed and anchored log, and a verifier
that passes it, then fails three falsified copies of it and names what was done to each.

Usage: demo.py [--keep]
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from harness import (  # noqa: E402
    CAPTURES,
    Ganache,
    Gateway,
    HarnessError,
    Ids,
    Pki,
    Store,
    Verdict,
    logverify,
    stop_all,
)

CAPTURE_NAMES = [
    "attack-ftp-bruteforce.pcap",
    "attack-smb445-hscan.pcap",
    "attack-synflood-synthetic.pcap",
    "attack-dhcp-flood.pcap",
    "benign-modbus.pcap",
]
ALERTS_MIN = 100  # so that more than one batch seals by count
REPLAY_S_MAX = 60.0


class Story:
    """What was done, when, and the lines worth reading."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._steps = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def step(self, what: str) -> None:
        self._steps += 1
        print(f"\n[{self.seconds:5.1f} s] {self._steps}. {what}", flush=True)

    def tell(self, *lines: str) -> None:
        for line in lines:
            print(f"           {line}", flush=True)

    def verdict(self, verdict: Verdict) -> None:
        self.tell(*(f"| {line}" for line in verdict.text.strip().splitlines()))

    def faults(self, verdict: Verdict) -> None:
        faults = [line for line in verdict.text.splitlines() if line.startswith("FAULT")]
        self.tell(*(f"| {line}" for line in [*faults, verdict.json["verdict"]]))


def require(holds: bool, what: str) -> None:
    if not holds:
        raise HarnessError(what)


class Demo:
    def __init__(self, directory: Path, story: Story) -> None:
        self.dir = directory
        self.story = story

    def run(self) -> None:
        with Ganache(self.dir / "chain") as chain:
            gateway = self.set_up(chain)
            with gateway:
                self.fill(gateway)
                self.verify(gateway, chain)
                self.verify_entry(gateway, chain)
                self.falsify(gateway, chain)
                self.story.step("Stop anchorlogd: it drains, seals what is open, and ends")
                require(gateway.stop() == 0, "anchorlogd did not end well")
        self.story.tell("exit 0")

    def set_up(self, chain: Ganache) -> Gateway:
        tell = self.story.tell
        self.story.step("A chain (Ganache), a CA with certificates, keys, the contract, a log")
        pki = Pki(self.dir / "pki")
        pki.sender()
        # Two seconds instead of sixty until a batch of fewer than 50 alerts is sealed.
        gateway = Gateway(
            self.dir / "gateway", pki, chain=chain, config={"batch": {"interval_s": 2}}
        )
        tell(f"log       {gateway.origin}", f"key       {gateway.vkey}")
        tell(f"contract  {gateway.contract} on chain 1337")
        return gateway

    def fill(self, gateway: Gateway) -> None:
        tell = self.story.tell
        self.story.step(f"anchorlogd up; the IDS replays {len(CAPTURE_NAMES)} captures over mTLS")
        ids = Ids(self.dir / "ids", gateway)
        replay = ids.replay([CAPTURES / name for name in CAPTURE_NAMES], "--flow-alerts")
        require(replay.wait(REPLAY_S_MAX) == 0, f"the replay failed{replay.tail()}")
        summary = ids.summary(replay)
        for name, count in summary["alerts"].items():
            tell(f"{count:5} × {name}")
        total = summary["alerts_total"]
        tell(f"{total:5} alerts from {summary['packets']} packets, {summary['acked']} acked")
        require(total >= ALERTS_MIN, f"only {total} alerts")
        require(summary["acked"] == total, "not every alert was acked")

        self.story.step("Wait until every batch is sealed, anchored and confirmed")
        gateway.wait_sealed(total)
        status = gateway.wait_anchored()
        require(status["unprotected"]["entries"] == 0, f"unprotected: {status['unprotected']}")
        anchor = status["anchors"][0]
        tell(f"{status['entries']} entries in {status['batches'] - 1} batches and the genesis")
        tell(f"batches up to {anchor['covered_to']} under block {anchor['block']}, {anchor['tx']}")
        logged = gateway.store.alerts()
        require(len(logged) == total, f"{len(logged)} alerts in the log, {total} were sent")

    def verify(self, gateway: Gateway, chain: Ganache) -> None:
        self.story.step("logverify log, asking the chain")
        online = logverify("log", gateway.store.dir, gateway.trust_file(), rpc=chain.url)
        self.story.verdict(online)
        require(online.exit_code == 0, "the log does not verify")

        blocks = [anchor["block_number"] for anchor in online.json["anchors"]]
        self.story.step(f"logverify log, offline: {len(blocks)} trusted block hashes for the chain")
        trust = gateway.trust_file(blocks=blocks)
        offline = logverify("log", gateway.store.dir, trust)
        self.story.verdict(offline)
        require(offline.exit_code == 0, "the log does not verify offline")
        for name, verdict in (("online", online), ("offline", offline)):
            level = verdict.json["level"]
            require(level == "ANCHORED", f"{name} the level is {level}, not ANCHORED")

    def verify_entry(self, gateway: Gateway, chain: Ganache) -> None:
        entry_id = self.victim(gateway.store).entry_id
        self.story.step(f"logverify entry {entry_id}, step by step")
        verdict = logverify(
            "entry", gateway.store.dir, gateway.trust_file(), "--entry-id", entry_id, rpc=chain.url
        )
        self.story.verdict(verdict)
        require(verdict.exit_code == 0, "the entry does not verify")

    def falsify(self, gateway: Gateway, chain: Ganache) -> None:
        self.story.step("An intruder relabels one alert (one byte) in a copy of the log")
        self.expect_fault(gateway, chain, "altered", self.relabel)
        self.story.step("An intruder deletes one line")
        self.expect_fault(gateway, chain, "missing", Victim.delete)
        self.story.step("An intruder swaps two lines")
        self.expect_fault(gateway, chain, "reordered", Victim.swap)

    def relabel(self, victim: Victim) -> None:
        before, after = victim.relabel()
        self.story.tell(f"entry {victim.index}: {before} becomes {after}")

    def expect_fault(
        self, gateway: Gateway, chain: Ganache, kind: str, deed: Callable[[Victim], None]
    ) -> None:
        copy = gateway.store.copy_to(self.dir / f"copy-{kind}")
        victim = self.victim(copy)
        batch = copy.batch_of(victim.index)
        deed(victim)
        verdict = logverify("log", copy.dir, gateway.trust_file(), rpc=chain.url)
        self.story.faults(verdict)
        require(verdict.exit_code == 1, f"exit {verdict.exit_code} for a falsified log")
        wanted = {
            "kind": kind, "index": victim.index, "batch": batch,
            "segment": victim.segment, "line": victim.line,
        }
        named = any(
            all(fault.get(name) == value for name, value in wanted.items())
            for fault in verdict.faults
        )
        require(named, f"no fault says {wanted}: {verdict.faults}")

    def victim(self, store: Store) -> Victim:
        return Victim(store)


class Victim:
    """The alert in the middle of the log: its batch has neighbours on both sides."""

    def __init__(self, store: Store) -> None:
        self._store = store
        entries = store.lines()
        middle = next(i for i in range(len(entries) // 2, len(entries)) if "alert" in entries[i])
        self.index = middle
        self.entry_id = str(entries[middle]["alert"]["entry_id"])
        self._place = store.places()[middle]
        self.segment = self._place.segment
        self.line = self._place.line

    def relabel(self) -> tuple[str, str]:
        before = self._store.lines()[self.index]["alert"]["alert_type"]
        at = self._place.text.index(b'"alert_type":"') + len(b'"alert_type":"')
        self._store.flip_byte(self._place, at)
        return before, self._store.lines()[self.index]["alert"]["alert_type"]

    def delete(self) -> None:
        self._store.delete_line(self._place)

    def swap(self) -> None:
        self._store.swap_with_next(self._place)


def interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep the files of the run")
    keep = parser.parse_args().keep
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    directory = Path(tempfile.mkdtemp(prefix="anchorlog-demo-"))
    story = Story()
    reason = ""
    code = 0
    try:
        Demo(directory, story).run()
    except KeyboardInterrupt:
        reason, code = "interrupted", 130
    except Exception as error:  # noqa: BLE001 - whatever went wrong is told, and it is a failure
        reason, code = f"{type(error).__name__}: {error}", 1
    finally:
        # A second interrupt must not leave half of the processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stop_all()
    if keep or code == 1:
        print(f"\nfiles: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    if code:
        print(f"\n{reason}\ndemo: FAIL", flush=True)
        return code
    print(f"\nAll of it took {story.seconds:.0f} s.\ndemo: PASS", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
