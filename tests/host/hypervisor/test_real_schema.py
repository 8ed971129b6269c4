"""libvirt itself says whether it understands the XML that descriptions become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from innkeeper.host.arguments import Arguments
from innkeeper.host.hypervisor.domain_xml import domain_xml
from tests.host.hypervisor.test_domain_xml import (
    ARM,
    DIRECT,
    FULL,
    OUTSIDE,
    SMALL,
    TUNED,
    UEFI,
    setting,
)
from tests.host.lab import Lab

pytestmark = pytest.mark.real


@pytest.mark.parametrize("description", [FULL, SMALL, UEFI, DIRECT, TUNED, ARM])
@pytest.mark.parametrize("accelerator", ["kvm", "tcg"])
def test_libvirt_accepts_what_is_made(
    lab: Lab, description: dict[str, Any], accelerator: str, tmp_path: Path
) -> None:
    layers = {0: [("/b/1", "qcow2"), ("/b/0", "raw")]}
    outside = {2: OUTSIDE[2]} if accelerator == "kvm" else {}
    made = setting(accelerator=accelerator, backing=layers, sources=outside)
    text = domain_xml(Arguments(description), made)
    (tmp_path / "domain.xml").write_text(text)
    lab.run("virsh", "-c", "qemu:///system", "define", "--validate", str(tmp_path / "domain.xml"))
    lab.run("virsh", "-c", "qemu:///system", "undefine", "--nvram", "one-12")
