"""Nouns that hold what users write for others to act on: templates of networks, groups of VMs, routers, documents,
hooks.
"""

from typing import ClassVar

import msgspec

from .objects import EMPTY, Lock, Lockable, Record
from .template import Template, Vector


class VnTemplate(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """A template from which virtual networks are made."""

    KIND: ClassVar[str] = "vntemplate"
    LABEL: ClassVar[str] = "virtual network template"
    ACL: ClassVar[str] = "VNTEMPLATE"
    UNIQUE: ClassVar[str] = "owner"

    regtime: int = 0


class Document(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """What a client keeps here for itself; `type` is the client's number (100 services, 101 their templates)."""

    KIND: ClassVar[str] = "document"
    LABEL: ClassVar[str] = "document"
    ACL: ClassVar[str] = "DOCUMENT"

    type: int = 0


class Role(msgspec.Struct, frozen=True, omit_defaults=True):
    """VMs of a group that are alike: `policy` AFFINED (on one host), ANTI_AFFINED (each on its own) or NONE.

    They may be on `hosts` only (empty: on all), and never on those `avoided`.
    """

    id: int
    name: str
    policy: str = "NONE"
    hosts: tuple[int, ...] = ()
    avoided: tuple[int, ...] = ()


class VmGroup(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """Roles of VMs, and which of them shall be on one host or never are (AFFINED, ANTI_AFFINED in its template).

    Its VMs follow from their VMGROUP.
    """

    KIND: ClassVar[str] = "vmgroup"
    LABEL: ClassVar[str] = "virtual machine group"
    ACL: ClassVar[str] = "VMGROUP"
    UNIQUE: ClassVar[str] = "owner"

    roles: tuple[Role, ...] = ()

    def role(self, name: str) -> Role | None:
        """The role with this name."""
        return next((role for role in self.roles if role.name == name), None)


class VRouter(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """A virtual router: NICs (in its template), of which each of its VMs has one like it.

    Floating NICs have a lease of their own, which belongs to whichever VM is the active one. Its VMs follow from their
    VROUTER_ID. `used_nics` is the number after the highest that a NIC of it ever had; one that is `ending` waits for
    the last of its VMs to end.
    """

    KIND: ClassVar[str] = "vrouter"
    LABEL: ClassVar[str] = "virtual router"
    ACL: ClassVar[str] = "VROUTER"

    used_nics: int = 0
    ending: bool = False

    @property
    def nics(self) -> tuple[Vector, ...]:
        """NIC vectors in order of NIC_ID."""
        return self.template.vectors("NIC")


class Hook(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A command that is run when an object comes into a state (`type` state), or a method was called (api)."""

    KIND: ClassVar[str] = "hook"
    LABEL: ClassVar[str] = "hook"
    ACL: ClassVar[str] = "HOOK"

    type: str
    template: Template = EMPTY
    lock: Lock | None = None


class HookRun(Record, frozen=True, omit_defaults=True, kw_only=True):
    """One execution of a hook: recorded before it begins, and kept for the log.

    `payload` is what $TEMPLATE or $API stands for (base64), `host_id` where it runs (-1: the front end). `code` is the
    command's; 255 when it could not be run, or nobody knows how it ended. Outputs are base64, and cut.
    """

    KIND: ClassVar[str] = "hookrun"
    LABEL: ClassVar[str] = "hook execution"

    hook_id: int
    time: int
    payload: str
    host_id: int = -1
    retry: bool = False
    began: int = 0
    ended: int = 0
    code: int = -1
    stdout: str = ""
    stderr: str = ""
