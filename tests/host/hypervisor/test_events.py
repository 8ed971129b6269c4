"""libvirt's events as the front end is told them, with the right generation."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from innkeeper.host.hypervisor import events
from innkeeper.host.hypervisor.events import Watcher, meaning


class Host:
    """What lives on a host, as the watcher asks for it."""

    def __init__(self) -> None:
        self.marks: dict[int, int] = {}
        self.told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.watcher = Watcher(
            self.told.put,
            lambda name: self.marks.get(int(name.removeprefix("one-"))),
            lambda: dict(self.marks),
        )

    def next(self) -> tuple[int, int, str, str]:
        said = self.told.get(timeout=60)
        assert said["event"] == "domain"
        return said["vm"], said["generation"], said["state"], said["reason"]


@pytest.mark.parametrize(
    ("event", "detail", "expected"),
    [
        (events.STARTED, 0, ("running", "booted")),
        (events.STARTED, 2, ("running", "restored")),
        (events.SUSPENDED, 2, ("paused", "io-error")),
        (events.RESUMED, 0, ("running", "resumed")),
        (events.STOPPED, 0, ("off", "shutdown")),
        (events.STOPPED, 1, ("off", "destroyed")),
        (events.STOPPED, 2, ("crashed", "crashed")),
        (events.STOPPED, 4, ("saved", "saved")),
        (events.STOPPED, 5, ("off", "failed")),
        (events.STOPPED, 99, ("off", "stopped")),
        (events.CRASHED, 0, ("crashed", "crashed")),
        (events.SHUTDOWN, 0, None),
        (0, 0, None),
    ],
)
def test_meanings(event: int, detail: int, expected: tuple[str, str] | None) -> None:
    assert meaning(event, detail) == expected


def test_the_end_is_told_with_the_generation_of_the_start() -> None:
    host = Host()
    host.marks[12] = 3
    host.watcher.occurred("one-12", 1, events.STARTED, 0)
    assert host.next() == (12, 3, "running", "booted")
    # A newer one takes its place before the end of the old one is looked at.
    host.marks[12] = 4
    host.watcher.occurred("one-12", -1, events.STOPPED, 1)
    host.watcher.occurred("one-12", 2, events.STARTED, 0)
    assert host.next() == (12, 3, "off", "destroyed")
    assert host.next() == (12, 4, "running", "booted")
    assert host.watcher.generation(12) == 4


def test_one_that_starts_over_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Xen makes another domain when a guest reboots."""
    host = Host()
    host.marks[12] = 3
    host.watcher.occurred("one-12", 1, events.STARTED, 0)
    assert host.next() == (12, 3, "running", "booted")
    host.watcher.will_start_over(12)
    host.watcher.occurred("one-12", -1, events.STOPPED, 0)
    host.watcher.occurred("one-12", 2, events.STARTED, 0)
    assert host.next() == (12, 3, "running", "booted")
    monkeypatch.setattr(events, "RESTART", 0.0)
    host.watcher.will_start_over(12)
    host.watcher.occurred("one-12", -1, events.STOPPED, 1)
    assert host.next() == (12, 3, "off", "destroyed")


def test_nothing_is_remembered_of_guests_that_are_gone() -> None:
    host = Host()
    host.marks = {1: 1, 2: 7}
    host.watcher.resync()
    for name in ("one-1", "one-2"):
        host.watcher.occurred(name, 1, events.RESUMED, 0)
        host.next()
    host.watcher.occurred("one-1", -1, events.STOPPED, 1)
    assert host.next() == (1, 1, "off", "destroyed")
    host.marks = {3: 1}
    host.watcher.resync()
    assert [host.next()[:3:2] for _ in range(2)] == [(2, "off"), (3, "running")]
    assert [host.watcher.told(vm) for vm in (1, 2, 3)] == [0, 0, 1]


def test_domains_of_others_are_not_told() -> None:
    host = Host()
    host.marks[5] = 1
    host.watcher.occurred("one-12", 1, events.STARTED, 0)
    host.watcher.occurred("one-12", -1, events.STOPPED, 0)
    host.watcher.occurred("their-vm", 2, events.STARTED, 0)
    host.watcher.occurred("one-5", 3, events.STARTED, 0)
    assert host.next()[0] == 5


def test_what_happened_while_nobody_listened_is_told_afterwards() -> None:
    host = Host()
    host.marks = {1: 1, 2: 7}
    host.watcher.resync()
    host.watcher.occurred("one-1", 1, events.RESUMED, 0)
    assert host.next() == (1, 1, "running", "resumed")
    host.marks = {1: 1, 3: 2}
    host.watcher.resync()
    assert host.next() == (2, 7, "off", "failed")
    assert host.next() == (3, 2, "running", "started")


def test_what_no_event_told_is_seen_at_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY", 0.01)
    host = Host()
    host.marks = {1: 1, 2: 7, 3: 1}
    host.watcher.resync()
    host.watcher.occurred("one-3", 1, events.RESUMED, 0)
    assert host.next() == (3, 1, "running", "resumed")
    host.marks = {1: 2, 3: 1, 4: 5}
    told = {host.next() for _ in range(3)}
    assert told == {
        (1, 2, "running", "started"), (2, 7, "off", "failed"), (4, 5, "running", "started"),
    }  # fmt: skip
    with pytest.raises(queue.Empty):
        host.told.get(timeout=0.2)


def test_before_the_first_connection_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY", 0.01)
    host = Host()
    host.marks = {1: 1}
    with pytest.raises(queue.Empty):
        host.told.get(timeout=0.2)


def test_a_mark_that_cannot_be_read_does_not_stop_the_watcher() -> None:
    host = Host()
    host.watcher.occurred("one-", 1, events.STARTED, 0)
    host.watcher._generation_of = lambda name: 1 // 0 if name == "one-1" else 1
    host.watcher.occurred("one-1", 1, events.STARTED, 0)
    host.watcher.occurred("one-2", 1, events.STARTED, 0)
    assert host.next()[0] == 2


def test_a_host_that_cannot_be_asked_for_a_moment_does_not_stop_the_watcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY", 0.01)
    host = Host()
    host.marks = {1: 1}
    host.watcher.resync()
    host.watcher.occurred("one-1", 1, events.RESUMED, 0)
    assert host.next() == (1, 1, "running", "resumed")
    asked: list[int] = []

    def running() -> dict[int, int]:
        asked.append(1)
        if len(asked) == 3:  # the second look finds the same, and is about to compare
            raise RuntimeError("the connection is gone")
        return {1: 1, 2: 1}

    host.watcher._list_running = running
    assert host.next() == (2, 1, "running", "started")
