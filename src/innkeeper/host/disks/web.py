"""Opening an http(s) address: its name is looked up once, and what was checked is what is connected to.

A user who may name an address must not reach by it what only this machine reaches: itself, its neighbours, the
metadata service of a cloud. So with a ``Reach`` only public addresses are connected to, at each redirection anew.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import IO

from ..errors import FailedError, RefusedError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Networks that may be reached besides public addresses; None: there are no bounds.
Reach = Sequence[_Network] | None

_SILENCE = 60.0
_REDIRECTIONS = 5
_PORTS = {"http": 80, "https": 443}
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def open_url(place: str, reach: Reach, most: int | None = None) -> tuple[IO[bytes], int | None]:
    """The bytes at an address (``most`` of them will do), and how many there are in all, if known."""
    at = place
    for _ in range(_REDIRECTIONS + 1):
        with _told(place):
            answer = _ask(at, reach, most)
        if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("Location"):
            at = urllib.parse.urljoin(at, answer.headers["Location"])
            answer.close()
        elif answer.status in (200, 206):
            return answer, _length(answer)
        else:
            answer.close()
            kind = FailedError if answer.status >= 500 else RefusedError
            raise kind(f"{place}: the server answers {answer.status} {answer.reason}")
    raise RefusedError(f"{place}: it is redirected more than {_REDIRECTIONS} times")


@contextlib.contextmanager
def _told(place: str) -> Iterator[None]:
    """What goes wrong on the way, with the address that was asked for."""
    try:
        yield
    except (OSError, http.client.HTTPException) as broken:
        raise FailedError(f"{place}: {broken or type(broken).__name__}") from broken


def _ask(at: str, reach: Reach, most: int | None) -> http.client.HTTPResponse:
    scheme, host, port, target = parts(at)
    connection = http.client.HTTPConnection(host, port, timeout=_SILENCE)
    connection.sock = _connected(host, port, reach)
    try:
        if scheme == "https":
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        wanted = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        headers = {"User-Agent": "innkeeper-agent", "Connection": "close", **wanted}
        connection.request("GET", target, headers=headers)
        return connection.getresponse()
    except BaseException:
        connection.close()
        raise


def parts(at: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and target of an address."""
    try:
        found = urllib.parse.urlsplit(at)
        host, port = found.hostname, found.port
    except ValueError as wrong:
        raise RefusedError(f"{at}: it is no address ({wrong})") from wrong
    if found.scheme not in _PORTS or not host:
        raise RefusedError(f"{at}: only http and https addresses can be fetched")
    target = urllib.parse.quote(found.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if found.query:
        target += "?" + urllib.parse.quote(found.query, safe="/?%:@!$&'()*+,;=~-._")
    return found.scheme, host, port or _PORTS[found.scheme], target


def _connected(host: str, port: int, reach: Reach) -> socket.socket:
    """A connection to one of the addresses that the name has now and that may be reached."""
    found = dict.fromkeys(
        str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    allowed = [address for address in found if permitted(address, reach)]
    if not allowed:
        raise RefusedError(
            f"{host} is {', '.join(found)}: "
            "users' images are not fetched from loopback, link-local or private addresses"
        )
    for address in allowed[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), _SILENCE)
    return socket.create_connection((allowed[-1], port), _SILENCE)


def permitted(text: str, reach: Reach) -> bool:
    """May this address be reached on a user's behalf?"""
    if reach is None:
        return True
    address = _meant(ipaddress.ip_address(text.partition("%")[0]))
    if any(address in network for network in reach):
        return True
    return address.is_global and not address.is_multicast


def _meant(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _length(answer: http.client.HTTPResponse) -> int | None:
    """Bytes of the whole, as the server says."""
    total = (answer.headers.get("Content-Range") or "").rpartition("/")[2]
    found = total if total.isdigit() else answer.headers.get("Content-Length") or ""
    return int(found) if found.isdigit() else None
