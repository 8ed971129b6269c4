"""What kind of machine this is, read from libvirt's and the kernel's own words."""

from __future__ import annotations

import os
import socket

import pytest

from innkeeper.host import probes
from innkeeper.host.errors import FailedError
from innkeeper.host.hypervisor.libvirt_qemu import machines
from innkeeper.host.hypervisor.ownership import qemu_user
from innkeeper.host.probes import (
    cpu_facts,
    cpu_model,
    machine_facts,
    offers_kvm,
    version_text,
)
from innkeeper.host.xmltree import parse

_CAPABILITIES = """<capabilities>
 <host><secmodel><model>none</model></secmodel>
  <secmodel><model>dac</model><baselabel type='kvm'>+64055:+107</baselabel></secmodel></host>
 <guest><os_type>hvm</os_type><arch name='x86_64'>
   <machine canonical='pc-i440fx-7.2'>pc</machine><machine>q35</machine>
   <domain type='qemu'/>{kvm}</arch></guest>
 <guest><os_type>xen</os_type><arch name='x86_64'><machine>xenpv</machine></arch></guest>
</capabilities>"""
_DOMAIN_CAPABILITIES = """<domainCapabilities><cpu>
 <mode name='host-model'><model>EPYC</model><feature policy='require' name='vmx'/>
  <feature policy='disable' name='svm'/></mode>
 <mode name='custom'><model usable='yes'>qemu64</model><model usable='no'>EPYC</model></mode>
</cpu></domainCapabilities>"""


def test_versions_are_written_as_people_do() -> None:
    assert version_text(7_002_022) == "7.2.22"
    assert version_text(10_000_000) == "10.0.0"


def test_libvirts_capabilities() -> None:
    text = _CAPABILITIES.format(kvm="<domain type='kvm'/>")
    assert qemu_user(text) == (64055, 107)
    assert qemu_user("<capabilities><host/></capabilities>") is None
    assert machines(parse(text))["x86_64"] == ["xenpv"] or "pc" in machines(parse(text))["x86_64"]


def test_all_features_of_each_cpu_are_told() -> None:
    sets = {"qemu64": ["lm", "sse2"], "EPYC": ["lm", "sse2", "vmx"]}
    facts = cpu_facts(parse(_DOMAIN_CAPABILITIES), lambda cpu: sets[cpu.findtext("model", "")])
    assert facts == {
        "cpu_models": ["qemu64"],
        "cpu_sets": {"qemu64": ["lm", "sse2"]},
        "features": ["lm", "sse2", "vmx"],
    }
    assert cpu_facts(parse("<domainCapabilities/>"), lambda _: [])["features"] == []


def test_kvm_is_offered_for_this_machines_own_architecture_only() -> None:
    here = os.uname().machine
    for offered in (True, False):
        text = _CAPABILITIES.format(kvm="<domain type='kvm'/>" if offered else "")
        assert offers_kvm(text.replace("x86_64", here)) is offered
        assert not offers_kvm(text.replace("x86_64", "another"))


def test_a_processor_has_a_name_or_none() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Fast CPU @ 2GHz\n") == "Fast CPU @ 2GHz"
    assert cpu_model("processor\t: 0\nBogoMIPS : 1\n") == ""


def test_this_machine() -> None:
    facts = machine_facts()
    assert facts["hostname"] == socket.gethostname()
    assert facts["cpus"] >= 1 and facts["memory_kib"] > 1024
    assert set(facts) == {
        "protocol", "agent", "hostname", "arch", "kernel", "cpu_model", "cpus", "memory_kib",
    }  # fmt: skip


def test_where_disks_can_lie_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word what QEMU 7.2 says with its driver for RBD and without."""
    monkeypatch.setattr(probes.shutil, "which", lambda name: f"/usr/bin/{name}")
    said = {"text": "qemu-img: Could not open 'driver=rbd': Parameter 'pool' is missing"}

    def run(*_: str) -> str:
        raise FailedError(said["text"])

    monkeypatch.setattr(probes, "run", run)
    assert probes.storage()["rbd"] == ""
    said["text"] = "qemu-img: Could not open 'driver=rbd': Unknown driver 'rbd'"
    assert "the package qemu-block-extra is not installed" in probes.storage()["rbd"]
    monkeypatch.setattr(probes.shutil, "which", lambda _: None)
    assert probes.storage() == {
        "rbd": "the package ceph-common is not installed",
        "lvm": "the package lvm2 is not installed",
    }
