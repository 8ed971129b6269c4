"""`one.vm.*` and `one.vmpool.*`."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from innkeeper.api.xmlrpc import pools
from innkeeper.api.xmlrpc.documents import blocks, measures
from innkeeper.api.xmlrpc.documents import vms as documents
from innkeeper.api.xmlrpc.methods import (
    FILTER,
    ID,
    LONG_POOL,
    RENAME,
    UPDATE,
    Answer,
    Desk,
    Method,
    b,
    change,
    i,
    pool,
    pool_of,
    read,
    s,
)
from innkeeper.api.xmlrpc.nouns import samples
from innkeeper.api.xmlrpc.nouns.generic import Noun
from innkeeper.commands import (
    backups,
    capacity,
    configuration,
    disks,
    executing,
    migration,
    nics,
    saving,
    schedules,
    snapshots,
    vmgroups,
    vms,
)
from innkeeper.commands.common import need
from innkeeper.model.errors import bad_argument, invalid, must_be, wrong_state
from innkeeper.model.objects import Vm
from innkeeper.model.permissions import Caller, Right, may
from innkeeper.model.states import VmState
from innkeeper.model.template import as_int
from innkeeper.model.world import Transaction

#: State filters besides the numbers of states.
ANY_STATE, NOT_DONE = -2, -1


async def recover(desk: Desk, caller: Caller, vm_id: int, how: int) -> Answer:
    """Helps a VM on; an image that is made again comes from where users' images may."""
    networks = desk.settings.image_networks
    return await desk.core.run(lambda tx: vms.recover(tx, caller, vm_id, how, networks), caller.uid)


def monitoring(desk: Desk, caller: Caller, vm_id: int) -> Answer:
    """All samples of a VM."""
    vm = need(desk.world, Vm, vm_id, caller, Right.USE)
    return samples.answer(desk, [vm], measures.of_vm, samples.KEPT)


def deploy(
    tx: Transaction, caller: Caller, vm_id: int, host_id: int, enforce: bool, ds_id: int, extra: str
) -> int:
    """Places a VM on a host of the caller's choice."""
    if extra.strip():
        raise wrong_state("Deploying with a template for NICs is not available", vm_id)
    return vms.deploy_on(tx, caller, vm_id, host_id, enforce, ds_id)


# ---- pools ------------------------------------------------------------------------------------


def _selected(
    desk: Desk, caller: Caller, flag: int, start: int, end: int, state: int, query: str
) -> list[Vm]:
    if not ANY_STATE <= state <= VmState.CLONING_FAILURE:
        wrong = must_be("state", "from -2 to 11", state)
        raise bad_argument(f"Incorrect filter_flag: {wrong}", mistake=wrong)
    if query.strip():
        raise invalid("Search expressions are not supported by this store")
    accept = None
    if state == NOT_DONE:
        accept = _not_done
    elif state >= 0:
        wanted = VmState(state)
        accept = lambda vm: vm.state is wanted  # noqa: E731
    return pools.selected(desk.world, desk.world.vms, caller, flag, start, end, accept)


def _not_done(vm: Vm) -> bool:
    return vm.state is not VmState.DONE


def _bodies(desk: Desk, caller: Caller, found: list[Vm], *, extended: bool) -> Answer:
    if extended:
        body = partial(documents.long_parts, desk.view, caller, all_history=False)
        return pool("VM_POOL", found, body)
    short = blocks.bodies if len(found) > LONG_POOL else documents.short_bodies
    return pool_of("VM_POOL", len(found), short(desk.view, found))


def pool_info(
    desk: Desk, caller: Caller, flag: int, start: int, end: int, state: int, query: str
) -> Answer:
    """Short bodies of VMs by filter, range and state."""
    found = _selected(desk, caller, flag, start, end, state, query)
    return _bodies(desk, caller, found, extended=False)


def pool_info_extended(
    desk: Desk, caller: Caller, flag: int, start: int, end: int, state: int, query: str
) -> Answer:
    """Long bodies of VMs by filter, range and state."""
    found = _selected(desk, caller, flag, start, end, state, query)
    return _bodies(desk, caller, found, extended=True)


