"""The bugs that `make test-full` puts into the sources must still fit them: there a patch that does
not apply would be found days after the change that moved its lines."""

from __future__ import annotations

import subprocess

import pytest
from project import ROOT

MUTANTS = sorted((ROOT / "tests/sim/mutants").glob("*.patch"))


def test_there_are_mutants() -> None:
    assert len(MUTANTS) >= 5


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda path: path.stem)
def test_a_mutant_fits_the_sources(mutant: object) -> None:
    done = subprocess.run(["git", "apply", "--check", str(mutant)], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
