"""TLS by one setting: every client that trusts the certificate is served, everything else is not."""

import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.daemon import tls
from innkeeper.daemon.settings import SettingsError, Tls
from tests.cli.test_against_daemon import PASSWORD, Daemon

SHOWN = """
import sys, pyone
print(pyone.OneServer(sys.argv[1], "oneadmin:" + sys.argv[2]).system.version())
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A front end with the one setting."""
    data = tmp_path_factory.mktemp("cloud") / "data"
    data.mkdir()
    (data / "innkeeper.toml").write_text("[tls]\non = true\n")
    running = Daemon(data)
    yield running
    running.stop()


def endpoint(daemon: Daemon) -> tuple[str, str, int]:
    """Its URL, host and port."""
    url = daemon.endpoint_file.read_text().strip()
    host, _, port = url.rpartition("/")[2].rpartition(":")
    return url, host, int(port)


def trusting(daemon: Daemon) -> ssl.SSLContext:
    """What a client needs that was given the certificate."""
    return ssl.create_default_context(cafile=daemon.data / "tls" / "certificate.pem")


def test_the_endpoint_is_https_and_its_certificate_holds_for_this_machine(daemon: Daemon) -> None:
    url, _, port = endpoint(daemon)
    assert url.startswith("https://")
    for name in ("127.0.0.1", "localhost"):
        with urllib.request.urlopen(
            f"https://{name}:{port}/healthz", context=trusting(daemon)
        ) as answer:
            assert answer.status == 200


def test_who_does_not_trust_the_certificate_or_speaks_plainly_gets_nothing(daemon: Daemon) -> None:
    url, host, port = endpoint(daemon)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{url}/healthz")
    with socket.create_connection((host, port), timeout=10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"HTTP/" not in plain.recv(100)


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    made = tls.context(Tls(on=True), tmp_path, "127.0.0.1")
    assert made is not None
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2


def test_inn_on_this_machine_needs_nothing_more(daemon: Daemon) -> None:
    inn = [sys.executable, "-m", "innkeeper.cli.main", "user", "list", "-l", "NAME"]
    shown = subprocess.run(
        inn, env=os.environ | {"INN_DATA": str(daemon.data)}, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "oneadmin" in shown.stdout


def test_pyone_trusts_it_by_its_file(daemon: Daemon) -> None:
    url, _, _ = endpoint(daemon)
    trusted = os.environ | {"REQUESTS_CA_BUNDLE": str(daemon.data / "tls" / "certificate.pem")}
    command = [sys.executable, "-c", SHOWN, f"{url}/RPC2", PASSWORD]
    shown = subprocess.run(command, env=trusted, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("7.")


def test_the_key_is_for_the_front_end_alone_and_stays_over_restarts(daemon: Daemon) -> None:
    key = daemon.data / "tls" / "key.pem"
    before = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    daemon.restart()
    assert key.read_bytes() == before


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (Tls(on=True, certificate="/c.pem"), "tls.key is missing"),
        (Tls(on=True, key="/k.pem"), "tls.certificate is missing"),
        (Tls(on=True, certificate="/none/c.pem", key="/none/k.pem"), "/none/c.pem with .* cannot be used"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, given: Tls, error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        tls.context(given, tmp_path, "127.0.0.1")


def test_without_the_setting_there_is_no_tls(tmp_path: Path) -> None:
    assert tls.context(Tls(), tmp_path, "127.0.0.1") is None
    assert not (tmp_path / "tls").exists()
