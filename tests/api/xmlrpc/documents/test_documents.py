"""Every document against the contract, in the states in which it has something to show."""

import re
import xml.etree.ElementTree as ET

import pytest

from innkeeper.lifecycle.messages import HostDown
from innkeeper.model.errors import Code
from innkeeper.model.states import ImageState
from tests.api.xmlrpc.cloud import ALICE, BOB, IMAGE, NETWORK, VM, Cloud, texts
from tests.api.xmlrpc.documents import schema
from tests.api.xmlrpc.examples import EXAMPLES, full_vdc, in_group, router, router_template

FULL = f"""
{VM}\nVCPU = 2\nLABELS = blue\nHYPERVISOR = kvm
DISK = [ IMAGE_ID = 0 ]\nDISK = [ TYPE = fs, SIZE = 10 ]
NIC = [ NETWORK_ID = 0 ]\nNIC = [ NETWORK_ID = 0, IP = 10.1.0.4 ]
GRAPHICS = [ TYPE = vnc ]\nCONTEXT = [ NETWORK = YES ]
"""


def furnished(cloud: Cloud) -> int:
    """A network, an image and a running VM that uses both; returns the VM."""
    cloud.do("one.vn.allocate", NETWORK, -1)
    cloud.add_image()
    vm = cloud.add_running(FULL)
    cloud.measure(0)
    return vm


# ---- VMs --------------------------------------------------------------------------------------


def test_a_pending_vm(cloud: Cloud) -> None:
    vm = cloud.xml("one.vm.info", cloud.add_vm())
    schema.check(vm, schema.VM)
    assert vm.findtext("STATE") == "1"
    assert len(vm.find("HISTORY_RECORDS") or ()) == 0


def test_a_running_vm(cloud: Cloud) -> None:
    vm = cloud.xml("one.vm.info", furnished(cloud))
    schema.check(vm, schema.VM)
    assert (vm.findtext("STATE"), vm.findtext("LCM_STATE")) == ("3", "3")
    assert (vm.findtext("UNAME"), vm.findtext("GNAME")) == ("oneadmin", "oneadmin")
    assert vm.findtext("LAST_POLL") == vm.findtext("MONITORING/TIMESTAMP") == "1700000000"
    assert vm.findtext("MONITORING/CPU") == "50"
    assert vm.findtext("TEMPLATE/TM_MAD_SYSTEM") == "dummy"
    assert vm.findtext("TEMPLATE/VMID") == "0"
    assert vm.findtext("USER_TEMPLATE/HYPERVISOR") == "kvm"
    assert texts(vm, "TEMPLATE/NIC/IP") == ["10.0.0.1", "10.1.0.4"]


def test_the_snapshots_of_a_disk(cloud: Cloud) -> None:
    number = cloud.add_running(f"{VM}\nDISK = [TYPE = fs, SIZE = 5, FORMAT = qcow2]")
    for name in ("first", ""):
        cloud.do("one.vm.disksnapshotcreate", number, 0, name)
        cloud.settle()
    vm = cloud.xml("one.vm.info", number)
    schema.check(vm, schema.VM)
    assert [
        vm.findtext(f"SNAPSHOTS/{of}") for of in ("CURRENT_BASE", "DISK_ID", "NEXT_SNAPSHOT")
    ] == ["1", "0", "2"]
    first, second = vm.findall("SNAPSHOTS/SNAPSHOT")
    assert (first.findtext("NAME"), first.findtext("CHILDREN"), first.findtext("ACTIVE")) == (
        "first",
        "1",
        None,
    )
    assert (second.findtext("NAME"), second.findtext("PARENT"), second.findtext("ACTIVE")) == (
        None,
        "0",
        "YES",
    )


def test_a_terminated_vm_keeps_its_body(cloud: Cloud) -> None:
    number = furnished(cloud)
    cloud.do("one.vm.action", "terminate-hard", number)
    cloud.settle()
    vm = cloud.xml("one.vm.info", number)
    schema.check(vm, schema.VM)
    assert vm.findtext("STATE") == "6"
    assert vm.findtext("ETIME") == "1700000000"
    assert vm.findtext("HISTORY_RECORDS/HISTORY/ACTION") == "28"