def pool_info_set(desk: Desk, caller: Caller, listed: str, extended: bool) -> Answer:
    """Bodies of the VMs listed by number; those that are not there, or not for the caller, are left out."""
    wanted = sorted(set(_numbers(listed)), reverse=True)
    there = (desk.world.vms.get(number) for number in wanted)
    found = [vm for vm in there if vm is not None and may(desk.world, caller, Right.USE, vm)]
    return _bodies(desk, caller, found, extended=extended)


def _numbers(listed: str) -> Iterable[int]:
    for text in listed.split(","):
        if not text.strip():
            continue
        number = as_int(text.strip())
        if number is None:
            raise bad_argument(f"VM ids joined by commas are expected, not {text.strip()[:40]!r}")
        yield number


def pool_monitoring(desk: Desk, caller: Caller, flag: int, seconds: int) -> Answer:
    """Samples of VMs by filter."""
    found = pools.selected(desk.world, desk.world.vms, caller, flag, -1, -1, _not_done)
    return samples.answer(desk, found, measures.of_vm, seconds)


_LISTED = (*FILTER, i("state"), s("query", ""))

VM: Final = Noun(
    "one.vm", Vm, "VM", documents.short_parts, without=("delete",),
    whole=partial(documents.long_parts, all_history=True),
)  # fmt: skip

