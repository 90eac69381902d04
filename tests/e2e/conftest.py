"""Fixtures: one CA and one chain for all tests, gateways per test or per module."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from harness import Anvil, Chain, Ganache, Gateway, MakeGateway, Pki, Tally, stop_all

_tally = Tally()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: long; part of `make test-full` only")
    config.addinivalue_line("markers", "alone: what it measures needs the machine for itself")
    config.addinivalue_line("markers", "release: what it measures or breaks a sanitizer changes")
    # So that SIGTERM unwinds the fixtures as an interrupt at the terminal does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_unconfigure() -> None:
    stop_all()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tells the process that prints, where tests run in several."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["tally"] = _tally.told()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A test process has ended; one that died has nothing to tell."""
    if told := getattr(node, "workeroutput", {}).get("tally"):
        _tally.take(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _tally.lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def tally() -> Tally:
    return _tally


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki"))
    made.sender()
    return made


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ganache]:
    with Ganache(tmp_path_factory.mktemp("chain")) as node:
        yield node


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    with Anvil(tmp_path / "anvil") as node:
        yield node


@pytest.fixture(params=["ganache", "anvil"])
def node(request: pytest.FixtureRequest) -> Chain:
    """A test that takes it runs on each: the common Ganache, and an anvil of its own."""
    found: Chain = request.getfixturevalue("chain" if request.param == "ganache" else "anvil")
    return found


@pytest.fixture(params=[Ganache, Anvil], ids=["ganache", "anvil"])
def own_node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    """The same for a test that stops or breaks it."""
    made: Chain = request.param(tmp_path / "own-chain")
    with made:
        yield made


@pytest.fixture
def make_gateway(tmp_path: Path, pki: Pki) -> Iterator[MakeGateway]:
    """Makes gateways, not started, that are killed when the test ends."""
    with ExitStack() as stack:
        made: list[Gateway] = []

        def make(**options: Any) -> Gateway:
            gateway = Gateway(tmp_path / f"gateway-{len(made)}", pki, **options)
            made.append(gateway)
            stack.push(gateway.__exit__)
            return gateway

        yield make
