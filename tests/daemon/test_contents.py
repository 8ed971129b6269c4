"""Files on their way: what cannot be taken up leaves nothing that is held for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from innkeeper.api.v1.ports import NoRoom
from innkeeper.daemon import contents
from innkeeper.daemon.contents import Contents
from tests.commands.realm import Realm


async def nothing() -> AsyncIterator[bytes]:
    yield b"x"


def test_an_upload_that_cannot_begin_holds_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Contents(Realm().core, None, tmp_path)  # type: ignore[arg-type]

    class Full:
        def __init__(self, path: str, most: int) -> None:
            Path(path).touch()
            raise OSError(28, "No space left on device")

    async def run() -> None:
        async with taken.receive(nothing(), 1):
            pytest.fail("nothing was taken")

    monkeypatch.setattr(contents, "Arrival", Full)
    with pytest.raises(NoRoom, match="it is full"):
        asyncio.run(run())
    assert list(tmp_path.iterdir()) == []
