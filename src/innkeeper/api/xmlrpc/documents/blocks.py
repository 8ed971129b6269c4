"""Short bodies of VMs for large pools: many in one piece, which is kept while all of them are right.

Theory of operation. `BLOCK` VMs with numbers in a row are a block, so that a new VM changes the last one and no other.
A block's bytes follow from its VMs' records, their last samples and their owners' names: while these are the very same
ones, the bytes are right. That is found out by comparing lists of pointers, which costs a tenth of going to each VM's
body. What has changed is put together anew from the bodies (`vms.short_bodies`), of which most are kept.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter, is_, neg
from typing import Any

import msgspec

from innkeeper.api.xmlrpc.documents.elements import owners
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.documents.vms import short_bodies
from innkeeper.model.objects import Vm
from innkeeper.model.samples import Sample

#: VMs whose bodies are kept together.
BLOCK = 64

_number, _owner = attrgetter("id"), attrgetter("uid", "gid")


class Block(msgspec.Struct, frozen=True, gc=False):
    """Bodies in one piece, and what they were made from. `names`: of each pair of owners one VM, and their names."""

    vms: Sequence[Vm]
    samples: Sequence[Sample | None]
    names: Sequence[tuple[Vm, tuple[str, str]]]
    text: bytes


def bodies(view: View, vms: Sequence[Vm]) -> Iterable[bytes]:
    """The bodies of VMs, which are in the order of their numbers, up or down."""
    return (_body(view, number, of) for number, of in _cut(vms))


def _cut(vms: Sequence[Vm]) -> Iterator[tuple[int, Sequence[Vm]]]:
    """The blocks, with their numbers."""
    ids = list(map(_number, vms))
    down = len(ids) > 1 and ids[0] > ids[-1]
    begin = 0
    while begin < len(ids):
        block = ids[begin] // BLOCK
        next_one = 1 - block * BLOCK if down else (block + 1) * BLOCK
        most = min(len(ids), begin + BLOCK)
        end = bisect_left(ids, next_one, begin, most, key=neg if down else None)
        yield block, vms[begin:end]
        begin = end


def _body(view: View, number: int, vms: Sequence[Vm]) -> bytes:
    """A block's bytes. Looked for when they are asked for: whoever reads slowly must not hold on to old ones."""
    kept: Block | None = view.cache.blocks.get(number)
    if kept is None or kept.vms != vms or kept.samples != _samples(view, vms):
        return _made(view, number, vms)
    renamed = any(owners(view.world, vm) != names for vm, names in kept.names)
    return _made(view, number, vms) if renamed else kept.text


def _samples(view: View, vms: Sequence[Vm]) -> list[Sample | None]:
    last: Any = view.monitoring.all_latest(Vm.KIND).get
    return list(map(last, map(_number, vms)))


def _made(view: View, number: int, vms: Sequence[Vm]) -> bytes:
    """The bytes of a block, which is kept from then on; not so that of a reader who has begun before a change."""
    text = b"".join(short_bodies(view, vms))
    if all(map(is_, map(view.world.vms.get, map(_number, vms)), vms)):
        names = [(vm, owners(view.world, vm)) for vm in {_owner(vm): vm for vm in vms}.values()]
        view.cache.keep_block(number, Block(vms, _samples(view, vms), names, text), len(text))
    return text
