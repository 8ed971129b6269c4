"""The connection to a front end: requests, and the event stream.

One connection is kept and reused. A call that only reads is repeated once when the front end closed
the kept connection meanwhile; a call that changes something never is, since it may have been done.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from innkeeper.cli.errors import CliError, ExitCode, Refused, exit_code_of_status
from innkeeper.cli.lean_http import LeanConnection

if TYPE_CHECKING:
    import http.client
    import ssl

    from innkeeper.client.resources import Api

XML = "application/xml"
# A kept connection that was idle for longer is not trusted to be open still (seconds).
_IDLE_LIMIT = 2.0


_URL = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<host>[^/:\[\]@?#\s]+))"
    r"(?::(?P<port>\d{1,5}))?(?P<path>/[^?#\s]*)?"
)
_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """Where the front end listens."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read `http://host:port/RPC2`; the path may be left out."""
        match = _URL.fullmatch(url.strip())
        port = int(match["port"] or _PORTS[match["scheme"]]) if match else 0
        if match is None or not 0 < port < 65536:
            raise CliError(f"endpoint: expected http://HOST:PORT/RPC2, not {url!r}", ExitCode.USAGE)
        path = match["path"] if match["path"] not in (None, "/") else "/RPC2"
        return cls(match["scheme"], match["ipv6"] or match["host"], port, path)

    @property
    def authority(self) -> str:
        """`host:port`, with brackets around an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


class StreamEvent(NamedTuple):
    """One record of a server-sent event stream; without data it only tells where the stream is."""

    id: str
    data: Any
    kind: str = ""


class Client:
    """A front end, as one user sees it."""

    def __init__(
        self, endpoint: Endpoint, secret: str, timeout: float, verify: bool = True
    ) -> None:
        """`secret` is `user:password` or `user:token`; `timeout` is in seconds."""
        self.endpoint = endpoint
        self.secret = secret
        self._timeout = timeout
        self.verify = verify
        self._connection: LeanConnection | None = None
        self._last_use = 0.0

    @cached_property
    def api(self) -> Api:
        """The typed client, over this connection."""
        from innkeeper.client.resources import Api

        return Api(self)

    @property
    def user(self) -> str:
        """Who asks."""
        return self.secret.partition(":")[0]

    def fetch(self, path: str, **query: str | int) -> bytes:
        """GET the bytes of an answer."""
        target = _target(path, query)
        status, answer = self._exchange("GET", target, None, self._web_headers(), repeat=True)
        if status >= 400:
            raise bad_status(status, answer)
        return answer

    def request(
        self, verb: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]
    ) -> Any:
        """One exchange: what the typed client needs."""
        said = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in query.items()
            if value is not None
        }
        sent = None if body is None else _dumped(body)
        own = {**self._web_headers(), "Content-Type": "application/json", **headers}
        repeat = verb == "GET" or "Idempotency-Key" in headers
        status, answer = self._exchange(verb, _target(path, said), sent, own, repeat=repeat)
        if status >= 400:
            raise bad_status(status, answer)
        return answer.decode() if own["Accept"] == XML else _json(path, answer)

    def stream(self, path: str, **query: str | int) -> Iterator[StreamEvent]:
        """Follow a server-sent event stream until the front end ends it."""
        import http.client

        connection = self.web_connection()
        headers = {**self._web_headers(), "Accept": "text/event-stream"}
        try:
            connection.request("GET", _target(path, query), headers=headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise bad_status(response.status, response.read())
            yield from _records(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def web_connection(self) -> http.client.HTTPConnection:
        """A connection of its own, for what takes long."""
        import http.client

        where = self.endpoint
        if where.scheme == "http":
            return http.client.HTTPConnection(where.host, where.port)
        context = tls_context(self.verify)
        return http.client.HTTPSConnection(where.host, where.port, context=context)

    def close(self) -> None:
        """Give the connection up; a later call opens another one."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def authorization(self) -> str:
        """The value of an HTTP Authorization header."""
        from base64 import b64encode

        return "Basic " + b64encode(self.secret.encode()).decode()

    def _web_headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization(), "Accept": "application/json"}

    def _exchange(
        self, verb: str, target: str, body: bytes | None, headers: dict[str, str], repeat: bool
    ) -> tuple[int, bytes]:
        kept = self._kept_connection()
        if kept is not None and repeat:
            try:
                return self._send(kept, verb, target, body, headers)
            except OSError:
                self.close()
        try:
            connection = self._kept_connection() or self._connect()
            return self._send(connection, verb, target, body, headers)
        except OSError as error:
            self.close()
            raise self._unreachable(error) from error

    def _send(
        self,
        connection: LeanConnection,
        verb: str,
        target: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> tuple[int, bytes]:
        answer = connection.exchange(verb, target, headers, body)
        self._last_use = time.monotonic()
        return answer

    def _kept_connection(self) -> LeanConnection | None:
        kept = self._connection
        if kept and (not kept.usable or time.monotonic() - self._last_use > _IDLE_LIMIT):
            self.close()
        return self._connection

    def _connect(self) -> LeanConnection:
        where = self.endpoint
        tls = tls_context(self.verify) if where.scheme == "https" else None
        self._connection = LeanConnection(where.host, where.port, self._timeout, tls)
        return self._connection

    def _unreachable(self, error: Exception) -> CliError:
        if isinstance(error, TimeoutError):
            return CliError(
                f"the front end at {self.endpoint} did not answer within {self._timeout:g} s",
                ExitCode.TIMED_OUT,
            )
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return CliError(
            f"no front end answers at {self.endpoint} ({reason}):"
            " is it running? (`inn up` starts it on its machine; --endpoint and INN_ENDPOINT name another)",
            ExitCode.UNREACHABLE,
        )


def bad_status(status: int, answer: bytes) -> Refused:
    """What an answer that is a refusal says."""
    return Refused(_message_of(answer) or f"HTTP status {status}", exit_code_of_status(status))


def tls_context(verify: bool) -> ssl.SSLContext:
    """A TLS context; without verification it accepts any certificate.

    Trusted are the system's authorities, the file in INN_CERTIFICATE, and the certificate that a front end on this
    machine has made for itself.
    """
    import ssl

    from innkeeper.cli.session import data_folder

    context = ssl.create_default_context()
    own = data_folder() / "tls" / "certificate.pem"
    if named := os.environ.get("INN_CERTIFICATE"):
        context.load_verify_locations(named)
    if own.is_file():
        context.load_verify_locations(own)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _dumped(body: Any) -> bytes:
    import json

    return json.dumps(body).encode()


def _json(path: str, answer: bytes) -> Any:
    import json

    try:
        return json.loads(answer)
    except ValueError as error:
        raise CliError(f"{path} did not answer JSON: {error}") from error


def _target(path: str, query: dict[str, str | int]) -> str:
    from urllib.parse import urlencode

    return f"{path}?{urlencode(query)}" if query else path


def _message_of(answer: bytes) -> str:
    """The text of an error answer, whether it is JSON or plain."""
    import json

    text = answer.decode(errors="replace").strip()
    try:
        data = json.loads(text)
    except ValueError:
        return "" if text.startswith("<") else text.partition("\n")[0][:500]
    if not isinstance(data, dict):
        return text[:500]
    found = data.get("error") or data.get("message") or data.get("detail")
    if isinstance(found, dict):
        found = found.get("message")
    return str(found or text[:500])


def _records(response: http.client.HTTPResponse) -> Iterator[StreamEvent]:
    """Split a text/event-stream (HTML standard, server-sent events) into its records."""
    import json

    identity, data, kind = "", [], ""
    while line := response.readline():
        field, _, value = line.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            identity = value
        elif field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif not field and not value and (data or identity):
            yield StreamEvent(identity, json.loads("\n".join(data)) if data else None, kind)
            data, kind = [], ""
