"""A front end that answers from a table, for tests of parsing, rendering and exit codes only.

Its documents follow the API's published structure. What the real front end does is tested in
`test_against_daemon.py`.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from innkeeper.cli.main import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class CannedFrontEnd:
    """Answers each request with a fixed value, or with what a function makes of it.

    `documents` are XML by path (`vms`, `vms/3`, `vms/N` for each number), `pages` JSON by address, `results` what
    changes come to by verb and path (`POST vms`); of others the result is 42.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.pages: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.refusals: dict[str, tuple[int, str]] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def endpoint(self) -> str:
        return f"{self.base}/RPC2"

    def refuse(self, what: str, status: int, message: str) -> None:
        """Refuses a document (`vms`), or a change (`POST vms`)."""
        self.refusals[what] = status, message

    def document(self, path: str, query: dict[str, str]) -> str | None:
        """The document at a path."""
        number = path.rpartition("/")[2]
        found = self.documents.get(path, self.documents.get(re.sub(r"\b\d+", "N", path)))
        if not callable(found):
            return found
        return str(found(int(number)) if number.isdigit() else found(query))

    def change(self, what: str, body: dict[str, Any]) -> Any:
        """The outcome of a change."""
        self.sent.append((what, body))
        found = self.results.get(what, 42)
        result = found(body) if callable(found) else found
        return {"id": result, "result": result, "object": None, "operation": None}

    def asked(self, path: str) -> list[dict[str, str]]:
        """The queries with which a document was asked for."""
        return [query for found, query in self.calls if found == f"/api/v1/{path}"]

    def changes(self, what: str) -> list[dict[str, Any]]:
        """What was said with each change (`POST vms`)."""
        return [body for found, body in self.sent if found == what]

    @property
    def secret(self) -> str:
        """Who asked last."""
        return base64.b64decode(self.headers[-1]["Authorization"].removeprefix("Basic ")).decode()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, verb: str, address: str, xml: bool, said: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request."""
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/api/v1/")
        body = json.loads(said or b"{}") or query
        if verb == "GET" or parts.path in self.pages:
            self.calls.append((parts.path, query))
            return self._read(parts.path, path, query, xml)
        if (refusal := self.refusals.get(f"{verb} {path}")) is not None:
            self.sent.append((f"{verb} {path}", body))
            return _problem(*refusal)
        return 200, json.dumps(self.change(f"{verb} {path}", body)).encode()

    def _read(self, address: str, path: str, query: dict[str, str], xml: bool) -> tuple[int, bytes]:
        if (refusal := self.refusals.get(re.sub(r"\b\d+", "N", path))) is not None:
            return _problem(*refusal)
        if xml and (document := self.document(path, query)) is not None:
            return 200, document.encode()
        page = self.pages.get(address)
        found = page(query) if callable(page) else page
        if found is None:
            return _problem(404, "no such page")
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                canned.headers.append(dict(self.headers))
                said = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                xml = self.headers.get("Accept") == "application/xml"
                status, body = canned.answer(self.command, self.path, xml, said)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - its names

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _problem(status: int, text: str) -> tuple[int, bytes]:
    return status, json.dumps({"status": status, "detail": text}).encode()


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedFrontEnd]:
    front_end = CannedFrontEnd()
    monkeypatch.setenv("INN_ENDPOINT", front_end.endpoint)
    yield front_end
    front_end.stop()


@pytest.fixture(autouse=True)
def bare_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No credentials and settings but those of a test; the clock of Greenwich."""
    for name in ("INN_AUTH", "ONE_AUTH", "INN_ENDPOINT", "ONE_XMLRPC", "INN_DEBUG", "INN_DATA"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    (home / ".one").mkdir()
    (home / ".one" / "one_auth").write_text("ann:secret\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    __import__("time").tzset()


Inn = Callable[..., Outcome]


@pytest.fixture
def inn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inn:
    """Run a command line in this process."""

    def run(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run
