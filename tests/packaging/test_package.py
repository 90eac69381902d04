"""The Debian packages on a machine: installed, set up as their README says, started, killed,
upgraded, removed and purged, in a container that systemd has booted. Each release that packages are
built on has a container of its own."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import Container, DockerHost

pytestmark = pytest.mark.full
ROOT = Path(__file__).resolve().parents[2]
CAPTURE = ROOT / "python_ids/data/captures/attack-ftp-bruteforce.pcap"
STATUS = "anchorlogctl status --json --config /etc/anchorlog/anchorlogd.json"
HEALTH = "anchorlogctl health --ready --config /etc/anchorlog/anchorlogd.json"
DEPLOYMENT_S_MAX = 300
LOG = "/var/lib/anchorlog/store"


def commands_of(readme: Path) -> str:
    """What it tells its reader to type: the indented lines."""
    return "".join(
        line for line in readme.read_text().splitlines(keepends=True) if line.startswith("    ")
    )


def status(machine: Container) -> dict[str, object]:
    found = json.loads(machine.run(STATUS))
    assert isinstance(found, dict)
    return found


def main_pid(machine: Container) -> int:
    return int(machine.run("systemctl show -p MainPID --value anchorlogd"))


@pytest.fixture(scope="module")
def machine(
    docker: DockerHost, release: str, packages: dict[str, list[Path]]
) -> Iterator[Container]:
    with docker.boot(release) as container:
        container.wait("systemctl is-system-running", "systemd is up", 60)
        for path in (*packages["anchorlog"], *packages["anchorlog-ids"]):
            container.copy(path, f"/{path.name}")
        container.copy(CAPTURE, "/capture.pcap")
        container.run("apt-get update -qq")
        install(container, packages["anchorlog"][0])
        yield container


def install(machine: Container, package: Path) -> str:
    return machine.run(
        "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "
        f"/{package.name} 2>&1", 300,
    )


def test_the_packages_have_nothing_lintian_dislikes(packages: dict[str, list[Path]]) -> None:
    for name, paths in packages.items():
        done = subprocess.run(
            ["lintian", "--fail-on", "error,warning", "--tag-display-limit", "0", "--allow-root",
             str(paths[0])],
            capture_output=True, text=True, timeout=300,
        )
        assert done.returncode == 0, f"{name}\n{done.stdout}{done.stderr}"


def test_installing_makes_a_user_and_starts_nothing(machine: Container) -> None:
    assert "anchorlog" in machine.run("getent passwd anchorlog")
    assert machine.run("stat -c '%U %a' /var/lib/anchorlog").split() == ["anchorlog", "700"]
    assert machine.try_run("systemctl is-active anchorlogd").stdout.strip() == "inactive"
    for program in ("anchorlogd", "anchorlogctl", "logverify", "logverify_online"):
        machine.run(f"{program} --version")
    listed = machine.run("dpkg -L anchorlog; dpkg-deb -c /anchorlog_*_*.deb 2>/dev/null || true")
    for page in ("man8/anchorlogd.8", "man1/anchorlogctl.1", "man1/logverify.1"):
        assert f"/usr/share/man/{page}.gz" in listed


def test_without_a_configuration_it_says_so_and_does_not_loop(machine: Container) -> None:
    machine.try_run("systemctl start anchorlogd")
    failed = machine.run("systemctl show -p Result,ExecMainStatus,NRestarts anchorlogd")
    assert "ExecMainStatus=78" in failed and "NRestarts=0" in failed, failed
    assert "/etc/anchorlog/anchorlogd.json" in machine.run("journalctl -u anchorlogd")
    machine.run("systemctl reset-failed anchorlogd")


def test_the_readme_leads_to_a_running_service(machine: Container) -> None:
    readme = ROOT / "config/debian/anchorlog/README.Debian"
    machine.run(commands_of(readme))
    assert machine.run("systemctl is-active anchorlogd").strip() == "active"
    assert status(machine)["state"] == "ready"
    assert machine.run("stat -c %U /proc/$(systemctl show -p MainPID --value anchorlogd)") == (
        "anchorlog\n")


def test_the_detector_delivers(machine: Container, packages: dict[str, list[Path]]) -> None:
    install(machine, packages["anchorlog-ids"][0])
    told = machine.run(
        "cd /etc/anchorlog; anchorlog-ids replay /capture.pcap --json --server 127.0.0.1:7400 "
        "--ca pki/ca.crt --cert pki/gw-01.crt --key pki/gw-01.key --device cam-1 "
        "--spool /tmp/spool.db --flow-alerts"
    )
    summary = json.loads(told.splitlines()[-1])
    assert summary["acked"] == summary["alerts_total"] > 0
    entries = status(machine)["entries"]
    assert isinstance(entries, int) and entries > summary["acked"]


def test_the_detectors_unit_watches_an_interface(machine: Container) -> None:
    """Set up as its README says; in its sandbox it sees a scan, delivers it, and is started again.
    A purge leaves what no log may have yet."""
    machine.run(
        "cd /etc/anchorlog-ids; cp /etc/anchorlog/pki/ca.crt .; "
        "cp /etc/anchorlog/pki/gw-01.crt sender.crt; cp /etc/anchorlog/pki/gw-01.key sender.key; "
        "chown anchorlog-ids: ca.crt sender.*; chmod 0600 ca.crt sender.*; "
        "printf 'INTERFACE=lo\nSERVER=127.0.0.1:7400\nDEVICE=cam-1\nVKEY=%s\n' "
        "\"$(sed -n 's/^vkey //p' /etc/anchorlog/log.txt)\" >options; "
        "systemctl enable --now anchorlog-ids")
    machine.wait(f"grep -aq '\"ids.start\"' {LOG}/log/*", "it watches and delivers", 60)
    machine.run("for port in $(seq 8000 8300); do "
                "(: </dev/tcp/127.0.0.1/$port) 2>/dev/null || true; done")
    machine.wait(f"grep -aq '\"scan.vertical\"' {LOG}/log/*", "the scan is in the log", 60)
    shown = "systemctl show -p MainPID --value anchorlog-ids"
    killed = int(machine.run(shown))
    machine.run(f"kill -9 {killed}")
    machine.wait(f'test "$({shown})" -gt 0 && test "$({shown})" != {killed}', "it is back", 60)
    purged = machine.run("DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq anchorlog-ids 2>&1")
    assert "kept: /etc/anchorlog-ids and the spool in /var/lib/anchorlog-ids" in purged
    machine.run("test -e /var/lib/anchorlog-ids/spool.db && ! test -e /usr/lib/anchorlog-ids/bin "
                "&& ! systemctl is-active -q anchorlog-ids && getent passwd anchorlog-ids")


def test_killed_it_is_started_again_with_everything_it_acked(machine: Container) -> None:
    entries = status(machine)["entries"]
    killed = main_pid(machine)
    machine.run(f"kill -9 {killed}")
    machine.wait(HEALTH, "it serves again", 30)
    assert main_pid(machine) not in (0, killed)
    after = status(machine)["entries"]
    assert isinstance(after, int) and isinstance(entries, int) and after >= entries


def test_a_reload_keeps_the_process(machine: Container) -> None:
    before = main_pid(machine)
    machine.run("systemctl reload anchorlogd")
    assert main_pid(machine) == before
    machine.wait("journalctl -u anchorlogd | grep -q ' reloaded'", "it reloaded", 20)


def test_a_daemon_that_hangs_is_replaced(machine: Container) -> None:
    """Stopped, it feeds no watchdog."""
    before = main_pid(machine)
    machine.run(f"kill -STOP {before}")
    machine.wait(
        f'test "$(systemctl show -p MainPID --value anchorlogd)" != {before} && {HEALTH}',
        "the watchdog has it started again", 90,
    )
    assert "watchdog" in machine.run("journalctl -u anchorlogd").lower()


def test_storage_failures_do_not_loop(machine: Container) -> None:
    drop_in = "/run/systemd/system/anchorlogd.service.d/storage.conf"
    machine.run("systemctl stop anchorlogd; systemctl reset-failed anchorlogd")
    machine.run(
        f"mkdir -p $(dirname {drop_in}); printf '[Service]\\nExecStart=\\n"
        f"ExecStart=/bin/sh -c \"exit 74\"\\nRestartSec=1\\n' >{drop_in}; systemctl daemon-reload"
    )
    machine.try_run("systemctl start anchorlogd")
    machine.wait("systemctl is-failed anchorlogd && "
                 "systemctl show -p SubState anchorlogd | grep -q failed", "it stays down", 60)
    shown = machine.run("systemctl show -p NRestarts,ExecMainStatus anchorlogd")
    assert "ExecMainStatus=74" in shown
    restarts = re.search(r"NRestarts=(\d+)", shown)
    assert restarts and 1 <= int(restarts.group(1)) <= 5, shown
    machine.run(f"rm {drop_in}; systemctl daemon-reload; systemctl reset-failed anchorlogd; "
                "systemctl start anchorlogd")


def test_an_upgrade_takes_over(machine: Container, packages: dict[str, list[Path]]) -> None:
    entries = status(machine)["entries"]
    before = main_pid(machine)
    install(machine, packages["anchorlog"][1])
    machine.wait(HEALTH, "the new one serves", 30)
    assert main_pid(machine) not in (0, before)
    after = status(machine)["entries"]
    assert isinstance(after, int) and isinstance(entries, int) and after >= entries
    machine.run(f"cd /etc/anchorlog; grep '^trust ' log.txt | cut -d' ' -f2- >trust.txt; "
                f"systemctl stop anchorlogd; logverify log {LOG} --trust trust.txt --offline; "
                "systemctl start anchorlogd")


def test_a_purge_leaves_the_evidence_and_says_so(machine: Container) -> None:
    purged = machine.run("DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq anchorlog 2>&1")
    assert "kept, because it is evidence or a key: /var/lib/anchorlog" in purged
    assert machine.try_run("systemctl is-active anchorlogd").stdout.strip() != "active"
    machine.run(f"test -n \"$(ls {LOG}/log)\" && test -e /etc/credstore/anchorlog.key "
                "&& getent passwd anchorlog && ! test -e /usr/bin/anchorlogd")


def test_a_fresh_machine_runs_it_in_minutes(
    docker: DockerHost, release: str, packages: dict[str, list[Path]]
) -> None:
    """What somebody types who follows docs/deployment.md, without the time to read it."""
    package = packages["anchorlog"][0]
    with docker.boot(release) as machine:
        machine.wait("systemctl is-system-running", "systemd is up", 60)
        machine.copy(package, f"/{package.name}")
        began = time.monotonic()
        machine.run("apt-get update -qq")
        install(machine, package)
        installed = time.monotonic()
        machine.run(commands_of(ROOT / "config/debian/anchorlog/README.Debian"))
        machine.wait(HEALTH, "it serves", 30)
        ready = time.monotonic()
    print(f"deployment on {release}: apt update and install {installed - began:.0f} s, "
          f"README.Debian to a ready service {ready - installed:.0f} s")
    assert ready - began < DEPLOYMENT_S_MAX


def test_a_purge_without_a_log_leaves_nothing(
    docker: DockerHost, release: str, packages: dict[str, list[Path]]
) -> None:
    package = packages["anchorlog"][0]
    with Container("--entrypoint", "sleep", docker.base(release), "infinity") as machine:
        machine.copy(package, f"/{package.name}")
        machine.run("apt-get update -qq")
        install(machine, package)
        machine.run("apt-get purge -y -qq anchorlog 2>&1")
        machine.run("! test -e /var/lib/anchorlog && ! test -e /etc/anchorlog "
                    "&& ! getent passwd anchorlog")
