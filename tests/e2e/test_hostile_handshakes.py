"""Peers without a valid certificate, by the thousand: they cost little, and nobody else waits."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from harness import Ganache, Gateway, MakeGateway, Pki, Refused, Sender, Tally, make_alert
from harness.crowd import Crowd, addresses, client_hello, ticks
from harness.load import Load, check_verifies
from harness.memory import Memory
from harness.process import wait_until

pytestmark = pytest.mark.release
CROWD = 2_000
ADDRESSES = 40
HANDSHAKE_TIMEOUT_MS = 2_000
GROWN_MIB_MAX = 80
AUDITS_PER_MINUTE = 60
AUDITS_OF_ITS_OWN_MAX = 10  # what the daemon itself has to say
HONEST = "127.0.9.1"  # not where the crowd comes from
CONFIG = {
    "listen": {"handshake_timeout_ms": HANDSHAKE_TIMEOUT_MS},
    "batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0},
}

Behaviour = Callable[[Crowd, bytes], None]


def misbehave(crowd: Crowd, hello: bytes) -> None:
    """A quarter each says nothing, half a ClientHello, a whole one and no more, or no TLS."""
    crowd.send(hello[: len(hello) // 2], 1, 4)
    crowd.send(hello, 2, 4)
    crowd.send(b"GET / HTTP/1.1\r\n\r\n", 3, 4)


def drip(crowd: Crowd, hello: bytes) -> None:
    """Everybody sends a ClientHello, a byte at a time."""
    for number in ticks(0.05, 30):
        crowd.send(hello[number : number + 1])


@pytest.mark.parametrize("behave", [misbehave, drip], ids=["half-open", "byte by byte"])
def test_two_thousand_that_never_finish_a_handshake(
    make_gateway: MakeGateway, tally: Tally, behave: Behaviour
) -> None:
    gateway = make_gateway(config=CONFIG)
    with gateway:
        began = time.monotonic()
        load = Load(gateway, "cam-1")
        with gateway.connect(source=HONEST) as sender:
            sender.deliver([make_alert(n, "cam-2") for n in range(1, 101)])
            memory = Memory(gateway.pid)
            hello = client_hello(gateway.pki.ca, None)
            with Crowd(gateway.ingest_port, CROWD, addresses(ADDRESSES)) as crowd:
                misbehaved = time.monotonic()
                behave(crowd, hello)
                for number in ticks(0.02, 20):
                    sender.deliver([make_alert(101 + number, "cam-2")])
                assert gateway.http("/readyz")[0] == 200
                assert load.drive(10, HANDSHAKE_TIMEOUT_MS / 1_000 + 8)
                wait_until(lambda: crowd.alive == 0, "all are closed", 15)
                took = time.monotonic() - misbehaved
        assert memory.grown_mib < GROWN_MIB_MAX
        # A deadline is for the whole handshake: who drips gets no second one.
        assert took < HANDSHAKE_TIMEOUT_MS / 1_000 + 8, took
        assert load.drive(20, 5)
        wait_until(lambda: gateway.status()["sessions"] == 0, "no session is left")
        assert gateway.stop() == 0
    assert gateway.store.numbers("cam-2") == list(range(1, 121))
    load.check()
    check_audits(gateway, began)
    check_verifies(gateway)
    tally.add("half-open and slow handshakes", CROWD)


def test_a_new_sender_gets_in_beside_two_thousand_silent_ones(
    make_gateway: MakeGateway, tally: Tally
) -> None:
    """Long before any of them has used up its time."""
    gateway = make_gateway(config={**CONFIG, "listen": {"handshake_timeout_ms": 60_000}})
    with gateway:
        began = time.monotonic()
        memory = Memory(gateway.pid)
        with Crowd(gateway.ingest_port, CROWD, addresses(ADDRESSES)) as crowd:
            load = Load(gateway, "cam-1")
            assert load.drive(20, 20)
            assert crowd.alive > 0
        assert memory.grown_mib < GROWN_MIB_MAX
        assert gateway.stop() == 0
    load.check()
    check_audits(gateway, began)
    tally.add("half-open and slow handshakes", CROWD)


def audits_max(began: float) -> int:
    """One minute's worth at once, and another for each minute, with a line for the others."""
    minutes = (time.monotonic() - began) / 60
    return AUDITS_OF_ITS_OWN_MAX + int((AUDITS_PER_MINUTE + 1) * (1 + minutes))


