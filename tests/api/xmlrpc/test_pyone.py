"""OpenNebula's own Python client over HTTP: it must understand every document and every error."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyone
import pytest
from pyone.server_xrpc import OneServerXRPC

from innkeeper.api.listener import Listener, serve
from innkeeper.api.server import Application
from innkeeper.api.xmlrpc.wire import XmlRpcValue
from tests.api.xmlrpc.cloud import ADMIN, ALICE, IMAGE, NETWORK, Cloud


class Obedient:
    """The handler, with agents that do at once what they are asked for."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    async def __call__(self, method: str, params: list[XmlRpcValue]) -> Any:
        answer = await self.cloud.rpc(method, params)
        self.cloud.settle()
        return answer


@contextmanager
def listening(cloud: Cloud) -> Iterator[str]:
    """Serves the cloud on a port, on a thread and loop of its own; gives the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    listener: Listener = run(serve(Application(Obedient(cloud))))
    try:
        yield "http://{}:{}/RPC2".format(*listener.address)
    finally:
        run(listener.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cloud with something of each kind in it; tests read it, or add to it."""
    cloud = Cloud()
    host = cloud.add_host()
    with listening(cloud) as at:
        one = OneServerXRPC(at, ADMIN)
        one.vn.allocate(NETWORK, -1)
        one.image.allocate(IMAGE, 1, False)
        one.template.allocate({"NAME": "t", "CPU": 1, "MEMORY": 64})
        for _ in range(2):
            one.template.instantiate(
                0, "guest", False,
                {"TEMPLATE": {"DISK": [{"IMAGE_ID": 0}, {"TYPE": "swap", "SIZE": 1}], "NIC": {"NETWORK_ID": 0}}},
                False,
            )  # fmt: skip
        one.vm.deploy(0, host, True, -1, "")
        one.vm.action("terminate-hard", 1)
        cloud.measure(host)
        yield at
    cloud.close()


@pytest.fixture
def one(address: str) -> OneServerXRPC:
    return OneServerXRPC(address, ADMIN)


def test_a_vm(one: OneServerXRPC) -> None:
    vm = one.vm.info(0)
    assert (vm.ID, vm.NAME, vm.UNAME, vm.STATE, vm.LCM_STATE) == (0, "guest", "oneadmin", 3, 3)
    assert vm.TEMPLATE["CPU"] == "1"
    assert [disk["DISK_ID"] for disk in vm.TEMPLATE["DISK"]] == ["0", "1"]
    assert vm.TEMPLATE["NIC"]["IP"] == "10.0.0.1"
    assert vm.PERMISSIONS.OWNER_U == 1
    (record,) = vm.HISTORY_RECORDS.HISTORY
    assert (record.HID, record.SEQ, record.ETIME) == (0, 0, 0)
    assert vm.MONITORING.CPU == 100
    assert vm.BACKUPS.BACKUP_IDS.ID == []
    assert vm.USER_TEMPLATE == {}


def test_vm_pools(one: OneServerXRPC) -> None:
    (vm,) = one.vmpool.info(-2, -1, -1, -1).VM
    assert (vm.ID, vm.STATE, vm.TEMPLATE["NIC"]["MAC"]) == (0, 3, "02:00:0a:00:00:01")
    assert vm.HISTORY_RECORDS.HISTORY[0].HOSTNAME == "node"
    assert [vm.ID for vm in one.vmpool.infoextended(-2, -1, -1, -2).VM] == [1, 0]
    assert [vm.STATE for vm in one.vmpool.infoset("1", True).VM] == [6]
    assert one.vmpool.infoset("", False).VM == []


def test_a_host(one: OneServerXRPC) -> None:
    host = one.host.info(0)
    assert (host.ID, host.NAME, host.STATE, host.CLUSTER_ID) == (0, "node", 2, 0)
    assert (host.HOST_SHARE.CPU_USAGE, host.HOST_SHARE.MAX_CPU) == (100, 800)
    assert host.HOST_SHARE.RUNNING_VMS == 1
    assert host.VMS.ID == [0]
    assert host.TEMPLATE["HYPERVISOR"] == "dummy"
    assert float(host.MONITORING.CAPACITY.USED_CPU) == 100
    assert [host.ID for host in one.hostpool.info().HOST] == [0]


def test_an_image(one: OneServerXRPC) -> None:
    image = one.image.info(0)
    assert (image.ID, image.TYPE, image.STATE, image.SIZE, image.PERSISTENT) == (0, 2, 2, 100, 0)
    assert (image.RUNNING_VMS, image.VMS.ID, image.DATASTORE) == (1, [0], "default")
    assert (image.SNAPSHOTS.NEXT_SNAPSHOT, image.SNAPSHOTS.SNAPSHOT) == ("0", [])
    assert [image.NAME for image in one.imagepool.info(-2, -1, -1, -1).IMAGE] == ["disk"]


