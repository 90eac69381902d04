"""logverify and what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .paths import program
from .process import HarnessError, run

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_UNDECIDED = 2


@dataclass(frozen=True)
class Verdict:
    exit_code: int
    json: dict[str, Any]
    text: str  # for people; the last line is the verdict

    @property
    def faults(self) -> list[dict[str, Any]]:
        return list(self.json["faults"])

    @property
    def last_line(self) -> str:
        return self.text.strip().splitlines()[-1]


def logverify(
    what: str, store: Path, trust: Path, *options: str, rpc: str | None = None
) -> Verdict:
    """`what` is log, entry or evidence; without `rpc` offline."""
    chain = ["--rpc", rpc] if rpc else [] if what == "evidence" else ["--offline"]
    return verdict_of(what, str(store), *options, "--trust", str(trust), *chain)


def verdict_of(*arguments: str) -> Verdict:
    """Asks twice: for people and for programs."""
    command = [program("logverify"), *arguments]
    text = run(command)
    machine = run([*command, "--json"])
    if text.returncode != machine.returncode:
        raise HarnessError(f"--json changed the verdict:\n{text.stdout}\n{machine.stdout}")
    if text.returncode not in (EXIT_PASS, EXIT_FAIL, EXIT_UNDECIDED) or not machine.stdout:
        raise HarnessError(f"{' '.join(command)}: exit {text.returncode}\n{text.stderr}")
    return Verdict(text.returncode, json.loads(machine.stdout), text.stdout)
