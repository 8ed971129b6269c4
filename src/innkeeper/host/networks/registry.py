"""Which networks exist here, and which VMs use them.

Theory of operation
-------------------
``networks/<id>.json`` is the only truth about a network on this host: its bridge, what of it we
made, and the VMs that use it. A record is written *before* what it tells is done, and removed
*after* it is undone, so whatever is found half done is done or undone again. A network without
users is taken down; when that is interrupted, its record stays without users and the next release
takes it down.

Several networks may share a bridge. It is removed with the last of them, and only if we made it.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import threading
from collections.abc import Callable
from pathlib import Path

from ..arguments import Arguments
from ..errors import RefusedError
from ..files import read_json, remove_durably, write_json
from . import bridge, firewall, openvswitch, uplinks
from .guard_rules import Nic
from .guards import Guards
from .guards import wanted as wanted_nic
from .uplinks import SWITCHED, Uplink


@dataclasses.dataclass
class Network:
    """A network on this host: the content of its file."""

    network: int
    bridge: str
    address: str | None = None
    nat: bool = False
    mtu: int | None = None
    phydev: str | None = None
    #: How it leaves the host (``uplinks.Uplink``).
    driver: str = "bridge"
    vlan: int | None = None
    group: str | None = None
    peers: list[str] = dataclasses.field(default_factory=list)
    #: Whether the bridge, the address on it, and the VLAN or VXLAN in it are our doing.
    made_bridge: bool = False
    made_address: bool = False
    made_uplink: bool = False
    vms: list[int] = dataclasses.field(default_factory=list)

    @property
    def uplink(self) -> Uplink:
        """How it leaves the host."""
        return Uplink(self.driver, self.phydev, self.vlan, self.group, self.peers)


def wanted(described: Arguments) -> Network:
    """A network as the front end describes it."""
    address = described.maybe_text("address")
    if address is not None:
        try:
            address = str(ipaddress.ip_interface(address))
        except ValueError as wrong:
            raise described.bad("address", "an address such as 10.0.0.1/24") from wrong
    nat = described.flag("nat")
    if nat and address is None:
        raise described.bad("address", "an address such as 10.0.0.1/24, because nat is true")
    return Network(
        network=described.integer("network"),
        bridge=described.interface("bridge"),
        address=address,
        nat=nat,
        mtu=described.maybe_integer("mtu", least=68),
        **dataclasses.asdict(uplinks.wanted(described)),
    )


class Networks:
    """The networks of one root, and what guards their guests' interfaces."""

    def __init__(self, folder: Path, identity: str = "") -> None:
        self._folder = folder
        self._guards = Guards(folder / "guards", identity)
        self._lock = threading.Lock()

    def all(self) -> list[Network]:
        """The networks that have a record, by number."""
        found = [read_json(file) for file in self._folder.glob("*.json")]
        return sorted((Network(**item) for item in found if item), key=lambda net: net.network)

    def ensure(
        self, vm: int, generation: int, described: list[Arguments], nics: list[Arguments] | None
    ) -> None:
        """Makes each network, notes that the VM uses it, and sets up what guards the VM's NICs; it uses no others then.

        Without ``nics`` both stay as they are.
        """
        networks = [wanted(item) for item in described]
        guarded = None if nics is None else [wanted_nic(nic) for nic in nics]
        with self._lock:
            for network in networks:
                self._ensure(vm, network)
            if guarded is not None:
                self._guard(vm, generation, guarded)
                if self._leave(vm, lambda number: number not in {net.network for net in networks}):
                    self._sweep()

    def guard(self, vm: int, generation: int, nics: list[Arguments]) -> None:
        """Changes what guards the VM's NICs; nothing where it uses no network."""
        guarded = [wanted_nic(nic) for nic in nics]
        with self._lock:
            if any(vm in network.vms for network in self.all()):
                self._guard(vm, generation, guarded)

    def _guard(self, vm: int, generation: int, nics: list[Nic]) -> None:
        routed = {network.bridge for network in self.all() if network.address}
        switched = {network.bridge for network in self.all() if network.driver in SWITCHED}
        for nic in nics:
            nic.routed, nic.switched = nic.bridge in routed, nic.bridge in switched
            nic.generation = generation
        if not self._guards.overtaken(vm, nics):
            self._guards.put(vm, nics)

    def shape(self, vm: int) -> None:
        """Sets up the limits of the VM's interfaces, now that they exist."""
        with self._lock:
            self._guards.shape(vm)

    def release(self, vm: int, numbers: list[int] | None = None) -> None:
        """Drops the VM's use of some networks, or of all; takes down what nobody uses."""
        with self._lock:
            self._guards.drop(vm, numbers)
            self._leave(vm, lambda number: numbers is None or number in numbers)
            self._sweep()

    def _leave(self, vm: int, which: Callable[[int], bool]) -> bool:
        """Drops the VM's use of such networks; False where there was none."""
        left = [net for net in self.all() if vm in net.vms and which(net.network)]
        for network in left:
            network.vms.remove(vm)
            self._write(network)
        return bool(left)

    def renew(self) -> list[str]:
        """Puts back the rules that somebody else took away, and tells of which bridges and networks.

        A firewall is flushed when its configuration is loaded again; a switch forgets them when it is started anew.
        """
        with self._lock:
            used = self.all()
            if not used:
                return []
            tables = firewall.tables()
            renewed = self._guards.renew(tables)
            for network in used:
                if network.nat and network.address and f"table {firewall.TABLE}" not in tables:
                    firewall.masquerade(network.network, network.bridge, network.address)
                    renewed.append(f"network {network.network}")
            return renewed

    def sweep(self) -> None:
        """Takes down every network that nobody uses."""
        with self._lock:
            self._sweep()

    def drop_users(self, present: set[int]) -> None:
        """Forgets users that are not among the VMs ``present``."""
        with self._lock:
            self._guards.keep(present)
            for network in self.all():
                left = [vm for vm in network.vms if vm in present]
                if left != network.vms:
                    network.vms = left
                    self._write(network)
            self._sweep()

    def _ensure(self, vm: int, network: Network) -> None:
        before = self._read(network.network)
        if before is not None and (before.bridge, before.uplink.device) != (
            network.bridge,
            network.uplink.device,
        ):
            self._replace(vm, before)
            before = None
        users = before.vms if before else []
        network.vms = sorted({*users, vm})
        self._note_makers(network, before)
        self._write(network)
        self._make(network)
        if network.nat and network.address:
            bridge.forward_packets(ipaddress.ip_interface(network.address).version)
            firewall.masquerade(network.network, network.bridge, network.address)
        elif before is not None and before.nat:
            firewall.forget(network.network, network.bridge)
        if before is not None and before.address != network.address:
            self._remove_address(before)

    @staticmethod
    def _make(network: Network) -> None:
        """The switch, what connects it with other hosts, and the host's address on it."""
        phydev: str | None = network.uplink.device
        mtu = uplinks.ensure(network.uplink, network.mtu, bridge.links())
        if network.driver in SWITCHED:
            openvswitch.ensure(network.bridge, phydev)
            phydev = None
        bridge.ensure(network.bridge, network.address, mtu, phydev, network.driver in SWITCHED)

    def _replace(self, vm: int, before: Network) -> None:
        others = [user for user in before.vms if user != vm]
        if others:
            raise RefusedError(
                f"network {before.network} is on {before.bridge} here, for VMs {others}"
            )
        before.vms = []
        self._write(before)
        self._take_down(before)

    def _note_makers(self, network: Network, before: Network | None) -> None:
        """Decides, before anything is made, what of it will be ours to remove."""
        present = bridge.links()
        found = present.get(network.bridge)
        sharing = self._sharing(network)
        self._check_alone(network, sharing)
        if before is not None:
            network.made_bridge, network.made_uplink = before.made_bridge, before.made_uplink
        network.made_bridge |= found is None or any(other.made_bridge for other in sharing)
        if network.uplink.made:
            missing = network.uplink.device not in present
            network.made_uplink |= missing or any(other.made_uplink for other in sharing)
        if network.address is None:
            return
        if before is not None and before.address == network.address:
            network.made_address = before.made_address
        elif found is None or network.address not in found.addresses:
            network.made_address = True
        else:
            network.made_address = any(
                other.made_address and other.address == network.address for other in sharing
            )

    @staticmethod
    def _check_alone(network: Network, sharing: list[Network]) -> None:
        """Segments that are to be apart cannot be in one bridge."""
        for other in sharing:
            if other.uplink.device != network.uplink.device and (
                other.uplink.made or network.uplink.made
            ):
                raise RefusedError(
                    f"{network.bridge} is for {other.uplink.device or 'no device'} here (network"
                    f" {other.network}), network {network.network} needs it for {network.uplink.device}"
                )

    def _sweep(self) -> None:
        for network in self.all():
            if not network.vms:
                self._take_down(network)

    def _take_down(self, network: Network) -> None:
        firewall.forget(network.network, network.bridge)
        sharing = self._sharing(network)
        if sharing or not network.made_bridge:
            self._remove_address(network)
        elif not self._remove(network):
            # Somebody plugged something in; the record stays, for a later sweep.
            return
        if network.made_uplink and network.uplink.device and not sharing:
            bridge.remove_interface(network.uplink.device)
        remove_durably(self._file(network.network))

    @staticmethod
    def _remove(network: Network) -> bool:
        remove = openvswitch.remove if network.driver in SWITCHED else bridge.remove
        return remove(network.bridge, network.uplink.device)

    def _remove_address(self, network: Network) -> None:
        needed = any(other.address == network.address for other in self._sharing(network))
        if network.made_address and network.address and not needed:
            bridge.remove_address(network.bridge, network.address)

    def _sharing(self, network: Network) -> list[Network]:
        return [
            other
            for other in self.all()
            if other.bridge == network.bridge and other.network != network.network
        ]

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _read(self, number: int) -> Network | None:
        saved = read_json(self._file(number))
        return None if saved is None else Network(**saved)

    def _write(self, network: Network) -> None:
        write_json(self._file(network.network), dataclasses.asdict(network))
