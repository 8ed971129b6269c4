"""What libvirt says about domains, as events of the protocol.

Theory of operation
-------------------
libvirt's events come on its loop's thread and are queued; one thread of ours takes them in order.
When a domain starts, its generation is read from the mark in its XML and kept here, because at its
end the domain (transient) is gone and cannot be asked. After a connection was opened again, what
runs is compared with what ran: a guest that ended meanwhile is reported then.

Events get lost (libvirt 9.0 was seen to send none any more over a connection that was opened while the daemon still
took up its guests again). So what runs is also looked at now and then, and a difference that no event has explained
by the next look is told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from .domain_xml import vm_of_name

_log = logging.getLogger(__name__)

# Numbers of libvirt's virDomainEventType and of the detail enumerations, from libvirt-domain.h:
# part of its stable interface.
STARTED, SUSPENDED, RESUMED, STOPPED, SHUTDOWN, CRASHED = 2, 3, 4, 5, 6, 8
_STARTED_REASONS = {0: "booted", 1: "migrated", 2: "restored", 3: "reverted", 4: "woken"}
_SUSPENDED_REASONS = {0: "paused", 1: "migrating", 2: "io-error", 3: "watchdog", 4: "restored"}
_STOPPED = {
    0: ("off", "shutdown"),
    1: ("off", "destroyed"),
    2: ("crashed", "crashed"),
    3: ("off", "migrated"),
    4: ("saved", "saved"),
    # libvirt's word for a QEMU that ended without having said so: killed, or out of memory.
    5: ("off", "failed"),
    6: ("off", "reverted"),
}
_RESYNC = -1
#: Seconds that a guest may take to end and to start again when it reboots so.
RESTART = 60.0
#: Seconds of quiet between looks at what runs.
LOOK_EVERY = 5.0


def meaning(event: int, detail: int) -> tuple[str, str] | None:
    """The state and reason that a libvirt lifecycle event stands for; None when it tells nothing."""
    if event == STARTED:
        return "running", _STARTED_REASONS.get(detail, "started")
    if event == SUSPENDED:
        return "paused", _SUSPENDED_REASONS.get(detail, "paused")
    if event == RESUMED:
        return "running", "resumed"
    if event == STOPPED:
        return _STOPPED.get(detail, ("off", "stopped"))
    if event == CRASHED:
        return "crashed", "crashed"
    return None


@dataclasses.dataclass(frozen=True)
class Occurrence:
    """One libvirt event as it was queued."""

    name: str
    number: int
    event: int
    detail: int


class Watcher:
    """Follows the domains that are ours and reports what becomes of them."""

    def __init__(
        self,
        report: Callable[[dict[str, Any]], None],
        generation_of: Callable[[str], int | None],
        running: Callable[[], dict[int, int]],
    ) -> None:
        """``generation_of`` reads a live domain's mark (None: gone or not ours); ``running`` gives
        the generation of every domain of ours that lives now."""
        self._report = report
        self._generation_of = generation_of
        self._list_running = running
        self._known: dict[int, int] | None = None
        self._told: dict[int, tuple[int, str]] = {}
        self._odd: dict[int, int | None] = {}
        self._restarts: dict[int, float] = {}
        self._queue: queue.SimpleQueue[Occurrence] = queue.SimpleQueue()
        self.changed = threading.Condition()
        threading.Thread(target=self._follow, name="domain-events", daemon=True).start()

    def occurred(self, name: str, number: int, event: int, detail: int) -> None:
        """Called on libvirt's loop thread."""
        self._queue.put(Occurrence(name, number, event, detail))

    def resync(self) -> None:
        """Called when a connection was opened: what runs may have changed unseen."""
        self._queue.put(Occurrence("", 0, _RESYNC, 0))

    def generation(self, vm: int) -> int | None:
        """The generation with which a VM runs, as far as the events told."""
        return (self._known or {}).get(vm)

    def told(self, vm: int) -> int:
        """How many things were told of a VM's guest so far."""
        return self._told.get(vm, (0, ""))[0]

    def wait_for_pause(self, vm: int, since: int, seconds: float) -> None:
        """Waits until it was told that a guest, which was paused for a moment, runs again: else what is answered
        meanwhile would be believed to be older than the pause."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while time.monotonic() < deadline:
                count, state = self._told.get(vm, (0, ""))
                if count >= since + 2 and state != "paused":
                    return
                self.changed.wait(0.2)

    def _follow(self) -> None:
        while True:
            occurrence = None
            with contextlib.suppress(queue.Empty):
                occurrence = self._queue.get(timeout=LOOK_EVERY)
            try:
                if occurrence is None:
                    self._look()
                else:
                    self._take(occurrence)
            except Exception:
                _log.exception("taking the domain event %s", occurrence)
            with self.changed:
                self.changed.notify_all()

    def _look(self) -> None:
        """Finds guests that came or went without an event, at the second look that shows them so."""
        if self._known is None:
            return
        try:
            running = self._list_running()
        except Exception as away:
            _log.debug("looking at what runs: %s", away)
            return
        differing = {
            vm for vm, _ in self._known.items() ^ running.items() if not self._starts_over(vm)
        }
        odd = {vm: running.get(vm) for vm in differing}
        if odd and odd == self._odd:
            _log.warning("events of VMs %s were lost", sorted(odd))
            self._compare()
        self._odd = odd

    def _take(self, occurrence: Occurrence) -> None:
        if occurrence.event == _RESYNC:
            self._compare()
            return
        vm = vm_of_name(occurrence.name)
        meant = meaning(occurrence.event, occurrence.detail)
        if vm is None or meant is None:
            return
        known = self._known = {} if self._known is None else self._known
        if vm not in known or occurrence.event == STARTED:
            generation = self._generation_of(occurrence.name)
            if generation is None:
                return
            known[vm] = generation
        if occurrence.event == STOPPED and self._starts_over(vm):
            return
        self._tell(vm, known[vm], *meant)
        if occurrence.event == STOPPED:
            del known[vm], self._told[vm]

    def will_start_over(self, vm: int) -> None:
        """A guest is about to reboot by ending and starting as another domain: that is no end. If it does not start,
        that is seen later."""
        self._restarts[vm] = time.monotonic() + RESTART

    def _starts_over(self, vm: int) -> bool:
        return time.monotonic() < self._restarts.get(vm, 0.0)

    def _compare(self) -> None:
        before, self._known = self._known, self._list_running()
        if before is None:
            return
        for vm in before.keys() - self._known.keys():
            self._tell(vm, before[vm], "off", "failed")
            del self._told[vm]
        for vm, generation in self._known.items():
            if before.get(vm) != generation:
                self._tell(vm, generation, "running", "started")

    def _tell(self, vm: int, generation: int, state: str, reason: str) -> None:
        self._told[vm] = (self.told(vm) + 1, state)
        self._report(
            {
                "event": "domain",
                "vm": vm,
                "generation": generation,
                "state": state,
                "reason": reason,
            }
        )
