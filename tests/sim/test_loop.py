"""The virtual loop: time jumps, order holds, histories repeat, the real world is refused."""

import asyncio
import contextlib
import gc
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from innkeeper.model.clock import Clock, SystemClock
from innkeeper.sim.loop import (
    START,
    Deadlock,
    RealWorldRefused,
    Standstill,
    VirtualLoop,
    run,
)


def test_time_jumps_to_the_next_timer_exactly() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        seen = [loop.time()]
        for delay in (0.1, 86_400.0, 3e8):
            await asyncio.sleep(delay)
            seen.append(loop.time())
        return seen

    assert run(main, seed=1) == [0.0, 0.1, 86_400.1, 86_400.1 + 3e8]


def test_time_stands_still_while_something_is_ready() -> None:
    async def main(loop: VirtualLoop) -> None:
        timer = loop.call_later(1e-9, lambda: None)
        for _ in range(100):
            await asyncio.sleep(0)
            assert loop.time() == 0.0
        timer.cancel()

    run(main, seed=1)


def test_a_timer_for_now_is_not_starved_by_callbacks_that_are_ready() -> None:
    async def main(loop: VirtualLoop) -> int:
        fired = asyncio.Event()
        loop.call_later(0, fired.set)
        rounds = 0
        while not fired.is_set():
            await asyncio.sleep(0)
            rounds += 1
        return rounds

    assert run(main, seed=1) <= 2


def test_timers_of_one_instant_run_in_the_order_of_scheduling() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        order: list[int] = []
        for number in range(1000):
            # The instant is one, the numbers come mixed up with earlier and later timers.
            loop.call_at(5.0, order.append, number)
            loop.call_at(loop.random.uniform(0, 10), lambda: None)
        await asyncio.sleep(11)
        return order

    assert run(main, seed=7) == list(range(1000))


def test_cancelled_timers_neither_run_nor_hold_time_nor_pile_up() -> None:
    async def main(loop: VirtualLoop) -> float:
        for _ in range(5000):
            async with asyncio.timeout(3600):
                await asyncio.sleep(0.001)
        assert len(loop._timers) < 300
        return loop.time()

    assert run(main, seed=1) == pytest.approx(5.0)


def test_the_count_of_dead_timers_stays_true() -> None:
    async def main(loop: VirtualLoop) -> None:
        handles = [loop.call_later(loop.random.uniform(0, 2), int) for _ in range(2000)]
        for handle in loop.random.sample(handles, 1500):
            handle.cancel()
            handle.cancel()
        await asyncio.sleep(1)
        for handle in handles:
            handle.cancel()  # some have run, some are dead, some wait
        dead = sum(entry[2].cancelled() for entry in loop._timers)
        assert loop._dead_timers == dead

    run(main, seed=3)


def test_the_clocks_agree() -> None:
    async def main(loop: VirtualLoop) -> tuple[float, float]:
        await asyncio.sleep(12.5)
        return loop.clock.time(), loop.clock.monotonic()

    assert run(main, seed=1) == (START + 12.5, 12.5)


def test_both_clocks_are_clocks() -> None:
    with contextlib.closing(VirtualLoop()) as loop:
        clocks: list[Clock] = [loop.clock, SystemClock()]
        assert clocks[0].time() == START
        assert clocks[1].time() > 1_700_000_000


def test_a_deadlock_names_what_waits() -> None:
    async def wait_in_vain() -> None:
        await asyncio.Event().wait()

    async def main(loop: VirtualLoop) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait_in_vain(), name="patient")

    with pytest.raises(Deadlock) as caught:
        run(main, seed=1)
    text = str(caught.value)
    assert "at 0.000000 s" in text
    assert "patient (" in text
    assert "wait_in_vain) waits at " in text
    assert f"{Path(__file__).name}:" in text


def test_waiting_for_eternity_is_a_deadlock_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        await asyncio.sleep(float("inf"))

    with pytest.raises(Deadlock):
        run(main, seed=1)


def test_a_timer_at_no_time_is_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.call_later(float("nan"), int)

    with pytest.raises(ValueError, match="when: expected a time in seconds, got nan"):
        run(main, seed=1)


def test_callbacks_without_end_are_a_standstill() -> None:
    async def main(loop: VirtualLoop) -> None:
        while True:
            await asyncio.sleep(0)

    loop = VirtualLoop(patience=1000)
    task = loop.create_task(main(loop))
    with pytest.raises(Standstill, match=r"at 0\.000000 s after 1000 rounds"):
        loop.run_forever()
    task.cancel()
    loop._rounds_now = 0
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()


def test_patience_is_for_one_instant_not_for_the_whole_run() -> None:
    loop = VirtualLoop(patience=50)

    async def main() -> None:
        for _ in range(1000):
            await asyncio.sleep(1)

    loop.run_until_complete(main())
    loop.close()


async def _in_executor(loop: VirtualLoop) -> None:
    await loop.run_in_executor(None, int)


async def _to_thread(loop: VirtualLoop) -> None:
    await asyncio.to_thread(int)


async def _connect(loop: VirtualLoop) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _serve(loop: VirtualLoop) -> None:
    await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)


async def _process(loop: VirtualLoop) -> None:
    await asyncio.create_subprocess_exec("true")


async def _signal(loop: VirtualLoop) -> None:
    loop.add_signal_handler(15, int)


async def _read(loop: VirtualLoop) -> None:
    one, other = socket.socketpair()
    with one, other:
        loop.add_reader(one, int)