def test_vm_info_has_all_history_and_pools_the_last_record(cloud: Cloud) -> None:
    number = furnished(cloud)
    for action in ("poweroff-hard", "resume"):
        cloud.do("one.vm.action", action, number)
        cloud.settle()
    assert texts(cloud.xml("one.vm.info", number), "HISTORY_RECORDS/HISTORY/SEQ") == ["0", "1"]
    for method in ("info", "infoextended"):
        pool = cloud.xml(f"one.vmpool.{method}", -2, -1, -1, -1)
        assert texts(pool, "VM/HISTORY_RECORDS/HISTORY/SEQ") == ["1"]


def test_the_short_body(cloud: Cloud) -> None:
    furnished(cloud)
    cloud.add_vm()
    pool = cloud.xml("one.vmpool.info", -2, -1, -1, -1)
    assert pool.tag == "VM_POOL"
    assert texts(pool, "VM/ID") == ["1", "0"]
    for vm in pool:
        schema.check(vm, schema.VM_SHORT)
    full = pool[1]
    assert texts(full, "TEMPLATE/DISK/IMAGE") == ["disk", ""]
    assert texts(full, "TEMPLATE/NIC/NETWORK") == ["net", "net"]
    assert full.findtext("TEMPLATE/GRAPHICS/TYPE") == "vnc"
    assert full.findtext("TEMPLATE/VCPU") == "2"
    assert full.findtext("USER_TEMPLATE/LABELS") == "blue"
    assert full.find("USER_TEMPLATE/HYPERVISOR") is None
    assert full.findtext("MONITORING/CPU") == "50"
    assert pool[0].findtext("TEMPLATE/VCPU") == ""


def test_the_extended_pool_has_the_long_body(cloud: Cloud) -> None:
    number = furnished(cloud)
    (vm,) = cloud.xml("one.vmpool.infoextended", -2, -1, -1, -1)
    schema.check(vm, schema.VM)
    assert ET.tostring(vm) == ET.tostring(cloud.xml("one.vm.info", number))
    (vm,) = cloud.xml("one.vmpool.infoset", "0", True)
    schema.check(vm, schema.VM)
    (vm,) = cloud.xml("one.vmpool.infoset", "0", False)
    schema.check(vm, schema.VM_SHORT)


def test_locks_are_shown(cloud: Cloud) -> None:
    number = furnished(cloud)
    cloud.do("one.vm.lock", number, 2, False)
    vm = cloud.xml("one.vm.info", number)
    schema.check(vm, schema.VM)
    assert [child.text for child in vm.find("LOCK") or ()] == ["2", "0", "1700000000", "-1"]
    (short,) = cloud.xml("one.vmpool.info", -2, -1, -1, -1)
    schema.check(short, schema.VM_SHORT)
    assert short.findtext("LOCK/LOCKED") == "2"
    for what, notation in (
        ("image", schema.IMAGE),
        ("vn", schema.VNET),
    ):
        cloud.do(f"one.{what}.lock", 0, 1, False)
        document = cloud.xml(f"one.{what}.info", 0)
        schema.check(document, notation)
        assert document.findtext("LOCK/LOCKED") == "1"


# ---- hosts, clusters, datastores --------------------------------------------------------------


def test_a_new_host(cloud: Cloud) -> None:
    host = cloud.xml("one.host.info", cloud.do("one.host.allocate", "node", "kvm", "kvm", -1))
    schema.check(host, schema.HOST)
    assert host.findtext("STATE") == "0"
    assert [child.tag for child in host.find("TEMPLATE") or ()] == ["RESERVED_CPU", "RESERVED_MEM"]
    assert len(host.find("MONITORING") or ()) == 0


