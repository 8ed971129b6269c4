"""Lines in, lines out, and who waits for whom."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.errors import BadArgsError, MissingError
from innkeeper.host.protocol import (
    LONGEST_LINE,
    Dispatcher,
    Job,
    Writer,
    failure,
    parse,
    read_lines,
)


def test_lines_that_are_too_long_are_skipped_whole() -> None:
    long = b"x" * (3 * LONGEST_LINE) + b"\n"
    just = b"y" * (LONGEST_LINE - 1) + b"\n"
    assert list(read_lines(io.BytesIO(b"a\n" + long + b"b\n" + just + b"c"))) == [
        b"a\n", None, b"b\n", just, b"c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"17", b"\xff\xfe", b"[" * 100_000, b"", None, b'{"a": 1} x']
)
def test_what_is_no_request_is_told_so(line: bytes | None) -> None:
    with pytest.raises(BadArgsError, match="line: expected"):
        parse(line)


def test_failures_carry_what_their_kind_knows() -> None:
    missing = failure(7, MissingError("/bases/x"))
    assert (missing["id"], missing["ok"], missing["code"]) == (7, False, "missing")
    assert missing["file"] == "/bases/x"
    assert failure(1, BadArgsError("vm", "a number", None))["argument"] == "vm"
    disk_full = failure(1, OSError(28, "No space left on device", "/x"))
    assert (disk_full["code"], disk_full["message"]) == ("failed", "/x: No space left on device")
    assert failure(1, KeyError("x"))["message"] == "unexpected KeyError: 'x'"


class Plan:
    """Jobs that stop at a gate, and the order in which they went through it."""

    def __init__(self) -> None:
        self.dispatcher = Dispatcher(quick=3, slow=2)
        self.gates: dict[str, threading.Event] = {}
        self.begun: dict[str, threading.Event] = {}
        self.order: list[str] = []

    def submit(self, name: str, key: Any, slow: bool = False, fails: bool = False) -> None:
        gate, begun = self.gates.setdefault(name, threading.Event()), threading.Event()
        self.begun[name] = begun

        def work() -> None:
            begun.set()
            assert gate.wait(60)
            self.order.append(name)
            if fails:
                raise RuntimeError(name)

        self.dispatcher.submit(key, Job(name, slow, work))

    def open(self, *names: str) -> None:
        for name in names:
            self.gates[name].set()

    def wait_begun(self, name: str) -> None:
        assert self.begun[name].wait(60), name


def test_one_vm_is_served_in_order_and_others_beside_it() -> None:
    plan = Plan()
    for name, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        plan.submit(name, key)
    plan.wait_begun("a1")
    plan.wait_begun("b1")
    assert plan.dispatcher.waiting("a") == ["a2", "a3"]
    assert not plan.begun["a2"].is_set()
    plan.open("b1", "a3", "a2", "a1")
    plan.wait_begun("a3")
    plan.submit("last", "a")
    plan.wait_begun("last")
    plan.open("last")
    assert [name for name in plan.order if name.startswith("a")] == ["a1", "a2", "a3"]


def test_slow_requests_do_not_hold_up_quick_ones() -> None:
    plan = Plan()
    for number in range(5):
        plan.submit(f"slow{number}", f"vm{number}", slow=True)
    plan.submit("quick", "other")
    plan.wait_begun("quick")
    plan.open("quick", *(f"slow{number}" for number in range(5)))
    plan.wait_begun("slow4")


def test_a_request_that_fails_does_not_stop_its_queue() -> None:
    plan = Plan()
    plan.submit("bad", "a", fails=True)
    plan.submit("good", "a", slow=True)
    plan.open("bad", "good")
    plan.wait_begun("good")


def test_lines_from_many_threads_never_mix() -> None:
    reader, descriptor = os.pipe()
    writer = Writer(descriptor)
    text = "x" * 100_000

    def write(number: int) -> None:
        for _ in range(20):
            writer.send({"from": number, "text": text})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    with os.fdopen(reader, "rb") as lines:
        for _ in range(80):
            assert json.loads(lines.readline())["text"] == text
    for thread in threads:
        thread.join()
    os.close(descriptor)


def test_a_front_end_that_went_away_does_not_stop_the_writer(tmp_path: Path) -> None:
    reader, descriptor = os.pipe()
    os.close(reader)
    Writer(descriptor).send({"event": "x"})
    os.close(descriptor)
