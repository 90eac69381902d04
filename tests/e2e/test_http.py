"""The local pages: for a probe, for Prometheus, for people and programs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Checkpoint, Gateway, Pki, logverify, make_alert, program, uuid7
from harness.process import run_ok, wait_until
from harness.verifier import EXIT_PASS

SAMPLE = re.compile(
    r'([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="[^"\\]*",?)*)\})? (-?[0-9.]+(?:e[+-][0-9]+)?)'
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("http"), pki) as made:
        with made.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 4)])
            sender.deliver([make_alert(4)])
            sender.send({"type": "nonsense"})
            sender.expect("reject")
        yield made


def metrics(gateway: Gateway) -> dict[str, float]:
    code, body = gateway.http("/metrics")
    assert code == 200
    assert body.endswith("\n")
    samples: dict[str, float] = {}
    types: dict[str, str] = {}
    for line in body.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            is_histogram = types.get(family) == "histogram"
            assert name in types or is_histogram, f"{name} has no TYPE"
            key = f"{name}{{{labels}}}" if labels else name
            assert key not in samples, f"{key} twice"
            samples[key] = float(value)
    for name, kind in types.items():
        assert kind in ("counter", "gauge", "histogram")
        assert name.endswith("_total") == (kind == "counter"), name
    return samples


def test_probes(gateway: Gateway) -> None:
    assert gateway.http("/healthz") == (200, "ok\n")
    assert gateway.http("/readyz") == (200, "ready\n")


def test_metrics_parse_and_count(gateway: Gateway) -> None:
    values = metrics(gateway)
    assert values["anchorlog_alerts_accepted_total"] == 4
    assert values['anchorlog_alerts_rejected_total{code="schema"}'] == 1
    assert values["anchorlog_entries"] == len(gateway.store.lines())
    assert values["anchorlog_unprotected_entries"] == values["anchorlog_entries"]
    assert values["anchorlog_admitting"] == 1
    assert values["anchorlog_handshakes_total"] >= 1
    with gateway.connect() as sender:
        sender.deliver([make_alert(5)])
        assert metrics(gateway)["anchorlog_sessions"] == 1
    assert metrics(gateway)["anchorlog_alerts_accepted_total"] == 5


def test_histograms_add_up(gateway: Gateway) -> None:
    values = metrics(gateway)
    for name in ("sync_seconds", "commit_seconds", "group_entries"):
        buckets = [value for key, value in values.items()
                   if key.startswith(f"anchorlog_{name}_bucket")]
        assert buckets == sorted(buckets), name
        assert 0 < values[f"anchorlog_{name}_count"] == buckets[-1], name
    groups = values["anchorlog_commit_groups_total"]
    assert values["anchorlog_group_entries_count"] == groups
    assert values["anchorlog_group_entries_sum"] == values["anchorlog_entries"]
    # The genesis was sealed before the start; each other seal is a sync of its own.
    assert values["anchorlog_sync_seconds_count"] == groups + values["anchorlog_batches"] - 1


def test_what_surrounds_the_daemon_is_told(gateway: Gateway) -> None:
    values = metrics(gateway)
    assert 0 < values["anchorlog_disk_free_bytes"] <= values["anchorlog_disk_size_bytes"]
    assert values.get("anchorlog_clock_synchronised", 0) in (0, 1)
    for file in ("server", "client_ca"):
        end = values[f'anchorlog_certificate_expiry_timestamp_seconds{{file="{file}"}}']
        assert end > time.time(), file
    assert values["anchorlog_recovery_cut_bytes"] == 0


def test_a_sender_is_seen(gateway: Gateway) -> None:
    def seen() -> float:
        return metrics(gateway).get('anchorlog_sender_frames_total{sender="gw-01"}', 0)

    wait_until(lambda: seen() >= 5, "a sender on the page")
    last = metrics(gateway)['anchorlog_sender_last_seen_timestamp_seconds{sender="gw-01"}']
    assert abs(time.time() - last) < 60


def test_status(gateway: Gateway) -> None:
    status = gateway.status()
    assert status["origin"] == gateway.origin
    assert status["state"] == "ready"
    assert status["ports"] == {"ingest": gateway.ingest_port, "http": gateway.http_port}
    assert status["entries"] == len(gateway.store.lines())
    assert status["batches"] == len(gateway.store.headers())
    assert status["open_batch"]["entries"] == status["entries"]
    assert status["unprotected"]["entries"] == status["entries"]
    assert status["anchors"] == []
    assert Checkpoint.read(status["checkpoint"], gateway.vkey).size == status["batches"]


def test_ctl_status(gateway: Gateway) -> None:
    command = [program("anchorlogctl"), "status", "--config", str(gateway.config_file)]
    assert gateway.origin in run_ok(command)
    assert '"state": "ready"' in run_ok([*command, "--json"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_get(gateway: Gateway, path: str, method: str) -> None:
    assert gateway.http(path, method)[0] == 405


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[tuple[Gateway, str]]:
    """Sealed in batches of five; entries of two epochs share an id."""
    config = {"batch": {"entries": 5, "seal_interval_min_ms": 0}}
    shared = uuid7()
    with Gateway(tmp_path_factory.mktemp("entries"), pki, config=config) as made:
        with made.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 12)])
            sender.deliver([make_alert(12, entry_id=shared)])
            sender.deliver([make_alert(1, epoch=1, entry_id=shared)])
            sender.deliver([make_alert(number, epoch=1) for number in range(2, 12)])
        made.wait_sealed(23)
        yield made, shared


def test_entries_are_found_by_id(sealed: tuple[Gateway, str]) -> None:
    gateway, _ = sealed
    places: dict[str, list[int]] = {}
    for index, entry in enumerate(gateway.store.lines()):
        if "alert" in entry:
            places.setdefault(entry["alert"]["entry_id"], []).append(index)
    found = {}
    for entry_id in places:
        code, body = gateway.http(f"/entries/{entry_id}")
        page = json.loads(body)
        if code == 200:
            found[entry_id] = [entry["index"] for entry in page["entries"]]
            assert page["found"] == len(found[entry_id])
        else:
            assert (code, page["found"]) == (404, 0), "not sealed yet"
    wanted = {entry_id: indexes for entry_id, indexes in places.items() if entry_id in found}
    assert found == wanted
    assert len(found) >= 20


def test_an_entry_is_proven_by_id(sealed: tuple[Gateway, str], tmp_path: Path) -> None:
    gateway, shared = sealed
    entries = json.loads(gateway.http(f"/entries/{shared}")[1])["entries"]
    assert len(entries) == 2, "both alerts that bear the id"
    for entry in entries:
        code, body = gateway.http(f"/entries/{shared}/{entry['index']}")
        assert code == 200, body
        file = tmp_path / f"{entry['index']}.evidence"
        file.write_text(body)
        verdict = logverify("evidence", file, gateway.trust_file())
        assert verdict.exit_code == EXIT_PASS, verdict.text
        assert [hit["index"] for hit in verdict.json["entries"]] == [entry["index"]]
        file.write_text(body.replace("index ", "index 1", 1))
        assert logverify("evidence", file, gateway.trust_file()).exit_code != EXIT_PASS


def test_what_is_no_id_finds_nothing(sealed: tuple[Gateway, str]) -> None:
    gateway, shared = sealed
    assert gateway.http(f"/entries/{uuid7()}")[0] == 404
    assert gateway.http(f"/entries/{shared}/0")[0] == 404, "another entry's index"
    assert gateway.http(f"/entries/{shared}/18446744073709551615")[0] == 404
    for bad in ("", "x", shared.upper(), shared[1:], shared + "/", shared + "/x", shared + "/-1",
                shared + "/1/2", "%00" + shared, "../" + shared, "a" * 4_000):
        assert gateway.http(f"/entries/{bad}")[0] == 400, bad
    assert gateway.http("/entries")[0] == 404
    assert gateway.http(f"/entries/{shared}", "POST")[0] == 405
    assert gateway.http("/healthz") == (200, "ok\n")


def test_other_paths(gateway: Gateway) -> None:
    for path in ("/", "/status/", "/../etc/passwd", "/metrics%00"):
        assert gateway.http(path)[0] == 404
    assert gateway.http("/status?verbose=1")[0] == 200