@pytest.mark.parametrize(
    "outside", [_in_executor, _to_thread, _connect, _serve, _process, _signal, _read]
)
def test_the_real_world_is_refused(outside: Callable) -> None:
    with pytest.raises(RealWorldRefused):
        run(outside, seed=1)


def test_another_thread_may_not_call_in() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        loop.call_soon_threadsafe(said.append, "from here")
        thread = threading.Thread(target=call_in, args=(loop,))
        thread.start()
        thread.join()
        await asyncio.sleep(0)
        return said

    def call_in(loop: VirtualLoop) -> None:
        with pytest.raises(RealWorldRefused, match="from another thread"):
            loop.call_soon_threadsafe(said.append, "from there")

    said: list[str] = []
    assert run(main, seed=1) == ["from here"]


def test_what_main_leaves_running_is_cancelled_in_order() -> None:
    ended: list[int] = []

    async def lives_on(number: int) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(number)

    async def main(loop: VirtualLoop) -> float:
        tasks.extend(loop.create_task(lives_on(number)) for number in range(50))
        await asyncio.sleep(1)
        return loop.time()

    tasks: list[asyncio.Task[None]] = []
    assert run(main, seed=1) == 1.0
    assert ended == list(range(50))


def test_an_exception_in_a_callback_comes_out() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.call_soon(int, "seven")
        await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup, match="nobody caught") as caught:
        run(main, seed=1)
    assert isinstance(caught.value.exceptions[0], ValueError)


def test_an_exception_in_a_task_that_nobody_awaits_comes_out() -> None:
    async def fails() -> None:
        raise KeyError("lost")

    async def main(loop: VirtualLoop) -> None:
        forgotten = loop.create_task(fails())
        await asyncio.sleep(1)
        del forgotten
        gc.collect()

    with pytest.raises(ExceptionGroup) as caught:
        run(main, seed=1)
    assert [str(error) for error in caught.value.exceptions] == ["'lost'"]


def test_a_task_that_fails_while_it_is_wound_up_comes_out() -> None:
    async def fails_late() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            raise OSError("could not tidy up")

    async def main(loop: VirtualLoop) -> None:
        kept.append(loop.create_task(fails_late()))
        await asyncio.sleep(1)

    kept: list[asyncio.Task[None]] = []
    with pytest.raises(ExceptionGroup) as caught:
        run(main, seed=1)
    assert [str(error) for error in caught.value.exceptions] == ["could not tidy up"]


def test_the_failure_of_main_itself_comes_out_as_it_is() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.call_soon(int, "seven")
        await asyncio.sleep(1)
        raise OSError("main failed")

    with pytest.raises(OSError, match="main failed"):
        run(main, seed=1)


def test_nothing_of_a_run_stays_in_memory() -> None:
    async def main(loop: VirtualLoop) -> weakref.ref:
        await asyncio.gather(*(asyncio.sleep(number) for number in range(10)))
        return weakref.ref(loop)

    loop = run(main, seed=1)
    gc.collect()
    assert loop() is None


STORY = """
import asyncio
from innkeeper.sim.loop import run

async def main(loop):
    history = []

    async def guest(number):
        name = asyncio.current_task().get_name()
        try:
            for _ in range(5):
                await asyncio.sleep(loop.random.choice([0, 0.5, 1, 1]))
                history.append((loop.time(), name, number))
            if number == 7:
                raise KeyError(number)
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            history.append((loop.time(), name, "cancelled"))
            raise

    rubbish = [object() for _ in range(junk)]
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(40):
                rubbish = rubbish[: len(rubbish) // 2]
                group.create_task(guest(number))
    except* KeyError:
        history.append((loop.time(), "group over"))
    futures = [loop.create_future() for _ in range(20)]
    for number, future in enumerate(futures):
        loop.call_later(1, future.set_result, number)
    done, _ = await asyncio.wait(futures)
    history.append([future.result() for future in done])
    done, _ = await asyncio.wait([loop.create_task(asyncio.sleep(1, n)) for n in range(20)])
    history.append([task.result() for task in done])
    return history
"""


def _history(seed: int, hash_seed: str, junk: int) -> str:
    """The story's history from a process with its own hashes and memory addresses."""
    program = f"junk = {junk}\n{STORY}\nprint(run(main, seed={seed}))"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_same_seed_gives_the_same_history_in_every_process() -> None:
    first = _history(5, "1", 0)
    assert first.count("cancelled") > 5
    assert _history(5, "2", 12_345) == first
    assert _history(5, "random", 777) == first
    assert _history(6, "1", 0) != first


def test_a_run_does_not_depend_on_runs_before_it() -> None:
    async def main(loop: VirtualLoop) -> list[object]:
        tasks = [loop.create_task(asyncio.sleep(loop.random.random())) for _ in range(3)]
        await asyncio.wait(tasks)
        return [loop.time(), *(task.get_name() for task in tasks)]

    assert run(main, seed=4) == run(main, seed=4)


def test_half_a_million_callbacks_are_no_trouble() -> None:
    """A long story; if this is slow, the suite's simulations are."""

    async def main(loop: VirtualLoop) -> int:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1
            if count < 500_000:
                loop.call_later(0.001, tick)
            else:
                done.set()

        done = asyncio.Event()
        loop.call_soon(tick)
        await done.wait()
        return count

    assert run(main, seed=1) == 500_000
