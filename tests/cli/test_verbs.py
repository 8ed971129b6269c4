"""Each verb that is one call: what it sends, checked against the API's order of arguments."""

from typing import Any

import pytest

from innkeeper.cli.objects import KINDS
from innkeeper.cli.verb_tables import TABLES

from . import documents
from .conftest import CannedFrontEnd, Inn

SENT: list[tuple[str, str, tuple[Any, ...]]] = [
    ("user quota 5 --vm VMS=3,CPU=2.5 --datastore 1:SIZE=100", "user.quota",
     (5, 'VM=[VMS="3",CPU="2.5"]\nDATASTORE=[ID="1",SIZE="100"]\n')),
    ("group quota 100 --network 0:LEASES=4 --image 7:RVMS=1", "group.quota",
     (100, 'NETWORK=[ID="0",LEASES="4"]\nIMAGE=[ID="7",RVMS="1"]\n')),
    ("user defaultquota --vm VMS=9", "userquota.update", ('VM=[VMS="9"]\n',)),
    ("group defaultquota --vm VMS=9", "groupquota.update", ('VM=[VMS="9"]\n',)),
    ("user enable 5", "user.enable", (5, True)),
    ("user disable ann", "user.enable", (5, False)),
    ("user addgroup ann 100", "user.addgroup", (5, 100)),
    ("user delgroup 5 100", "user.delgroup", (5, 100)),
    ("user chauth 5 ldap", "user.chauth", (5, "ldap", "")),
    ("user umask ann 137", "user.update", (5, 'UMASK="137"\n', 1)),
    ("group addadmin 100 ann", "group.addadmin", (100, 5)),
    ("group vlan 100 RULE=[ID=7]", "group.vlan", (100, "RULE=[ID=7]")),
    ("group deladmin 100 5", "group.deladmin", (100, 5)),
    ("acl delete 3", "acl.delrule", (3,)),
    ("acl create #5 VM+NET/@100 USE+MANAGE", "acl.addrule", ("100000005", "5200000064", "3", "")),
    ("acl create @100 HOST/%1 MANAGE #0", "acl.addrule", ("200000064", "2800000001", "2", "100000000")),
    ("acl create * BACKUPJOB+VNTEMPLATE+VDC/* CREATE *", "acl.addrule",
     ("400000000", "142000400000000", "8", "400000000")),
    ("group create lab", "group.allocate", ("lab",)),
    ("group create lab -r VM", "acl.addrule", ("20000002a", "1400000000", "8", "400000000")),
    ("vdc create lab --set A=b", "vdc.allocate", ('NAME="lab"\nA="b"\n',)),
    ("vdc addgroup 3 100", "vdc.addgroup", (3, 100)),
    ("vdc delgroup 3 100", "vdc.delgroup", (3, 100)),
    ("vdc addcluster 3 ALL", "vdc.addcluster", (3, 0, -10)),
    ("vdc delcluster 3 1 --zone 2", "vdc.delcluster", (3, 2, 1)),
    ("vdc addhost 3 node1", "vdc.addhost", (3, 0, 4)),
    ("vdc delhost 3 4", "vdc.delhost", (3, 0, 4)),
    ("vdc adddatastore 3 1", "vdc.adddatastore", (3, 0, 1)),
    ("vdc deldatastore 3 1", "vdc.deldatastore", (3, 0, 1)),
    ("vdc addvnet 3 0", "vdc.addvnet", (3, 0, 0)),
    ("vdc delvnet 3 0", "vdc.delvnet", (3, 0, 0)),
    ("vm hold 3", "vm.action", ("hold", 3)),
    ("vm release 3", "vm.action", ("release", 3)),
    ("vm terminate 3", "vm.action", ("terminate", 3)),
    ("vm terminate 3 --hard", "vm.action", ("terminate-hard", 3)),
    ("vm poweroff 3", "vm.action", ("poweroff", 3)),
    ("vm reboot 3", "vm.action", ("reboot", 3)),
    ("vm poweroff --hard 3", "vm.action", ("poweroff-hard", 3)),
    ("vm reboot 3 --hard", "vm.action", ("reboot-hard", 3)),
    ("vm suspend 3", "vm.action", ("suspend", 3)),
    ("vm resume 3", "vm.action", ("resume", 3)),
    ("vm backup 3 -d 1 --reset", "vm.backup", (3, 1, True)),
    ("vm backup-cancel 3", "vm.backupcancel", (3,)),
    ("vm restore 3 5 --increment 2", "vm.restore", (3, 5, 2, -1)),
    ("vm deploy 3 node1", "vm.deploy", (3, 4, False, -1, "")),
    ("vm deploy 3 4 --enforce -d 0", "vm.deploy", (3, 4, True, 0, "")),
    ("vm migrate 3 node1", "vm.migrate", (3, 4, False, False, -1, 0)),
    ("vm migrate 3 node1 --live --enforce -d 0", "vm.migrate", (3, 4, True, True, 0, 0)),
    ("vm migrate 3 node1 --poff", "vm.migrate", (3, 4, False, False, -1, 1)),
    ("vm migrate 3 node1 --poff-hard", "vm.migrate", (3, 4, False, False, -1, 2)),
    ("vm stop 3", "vm.action", ("stop", 3)),
    ("vm undeploy 3", "vm.action", ("undeploy", 3)),
    ("vm undeploy 3 --hard", "vm.action", ("undeploy-hard", 3)),
    ("vm resched 3", "vm.action", ("resched", 3)),
    ("vm unresched 3", "vm.action", ("unresched", 3)),
    ("vm recover 3 --failure", "vm.recover", (3, 0)),
    ("vm recover 3 --success", "vm.recover", (3, 1)),
    ("vm recover 3 --retry", "vm.recover", (3, 2)),
    ("vm recover 3 --delete", "vm.recover", (3, 3)),
    ("vm recover 3 --recreate", "vm.recover", (3, 4)),
    ("vm recover 3 --delete-db", "vm.recover", (3, 5)),
    (
        "vm sched-add 3 poweroff --time +60 --weekly mon,5 --end 4",
        "vm.schedadd",
        (3, 'SCHED_ACTION=[ACTION="poweroff",TIME="+60",REPEAT="0",DAYS="1,5",END_TYPE="1",END_VALUE="4"]\n'),
    ),
    (
        "vm poweroff 3 --hard --schedule +60 --weekly mon --end 4",
        "vm.schedadd",
        (3, 'SCHED_ACTION=[ACTION="poweroff-hard",TIME="+60",REPEAT="0",DAYS="1",END_TYPE="1",END_VALUE="4"]\n'),
    ),
    ("vm hold 3 --schedule now", "vm.schedadd", (3, 'SCHED_ACTION=[ACTION="hold",TIME="0"]\n')),
    (
        "vm backup 3 -d 1 --reset --schedule now --hourly 24",
        "vm.schedadd",
        (3, 'SCHED_ACTION=[ACTION="backup",ARGS="1,YES",TIME="0",REPEAT="3",DAYS="24"]\n'),
    ),
    ("vm backup 3 --schedule now", "vm.schedadd", (3, 'SCHED_ACTION=[ACTION="backup",TIME="0"]\n')),
    (
        "vm disk-snapshot-create 3 1 a --schedule now",
        "vm.schedadd",
        (3, 'SCHED_ACTION=[ACTION="disk-snapshot-create",ARGS="1,a",TIME="0"]\n'),
    ),
    ("vm sched-update 3 9 --time now", "vm.schedupdate", (3, 9, 'SCHED_ACTION=[TIME="0"]\n')),
    ("vm sched-delete 3 9", "vm.scheddelete", (3, 9)),
    ("vm chmod 3 640", "vm.chmod", (3, 1, 1, 0, 1, 0, 0, 0, 0, 0)),
    ("vm chown 3 ann", "vm.chown", (3, 5, -1)),
    ("vm chown 3 5 100", "vm.chown", (3, 5, 100)),
    ("vm chgrp 3 100", "vm.chown", (3, -1, 100)),
    ("vm rename 3 new", "vm.rename", (3, "new")),
    ("vm lock 3", "vm.lock", (3, 1, False)),
    ("vm lock 3 --admin", "vm.lock", (3, 3, False)),
    ("vm unlock 3", "vm.unlock", (3,)),
    ("vm update 3 --set A=b", "vm.update", (3, 'A="b"\n', 1)),
    ("vm disk-attach 3 --image data", "vm.attach", (3, 'DISK=[IMAGE="data"]\n')),
    ("vm disk-attach 3 -i 7 --prefix vd -t vdc", "vm.attach",
     (3, 'DISK=[IMAGE_ID="7",DEV_PREFIX="vd",TARGET="vdc"]\n')),
    ("vm disk-attach 3 --size 1g --fs ext4", "vm.attach",
     (3, 'DISK=[TYPE="fs",SIZE="1024",FS="ext4"]\n')),
    ("vm disk-detach 3 2", "vm.detach", (3, 2)),
    ("vm nic-attach 3 --network lan --ip 10.0.0.7", "vm.attachnic",
     (3, 'NIC=[NETWORK="lan",IP="10.0.0.7"]\n')),
    ("vm nic-attach 3 -n 1 -a NIC0", "vm.attachnic",
     (3, 'NIC_ALIAS=[NETWORK_ID="1",PARENT="NIC0"]\n')),
    ("vm nic-detach 3 1", "vm.detachnic", (3, 1)),
    ("vm sg-attach 3 1 100", "vm.attachsg", (3, 1, 100)),
    ("vm detach-sg 3 1 100", "vm.detachsg", (3, 1, 100)),
    ("vm sg-detach 3 1 100", "vm.detachsg", (3, 1, 100)),
    ("vm nic-update 3 0 --set METRIC=5", "vm.updatenic", (3, 0, 'NIC=[METRIC="5"]\n', 1)),
    ("vm nic-update 3 0 --set METRIC=5 --replace", "vm.updatenic", (3, 0, 'NIC=[METRIC="5"]\n', 0)),
    ("vm disk-resize 3 0 2048", "vm.diskresize", (3, 0, "2048")),
    ("vm resize 3 --memory 2g --cpu 0.5", "vm.resize", (3, 'CPU="0.5"\nMEMORY="2048"\n', True)),
    ("vm resize 3 --vcpu 2 --no-enforce", "vm.resize", (3, 'VCPU="2"\n', False)),
    ("vm updateconf 3 --set GRAPHICS=[TYPE=vnc]", "vm.updateconf",
     (3, "GRAPHICS=[TYPE=vnc]\n", 1)),
    ("vm updateconf 3 --set OS=[BOOT=disk0] --replace", "vm.updateconf",
     (3, "OS=[BOOT=disk0]\n", 0)),
    ("vm disk-snapshot-create 3 0 first", "vm.disksnapshotcreate", (3, 0, "first")),
    ("vm disk-snapshot-create 3 0", "vm.disksnapshotcreate", (3, 0, "")),
    ("vm disk-snapshot-delete 3 0 1", "vm.disksnapshotdelete", (3, 0, 1)),
    ("vm disk-snapshot-revert 3 0 1", "vm.disksnapshotrevert", (3, 0, 1)),
    ("vm disk-snapshot-rename 3 0 1 other", "vm.disksnapshotrename", (3, 0, 1, "other")),
    ("vm disk-saveas 3 0 golden", "vm.disksaveas", (3, 0, "golden", "", -1)),
    ("vm disk-saveas 3 0 golden -t OS -s 2", "vm.disksaveas", (3, 0, "golden", "OS", 2)),
    ("vm snapshot-create 3 first", "vm.snapshotcreate", (3, "first")),
    ("vm snapshot-create 3", "vm.snapshotcreate", (3, "")),
    ("vm snapshot-delete 3 0", "vm.snapshotdelete", (3, 0)),
    ("vm snapshot-revert 3 0", "vm.snapshotrevert", (3, 0)),
    ("host enable node1", "host.status", (4, 0)),
    ("host disable 4", "host.status", (4, 1)),
    ("host offline 4", "host.status", (4, 2)),
    ("host delete 4", "host.delete", (4,)),
    ("host create node2", "host.allocate", ("node2", "kvm", "kvm", -1)),
    ("host create node2 -i qemu -v qemu -c 0", "host.allocate", ("node2", "qemu", "qemu", 0)),
    ("image persistent 7", "image.persistent", (7, True)),
    ("image nonpersistent 7", "image.persistent", (7, False)),
    ("image enable 7", "image.enable", (7, True)),
    ("image disable debian", "image.enable", (7, False)),
    ("image clone 7 copy", "image.clone", (7, "copy", -1)),
    ("image delete 7", "image.delete", (7, False)),
    ("image delete 7 --force", "image.delete", (7, True)),
    ("image chtype 7 CDROM", "image.chtype", (7, "CDROM")),
    ("network rm-range 1 0", "vn.rm_ar", (1, 0, False)),
    ("network rmar 1 0 --force", "vn.rm_ar", (1, 0, True)),
    ("network add-range 1 --ip 10.0.1.1 --size 5", "vn.add_ar",
     (1, 'AR=[TYPE="IP4",IP="10.0.1.1",SIZE="5"]\n')),
    ("network update-range 1 0 --size 9", "vn.update_ar", (1, 'AR=[AR_ID="0",SIZE="9"]\n')),
    ("network update-range 1 0 --set mtu=9000", "vn.update_ar",
     (1, 'AR=[AR_ID="0",MTU="9000"]\n')),
    ("network hold 1 10.0.0.9", "vn.hold", (1, 'LEASES=[IP="10.0.0.9"]\n')),
    ("network hold 1 02:00:0a:00:00:09 -a 2", "vn.hold",
     (1, 'LEASES=[MAC="02:00:0a:00:00:09",AR_ID="2"]\n')),
    ("network release 1 fd00::9", "vn.release", (1, 'LEASES=[IP6="fd00::9"]\n')),
    ("network reserve 1 --name mine --size 4", "vn.reserve", (1, 'SIZE="4"\nNAME="mine"\n')),
    ("network reserve 1 --into 1 -s 4 -i 10.0.0.9 -a 0", "vn.reserve",
     (1, 'SIZE="4"\nNETWORK_ID="1"\nAR_ID="0"\nIP="10.0.0.9"\n')),
    ("network free-range 1 0", "vn.free_ar", (1, 0)),
    ("network recover 1 --success", "vn.recover", (1, 1)),
    ("vnet delete 1", "vn.delete", (1,)),
    ("secgroup create --name web --in tcp:80,443 --out all@10.0.0.0/30", "secgroup.allocate",
     ('NAME="web"\nRULE=[RULE_TYPE="INBOUND",PROTOCOL="TCP",RANGE="80,443"]\n'
      'RULE=[RULE_TYPE="OUTBOUND",PROTOCOL="ALL",IP="10.0.0.0",SIZE="4"]\n',)),
    ("secgroup clone 1 copy", "secgroup.clone", (1, "copy")),
    ("secgroup commit 1", "secgroup.commit", (1, False)),
    ("secgroup commit 1 --recover", "secgroup.commit", (1, True)),
    ("secgroup delete 1", "secgroup.delete", (1,)),
    ("datastore enable 0", "datastore.enable", (0, True)),
    ("datastore disable 0", "datastore.enable", (0, False)),
    ("template lock 1 --manage", "template.lock", (1, 2, False)),
    ("image lock debian --all", "image.lock", (7, 4, False)),
    ("network unlock 1", "vn.unlock", (1,)),
    ("image unlock 7", "image.unlock", (7,)),
    ("template unlock 1", "template.unlock", (1,)),
    ("template clone 1 copy --recursive", "template.clone", (1, "copy", True)),
    ("template delete 1", "template.delete", (1, False)),
    ("vntemplate clone 1 copy", "vntemplate.clone", (1, "copy")),
    ("vntemplate instantiate 1 --name mine", "vntemplate.instantiate", (1, "mine", "")),
    ("vntemplate create --name lan --set VN_MAD=bridge", "vntemplate.allocate", ('NAME="lan"\nVN_MAD="bridge"\n',)),
    ("document create --name x --type 200", "document.allocate", ('NAME="x"\n', 200)),
    ("document clone 1 copy", "document.clone", (1, "copy")),
    ("vrouter instantiate 1 2 -m 3 --name r%i --hold", "vrouter.instantiate", (1, 3, 2, "r%i", True, "")),
    ("vrouter nic-attach 1 -n 2 --float", "vrouter.attachnic", (1, 'NIC=[NETWORK_ID="2",FLOATING_IP="YES"]\n')),
    ("vrouter nic-detach 1 0", "vrouter.detachnic", (1, 0)),
    ("vmgroup role-add 1 ROLE=[NAME=a]", "vmgroup.roleadd", (1, "ROLE=[NAME=a]")),
    ("vmgroup role-update 1 0 POLICY=NONE", "vmgroup.roleupdate", (1, 0, "POLICY=NONE")),
    ("vmgroup role-delete 1 0", "vmgroup.roledelete", (1, 0)),
    ("vm vmgroup-add 3 2 front", "vm.vmgroupadd", (3, 2, "front")),
    ("vm vmgroup-del 3", "vm.vmgroupdel", (3,)),
    ("hook create --name x --set TYPE=api", "hook.allocate", ('NAME="x"\nTYPE="api"\n',)),
    ("hook retry 1 12", "hook.retry", (1, 12)),
    ("backupjob backup 1", "backupjob.backup", (1,)),
    ("backupjob cancel 1", "backupjob.cancel", (1,)),
    ("backupjob retry 1", "backupjob.retry", (1,)),
    ("backupjob priority 1 10", "backupjob.priority", (1, 10)),
    ("backupjob sched-add 1 SCHED_ACTION=[TIME=5]", "backupjob.schedadd", (1, "SCHED_ACTION=[TIME=5]")),
    ("backupjob sched-update 1 2 SCHED_ACTION=[TIME=5]", "backupjob.schedupdate", (1, 2, "SCHED_ACTION=[TIME=5]")),
    ("backupjob sched-delete 1 2", "backupjob.scheddelete", (1, 2)),
    ("vm exec-retry 3", "vm.retryexec", (3,)),
    ("vm exec-cancel 3", "vm.cancelexec", (3,)),
    ("zone enable 0", "zone.enable", (0, True)),
    ("zone disable 0", "zone.enable", (0, False)),
    ("zone raft-status 0", "zone.raftstatus", ()),
    ("zone server-add 0 SERVER=[NAME=b]", "zone.addserver", (0, "SERVER=[NAME=b]")),
    ("zone server-del 0 1", "zone.delserver", (0, 1)),
    ("zone server-reset 0 1", "zone.resetserver", (0, 1)),
    ("market enable 100", "market.enable", (100, True)),
    ("market disable 100", "market.enable", (100, False)),
    ("marketapp enable 1", "marketapp.enable", (1, True)),
    ("marketapp disable 1", "marketapp.enable", (1, False)),
    ("marketapp create --name x --market 100", "marketapp.allocate", ('NAME="x"\n', 100)),
    ("user chgrp ann 100", "user.chgrp", (5, 100)),
    ("user create bob pw", "user.allocate", ("bob", "pw", "core", [])),
    ("user create bob pw -g 100 -g 1", "user.allocate", ("bob", "pw", "core", [100, 1])),
    ("group create g", "group.allocate", ("g",)),
    ("cluster create c", "cluster.allocate", ("c",)),
    ("cluster addhost 100 node1", "cluster.addhost", (100, 4)),
    ("cluster adddatastore 100 1", "cluster.adddatastore", (100, 1)),
    ("cluster addvnet 100 1", "cluster.addvnet", (100, 1)),
    ("cluster delhost 100 node1", "cluster.delhost", (100, 4)),
    ("cluster deldatastore 100 1", "cluster.deldatastore", (100, 1)),
    ("cluster delvnet 100 1", "cluster.delvnet", (100, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("line", "method", "arguments"), SENT, ids=[case[0] for case in SENT])
def test_a_verb_sends_its_arguments_in_the_order_of_the_api(
    canned: CannedFrontEnd, inn: Inn, line: str, method: str, arguments: tuple[Any, ...]
) -> None:
    canned.methods |= {
        "hostpool.info": documents.HOST_POOL,
        "imagepool.info": documents.IMAGE_POOL,
        "userpool.info": documents.USER_POOL,
        "acl.addrule": 7,
        "group.allocate": 42,
        method: 42,
    }
    outcome = inn(*line.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert canned.calls_of(method) == [arguments]


def test_every_verb_of_every_kind_shows_its_help(inn: Inn) -> None:
    for kind in KINDS:
        for verb in TABLES.get(kind, ()):
            outcome = inn(kind, verb.name, "--help")
            assert outcome.code == 0 and verb.help[:40] in " ".join(outcome.out.split())


def test_a_choice_must_be_made(canned: CannedFrontEnd, inn: Inn) -> None:
    for flags in ((), ("--retry", "--delete")):
        outcome = inn("vm", "recover", "3", *flags)
        assert outcome.code == 2 and "exactly one of" in outcome.err


def test_the_rest_is_done_after_one_failure(canned: CannedFrontEnd, inn: Inn) -> None:
    def act(_: str, number: int) -> list[Any]:
        if number == 2:
            return [False, "[one.vm.action] Error getting virtual machine [2].", 0x400, 2, -1]
        return [True, number, 0]

    canned.methods["vm.action"] = act
    outcome = inn("vm", "hold", "1..3")
    assert [call[1] for call in canned.calls_of("vm.action")] == [1, 2, 3]
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "inn: VM 2: Error getting virtual machine [2].\n"
    assert inn("vm", "hold", "1..2", "--json").data == [
        {"ID": 1, "ok": True},
        {"ID": 2, "ok": False, "error": "Error getting virtual machine [2]."},
    ]


def test_actions_are_silent_unless_asked(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.methods["vm.action"] = 1
    assert inn("vm", "hold", "1")[1:] == ("", "")
    assert inn("vm", "hold", "1", "-v")[1:] == ("", "VM 1: hold\n")


def test_a_verb_with_an_answer_prints_it(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.methods["image.clone"] = 9
    assert inn("image", "clone", "7", "copy").out == "ID: 9\n"
    assert inn("image", "clone", "7", "copy", "--json").data == [{"ID": 9, "ok": True}]


@pytest.mark.parametrize("mode", ["9", "888", "64", "u+r", "0640"])
def test_a_wrong_mode_is_wrong_usage(canned: CannedFrontEnd, inn: Inn, mode: str) -> None:
    outcome = inn("vm", "chmod", "1", mode)
    assert outcome.code == 2 and "OCTAL" in outcome.err


def test_an_address_of_no_kind_is_refused_before_it_is_sent(
    canned: CannedFrontEnd, inn: Inn
) -> None:
    outcome = inn("network", "hold", "1", "10.0.0.300")
    assert outcome.code == 2 and "10.0.0.300" in outcome.err
    assert canned.calls == []


def test_a_group_with_its_administrator(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.methods |= {
        "group.allocate": 100,
        "acl.addrule": 9,
        "user.allocate": 7,
        "group.addadmin": 100,
    }
    outcome = inn("group", "create", "lab", "--admin", "lead", stdin="a secret\n")
    assert (outcome.code, outcome.out) == (0, "ID: 100\n")
    assert canned.calls_of("user.allocate") == [("lead", "a secret", "core", [100])]
    assert canned.calls_of("group.addadmin") == [(100, 7)]