def test_a_host_at_work(cloud: Cloud) -> None:
    furnished(cloud)
    host = cloud.xml("one.host.info", 0)
    schema.check(host, schema.HOST)
    share = {child.tag: child.text for child in host.find("HOST_SHARE") or ()}
    assert (share["CPU_USAGE"], share["TOTAL_CPU"], share["MAX_CPU"]) == ("50", "800", "800")
    assert (share["MEM_USAGE"], share["TOTAL_MEM"]) == (str(128 * 1024), str(16 << 20))
    assert share["RUNNING_VMS"] == "1"
    assert host.findtext("HOST_SHARE/DATASTORES/DISK_USAGE") == "110"
    assert texts(host, "VMS/ID") == ["0"]
    assert host.findtext("MONITORING/CAPACITY/USED_CPU") == "50"
    assert host.findtext("TEMPLATE/HYPERVISOR") == "dummy"


def test_what_is_reserved_is_not_offered(cloud: Cloud) -> None:
    number = cloud.add_host()
    cloud.do("one.host.update", number, 'RESERVED_CPU = 200\nRESERVED_MEM = "50%"', 1)
    host = cloud.xml("one.host.info", number)
    assert host.findtext("HOST_SHARE/MAX_CPU") == "600"
    assert host.findtext("HOST_SHARE/MAX_MEM") == str(8 << 20)
    assert host.findtext("HOST_SHARE/TOTAL_CPU") == "800"


def test_the_error_of_a_host_is_in_its_template(cloud: Cloud) -> None:
    number = cloud.add_host()
    cloud.core.take(HostDown(number, "no answer <for> 30 s"))
    host = cloud.xml("one.host.info", number)
    assert host.findtext("STATE") == "3"
    assert host.findtext("TEMPLATE/ERROR") == "no answer <for> 30 s"


def test_the_host_pool(cloud: Cloud) -> None:
    furnished(cloud)
    cloud.add_host("other")
    pool = cloud.xml("one.hostpool.info")
    assert (pool.tag, texts(pool, "HOST/NAME")) == ("HOST_POOL", ["other", "node-of-0"])
    for host in pool:
        schema.check(host, schema.HOST)


def test_clusters(cloud: Cloud) -> None:
    furnished(cloud)
    number = cloud.do("one.cluster.allocate", "east")
    cloud.do("one.cluster.addhost", number, 0)
    cloud.do("one.cluster.adddatastore", number, 2)
    cloud.do("one.cluster.addvnet", number, 0)
    cluster = cloud.xml("one.cluster.info", number)
    schema.check(cluster, schema.CLUSTER)
    assert texts(cluster, "HOSTS/ID") == ["0"]
    assert texts(cluster, "DATASTORES/ID") == ["2"]
    assert texts(cluster, "VNETS/ID") == ["0"]
    pool = cloud.xml("one.clusterpool.info")
    assert (pool.tag, texts(pool, "CLUSTER/NAME")) == ("CLUSTER_POOL", ["east", "default"])
    for cluster in pool:
        schema.check(cluster, schema.CLUSTER)
    assert texts(pool[1], "DATASTORES/ID") == ["0", "1", "2"]


def test_datastores(cloud: Cloud) -> None:
    cloud.add_image()
    datastore = cloud.xml("one.datastore.info", 1)
    schema.check(datastore, schema.DATASTORE)
    assert texts(datastore, "IMAGES/ID") == ["0"]
    assert (datastore.findtext("TYPE"), datastore.findtext("BASE_PATH")) == ("0", "/ds/1")
    pool = cloud.xml("one.datastorepool.info")
    assert pool.tag == "DATASTORE_POOL"
    assert texts(pool, "DATASTORE/NAME") == ["files", "default", "system"]
    assert texts(pool, "DATASTORE/TYPE") == ["2", "0", "1"]
    for datastore in pool:
        schema.check(datastore, schema.DATASTORE)


# ---- images -----------------------------------------------------------------------------------


def test_an_image_through_its_states(cloud: Cloud) -> None:
    number = cloud.do("one.image.allocate", IMAGE, 1)
    states = [cloud.xml("one.image.info", number)]
    cloud.settle()
    states.append(cloud.xml("one.image.info", number))
    vm = cloud.add_vm(f"{VM}\nDISK=[IMAGE_ID={number}]")
    states.append(cloud.xml("one.image.info", number))
    cloud.do("one.vm.recover", vm, 3)
    states.append(cloud.xml("one.image.info", number))
    for image in states:
        schema.check(image, schema.IMAGE)
    shown = [ImageState(int(image.findtext("STATE") or "")).name for image in states]
    assert shown == ["LOCKED", "READY", "USED", "READY"]
    assert [image.findtext("RUNNING_VMS") for image in states] == ["0", "0", "1", "0"]
    assert [texts(image, "VMS/ID") for image in states] == [[], [], ["0"], []]


