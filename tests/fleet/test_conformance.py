"""What a host promises (docs/agent-protocol.md), held against the simulated host and against the real agent.

A promise that only one of them keeps fails here, so that nothing that is tried out on simulated hosts can rest on what
real ones do not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.fleet.hosts import BRIDGE, Host, reconnected, try_out
from tests.fleet.loops import until
from tests.host.guest_image import network

OFF, RUNNING, PAUSED, SAVED = "off", "running", "paused", "saved"
#: A request about the VM: the verb, its generation, and the code that it must end with ("": done).
Request = tuple[str, int, str]


def asked(text: str, generation: int = 1, code: str = "") -> list[Request]:
    """Requests of one generation; all end with this code."""
    return [(verb, generation, code) for verb in text.split()]


DISKS = asked("disk.ensure")
STARTED = asked("disk.ensure domain.ensure")
SAVED_ONCE = [*STARTED, *asked("domain.save")]


@dataclass(frozen=True)
class Promise:
    """After these requests the host has `left` of the VM (generation and state), and has told `told`."""

    name: str
    requests: list[Request]
    left: tuple[int, str] | None
    told: tuple[tuple[int, str], ...] = ()


PROMISES = [
    Promise(
        "verbs that take away find nothing to do where nothing is",
        asked(
            "domain.shutdown domain.destroy network.release domain.adjust disk.release vm.remove"
        ),
        None,
    ),
    Promise(
        "verbs that need a guest are refused where none is",
        asked("domain.reboot domain.suspend domain.resume domain.save", code="refused"),
        None,
    ),
    Promise(
        "no checkpoint is missing where no VM is", asked("domain.restore", code="missing"), None
    ),
    Promise("no guest without a folder", asked("domain.ensure", code="refused"), None),
    Promise(
        "no guest without its disks",
        [*asked("network.ensure"), *asked("domain.ensure", code="missing")],
        (1, OFF),
    ),
    Promise("a network's use is remembered with the VM", asked("network.ensure"), (1, OFF)),
    Promise(
        "a folder stays when the networks are left",
        asked("network.ensure network.release network.release"),
        (1, OFF),
    ),
    Promise("disks twice", asked("disk.ensure disk.ensure"), (1, OFF)),
    Promise("a guest", STARTED, (1, RUNNING), ((1, RUNNING),)),
    Promise(
        "a guest asked for twice is one",
        [*STARTED, *STARTED],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise(
        "a guest that has what it should is left alone",
        [*STARTED, *asked("domain.adjust domain.adjust", 3)],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise(
        "disks are not taken from a guest that runs",
        [*STARTED, *asked("disk.release", 2, "refused")],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise(
        "a newer guest takes the older one's place",
        [*STARTED, *asked("disk.ensure domain.ensure", 2)],
        (2, RUNNING),
        ((1, RUNNING), (1, OFF), (2, RUNNING)),
    ),
    Promise(
        "a guest is reported with the generation it was started with",
        [*STARTED, *asked("vm.adopt", 3)],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise(
        "a guest that is off is reported with the newest generation",
        [*STARTED, *asked("vm.adopt", 3), *asked("domain.destroy", 3)],
        (3, OFF),
        ((1, RUNNING), (1, OFF)),
    ),
    Promise(
        "destroyed twice",
        [*STARTED, *asked("domain.destroy domain.destroy")],
        (1, OFF),
        ((1, RUNNING), (1, OFF)),
    ),
    Promise(
        "shut down twice, and started again",
        [*STARTED, *asked("domain.shutdown domain.shutdown"), *asked("domain.ensure", 2)],
        (2, RUNNING),
        ((1, RUNNING), (1, OFF), (2, RUNNING)),
    ),
    Promise(
        "saved twice",
        [*SAVED_ONCE, *asked("domain.save")],
        (1, SAVED),
        ((1, RUNNING), (1, PAUSED), (1, SAVED)),
    ),
    Promise(
        "restored twice",
        [*SAVED_ONCE, *asked("domain.restore domain.restore", 2)],
        (2, RUNNING),
        ((1, RUNNING), (1, PAUSED), (1, SAVED), (2, RUNNING), (2, PAUSED), (2, RUNNING)),
    ),
    Promise(
        "a checkpoint is for one restoration",
        [
            *SAVED_ONCE,
            *asked("domain.restore domain.destroy"),
            *asked("domain.restore", 1, "missing"),
        ],
        (1, OFF),
        ((1, RUNNING), (1, PAUSED), (1, SAVED), (1, RUNNING), (1, PAUSED), (1, RUNNING), (1, OFF)),
    ),
    Promise(
        "a guest that boots has no checkpoint any more",
        [
            *SAVED_ONCE,
            *asked("domain.ensure domain.destroy"),
            *asked("domain.restore", 1, "missing"),
        ],
        (1, OFF),
        ((1, RUNNING), (1, PAUSED), (1, SAVED), (1, RUNNING), (1, OFF)),
    ),
    Promise(
        "a saved guest stays saved when it is told to stop",
        [*SAVED_ONCE, *asked("domain.shutdown domain.destroy")],
        (1, SAVED),
        ((1, RUNNING), (1, PAUSED), (1, SAVED)),
    ),
    Promise(
        "no restoration over a guest that runs",
        [*STARTED, *asked("domain.restore", 2, "refused")],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise(
        "a guest that was just started counts as restored",
        [*STARTED, *asked("domain.restore")],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise(
        "paused twice",
        [*STARTED, *asked("domain.suspend domain.suspend")],
        (1, PAUSED),
        ((1, RUNNING), (1, PAUSED)),
    ),
    Promise(
        "resumed twice",
        [*STARTED, *asked("domain.suspend domain.resume domain.resume")],
        (1, RUNNING),
        ((1, RUNNING), (1, PAUSED), (1, RUNNING)),
    ),
    Promise(
        "a paused guest can be rebooted, saved and destroyed",
        [*STARTED, *asked("domain.suspend domain.reboot domain.save", 1), *asked("domain.destroy")],
        (1, SAVED),
        ((1, RUNNING), (1, PAUSED), (1, SAVED)),
    ),
    Promise(
        "a paused guest that is asked for again stays as it is",
        [*STARTED, *asked("domain.suspend domain.ensure")],
        (1, PAUSED),
        ((1, RUNNING), (1, PAUSED)),
    ),
    Promise(
        "a paused guest is ended by a newer one",
        [*STARTED, *asked("domain.suspend"), *asked("domain.ensure", 2)],
        (2, RUNNING),
        ((1, RUNNING), (1, PAUSED), (1, OFF), (2, RUNNING)),
    ),
    Promise(
        "a reboot is no news",
        [*STARTED, *asked("domain.reboot")],
        (1, RUNNING),
        ((1, RUNNING),),
    ),
    Promise("removed twice", [*DISKS, *asked("vm.remove vm.remove")], None),
    Promise(
        "removed while it runs",
        [*asked("network.ensure"), *STARTED, *asked("vm.remove")],
        None,
        ((1, RUNNING), (1, OFF)),
    ),
    Promise(
        "removed while it is saved",
        [*SAVED_ONCE, *asked("vm.remove"), *asked("domain.restore", 1, "missing")],
        None,
        ((1, RUNNING), (1, PAUSED), (1, SAVED)),
    ),
    Promise(
        "after its removal an older request is stale, one of the same age begins anew",
        [
            *asked("disk.ensure vm.remove", 3),
            *asked("disk.ensure domain.ensure network.ensure domain.restore", 2, "stale"),
            *asked("disk.ensure", 3),
        ],
        (3, OFF),
    ),
    Promise(
        "adopting where nothing is keeps older requests away",
        [*asked("vm.adopt", 5), *asked("disk.ensure network.ensure", 4, "stale")],
        None,
    ),
    Promise(
        "an older request is stale, whatever it is",
        [
            *asked("disk.ensure", 3),
            *asked(
                "network.ensure network.release disk.ensure domain.ensure domain.shutdown domain.destroy "
                "domain.reboot domain.suspend domain.resume domain.save domain.restore vm.remove vm.adopt "
                "domain.adjust disk.release disk.grow domain.resize disk.snapshot disk.forget disk.revert "
                "disk.save disk.unsave "
                "domain.snapshot domain.forget domain.revert",
                2,
                "stale",
            ),
        ],
        (3, OFF),
    ),
    Promise(
        "any newer request makes older ones stale",
        [*DISKS, *asked("domain.destroy", 4), *asked("domain.ensure", 3, "stale")],
        (4, OFF),
    ),
    Promise(
        "a refused request makes older ones stale too",
        [*DISKS, *asked("domain.reboot", 4, "refused"), *asked("disk.ensure", 3, "stale")],
        (4, OFF),
    ),
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name.replace(" ", "-"))
def test_promises(host: Host, promise: Promise) -> None:
    async def test(host: Host) -> None:
        vm = host.vm(0)
        for number, (verb, generation, code) in enumerate(promise.requests):
            came = await host.about(vm, verb, generation)
            assert came == code, f"request {number}: {verb} {generation}"
        assert await host.seen(vm) == promise.left
        await host.said_in_the_end(vm, *promise.told)

    try_out(test, host)


def test_a_network_is_there_for_as_long_as_somebody_uses_it(host: Host) -> None:
    async def test(host: Host) -> None:
        one, two = host.vm(0), host.vm(1)
        for vm in (one, two):
            both = [network(1, BRIDGE), network(2, BRIDGE + "2")]
            assert await host.about(vm, "network.ensure", 1, networks=both) == ""
        assert await host.users() == {1: [one, two], 2: [one, two]}
        await host.about(one, "network.release", 1, networks=[2])
        assert await host.users() == {1: [one, two], 2: [two]}
        await host.about(one, "network.release", 1)
        assert await host.users() == {1: [two], 2: [two]}
        await host.about(two, "vm.remove", 1)
        assert await host.users() == {}

    try_out(test, host)


def test_whose_nics_are_all_told_uses_no_other_network(host: Host) -> None:
    async def test(host: Host) -> None:
        one, two = host.vm(0), host.vm(1)
        both = [network(1, BRIDGE), network(2, BRIDGE + "2")]
        for vm in (one, two):
            await host.about(vm, "network.ensure", 1, networks=both)
        await host.about(one, "network.ensure", 1, networks=both[:1])
        assert await host.users() == {1: [one, two], 2: [one, two]}
        await host.about(one, "network.ensure", 1, networks=both[:1], nics=[])
        assert await host.users() == {1: [one, two], 2: [two]}
        for vm in (one, two):
            await host.about(vm, "network.ensure", 1, networks=[], nics=[])
        assert await host.users() == {}

    try_out(test, host)


def test_guests_and_what_is_known_of_them_outlive_the_agent(host: Host) -> None:
    async def test(host: Host) -> None:
        guest, other, gone = host.vm(0), host.vm(1), host.vm(2)
        for verb, generation, _ in [*STARTED, *asked("vm.adopt", 2)]:
            await host.about(guest, verb, generation)
        await host.about(other, "disk.ensure", 4)
        await host.about(gone, "vm.remove", 6)
        await reconnected(host)
        assert await host.seen(guest) == (1, RUNNING)
        assert await host.seen(other) == (4, OFF)
        assert await host.about(guest, "domain.destroy", 1) == "stale"
        assert await host.about(gone, "disk.ensure", 5) == "stale"
        await host.about(guest, "domain.destroy", 2)
        assert await host.seen(guest) == (2, OFF)

    try_out(test, host)


def test_the_host_tells_what_its_guests_use(host: Host) -> None:
    async def test(host: Host) -> None:
        guest, other = host.vm(0), host.vm(1)
        for verb, generation, _ in STARTED:
            await host.about(guest, verb, generation)
        await host.about(other, "disk.ensure", 2)
        await host.ask("monitor", interval=0.5)

        def rounds() -> list[dict[str, Any]]:
            return [event for event in host.events if event["event"] == "metrics"]

        await until(lambda: len(rounds()) >= 2, "two rounds of monitoring")
        await host.ask("monitor", interval=0)
        said = rounds()[-1]
        vms = {vm["vm"]: vm for vm in said["vms"]}
        seen = {number: (vm["generation"], vm["state"]) for number, vm in vms.items()}
        assert seen == {guest: (1, RUNNING), other: (2, OFF)}
        assert {"cpu", "memory_kib"} <= vms[guest].keys()
        assert {"cpu_used", "cpu_free", "memory_used_kib", "memory_free_kib"} <= said["host"].keys()

    try_out(test, host)


def test_images(host: Host) -> None:
    async def test(host: Host) -> None:
        folder = host.root.parent / f"{host.root.name}-images"
        first, second = str(folder / "first"), str(folder / "second")
        for _ in range(2):
            made = await host.ask("image.import", empty=True, into=first, size_mib=4, format="raw")
            assert (made["format"], made["virtual_mib"]) == ("raw", 4)
            assert await host.code("image.clone", **{"from": first, "into": second}) == ""
        assert await host.code("image.remove", path=first) == ""
        assert await host.code("image.remove", path=first) == ""
        assert await host.code("image.clone", **{"from": first, "into": second}) == ""
        await host.ask("image.remove", path=second)
        assert await host.code("image.clone", **{"from": first, "into": second}) == "missing"

    try_out(test, host)


@pytest.mark.parametrize(
    ("verb", "args", "code"),
    [
        ("dance", {}, "unknown-verb"),
        ("disk.ensure", {"generation": 1, "disks": []}, "bad-args"),
        ("disk.ensure", {"vm": 1, "disks": []}, "bad-args"),
        ("disk.ensure", {"vm": "1", "generation": 1, "disks": []}, "bad-args"),
        ("disk.ensure", {"vm": 1, "generation": 1}, "bad-args"),
        ("network.ensure", {"vm": 1, "generation": 1}, "bad-args"),
        ("domain.ensure", {"vm": 1, "generation": 1}, "bad-args"),
        ("image.remove", {}, "bad-args"),
        ("console.open", {"vm": 1, "console": 1}, "refused"),
        ("screenshot", {"vm": 1}, "refused"),
        ("guest.exec", {"vm": 1, "command": "true"}, "refused"),
        ("guest.start", {"vm": 1, "generation": 1, "command": "true"}, "refused"),
        ("guest.look", {"vm": 1, "pid": 1}, "refused"),
    ],
)
def test_what_cannot_be_done_is_told_by_its_code(
    host: Host, verb: str, args: dict[str, object], code: str
) -> None:
    async def test(host: Host) -> None:
        assert await host.code(verb, **args) == code
        assert await host.ask("log.read", vm=1, which="serial", offset=0, limit=9) == {
            "data": "", "offset": 0, "size": 0,
        }  # fmt: skip

    try_out(test, host)


def test_a_root_belongs_to_one_zone(host: Host) -> None:
    async def test(host: Host) -> None:
        await host.link.close()
        host.link = await host.open()
        told = {"host": 0, "root": str(host.root)}
        assert await host.code("hello", zone="another", **told) == "refused"
        assert await host.code("observe") == "refused"
        assert await host.code("ping") == ""
        assert await host.code("hello", zone="tests", **told) == ""

    try_out(test, host)
