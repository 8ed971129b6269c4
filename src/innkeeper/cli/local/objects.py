"""The objects of a first cloud: host, network, image, template, guest, each made if missing."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

from innkeeper.cli import document
from innkeeper.cli.client import Client
from innkeeper.cli.document import Element, text_at
from innkeeper.cli.errors import CliError
from innkeeper.cli.generic import info
from innkeeper.cli.kinds import Kind
from innkeeper.cli.local.folder import DataFolder
from innkeeper.cli.local.progress import Progress
from innkeeper.cli.names import id_of, pool_members
from innkeeper.cli.objects import KINDS

IMAGE_DATASTORE = 1
BRIDGE = "innbr0"
GUEST_NAME = "first-light"

_READY_SECONDS = 120
# A host that was away before is asked again after at most a quarter of a minute, and takes a moment to answer.
_BACK_SECONDS = 45

HOST, NETWORK, IMAGE, TEMPLATE, VM = (
    KINDS[name] for name in ("host", "network", "image", "template", "vm")
)


def show(client: Client, kind: Kind, number: int) -> Element:
    """One object's document."""
    return document.parse(info(client, kind, number))


def number_named(client: Client, kind: Kind, name: str) -> int | None:
    """The id of the object with this name, or None."""
    for element in pool_members(client, kind):
        if text_at(element, "NAME") == name:
            return int(text_at(element, "ID"))
    return None


def ensure(client: Client, kind: Kind, name: str, make: Callable[[], int]) -> int:
    """The id of the object with this name, made if it is missing."""
    found = number_named(client, kind, name)
    return make() if found is None else found


def wait_ready(
    client: Client, kind: Kind, number: int, good: set[str], progress: Progress, patience: float = 0
) -> None:
    """Until the object's state is one of `good`; a failed state ends with the object's message.

    One that may get better by itself has `patience` seconds for it.
    """
    until = progress.seconds + patience

    def probe() -> bool | None:
        element = show(client, kind, number)
        state = document.state_name(element)
        progress.say(f"{kind.element.lower()} {text_at(element, 'NAME')}: {state}")
        if state in good:
            return True
        if state in ("ERROR", "MONITORING_ERROR") and progress.seconds >= until:
            reason = text_at(element, "TEMPLATE/ERROR") or "no reason given"
            raise CliError(f"{kind.element.lower()} {text_at(element, 'NAME')} failed: {reason}")
        return None

    progress.wait(f"{kind.element.lower()} {number} to be ready", probe, _READY_SECONDS)


def ensure_host(client: Client, progress: Progress) -> int:
    """This machine as a host that is monitored."""
    name = socket.gethostname()
    known = number_named(client, HOST, name)
    number = client.api.hosts.create(name=name)["id"] if known is None else known
    patience = 0 if known is None else _BACK_SECONDS
    wait_ready(client, HOST, number, {"MONITORED", "MONITORING_MONITORED"}, progress, patience)
    host = show(client, HOST, number)
    qemu, libvirt, accelerator, reason = (
        text_at(host, f"TEMPLATE/{fact}")
        for fact in ("QEMU_VERSION", "LIBVIRT_VERSION", "ACCELERATOR", "ACCELERATOR_REASON")
    )
    progress.say(f"QEMU {qemu}, libvirt {libvirt}, accelerator {accelerator}: {reason}")
    return number


def ensure_network(client: Client, progress: Progress) -> int:
    """The network `default`: a bridge of this machine, with a way out by address translation."""
    number = ensure(
        client,
        NETWORK,
        "default",
        lambda: client.api.networks.create(
            template=network_template(free_subnet(), name_servers())
        )["id"],
    )
    wait_ready(client, NETWORK, number, {"READY"}, progress)
    return number


def network_template(subnet: ipaddress.IPv4Network, servers: list[str]) -> str:
    """A network on a /24: its first address is the machine's, 200 are for guests."""
    lines = [
        'NAME="default"',
        'VN_MAD="bridge"',
        f'BRIDGE="{BRIDGE}"',
        'NAT="YES"',
        f'NETWORK_ADDRESS="{subnet.network_address}"',
        f'NETWORK_MASK="{subnet.netmask}"',
        f'GATEWAY="{subnet[1]}"',
        f'AR=[TYPE="IP4", IP="{subnet[10]}", SIZE="200"]',
    ]
    if servers:
        lines.append(f'DNS="{" ".join(servers)}"')
    return "\n".join(lines) + "\n"


def free_subnet() -> ipaddress.IPv4Network:
    """10.111.0.0/24, or the next 10.N.0.0/24 that no route of this machine touches."""
    taken = routed_networks(Path("/proc/net/route").read_text())
    for second in range(111, 256):
        subnet = ipaddress.IPv4Network(f"10.{second}.0.0/24")
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise CliError("no free 10.N.0.0/24 for the network `default`: this machine routes all of them")


def routed_networks(table: str) -> list[ipaddress.IPv4Network]:
    """The destinations in /proc/net/route (hexadecimal, little endian) except the default."""
    networks = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        destination, mask = (bytes.fromhex(fields[i])[::-1] for i in (1, 7))
        if any(mask):
            networks.append(
                ipaddress.IPv4Network((destination, int.from_bytes(mask).bit_count()), strict=False)
            )
    return networks


def name_servers() -> list[str]:
    """This machine's IPv4 name servers that a guest could ask too."""
    servers = []
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        fields = line.split()
        if fields[:1] == ["nameserver"] and len(fields) > 1 and _guest_can_ask(fields[1]):
            servers.append(fields[1])
    return servers


def _guest_can_ask(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.version == 4 and not parsed.is_loopback


def ensure_image(client: Client, folder: DataFolder, progress: Progress) -> int:
    """The image `tiny` in the default image datastore."""
    template = f'NAME="tiny"\nTYPE="OS"\nDEV_PREFIX="vd"\nPATH="{folder.guest_image}"\n'
    number = ensure(
        client,
        IMAGE,
        "tiny",
        lambda: client.api.images.create(template=template, datastore_id=IMAGE_DATASTORE)["id"],
    )
    wait_ready(client, IMAGE, number, {"READY", "USED"}, progress)
    return number


def ensure_template(client: Client, image: int, network: int) -> int:
    """The template `tiny`: the small guest with one NIC, a screen and a context."""
    text = f"""NAME="tiny"
CPU="0.25"
VCPU="1"
MEMORY="128"
DISK=[IMAGE_ID="{image}"]
NIC=[NETWORK_ID="{network}"]
GRAPHICS=[TYPE="vnc"]
CONTEXT=[NETWORK="YES", SET_HOSTNAME="$NAME", SSH_PUBLIC_KEY="$USER[SSH_PUBLIC_KEY]"]
"""
    return ensure(
        client, TEMPLATE, "tiny", lambda: client.api.templates.create(template=text)["id"]
    )


def ensure_user_key(client: Client, public_key: str) -> None:
    """Give the calling user the key, unless it has one of its own."""
    user = show(client, KINDS["user"], id_of(client, KINDS["user"], client.user))
    if not text_at(user, "TEMPLATE/SSH_PUBLIC_KEY"):
        number = int(text_at(user, "ID"))
        client.api.users.update(number, template=f'SSH_PUBLIC_KEY="{public_key}"\n')


def ensure_guest(client: Client, template: int) -> int:
    """The first guest."""
    return ensure(
        client,
        VM,
        GUEST_NAME,
        lambda: int(client.api.templates.instantiate(template, name=GUEST_NAME)["result"]),
    )
