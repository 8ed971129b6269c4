"""How VMs go from one simulated host to another: part of `simulated.py`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .link import AgentError, Result

if TYPE_CHECKING:
    from .simulated import Guest, SimulatedHost


class Moves:
    """The verbs of both hosts. Hosts know each other by name, which is what they give as their key."""

    name: str
    neighbours: "Mapping[str, SimulatedHost]"
    guests: "dict[int, Guest]"

    def answers_hosts(self) -> bool:
        """Do other hosts reach it?"""
        return True

    def _neighbour(self, name: Any) -> "SimulatedHost":
        other = self.neighbours.get(str(name))
        if other is None or not other.answers_hosts() or not self.answers_hosts():
            raise AgentError("failed", f"cannot reach the host {name}")
        return other

    # -- a running guest

    def _migration_offer(self, args: dict[str, Any]) -> Result:
        guest = self._running(args)
        return {"port": 1, "disks": sorted(guest.disks)}

    def _migration_prepare(self, args: dict[str, Any]) -> Result:
        guest = self._needed(args)
        source = self._neighbour(args["peer"]["key"])
        self.check_cpu(source.guests[int(args["vm"])])
        guest.disks.update(args["offer"]["disks"])
        return {"folder": f"/{self.name}"}

    def _migration_send(self, args: dict[str, Any]) -> None:
        """It arrives paused, and has left here before anything runs there."""
        guest = self._admit(args)
        if guest is not None and guest.state == "off" and guest.sending:
            return
        guest = self._running(args)
        other = self._neighbour(args["there"]["key"])
        there = other.guests.get(int(args["vm"]))
        if there is None or there.generation != guest.generation or there.state != "off":
            raise AgentError("failed", f"VM {args['vm']} is not expected on {other.name}")
        _as_there(there, guest)
        guest.sending = True
        self._set_state(args, guest, "off", "migrated")
        there.started = there.generation
        there.state = "paused"
        other.changed(int(args["vm"]), there, "migrated")

    def _migration_receive(self, args: dict[str, Any]) -> Result:
        guest = self._running(args)
        if guest.started != args["sent"]:
            raise AgentError("refused", f"VM {args['vm']} has not arrived here")
        self._set_state(args, guest, "running", "resumed")
        return {"domain": f"one-{args['vm']}"}

    def _migration_stay(self, args: dict[str, Any]) -> Result:
        guest = self._admit(args)
        if guest is None or guest.state == "off":
            return {"state": "gone" if guest is not None and guest.sending else "off"}
        guest.sending = False
        return {"state": guest.state}

    def _migration_look(self, args: dict[str, Any]) -> Result:
        guest = self._admit(args)
        return {"state": "off" if guest is None else guest.state}

    # -- what lies there of one that does not run

    def _vm_give(self, args: dict[str, Any]) -> Result:
        self._needed(args)
        return {"port": 1}

    def _vm_fetch(self, args: dict[str, Any]) -> None:
        guest = self._needed(args)
        other = self._neighbour(args["peer"]["key"])
        there = other.guests.get(int(args["vm"]))
        if there is None or not there.folder:
            raise AgentError("failed", f"{other.name} has nothing of VM {args['vm']}")
        guest.disks.update(there.disks)
        guest.saved = there.saved
        _as_there(guest, there)

    # -- what the host itself does (`simulated.py`)

    if TYPE_CHECKING:

        def check_cpu(self, guest: "Guest") -> None: ...
        def _admit(self, args: dict[str, Any]) -> "Guest | None": ...
        def _needed(self, args: dict[str, Any]) -> "Guest": ...
        def _running(self, args: dict[str, Any]) -> "Guest": ...
        def _set_state(
            self, args: dict[str, Any], guest: "Guest", state: str, reason: str
        ) -> None: ...


def _as_there(guest: "Guest", there: "Guest") -> None:
    """What a guest is like goes with it."""
    guest.cpu, guest.memory, guest.features = there.cpu, there.memory, there.features
    guest.commands = dict(there.commands)
    guest.plugged = {kind: set(numbers) for kind, numbers in there.plugged.items()}
