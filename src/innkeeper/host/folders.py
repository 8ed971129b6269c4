"""The agent's memory: the folders under its root.

Theory of operation
-------------------
Everything that must outlive the agent is a file under the root, replaced in one durable step, so
that at any instant the files describe a state from which every verb can be run again:

* ``zone.json`` names the front end that this root belongs to, and which root it is.
* ``vms/<vm>/state.json`` holds the highest generation seen for the VM. A request with a lower one
  is stale: it was sent before the front end decided something else.
* ``gone/<vm>`` keeps that number for a day after the VM's folder is removed, for requests that
  were on their way meanwhile.
* ``networks/<id>.json`` is kept by ``networks/``, ``stores/<id>.json`` by ``disks/records.py``.

``lock`` is locked by the one agent that serves the root.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import RefusedError, StaleError
from .files import read_json, sync_folder, write_json

#: Seconds for which the generation of a removed VM is remembered.
GONE_MEMORY = 24 * 3600.0
#: Seconds after which it is looked again which of them are to be forgotten.
FORGETTING = 3600.0


@dataclasses.dataclass
class VmState:
    """What is remembered of a VM: the content of its ``state.json``."""

    generation: int = 0
    #: The domain description that was last started, and the generation it was started with.
    domain: dict[str, Any] | None = None
    domain_generation: int | None = None
    #: The generation that is being restored: its domain may lie there paused, not yet resumed.
    restoring: int | None = None
    #: By tag of a snapshot with memory, what the guest was like when it was taken.
    snapshots: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: The generation with which its guest was sent to another host.
    sending: int | None = None
    #: The generation with which its files were fetched from another host, all of them.
    fetched: int | None = None
    #: The generation with which an earlier release began a command in its guest.
    executed: int | None = None
    #: By number, where those disks lie that are not files of the VM's folder (``disks/places.py``).
    places: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Any) -> VmState:
        """Reads what ``state.json`` holds; unknown members of other versions are ignored."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: item for key, item in value.items() if key in known})


class VmFolder:
    """One VM's folder, which may or may not exist yet."""

    def __init__(self, path: Path, vm: int) -> None:
        self.path = path
        self.vm = vm
        self._state_file = path / "state.json"

    @property
    def serial_log(self) -> Path:
        return self.path / "serial.log"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def command(self) -> Path:
        """What is known of the last command in its guest (``guest_commands.py``)."""
        return self.path / "command.json"

    def disk(self, number: int) -> Path:
        return self.path / f"disk.{number}"

    def disks(self) -> list[int]:
        """The numbers of the disks that lie here, or where they are known to be ours."""
        names = [path.name for path in self.path.glob("disk.*")]
        files = {int(name[5:]) for name in names if name[5:].isdigit()}
        return sorted(files | {int(number) for number in self.state().places})

    @property
    def stores(self) -> Path:
        """Where the records of the stores lie that disks can be in."""
        return self.path.parents[1] / "stores"

    def exists(self) -> bool:
        return self.path.is_dir()

    def state(self) -> VmState:
        """What is remembered; a blank state when nothing is."""
        saved = read_json(self._state_file)
        return VmState() if saved is None else VmState.from_json(saved)

    def write(self, state: VmState) -> None:
        write_json(self._state_file, dataclasses.asdict(state))

    def make(self, generation: int) -> None:
        """Makes the folder; QEMU's user may pass through it but not look around."""
        if not self._state_file.exists():
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            self.write(VmState(generation=generation))
            sync_folder(self.path.parent)

    def remove(self) -> None:
        """Removes the folder and everything in it; symbolic links are removed, not followed."""
        if self.path.exists():
            shutil.rmtree(self.path)
            sync_folder(self.path.parent)


class Root:
    """The folder of one agent on a host."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.vms = self.path / "vms"
        self.bases = self.path / "bases"
        self.networks = self.path / "networks"
        self.stores = self.path / "stores"
        self.gone = self.path / "gone"
        self._forgotten = 0.0
        #: Which root this is, whatever the machine is called; known once it is claimed.
        self.identity = ""

    def known_identity(self) -> str | None:
        """Which root this is; None where no agent has worked yet."""
        owner = read_json(self.path / "zone.json") or {}
        identity: str | None = owner.get("id")
        return identity

    def claim(self, zone: str) -> None:
        """Makes the folders; refuses a root that belongs to another front end."""
        for folder in (self.path, self.vms, self.bases, self.networks, self.stores, self.gone):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = read_json(self.path / "zone.json") or {"zone": zone}
        if owner["zone"] != zone:
            raise RefusedError(
                f"{self.path} belongs to zone {owner['zone']!r}, this front end is {zone!r}"
            )
        if "id" not in owner:
            owner["id"] = uuid.uuid4().hex
            write_json(self.path / "zone.json", owner)
        self.identity = owner["id"]
        self.forget_old()

    def forget_old(self) -> None:
        """Drops generations that were remembered for long enough."""
        self._forgotten = time.time()
        for file in self.gone.iterdir():
            if file.stat().st_mtime < time.time() - GONE_MEMORY:
                file.unlink(missing_ok=True)

    def folder(self, vm: int) -> VmFolder:
        return VmFolder(self.vms / str(vm), vm)

    def folders(self) -> Iterator[VmFolder]:
        """The folders of all VMs that have one, by number."""
        for name in sorted(int(p.name) for p in self.vms.iterdir() if p.name.isdigit()):
            yield self.folder(name)

    def admit(self, vm: int, generation: int) -> VmFolder:
        """Refuses a stale request; otherwise remembers its generation and gives the VM's folder.

        Where nothing is known of the VM, nothing is remembered: there is nothing to protect.
        """
        folder = self.folder(vm)
        state = folder.state()
        seen = max(state.generation, self._gone_generation(vm))
        if generation < seen:
            raise StaleError(f"VM {vm} is at generation {seen}, the request says {generation}")
        if generation > state.generation and folder.exists():
            state.generation = generation
            folder.write(state)
        return folder

    def remember_gone(self, vm: int, generation: int) -> None:
        """Remembers the generation of a VM without a folder, for a day."""
        if time.time() > self._forgotten + FORGETTING:
            self.forget_old()
        if generation >= self._gone_generation(vm):
            write_json(self.gone / str(vm), {"generation": generation})

    def _gone_generation(self, vm: int) -> int:
        saved = read_json(self.gone / str(vm))
        return 0 if saved is None else int(saved["generation"])
