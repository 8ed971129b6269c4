"""Passwords checked by a directory server: an LDAPv3 simple bind (RFC 4511), and nothing else of the protocol.

The bind's name is made from the user's by a pattern of the settings, or is what the user's record says. The server's
certificate is checked against the system's authorities, or against a file.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

#: Seconds that the server may take, and bytes of an answer at most.
PATIENCE, LONGEST = 10.0, 64 * 1024
PORTS = {"ldap": 389, "ldaps": 636}
_SUCCESS, _BIND_RESPONSE = 0, 0x61


class Directory:
    """A directory server. `pattern` is the name to bind with; `{name}` in it is the user's, escaped."""

    def __init__(self, url: str, pattern: str, authorities: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._pattern = pattern
        self._tls = ssl.create_default_context(cafile=authorities or None)
        self._secure = parts.scheme == "ldaps"

    def __call__(self, name: str, password: str) -> bool:
        """Is it the user's password? False too when the server cannot be asked."""
        if not password:  # would be an anonymous bind, which succeeds
            return False
        who = name if "=" in name else self._pattern.replace("{name}", escaped(name))
        try:
            with self._connected() as connection:
                connection.sendall(bind_request(who, password))
                return _bound(connection.recv)
        except (OSError, ValueError):
            return False

    def _connected(self) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), PATIENCE)
        if not self._secure:
            return connection
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            secured = self._tls.wrap_socket(connection, server_hostname=self._host)
            undo.pop_all()
            return secured


def escaped(name: str) -> str:
    """A name as a value in a distinguished name (RFC 4514)."""
    special = {*',+"\\<>;=#', "\0"}
    text = "".join(f"\\{ord(c):02x}" if c in special else c for c in name)
    return f"\\20{text[1:]}" if text.startswith(" ") else text


def bind_request(who: str, password: str) -> bytes:
    """A simple bind of protocol version 3, as message 1."""
    name, secret = _element(0x04, who.encode()), _element(0x80, password.encode())
    bind = _element(0x60, _element(0x02, b"\x03") + name + secret)
    return _element(0x30, _element(0x02, b"\x01") + bind)


def _element(tag: int, content: bytes) -> bytes:
    """A tag, the content's length, the content (BER)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _bound(receive: Callable[[int], bytes]) -> bool:
    """Reads the answer to a bind: is its result a success?"""
    tag, message = _read(receive)
    if tag != 0x30:
        return False
    _, _, rest = _taken(message)  # the message's number
    tag, response, _ = _taken(rest)
    code_tag, code, _ = _taken(response)
    return (tag, code_tag, code) == (_BIND_RESPONSE, 0x0A, bytes((_SUCCESS,)))


def _read(receive: Callable[[int], bytes]) -> tuple[int, bytes]:
    """A whole element from the connection."""
    tag, first = _exactly(receive, 2)
    size = first
    if first & 0x80:
        size = int.from_bytes(_exactly(receive, first & 0x7F), "big")
    if size > LONGEST:
        raise ValueError("the answer is too long")
    return tag, _exactly(receive, size)


def _exactly(receive: Callable[[int], bytes], count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = receive(count - len(found))
        if not piece:
            raise ValueError("the connection ended")
        found += piece
    return found


def _taken(data: bytes) -> tuple[int, bytes, bytes]:
    """The first element of some bytes: its tag, its content, what follows."""
    if len(data) < 2:
        raise ValueError("an element is cut off")
    tag, size, at = data[0], data[1], 2
    if size & 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if at + size > len(data):
        raise ValueError("an element is cut off")
    return tag, data[at : at + size], data[at + size :]
