"""Which hypervisor a VM runs under, and what is refused because of it."""

import pytest

from innkeeper.model import hypervisors
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.objects import History, Host, Vm
from innkeeper.model.template import Template

BOTH = {"hypervisors": ["qemu", "lxc"], "arch": "x86_64", "architectures": ["aarch64", "x86_64"]}


def host(vm_mad: str = "kvm", facts: dict[str, object] = BOTH) -> Host:
    return Host(id=1, name="h", im_mad=vm_mad, vm_mad=vm_mad, facts=facts)


def vm(text: str = "", under: str = "") -> Vm:
    template = Template.parse(text)
    history = (
        (History(seq=0, host_id=1, hostname="h", cluster_id=0, vm_mad=under, tm_mad="", ds_id=0),)
        if under
        else ()
    )
    return Vm(
        id=3, name="v", uid=0, gid=0, template=template, user_template=template, history=history
    )


@pytest.mark.parametrize(
    ("wanted", "vm_mad", "runs_under"),
    [
        ("", "kvm", "kvm"),
        ("", "lxc", "lxc"),
        ("lxc", "kvm", "lxc"),
        ("kvm", "qemu", "qemu"),
        ("qemu", "lxc", "qemu"),
        ("lxc", "dummy", "dummy"),
    ],
)
def test_the_vms_wish_wins_over_the_hosts_driver(wanted: str, vm_mad: str, runs_under: str) -> None:
    assert hypervisors.driver(wanted, host(vm_mad)) == runs_under


@pytest.mark.parametrize(
    ("text", "machine", "why"),
    [
        ("", host(), ""),
        ("HYPERVISOR = LXC", host(), ""),
        ("HYPERVISOR = lxc", host(facts={"hypervisors": ["qemu"]}), "it has qemu, not lxc"),
        ("HYPERVISOR = esx", host(), "it has lxc, qemu, not esx"),
        ("HYPERVISOR = esx", host("dummy"), ""),
        ("HYPERVISOR = lxc", host(facts={}), ""),
        ("DISK = [ CLONE = NO ]", host(), ""),
        ("DISK = [ CLONE = NO ]", host("lxc"), "lxc cannot give it a persistent disk"),
        ("HYPERVISOR = lxc\nDISK = [ TYPE = swap ]", host(), "lxc cannot give it a swap disk"),
        ("HYPERVISOR = lxc\nDISK = [ TYPE = CDROM, CLONE = NO ]", host(), "lxc cannot give it a CD-ROM"),
        ("OS = [ ARCH = aarch64 ]", host(), ""),
        ("OS = [ ARCH = s390x ]", host(), "kvm runs aarch64, x86_64 there, not s390x"),
        ("HYPERVISOR = xen\nOS = [ KERNEL = /k ]", host("xen", {"hypervisors": ["xen"]}), ""),
        (
            "HYPERVISOR = xen", host("xen", {"hypervisors": ["xen"]}),
            "xen cannot give it a boot loader (OS needs a KERNEL)",
        ),
        ("HYPERVISOR = lxc\nOS = [ ARCH = aarch64 ]", host(), "lxc runs x86_64 there, not aarch64"),
    ],
)  # fmt: skip
def test_what_a_host_cannot_run_is_told(text: str, machine: Host, why: str) -> None:
    asked = vm(text)
    found = hypervisors.unfit(
        machine, hypervisors.wish(asked), hypervisors.needs(asked), hypervisors.architecture(asked)
    )
    assert found == why


@pytest.mark.parametrize(
    ("procedure", "action", "reason"),
    [
        ("", "suspend", "hypervisor lxc: the memory of a container cannot be saved"),
        ("suspend", "", "hypervisor lxc: the memory of a container cannot be saved"),
        ("", "reboot-hard", "a container cannot be reset"),
        ("live migration of tomorrow", "", "is not supported by hypervisor lxc"),
    ],
)
def test_what_a_container_cannot_do_is_refused(procedure: str, action: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as refused:
        hypervisors.check(vm(under="lxc"), procedure=procedure, action=action)
    assert refused.value.code is Code.ACTION
    hypervisors.check(vm(under="kvm"), procedure=procedure, action=action)
    hypervisors.check(vm(), procedure=procedure, action=action)


@pytest.mark.parametrize("procedure", sorted(hypervisors.LIMITED["lxc"].procedures))
def test_what_a_container_can_do_is_not_refused(procedure: str) -> None:
    hypervisors.check(vm(under="lxc"), procedure=procedure)


@pytest.mark.parametrize("action", ["reboot-hard", "migrate", "live migrate"])
def test_what_a_guest_under_xen_cannot_do_is_refused(action: str) -> None:
    with pytest.raises(Refusal, match=f'"{action}" is not supported by hypervisor xen'):
        hypervisors.check(vm(under="xen"), procedure=action)
    for able in hypervisors.LIMITED["xen"].procedures:
        hypervisors.check(vm(under="xen"), procedure=able)
