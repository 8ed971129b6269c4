"""The nouns as frozen records. A change is a new record; a record in the world is never mutated.

What can be derived is not stored: leases of a network, VMs of a host, users of an image, capacity in use
are indexes that the world keeps (`world.py`).
Times are epoch seconds (0: not yet). Sizes are MiB unless a name says otherwise.
"""

from typing import Any, ClassVar

import msgspec

from .profiles import Deviation, Profile
from .states import DatastoreType, HostState, ImageState, ImageType, LcmState, NetworkState, VmState
from .template import Template, Vector, as_float, as_int

EMPTY = Template()


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What all objects have: a number that is never used again, and a name."""

    KIND: ClassVar[str] = ""
    #: How messages name the kind ("Error getting virtual machine [3].").
    LABEL: ClassVar[str] = ""
    #: How access messages and rules name it; empty for what no rule is about.
    ACL: ClassVar[str] = ""
    #: Where a name is given once only: "owner" (among an owner's objects), "zone", or empty (nowhere).
    UNIQUE: ClassVar[str] = ""

    id: int
    name: str


class Lock(msgspec.Struct, frozen=True):
    """A lock on an object: level 1 use, 2 manage, 3 admin; who set it and when."""

    level: int
    owner: int
    time: int


class Owned(Record, frozen=True, omit_defaults=True, kw_only=True):
    """An object with an owner, a group, and nine permission bits (octal umaumauma: 0o600 = owner use+manage)."""

    uid: int
    gid: int
    permissions: int = 0o600
    template: Template = EMPTY


class Lockable(Owned, frozen=True, omit_defaults=True, kw_only=True):
    """An owned object that can be locked."""

    lock: Lock | None = None


# ---- people ---------------------------------------------------------------------------------


class LoginToken(msgspec.Struct, frozen=True):
    """A login token: SHA-256 of the secret, epoch of its end (-1 never), scope group (-1 all)."""

    digest: str
    expires: int
    egid: int = -1


class Quota(msgspec.Struct, frozen=True):
    """Limits of one kind of quota for one thing: `which` is its number, or clusters of VMs, or empty (`quotas.py`)."""

    kind: str
    which: str
    limits: dict[str, float]


class DefaultQuotas(Record, frozen=True, omit_defaults=True, kw_only=True):
    """What limits users (its name is `user`) or groups (`group`) that have no limit of their own."""

    KIND: ClassVar[str] = "default quotas"
    LABEL: ClassVar[str] = "default quotas"

    quotas: tuple[Quota, ...] = ()


class User(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A user. `groups` holds the secondary groups only."""

    KIND: ClassVar[str] = "user"
    LABEL: ClassVar[str] = "user"
    ACL: ClassVar[str] = "USER"
    UNIQUE: ClassVar[str] = "zone"

    gid: int
    groups: tuple[int, ...] = ()
    password: str = ""
    driver: str = "core"
    enabled: bool = True
    tokens: tuple[LoginToken, ...] = ()
    quotas: tuple[Quota, ...] = ()
    template: Template = EMPTY

    @property
    def all_groups(self) -> tuple[int, ...]:
        """Primary group first, then the secondary ones."""
        return (self.gid, *self.groups)