def test_a_clone_shows_while_it_is_made(cloud: Cloud) -> None:
    number = cloud.add_image()
    copy = cloud.do("one.image.clone", number, "copy", -1)
    during = cloud.xml("one.image.info", number)
    cloud.settle()
    after = cloud.xml("one.image.info", number)
    assert (during.findtext("CLONING_OPS"), texts(during, "CLONES/ID")) == ("1", [str(copy)])
    assert (after.findtext("CLONING_OPS"), texts(after, "CLONES/ID")) == ("0", [])


def test_the_image_pool(cloud: Cloud) -> None:
    cloud.add_image()
    cloud.add_image(IMAGE.replace("disk", "other"))
    pool = cloud.xml("one.imagepool.info", -2, -1, -1)
    assert (pool.tag, texts(pool, "IMAGE/NAME")) == ("IMAGE_POOL", ["other", "disk"])
    for image in pool:
        schema.check(image, schema.IMAGE)
        assert image.findtext("DATASTORE") == "default"


def test_security_groups(cloud: Cloud) -> None:
    vm = furnished(cloud)
    for group in cloud.xml("one.secgrouppool.info", -2, -1, -1):
        schema.check(group, schema.SECURITY_GROUP)
    group = cloud.xml("one.secgroup.info", 0)
    assert group.findtext("NAME") == "default"
    assert texts(group, "UPDATED_VMS/ID") == [str(vm)]
    assert texts(group, "TEMPLATE/RULE/RULE_TYPE") == ["OUTBOUND", "INBOUND"]


# ---- networks ---------------------------------------------------------------------------------


def test_a_network_with_leases(cloud: Cloud) -> None:
    furnished(cloud)
    cloud.do("one.vn.hold", 0, "LEASES = [ IP = 10.0.0.5 ]")
    network = cloud.xml("one.vn.info", 0)
    schema.check(network, schema.VNET)
    assert network.findtext("USED_LEASES") == "3"
    first, second = network.findall("AR_POOL/AR")
    assert (first.findtext("MAC_END"), first.findtext("IP_END")) == (
        "02:00:0a:00:00:0a",
        "10.0.0.10",
    )
    assert texts(first, "LEASES/LEASE/IP") == ["10.0.0.1", "10.0.0.5"]
    assert texts(first, "LEASES/LEASE/VM") == ["0", "-1"]
    assert (first.findtext("USED_LEASES"), second.findtext("USED_LEASES")) == ("2", "1")
    # EUI-64 of 02:00:0a:01:00:01 (RFC 4291): the universal bit flips, ff:fe in the middle.
    assert second.findtext("IP6_GLOBAL") == "2001:db8::aff:fe01:1"
    assert second.findtext("IP6_GLOBAL_END") == "2001:db8::aff:fe01:a"
    assert second.findtext("IP6_ULA") == "fd00::aff:fe01:1"
    assert texts(second, "LEASES/LEASE/IP6_LINK") == ["fe80::aff:fe01:4"]


def test_the_network_pool_says_what_is_allocated(cloud: Cloud) -> None:
    furnished(cloud)
    cloud.do("one.vn.hold", 0, "LEASES = [ IP = 10.0.0.5 ]")
    (network,) = cloud.xml("one.vnpool.info", -2, -1, -1)
    schema.check(network, schema.VNET_POOLED)
    vm, held = 0x1000000000, 0x10FFFFFFFF
    assert texts(network, "AR_POOL/AR/ALLOCATED") == [f" 0 {vm} 4 {held}", f" 3 {vm}"]
    assert network.findtext("USED_LEASES") == "3"


