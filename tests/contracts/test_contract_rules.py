"""Every rule of the contracts, against a real node. The scenarios: contracts/check_rules.mjs."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from ganache_node import CONTRACTS, Node

RUN_S_MAX = 120
CHECKS = [
    "fresh_anchor", "identical_again", "from_batch", "conflict", "conflict_mined", "covered",
    "not_authorised", "create_log", "logs_apart", "rotation", "freeze", "huge_batch", "gas",
    "device_keys",
]


@pytest.fixture(scope="module")
def results(node: Node) -> dict[str, dict[str, Any]]:
    run = subprocess.run(
        ["node", "check_rules.mjs", node.url, node.funder_key],
        cwd=CONTRACTS, capture_output=True, text=True, timeout=RUN_S_MAX,
    )
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {line["check"]: line for line in lines}


@pytest.mark.parametrize("check", CHECKS)
def test_rule(results: dict[str, dict[str, Any]], check: str) -> None:
    assert check in results, "the scenario did not run"
    assert results[check]["ok"], results[check]["detail"]
    if results[check]["detail"]:
        print(f"{check}: {results[check]['detail']}")


def test_no_scenario_is_left_out(results: dict[str, dict[str, Any]]) -> None:
    assert sorted(results) == sorted(CHECKS)
