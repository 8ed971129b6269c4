"""`one.host.*`, `one.cluster.*`, `one.datastore.*`: states and bad arguments."""

import pytest

from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import ALICE, Cloud, texts

# ---- hosts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "im", "vm", "says"),
    [
        ("node", "vmware", "kvm", "IM_MAD"),
        ("node", "kvm", "", "VM_MAD"),
        ("no de", "kvm", "kvm", "name"),
        ("", "kvm", "kvm", "name"),
    ],
)
def test_hosts_that_cannot_be(cloud: Cloud, name: str, im: str, vm: str, says: str) -> None:
    ok, text, code, *_ = cloud.answer("one.host.allocate", name, im, vm, -1)
    assert (ok, says in text) == (False, True)
    assert code in (Code.ALLOCATE, Code.INTERNAL)


def test_host_names_are_unique(cloud: Cloud) -> None:
    number = cloud.add_host("node")
    other = cloud.add_host("other")
    cloud.refused(Code.ALLOCATE, "one.host.allocate", "node", "kvm", "kvm", -1)
    cloud.refused(Code.ACTION, "one.host.rename", other, "node")
    cloud.refused(Code.NO_EXISTS, "one.host.allocate", "third", "kvm", "kvm", 77)
    assert cloud.do("one.host.rename", number, "node") == number


def test_a_host_with_vms_stays(cloud: Cloud) -> None:
    vm = cloud.add_running()
    assert "still has VMs: 0" in cloud.refused(Code.ACTION, "one.host.delete", 0)
    cloud.do("one.vm.action", "terminate-hard", vm)
    cloud.settle()
    cloud.do("one.host.delete", 0)
    cloud.refused(Code.NO_EXISTS, "one.host.info", 0)


def test_the_status_of_a_host(cloud: Cloud) -> None:
    number = cloud.add_host()
    states = []
    for status in (1, 0, 2, 0):
        cloud.do("one.host.status", number, status)
        states.append(cloud.xml("one.host.info", number).findtext("STATE"))
    assert states == ["4", "2", "8", "0"]
    for status in (-1, 3):
        cloud.refused(Code.INTERNAL, "one.host.status", number, status)


# ---- clusters ---------------------------------------------------------------------------------


def test_members_come_and_go(cloud: Cloud) -> None:
    east = cloud.do("one.cluster.allocate", "east")
    host = cloud.add_host()
    cloud.do("one.cluster.addhost", east, host)
    assert cloud.world.hosts[host].cluster_id == east
    assert "hosts" in cloud.refused(Code.ACTION, "one.cluster.delete", east)
    assert cloud.do("one.cluster.delhost", east, host) == east
    assert cloud.world.hosts[host].cluster_id == 0
    for _ in range(2):
        cloud.do("one.cluster.adddatastore", east, 1)
    assert texts(cloud.xml("one.datastore.info", 1), "CLUSTERS/ID") == ["0", str(east)]
    for _ in range(2):
        cloud.do("one.cluster.deldatastore", east, 1)
    assert texts(cloud.xml("one.datastore.info", 1), "CLUSTERS/ID") == ["0"]
    cloud.do("one.cluster.delete", east)
    cloud.refused(Code.ACTION, "one.cluster.delete", 0)


def test_cluster_names(cloud: Cloud) -> None:
    east = cloud.do("one.cluster.allocate", "east")
    cloud.refused(Code.ALLOCATE, "one.cluster.allocate", "east")
    cloud.refused(Code.ACTION, "one.cluster.rename", east, "default")
    cloud.refused(Code.INTERNAL, "one.cluster.allocate", "a;b")


# ---- datastores -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DS_MAD=dummy\nTM_MAD=dummy", Code.ALLOCATE),
        ("NAME=x\nDS_MAD=ceph\nTM_MAD=dummy", Code.ALLOCATE),
        ("NAME=x\nDS_MAD=dummy\nTM_MAD=nfs", Code.ALLOCATE),
        ("NAME=x\nTYPE=TAPE_DS\nTM_MAD=dummy", Code.ALLOCATE),
        ("NAME=default\nDS_MAD=dummy\nTM_MAD=dummy", Code.ALLOCATE),
        ("NAME=[", Code.INTERNAL),
    ],
)
def test_datastores_that_cannot_be(cloud: Cloud, text: str, code: Code) -> None:
    cloud.refused(code, "one.datastore.allocate", text, -1)


def test_a_datastore_with_images_stays(cloud: Cloud) -> None:
    cloud.add_image()
    assert "images" in cloud.refused(Code.ACTION, "one.datastore.delete", 1)
    cloud.do("one.image.delete", 0)
    cloud.settle()
    cloud.do("one.datastore.delete", 1)


def test_only_system_datastores_are_enabled_and_disabled(cloud: Cloud) -> None:
    cloud.do("one.datastore.enable", 0, False)
    assert cloud.xml("one.datastore.info", 0).findtext("STATE") == "1"
    cloud.refused(Code.INTERNAL, "one.datastore.enable", 1, False)
    cloud.refused(Code.AUTHORIZATION, "one.datastore.enable", 0, True, session=ALICE)


def test_a_new_datastore_lies_below_the_root(cloud: Cloud) -> None:
    number = cloud.do("one.datastore.allocate", "NAME=x\nDS_MAD=dummy\nTM_MAD=dummy", -1)
    assert cloud.xml("one.datastore.info", number).findtext("BASE_PATH") == f"/ds/{number}"
