"""What objects look like. Made of the front end's table: do not edit."""
# fmt: off
# ruff: noqa: E501

from typing import Any, Generic, Literal, TypedDict, TypeVar

T = TypeVar("T")
Scalar = str | int | float | bool
#: A template as it is said, and as it is shown.
Attributes = dict[str, Scalar | dict[str, Scalar] | list[Scalar | dict[str, Scalar]]]
Shown = dict[str, str | list[str | dict[str, str]]]

VmState = Literal['INIT', 'PENDING', 'HOLD', 'ACTIVE', 'STOPPED', 'SUSPENDED', 'DONE', 'FAILED', 'POWEROFF', 'UNDEPLOYED', 'CLONING', 'CLONING_FAILURE']
LcmState = Literal['LCM_INIT', 'PROLOG', 'BOOT', 'RUNNING', 'MIGRATE', 'SAVE_STOP', 'SAVE_SUSPEND', 'SAVE_MIGRATE', 'PROLOG_MIGRATE', 'PROLOG_RESUME', 'EPILOG_STOP', 'EPILOG', 'SHUTDOWN', 'CLEANUP_RESUBMIT', 'UNKNOWN', 'HOTPLUG', 'SHUTDOWN_POWEROFF', 'BOOT_UNKNOWN', 'BOOT_POWEROFF', 'BOOT_SUSPENDED', 'BOOT_STOPPED', 'CLEANUP_DELETE', 'HOTPLUG_SNAPSHOT', 'HOTPLUG_NIC', 'HOTPLUG_SAVEAS', 'HOTPLUG_SAVEAS_POWEROFF', 'HOTPLUG_SAVEAS_SUSPENDED', 'SHUTDOWN_UNDEPLOY', 'EPILOG_UNDEPLOY', 'PROLOG_UNDEPLOY', 'BOOT_UNDEPLOY', 'HOTPLUG_PROLOG_POWEROFF', 'HOTPLUG_EPILOG_POWEROFF', 'BOOT_MIGRATE', 'BOOT_FAILURE', 'BOOT_MIGRATE_FAILURE', 'PROLOG_MIGRATE_FAILURE', 'PROLOG_FAILURE', 'EPILOG_FAILURE', 'EPILOG_STOP_FAILURE', 'EPILOG_UNDEPLOY_FAILURE', 'PROLOG_MIGRATE_POWEROFF', 'PROLOG_MIGRATE_POWEROFF_FAILURE', 'PROLOG_MIGRATE_SUSPEND', 'PROLOG_MIGRATE_SUSPEND_FAILURE', 'BOOT_UNDEPLOY_FAILURE', 'BOOT_STOPPED_FAILURE', 'PROLOG_RESUME_FAILURE', 'PROLOG_UNDEPLOY_FAILURE', 'DISK_SNAPSHOT_POWEROFF', 'DISK_SNAPSHOT_REVERT_POWEROFF', 'DISK_SNAPSHOT_DELETE_POWEROFF', 'DISK_SNAPSHOT_SUSPENDED', 'DISK_SNAPSHOT_REVERT_SUSPENDED', 'DISK_SNAPSHOT_DELETE_SUSPENDED', 'DISK_SNAPSHOT', 'DISK_SNAPSHOT_REVERT', 'DISK_SNAPSHOT_DELETE', 'PROLOG_MIGRATE_UNKNOWN', 'PROLOG_MIGRATE_UNKNOWN_FAILURE', 'DISK_RESIZE', 'DISK_RESIZE_POWEROFF', 'DISK_RESIZE_UNDEPLOYED', 'HOTPLUG_NIC_POWEROFF', 'HOTPLUG_RESIZE', 'HOTPLUG_SAVEAS_UNDEPLOYED', 'HOTPLUG_SAVEAS_STOPPED', 'BACKUP', 'BACKUP_POWEROFF', 'RESTORE']
HostState = Literal['INIT', 'MONITORED', 'ERROR', 'DISABLED', 'OFFLINE']
ImageState = Literal['INIT', 'READY', 'USED', 'DISABLED', 'LOCKED', 'ERROR', 'CLONE', 'DELETE', 'USED_PERS', 'LOCKED_USED', 'LOCKED_USED_PERS']
ImageType = Literal['OS', 'CDROM', 'DATABLOCK', 'KERNEL', 'RAMDISK', 'CONTEXT', 'BACKUP', 'FILESYSTEM']
DatastoreType = Literal['IMAGE', 'SYSTEM', 'FILE', 'BACKUP']
NetworkState = Literal['INIT', 'READY', 'LOCK_CREATE', 'LOCK_DELETE', 'DONE', 'ERROR', 'UPDATE_FAILURE']


