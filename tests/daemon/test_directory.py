"""Passwords checked by a directory server: a real one where there is one (slapd), and answers byte by byte."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from innkeeper.daemon.directory import Directory, bind_request, escaped
from innkeeper.daemon.settings import Auth, SettingsError, check
from innkeeper.daemon.trust import trust

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/lib/openldap")

CONFIGURATION = """
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {at}/slapd.pid
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw {rootpw}
directory {at}/data
"""
ENTRIES = """dn: dc=example,dc=org
objectClass: domain
dc: example

dn: uid=ann,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Ann
userPassword: her secret

dn: uid=o\\2Ccomma,dc=example,dc=org
objectClass: inetOrgPerson
uid: o,comma
cn: O
sn: O
userPassword: other
"""


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[str]:
    """A real directory server with two people in it; its address."""
    if SLAPD is None:
        pytest.skip("no slapd on this machine (Debian: slapd)")
    schema = next(p for p in (Path("/etc/ldap/schema"), Path("/etc/openldap/schema")) if p.is_dir())
    modules = next(Path("/usr/lib").rglob("back_mdb*")).parent
    (tmp_path / "data").mkdir()
    configuration = tmp_path / "slapd.conf"
    configuration.write_text(
        CONFIGURATION.format(schema=schema, modules=modules, at=tmp_path, rootpw="unused")
    )
    entries = tmp_path / "entries.ldif"
    entries.write_text(ENTRIES)
    subprocess.run(
        [SLAPD, "-T", "add", "-f", configuration, "-l", entries], check=True, capture_output=True
    )
    url = f"ldap://127.0.0.1:{free_port()}"
    server = subprocess.Popen([SLAPD, "-f", configuration, "-h", f"{url}/", "-d", "0"])
    try:
        _until_it_listens(url)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _until_it_listens(url: str) -> None:
    port = int(url.rpartition(":")[2])
    for _ in range(200):
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("slapd does not listen")


def test_a_real_server_knows_passwords(slapd: str) -> None:
    directory = Directory(slapd, "uid={name},dc=example,dc=org")
    assert directory("ann", "her secret")
    assert directory("o,comma", "other")
    assert directory("uid=ann,dc=example,dc=org", "her secret")
    assert not directory("ann", "his secret")
    assert not directory("ann", "")
    assert not directory("nobody", "her secret")
    assert not directory("ann,dc=example", "her secret")
    assert not directory("a" * 300, "x" * 70_000)


def test_what_is_sent() -> None:
    """As RFC 4511 has it: message 1, a bind of version 3, a name, a simple secret."""
    sent = bind_request("cn=a", "b")
    assert sent == bytes.fromhex("3011 020101 600c 020103 0404636e3d61 800162")
    assert bind_request("n" * 200, "s" * 300)[:4].hex() == "30820205"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ann", "ann"), ("a,b=c", r"a\2cb\3dc"), ("#a", r"\23a"), (" a", r"\20a"), ("\0", r"\00")],
)
def test_names_are_escaped(name: str, expected: str) -> None:
    assert escaped(name) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("300c02010161070a010004000400", True),
        ("300c02010161070a013104000400", False),
        ("300c02010165070a010004000400", False),
        ("3005", False),
        ("30840000ffff", False),
        ("308400ffffff", False),
        ("", False),
        ("3000", False),
        ("30020201", False),
    ],
)
def test_answers(answer: str, expected: bool) -> None:
    """Whatever comes, a success is only what says so."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            connection, _ = door.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(bytes.fromhex(answer))

        thread = threading.Thread(target=serve)
        thread.start()
        directory = Directory(f"ldap://127.0.0.1:{door.getsockname()[1]}", "cn={name}")
        assert directory("ann", "secret") is expected
        thread.join()


def test_a_server_that_is_away_lets_nobody_in() -> None:
    assert not Directory(f"ldap://127.0.0.1:{free_port()}", "cn={name}")("ann", "secret")
    assert not Directory(f"ldaps://127.0.0.1:{free_port()}", "cn={name}")("ann", "secret")


# ---- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"ldap": "http://x", "ldap_name": "cn={name}"}, "auth.ldap must be like"),
        ({"ldap": "ldaps://x", "ldap_name": "cn=name"}, "auth.ldap_name must have"),
        ({"unknown": "x"}, "unknown"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, object], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        check({"auth": given})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be a folder"):
        trust(Auth(certificates=str(tmp_path / "none")))
    with pytest.raises(SettingsError, match=r"auth\.server_certificate: .*: No such file"):
        trust(Auth(server_certificate=str(tmp_path / "none")))
    (tmp_path / "wrong.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="is no certificate"):
        trust(Auth(certificates=str(tmp_path)))
    assert trust(Auth()).directory is None
