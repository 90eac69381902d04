"""Alert rules and the dashboard are about what the daemon serves, and fire when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Gateway, Pki, make_alert
from harness.paths import ROOT

RULES = ROOT / "config" / "prometheus" / "anchorlog.rules.yml"
DASHBOARD = ROOT / "config" / "grafana" / "anchorlog.json"
PAGE = ROOT / "docs" / "monitoring.md"
ALERTS_TEST = Path(__file__).with_name("alerts_test.yml")
PROMTOOL = ROOT / "build" / "prometheus" / "usr" / "bin" / "promtool"
NAME = re.compile(r"\banchorlog_[a-z_]+")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[str]:
    with Gateway(tmp_path_factory.mktemp("monitoring"), pki) as gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(1)])
        yield gateway.http("/metrics")[1]


def families(page: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))


def used(text: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(text)}


def test_rules_are_about_what_is_served(page: str) -> None:
    # The clock's family is there where the kernel tells.
    served = families(page) | {"anchorlog_clock_synchronised"}
    assert used(RULES.read_text()) <= served
    expressions = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"]
                   for target in panel["targets"]]
    assert len(expressions) > 20
    assert used(" ".join(expressions)) <= served


def test_every_family_and_alert_is_explained(page: str) -> None:
    text = PAGE.read_text()
    assert sorted(name for name in families(page) if f"`{name}`" not in text) == []
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == alerts
    tested = set(re.findall(r"alertname: (\w+)", ALERTS_TEST.read_text()))
    assert tested == set(alerts)


def promtool(*arguments: str, text: str | None = None) -> None:
    done = subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
def test_prometheus_reads_the_page(page: str) -> None:
    promtool("check", "metrics", text=page)


@pytest.mark.full
def test_alerts_fire_on_what_they_are_for() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(ALERTS_TEST))
