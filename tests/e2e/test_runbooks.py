"""The pages of docs/runbooks, followed command by command against real programs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import Ganache, Gateway, MakeGateway, Store, logverify, make_alert, wait_until
from harness.clock import WallClock
from harness.load import Load, check_verifies
from harness.paths import ROOT
from harness.runbook import Runbook, keep_trust
from harness.small_disk import SmallDisk

FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}
PAGES = ROOT / "docs" / "runbooks"
FOLLOWED = {  # page: the test below that runs all of its blocks
    "chain-down.md": "test_chain_down",
    "clock-wrong.md": "test_clock_wrong",
    "compromised-gateway.md": "test_compromised_gateway",
    "disk-full.md": "test_disk_full",
    "hand-over.md": "test_hand_over",
    "key-compromise.md": "test_key_compromise",
    "new-machine.md": "test_new_machine",
    "restore.md": "test_restore",
    "retention.md": "test_retention",
}
FOLLOWED_ELSEWHERE = {"certificate-expiry.md", "revoke-a-sender.md"}  # test_runbook_pki.py
MakeRunbook = Callable[[str, Gateway], Runbook]


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[MakeRunbook]:
    with ExitStack() as stack:
        yield lambda page, gateway: stack.enter_context(Runbook(page, gateway, tmp_path / "op"))


def fill(gateway: Gateway, alerts: int) -> Load:
    """So many alerts, sealed."""
    load = Load(gateway, "cam-1")
    assert load.drive(alerts, 10)
    gateway.wait_sealed(alerts)
    return load


def goes_on(load: Load, upto: int) -> None:
    """With a daemon that a page started."""
    wait_until(lambda: load.drive(upto, 1), f"{upto} alerts are acked")
    load.check()


def test_every_page_is_followed_and_linked() -> None:
    index = (PAGES / "README.md").read_text()
    source = Path(__file__).read_text()
    for page, test in FOLLOWED.items():
        assert f"({page})" in index, page
        assert f'open_page("{page}"' in source and f"def {test}(" in source, page
    pages = {path.name for path in PAGES.glob("*.md")} - {"README.md"}
    assert pages == set(FOLLOWED) | FOLLOWED_ELSEWHERE
    assert all(f"({page})" in index for page in pages)


def test_links_lead_somewhere() -> None:
    dead = []
    for page in [*PAGES.glob("*.md"), ROOT / "docs" / "monitoring.md"]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / link).exists():
                dead.append(f"{page.name}: {link}")
    assert not dead


def test_compromised_gateway(
    make_gateway: MakeGateway, chain: Ganache, open_page: MakeRunbook
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    page = open_page("compromised-gateway.md", gateway)
    with gateway:
        fill(gateway, 20)
        status = gateway.wait_anchored()
        page.took_over()
        keep_trust(gateway, page.paths["/mnt/evidence"], [status["anchors"][0]["block"]])
        (segment,) = gateway.store.segments("log")
        text = segment.read_bytes()
        segment.write_bytes(text.replace(b'"seq_no":7', b'"seq_no":8', 1))
        assert "does not verify" in page.follow(1)
        page.follow(2)
        assert not page.is_running()
        told = page.follow(3)
    assert "altered" in told and told.splitlines()[-1].startswith("FAIL")
    evidence = page.paths["/mnt/evidence"]
    assert (evidence / "report.html").read_text().count("altered") >= 1
    listed = {line.split()[1] for line in (evidence / "SHA256SUMS").read_text().splitlines()}
    assert {"store/backup.json", f"store/log/{segment.name}"} <= listed


def test_key_compromise(
    make_gateway: MakeGateway, chain: Ganache, open_page: MakeRunbook
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    page = open_page("key-compromise.md", gateway)
    with gateway:
        load = fill(gateway, 10)
        gateway.wait_anchored()
        page.took_over()
        address = page.follow(1).split()[-1]
        chain.fund(address)
        page.follow(2)
        gateway.config["anchor"]["targets"][0]["submitter_key"] = "submitter-new.key"
        gateway.write_config()
        told = page.follow(3)
        assert f"submitter {address}" in told
        page.serve()
        goes_on(load, 20)
        gateway.wait_sealed(20)
        gateway.wait_anchored()

        told = page.follow(4)
        assert "unprotected  0 entries" in told
        vkey = told.split()[-1]
        old_trust = keep_trust(gateway, page.paths["/mnt/evidence"])
        assert f"trust log {vkey}" in page.follow(5)
        assert not page.is_running()
        gateway.config["signing_key"] = "log-2.key"
        gateway.write_config()
        assert "state        ready" in page.follow(6)
        page.serve()
        goes_on(load, 30)
        gateway.wait_sealed(30)
        gateway.wait_anchored()
        assert page.follow(7).splitlines()[-1].startswith("PASS")
        assert len(gateway.store.audits("key_change")) == 1
    kept = page.paths["/mnt/backup"] / "last-of-the-old-key"
    assert logverify("log", kept, old_trust).exit_code == 0


def test_chain_down(
    make_gateway: MakeGateway, tmp_path: Path, open_page: MakeRunbook
) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(Ganache(tmp_path / "first"))
        gateway = stack.enter_context(make_gateway(chain=first, config=FAST))
        page = open_page("chain-down.md", gateway)
        load = fill(gateway, 10)
        gateway.wait_anchored()
        page.took_over()
        first.kill()
        assert load.drive(20, 10), "alerts are taken without a chain"
        gateway.wait_sealed(20)
        wait_until(lambda: gateway.status()["anchors"][0]["state"] == "stalled", "stalled", 30)
        assert "stalled" in page.follow(1)

        second = stack.enter_context(Ganache(tmp_path / "second"))
        gateway.chain = second
        second.fund(gateway.submitter)
        told = dict(line.split(" ", 1) for line in page.follow(2).splitlines() if " " in line)
        old = gateway.config["anchor"]["targets"][0]
        new = old | {"id": "eth-2", "rpc": second.url, "contract": told["address"],
                     "code_hash": told["code_hash"], "genesis_hash": told["genesis_hash"]}
        gateway.config["anchor"]["targets"] = [new]
        gateway.write_config()
        assert "eth-2" in page.follow(3)
        page.serve()

        def is_covered() -> bool:
            status = gateway.status()
            return bool(status["anchors"][0]["covered_to"] == status["batches"] - 1)

        wait_until(is_covered, "anchored on the new chain", 30)
        goes_on(load, 30)


def test_disk_full(make_gateway: MakeGateway, open_page: MakeRunbook) -> None:
    gateway = make_gateway(config=FAST | {"storage": {"allow_volatile": True}})
    gateway.store.trim()
    with SmallDisk(gateway.dir / "disk", 64) as disk:
        disk.take_up(gateway.store.dir)
        gateway.config["store"]["dir"] = "disk/store"
        gateway.write_config()
        gateway.store.dir = disk.path / "store"
        gateway.wrapper = disk.inside
        page = open_page("disk-full.md", gateway)
        with gateway:
            load = fill(gateway, 10)
            # The daemon sees the disk in mounts of its own; the page's tools by another name.
            gateway.config["store"]["dir"] = str(gateway.store.dir)
            gateway.write_config()
            disk.fill(100_000)
            wait_until(lambda: gateway.status()["state"] == "storage_full", "storage_full")
            assert "storage_full" in page.follow(1)
            page.follow(2, exit_code=1)
            disk.free()
            wait_until(lambda: gateway.status()["state"] == "ready", "ready")
            assert page.follow(2) == "ready\n"
            assert load.drive(20, 10)
            load.check()


@pytest.mark.release  # libfaketime and sanitizers stand in each other's way
def test_clock_wrong(
    make_gateway: MakeGateway, tmp_path: Path, open_page: MakeRunbook
) -> None:
    gateway = make_gateway(config=FAST)
    clock = WallClock(tmp_path / "clock")
    gateway.env = clock.env
    page = open_page("clock-wrong.md", gateway)
    with gateway:
        load = fill(gateway, 10)
        page.env = {"STATUS_URL": f"http://127.0.0.1:{gateway.http_port}"}
        clock.step(600)
        assert not load.drive(20, 1)
        told = page.follow(1)
        refused = re.search(r'code="stale"\} (\d+)', told)
        assert refused and int(refused[1]) > 0, told
        clock.step(0)
        assert load.drive(20, 10)
        assert "state        ready" in page.follow(2)
        gateway.wait_sealed(20)
        told = page.follow(3)
    assert re.search(r'"ms":(599|600)\d{3}\b', told), told
    load.check()


def test_restore(make_gateway: MakeGateway, open_page: MakeRunbook) -> None:
    gateway = make_gateway(config=FAST)
    page = open_page("restore.md", gateway)
    with gateway:
        load = fill(gateway, 20)
        page.took_over()
        assert "verified    PASS SEALED" in page.follow(1)
        page.follow(2)
        told = page.follow(3)
        assert "held" in told and "missing" in told
        assert "state        restored" in page.follow(4)
        page.serve()
        assert not load.drive(30, 0.5)
        page.follow(5)
        page.serve()
        goes_on(load, 30)
    assert (gateway.store.dir.parent / "store.damaged").is_dir()


def test_new_machine(make_gateway: MakeGateway, open_page: MakeRunbook) -> None:
    gateway = make_gateway(config=FAST)
    page = open_page("new-machine.md", gateway)
    with gateway:
        load = fill(gateway, 20)
        page.took_over()
        page.follow(1)
        assert not page.is_running()
        page.follow(2)
        shutil.move(gateway.store.dir, gateway.dir / "left-on-the-old-machine")
        page.follow(3)
        assert "state        ready" in page.follow(4)
        page.serve()
        goes_on(load, 40)
        gateway.wait_sealed(40)


def test_retention(
    make_gateway: MakeGateway, chain: Ganache, open_page: MakeRunbook
) -> None:
    gateway = make_gateway(chain=chain, config=FAST | {"storage": {"segment_bytes": 1 << 20}})
    page = open_page("retention.md", gateway)
    with gateway:
        load = Load(gateway, "cam-1")
        for upto in range(10, 61, 10):  # a group is never split between two segments
            load.made += [make_alert(number, features_summary={"filler": "x" * 60_000})
                          for number in range(upto - 9, upto + 1)]
            assert load.drive(upto, 30)
        gateway.wait_sealed(60)
        gateway.wait_anchored()
        receipts = [line for line in gateway.store.lines("anchors") if line["kind"] == "receipt"]
        blocks = [line["block_number"] for line in receipts]
        keep_trust(gateway, page.paths["/mnt/evidence"], blocks)
        page.took_over()
        assert "sealed      batch" in page.follow(1)
        archived = {path.name for path in (page.paths["/mnt/backup"] / "log-archive").iterdir()}
        log = gateway.store.dir / "log"
        assert archived and not any((log / name).exists() for name in archived)
        told = page.follow(2)
        assert "pruned entries" in told and told.splitlines()[-1].startswith("PASS ANCHORED")
        assert " pruned)" not in page.follow(3)
        page.serve()
        left = sorted(log.glob("[0-9]" * 20 + ".ndjson"))
        page.env = {"INDEX": str(int(left[0].stem) + 1)}
        assert "its leaf hash stays" in page.follow(4)
        page.serve()
        with gateway.connect() as sender:
            sender.deliver([make_alert(61)])
        check_verifies(gateway)


def test_hand_over(
    make_gateway: MakeGateway, chain: Ganache, open_page: MakeRunbook
) -> None:
    gateway = make_gateway(chain=chain, config=FAST)
    page = open_page("hand-over.md", gateway)
    with gateway:
        fill(gateway, 20)
        gateway.wait_anchored()
        page.env = {"INDEX": "5"}
        page.follow(1)
        assert '"index":' in page.follow(2)
        page.follow(3)
        receipts = [line for line in gateway.store.lines("anchors") if line["kind"] == "receipt"]
        blocks = [line["block_number"] for line in receipts]
        keep_trust(gateway, page.paths["/mnt/evidence"], blocks)
        told = page.follow(4)
        verdicts = [line for line in told.splitlines() if line.startswith("PASS")]
        assert len(verdicts) == 2 and all("ANCHORED" in line for line in verdicts), told
        check_verifies(gateway)