def test_others_leases_are_not_shown(cloud: Cloud) -> None:
    cloud.do("one.vn.allocate", NETWORK, -1)
    for who in (ALICE, BOB):
        cloud.add_vm(f"{VM}\nNIC=[NETWORK_ID=0]", session=who)
    network = cloud.xml("one.vn.info", 0, session=ALICE)
    schema.check(network, schema.VNET)
    assert network.findtext("USED_LEASES") == "2"
    assert texts(network, "AR_POOL/AR/LEASES/LEASE/VM") == ["0"]


@pytest.mark.parametrize(
    ("ar", "ends"),
    [
        ("TYPE=ETHER,SIZE=4,MAC=02:00:00:00:00:10", {"MAC_END": "02:00:00:00:00:13"}),
        (
            "TYPE=IP6_STATIC,SIZE=3,IP6=2001:db8::1,PREFIX_LENGTH=64,MAC=02:00:00:00:00:10",
            {"MAC_END": "02:00:00:00:00:12", "IP6_END": "2001:db8::3"},
        ),
    ],
)
def test_address_ranges_of_other_types(cloud: Cloud, ar: str, ends: dict[str, str]) -> None:
    cloud.do("one.vn.allocate", f"NAME=n\nVN_MAD=dummy\nBRIDGE=br0\nAR=[{ar}]", -1)
    network = cloud.xml("one.vn.info", 0)
    schema.check(network, schema.VNET)
    found = network.find("AR_POOL/AR")
    assert found is not None
    assert {child.tag: child.text for child in found if child.tag.endswith("_END")} == ends


# ---- templates, users, groups -----------------------------------------------------------------


def test_templates(cloud: Cloud) -> None:
    number = cloud.do("one.template.allocate", f"{VM}\nEMPTY = \nV = [ A = 1 ]")
    cloud.do("one.template.lock", number, 3, False)
    template = cloud.xml("one.template.info", number)
    schema.check(template, schema.VMTEMPLATE)
    names = [child.tag for child in template.find("TEMPLATE") or ()]
    assert names == ["CPU", "EMPTY", "MEMORY", "V"]
    pool = cloud.xml("one.templatepool.info", -2, -1, -1)
    assert pool.tag == "VMTEMPLATE_POOL"
    schema.check(pool[0], schema.VMTEMPLATE)


def test_an_extended_template_tells_of_images_and_networks(cloud: Cloud) -> None:
    cloud.add_image()
    cloud.do("one.vn.allocate", NETWORK, -1)
    text = f'{VM}\nDISK=[IMAGE=disk,IMAGE_UNAME=oneadmin]\nDISK=[IMAGE_ID=77]\nNIC=[NETWORK="net"]'
    number = cloud.do("one.template.allocate", text)
    template = cloud.xml("one.template.info", number, True)
    schema.check(template, schema.VMTEMPLATE)
    assert texts(template, "TEMPLATE/DISK/IMAGE_ID") == ["0", "77"]
    assert texts(template, "TEMPLATE/DISK/SIZE") == ["100"]
    assert texts(template, "TEMPLATE/NIC/NETWORK_ID") == ["0"]
    plain = cloud.xml("one.template.info", number, False)
    assert texts(plain, "TEMPLATE/DISK/IMAGE_ID") == ["77"]


def test_users(cloud: Cloud) -> None:
    cloud.do("one.user.login", "alice", "", 600, session=ALICE)
    cloud.do("one.user.update", 2, "EMAIL = a@example.org", 1)
    user = cloud.xml("one.user.info", -1, session=ALICE)
    schema.check(user, schema.USER)
    assert (user.findtext("ID"), user.findtext("NAME"), user.findtext("GNAME")) == (
        "2",
        "alice",
        "users",
    )
    assert user.findtext("LOGIN_TOKEN/EXPIRATION_TIME") == "1700000600"
    assert user.findtext("TEMPLATE/EMAIL") == "a@example.org"
    assert texts(user, "GROUPS/ID") == ["1"]