class Lock(TypedDict):
    """A Lock."""

    level: int
    owner: int
    time: int


class DiskSnapshot(TypedDict):
    """A DiskSnapshot."""

    id: int
    name: str
    date: int
    size: int
    parent: int


class DiskSnapshots(TypedDict):
    """A DiskSnapshots."""

    disk: int
    next: int
    current: int
    snapshots: list[DiskSnapshot]


class History(TypedDict):
    """A History."""

    seq: int
    host_id: int
    hostname: str
    cluster_id: int
    vm_mad: str
    tm_mad: str
    ds_id: int
    stime: int
    etime: int
    pstime: int
    petime: int
    rstime: int
    retime: int
    estime: int
    eetime: int
    action: int
    uid: int
    gid: int
    request_id: str
    cpu: float
    memory: int
    disk: int


class ScheduledAction(TypedDict):
    """A ScheduledAction."""

    id: int
    name: str
    time: int
    args: str
    repeat: int
    days: list[int]
    end_type: int
    end_value: int
    done: int
    runs: int
    message: str
    warning: int
    uid: int


class Redirect(TypedDict):
    """A Redirect."""

    id: int
    name: str
    nic: int
    to: int
    address: str
    port: int
    until: float
    uid: int


class Vm(TypedDict):
    """A Vm."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    state: VmState
    lcm_state: LcmState
    prev_state: VmState
    prev_lcm_state: LcmState
    resched: bool
    stime: int
    etime: int
    deploy_id: str
    generation: int
    guest_generation: int
    unsettled: bool
    used_disks: int
    used_nics: int
    used_snapshots: int
    disk_snapshots: list[DiskSnapshots]
    kept_on: int
    user_template: Shown
    backup_config: dict[str, str]
    backups: list[int]
    backups_made: int
    history: list[History]
    decision: dict[str, Any]
    processor: str
    executing: float
    schedule: list[ScheduledAction]
    redirects: list[Redirect]
    phase: str
    host_id: int | None
    operation: int | None


class Bridge(TypedDict):
    """A Bridge."""

    name: str
    member: str
    mtu: int


class Folder(TypedDict):
    """A Folder."""

    path: str
    mount: bool
    free_mib: int


class Profile(TypedDict):
    """A Profile."""

    bridges: list[Bridge]
    folders: list[Folder]
    sysctls: dict[str, str | int]
    commands: list[str]
    packages: list[str]
    agent: str
    repair: bool


class Deviation(TypedDict):
    """A Deviation."""

    what: str
    expected: str
    found: str
    mends: bool


class Host(TypedDict):
    """A Host."""

    id: int
    name: str
    im_mad: str
    vm_mad: str
    cluster_id: int
    state: HostState
    prev_state: HostState
    total_cpu: int
    total_memory: int
    facts: dict[str, Any]
    template: Shown
    error: str
    profile: Profile | None
    drift: list[Deviation]
    told: dict[str, str]
    used_cpu: int
    used_memory: int
    vms: list[int]


class Cluster(TypedDict):
    """A Cluster."""

    id: int
    name: str
    template: Shown
    profile: Profile | None
    hosts: list[int]
    datastores: list[int]
    networks: list[int]


class BackupFile(TypedDict):
    """A BackupFile."""

    disk: int
    path: str
    sha256: str
    size: int


class Increment(TypedDict):
    """A Increment."""

    id: int
    parent: int
    kind: str
    date: int
    checkpoint: str
    source: str
    files: list[BackupFile]


class Image(TypedDict):
    """A Image."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    type: ImageType
    disk_type: int
    persistent: bool
    regtime: int
    modtime: int
    source: str
    path: str
    format: str
    fs: str
    size: int
    state: ImageState
    prev_state: ImageState
    datastore_id: int
    cloning_id: int
    checksum: str
    increments: list[Increment]
    vm_id: int
    vm_template: Shown
    vms: list[int]
    operation: int | None


class Datastore(TypedDict):
    """A Datastore."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    ds_mad: str
    tm_mad: str
    base_path: str
    type: DatastoreType
    disk_type: int
    state: int
    clusters: list[int]
    total_mb: int
    free_mb: int
    used_mb: int
    images: list[int]


class AddressRange(TypedDict):
    """A AddressRange."""

    id: int
    template: dict[str, str]
    next_index: int
    held: list[int]


class Lease(TypedDict):
    """A Lease."""

    mac: str
    vm: int | None


class Network(TypedDict):
    """A Network."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    vn_mad: str
    bridge: str
    bridge_type: str
    phydev: str
    vlan_id: str
    vlan_automatic: bool
    outer_vlan_id: str
    outer_vlan_automatic: bool
    parent_id: int
    template_id: int
    clusters: list[int]
    state: NetworkState
    prev_state: NetworkState
    ranges: list[AddressRange]
    leases: list[Lease]


