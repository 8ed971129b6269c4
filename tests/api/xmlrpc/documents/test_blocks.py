"""Blocks of bodies: what a large pool shows is what each VM's own body is, whatever was kept."""

from collections.abc import Callable

import pytest

from innkeeper.api.xmlrpc.documents import blocks
from innkeeper.api.xmlrpc.documents.blocks import BLOCK
from innkeeper.api.xmlrpc.documents.vms import short_bodies
from innkeeper.model.objects import Vm
from tests.api.xmlrpc.cloud import ADMIN, Cloud

#: Two whole blocks and a part of one.
VMS = 2 * BLOCK + 10


@pytest.fixture
def full(cloud: Cloud) -> Cloud:
    """A cloud with VMs of two users."""
    for number in range(VMS):
        cloud.add_vm(session="alice:secret" if number % 3 else ADMIN)
    return cloud


def shown(cloud: Cloud, *, down: bool = True, step: int = 1) -> list[bytes]:
    """The pieces of the pool, which must be what the bodies are."""
    vms = sorted(cloud.world.vms, key=lambda vm: vm.id, reverse=down)[::step]
    pieces = list(blocks.bodies(cloud.rpc.desk.view, vms))
    assert b"".join(pieces) == b"".join(short_bodies(cloud.rpc.desk.view, vms))
    return pieces


def changed(before: list[bytes], after: list[bytes]) -> int:
    """How many pieces were made anew."""
    return sum(all(piece is not old for old in before) for piece in after)


@pytest.mark.parametrize("down", [True, False])
def test_pieces_are_kept_while_nothing_changes(full: Cloud, down: bool) -> None:
    first = shown(full, down=down)
    assert len(first) == 3
    assert changed(first, shown(full, down=down)) == 0


def measure(cloud: Cloud) -> None:
    cloud.monitoring.samples.append(int(cloud.clock.time()), [(Vm.KIND, 5, {"CPU": 12.5})])


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (lambda cloud: cloud.do("one.vm.action", "hold", 5), 1),
        (lambda cloud: cloud.do("one.vm.rename", VMS - 1, "other"), 1),
        (lambda cloud: cloud.do("one.vm.chown", 5, 3, -1), 1),
        (measure, 1),
        (lambda cloud: cloud.add_vm(), 1),
        (lambda cloud: cloud.do("one.user.delete", 2), 3),
    ],
    ids=["state", "name", "owner", "sample", "a new one", "user gone"],
)
def test_what_has_changed_is_made_anew(
    full: Cloud, change: Callable[[Cloud], object], anew: int
) -> None:
    before = shown(full)
    change(full)
    after = shown(full)
    assert changed(before, after) == anew
    assert changed(after, shown(full)) == 0


@pytest.mark.parametrize("step", [2, 70, 100])
def test_a_part_of_the_vms_is_shown_in_part(full: Cloud, step: int) -> None:
    shown(full)
    shown(full, step=step)
    shown(full)


def test_who_has_begun_to_read_is_shown_the_vms_of_then_and_nobody_else_is(full: Cloud) -> None:
    view, then = full.rpc.desk.view, sorted(full.world.vms, key=lambda vm: -vm.id)
    reading = iter(blocks.bodies(view, then))
    first = next(reading)
    full.do("one.vm.action", "hold", 5)
    after = shown(full)
    assert b"".join([first, *reading]) == b"".join(short_bodies(view, then))
    assert changed(after, shown(full)) == 0