def test_the_user_pool_has_quotas_as_siblings(cloud: Cloud) -> None:
    pool = list(cloud.xml("one.userpool.info"))
    schema.check_children(pool[-1:], schema.USER_POOL_END, "USER_POOL")
    pairs = [pool[i : i + 2] for i in range(0, len(pool) - 1, 2)]
    for pair in pairs:
        schema.check_children(pair, schema.USER_POOLED, "USER_POOL")
        assert pair[0].findtext("ID") == pair[1].findtext("ID")
    assert [user.findtext("NAME") for user, _ in pairs] == [
        "bob", "alice", "serveradmin", "oneadmin",
    ]  # fmt: skip


def test_groups(cloud: Cloud) -> None:
    group = cloud.xml("one.group.info", -1, session=ALICE)
    schema.check(group, schema.GROUP)
    assert (group.findtext("NAME"), texts(group, "USERS/ID")) == ("users", ["2", "3"])
    pool = list(cloud.xml("one.grouppool.info"))
    schema.check_children(pool[-1:], schema.GROUP_POOL_END, "GROUP_POOL")
    for i in range(0, len(pool) - 1, 3):
        schema.check_children(pool[i : i + 3], schema.GROUP_POOLED, "GROUP_POOL")
    assert len(pool) == 2 * 3 + 1


# ---- what is made from a template alone ---------------------------------------------------------


@pytest.mark.parametrize("what", schema.PLAIN)
def test_plain_objects(cloud: Cloud, what: str) -> None:
    """Alone and in a pool, locked and not."""
    (number, *_) = EXAMPLES[f"one.{what}.info"](cloud)
    for locked in (False, True):
        if locked and f"one.{what}.lock" in EXAMPLES:
            cloud.do(f"one.{what}.lock", number, 3, False)
        shown = cloud.xml(f"one.{what}.info", number)
        schema.check(shown, schema.PLAIN[what])
        pool = cloud.xml(f"one.{what}pool.info", -2, -1, -1)
        assert pool.tag == f"{shown.tag}_POOL"
        for each in pool:
            schema.check(each, schema.PLAIN[what])


def test_the_roles_of_a_vm_group_have_their_vms(cloud: Cloud) -> None:
    vm = in_group(cloud)
    group = cloud.xml("one.vmgroup.info", 0)
    schema.check(group, schema.PLAIN["vmgroup"])
    assert texts(group, "ROLES/ROLE/NAME") == ["front", "back"]
    assert texts(group, "ROLES/ROLE/VMS") == [str(vm)]
    assert group.findtext("TEMPLATE/ANTI_AFFINED") == "front,back"
    assert cloud.xml("one.vm.info", vm).findtext("TEMPLATE/VMGROUP/ROLE") == "back"


def test_a_virtual_router_is_shown_with_its_vms_and_in_its_networks(cloud: Cloud) -> None:
    made = router(cloud)
    cloud.do("one.vrouter.instantiate", made, 2, router_template(cloud), "", True, "")
    shown = cloud.xml("one.vrouter.info", made)
    schema.check(shown, schema.PLAIN["vrouter"])
    assert texts(shown, "VMS/ID") == ["0", "1"]
    assert texts(shown, "TEMPLATE/NIC/IP") == ["10.0.0.1"]
    net = cloud.xml("one.vn.info", 0)
    schema.check(net, schema.VNET)
    assert texts(net, "VROUTERS/ID") == [str(made)]
    assert [(x.findtext("VROUTER"), x.findtext("VM")) for x in net.iterfind(".//LEASE")][:2] == [
        (str(made), None), (None, "0"),
    ]  # fmt: skip
    pooled = cloud.xml("one.vnpool.info", -2, -1, -1).find("VNET")
    assert pooled is not None
    assert f" 0 {0x4000000000000 | made}" in (pooled.findtext("AR_POOL/AR/ALLOCATED") or "")
    cloud.do("one.vn.chmod", 0, -1, -1, -1, -1, -1, -1, 1, -1, -1)
    assert texts(cloud.xml("one.vn.info", 0, session=ALICE), "VROUTERS/ID") == []
    assert texts(cloud.xml("one.vrouterpool.info", -2, -1, -1), "VROUTER/NAME") == ["edge"]


