"""Just enough HTTP/1.1 (RFC 9112) for a request and its whole answer on a kept connection.

The standard library's `http.client` brings a mail parser along, which costs more time than all else
that `inn vm list` does. It is used where time does not matter: for event streams.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from io import BufferedReader

_MAX_LINE = 65_536
_NEWLINES = (b"\r\n", b"\n")


class ProtocolError(OSError):
    """The other side does not speak HTTP, or went away in the middle."""


class LeanConnection:
    """A connection that may be used for one exchange after the other."""

    def __init__(
        self, host: str, port: int, timeout: float, tls: ssl.SSLContext | None = None
    ) -> None:
        """Connect; `timeout`, in seconds, is also the longest silence in an exchange."""
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._socket = socket.create_connection((host, port), timeout)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        except OSError:
            self._socket.close()
            raise
        self._reader: BufferedReader = self._socket.makefile("rb")
        self.usable = True

    def exchange(
        self, verb: str, target: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        """Send a request and read the answer: its status and its body."""
        self.usable = False
        self._socket.sendall(self._head(verb, target, headers, body) + (body or b""))
        version, status = self._status()
        answered = self._headers()
        while status == 100:  # "go on", which we never asked for
            version, status = self._status()
            answered = self._headers()
        content = self._content(status, answered)
        length_known = "content-length" in answered or "transfer-encoding" in answered
        self.usable = (
            length_known and version == b"HTTP/1.1" and answered.get("connection") != "close"
        )
        return status, content

    def close(self) -> None:
        """Give the connection up."""
        self.usable = False
        self._reader.close()
        self._socket.close()

    def _head(self, verb: str, target: str, headers: dict[str, str], body: bytes | None) -> bytes:
        length = {} if body is None else {"Content-Length": str(len(body))}
        lines = [f"{verb} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in (headers | length).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _line(self) -> bytes:
        line = self._reader.readline(_MAX_LINE)
        if not line.endswith(b"\n"):
            raise ProtocolError("the connection was closed" if not line else "the line is too long")
        return line

    def _status(self) -> tuple[bytes, int]:
        parts = self._line().split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1].isdigit():
            raise ProtocolError("the answer is not HTTP")
        return parts[0], int(parts[1])

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while (line := self._line()) not in _NEWLINES:
            name, _, value = line.decode("latin-1").partition(":")
            found[name.strip().lower()] = value.strip()
        return {name: _folded(name, value) for name, value in found.items()}

    def _content(self, status: int, headers: dict[str, str]) -> bytes:
        if status in (204, 304):
            return b""
        if headers.get("transfer-encoding", "").endswith("chunked"):
            return b"".join(iter(self._chunk, b""))
        if "content-length" not in headers:
            return self._reader.read()
        if not headers["content-length"].isdigit():
            raise ProtocolError("the answer's length is no number")
        return self._exactly(int(headers["content-length"]))

    def _chunk(self) -> bytes:
        try:
            size = int(self._line().split(b";")[0], 16)
        except ValueError:
            raise ProtocolError("the answer is cut into pieces of unknown size") from None
        if size == 0:
            while self._line() not in _NEWLINES:  # trailers
                pass
            return b""
        piece = self._exactly(size)
        self._line()
        return piece

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise ProtocolError("the connection was closed in the middle of the answer")
        return data


def _folded(name: str, value: str) -> str:
    return value.lower() if name in ("connection", "transfer-encoding") else value
