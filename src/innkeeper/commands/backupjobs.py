"""Backup jobs: many VMs backed up as one piece of work, one after the other or several at once.

Theory of operation
-------------------
A run is in the job's record: which VMs wait, which are being backed up, which are done or could not be. Each step (a VM
begins, a VM has ended) is a transaction of its own, made whenever something happened to a VM or a job (`JobKeeper`),
and again at the start: whoever dies, the record tells where the run stands. Whether a backup went well is told by the
VM: its last backup is another than before.
A VM belongs to one job at most, and then is backed up by it alone.
"""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

from innkeeper.lifecycle.operations import backups as work
from innkeeper.model.errors import (
    BadValue,
    Code,
    Refusal,
    cannot_allocate,
    invalid,
    must_be,
    wrong_state,
)
from innkeeper.model.jobs import Backing, BackupJob, vms_of
from innkeeper.model.objects import User, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.template import Template, as_bool, as_int
from innkeeper.model.world import Transaction, World
from innkeeper.store.journal import EventRow

from . import backups, common, schedules
from .auth import caller_of
from .building.backup import checked
from .common import need, parse
from .core import Core
from .vm_rights import check_operation

#: Backups that a job makes at once when it is PARALLEL: in all, and on one host.
AT_ONCE, AT_ONCE_ON_HOST = 5, 2
#: The priority of a job that does not say; and the highest that users may give.
USUAL, HIGHEST, OF_USERS = 50, 99, 50
#: What the VMs' backups take over from their job.
_CONFIG = ("KEEP_LAST", "MODE", "FS_FREEZE", "BACKUP_VOLATILE", "INCREMENT_MODE", "DISK_IDS")


def allocate(tx: Transaction, caller: Caller, text: str) -> int:
    """Makes a job; its SCHED_ACTIONs say when it runs."""
    name, template = common.named(tx, caller, BackupJob, text)
    priority = as_int(template.get("PRIORITY") or str(USUAL))
    if priority is None or not 0 <= priority <= HIGHEST:
        wrong = must_be("PRIORITY", f"from 0 to {HIGHEST}", template.get("PRIORITY"))
        raise cannot_allocate(BackupJob.LABEL, wrong)
    _check_priority(caller, priority)
    _check_template(tx.world, caller, template, -1)
    scheduled = template.vectors("SCHED_ACTION")
    rest = template.without("SCHED_ACTION", "PRIORITY")
    job = common.create(tx, caller, BackupJob, name, rest, priority=priority)
    schedules.of_template(tx, caller, job, scheduled)
    return job.id


def _check_priority(caller: Caller, priority: int) -> None:
    if priority > OF_USERS and not caller.admin:
        text = f"User [{caller.uid}] : a PRIORITY above {OF_USERS} is for administrators."
        raise Refusal(Code.AUTHORIZATION, text)


def _check_template(world: World, caller: Caller, template: Template, own: int) -> None:
    """Refuses VMs that the caller may not back up or that another job has, and options that mean nothing."""
    try:
        vms = vms_of(template)
    except BadValue as wrong:
        raise invalid(f"{wrong}.", mistake=wrong.mistake) from None
    for number in vms:
        check_operation(world, caller, "backup", world.vms[number])
        other = backups.job_of(world, number)
        if other is not None and other.id != own:
            raise invalid(f"VM {number} belongs to backup job {other.id} already", number)
    execution = (template.get("EXECUTION") or "SEQUENTIAL").upper()
    if execution not in ("SEQUENTIAL", "PARALLEL"):
        raise invalid(must_be("EXECUTION", "SEQUENTIAL or PARALLEL", execution[:40]))
    if template.get("DATASTORE_ID") and as_int(template.get("DATASTORE_ID")) is None:
        raise invalid(must_be("DATASTORE_ID", "a number", template.get("DATASTORE_ID")))
    checked(_config(template), {})


def _config(template: Template) -> dict[str, str]:
    return {name: value for name in _CONFIG if (value := template.get(name))}