def test_documents_are_listed_by_type(cloud: Cloud) -> None:
    for number in (100, 101):
        cloud.do("one.document.allocate", "NAME=x", number)
    assert texts(cloud.xml("one.documentpool.info", -2, -1, -1, 101), "DOCUMENT/TYPE") == ["101"]
    assert len(cloud.xml("one.documentpool.info", -2, -1, -1, -1)) == 2


def test_a_network_tells_the_template_that_it_was_made_from(cloud: Cloud) -> None:
    number = cloud.do("one.vntemplate.instantiate", *EXAMPLES["one.vntemplate.instantiate"](cloud))
    network = cloud.xml("one.vn.info", number)
    schema.check(network, schema.VNET)
    assert network.findtext("TEMPLATE_ID") == "0"


# ---- samples ----------------------------------------------------------------------------------


def test_histories_of_samples(cloud: Cloud) -> None:
    number = furnished(cloud)
    for _ in range(2):
        cloud.clock.now += 30
        cloud.measure(0)
    inside = re.search(r"MONITORING(\{.*\}),SCHED_ACTIONS", schema.VM)
    assert inside
    one = cloud.xml("one.vm.monitoring", number)
    pool = cloud.xml("one.vmpool.monitoring", -2, -1)
    assert ET.tostring(one) == ET.tostring(pool)
    assert one.tag == "MONITORING_DATA"
    schema.check_children(list(one), f"MONITORING*{inside[1]}", "MONITORING_DATA")
    assert texts(one, "MONITORING/TIMESTAMP") == ["1700000000", "1700000030", "1700000060"]
    last = cloud.xml("one.vmpool.monitoring", -2, 0)
    assert texts(last, "MONITORING/TIMESTAMP") == ["1700000060"]
    recent = cloud.xml("one.vmpool.monitoring", -2, 45)
    assert texts(recent, "MONITORING/TIMESTAMP") == ["1700000030", "1700000060"]

    hosts = cloud.xml("one.host.monitoring", 0)
    schema.check_children(list(hosts), schema.HOST_MONITORING, "MONITORING_DATA")
    assert len(hosts) == 3
    assert len(cloud.xml("one.hostpool.monitoring", 0)) == 1
    assert len(cloud.xml("one.hostpool.monitoring")) == 3


# ---- accounting -------------------------------------------------------------------------------


def test_accounting(cloud: Cloud) -> None:
    number = furnished(cloud)
    cloud.clock.now += 7200
    for action in ("poweroff-hard", "resume"):
        cloud.do("one.vm.action", action, number)
        cloud.settle()
    found = cloud.xml("one.vmpool.accounting", -2, -1, -1)
    assert found.tag == "HISTORY_RECORDS"
    inside = schema.VM.replace(f"HISTORY_RECORDS{{{schema.HISTORY}}}", "HISTORY_RECORDS{}")
    for record in found:
        schema.check(record, f"{schema.HISTORY.replace('*', '', 1).removesuffix('}')},{inside}}}")
    assert texts(found, "HISTORY/SEQ") == ["0", "1"]
    assert len(cloud.xml("one.vmpool.accounting", -2, 1_700_007_200, -1)) == 1
    assert len(cloud.xml("one.vmpool.accounting", -2, -1, -1, session=ALICE)) == 0
    cloud.refused(Code.BAD_ARGUMENT, "one.vmpool.accounting", -5, -1, -1)


def test_showback(cloud: Cloud) -> None:
    cloud.add_running(f"{VM}\nCPU_COST=2\nMEMORY_COST=0.5")
    cloud.clock.now += 7200
    found = cloud.xml("one.vmpool.showback", -2, -1, -1, -1, -1)
    for record in found:
        schema.check(record, schema.SHOWBACK)
    (record,) = found
    shown = [
        record.findtext(name) for name in ("YEAR", "MONTH", "HOURS", "CPU_COST", "MEMORY_COST")
    ]
    assert shown == ["2023", "11", "2.00", "2.00", "128.00"]
    assert len(cloud.xml("one.vmpool.showback", -2, 12, 2023, -1, -1)) == 0
    cloud.refused(Code.BAD_ARGUMENT, "one.vmpool.showback", -2, 13, 2023, -1, -1)
    assert cloud.do("one.vmpool.calculateshowback", -1, -1, -1, -1) == " "
    cloud.refused(Code.AUTHORIZATION, "one.vmpool.calculateshowback", -1, -1, -1, -1, session=ALICE)


