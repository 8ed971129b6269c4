"""What is secret is nowhere: not in logs, events, the audit log or the database, nor in what others are shown."""

import base64
import json
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_against_daemon import PASSWORD, Daemon

ADMIN = f"oneadmin:{PASSWORD}"
#: All of them are told to the front end; each is found by its own text.
SECRETS = {
    "password": "secret-of-ann-41fe",
    "wrong password": "secret-mistyped-77ab",
    "screen": "scr33n-9",
    "webhook": "whsec_" + base64.b64encode(b"the secret of a hook, 32 bytes..").decode(),
    "guest": "secret-of-guest-5c",
}
TEMPLATE = (
    'NAME="v"\nCPU="0.1"\nMEMORY="16"\n'
    f'GRAPHICS=[TYPE="vnc",PASSWD="{SECRETS["screen"]}"]\n'
    f'CONTEXT=[PASSWORD="{SECRETS["guest"]}"]\n'
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A front end that logs all it can, and was told secrets."""
    data = tmp_path_factory.mktemp("cloud") / "data"
    data.mkdir()
    (data / "innkeeper.toml").write_text('[log]\nlevel = "debug"\n')
    running = Daemon(data)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def token(daemon: Daemon) -> str:
    """Everything is told; the login token that came of it."""
    call(daemon, ADMIN, "user.allocate", "ann", SECRETS["password"], "core", [])
    ann = f"ann:{SECRETS['password']}"
    for session in (f"ann:{SECRETS['wrong password']}", f"nobody:{SECRETS['wrong password']}"):
        with pytest.raises(PermissionError):
            call(daemon, session, "vmpool.info", -2, -1, -1, -1)
    made: str = call(daemon, ann, "user.login", "ann", "", 600, -1)
    call(daemon, f"ann:{made}", "vm.allocate", TEMPLATE, True)
    hook = {"name": "h", "url": "https://192.0.2.1/in", "secret": SECRETS["webhook"]}
    rest(daemon, ADMIN, "POST", "/webhooks", hook)
    return made


def call(daemon: Daemon, session: str, method: str, *params: Any) -> Any:
    """An XML-RPC call; PermissionError when it is refused."""
    with xmlrpc.client.ServerProxy(daemon.endpoint_file.read_text().strip() + "/RPC2") as proxy:
        answer: Any = getattr(proxy, f"one.{method}")(session, *params)
    if not answer[0]:
        raise PermissionError(answer[1])
    return answer[1]


def rest(daemon: Daemon, session: str, verb: str, path: str, body: Any = None) -> str:
    """A REST call; the answer's text."""
    url = daemon.endpoint_file.read_text().strip() + "/api/v1" + path
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=verb)
    request.add_header("Authorization", "Basic " + base64.b64encode(session.encode()).decode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        text: str = answer.read().decode()
        return text


def found_in(text: str, token: str) -> list[str]:
    """The secrets that stand in a text."""
    return [name for name, secret in {**SECRETS, "token": token}.items() if secret in text]


def test_logs_hold_no_secret(daemon: Daemon, token: str) -> None:
    text = daemon.log.read_text()
    assert "one.vmpool.info" in text
    assert found_in(text, token) == []


def test_the_audit_log_and_the_events_hold_none(daemon: Daemon, token: str) -> None:
    audit = rest(daemon, ADMIN, "GET", "/audit?limit=1000")
    assert "one.user.login" in audit
    assert found_in(audit, token) == []
    assert found_in(rest(daemon, ADMIN, "GET", "/events?limit=1000"), token) == []


def test_metrics_and_doctor_hold_none(daemon: Daemon, token: str) -> None:
    url = daemon.endpoint_file.read_text().strip()
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        assert found_in(answer.read().decode(), token) == []
    assert found_in(rest(daemon, ADMIN, "GET", "/doctor"), token) == []


def test_the_database_holds_passwords_and_tokens_as_hashes_alone(
    daemon: Daemon, token: str
) -> None:
    folder = daemon.data / "db"
    stored = b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    for name in ("password", "wrong password"):
        assert SECRETS[name].encode() not in stored, name
    assert token.encode() not in stored


def test_no_document_shows_a_password_or_token(daemon: Daemon, token: str) -> None:
    for method, params in (("user.info", (2,)), ("userpool.info", ())):
        shown = call(daemon, ADMIN, method, *params)
        assert [name for name in found_in(shown, token) if name in ("password", "token")] == []
    assert found_in(rest(daemon, ADMIN, "GET", "/users"), token) == []
    assert SECRETS["webhook"] not in rest(daemon, ADMIN, "GET", "/webhooks")


def test_who_may_only_look_sees_no_password_of_a_screen(daemon: Daemon, token: str) -> None:
    call(daemon, ADMIN, "user.allocate", "bob", "a-password-of-bob", "core", [])
    call(daemon, f"ann:{token}", "vm.chmod", 0, 1, 1, 0, 1, 0, 0, 1, 0, 0)
    bob = "bob:a-password-of-bob"
    assert SECRETS["screen"] in call(daemon, f"ann:{token}", "vm.info", 0)
    for text in (
        call(daemon, bob, "vm.info", 0),
        call(daemon, bob, "vmpool.info", -2, -1, -1, -1),
        call(daemon, bob, "vmpool.infoextended", -2, -1, -1, -1),
        rest(daemon, bob, "GET", "/vms/0"),
        rest(daemon, bob, "GET", "/vms"),
    ):
        assert SECRETS["screen"] not in text


def test_files_with_secrets_are_the_front_ends_alone(daemon: Daemon, token: str) -> None:
    assert daemon.data.joinpath("one_auth").stat().st_mode & 0o077 == 0
    assert daemon.data.joinpath("db").stat().st_mode & 0o077 == 0
    for path in Path(daemon.data, "run").rglob("*"):
        if path.is_file():
            assert found_in(path.read_text(errors="replace"), token) == []
