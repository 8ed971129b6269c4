"""Each verb that is one request: what it sends."""

import inspect
from typing import Any

import pytest

from innkeeper.cli.client import Client, Endpoint
from innkeeper.cli.objects import KINDS
from innkeeper.cli.verb_tables import TABLES
from innkeeper.cli.verbs import field_of

from . import documents
from .conftest import CannedFrontEnd, Inn

SENT: list[tuple[str, str, dict[str, Any]]] = [
    ("user quota 5 --vm VMS=3,CPU=2.5 --datastore 1:SIZE=100", "POST users/5/actions/set-quota",
     {"template": 'VM=[VMS="3",CPU="2.5"]\nDATASTORE=[ID="1",SIZE="100"]\n'}),
    ("group quota 100 --network 0:LEASES=4 --image 7:RVMS=1", "POST groups/100/actions/set-quota",
     {"template": 'NETWORK=[ID="0",LEASES="4"]\nIMAGE=[ID="7",RVMS="1"]\n'}),
    ("user quota 5 --image debian:RVMS=4", "POST users/5/actions/set-quota",
     {"template": 'IMAGE=[ID="7",RVMS="4"]\n'}),
    ("user defaultquota --vm VMS=9", "PUT quotas/user", {"template": 'VM=[VMS="9"]\n'}),
    ("group defaultquota --vm VMS=9", "PUT quotas/group", {"template": 'VM=[VMS="9"]\n'}),
    ("user enable 5", "PATCH users/5", {"enabled": True}),
    ("user disable ann", "PATCH users/5", {"enabled": False}),
    ("user addgroup ann 100", "POST users/5/actions/add-group", {"group_id": 100}),
    ("user delgroup 5 100", "POST users/5/actions/remove-group", {"group_id": 100}),
    ("user chauth 5 ldap", "POST users/5/actions/chauth", {"driver": "ldap", "password": ""}),
    ("user umask ann 137", "PATCH users/5", {"template": 'UMASK="137"\n'}),
    ("group addadmin 100 ann", "POST groups/100/actions/add-admin", {"user_id": 5}),
    ("group vlan 100 RULE=[ID=7]", "POST groups/100/actions/set-vlan-rules", {"template": "RULE=[ID=7]"}),
    ("group deladmin 100 5", "POST groups/100/actions/remove-admin", {"user_id": 5}),
    ("acl delete 3", "DELETE acl/3", {}),
    ("acl create #5 VM+NET/@100 USE+MANAGE", "POST acl",
     {"user": "100000005", "resource": "5200000064", "rights": "3", "zone": ""}),
    ("acl create @100 HOST/%1 MANAGE #0", "POST acl",
     {"user": "200000064", "resource": "2800000001", "rights": "2", "zone": "100000000"}),
    ("acl create * BACKUPJOB+VNTEMPLATE+VDC/* CREATE *", "POST acl",
     {"user": "400000000", "resource": "142000400000000", "rights": "8", "zone": "400000000"}),
    ("group create lab", "POST groups", {"name": "lab"}),
    ("group create lab -r VM", "POST acl",
     {"user": "20000002a", "resource": "1400000000", "rights": "8", "zone": "400000000"}),
    ("vdc create lab --set A=b", "POST vdcs", {"template": 'NAME="lab"\nA="b"\n'}),
    ("vdc addgroup 3 100", "POST vdcs/3/actions/add-group", {"group_id": 100}),
    ("vdc delgroup 3 100", "POST vdcs/3/actions/remove-group", {"group_id": 100}),
    ("vdc addcluster 3 ALL", "POST vdcs/3/actions/add-cluster", {"zone": 0, "cluster_id": -10}),
    ("vdc delcluster 3 1 --zone 2", "POST vdcs/3/actions/remove-cluster", {"zone": 2, "cluster_id": 1}),
    ("vdc addhost 3 node1", "POST vdcs/3/actions/add-host", {"zone": 0, "host_id": 4}),
    ("vdc delhost 3 4", "POST vdcs/3/actions/remove-host", {"zone": 0, "host_id": 4}),
    ("vdc adddatastore 3 1", "POST vdcs/3/actions/add-datastore", {"zone": 0, "datastore_id": 1}),
    ("vdc deldatastore 3 1", "POST vdcs/3/actions/remove-datastore", {"zone": 0, "datastore_id": 1}),
    ("vdc addvnet 3 0", "POST vdcs/3/actions/add-network", {"zone": 0, "network_id": 0}),
    ("vdc delvnet 3 0", "POST vdcs/3/actions/remove-network", {"zone": 0, "network_id": 0}),
    ("vm hold 3", "POST vms/3/actions/hold", {}),
    ("vm release 3", "POST vms/3/actions/release", {}),
    ("vm terminate 3", "POST vms/3/actions/terminate", {}),
    ("vm terminate 3 --hard", "POST vms/3/actions/terminate-hard", {}),
    ("vm poweroff 3", "POST vms/3/actions/poweroff", {}),
    ("vm reboot 3", "POST vms/3/actions/reboot", {}),
    ("vm poweroff --hard 3", "POST vms/3/actions/poweroff-hard", {}),
    ("vm reboot 3 --hard", "POST vms/3/actions/reboot-hard", {}),
    ("vm suspend 3", "POST vms/3/actions/suspend", {}),
    ("vm resume 3", "POST vms/3/actions/resume", {}),
    ("vm backup 3 -d 1 --reset", "POST vms/3/actions/backup", {"datastore_id": 1, "reset": True}),
    ("vm backup-cancel 3", "POST vms/3/actions/cancel-backup", {}),
    ("vm restore 3 5 --increment 2", "POST vms/3/actions/restore", {"image_id": 5, "increment": 2, "disk": -1}),
    ("vm deploy 3 node1", "POST vms/3/actions/deploy", {"host_id": 4, "enforce": False, "datastore_id": -1}),
    ("vm deploy 3 4 --enforce -d 0", "POST vms/3/actions/deploy", {"host_id": 4, "enforce": True, "datastore_id": 0}),
    ("vm migrate 3 node1", "POST vms/3/actions/migrate",
     {"host_id": 4, "live": False, "enforce": False, "datastore_id": -1, "how": "save"}),
    ("vm migrate 3 node1 --live --enforce -d 0", "POST vms/3/actions/migrate",
     {"host_id": 4, "live": True, "enforce": True, "datastore_id": 0, "how": "save"}),
    ("vm migrate 3 node1 --poff", "POST vms/3/actions/migrate",
     {"host_id": 4, "live": False, "enforce": False, "datastore_id": -1, "how": "poweroff"}),
    ("vm migrate 3 node1 --poff-hard", "POST vms/3/actions/migrate",
     {"host_id": 4, "live": False, "enforce": False, "datastore_id": -1, "how": "poweroff-hard"}),
    ("vm stop 3", "POST vms/3/actions/stop", {}),
    ("vm undeploy 3", "POST vms/3/actions/undeploy", {}),
    ("vm undeploy 3 --hard", "POST vms/3/actions/undeploy-hard", {}),
    ("vm resched 3", "POST vms/3/actions/resched", {}),
    ("vm unresched 3", "POST vms/3/actions/unresched", {}),
    ("vm recover 3 --failure", "POST vms/3/actions/recover", {"operation": "failure"}),
    ("vm recover 3 --success", "POST vms/3/actions/recover", {"operation": "success"}),
    ("vm recover 3 --retry", "POST vms/3/actions/recover", {"operation": "retry"}),
    ("vm recover 3 --delete", "POST vms/3/actions/recover", {"operation": "delete"}),
    ("vm recover 3 --recreate", "POST vms/3/actions/recover", {"operation": "recreate"}),
    ("vm recover 3 --delete-db", "POST vms/3/actions/recover", {"operation": "delete-db"}),
    ("vm sched-add 3 poweroff --time +60 --weekly mon,5 --end 4", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="poweroff",TIME="+60",REPEAT="0",DAYS="1,5",END_TYPE="1",END_VALUE="4"]\n'}),
    ("vm poweroff 3 --hard --schedule +60 --weekly mon --end 4", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="poweroff-hard",TIME="+60",REPEAT="0",DAYS="1",END_TYPE="1",END_VALUE="4"]\n'}),
    ("vm hold 3 --schedule +8h", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="hold",TIME="+28800"]\n'}),
    ("vm hold 3 --schedule now", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="hold",TIME="0"]\n'}),
    ("vm backup 3 -d 1 --reset --schedule now --hourly 24", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="backup",ARGS="1,YES",TIME="0",REPEAT="3",DAYS="24"]\n'}),
    ("vm backup 3 --schedule now", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="backup",TIME="0"]\n'}),
    ("vm disk-snapshot-create 3 1 a --schedule now", "POST vms/3/actions/schedule",
     {"template": 'SCHED_ACTION=[ACTION="disk-snapshot-create",ARGS="1,a",TIME="0"]\n'}),
    ("vm sched-update 3 9 --time now", "POST vms/3/actions/update-schedule",
     {"number": 9, "template": 'SCHED_ACTION=[TIME="0"]\n'}),
    ("vm sched-delete 3 9", "POST vms/3/actions/delete-schedule", {"number": 9}),
    ("vm chmod 3 640", "PATCH vms/3", {"permissions": "640"}),
    ("vm chown 3 ann", "PATCH vms/3", {"uid": 5, "gid": -1}),
    ("vm chown 3 5 100", "PATCH vms/3", {"uid": 5, "gid": 100}),
    ("vm chgrp 3 100", "PATCH vms/3", {"uid": -1, "gid": 100}),
    ("vm rename 3 new", "PATCH vms/3", {"name": "new"}),
    ("vm lock 3", "POST vms/3/actions/lock", {"level": 1}),
    ("vm lock 3 --admin", "POST vms/3/actions/lock", {"level": 3}),
    ("vm unlock 3", "POST vms/3/actions/unlock", {}),
    ("vm update 3 --set A=b", "PATCH vms/3", {"template": 'A="b"\n', "merge": True}),
    ("vm disk-attach 3 --image data", "POST vms/3/actions/attach-disk", {"template": 'DISK=[IMAGE="data"]\n'}),
    ("vm disk-attach 3 -i 7 --prefix vd -t vdc", "POST vms/3/actions/attach-disk",
     {"template": 'DISK=[IMAGE_ID="7",DEV_PREFIX="vd",TARGET="vdc"]\n'}),
    ("vm disk-attach 3 --size 1g --fs ext4", "POST vms/3/actions/attach-disk",
     {"template": 'DISK=[TYPE="fs",SIZE="1024",FS="ext4"]\n'}),
    ("vm disk-detach 3 2", "POST vms/3/actions/detach-disk", {"disk_id": 2}),
    ("vm nic-attach 3 --network lan --ip 10.0.0.7", "POST vms/3/actions/attach-nic",
     {"template": 'NIC=[NETWORK="lan",IP="10.0.0.7"]\n'}),
    ("vm nic-attach 3 -n 1 -a NIC0", "POST vms/3/actions/attach-nic",
     {"template": 'NIC_ALIAS=[NETWORK_ID="1",PARENT="NIC0"]\n'}),
    ("vm nic-detach 3 1", "POST vms/3/actions/detach-nic", {"nic_id": 1}),
    ("vm sg-attach 3 1 100", "POST vms/3/actions/attach-security-group", {"nic_id": 1, "group_id": 100}),
    ("vm detach-sg 3 1 100", "POST vms/3/actions/detach-security-group", {"nic_id": 1, "group_id": 100}),
    ("vm sg-detach 3 1 100", "POST vms/3/actions/detach-security-group", {"nic_id": 1, "group_id": 100}),
    ("vm nic-update 3 0 --set METRIC=5", "POST vms/3/actions/update-nic",
     {"nic_id": 0, "template": 'NIC=[METRIC="5"]\n', "merge": True}),
    ("vm nic-update 3 0 --set METRIC=5 --replace", "POST vms/3/actions/update-nic",
     {"nic_id": 0, "template": 'NIC=[METRIC="5"]\n', "merge": False}),
    ("vm disk-resize 3 0 2g", "POST vms/3/actions/resize-disk", {"disk_id": 0, "size": "2048"}),
    ("vm disk-resize 3 0 2048", "POST vms/3/actions/resize-disk", {"disk_id": 0, "size": "2048"}),
    ("vm resize 3 --memory 2g --cpu 0.5", "POST vms/3/actions/resize",
     {"template": 'CPU="0.5"\nMEMORY="2048"\n', "enforce": True}),
    ("vm resize 3 --vcpu 2 --no-enforce", "POST vms/3/actions/resize", {"template": 'VCPU="2"\n', "enforce": False}),
    ("vm updateconf 3 --set GRAPHICS=[TYPE=vnc]", "POST vms/3/actions/update-configuration",
     {"template": "GRAPHICS=[TYPE=vnc]\n", "merge": True}),
    ("vm updateconf 3 --set OS=[BOOT=disk0] --replace", "POST vms/3/actions/update-configuration",
     {"template": "OS=[BOOT=disk0]\n", "merge": False}),
    ("vm disk-snapshot-create 3 0 first", "POST vms/3/actions/create-disk-snapshot", {"disk_id": 0, "name": "first"}),
    ("vm disk-snapshot-create 3 0", "POST vms/3/actions/create-disk-snapshot", {"disk_id": 0, "name": ""}),
    ("vm disk-snapshot-delete 3 0 1", "POST vms/3/actions/delete-disk-snapshot", {"disk_id": 0, "snapshot_id": 1}),
    ("vm disk-snapshot-revert 3 0 1", "POST vms/3/actions/revert-disk", {"disk_id": 0, "snapshot_id": 1}),
    ("vm disk-snapshot-rename 3 0 1 other", "POST vms/3/actions/rename-disk-snapshot",
     {"disk_id": 0, "snapshot_id": 1, "name": "other"}),
    ("vm disk-saveas 3 0 golden", "POST vms/3/actions/save-disk",
     {"disk_id": 0, "name": "golden", "type": "", "snapshot_id": -1}),
    ("vm disk-saveas 3 0 golden -t OS -s 2", "POST vms/3/actions/save-disk",
     {"disk_id": 0, "name": "golden", "type": "OS", "snapshot_id": 2}),
    ("vm snapshot-create 3 first", "POST vms/3/actions/create-snapshot", {"name": "first"}),
    ("vm snapshot-create 3", "POST vms/3/actions/create-snapshot", {"name": ""}),
    ("vm snapshot-delete 3 0", "POST vms/3/actions/delete-snapshot", {"snapshot_id": 0}),
    ("vm snapshot-revert 3 0", "POST vms/3/actions/revert-snapshot", {"snapshot_id": 0}),
    ("host enable node1", "POST hosts/4/actions/enable", {}),
    ("host disable 4", "POST hosts/4/actions/disable", {}),
    ("host offline 4", "POST hosts/4/actions/offline", {}),
    ("host delete 4", "DELETE hosts/4", {}),
    ("host create node2", "POST hosts", {"name": "node2", "im_mad": "kvm", "vm_mad": "kvm", "cluster_id": -1}),
    ("host create node2 -i qemu -v qemu -c 0", "POST hosts",
     {"name": "node2", "im_mad": "qemu", "vm_mad": "qemu", "cluster_id": 0}),
    ("image persistent 7", "PATCH images/7", {"persistent": True}),
    ("image nonpersistent 7", "PATCH images/7", {"persistent": False}),
    ("image enable 7", "PATCH images/7", {"enabled": True}),
    ("image disable debian", "PATCH images/7", {"enabled": False}),
    ("image clone 7 copy", "POST images/7/actions/clone", {"name": "copy", "datastore_id": -1}),
    ("image delete 7", "DELETE images/7", {"force": "false"}),
    ("image delete 7 --force", "DELETE images/7", {"force": "true"}),
    ("image chtype 7 CDROM", "PATCH images/7", {"type": "CDROM"}),
    ("network rm-range 1 0", "POST networks/1/actions/remove-range", {"range_id": 0, "force": False}),
    ("network rmar 1 0 --force", "POST networks/1/actions/remove-range", {"range_id": 0, "force": True}),
    ("network add-range 1 --ip 10.0.1.1 --size 5", "POST networks/1/actions/add-range",
     {"template": 'AR=[TYPE="IP4",IP="10.0.1.1",SIZE="5"]\n'}),
    ("network update-range 1 0 --size 9", "POST networks/1/actions/update-range",
     {"template": 'AR=[AR_ID="0",SIZE="9"]\n'}),
    ("network update-range 1 0 --set mtu=9000", "POST networks/1/actions/update-range",
     {"template": 'AR=[AR_ID="0",MTU="9000"]\n'}),
    ("network hold 1 10.0.0.9", "POST networks/1/actions/hold", {"template": 'LEASES=[IP="10.0.0.9"]\n'}),
    ("network hold 1 02:00:0a:00:00:09 -a 2", "POST networks/1/actions/hold",
     {"template": 'LEASES=[MAC="02:00:0a:00:00:09",AR_ID="2"]\n'}),
    ("network release 1 fd00::9", "POST networks/1/actions/release", {"template": 'LEASES=[IP6="fd00::9"]\n'}),
    ("network reserve 1 --name mine --size 4", "POST networks/1/actions/reserve",
     {"template": 'SIZE="4"\nNAME="mine"\n'}),
    ("network reserve 1 --into 1 -s 4 -i 10.0.0.9 -a 0", "POST networks/1/actions/reserve",
     {"template": 'SIZE="4"\nNETWORK_ID="1"\nAR_ID="0"\nIP="10.0.0.9"\n'}),
    ("network free-range 1 0", "POST networks/1/actions/free-range", {"range_id": 0}),
    ("network recover 1 --success", "POST networks/1/actions/recover", {"operation": "success"}),
    ("vnet delete 1", "DELETE networks/1", {}),
    (
        "secgroup create --name web --in tcp:80,443 --out all@10.0.0.0/30",
        "POST security-groups",
        {"template": 'NAME="web"\nRULE=[RULE_TYPE="INBOUND",PROTOCOL="TCP",RANGE="80,443"]\n'
                     'RULE=[RULE_TYPE="OUTBOUND",PROTOCOL="ALL",IP="10.0.0.0",SIZE="4"]\n'},
    ),
    ("secgroup clone 1 copy", "POST security-groups/1/actions/clone", {"name": "copy"}),
    ("secgroup commit 1", "POST security-groups/1/actions/commit", {"only_outdated": False}),
    ("secgroup commit 1 --recover", "POST security-groups/1/actions/commit", {"only_outdated": True}),
    ("secgroup delete 1", "DELETE security-groups/1", {}),
    ("datastore enable 0", "PATCH datastores/0", {"enabled": True}),
    ("datastore disable 0", "PATCH datastores/0", {"enabled": False}),
    ("template lock 1 --manage", "POST templates/1/actions/lock", {"level": 2}),
    ("image lock debian --all", "POST images/7/actions/lock", {"level": 4}),
    ("network unlock 1", "POST networks/1/actions/unlock", {}),
    ("image unlock 7", "POST images/7/actions/unlock", {}),
    ("template unlock 1", "POST templates/1/actions/unlock", {}),
    ("template clone 1 copy --recursive", "POST templates/1/actions/clone", {"name": "copy", "recursive": True}),
    ("template delete 1", "DELETE templates/1", {"recursive": "false"}),
    ("vntemplate clone 1 copy", "POST network-templates/1/actions/clone", {"name": "copy"}),
    ("vntemplate instantiate 1 --name mine", "POST network-templates/1/actions/instantiate",
     {"name": "mine", "template": ""}),
    ("vntemplate create --name lan --set VN_MAD=bridge", "POST network-templates",
     {"template": 'NAME="lan"\nVN_MAD="bridge"\n'}),
    ("document create --name x --type 200", "POST documents", {"template": 'NAME="x"\n', "type": 200}),
    ("document clone 1 copy", "POST documents/1/actions/clone", {"name": "copy"}),
    ("vrouter instantiate 1 2 -m 3 --name r%i --hold", "POST virtual-routers/1/actions/instantiate",
     {"count": 3, "template_id": 2, "name": "r%i", "hold": True, "template": ""}),
    ("vrouter nic-attach 1 -n 2 --float", "POST virtual-routers/1/actions/attach-nic",
     {"template": 'NIC=[NETWORK_ID="2",FLOATING_IP="YES"]\n'}),
    ("vrouter nic-detach 1 0", "POST virtual-routers/1/actions/detach-nic", {"nic_id": 0}),
    ("vmgroup role-add 1 ROLE=[NAME=a]", "POST vm-groups/1/actions/add-role", {"template": "ROLE=[NAME=a]"}),
    ("vmgroup role-update 1 0 POLICY=NONE", "POST vm-groups/1/actions/update-role",
     {"role_id": 0, "template": "POLICY=NONE"}),
    ("vmgroup role-delete 1 0", "POST vm-groups/1/actions/delete-role", {"role_id": 0}),
    ("vm vmgroup-add 3 2 front", "POST vms/3/actions/join-group", {"group_id": 2, "role": "front"}),
    ("vm vmgroup-del 3", "POST vms/3/actions/leave-group", {}),
    ("hook create --name x --set TYPE=api", "POST hooks", {"template": 'NAME="x"\nTYPE="api"\n'}),
    ("hook retry 1 12", "POST hooks/1/actions/retry", {"execution": 12}),
    ("backupjob backup 1", "POST backup-jobs/1/actions/backup", {}),
    ("backupjob cancel 1", "POST backup-jobs/1/actions/cancel", {}),
    ("backupjob retry 1", "POST backup-jobs/1/actions/retry", {}),
    ("backupjob priority 1 10", "PATCH backup-jobs/1", {"priority": 10}),
    ("backupjob sched-add 1 SCHED_ACTION=[TIME=5]", "POST backup-jobs/1/actions/schedule",
     {"template": "SCHED_ACTION=[TIME=5]"}),
    ("backupjob sched-update 1 2 SCHED_ACTION=[TIME=5]", "POST backup-jobs/1/actions/update-schedule",
     {"number": 2, "template": "SCHED_ACTION=[TIME=5]"}),
    ("backupjob sched-delete 1 2", "POST backup-jobs/1/actions/delete-schedule", {"number": 2}),
    ("vm exec-retry 3", "POST vms/3/actions/retry-execute", {}),
    ("vm exec-cancel 3", "POST vms/3/actions/cancel-execute", {}),
    ("zone enable 0", "PATCH zones/0", {"enabled": True}),
    ("zone disable 0", "PATCH zones/0", {"enabled": False}),
    ("zone server-add 0 SERVER=[NAME=b]", "POST zones/0/actions/add-server", {"server": "SERVER=[NAME=b]"}),
    ("zone server-del 0 1", "POST zones/0/actions/delete-server", {"server": "1"}),
    ("zone server-reset 0 1", "POST zones/0/actions/reset-server", {"server": "1"}),
    ("market enable 100", "PATCH marketplaces/100", {"enabled": True}),
    ("market disable 100", "PATCH marketplaces/100", {"enabled": False}),
    ("marketapp enable 1", "PATCH marketplace-apps/1", {"enabled": True}),
    ("marketapp disable 1", "PATCH marketplace-apps/1", {"enabled": False}),
    ("marketapp create --name x --market 100", "POST marketplace-apps", {"template": 'NAME="x"\n', "market_id": 100}),
    ("user chgrp ann 100", "PATCH users/5", {"gid": 100}),
    ("user create bob pw", "POST users", {"name": "bob", "password": "pw", "driver": "core", "groups": []}),
    ("user create bob pw -g 100 -g 1", "POST users",
     {"name": "bob", "password": "pw", "driver": "core", "groups": [100, 1]}),
    ("group create g", "POST groups", {"name": "g"}),
    ("cluster create c", "POST clusters", {"name": "c"}),
    ("cluster addhost 100 node1", "POST clusters/100/actions/add-host", {"host_id": 4}),
    ("cluster adddatastore 100 1", "POST clusters/100/actions/add-datastore", {"datastore_id": 1}),
    ("cluster addvnet 100 1", "POST clusters/100/actions/add-network", {"network_id": 1}),
    ("cluster delhost 100 node1", "POST clusters/100/actions/remove-host", {"host_id": 4}),
    ("cluster deldatastore 100 1", "POST clusters/100/actions/remove-datastore", {"datastore_id": 1}),
    ("cluster delvnet 100 1", "POST clusters/100/actions/remove-network", {"network_id": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "what", "said"), SENT, ids=[case[0] for case in SENT])
def test_a_verb_sends_what_is_asked_for(
    canned: CannedFrontEnd, inn: Inn, line: str, what: str, said: dict[str, Any]
) -> None:
    canned.documents |= {
        "hosts": documents.HOST_POOL,
        "images": documents.IMAGE_POOL,
        "users": documents.USER_POOL,
    }
    outcome = inn(*line.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert canned.changes(what) == [said]


@pytest.mark.parametrize("name", TABLES)
def test_verbs_are_methods_of_the_client_and_say_all_that_these_need(name: str) -> None:
    collection = KINDS[name].of(Client(Endpoint.parse("http://h"), "a:b", 1))
    for verb in TABLES[name]:
        said = {field_of(param) for param in verb.params} | set(verb.given)
        for method in (verb.method, f"{verb.method}_hard")[: 2 if verb.hard else 1]:
            inspect.signature(getattr(collection, method)).bind(1, **dict.fromkeys(said))


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
    canned.refuse("POST vms/2/actions/hold", 404, "Error getting virtual machine [2].")
    outcome = inn("vm", "hold", "1..3")
    assert [what for what, _ in canned.sent] == [f"POST vms/{n}/actions/hold" for n in (1, 2, 3)]
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "inn: VM 2: Error getting virtual machine [2].\n"
    assert inn("vm", "hold", "1..2", "--json").data == [
        {"ID": 1, "ok": True},
        {"ID": 2, "ok": False, "error": "Error getting virtual machine [2]."},
    ]


def test_actions_are_silent_unless_asked(canned: CannedFrontEnd, inn: Inn) -> None:
    assert inn("vm", "hold", "1")[1:] == ("", "")
    assert inn("vm", "hold", "1", "-v")[1:] == ("", "VM 1: hold\n")


def test_a_verb_with_an_answer_prints_it(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.results["POST images/7/actions/clone"] = 9
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
    assert canned.sent == canned.calls == []


def test_a_group_with_its_administrator(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.results |= {"POST groups": 100, "POST users": 7}
    outcome = inn("group", "create", "lab", "--admin", "lead", stdin="a secret\n")
    assert (outcome.code, outcome.out) == (0, "ID: 100\n")
    assert canned.changes("POST users") == [
        {"name": "lead", "password": "a secret", "groups": [100]}
    ]
    assert canned.changes("POST groups/100/actions/add-admin") == [{"user_id": 7}]


SNAPSHOTS = (
    "<VM><ID>3</ID><NAME>web</NAME><TEMPLATE>"
    "<SNAPSHOT><SNAPSHOT_ID>4</SNAPSHOT_ID><NAME>good</NAME></SNAPSHOT>"
    "<SNAPSHOT><SNAPSHOT_ID>5</SNAPSHOT_ID><NAME>twice</NAME></SNAPSHOT>"
    "<SNAPSHOT><SNAPSHOT_ID>6</SNAPSHOT_ID><NAME>twice</NAME></SNAPSHOT></TEMPLATE>"
    "<SNAPSHOTS><DISK_ID>0</DISK_ID><SNAPSHOT><ID>7</ID><NAME>good</NAME></SNAPSHOT></SNAPSHOTS>"
    "<SNAPSHOTS><DISK_ID>1</DISK_ID><SNAPSHOT><ID>8</ID><NAME>other</NAME></SNAPSHOT></SNAPSHOTS></VM>"
)


def test_snapshots_have_names(canned: CannedFrontEnd, inn: Inn) -> None:
    canned.documents["vms/N"] = SNAPSHOTS
    assert inn("vm", "snapshot-revert", "3", "good").code == 0
    assert inn("vm", "disk-snapshot-delete", "3", "0", "good").code == 0
    assert inn("vm", "snapshot-delete", "3", "good", "--schedule", "now").code == 0
    assert canned.sent == [
        ("POST vms/3/actions/revert-snapshot", {"snapshot_id": 4}),
        ("POST vms/3/actions/delete-disk-snapshot", {"disk_id": 0, "snapshot_id": 7}),
        ("POST vms/3/actions/schedule",
         {"template": 'SCHED_ACTION=[ACTION="snapshot-delete",ARGS="4",TIME="0"]\n'}),
    ]  # fmt: skip
    outcome = inn("vm", "disk-snapshot-revert", "3", "1", "good")
    assert outcome.code == 3
    assert outcome.err == "inn: VM 3 disk 1 has no snapshot 'good' (it has: other)\n"
    outcome = inn("vm", "snapshot-revert", "3", "twice")
    assert (outcome.code, outcome.err.endswith("use a number (5, 6)\n")) == (2, True)
    assert len(canned.sent) == 3
