"""State numbers as people read them: full names and the short forms of the list columns.

The numbers and the short forms are OpenNebula's.
"""

from __future__ import annotations

from typing import NamedTuple


class State(NamedTuple):
    """A state's full name and its short form."""

    name: str
    short: str


def _words(text: str) -> list[str]:
    return text.split()


def _table(text: str) -> dict[int, State]:
    """Read `number name short` triples."""
    words = _words(text)
    return {int(words[i]): State(words[i + 1], words[i + 2]) for i in range(0, len(words), 3)}


ACTIVE = 3

VM = _table("""
    0 INIT init  1 PENDING pend  2 HOLD hold  3 ACTIVE actv  4 STOPPED stop  5 SUSPENDED susp
    6 DONE done  7 FAILED fail  8 POWEROFF poff  9 UNDEPLOYED unde  10 CLONING clon
    11 CLONING_FAILURE fail
""")

LCM = _table("""
    0 LCM_INIT init  1 PROLOG prol  2 BOOT boot  3 RUNNING runn  4 MIGRATE migr  5 SAVE_STOP save
    6 SAVE_SUSPEND save  7 SAVE_MIGRATE save  8 PROLOG_MIGRATE migr  9 PROLOG_RESUME prol
    10 EPILOG_STOP epil  11 EPILOG epil  12 SHUTDOWN shut  13 CANCEL shut  14 FAILURE fail
    15 CLEANUP_RESUBMIT clea  16 UNKNOWN unkn  17 HOTPLUG hotp  18 SHUTDOWN_POWEROFF shut
    19 BOOT_UNKNOWN boot  20 BOOT_POWEROFF boot  21 BOOT_SUSPENDED boot  22 BOOT_STOPPED boot
    23 CLEANUP_DELETE clea  24 HOTPLUG_SNAPSHOT snap  25 HOTPLUG_NIC hotp  26 HOTPLUG_SAVEAS hotp
    27 HOTPLUG_SAVEAS_POWEROFF hotp  28 HOTPLUG_SAVEAS_SUSPENDED hotp  29 SHUTDOWN_UNDEPLOY shut
    30 EPILOG_UNDEPLOY epil  31 PROLOG_UNDEPLOY prol  32 BOOT_UNDEPLOY boot
    33 HOTPLUG_PROLOG_POWEROFF hotp  34 HOTPLUG_EPILOG_POWEROFF hotp  35 BOOT_MIGRATE boot
    36 BOOT_FAILURE fail  37 BOOT_MIGRATE_FAILURE fail  38 PROLOG_MIGRATE_FAILURE fail
    39 PROLOG_FAILURE fail  40 EPILOG_FAILURE fail  41 EPILOG_STOP_FAILURE fail
    42 EPILOG_UNDEPLOY_FAILURE fail  43 PROLOG_MIGRATE_POWEROFF migr
    44 PROLOG_MIGRATE_POWEROFF_FAILURE fail  45 PROLOG_MIGRATE_SUSPEND migr
    46 PROLOG_MIGRATE_SUSPEND_FAILURE fail  47 BOOT_UNDEPLOY_FAILURE fail
    48 BOOT_STOPPED_FAILURE fail  49 PROLOG_RESUME_FAILURE fail  50 PROLOG_UNDEPLOY_FAILURE fail
    51 DISK_SNAPSHOT_POWEROFF snap  52 DISK_SNAPSHOT_REVERT_POWEROFF snap
    53 DISK_SNAPSHOT_DELETE_POWEROFF snap  54 DISK_SNAPSHOT_SUSPENDED snap
    55 DISK_SNAPSHOT_REVERT_SUSPENDED snap  56 DISK_SNAPSHOT_DELETE_SUSPENDED snap
    57 DISK_SNAPSHOT snap  58 DISK_SNAPSHOT_REVERT snap  59 DISK_SNAPSHOT_DELETE snap
    60 PROLOG_MIGRATE_UNKNOWN migr  61 PROLOG_MIGRATE_UNKNOWN_FAILURE fail  62 DISK_RESIZE drsz
    63 DISK_RESIZE_POWEROFF drsz  64 DISK_RESIZE_UNDEPLOYED drsz  65 HOTPLUG_NIC_POWEROFF hotp
    66 HOTPLUG_RESIZE hotp  67 HOTPLUG_SAVEAS_UNDEPLOYED hotp  68 HOTPLUG_SAVEAS_STOPPED hotp
    69 BACKUP back  70 BACKUP_POWEROFF back  71 RESTORE rest
""")

