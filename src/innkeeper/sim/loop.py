"""An asyncio event loop whose time is virtual: a day of waiting takes no time at all.

Theory of operation
-------------------
`time()` stands still while anything is ready to run. When nothing is, it jumps to the next timer.
So a program takes only the time that its own code needs, and what happens when is decided by the
program alone, never by the machine that it runs on.

The same program with the same seed gives the same history, in any process. For that:

* Callbacks that are due at the same instant run in the order in which they were scheduled. A heap
  alone does not keep that order, so each timer also carries a number.
* asyncio keeps tasks and futures in sets (a task group cancels "all its tasks" by walking one),
  and a set is walked in the order of hashes, which are memory addresses by default. Our tasks and
  futures hash to their number on this loop.
* The names of tasks count from one on each loop, not over the life of the process.
* Threads, sockets, pipes, processes and signals are refused: they answer when the machine likes.

If nothing is ready and no timer is set, nothing can ever happen again: that is a `Deadlock`, and
it names what waits. If callbacks go on and on and time does not move, that is a `Standstill`.

Only these parts of asyncio.BaseEventLoop are relied on beyond its documented interface: the queue
`_ready`, the flag `_stopping`, and that `run_forever` calls `_run_once` until it is set.
"""

import asyncio
import contextvars
import heapq
import math
import random
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, NoReturn, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: The hour at which every simulated history starts: 2027-01-15 08:00:00 UTC, in epoch seconds.
START = 1_800_000_000.0


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set, and the program is not done."""


class Standstill(RuntimeError):
    """Callbacks run without end while time does not move."""


class RealWorldRefused(RuntimeError):
    """Something asked the virtual loop for a thread, a socket, a process or a signal."""


class VirtualClock:
    """The hour on a virtual loop. Fulfils `innkeeper.model.clock.Clock`."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def time(self) -> float:
        """Epoch seconds; every history starts at `START`."""
        return START + self._loop.time()

    def monotonic(self) -> float:
        """Seconds since the loop was made."""
        return self._loop.time()


