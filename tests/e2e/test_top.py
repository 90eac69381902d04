"""anchorlogctl top and status, as a person and as a pipe see them."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time

from harness import Gateway, MakeGateway, program, wait_until
from harness.load import Load
from harness.process import run

FAST = {"batch": {"entries": 10, "interval_s": 1, "seal_interval_min_ms": 0}}


def once(gateway: Gateway) -> str:
    done = run([program("anchorlogctl"), "top", "--once", "--config", str(gateway.config_file)])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_once_tells_what_the_pages_tell(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config=FAST)
    with gateway:
        assert Load(gateway, "cam-1").drive(25, 5)
        gateway.wait_sealed(25)
        wait_until(lambda: 'sender="gw-01"' in gateway.http("/metrics")[1], "the sender is shown")
        text = once(gateway)
    assert "\x1b" not in text
    assert re.search(r"^  state +ready$", text, re.MULTILINE), text
    assert re.search(r"^  alerts +– +accepted 25, sent again 0$", text, re.MULTILINE), text
    assert re.search(r"^  entries +\d+ +in \d+ batches, open 0 ", text, re.MULTILINE), text
    assert re.search(r"^  anchors +none: whoever takes", text, re.MULTILINE), text
    assert re.search(r"^  gw-01 +\d+\.\d s ago", text, re.MULTILINE), text


def test_who_does_not_answer_is_named() -> None:
    done = run([program("anchorlogctl"), "top", "--once", "--url", "http://127.0.0.1:9"])
    assert done.returncode == 1 and "127.0.0.1:9" in done.stderr


def test_on_a_terminal_it_goes_on_until_q(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config=FAST)
    with gateway:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [program("anchorlogctl"), "top", "--config", str(gateway.config_file)],
            stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"},
        )
        os.close(slave)
        try:
            seen = read_until(master, b"q ends", 1)
            assert b"\x1b[?1049h" in seen and b"\x1b[32m" in seen, "another screen, in colours"
            assert Load(gateway, "cam-1").drive(25, 5)
            later = read_until(master, b"accepted 25", 1)
            assert re.search(rb"alerts +\d+/s", later), "a rate, from the second picture on"
            os.write(master, b"q")
            ended = read_until(master, b"\x1b[?1049l", 1)
            assert b"\x1b[?25h" in ended
            assert process.wait(5) == 0
        finally:
            process.kill()
            process.wait()
            os.close(master)


def read_until(terminal: int, what: bytes, times: int) -> bytes:
    seen = b""
    deadline = time.monotonic() + 10
    while seen.count(what) < times:
        assert time.monotonic() < deadline, seen.decode(errors="replace")
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65_536)
    return seen


def test_a_pipe_gets_one_picture_after_the_other(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(config=FAST)
    with gateway:
        command = [program("anchorlogctl"), "top", "--config", str(gateway.config_file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            seen = read_until(process.stdout.fileno(), b"  state ", 3)
            assert b"\x1b" not in seen
            assert gateway.stop() == 0
            assert process.wait(10) == 1, "into a pipe it ends with the daemon"
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def test_status_says_why(make_gateway: MakeGateway) -> None:
    """A required target that is late, in the words of the page."""
    target = {"id": "paper", "type": "rfc3161", "url": "http://127.0.0.1:9", "ca": "ca.pem",
              "mode": "required", "late_after_s": 1}
    gateway = make_gateway(config=FAST)
    (gateway.dir / "ca.pem").write_bytes(gateway.pki.ca.read_bytes())
    gateway.config["anchor"] = {"targets": [target]}
    gateway.write_config()
    with gateway:
        assert Load(gateway, "cam-1").drive(10, 5)
        wait_until(lambda: gateway.status()["state"] == "degraded", "degraded", 15)
        done = run([program("anchorlogctl"), "status", "--config", str(gateway.config_file)])
        text = once(gateway)
    assert "state        degraded" in done.stdout
    why = re.search(r"^why +(.*)$", done.stdout, re.MULTILINE)
    assert why and why[1].startswith("required anchor target paper is behind")
    assert "required anchor target paper is behind" in text
    assert re.search(r"^  paper +stalled +nothing yet", text, re.MULTILINE), text
