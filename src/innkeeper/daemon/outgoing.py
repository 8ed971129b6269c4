"""Sends to addresses that users named: public ones, and those of networks that the settings allow."""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

from innkeeper import __version__
from innkeeper.host.disks import web
from innkeeper.host.errors import AgentError

from .webhooks import NotTaken

#: Seconds for all of it: to look the name up, to connect, to send, to be answered.
TIMEOUT = 20.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


class Outgoing:
    """Sends bodies by POST. A name is looked up once, and what was checked is what is connected to."""

    def __init__(self, allowed: Sequence[IPv4Network | IPv6Network]) -> None:
        self.allowed = allowed

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises NotTaken unless the answer is 2xx. Redirections are not followed."""
        try:
            async with asyncio.timeout(TIMEOUT):
                status = await self._post(url, headers, body)
        except TimeoutError:
            raise NotTaken(f"there was no answer within {TIMEOUT:g} s") from None
        except (OSError, ValueError, AgentError) as error:
            raise NotTaken(str(error) or type(error).__name__) from None
        if not 200 <= status < 300:
            raise NotTaken(f"the answer is HTTP status {status}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        scheme, host, port, target = web.parts(url)
        address = await self._address(host, port)
        tls = ssl.create_default_context() if scheme == "https" else None
        name = host if tls else None
        reader, writer = await asyncio.open_connection(address, port, ssl=tls, server_hostname=name)
        try:
            writer.write(_head(host, port, target, headers, len(body)) + body)
            await writer.drain()
            answer = _STATUS.match(await reader.readline())
            if answer is None:
                raise NotTaken("the answer is not HTTP")
            return int(answer[1])
        finally:
            writer.close()

    async def _address(self, host: str, port: int) -> str:
        """One of the addresses that the name has now, and that may be reached."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        for address in addresses:
            if web.permitted(address, self.allowed):
                return address
        raise NotTaken(
            f"{host} is {', '.join(addresses)}: webhooks reach no loopback, link-local or private addresses"
            " but those of webhooks.allow_networks"
        )


def _head(host: str, port: int, target: str, headers: Mapping[str, str], length: int) -> bytes:
    where = f"[{host}]" if ":" in host else host.encode("idna").decode()
    lines = [
        f"POST {target} HTTP/1.1",
        f"host: {where}:{port}",
        f"user-agent: innkeeper/{__version__}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {length}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")