class VirtualFuture(asyncio.Future[T]):
    """A future that sets walk in the order of creation."""

    def __init__(self, number: int, loop: "VirtualLoop") -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class VirtualTask(asyncio.Task[T]):
    """A task that sets walk in the order of creation."""

    def __init__(
        self,
        number: int,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        loop: "VirtualLoop",
        name: str,
        context: contextvars.Context | None,
    ) -> None:
        self._number = number  # first: registering the task hashes it
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. `clock` tells its hour and `random` is its source of chance, from `seed`.

    `patience` is how many rounds of callbacks may run at one instant before that is a Standstill.
    """

    _ready: deque[asyncio.Handle]
    _stopping: bool

    def __init__(self, seed: int = 0, patience: int = 1_000_000) -> None:
        super().__init__()
        self.clock = VirtualClock(self)
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self._patience = patience
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._dead_timers = 0
        self._rounds_now = 0
        self._numbers = 0
        self._tasks = 0
        self._thread = threading.get_ident()

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        # As the original, without its checks for debugging: nothing else is called as often.
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        if math.isnan(when):
            raise ValueError("call_at: when: expected a time in seconds, got nan")
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._timers, (when, self._next_number(), handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise RealWorldRefused("call_soon_threadsafe: called from another thread")
        return self.call_soon(callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return VirtualFuture(self._next_number(), self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        self._tasks += 1
        named = str(name) if name is not None else f"task-{self._tasks}"
        return VirtualTask(self._next_number(), coro, self, named, context)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _run_once(self) -> None:
        """One round: take up the timers that are due, then run what is ready."""
        ready = self._ready
        if not ready and not self._stopping:
            self._jump()
        if self._timers and self._timers[0][0] <= self._now:
            self._take_due()
        self._rounds_now += 1
        if self._rounds_now > self._patience:
            raise Standstill(
                f"time stands still at {self._now:.6f} s after {self._patience} rounds of "
                f"callbacks; next is {ready[0] if ready else 'none'}"
            )
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _jump(self) -> None:
        """Move time to the next timer."""
        while self._timers and self._timers[0][2]._cancelled:
            self._pop()
        if not self._timers or math.isinf(self._timers[0][0]):
            raise Deadlock(self._who_waits())
        if self._timers[0][0] > self._now:
            self._now = self._timers[0][0]
            self._rounds_now = 0

    def _take_due(self) -> None:
        while self._timers and self._timers[0][0] <= self._now:
            self._ready.append(self._pop())

    def _pop(self) -> asyncio.TimerHandle:
        handle = heapq.heappop(self._timers)[2]
        handle._scheduled = False  # type: ignore[attr-defined]
        self._dead_timers -= handle._cancelled
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A handle says that it was cancelled; a heap full of dead timeouts would be slow."""
        if not handle._scheduled:  # type: ignore[attr-defined]
            return
        self._dead_timers += 1
        if self._dead_timers > 100 and 2 * self._dead_timers > len(self._timers):
            # The handle at hand is not marked yet: it stays and counts.
            self._timers = [entry for entry in self._timers if not entry[2]._cancelled]
            heapq.heapify(self._timers)
            self._dead_timers = 1

    def _who_waits(self) -> str:
        waiting = [_describe(task) for task in self.pending_tasks()]
        shown = waiting[:20] + [f"and {len(waiting) - 20} more"] * (len(waiting) > 20)
        return "; ".join([f"nothing can happen any more at {self._now:.6f} s", *shown])

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, in the order of their creation."""
        return sorted(asyncio.all_tasks(self), key=hash)


def _describe(task: asyncio.Task[Any]) -> str:
    stack = task.get_stack(limit=1)
    where = f"{stack[0].f_code.co_filename}:{stack[0].f_lineno}" if stack else "its start"
    coroutine = getattr(task.get_coro(), "__qualname__", "a coroutine")
    return f"{task.get_name()} ({coroutine}) waits at {where}"


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], *, seed: int) -> T:
    """Run `main(loop)` on a new virtual loop to its end and return its result.

    What it leaves running is cancelled. An exception that nobody caught, in a callback or in a
    task, comes out as an ExceptionGroup when `main` itself went well.
    """
    loop = VirtualLoop(seed)
    lost: list[Exception] = []
    loop.set_exception_handler(lambda _, context: lost.append(_lost_exception(context)))
    try:
        result = loop.run_until_complete(main(loop))
    finally:
        try:
            _wind_up(loop)
        finally:
            loop.close()
    if lost:
        raise ExceptionGroup("exceptions that nobody caught", lost)
    return result


def _wind_up(loop: VirtualLoop) -> None:
    left = loop.pending_tasks()
    for task in left:
        task.cancel()
    outcomes = loop.run_until_complete(asyncio.wait(left)) if left else None
    for task in sorted(outcomes[0], key=hash) if outcomes else ():
        if not task.cancelled() and task.exception() is not None:
            message = f"{task.get_name()} failed while it was cancelled"
            loop.call_exception_handler({"message": message, "exception": task.exception()})
    loop.run_until_complete(loop.shutdown_asyncgens())


def _lost_exception(context: dict[str, Any]) -> Exception:
    exception = context.get("exception")
    if isinstance(exception, Exception):
        return exception
    return RuntimeError(context.get("message", "an unknown failure"))


_REFUSED = (
    "run_in_executor set_default_executor getaddrinfo getnameinfo create_connection create_server "
    "sendfile start_tls create_unix_connection create_unix_server connect_accepted_socket "
    "create_datagram_endpoint connect_read_pipe connect_write_pipe subprocess_shell "
    "subprocess_exec add_reader remove_reader add_writer remove_writer sock_recv sock_recv_into "
    "sock_recvfrom sock_recvfrom_into sock_sendall sock_sendto sock_connect sock_accept "
    "sock_sendfile add_signal_handler remove_signal_handler set_task_factory"
)


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: VirtualLoop, *_args: object, **_options: object) -> NoReturn:
        raise RealWorldRefused(f"{name}: a virtual loop has no such thing")

    return refuse


for _name in _REFUSED.split():
    setattr(VirtualLoop, _name, _refusal(_name))
