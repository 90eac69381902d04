from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anchorlog_ids.spool import Spool
from fake_log import FakeLog
from ids_pki import Pki
from ids_support import gap_notice


@pytest.fixture
def open_spool(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    opened: list[Spool] = []

    def open_(name: str = "spool.db", **options: Any) -> Spool:
        spool = Spool(tmp_path / name, make_gap=gap_notice, **options)
        opened.append(spool)
        return spool

    yield open_
    for spool in opened:
        spool.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def fake_log(pki: Pki) -> Iterator[FakeLog]:
    log = FakeLog(pki.server(), pki.ca)
    log.start()
    yield log
    log.stop()