# ---- what users write -------------------------------------------------------------------------

HOSTILE = "<VM> & ]]> \r\n 'x' \"y\" \u00e4\u4e2d\U0001f600 \x07 <![CDATA["


def test_hostile_text_comes_back_as_it_was(cloud: Cloud) -> None:
    """Control characters cannot be in XML and become a question mark; `]]>` is refused in templates."""
    number = cloud.add_image()
    image = cloud.world.images[number]

    template = image.template.with_("A", HOSTILE)
    cloud.core.transact(lambda tx: tx.change(image, path=HOSTILE, template=template))
    shown = cloud.xml("one.image.info", number)
    schema.check(shown, schema.IMAGE)
    assert shown.findtext("PATH") == HOSTILE.replace("\x07", "?")
    assert (shown.findtext("TEMPLATE/A") or "").startswith("<VM> & ]]> \r\n 'x'")


def test_free_text_stands_in_cdata(cloud: Cloud) -> None:
    furnished(cloud)
    text = cloud.do("one.image.info", 0)
    for tag in ("SOURCE", "PATH", "FORMAT", "FS", "DEV_PREFIX"):
        assert re.search(rf"<{tag}><!\[CDATA\[", text)
    assert "\n" not in text
    assert not text.startswith("<?xml")


def test_the_password_of_a_screen_is_for_those_who_handle_the_vm(cloud: Cloud) -> None:
    text = f"{VM}\nGRAPHICS=[TYPE=vnc,RANDOM_PASSWD=YES]"
    number = cloud.do("one.vm.allocate", text, True, session=ALICE)
    cloud.do("one.vm.chmod", number, -1, -1, -1, -1, -1, -1, 1, -1, -1, session=ALICE)
    path = "TEMPLATE/GRAPHICS/PASSWD"
    for session, shown in ((ALICE, True), (BOB, False), (ALICE, True)):
        vm = cloud.xml("one.vm.info", number, session=session)
        assert (vm.findtext(path) is not None) is shown
        assert vm.findtext("TEMPLATE/GRAPHICS/PORT") == "5900"
        (vm,) = cloud.xml("one.vmpool.infoextended", -2, -1, -1, -1, session=session)
        assert (vm.findtext(path) is not None) is shown
        (vm,) = cloud.xml("one.vmpool.info", -2, -1, -1, -1, session=session)
        assert vm.findtext(path) is None and vm.findtext("TEMPLATE/GRAPHICS/TYPE") == "vnc"


def test_vdcs_and_rules(cloud: Cloud) -> None:
    number = full_vdc(cloud)
    vdc = cloud.xml("one.vdc.info", number)
    schema.check(vdc, schema.VDC)
    assert texts(vdc, "GROUPS/ID") == ["1"]
    assert texts(vdc, "CLUSTERS/CLUSTER/CLUSTER_ID") == ["-10"]
    assert texts(vdc, "VNETS/VNET/ZONE_ID") == ["0"]
    pool = cloud.xml("one.vdcpool.info")
    assert [element.findtext("ID") for element in pool] == [str(number), "0"]
    assert cloud.do("one.vdcpool.info", session=ALICE) == "<VDC_POOL></VDC_POOL>"
    rules = cloud.xml("one.acl.info")
    schema.check_children(list(rules), schema.ACL, "ACL_POOL")
    first, *_, last = rules
    assert [child.text for child in first] == [
        "0", "200000001", "121429400000000", "8", "400000000",
        "@1 VM+IMAGE+TEMPLATE+DOCUMENT+SECGROUP+VMGROUP+BACKUPJOB/* CREATE *",
    ]  # fmt: skip
    assert last.findtext("STRING") == "@1 NET/#0 USE #0"
    assert last.findtext("RESOURCE") == "4100000000"
