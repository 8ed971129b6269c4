"""Who asks, and where: options, environment, files."""

import os
from pathlib import Path

import pytest

from innkeeper.cli.client import Endpoint
from innkeeper.cli.errors import CliError
from innkeeper.cli.session import find_endpoint, write_secret

from .conftest import CannedFrontEnd, Inn


@pytest.fixture
def front_end(canned: CannedFrontEnd) -> CannedFrontEnd:
    user = "<USER><ID>5</ID><NAME>ann</NAME></USER>"
    canned.documents |= {
        "clusters": "<CLUSTER_POOL/>",
        "users": f"<USER_POOL>{user}</USER_POOL>",
        "users/N": user,
    }
    return canned


def secret_sent(front_end: CannedFrontEnd) -> str:
    return front_end.secret


def test_the_home_file_is_the_usual_source(front_end: CannedFrontEnd, inn: Inn) -> None:
    assert inn("cluster", "list").code == 0
    assert secret_sent(front_end) == "ann:secret"


@pytest.mark.parametrize("variable", ["INN_AUTH", "ONE_AUTH"])
def test_a_named_file_comes_before_it(
    front_end: CannedFrontEnd,
    inn: Inn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    (tmp_path / "auth").write_text("bob:with:colons  \n\n")
    monkeypatch.setenv(variable, str(tmp_path / "auth"))
    inn("cluster", "list")
    assert secret_sent(front_end) == "bob:with:colons"


def test_options_come_before_all_and_may_stand_anywhere(
    front_end: CannedFrontEnd, inn: Inn
) -> None:
    inn("--user", "cid", "--password", "pw", "cluster", "list")
    assert secret_sent(front_end) == "cid:pw"
    inn("cluster", "list", "--user", "dan", "--password", "pw2")
    assert secret_sent(front_end) == "dan:pw2"


def test_an_unreadable_file_is_named(
    front_end: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INN_AUTH", "/nowhere/auth")
    outcome = inn("cluster", "list")
    assert outcome.code == 4 and "/nowhere/auth" in outcome.err


def test_a_file_of_something_else_is_refused(
    front_end: CannedFrontEnd, inn: Inn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "auth").write_text("what is this\n")
    monkeypatch.setenv("INN_AUTH", str(tmp_path / "auth"))
    outcome = inn("cluster", "list")
    assert outcome.code == 4 and "user:password" in outcome.err


def test_the_endpoint_may_lack_its_path(
    front_end: CannedFrontEnd, inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INN_ENDPOINT")
    assert inn("cluster", "list", "--endpoint", front_end.base).code == 0


def test_endpoints_are_looked_for_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("innkeeper.cli.session.SYSTEM_DATA", tmp_path)
    assert find_endpoint() == "http://127.0.0.1:2633/RPC2"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoint").write_text("http://running:1\n")
    assert find_endpoint() == "http://running:1"
    (Path.home() / ".one" / "one_endpoint").write_text("http://from-file:1/RPC2\n")
    assert find_endpoint() == "http://from-file:1/RPC2"
    with monkeypatch.context() as named:
        named.setenv("INN_DATA", str(tmp_path))
        assert find_endpoint() == "http://running:1"
    monkeypatch.setenv("ONE_XMLRPC", "http://one:1/RPC2")
    assert find_endpoint() == "http://one:1/RPC2"
    monkeypatch.setenv("INN_ENDPOINT", "http://inn:1/RPC2")
    assert find_endpoint() == "http://inn:1/RPC2"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h:2633/RPC2", ("http", "h", 2633, "/RPC2")),
        ("https://h", ("https", "h", 443, "/RPC2")),
        ("http://h:8080/one/RPC2", ("http", "h", 8080, "/one/RPC2")),
        ("http://[::1]:2633", ("http", "::1", 2633, "/RPC2")),
    ],
)
def test_an_endpoint_is_read(url: str, expected: tuple[str, str, int, str]) -> None:
    assert Endpoint.parse(url) == expected
    assert Endpoint.parse(str(Endpoint.parse(url))) == expected


@pytest.mark.parametrize(
    "url", ["h:2633", "ftp://h", "http://", "http://h:99999", "http://h:x", ""]
)
def test_an_endpoint_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(CliError, match="expected http://HOST:PORT/RPC2"):
        Endpoint.parse(url)


def test_a_secret_is_written_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "auth"
    os.umask(os.umask(0))
    write_secret(path, "ann:token")
    assert path.read_text() == "ann:token\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_logging_in_keeps_a_token(front_end: CannedFrontEnd, inn: Inn, tmp_path: Path) -> None:
    front_end.results["POST users/5/actions/login"] = "0123abc"
    path = tmp_path / "token"
    assert inn("user", "login", "--file", str(path), "--time", "60").code == 0
    assert front_end.changes("POST users/5/actions/login") == [{"valid": 60, "egid": -1}]
    assert path.read_text() == "ann:0123abc\n"


def test_credentials_that_are_there_are_kept_unless_forced(
    front_end: CannedFrontEnd, inn: Inn
) -> None:
    front_end.results["POST users/5/actions/login"] = "0123abc"
    home_file = Path.home() / ".one" / "one_auth"
    outcome = inn("user", "login")
    assert outcome.code == 1 and "--force" in outcome.err
    assert front_end.sent == []
    assert home_file.read_text() == "ann:secret\n"
    assert inn("user", "login", "--force").code == 0
    assert home_file.read_text() == "ann:0123abc\n"


def test_a_token_can_be_printed_alone(front_end: CannedFrontEnd, inn: Inn) -> None:
    front_end.results["POST users/5/actions/login"] = "0123abc"
    assert inn("user", "login", "--print").out == "0123abc\n"
    assert inn("user", "login", "--json").data["token"] == "0123abc"


def test_an_own_password_is_read_from_a_pipe(front_end: CannedFrontEnd, inn: Inn) -> None:
    assert inn("user", "passwd", stdin="new secret\n").code == 0
    assert front_end.sent == [("POST users/5/actions/passwd", {"password": "new secret"})]
    assert inn("user", "passwd", stdin="").code == 2
