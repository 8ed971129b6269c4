"""What these endpoints need of the rest of the daemon."""

from collections.abc import AsyncIterator
from typing import Any, Protocol


class GuestUnreachable(Exception):
    """The host of a guest cannot be asked; the text says why."""


class Console(Protocol):
    """An open serial console."""

    def output(self) -> AsyncIterator[bytes]:
        """What the guest says, until the console closes."""
        ...

    async def write(self, data: bytes) -> None:
        """What the user types."""
        ...

    async def close(self) -> None:
        """Ends it."""
        ...


class Guests(Protocol):
    """What can be asked about a guest on its host; both raise GuestUnreachable."""

    async def read_log(self, vm: int, which: str, offset: int) -> dict[str, Any]:
        """A piece of the serial or hypervisor log: {"data", "offset", "size"}."""
        ...

    async def open_console(self, vm: int) -> Console:
        """The guest's serial console."""
        ...