METHODS: Final = VM.methods(
    VM.never("attachpci", (s("template"),), Right.MANAGE, "devices of hosts are not passed through in this release"),
    VM.never("detachpci", (i("pci"),), Right.MANAGE, "the VM has no device of its host"),
    Method("one.vm.allocate", (s("template"), b("hold", False)), change(vms.allocate), "Makes a VM."),
    Method("one.vm.action", (s("action"), ID), change(vms.act),
           "Carries out an action: terminate(-hard), poweroff(-hard), undeploy(-hard), reboot(-hard), suspend, "
           "stop, resume, hold, release, resched, unresched."),
    Method("one.vm.deploy", (ID, i("host"), b("enforce", False), i("datastore", -1), s("extra", "")), change(deploy),
           "Places a waiting VM on a host; enforce checks its capacity."),
    Method("one.vm.migrate", (ID, i("host"), b("live"), b("enforce", False), i("datastore", -1), i("type", 0)),
           change(migration.migrate),
           "Takes a VM to another host: live, or stopped on the way (0 saved, 1 shut down, 2 powered off)."),
    Method("one.vm.recover", (ID, i("operation")), recover,
           "Recovers: 0 failure, 1 success, 2 retry, 3 delete, 4 delete and recreate, 5 delete from the database."),
    Method("one.vm.backup", (ID, i("datastore", -1), b("reset", False)), change(backups.backup),
           "Backs a VM up; reset begins a new chain."),
    Method("one.vm.backupcancel", (ID,), change(backups.cancel), "Gives up a backup that is being made."),
    Method("one.vm.restore", (ID, i("image"), i("increment", -1), i("disk", -1)), change(backups.restore_vm),
           "Puts a powered-off VM's disks back to what they were in a backup."),
    Method("one.vm.update", UPDATE, change(vms.update), "Replaces (0) or merges (1) the user template."),
    Method("one.vm.rename", RENAME, change(vms.rename), "Gives another name."),
    Method("one.vm.attach", (ID, s("template")), change(disks.attach), "Attaches a disk: DISK=[...]."),
    Method("one.vm.detach", (ID, i("disk")), change(disks.detach), "Detaches a disk."),
    Method("one.vm.attachnic", (ID, s("template")), change(nics.attach),
           "Attaches a NIC, or an alias of one: NIC=[...] or NIC_ALIAS=[...]."),
    Method("one.vm.detachnic", (ID, i("nic")), change(nics.detach), "Detaches a NIC or alias."),
    Method("one.vm.updatenic", (ID, i("nic"), s("template"), i("append", 0)), change(nics.update),
           "Replaces (0) or merges (1) what can be changed of a NIC: NIC=[...]."),
    Method("one.vm.attachsg", (ID, i("nic"), i("group")), change(nics.attach_group),
           "Puts a NIC under one more security group."),
    Method("one.vm.detachsg", (ID, i("nic"), i("group")), change(nics.detach_group),
           "Takes a NIC out of a security group."),
    Method("one.vm.diskresize", (ID, i("disk"), s("size")), change(disks.resize), "Grows a disk to a size in MB."),
    Method("one.vm.resize", (ID, s("template"), b("enforce", True)), change(capacity.resize),
           "Changes CPU, VCPU and MEMORY; enforce checks the host's capacity."),
    Method("one.vm.updateconf", UPDATE, change(configuration.update),
           "Replaces (0) or merges (1) OS, FEATURES, INPUT, GRAPHICS, VIDEO, RAW, CPU_MODEL, CONTEXT."),
    Method("one.vm.disksnapshotcreate", (ID, i("disk"), s("name")), change(snapshots.take_of_disk),
           "Takes a snapshot of a disk."),
    Method("one.vm.disksnapshotdelete", (ID, i("disk"), i("snapshot")), change(snapshots.drop_of_disk),
           "Removes a snapshot of a disk."),
    Method("one.vm.disksnapshotrevert", (ID, i("disk"), i("snapshot")), change(snapshots.revert_disk),
           "Brings a disk back to a snapshot, while its guest is off."),
    Method("one.vm.disksnapshotrename", (ID, i("disk"), i("snapshot"), s("name")), change(snapshots.rename_of_disk),
           "Gives a snapshot of a disk another name."),
    Method("one.vm.disksaveas", (ID, i("disk"), s("name"), s("type", ""), i("snapshot", -1)), change(saving.save_as),
           "Makes an image of a disk, as it is (-1) or as it was at a snapshot."),
    Method("one.vm.snapshotcreate", (ID, s("name")), change(snapshots.take), "Takes a snapshot of a guest that runs."),
    Method("one.vm.snapshotrevert", (ID, i("snapshot")), change(snapshots.revert), "Brings a guest back to one."),
    Method("one.vm.snapshotdelete", (ID, i("snapshot")), change(snapshots.drop), "Removes a snapshot of a guest."),
    Method("one.vm.exec", (ID, s("command"), s("stdin", "")), change(executing.execute),
           "Has a guest carry out a command by its agent: QEMU_GA_EXEC tells what came of it."),
    Method("one.vm.retryexec", (ID,), change(executing.retry), "Has the last command carried out once more."),
    Method("one.vm.cancelexec", (ID,), change(executing.cancel), "Ends the command that is carried out."),
    Method("one.vm.schedadd", (ID, s("template")), change(schedules.add), "Schedules an action; its number."),
    Method("one.vm.schedupdate", (ID, i("schedule"), s("template")), change(schedules.update),
           "Changes a scheduled action."),
    Method("one.vm.scheddelete", (ID, i("schedule")), change(schedules.delete), "Takes a scheduled action away."),
    Method("one.vm.vmgroupadd", (ID, i("group"), s("role")), change(vmgroups.add_vm),
           "Lets a VM belong to a role of a VM group."),
    Method("one.vm.vmgroupdel", (ID,), change(vmgroups.remove_vm), "Takes a VM out of its VM group."),
    Method("one.vm.monitoring", (ID,), read(monitoring), "All samples of a VM."),
    Method("one.vm.chown", (ID, i("uid"), i("gid")), change(vms.chown), "Sets owner and group; -1 keeps one."),
    Method("one.vmpool.info", _LISTED, read(pool_info),
           "VMs by filter, range and state (-2 any, -1 any but DONE), in short."),
    Method("one.vmpool.infoextended", _LISTED, read(pool_info_extended), "The same with whole documents."),
    Method("one.vmpool.infoset", (s("ids"), b("extended")), read(pool_info_set), "The VMs of a list of ids."),
    Method("one.vmpool.monitoring", (i("filter"), i("seconds", -1)), read(pool_monitoring),
           "Samples of VMs: all (-1), the last ones (0), those of the last seconds."),
)  # fmt: skip