HOST = _table("""
    0 INIT init  1 MONITORING_MONITORED update  2 MONITORED on  3 ERROR err  4 DISABLED dsbl
    5 MONITORING_ERROR retry  6 MONITORING_INIT init  7 MONITORING_DISABLED dsbl  8 OFFLINE off
""")

IMAGE = _table("""
    0 INIT init  1 READY rdy  2 USED used  3 DISABLED disa  4 LOCKED lock  5 ERROR err  6 CLONE clon
    7 DELETE dele  8 USED_PERS used  9 LOCKED_USED lock  10 LOCKED_USED_PERS lock
""")

NETWORK = _table("""
    0 INIT init  1 READY rdy  2 LOCK_CREATE lock  3 LOCK_DELETE lock  4 DONE done  5 ERROR err
    6 UPDATE_FAILURE fail
""")

DATASTORE = _table("0 READY on  1 DISABLED off")

#: Of zones and marketplaces.
ENABLED = _table("0 ENABLED on  1 DISABLED off")

APP = _table("0 INIT ini  1 READY rdy  2 LOCKED lck  3 ERROR err  4 DISABLED dis")

APP_TYPES = _table("0 UNKNOWN unk  1 IMAGE img  2 VMTEMPLATE tpl  3 SERVICE_TEMPLATE srv")

IMAGE_TYPES = _table("""
    0 OS OS  1 CDROM CD  2 DATABLOCK DB  3 KERNEL KL  4 RAMDISK RD  5 CONTEXT CX  6 BACKUP BK
    7 FILESYSTEM FS
""")

DATASTORE_TYPES = _table("0 IMAGE img  1 SYSTEM sys  2 FILE fil  3 BACKUP bck")

LOCKS = _table("1 Use use  2 Manage manage  3 Admin admin  4 All all")

# The history ACTION numbers, in order from 0; `-` marks the ones no longer produced.
ACTIONS = tuple(
    _words("""
    none migrate live-migrate - - undeploy undeploy-hard hold release stop suspend resume -
    delete delete-recreate reboot reboot-hard resched unresched poweroff poweroff-hard
    disk-attach disk-detach nic-attach nic-detach disk-snapshot-create disk-snapshot-delete
    terminate terminate-hard disk-resize deploy chown chmod updateconf rename resize update
    snapshot-create snapshot-delete snapshot-revert disk-saveas disk-snapshot-revert recover
    retry monitor disk-snapshot-rename alias-attach alias-detach poweroff-migrate
    poweroff-hard-migrate backup nic-update backup-cancel sched-add sched-update sched-delete
    sg-attach sg-detach pci-attach pci-detach restore exec exec-retry exec-cancel vmgroup-add
    vmgroup-del
""")
)

GOOD = frozenset({"runn", "on", "rdy", "used", "fits", "chosen", "ok"})
BAD = frozenset({"fail", "err", "unkn", "refused", "error", "critical"})


def look_up(table: dict[int, State], number: str) -> State:
    """The state for a number as it stands in a document; an unknown number shows itself."""
    try:
        return table[int(number)]
    except (KeyError, ValueError):
        return State(number or "-", number or "-")


def of_vm(state: str, lcm_state: str) -> State:
    """A VM's one state for people: the life-cycle state while it is ACTIVE."""
    if state == str(ACTIVE):
        return look_up(LCM, lcm_state)
    return look_up(VM, state)
