"""Time comes from outside: whoever needs the hour is handed a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the hour."""

    def time(self) -> float:
        """Seconds since 1970-01-01 00:00:00 UTC."""
        ...


class SystemClock:
    """The machine's clock. The only place in Innkeeper that reads it."""

    def time(self) -> float:
        return time.time()
