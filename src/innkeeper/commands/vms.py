"""Virtual machines."""

from innkeeper.lifecycle import actions
from innkeeper.lifecycle.descriptions import cpu_features
from innkeeper.lifecycle.machine import phase
from innkeeper.lifecycle.operations import deploy
from innkeeper.model import hypervisors, processors
from innkeeper.model.errors import BadValue, Code, invalid, wrong_state
from innkeeper.model.expressions import ExpressionError, compile_requirement
from innkeeper.model.names import check_name
from innkeeper.model.objects import EMPTY, Datastore, Host, Vm
from innkeeper.model.permissions import Caller, Right
from innkeeper.model.states import DatastoreType, HostState, VmState
from innkeeper.model.template import Template, as_bool
from innkeeper.model.world import Transaction
from innkeeper.placement.decide import fits, system_datastore
from innkeeper.placement.stores import READY, near, reaches, unusable

from . import common, images, quotas, schedules
from .building import (
    backup,
    boot,
    capacity,
    context,
    cpu,
    disks,
    files,
    graphics,
    nics,
    unavailable,
    vmgroup,
)
from .building.draft import CORE, Draft, problem
from .common import check_create, creation_bits, need, parse
from .restricted import check_restricted
from .vm_rights import check_operation, operated, right_for

#: Characters of a template's name that its VMs' names begin with, so that the number has room behind.
LONGEST_PREFIX = 100
#: What the front end writes into templates itself; what users write there is not taken.
GIVEN = (
    "VMID", "VROUTER_ID", "VROUTER_KEEPALIVED_ID", "VROUTER_KEEPALIVED_PASSWORD",
    "AUTOMATIC_REQUIREMENTS", "AUTOMATIC_DS_REQUIREMENTS", "AUTOMATIC_NIC_REQUIREMENTS",
)  # fmt: skip
#: The recover operation that tries again.
RETRY = 2
#: States from which a VM can be placed by hand.
DEPLOYABLE = frozenset({VmState.PENDING, VmState.HOLD, VmState.STOPPED, VmState.UNDEPLOYED})
#: Which of those a recover operation is.
RECOVER_RIGHTS = {
    0: "recover",
    1: "recover",
    2: "retry",
    3: "delete",
    4: "delete-recreate",
    5: "delete",
}


def allocate(tx: Transaction, caller: Caller, text: str, hold: bool) -> int:
    """Makes a VM from a template."""
    template = parse(text).without("TEMPLATE_ID")
    check_create(tx.world, caller, Vm)
    check_restricted(caller, Vm.KIND, template)
    return create(tx, caller, template, name=template.get("NAME"), hold=hold, prefix="one")


def create(
    tx: Transaction,
    caller: Caller,
    template: Template,
    *,
    name: str | None,
    hold: bool,
    prefix: str,
    filled: Template = EMPTY,
) -> int:
    """Makes a VM; it waits for placement, on hold, or for its images. What is `filled` in, users cannot write."""
    number = tx.new_id(Vm)
    name = name or f"{prefix[:LONGEST_PREFIX]}-{number}"
    try:
        check_name(name, Vm.KIND)
    except BadValue as wrong:
        raise invalid(str(wrong), mistake=wrong.mistake) from None
    scheduled = template.vectors("SCHED_ACTION")
    template = template.without("NAME", "SCHED_ACTION", *GIVEN).merged(filled)
    draft = Draft(tx, caller, number, name, template.only(CORE), template.without(*CORE))
    parts = (
        unavailable,
        capacity,
        cpu,
        graphics,
        disks,
        nics,
        boot,
        context,
        files,
        backup,
        vmgroup,
    )
    for part in parts:
        part.fill(draft)
    _requirements(draft)
    state = _first_state(draft, hold)  # before the template is taken: it may be noted there
    vm = Vm(
        id=number, name=name, uid=caller.uid, gid=caller.gid, permissions=creation_bits(tx.world, caller),
        stime=tx.second, template=draft.template, user_template=draft.user_template,
        state=state, backup_config=draft.backup,
    )  # fmt: skip
    schedules.of_template(tx, caller, tx.put(vm), scheduled)
    tx.log(vm, "created", by=caller.uid, state=vm.state.name)
    tx.wake = tx.wake or vm.state is VmState.PENDING
    return number


def _first_state(draft: Draft, hold: bool) -> VmState:
    held = hold or as_bool(draft.template.get("SUBMIT_ON_HOLD"))
    if draft.waits:
        if held:
            draft.template = draft.template.with_("SUBMIT_ON_HOLD", "YES")
        return VmState.CLONING
    return VmState.HOLD if held else VmState.PENDING


def _requirements(draft: Draft) -> None:
    """Writes AUTOMATIC_REQUIREMENTS and checks the user's expressions, so that mistakes show at once."""
    for name in ("SCHED_REQUIREMENTS", "REQUIREMENTS", "SCHED_DS_REQUIREMENTS"):
        text = draft.user_template.get(name)
        if text:
            try:
                compile_requirement(text)
            except ExpressionError as wrong:
                raise problem(f"{name}: {wrong}.") from None
    wanted = []
    if draft.clusters is not None:
        listed = " | ".join(f"CLUSTER_ID = {number}" for number in sorted(draft.clusters))
        wanted = [f"({listed})", "!(PIN_POLICY = PINNED)"]
    wanted += [f'(KVM_CPU_FEATURES = "*{name}*")' for name in cpu_features(draft.template)]
    if wanted:
        text = " & ".join(wanted)
        draft.template = draft.template.with_("AUTOMATIC_REQUIREMENTS", text)


