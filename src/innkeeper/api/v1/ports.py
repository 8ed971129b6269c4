"""What these endpoints need of the rest of the daemon."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from innkeeper.model.objects import Image


class GuestUnreachable(Exception):
    """The host of a guest cannot be asked; the text says why."""


class Console(Protocol):
    """An open console: a serial port, or a screen in VNC's protocol."""

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
    """What can be asked about a guest on its host; all raise GuestUnreachable."""

    async def read_log(self, vm: int, which: str, offset: int) -> dict[str, Any]:
        """A piece of the serial or hypervisor log: {"data", "offset", "size"}."""
        ...

    async def open_console(self, vm: int, kind: str) -> Console:
        """The guest's serial console ("serial"), or its screen ("vnc")."""
        ...

    async def screenshot(self, vm: int) -> bytes:
        """What the guest's screen shows, as PNG."""
        ...

    async def execute(self, vm: int, command: str, stdin: bytes, seconds: float) -> dict[str, Any]:
        """Runs a command in the guest, at most once: {"code", "stdout", "stderr" (base64), "cut"}."""
        ...


class Doors(Protocol):
    """The listeners of redirects."""

    def problem(self, redirect_id: int) -> str:
        """Why a redirect's listener is not open; empty when it is."""
        ...


class ContentUnavailable(Exception):
    """An image's content cannot be had; the text says why."""


class NoRoom(Exception):
    """There is no room for what was to be written; the text names the place."""


class Content(Protocol):
    """Bytes of an image, read as they are taken. `aclose` gives up what it holds, begun or not."""

    size: int
    etag: str

    def only(self, start: int, end: int) -> None:
        """Gives the bytes from `start` up to `end` alone."""
        ...

    async def sha256(self) -> bytes:
        """The hash of all bytes."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Gives up what it holds."""
        ...


class Arrived(Protocol):
    """A file that came whole, with the hash of its bytes."""

    path: str
    digest: bytes


class Contents(Protocol):
    """The files behind images. `folder` is where uploads lie until they have become images."""

    folder: str

    async def open(self, image: Image, wanted: str) -> Content:
        """An image's bytes in a format. Raises ContentUnavailable or NoRoom."""
        ...

    def receive(
        self, chunks: AsyncIterator[bytes], most: int
    ) -> AbstractAsyncContextManager[Arrived]:
        """Writes what comes, at most so many bytes, into a file; it stays only if an image was made of it.

        Raises NoRoom.
        """
        ...

    async def verify(self, image: Image, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Which files of a backup are not what they were: {"name", "why"}. Raises ContentUnavailable."""
        ...
