"""A whole Linux guest through the packed agent: network, context CD, saving, shutting down."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.host.client import AgentClient, wait_for
from tests.host.guest_image import domain, network
from tests.host.lab import Lab
from tests.host.test_real_domains import observed

pytestmark = [pytest.mark.real, pytest.mark.slow]

_BUILDER = Path(__file__).parents[2] / "guest/build-image.sh"
_CONTEXT = """\
SET_HOSTNAME='linux'
ETH0_MAC='02:00:00:00:01:91'
ETH0_IP='10.197.0.5'
ETH0_MASK='255.255.255.0'
ETH0_GATEWAY='10.197.0.1'
"""


@pytest.fixture(scope="module")
def image(lab: Lab) -> Path:
    image = lab.folder / "tiny.qcow2"
    subprocess.run([_BUILDER, image], check=True, stdout=subprocess.DEVNULL)
    image.chmod(0o644)
    return image


def page(lab: Lab) -> dict[str, str]:
    """What the guest's web server tells about the guest; nothing while it does not answer."""
    script = "exec 3<>/dev/tcp/10.197.0.5/80; printf 'GET /cgi-bin/info HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    try:
        text = lab.run("timeout", "5", "bash", "-c", script)
    except RuntimeError:
        return {}
    return dict(re.findall(r"^(\w+)=(.*?)\r?$", text, re.MULTILINE))


def test_linux_runs_saves_and_shuts_down(lab: Lab, agent: AgentClient, image: Path) -> None:
    disk = {
        "disk": 0,
        "kind": "overlay",
        "base": str(image),
        "base_format": "qcow2",
        "size_mib": 96,
    }
    net = network(1, "inntux0", address="10.197.0.1/24", nat=True)
    cd = {"disk": 1, "target": "hda", "device": "cdrom", "format": "raw", "readonly": True}
    described = domain(401, bridge="inntux0", memory_mib=128)
    described["disks"].append(cd)
    described["nics"][0]["mac"] = "02:00:00:00:01:91"
    described["graphics"] = {"type": "vnc", "listen": "127.0.0.1", "port": None}
    about = {"vm": 401, "generation": 1}
    agent.ask("network.ensure", **about, networks=[net])
    agent.ask("disk.ensure", **about, disks=[disk])
    agent.ask("context.ensure", **about, disk=1, files={"context.sh": _CONTEXT})
    agent.ask("domain.ensure", **about, domain=described)
    first = wait_for(lambda: page(lab).get("boot_id"), "the guest's web server", 300)

    agent.ask("domain.save", **about)
    assert page(lab) == {}
    agent.ask("domain.restore", vm=401, generation=2)
    assert wait_for(lambda: page(lab).get("boot_id"), "the guest to go on") == first

    agent.ask("monitor", interval=0.5)
    sample = agent.wait_event(lambda event: event["event"] == "metrics" and event["vms"])
    assert sample["vms"][0]["net_tx"] > 0 and sample["vms"][0]["disk_read_bytes"] > 0

    agent.ask("domain.shutdown", vm=401, generation=2, patience=120)
    assert observed(agent, 401) == {
        "vm": 401, "generation": 2, "state": "off", "folder": True, "pid": None,
        "disks": [0, 1],
    }  # fmt: skip