def act(tx: Transaction, caller: Caller, action: str, vm_id: int) -> int:
    """Carries out an action by name."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, action, vm)
    actions.act(tx, vm, action, caller)
    if action == "resume":
        quotas.check(tx.world, caller.uid, Code.ACTION)
    return vm_id


def _offer(action: str) -> None:
    """Lets an action be scheduled."""

    def perform(tx: Transaction, caller: Caller, vm_id: int, _args: str) -> int:
        return act(tx, caller, action, vm_id)

    schedules.offer(action, action, perform)


for _action in actions.ACTIONS:
    _offer(_action)


def recover(
    tx: Transaction, caller: Caller, vm_id: int, how: int, networks: tuple[str, ...] = ()
) -> int:
    """Recover operations 0 to 5; `networks` are where users' images may come from besides public addresses."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, RECOVER_RIGHTS.get(how, "recover"), vm)
    if how == RETRY and vm.state is VmState.CLONING_FAILURE:
        images.make_again(tx, caller, vm, networks)
    actions.recover(tx, vm, how, caller)
    return vm_id


def deploy_on(
    tx: Transaction, caller: Caller, vm_id: int, host_id: int, enforce: bool, datastore_id: int
) -> int:
    """Places a waiting VM on a host of the administrator's choice."""
    vm = tx.world.vms[vm_id]
    check_operation(tx.world, caller, "deploy", vm)
    host = need(tx.world, Host, host_id, caller, Right.MANAGE)
    datastore = chosen_datastore(tx, caller, vm, host, datastore_id)
    if vm.state not in DEPLOYABLE:
        raise wrong_state(f"Deploy action is not available for state {phase(vm)}", vm_id)
    if host.state not in (HostState.MONITORED, HostState.DISABLED):
        raise wrong_state(f"Cannot deploy on host {host_id}: it is {host.state.name}", host_id)
    if host.error:
        raise wrong_state(f"Cannot deploy on host {host_id}: {host.error}", host_id)
    unfit = hypervisors.unfit(
        host, hypervisors.wish(vm), hypervisors.needs(vm), hypervisors.architecture(vm)
    )
    unfit = unfit or processors.unfit(host, processors.demanded(vm))
    if unfit:
        raise wrong_state(f"VM {vm_id} cannot run on host {host_id}: {unfit}", vm_id)
    if enforce or not caller.admin:
        missing = [check for check in fits(tx.world, vm, host) if not check.ok]
        if missing:
            said = "; ".join(
                f"{check.name}: needed {check.needed}, had {check.had}" for check in missing
            )
            raise wrong_state(f"VM {vm_id} does not fit on host {host_id}: {said}", vm_id)
    tx.log(vm, "action", name="deploy", by=caller.uid, host=host_id)
    deploy.begin(tx, vm, host, datastore, caller, {"by": caller.uid, "chosen": host_id})
    return vm_id


def chosen_datastore(
    tx: Transaction, caller: Caller, vm: Vm, host: Host, datastore_id: int
) -> Datastore:
    """The system datastore of the caller's choice, or the best that serves a host."""
    if datastore_id >= 0:
        datastore = need(tx.world, Datastore, datastore_id, caller, Right.USE)
        usable = datastore.type is DatastoreType.SYSTEM and datastore.state == READY
        if usable and near(datastore, host) and (why := unusable(datastore, host)):
            raise wrong_state(f"Host {host.id} cannot use datastore {datastore_id}: {why}", vm.id)
        if not usable or not reaches(datastore, host):
            raise wrong_state(
                f"Datastore {datastore_id} is no system datastore that host {host.id} can use now"
            )
        return datastore
    found = system_datastore(tx.world, host, vm)
    if found is None:
        raise wrong_state(f"Host {host.id}'s cluster has no system datastore for VM {vm.id}", vm.id)
    return found


def update(tx: Transaction, caller: Caller, vm_id: int, text: str, append: int) -> int:
    """Replaces or merges the VM's user template."""
    vm = operated(tx.world, caller, vm_id, "update")
    tx.change(
        vm,
        user_template=common.updated(caller, Vm.KIND, vm.user_template, parse(text), append),
    )
    tx.log(vm, "update", by=caller.uid)
    tx.wake = tx.wake or vm.state is VmState.PENDING
    return vm_id


def rename(tx: Transaction, caller: Caller, vm_id: int, name: str) -> int:
    """Gives a VM another name."""
    operated(tx.world, caller, vm_id, "rename")
    return common.rename(tx, caller, Vm, vm_id, name, right_for(tx.world, caller, "rename"))


def chown(tx: Transaction, caller: Caller, vm_id: int, uid: int, gid: int) -> int:
    """Gives a VM to another owner or group."""
    if need(tx.world, Vm, vm_id, caller, Right.MANAGE).state is VmState.DONE:
        raise wrong_state("Could not change ownership: the VM is DONE", vm_id)
    return common.chown(tx, caller, Vm, vm_id, uid, gid)
