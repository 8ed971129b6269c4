"""A front end that answers from a table, for tests of parsing, rendering and exit codes only.

Its documents follow the API's published structure. What the real front end does is tested in
`test_against_daemon.py`.
"""

from __future__ import annotations

import io
import json
import threading
import xmlrpc.client
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
    """Answers each method with a fixed value, or with what a function of its arguments returns."""

    def __init__(self) -> None:
        self.methods: dict[str, Any] = {}
        self.pages: dict[str, Any] = {}
        self.calls: list[tuple[Any, ...]] = []
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

    def refuse(self, method: str, code: int, message: str) -> None:
        self.methods[method] = lambda *_: [False, f"[one.{method}] {message}", code, -1, -1]

    def answer(self, method: str, *params: Any) -> list[Any]:
        found = self.methods[method]
        value = found(*params) if callable(found) else found
        return value if isinstance(value, list) else [True, value, 0]

    def calls_of(self, method: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == method]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.startswith("/api/"):
                    self.do_GET()
                    return
                params, method = xmlrpc.client.loads(body)
                short = (method or "").removeprefix("one.")
                canned.calls.append((short, *params[1:]))
                canned.headers.append({"secret": str(params[0])})
                if short not in canned.methods:
                    fault = xmlrpc.client.Fault(-506, f"Method '{method}' not defined")
                    self.reply(xmlrpc.client.dumps(fault).encode())
                else:
                    answer = (canned.answer(short, *params[1:]),)
                    self.reply(xmlrpc.client.dumps(answer, methodresponse=True).encode())

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                canned.calls.append((parts.path, query))
                canned.headers.append(dict(self.headers))
                page = canned.pages.get(parts.path)
                found = page(query) if callable(page) else page
                if found is None:
                    self.reply(b'{"error": "no such page"}', 404)
                elif isinstance(found, bytes):
                    self.reply(found, kind="text/event-stream")
                else:
                    self.reply(json.dumps(found).encode())

            def reply(self, body: bytes, status: int = 200, kind: str = "text/xml") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


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
