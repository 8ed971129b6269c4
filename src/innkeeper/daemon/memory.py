"""Memory that is not needed any more goes back to the machine.

Answers of many megabytes come and go; glibc keeps what lies between the pieces that stay. Handing it back takes
milliseconds, and is done in a thread of its own (malloc_trim(3)).
"""

import asyncio
import ctypes

#: Seconds between two looks.
EVERY = 30.0


async def give_back() -> None:
    """Gives back what is free, again and again; nothing where the C library has no such function."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(EVERY)
        await asyncio.to_thread(trim, 0)