def update(tx: Transaction, caller: Caller, job_id: int, text: str, append: int) -> int:
    """Replaces or merges a job's template; a run that is under way goes on with the VMs that it began with."""
    job = need(tx.world, BackupJob, job_id, caller, Right.MANAGE)
    new = parse(text).without("NAME", "SCHED_ACTION", "PRIORITY")
    made = common.updated(caller, BackupJob.KIND, job.template, new, append)
    _check_template(tx.world, caller, made, job_id)
    tx.change(job, template=made)
    tx.log(job, "update", by=caller.uid)
    return job_id


def delete(tx: Transaction, caller: Caller, job_id: int) -> int:
    """Deletes a job that does nothing now."""
    job = need(tx.world, BackupJob, job_id, caller, Right.MANAGE)
    if job.started:
        raise wrong_state(f"Cannot delete backup job. Job {job_id} is running", job_id)
    return common.drop(tx, caller, job)


def set_priority(tx: Transaction, caller: Caller, job_id: int, priority: int) -> int:
    """Sets whose turn is first, of several jobs that run."""
    right = Right.ADMIN if priority >= OF_USERS else Right.MANAGE
    job = need(tx.world, BackupJob, job_id, caller, right)
    if not 0 <= priority <= HIGHEST:
        raise wrong_state(must_be("The priority", f"from 0 to {HIGHEST}", priority), job_id)
    tx.change(job, priority=priority)
    return job_id


# ---- a run -------------------------------------------------------------------------------------


def backup(tx: Transaction, caller: Caller, job_id: int) -> int:
    """Begins a run: all its VMs wait."""
    job = need(tx.world, BackupJob, job_id, caller, Right.MANAGE)
    if job.started:
        raise wrong_state(f"Backup job {job_id} is running", job_id)
    vms = vms_of(job.template)
    if not vms:
        raise wrong_state(f"Backup job {job_id} has no VMs: BACKUP_VMS is empty", job_id)
    _begin(tx, job, vms, updated=())
    tx.log(job, "run", by=caller.uid, vms=len(vms))
    return job_id


def retry(tx: Transaction, caller: Caller, job_id: int) -> int:
    """Lets those wait again that could not be backed up."""
    job = need(tx.world, BackupJob, job_id, caller, Right.MANAGE)
    if not job.failed:
        raise wrong_state(f"Backup job {job_id} has no VMs that failed", job_id)
    _begin(tx, job, (*job.outdated, *job.failed), updated=job.updated)
    tx.log(job, "run", by=caller.uid, vms=len(job.failed))
    return job_id


def _begin(tx: Transaction, job: BackupJob, vms: tuple[int, ...], updated: tuple[int, ...]) -> None:
    template = job.template.without("ERROR")
    started = job.started or tx.second
    tx.change(job, outdated=vms, failed=(), updated=updated, started=started, template=template)


def cancel(tx: Transaction, caller: Caller, job_id: int) -> int:
    """Gives a run up, with the backups that are being made."""
    job = need(tx.world, BackupJob, job_id, caller, Right.MANAGE)
    if not job.started:
        raise wrong_state(f"Backup job {job_id} is not running", job_id)
    for each in job.backing:
        vm = tx.world.vms.get(each.vm)
        if vm is not None:
            work.cancel(tx, vm)
    job = tx.change(job, outdated=(), backing=())
    _finish(tx, job)
    tx.log(job, "run cancelled", by=caller.uid)
    return job_id


def _scheduled(tx: Transaction, caller: Caller, job_id: int, _args: str) -> int:
    return backup(tx, caller, job_id)


schedules.offer(schedules.BACKUP, schedules.BACKUP, _scheduled, BackupJob)


def last_backup(world: World, vm: Vm) -> str:
    """Which backup was a VM's last."""
    number = as_int(vm.backup_config.get("LAST_BACKUP_ID"))
    image = world.images.get(number) if number is not None else None
    return f"{image.id}:{image.increments[-1].id}" if image and image.increments else ""


def settle(tx: Transaction, job_id: int) -> None:
    """Takes note of the VMs whose backup has ended, and of the end of the run."""
    job = tx.world.table(BackupJob)[job_id]
    for each in job.backing:
        vm = tx.world.vms.get(each.vm)
        under_way = tx.world.operation_on(vm) if vm else None
        if under_way is not None and under_way.name == work.BACKUP.name:
            continue
        well = vm is not None and last_backup(tx.world, vm) != each.before
        job = _ended(tx, job, each, "" if well else f"VM {each.vm}: the backup was not made")
    if job.started and not job.outdated and not job.backing:
        _finish(tx, job)