def check_audits(gateway: Gateway, began: float) -> None:
    audits = [line["audit"] for line in gateway.store.lines() if "audit" in line]
    assert len(audits) <= audits_max(began), len(audits)
    refused = [audit for audit in audits if audit["event"] in ("cert_refused", "suppressed")]
    assert refused, "somebody was refused, and the log says so"


@pytest.mark.parametrize("count", [100, pytest.param(5_000, marks=pytest.mark.full)])
def test_bad_certificates_cost_the_owner_nothing(
    make_gateway: MakeGateway, chain: Ganache, pki: Pki, tally: Tally, count: int
) -> None:
    """Their refusals are folded, wait for an hour to be sealed alone, and buy no anchor."""
    gateway = make_gateway(chain=chain, config=CONFIG)
    stranger = pki.misfit("flood", own_ca=True)
    with gateway:
        began = time.monotonic()
        Load(gateway, "cam-1").drive(20, 5)
        gateway.wait_sealed(20)
        gateway.wait_anchored()
        memory = Memory(gateway.pid)
        batches = len(gateway.store.headers())
        anchored = chain.anchored(gateway.contract, gateway.origin)
        entries = len(gateway.store.lines())
        for number in range(count):
            try:
                source = addresses(ADDRESSES)[number % ADDRESSES]
                with Sender(gateway.ingest_port, pki.ca, stranger, source) as sender:
                    sender.expect_closed()
            except (Refused, OSError):  # a limit on the address is a refusal too
                pass
        wait_until(lambda: gateway.store.audits("cert_refused"), "the refusals are audited")
        for _ in ticks(0.1, 20):
            assert gateway.status()["open_batch"]["entries"] <= audits_max(began)
        assert len(gateway.store.lines()) - entries <= audits_max(began)
        assert len(gateway.store.headers()) == batches, "no batch of refusals alone"
        assert chain.anchored(gateway.contract, gateway.origin) == anchored
        assert memory.grown_mib < GROWN_MIB_MAX
        # Beside an alert they are sealed like everything else.
        Load(gateway, "cam-2").drive(10, 5)
        gateway.wait_sealed()
        assert gateway.stop() == 0
    check_audits(gateway, began)
    check_verifies(gateway)
    tally.add("bad certificates", count)


def test_a_full_backlog_is_worked_off(make_gateway: MakeGateway, tally: Tally) -> None:
    """More connections than descriptors: who comes next is served when some are free again."""
    gateway = make_gateway(config=CONFIG)
    gateway.wrapper = ["prlimit", "--nofile=320:320"]
    with gateway:
        load = Load(gateway, "cam-1")
        assert load.drive(10, 5)
        memory = Memory(gateway.pid)
        held = []
        try:
            for number in range(400):
                made = socket.create_connection(
                    ("127.0.0.1", gateway.ingest_port), 10,
                    (addresses(ADDRESSES)[number % ADDRESSES], 0),
                )
                held.append(made)
            used = cpu_s(gateway.pid)
            time.sleep(0.5)
            assert cpu_s(gateway.pid) - used < 0.25, "it does not spin on what it cannot accept"
            assert load.drive(30, 15)
        finally:
            for made in held:
                made.close()
        assert memory.grown_mib < GROWN_MIB_MAX
        assert load.drive(40, 5)
        assert gateway.stop() == 0
    load.check()
    check_verifies(gateway)
    tally.add("connections beyond the descriptors", 400)


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
