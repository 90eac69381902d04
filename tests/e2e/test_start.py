"""What the daemon refuses to start with: exit 78 before listening, saying what, where and how."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from harness import Gateway, MakeGateway, make_alert, program
from harness.process import run

EXIT_USAGE = 64
EXIT_CONFIG = 78


def expect_refusal(gateway: Gateway, *said: str, check_config: bool) -> None:
    """Once by --check-config where it can be seen there, and always by the daemon itself."""
    runs = [["--check-config"], []] if check_config else [[]]
    for options in runs:
        done = gateway.refuses_to_start(*options)
        assert done.returncode == EXIT_CONFIG, (done.returncode, done.stderr)
        for words in said:
            assert words in done.stderr, f"{words!r} is not in: {done.stderr}"
        assert "listening" not in done.stderr
    assert not (gateway.store.dir / "ports.json").exists()


CONFIG_FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown key": ({"colour": 1}, ("colour", "not a known key")),
    "unknown key below": ({"batch": {"entrys": 50}}, ("batch.entrys", "not a known key")),
    "wrong type": ({"batch": {"entries": "50"}}, ("batch.entries", "whole number")),
    "out of range": ({"listen": {"port": 70_000}}, ("listen.port", "65535")),
    "bad origin": ({"origin": "Not An Origin"}, ("origin",)),
    "http for everybody": ({"http": {"address": "0.0.0.0"}}, ("http.address", "loopback")),
    "no address": ({"listen": {"address": "localhost"}}, ("listen.address",)),
    "bad level": ({"log": {"level": "loud"}}, ("log.level", "debug, info")),
    "tiny queue": ({"queue": {"session_bytes_max": 1}}, ("queue.session_bytes_max",)),
    "two targets": ({"anchor": {"targets": [{}, {}]}}, ("anchor.targets",)),
    "target without rpc": ({"anchor": {"targets": [{"id": "eth"}]}}, ("anchor.targets[0].rpc",)),
}


@pytest.mark.parametrize("name", CONFIG_FAULTS)
def test_a_bad_config_names_the_option(make_gateway: MakeGateway, name: str) -> None:
    changes, said = CONFIG_FAULTS[name]
    gateway = make_gateway()
    for key, value in changes.items():
        old = gateway.config.get(key)
        gateway.config[key] = {**old, **value} if isinstance(old, dict) else value
    gateway.write_config()
    # Addresses are looked at when they are bound to, which --check-config does not do.
    expect_refusal(gateway, *said, check_config=key not in {"http"})


@pytest.mark.parametrize("missing", ["origin", "store", "tls", "registry", "signing_key"])
def test_a_required_option_is_named(make_gateway: MakeGateway, missing: str) -> None:
    gateway = make_gateway()
    del gateway.config[missing]
    gateway.write_config()
    expect_refusal(gateway, missing, "missing", check_config=True)


@pytest.mark.parametrize("text", ["", "{", '{"origin":"a","origin":"b"}', "[]", "\xff"])
def test_a_config_that_is_no_json_object(make_gateway: MakeGateway, text: str) -> None:
    gateway = make_gateway()
    gateway.config_file.write_bytes(text.encode("latin-1"))
    expect_refusal(gateway, str(gateway.config_file), check_config=True)


def mode_0644(option: str) -> Callable[[Gateway], Path]:
    def spoil(gateway: Gateway) -> Path:
        source = gateway.pki.server.key if option == "tls" else gateway.dir / "log.key"
        path = gateway.dir / "open.key"
        shutil.copy(source, path)
        path.chmod(0o644)
        point(gateway, option, path)
        return path

    return spoil


def point(gateway: Gateway, option: str, path: Path) -> None:
    if option == "tls":
        gateway.config["tls"]["key"] = str(path)
    elif option in ("certificate", "client_ca", "crl"):
        gateway.config["tls"][option] = str(path)
    else:
        gateway.config[option] = str(path)


def contents(option: str, data: bytes | None) -> Callable[[Gateway], Path]:
    """A file of these bytes, or of none, stands where `option` points to."""
    def spoil(gateway: Gateway) -> Path:
        path = gateway.dir / "spoiled"
        if data is not None:
            path.write_bytes(data)
            path.chmod(0o600)
        point(gateway, option, path)
        return path

    return spoil


def certificate(**options: Any) -> Callable[[Gateway], Path]:
    def spoil(gateway: Gateway) -> Path:
        made = gateway.pki.misfit("server-misfit", **options)
        gateway.config["tls"] |= {"certificate": str(made.certificate), "key": str(made.key)}
        return made.certificate

    return spoil


def key_of_another(gateway: Gateway) -> Path:
    other = gateway.pki.sender()
    gateway.config["tls"]["key"] = str(other.key)
    return other.key


def crl(**options: Any) -> Callable[[Gateway], Path]:
    def spoil(gateway: Gateway) -> Path:
        path = gateway.pki.write_crl(gateway.dir / "spoiled.crl", **options)
        point(gateway, "crl", path)
        return path

    return spoil


def registry(text: str) -> Callable[[Gateway], Path]:
    return contents("registry", text.encode())


def sealed(gateway: Gateway) -> Path:
    passphrase = gateway.dir / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    path = gateway.dir / "sealed.key"
    gateway.ctl("key", "generate", "--type", "ed25519", "--out", str(path),
                "--passphrase", str(passphrase))
    gateway.config["signing_key"] = str(path)
    return path


def sealed_for_another(gateway: Gateway) -> Path:
    path = sealed(gateway)
    gateway.config["signing_key_passphrase"] = "wrong"
    (gateway.dir / "wrong").write_text("incorrect horse battery\n")
    (gateway.dir / "wrong").chmod(0o600)
    return path


def said_to_be_sealed(gateway: Gateway) -> Path:
    sealed(gateway)
    gateway.config |= {"signing_key": "log.key", "signing_key_passphrase": "passphrase"}
    return gateway.dir / "log.key"


SERVER = [ExtendedKeyUsageOID.SERVER_AUTH]
FILE_FAULTS: dict[str, tuple[Callable[[Gateway], Path], str]] = {
    "TLS key for all": (mode_0644("tls"), "chmod 600"),
    "log key for all": (mode_0644("signing_key"), "chmod 600"),
    "no TLS key": (contents("tls", None), "No such file"),
    "no certificate": (contents("certificate", None), "No such file"),
    "no CA": (contents("client_ca", None), "No such file"),
    "no CRL": (contents("crl", None), "No such file"),
    "CRL of nonsense": (contents("crl", b"nonsense"), "PEM"),
    "CRL that is stale": (crl(seconds=(-90, -30)), "stale"),
    "CRL of tomorrow": (crl(seconds=(3_600, 7_200)), "not valid yet"),
    "CRL of another CA": (crl(own_ca=True), "signed by"),
    "no log key": (contents("signing_key", None), "signing_key"),
    "a sealed log key without passphrase": (sealed, "signing_key_passphrase"),
    "another passphrase": (sealed_for_another, "does not open it"),
    "a log key that only should be sealed": (said_to_be_sealed, "not sealed"),
    "no registry": (contents("registry", None), "registry"),
    "TLS key of nonsense": (contents("tls", b"nonsense"), "PEM"),
    "certificate of nonsense": (contents("certificate", b"nonsense"), "PEM"),
    "CA of nonsense": (contents("client_ca", b"nonsense"), "PEM"),
    "log key of nonsense": (contents("signing_key", b"nonsense"), "signing_key"),
    "another's key": (key_of_another, "does not belong"),
    "expired certificate": (certificate(usages=SERVER, days=(-3, -1)), "expired"),
    "early certificate": (certificate(usages=SERVER, days=(1, 3)), "not valid yet"),
    "sender's certificate": (certificate(), "not for a TLS server"),
    "registry of nonsense": (registry("nonsense"), "registry"),
    "registry, unknown member": (registry('{"senders":{"a":{"colour":1}}}'), "senders.a.colour"),
    "registry, bad state": (
        registry('{"senders":{"a":{"state":"on","devices":{}}}}'), "senders.a.state"
    ),
    "registry, bad key": (
        registry('{"senders":{"a":{"state":"active","devices":{"d":{"key":"00"}}}}}'),
        "senders.a.devices.d.key",
    ),
    "registry, a name twice": (registry('{"senders":{},"senders":{}}'), "senders"),
}


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_a_bad_file_is_named(make_gateway: MakeGateway, name: str) -> None:
    spoil, said = FILE_FAULTS[name]
    gateway = make_gateway()
    path = spoil(gateway)
    gateway.write_config()
    expect_refusal(gateway, str(path), said, check_config=True)


def test_a_sealed_key_signs(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(init=False)
    sealed(gateway)
    gateway.config["signing_key_passphrase"] = "passphrase"
    gateway.write_config()
    gateway.init_log()
    with gateway, gateway.connect() as sender:
        sender.deliver([make_alert(1)])


def test_no_memory_is_left_behind(make_gateway: MakeGateway) -> None:
    with make_gateway() as gateway:
        limits = Path(f"/proc/{gateway.pid}/limits").read_text()
    (bytes_max,) = re.findall(r"^Max core file size +(\d+) +(\d+)", limits, re.MULTILINE)
    assert {int(limit) for limit in bytes_max} <= {0, 1}


def test_no_config_file(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    gateway.config_file.unlink()
    expect_refusal(gateway, str(gateway.config_file), check_config=True)


def test_a_log_is_never_made_by_the_daemon(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(init=False)
    expect_refusal(gateway, "log init", str(gateway.store.dir), check_config=False)
    (gateway.store.dir / "log").mkdir(parents=True)
    expect_refusal(gateway, "log init", check_config=False)


def test_log_init_never_overwrites(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    before = gateway.store.places("batches")[0].text
    done = run([program("anchorlogctl"), "log", "init", "--config", str(gateway.config_file)])
    assert done.returncode != 0
    assert "never overwritten" in done.stderr
    assert gateway.store.places("batches")[0].text == before


def test_the_store_of_another_log_or_key(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    gateway.config["origin"] = "anchorlog.example/other"
    gateway.write_config()
    expect_refusal(gateway, "anchorlog.example/gw-01", "store.dir", check_config=False)
    gateway.config["origin"] = gateway.origin
    gateway.ctl("key", "generate", "--type", "ed25519", "--out", str(gateway.dir / "other.key"))
    gateway.config["signing_key"] = "other.key"
    gateway.write_config()
    expect_refusal(gateway, "signing_key", check_config=False)


def test_a_second_daemon_on_the_store_is_refused(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway:
        done = gateway.refuses_to_start()
        assert done.returncode == EXIT_CONFIG
        assert "LOCK" in done.stderr
        with gateway.connect() as sender:
            sender.deliver([make_alert(1)])


@pytest.mark.parametrize("page", ["listen", "http"])
def test_a_port_in_use_is_named(make_gateway: MakeGateway, page: str) -> None:
    with make_gateway() as running:
        port = running.ingest_port if page == "listen" else running.http_port
        other = make_gateway()
        other.config[page]["port"] = port
        other.write_config()
        expect_refusal(other, str(port), f"choose another {page}", check_config=False)


@pytest.mark.parametrize("journal", ["log", "batches"])
def test_damage_is_refused_and_named(make_gateway: MakeGateway, journal: str) -> None:
    gateway = make_gateway()
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 11)])
        assert gateway.stop() == 0
    shutil.rmtree(gateway.store.dir / "state")
    place = gateway.store.places(journal)[1]
    name = b'"alert_type":"' if journal == "log" else b'"merkle_root":"'
    gateway.store.flip_byte(place, place.text.index(name) + len(name))
    before = {path: path.read_bytes() for path in gateway.store.segments(journal)}
    (gateway.store.dir / "ports.json").unlink()
    expect_refusal(gateway, str(gateway.store.dir), "logverify", check_config=False)
    assert {path: path.read_bytes() for path in before} == before, "evidence is left as it is"


def test_missing_sealed_entries_are_refused(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    with gateway:
        with gateway.connect() as sender:
            sender.deliver([make_alert(number) for number in range(1, 11)])
        assert gateway.stop() == 0
    gateway.store.delete_line(gateway.store.places()[-1])
    (gateway.store.dir / "ports.json").unlink()
    expect_refusal(gateway, str(gateway.store.dir), check_config=False)


def test_check_config_of_a_good_one(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    done = gateway.refuses_to_start("--check-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(gateway.config_file) in done.stdout
    with gateway:
        assert gateway.refuses_to_start("--check-config").returncode == 0, "also while it runs"


def test_the_sample_config_is_understood(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    sample = json.loads((Path(__file__).parents[2] / "config" / "anchorlogd.json").read_text())
    gateway.config = {**sample, **{k: gateway.config[k] for k in ("store", "tls", "registry")}}
    key = gateway.dir / "submitter.key"
    gateway.ctl("key", "generate", "--type", "secp256k1", "--out", str(key))
    gateway.write_config()
    done = gateway.refuses_to_start("--check-config")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [[], ["--colour"], ["--config"], ["extra"]])
def test_usage(arguments: list[str]) -> None:
    done = run([program("anchorlogd"), *arguments])
    assert done.returncode == EXIT_USAGE
    assert "usage" in done.stderr


@pytest.mark.parametrize("name", ["anchorlogd", "anchorlogctl", "logverify"])
def test_version(name: str) -> None:
    done = run([program(name), "--version"])
    assert done.returncode == 0
    assert done.stdout.startswith(name + " ")
