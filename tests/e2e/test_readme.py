"""The commands of the README do what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from harness.paths import ROOT, is_volatile
from harness.process import Child


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.release  # it runs what `make build` built
def test_run_it_yourself(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (script,) = [block for block in blocks(text) if "anchorlogctl log init" in block]
    assert "mkdir mylog" in script and "cd mylog" in script
    script = script.replace("mylog", str(tmp_path / "mylog"))
    if is_volatile(tmp_path):  # in a container: the daemon rightly refuses such a store
        config = json.loads((ROOT / "config" / "small.json").read_text())
        config["storage"] = {"allow_volatile": True}
        (tmp_path / "small.json").write_text(json.dumps(config))
        script = script.replace("config/small.json", str(tmp_path / "small.json"))
    with Child(["bash", "-euo", "pipefail", "-c", script], tmp_path / "log", cwd=ROOT) as shell:
        assert shell.wait(60) == 0, shell.tail()
        lines = shell.output().splitlines()
    assert "bruteforce.ftp" in shell.output()
    assert lines[-1].startswith("PASS SEALED"), shell.tail()


def test_the_two_commands_are_make_targets() -> None:
    text = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^make ([a-z-]+)", "\n".join(blocks(text)), flags=re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    missing = [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)]
    assert not missing


@pytest.mark.parametrize("name", ["docs/architecture.md", "README.md"])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    dead = [link for link in links if not (page.parent / link).exists()]
    assert not dead