class VmTemplate(TypedDict):
    """A VmTemplate."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    regtime: int


class SecurityGroup(TypedDict):
    """A SecurityGroup."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    outdated: list[int]
    failed: list[int]
    again: list[int]
    revision: int
    vms: list[int]
    operation: int | None


class VnTemplate(TypedDict):
    """A VnTemplate."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    regtime: int


class Role(TypedDict):
    """A Role."""

    id: int
    name: str
    policy: str
    hosts: list[int]
    avoided: list[int]


class VmGroup(TypedDict):
    """A VmGroup."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    roles: list[Role]


class VRouter(TypedDict):
    """A VRouter."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    used_nics: int
    ending: bool
    vms: list[int]


class Document(TypedDict):
    """A Document."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    type: int


class Hook(TypedDict):
    """A Hook."""

    id: int
    name: str
    type: str
    template: Shown
    lock: Lock | None
    executions: list[int]


class Backing(TypedDict):
    """A Backing."""

    vm: int
    before: str


class BackupJob(TypedDict):
    """A BackupJob."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    priority: int
    schedule: list[ScheduledAction]
    outdated: list[int]
    backing: list[Backing]
    failed: list[int]
    updated: list[int]
    started: int
    last_time: int
    last_duration: int


class Zone(TypedDict):
    """A Zone."""

    id: int
    name: str
    state: Literal['ENABLED', 'DISABLED']
    template: Shown


class Market(TypedDict):
    """A Market."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    market_mad: str
    state: Literal['ENABLED', 'DISABLED']
    apps: list[int]


class MarketApp(TypedDict):
    """A MarketApp."""

    id: int
    name: str
    uid: int
    gid: int
    permissions: str
    template: Shown
    lock: Lock | None
    market_id: int
    origin_id: int
    type: Literal['UNKNOWN', 'IMAGE', 'VMTEMPLATE', 'SERVICE_TEMPLATE']
    state: Literal['INIT', 'READY', 'LOCKED', 'ERROR', 'DISABLED']
    regtime: int
    size: int
    version: str
    description: str
    format: str
    content: str


class Quota(TypedDict):
    """A Quota."""

    kind: str
    which: str
    limits: dict[str, float]


class Taken(TypedDict):
    """A Taken."""

    kind: str
    which: str
    amounts: dict[str, float]


class User(TypedDict):
    """A User."""

    id: int
    name: str
    gid: int
    groups: list[int]
    driver: str
    enabled: bool
    quotas: list[Quota]
    template: Shown
    taken: list[Taken]


class Group(TypedDict):
    """A Group."""

    id: int
    name: str
    admins: list[int]
    quotas: list[Quota]
    vlan_rules: list[dict[str, str]]
    template: Shown
    taken: list[Taken]
    users: list[int]


class Vdc(TypedDict):
    """A Vdc."""

    id: int
    name: str
    groups: list[int]
    clusters: list[list[int]]
    hosts: list[list[int]]
    datastores: list[list[int]]
    networks: list[list[int]]
    template: Shown


class AclRule(TypedDict):
    """A AclRule."""

    id: int
    name: str
    user: int
    resource: int
    rights: int
    zone: int
    implied: bool
    text: str


class Webhook(TypedDict):
    """A Webhook."""

    id: int
    name: str
    uid: int
    gid: int
    url: str
    kind: str
    enabled: bool
    after: int
    failing: int
    failure: str


class Operation(TypedDict):
    """A Operation."""

    id: int
    name: str
    target_kind: str
    target: int
    host_id: int
    failure: str
    started: float
    uid: int
    gid: int
    state: Literal['running', 'undoing', 'finished', 'failed', 'undone', 'replaced']
    step: str | None
    cancellable: bool
    ended: float | None


class Happened(TypedDict):
    """A Happened."""

    seq: int
    at: float
    kind: str
    id: int
    what: str
    detail: dict[str, Any]


class EventPage(TypedDict):
    """A EventPage."""

    events: list[Happened]
    next: int
    pruned: bool


class Outcome(TypedDict, Generic[T]):
    """What came of a change; an operation may be under way."""

    id: int
    result: int | str
    object: T | None
    operation: Operation | None
