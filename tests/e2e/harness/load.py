"""A sender with a memory, and what must hold of the log whatever happened to the daemon."""

from __future__ import annotations

import itertools
import json
import time

from .alerts import Alert, make_alert, now_text
from .gateway import Gateway
from .process import HarnessError
from .sender import Message, Refused, Sender, hello_for
from .verifier import EXIT_PASS, logverify

IN_FLIGHT = 200
RETRY_S = 0.02


class Load:
    """A sender that keeps alerts in flight, and its memory of what was acked."""

    def __init__(self, gateway: Gateway, device: str, in_flight: int = IN_FLIGHT) -> None:
        self.gateway = gateway
        self.device = device
        self.in_flight = in_flight
        self.made: list[Alert] = []
        self.acked = 0
        self.index_of: dict[int, int] = {}  # of the numbers an ack named: where it said they are

    def resume(self) -> Sender:
        """A new session: what was not acked is sent again, as welcome says where to start."""
        sender = self.gateway.connect()
        self._check_durable(sender.hello([self.device]))
        sender.send(*self._unacked())
        return sender

    def push(self, sender: Sender, upto: int) -> None:
        """Sends and reads acks until alert number `upto` was sent; some stay un-acked."""
        while len(self.made) < upto:
            while len(self.made) < min(upto, self.acked + self.in_flight):
                self.made.append(make_alert(len(self.made) + 1, self.device))
                sender.send(self.made[-1])
            if len(self.made) < upto:
                self.take_ack(sender)

    def take_ack(self, sender: Sender) -> None:
        self.note(sender.expect("ack"))

    def note(self, ack: Message) -> None:
        assert ack["device_id"] == self.device
        assert ack["seq_no"] <= len(self.made), "an ack for what was never sent"
        self.acked = max(self.acked, ack["seq_no"])
        self.index_of[ack["seq_no"]] = ack["index"]

    def drive(self, upto: int, limit_s: float, patience_s: float = 1.0) -> bool:
        """As an honest sender does it where anything may fail: connects, sends what is not acked,
        and does it again when the session ends. True when all up to `upto` is acked, false when
        the daemon has ended or the time is over."""
        while len(self.made) < upto:
            self.made.append(make_alert(len(self.made) + 1, self.device))
        deadline = time.monotonic() + limit_s
        while not self._session(patience_s):
            child = self.gateway.child
            if time.monotonic() > deadline or child is None or child.poll() is not None:
                return False
            time.sleep(RETRY_S)
        return True

    def _session(self, patience_s: float) -> bool:
        try:
            with self.gateway.connect() as sender:
                sender.set_timeout(patience_s)
                sender.send(hello_for([self.device]))
                while self.acked < len(self.made):
                    message = sender.receive()
                    if message is None or not self._take(message, sender):
                        return False
                return True
        except (Refused, OSError, HarnessError):  # the last: no answer, or half of one
            return False

    def _take(self, message: Message, sender: Sender) -> bool:
        """False when the session is over."""
        if message["type"] == "welcome":
            self._check_durable(message)
            sender.send(*self._unacked())
            return True
        if message["type"] == "ack":
            self.note(message)
            return True
        assert message["type"] == "reject", message
        assert not message["permanent"], f"a fault made this permanent: {message}"
        return False

    def _check_durable(self, welcome: Message) -> None:
        durable = welcome["durable"].get(self.device, {"seq_no": 0})["seq_no"]
        assert self.acked <= durable <= len(self.made), "acked means durable"

    def _unacked(self) -> list[Alert]:
        sent_at = now_text()
        return [{**alert, "sent_at": sent_at} for alert in self.made[self.acked :]]

    def settle(self, sender: Sender) -> None:
        while self.acked < len(self.made):
            self.take_ack(sender)

    def check(self) -> None:
        """All was acked: the log holds exactly that."""
        assert self.acked == len(self.made)
        self.check_prefix()
        assert len(self.stored()) == len(self.made)

    def check_prefix(self) -> None:
        """At any time: a prefix of what was made, each alert once and in order, no shorter than
        what was acked, and every ack named the right place."""
        stored = self.stored()
        alerts = [alert for _, alert in stored]
        assert alerts == self.made[: len(alerts)], "every alert once, in order"
        assert len(alerts) >= self.acked, "acked means stored"
        for number, index in self.index_of.items():
            assert stored[number - 1][0] == index, f"the ack of {number} named another entry"

    def stored(self) -> list[tuple[int, Alert]]:
        """Index and alert of each logged alert of the device, in log order."""
        return [
            (line["index"], line["alert"]) for line in self.gateway.store.alerts()
            if line["alert"]["device_id"] == self.device
        ]


def check_verifies(gateway: Gateway) -> None:
    verdict = logverify("log", gateway.store.dir, gateway.trust_file())
    assert verdict.exit_code == EXIT_PASS, verdict.text


def check_provable(gateway: Gateway, indexes: list[int]) -> None:
    """Each of these entries can be proved alone. They must be sealed."""
    trust = gateway.trust_file()
    for index in indexes:
        verdict = logverify("entry", gateway.store.dir, trust, "--index", str(index))
        assert verdict.exit_code == EXIT_PASS, verdict.text


def check_provable_by_id(gateway: Gateway) -> None:
    """The running daemon finds the first alert by its id, and its proof needs no store."""
    entry = gateway.store.alerts()[0]
    page = f"/entries/{entry['alert']['entry_id']}"
    code, found = gateway.http(page)
    assert code == 200, found
    assert [place["index"] for place in json.loads(found)["entries"]] == [entry["index"]]
    code, evidence = gateway.http(f"{page}/{entry['index']}")
    assert code == 200, evidence
    file = gateway.dir / "first.evidence"
    file.write_text(evidence)
    verdict = logverify("evidence", file, gateway.trust_file())
    assert verdict.exit_code == EXIT_PASS, verdict.text


def check_no_second_header(before: list[bytes], after: list[bytes]) -> None:
    """Batch lines seen once stay as they were: never two headers for one batch."""
    for old, new in itertools.zip_longest(before, after[: len(before)]):
        assert old == new, f"another batch line stands where there was {old!r}"
