"""Where names in expressions find their values."""

import msgspec
import pytest

from innkeeper.placement.lookups import (
    HostView,
    datastore_lookup,
    depends_on_load,
    depends_on_members,
    host_lookup,
)

from .worlds import GIB, cluster, host, store

#: What its own probes tell comes behind what people wrote, and what we know.
TOLD = {"RACK": "B7", "ARCH": "sparc", "FREE_CPU": "9999"}
VIEW = HostView(
    msgspec.structs.replace(
        host(3, text='ARCH = "x86_64"\nPCI = [ VENDOR = "10de" ]\nPCI = [ VENDOR = "8086" ]\n'),
        told=TOLD,
    ),
    cluster(0, "racks", 'ZONE = "north"\nARCH = "any"\n'),
    max_cpu=380,
    max_memory=7 * GIB,
    used_cpu=150,
    used_memory=2 * GIB,
    vms={4: (100, GIB)},
    joined=[9],
)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ARCH", ["x86_64"]),
        ("ZONE", ["north"]),
        ("NAME", ["node3"]),
        ("ID", ["3"]),
        ("CLUSTER_ID", ["0"]),
        ("CLUSTER", ["racks"]),
        ("STATE", ["2"]),
        ("MAX_CPU", ["380"]),
        ("TOTAL_CPU", ["400"]),
        ("CPU_USAGE", ["150"]),
        ("FREE_CPU", ["230"]),
        ("FREE_MEMORY", [str(5 * GIB)]),
        ("RUNNING_VMS", ["2"]),
        ("CURRENT_VMS", ["4", "9"]),
        ("VMS/ID", ["4", "9"]),
        ("HOST_SHARE/MAX_MEM", [str(7 * GIB)]),
        ("MONITORING/CAPACITY/FREE_CPU", ["230"]),
        ("/HOST/TEMPLATE/ARCH", ["x86_64"]),
        ("/HOST/NAME", ["node3"]),
        ("/DATASTORE/NAME", []),
        ("TEMPLATE/PCI/VENDOR", ["10de", "8086"]),
        ("PCI/VENDOR", ["10de", "8086"]),
        ("CLUSTER_TEMPLATE/ARCH", ["any"]),
        ("RACK", ["B7"]),
        ("TEMPLATE/RACK", ["B7"]),
        ("/HOST/TEMPLATE/RACK", ["B7"]),
        ("TEMPLATE/RACK/ROW", []),
        ("PCI", []),
        ("arch", []),
        ("NOTHING", []),
        ("NOTHING/AT/ALL", []),
    ],
)
def test_names_of_a_host(name: str, values: list[str]) -> None:
    assert list(host_lookup(VIEW)(name)) == values


def test_the_hosts_template_hides_what_we_know() -> None:
    view = VIEW._replace(host=host(3, text='FREE_CPU = "7"\n'))
    assert list(host_lookup(view)("FREE_CPU")) == ["7"]


def test_a_host_without_a_cluster_has_no_more_names() -> None:
    view = VIEW._replace(cluster=None)
    assert list(host_lookup(view)("ZONE")) == []
    assert list(host_lookup(view)("CLUSTER_TEMPLATE/ZONE")) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ID", ["5"]),
        ("NAME", ["system5"]),
        ("FREE_MB", ["700"]),
        ("TYPE", ["1"]),
        ("TIER", ["fast"]),
        ("TEMPLATE/TIER", ["fast"]),
        ("CLUSTERS/ID", ["0", "100"]),
        ("/DATASTORE/CLUSTERS/ID", ["0", "100"]),
        ("NOTHING", []),
    ],
)
def test_names_of_a_datastore(name: str, values: list[str]) -> None:
    lookup = datastore_lookup(store(5, "TIER = fast\n", free_mb=700, clusters=(0, 100)))
    assert list(lookup(name)) == values


@pytest.mark.parametrize(
    ("name", "load", "members"),
    [
        ("ARCH", False, False),
        ("MAX_CPU", False, False),
        ("FREE_CPU", True, False),
        ("HOST_SHARE/CPU_USAGE", True, False),
        ("CURRENT_VMS", True, True),
        ("VMS/ID", True, True),
        ("/HOST/VMS/ID", True, True),
    ],
)
def test_what_placing_a_vm_may_change(name: str, load: bool, members: bool) -> None:
    assert (depends_on_load([name]), depends_on_members([name])) == (load, members)


def test_whatever_load_changes_is_known_to_depend_on_it() -> None:
    """Each name that answers differently for a busier host has to be in the list."""
    names = (
        "MEM_USAGE CPU_USAGE TOTAL_MEM TOTAL_CPU MAX_MEM MAX_CPU RUNNING_VMS FREE_CPU FREE_MEMORY"
    )
    names += " USED_CPU USED_MEMORY ID NAME STATE PREV_STATE IM_MAD VM_MAD CLUSTER_ID CLUSTER CURRENT_VMS"
    busier = VIEW._replace(used_cpu=250, used_memory=3 * GIB, joined=[9, 10])
    for name in names.split():
        differs = host_lookup(VIEW)(name) != host_lookup(busier)(name)
        assert differs == depends_on_load([name]), name