class Group(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A group of users; its members follow from the users."""

    KIND: ClassVar[str] = "group"
    LABEL: ClassVar[str] = "group"
    ACL: ClassVar[str] = "GROUP"
    UNIQUE: ClassVar[str] = "zone"

    admins: tuple[int, ...] = ()
    quotas: tuple[Quota, ...] = ()
    #: RULE vectors: which VLANs its members may ask for.
    vlan_rules: tuple[Vector, ...] = ()
    template: Template = EMPTY


class AclRule(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A rule of the access control list: who may do what to what, in which zone, as numbers (`acl.py`).

    `implied` rules follow from VDCs and from the administrators of groups, and go with them (`implied.py`).
    """

    KIND: ClassVar[str] = "acl"
    LABEL: ClassVar[str] = "ACL rule"
    ACL: ClassVar[str] = "ACL"

    name: str = ""
    user: int
    resource: int
    rights: int
    zone: int
    implied: bool = False


#: A resource of a VDC: its zone and its number (-10: all of the zone).
InZone = tuple[int, int]
ALL_OF_ZONE = -10


class Vdc(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A virtual data centre: what groups may use, by cluster or piece by piece."""

    KIND: ClassVar[str] = "vdc"
    LABEL: ClassVar[str] = "VDC"
    ACL: ClassVar[str] = "VDC"
    UNIQUE: ClassVar[str] = "zone"

    groups: tuple[int, ...] = ()
    clusters: tuple[InZone, ...] = ()
    hosts: tuple[InZone, ...] = ()
    datastores: tuple[InZone, ...] = ()
    networks: tuple[InZone, ...] = ()
    template: Template = EMPTY


# ---- places ---------------------------------------------------------------------------------


class Cluster(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A set of hosts, datastores and networks; membership is kept by the members."""

    KIND: ClassVar[str] = "cluster"
    LABEL: ClassVar[str] = "cluster"
    ACL: ClassVar[str] = "CLUSTER"
    UNIQUE: ClassVar[str] = "zone"

    template: Template = EMPTY
    profile: Profile | None = None


class Host(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A machine with a hypervisor. Capacity is what its agent reported (CPU in 1/100 cores, memory in KiB).

    `profile` is what is declared for it besides its cluster's, `drift` where it was last seen to differ from that.
    `told` are the attributes that its own probes tell; those of `template`, which people write, go before them.
    """

    KIND: ClassVar[str] = "host"
    LABEL: ClassVar[str] = "host"
    ACL: ClassVar[str] = "HOST"
    UNIQUE: ClassVar[str] = "zone"

    im_mad: str
    vm_mad: str
    cluster_id: int = 0
    state: HostState = HostState.INIT
    prev_state: HostState = HostState.INIT
    total_cpu: int = 0
    total_memory: int = 0
    facts: dict[str, Any] = {}
    template: Template = EMPTY
    error: str = ""
    profile: Profile | None = None
    drift: tuple[Deviation, ...] = ()
    told: dict[str, str] = {}

    @property
    def simulated(self) -> bool:
        """True for hosts that live inside the front end."""
        return self.vm_mad == "dummy"


class Datastore(Owned, frozen=True, omit_defaults=True, kw_only=True):
    """Where images (IMAGE, FILE) or disks of VMs (SYSTEM) lie."""

    KIND: ClassVar[str] = "datastore"
    LABEL: ClassVar[str] = "datastore"
    ACL: ClassVar[str] = "DATASTORE"
    UNIQUE: ClassVar[str] = "zone"

    ds_mad: str
    tm_mad: str
    base_path: str
    type: DatastoreType = DatastoreType.IMAGE
    disk_type: int = 0
    state: int = 0
    clusters: tuple[int, ...] = (0,)
    total_mb: int = 0
    free_mb: int = 0
    used_mb: int = 0

    @property
    def simulated(self) -> bool:
        """True when it holds images without bytes."""
        return "dummy" in (self.tm_mad, self.ds_mad)


class BackupFile(msgspec.Struct, frozen=True):
    """The copy of a disk in a backup: where it lies, what it must be; bytes."""

    disk: int
    path: str
    sha256: str
    size: int


class Increment(msgspec.Struct, frozen=True, kw_only=True):
    """One backup of a chain: FULL, or the INCREMENT over its parent. `checkpoint` is its name on the VM's host."""

    id: int
    parent: int
    kind: str
    date: int
    checkpoint: str
    source: str
    files: tuple[BackupFile, ...]


class Image(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """A disk image or file. `state` is its own; what its users add is derived (`World.image_state`).

    A backup has `increments`, and the VM that it is of, as that was.
    """

    KIND: ClassVar[str] = "image"
    LABEL: ClassVar[str] = "image"
    ACL: ClassVar[str] = "IMAGE"
    UNIQUE: ClassVar[str] = "owner"

    type: ImageType = ImageType.OS
    disk_type: int = 0
    persistent: bool = False
    regtime: int = 0
    modtime: int = 0
    source: str = ""
    path: str = ""
    format: str = ""
    fs: str = ""
    size: int = 0
    state: ImageState = ImageState.INIT
    prev_state: ImageState = ImageState.INIT
    datastore_id: int = 1
    cloning_id: int = -1
    checksum: str = ""
    increments: tuple[Increment, ...] = ()
    vm_id: int = -1
    vm_template: Template = EMPTY


class AddressRange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A range of addresses. `template` holds its attributes as OpenNebula prints them (TYPE, IP, MAC, SIZE, ...)."""

    id: int
    template: Vector
    next_index: int = 0
    #: Offsets that an administrator holds back.
    held: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return int(self.template["SIZE"])


class Network(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """A virtual network. Its leases follow from the VMs' NICs."""

    KIND: ClassVar[str] = "network"
    LABEL: ClassVar[str] = "virtual network"
    ACL: ClassVar[str] = "NET"
    UNIQUE: ClassVar[str] = "owner"

    vn_mad: str
    bridge: str = ""
    bridge_type: str = "linux"
    phydev: str = ""
    vlan_id: str = ""
    vlan_automatic: bool = False
    #: The VXLAN around the VLANs of an Open vSwitch.
    outer_vlan_id: str = ""
    outer_vlan_automatic: bool = False
    #: The network of which this is a reservation, -1 for one of its own.
    parent_id: int = -1
    #: The template that it was made from, -1 for none.
    template_id: int = -1
    clusters: tuple[int, ...] = (0,)
    state: NetworkState = NetworkState.READY
    prev_state: NetworkState = NetworkState.INIT
    ranges: tuple[AddressRange, ...] = ()

    def range(self, range_id: int) -> AddressRange | None:
        """The address range with this number."""
        return next((r for r in self.ranges if r.id == range_id), None)


class SecurityGroup(Owned, frozen=True, omit_defaults=True, kw_only=True):
    """Rules for what may come to and from a NIC (RULE vectors). Its VMs follow from their NICs.

    Of these, `outdated` wait for changed rules, `failed` could not be told; the one that is being told is in the
    open operation. All others have the rules; `again`: those that were told while their VM was worked on, so that an
    older request of that work may still be under way. `revision` counts the changes of the rules.
    """

    KIND: ClassVar[str] = "secgroup"
    LABEL: ClassVar[str] = "security group"
    ACL: ClassVar[str] = "SECGROUP"
    UNIQUE: ClassVar[str] = "owner"

    outdated: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    revision: int = 0


class VmTemplate(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """A template from which VMs are instantiated."""

    KIND: ClassVar[str] = "template"
    LABEL: ClassVar[str] = "virtual machine template"
    ACL: ClassVar[str] = "TEMPLATE"
    UNIQUE: ClassVar[str] = "owner"

    regtime: int = 0


# ---- virtual machines -------------------------------------------------------------------------


class History(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One stay of a VM on a host; the last one is open while `etime` is 0.

    `cpu` (cores), `memory` and `disk` (MiB) are what the VM had in a stay that has ended (-1: what it has now).
    """

    seq: int
    host_id: int
    hostname: str
    cluster_id: int
    vm_mad: str
    tm_mad: str
    ds_id: int
    stime: int = 0
    etime: int = 0
    pstime: int = 0
    petime: int = 0
    rstime: int = 0
    retime: int = 0
    estime: int = 0
    eetime: int = 0
    action: int = 0
    uid: int = -1
    gid: int = -1
    request_id: str = "-1"
    cpu: float = -1.0
    memory: int = -1
    disk: int = -1


class DiskSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """A snapshot of one disk; `parent` is the one on which the disk stood when it was taken (-1: none)."""

    id: int
    name: str
    date: int
    size: int
    parent: int = -1


class DiskSnapshots(msgspec.Struct, frozen=True, omit_defaults=True):
    """The snapshots of one disk of a VM; `current` is the one on which the disk stands (-1: none)."""

    disk: int
    next: int = 0
    current: int = -1
    snapshots: tuple[DiskSnapshot, ...] = ()

    def find(self, snapshot_id: int) -> DiskSnapshot | None:
        """The snapshot of this number."""
        return next((each for each in self.snapshots if each.id == snapshot_id), None)


class ScheduledAction(Record, frozen=True, omit_defaults=True, kw_only=True):
    """An action (its name is the action's) that is due at a time, perhaps again and again; part of its VM.

    `done` is when it was last carried out (or given up), `runs` how often; it is due while `done` is before `time`.
    `uid` is the user on whose behalf it runs. The numbers are OpenNebula's (spec: states.md section 8).
    """

    KIND: ClassVar[str] = "schedule"
    LABEL: ClassVar[str] = "scheduled action"

    time: int
    args: str = ""
    repeat: int = -1
    days: tuple[int, ...] = ()
    end_type: int = -1
    end_value: int = -1
    done: int = -1
    runs: int = 0
    message: str = ""
    warning: int = 0
    uid: int = -1


class Redirect(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A port of the front end that leads to a TCP port of one of a VM's NICs; part of its VM.

    It is `port` of `address` on the front end until `until`, for the port `to` behind NIC `nic`. `uid` made it.
    """

    KIND: ClassVar[str] = "redirect"
    LABEL: ClassVar[str] = "redirect"

    name: str = ""
    nic: int
    to: int
    address: str
    port: int
    until: float
    uid: int = -1


class Vm(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """A virtual machine.

    `template` is what the hypervisor needs (CPU, MEMORY, DISK, NIC, ... with what we filled in),
    `user_template` everything else. `generation` grows with each placement: an agent refuses a stale one.
    `guest_generation` is the one that its guest was last seen to run with: it stays behind when a resume fails.
    `kept_on` is the host where its files lie besides its place (it is on its way from there, and takes capacity on
    both) or without one (it was stopped or undeployed there); -1: nowhere else.
    `unsettled`: undoing a change of it is owed by its host, which is told again how it is to be.
    `used_disks`, `used_nics` and `used_snapshots` are the numbers after the highest that a disk or NIC of it was
    attached with, or a snapshot taken: they are not used again.
    `backups` are its backups' images, oldest first; `backup_config` says how they are made, and where the last ended.
    `decision` tells why the last placement chose its host, or why there is none yet.
    `processor` lists the features of the CPU that its guest was started with, joined by commas; empty: not known.
    `executing` is since when (epoch seconds) its guest carries out the command of QEMU_GA_EXEC; 0: it does not.
    """

    KIND: ClassVar[str] = "vm"
    LABEL: ClassVar[str] = "virtual machine"
    ACL: ClassVar[str] = "VM"

    state: VmState = VmState.INIT
    lcm_state: LcmState = LcmState.LCM_INIT
    prev_state: VmState = VmState.INIT
    prev_lcm_state: LcmState = LcmState.LCM_INIT
    resched: bool = False
    stime: int = 0
    etime: int = 0
    deploy_id: str = ""
    generation: int = 0
    guest_generation: int = 0
    unsettled: bool = False
    used_disks: int = 0
    used_nics: int = 0
    used_snapshots: int = 0
    disk_snapshots: tuple[DiskSnapshots, ...] = ()
    kept_on: int = -1
    user_template: Template = EMPTY
    backup_config: Vector = {}
    backups: tuple[int, ...] = ()
    backups_made: int = 0
    history: tuple[History, ...] = ()
    decision: dict[str, Any] = {}
    processor: str = ""
    executing: float = 0.0
    schedule: tuple[ScheduledAction, ...] = ()
    redirects: tuple[Redirect, ...] = ()

    @property
    def cpu(self) -> float:
        """Share of physical CPU in cores (1.0: one core)."""
        return as_float(self.template.get("CPU", "0") or "0") or 0.0

    @property
    def memory(self) -> int:
        """Memory in MiB."""
        return as_int(self.template.get("MEMORY", "0") or "0") or 0

    @property
    def disks(self) -> tuple[Vector, ...]:
        """DISK vectors in order of DISK_ID."""
        return self.template.vectors("DISK")

    @property
    def nics(self) -> tuple[Vector, ...]:
        """NIC vectors in order of NIC_ID."""
        return self.template.vectors("NIC")

    @property
    def aliases(self) -> tuple[Vector, ...]:
        """NIC_ALIAS vectors: more addresses of the VM's NICs."""
        return self.template.vectors("NIC_ALIAS")

    @property
    def place(self) -> History | None:
        """The open history record: where the VM is, or None."""
        if self.history and not self.history[-1].etime:
            return self.history[-1]
        return None

    @property
    def running(self) -> bool:
        """True in ACTIVE/RUNNING."""
        return self.state is VmState.ACTIVE and self.lcm_state is LcmState.RUNNING


# ---- work -----------------------------------------------------------------------------------


class Operation(Record, frozen=True, omit_defaults=True, kw_only=True):
    """Durable work on one object: where it stands in its step table (`lifecycle/operations/`).

    It exists while the work is open; the event log keeps its story. `step` is the row that is under
    way, `undoing` the direction. `args` are the request's own; `results` what steps brought back.
    """

    KIND: ClassVar[str] = "operation"
    LABEL: ClassVar[str] = "operation"

    target_kind: str
    target: int
    step: int = 0
    undoing: bool = False
    tries: int = 0
    host_id: int = -1
    generation: int = 0
    args: dict[str, Any] = {}
    results: dict[str, Any] = {}
    failure: str = ""
    started: float = 0.0
    uid: int = -1
    gid: int = -1


class Setting(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A fact that the front end keeps about itself (its zone identity, for one)."""

    KIND: ClassVar[str] = "setting"
    LABEL: ClassVar[str] = "setting"

    value: str = ""