def _ended(tx: Transaction, job: BackupJob, each: Backing, why: str) -> BackupJob:
    backing = tuple(other for other in job.backing if other is not each)
    if not why:
        return tx.change(job, backing=backing, updated=(*job.updated, each.vm))
    template = job.template.with_("ERROR", why)
    return tx.change(job, backing=backing, failed=(*job.failed, each.vm), template=template)


def _finish(tx: Transaction, job: BackupJob) -> None:
    lasted = tx.second - job.started
    tx.change(job, started=0, last_time=job.started, last_duration=lasted)
    tx.log(job, "run ended", updated=len(job.updated), failed=len(job.failed))


def startable(world: World) -> Iterator[tuple[int, int]]:
    """The next VM of each job that may begin now, by the jobs' priorities: job and VM."""
    jobs = sorted(world.table(BackupJob), key=lambda job: (-job.priority, job.id))
    busy = [each.vm for job in jobs for each in job.backing]
    on_host: dict[int, int] = {}
    for number in busy:
        host = _host_of(world, number)
        on_host[host] = on_host.get(host, 0) + 1
    for job in jobs:
        parallel = (job.template.get("EXECUTION") or "").upper() == "PARALLEL"
        if len(busy) >= AT_ONCE or (job.backing and not parallel):
            continue
        for number in job.outdated:
            if on_host.get(_host_of(world, number), 0) < AT_ONCE_ON_HOST:
                yield job.id, number
                break


def _host_of(world: World, number: int) -> int:
    vm = world.vms.get(number)
    return vm.history[-1].host_id if vm is not None and vm.history else -1


def start(tx: Transaction, job_id: int, vm_id: int) -> None:
    """Begins the backup of a VM, on behalf of the job's owner and by its options."""
    job = tx.world.table(BackupJob)[job_id]
    vm, user = tx.world.vms[vm_id], tx.world.users.get(job.uid)
    if user is None:
        raise wrong_state(f"{User.LABEL} {job.uid}, who owns the job, is gone", job_id)
    tx.change(
        vm, backup_config=checked({**vm.backup_config, **_config(job.template)}, vm.backup_config)
    )
    datastore = as_int(job.template.get("DATASTORE_ID") or "-1")
    reset = as_bool(job.template.get("RESET"))
    before = last_backup(tx.world, vm)
    backups.make(tx, caller_of(user), vm_id, -1 if datastore is None else datastore, reset)
    outdated = tuple(number for number in job.outdated if number != vm_id)
    tx.change(job, outdated=outdated, backing=(*job.backing, Backing(vm_id, before)))


def give_up(tx: Transaction, job_id: int, vm_id: int, why: str) -> None:
    """Notes that the backup of a VM could not begin."""
    job = tx.world.table(BackupJob)[job_id]
    template = job.template.with_("ERROR", f"VM {vm_id}: {why}")
    outdated = tuple(number for number in job.outdated if number != vm_id)
    tx.change(job, outdated=outdated, failed=(*job.failed, vm_id), template=template)
    tx.log(job, "not backed up", vm=vm_id, why=why)


class JobKeeper:
    """Lets runs go on, whenever something happened to a VM or a job."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._due = False

    def follow(self, events: Sequence[EventRow]) -> None:
        """Something happened."""
        if any(row.kind in (Vm.KIND, BackupJob.KIND) for row in events):
            self.wake()

    def wake(self) -> None:
        """There may be something to go on with."""
        if not self._due and any(job.started for job in self.core.world.table(BackupJob)):
            self._due = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._due = False
        if self.core.failure:
            return
        world = self.core.world
        for number in [job.id for job in world.table(BackupJob) if job.started]:
            self.core.transact(partial(settle, job_id=number))
        while not self.core.failure and (found := next(startable(world), None)) is not None:
            self._start(*found)

    def _start(self, job: int, vm: int) -> None:
        try:
            self.core.transact(lambda tx: start(tx, job, vm))
        except Refusal as refusal:
            if not self.core.failure:
                why = refusal.text
                self.core.transact(lambda tx: give_up(tx, job, vm, why))
