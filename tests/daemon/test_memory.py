"""What the C library keeps of memory that is free goes back to the machine."""

import asyncio
import ctypes
from pathlib import Path

import pytest

from innkeeper.daemon import memory

BLOCKS, SIZE, PAGE = 20_000, 4_000, 4096


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def scattered() -> tuple[ctypes.CDLL, int]:
    """Blocks that were used and are free now, below one that is not: the heap cannot shrink from its end."""
    library = ctypes.CDLL(None)
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [library.malloc(SIZE) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    for block in blocks[:-1]:
        library.free(block)
    return library, blocks[-1]


async def given_back() -> None:
    """Twice, blocks are used and freed; each time the machine has them back."""
    giving = asyncio.create_task(memory.give_back())
    for _ in range(2):
        library, last = scattered()
        before = resident()
        async with asyncio.timeout(30):
            while before - resident() < BLOCKS * SIZE / 2:
                await asyncio.sleep(0.01)
        library.free(last)
    giving.cancel()


def test_memory_that_is_free_goes_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "EVERY", 0.01)
    asyncio.run(given_back())
