"""The contracts under forge: fuzzed calls, invariants, gas. What it runs: forge/*.t.sol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ganache_node import CONTRACTS

ROOT = CONTRACTS.parent
# The package for this platform, not the one in front of it: that needs a newer Node.js than Debian
# 12 has, and answers 0 whatever happened.
FORGE = next((CONTRACTS / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"), None)
GAS_OF_AN_ANCHOR_MAX = 58_400
TESTS_MIN = 13


def forge(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert FORGE is not None, "forge is not installed: make setup"
    environment = dict(os.environ, FOUNDRY_CONFIG=str(root / "contracts" / "foundry.toml"))
    return subprocess.run(
        [str(FORGE), "test", "--root", str(root), *options],
        cwd=root, env=environment, capture_output=True, text=True, timeout=120,
    )


def test_fuzzed_and_invariant_rules_hold() -> None:
    run = forge(ROOT, "--json")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr
    suites = json.loads(run.stdout)
    results = {f"{suite}:{name}": test["status"]
               for suite, content in suites.items()
               for name, test in content["test_results"].items()}
    assert len(results) >= TESTS_MIN
    assert set(results.values()) == {"Success"}, results


def test_gas_stays_within_the_budget() -> None:
    run = forge(ROOT, "--gas-report", "--json")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr
    report = next(json.loads(line) for line in run.stdout.splitlines() if line.startswith("["))
    functions = {name.split("(")[0]: gas
                 for contract in report for name, gas in contract["functions"].items()}
    for name in ["anchor", "createLog", "setSubmitter", "acceptSubmitter", "registerDeviceKey"]:
        print(f"{name}: at most {functions[name]['max']} gas")
    assert 50_000 < functions["anchor"]["max"] <= GAS_OF_AN_ANCHOR_MAX


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if (have == record) return false;", "if (have != 0) return false;"),
        ("if (log.frozen) revert Frozen();\n        log.nextBatch", "log.nextBatch"),
        ("if (msg.sender != log.submitter) revert NotAuthorised();", ""),
        ("keccak256(msg.data[4:260])", "keccak256(msg.data[4:228])"),
    ],
    ids=["conflict hidden", "freeze ignored", "anyone anchors", "half a record"],
)
def test_a_broken_contract_is_caught(tmp_path: Path, old: str, new: str) -> None:
    without_packages = shutil.ignore_patterns("node_modules")
    shutil.copytree(CONTRACTS, tmp_path / "contracts", ignore=without_packages)
    (tmp_path / "contracts" / "node_modules").symlink_to(CONTRACTS / "node_modules")
    shutil.copytree(ROOT / "tests" / "contracts" / "forge", tmp_path / "tests/contracts/forge")
    source = tmp_path / "contracts" / "LogAnchor.sol"
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))
    run = forge(tmp_path, "--fail-fast")
    assert run.returncode == 1, run.stdout[-2000:] + run.stderr
    assert "[FAIL" in run.stdout, run.stdout[-2000:] + run.stderr