def test_a_network(one: OneServerXRPC) -> None:
    network = one.vn.info(0)
    assert (network.ID, network.BRIDGE, network.STATE, network.USED_LEASES) == (0, "br0", 1, 1)
    first = network.AR_POOL.AR[0]
    assert (first.IP, first.SIZE, first.USED_LEASES) == ("10.0.0.1", 10, "1")
    assert first.LEASES.LEASE[0].VM == 0
    (pooled,) = one.vnpool.info(-2, -1, -1).VNET
    assert f" 0 {0x1000000000}" == pooled.AR_POOL.AR[0].ALLOCATED


def test_a_template(one: OneServerXRPC) -> None:
    template = one.template.info(0)
    assert (template.NAME, template.TEMPLATE["MEMORY"]) == ("t", "64")
    assert [template.ID for template in one.templatepool.info(-2, -1, -1, -1).VMTEMPLATE] == [0]


def test_clusters_and_datastores(one: OneServerXRPC) -> None:
    cluster = one.cluster.info(0)
    assert (cluster.HOSTS.ID, cluster.DATASTORES.ID, cluster.VNETS.ID) == ([0], [0, 1, 2], [0])
    assert [cluster.NAME for cluster in one.clusterpool.info().CLUSTER] == ["default"]
    datastore = one.datastore.info(1)
    assert (datastore.TYPE, datastore.IMAGES.ID, datastore.FREE_MB) == (0, [0], 0)
    assert [datastore.ID for datastore in one.datastorepool.info().DATASTORE] == [2, 1, 0]


def test_users_and_groups(one: OneServerXRPC) -> None:
    user = one.user.info(-1)
    assert (user.ID, user.NAME, user.GROUPS.ID, user.ENABLED) == (0, "oneadmin", [0], 1)
    assert user.VM_QUOTA is not None
    pool = one.userpool.info()
    assert [user.NAME for user in pool.USER] == ["bob", "alice", "serveradmin", "oneadmin"]
    assert [quotas.ID for quotas in pool.QUOTAS] == [3, 2, 1, 0]
    group = one.group.info(1)
    assert (group.NAME, group.USERS.ID) == ("users", [2, 3])
    assert [group.ID for group in one.grouppool.info().GROUP] == [1, 0]


def test_samples(one: OneServerXRPC) -> None:
    (sample,) = one.vm.monitoring(0).MONITORING
    assert (sample.ID, float(sample.CPU)) == (0, 100)
    assert len(one.vmpool.monitoring(-2, -1).MONITORING) == 1
    (sample,) = one.host.monitoring(0).MONITORING
    assert (sample.ID, sample.TIMESTAMP) == (0, 1_700_000_000)  # its schema knows no more of hosts
    assert len(one.hostpool.monitoring(0).MONITORING) == 1


def test_version_and_configuration(one: OneServerXRPC) -> None:
    assert one.system.version() == "7.0.0"
    assert one.system.config().DEFAULT_UMASK == ["177"]


def test_templates_as_dictionaries(one: OneServerXRPC) -> None:
    number = one.template.allocate({"NAME": "nested", "CPU": 1, "MEMORY": 64, "A": "ä & <b>"})
    one.template.update(number, {"TEMPLATE": {"CONTEXT": {"A": "1 < 2", "B": "x]y"}}}, 1)
    template = one.template.info(number).TEMPLATE
    assert template["A"] == "ä & <b>"
    assert template["CONTEXT"] == {"A": "1 < 2", "B": "x]y"}
    one.template.delete(number)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (pyone.OneAuthenticationException, lambda at: OneServerXRPC(at, "a:b").vm.info(0)),
        (pyone.OneAuthorizationException, lambda at: OneServerXRPC(at, ALICE).vm.info(0)),
        (pyone.OneNoExistsException, lambda at: OneServerXRPC(at, ADMIN).vm.info(77)),
        (pyone.OneActionException, lambda at: OneServerXRPC(at, ADMIN).vm.action("hold", 0)),
        (pyone.OneApiException, lambda at: OneServerXRPC(at, ADMIN).vmpool.info(-9, -1, -1, -1)),
        (
            pyone.OneInternalException,
            lambda at: OneServerXRPC(at, ADMIN).vm.allocate("CPU=", False),
        ),
    ],
)
def test_errors_become_exceptions(address: str, error: type[Exception], call: Any) -> None:
    with pytest.raises(error):
        call(address)


def test_faults_are_plain_exceptions(one: OneServerXRPC) -> None:
    with pytest.raises(pyone.OneException, match="id must be int, not string"):
        one.vm.info("0")
    with pytest.raises(pyone.OneException, match="not defined"):
        one.vm.fly(0)
