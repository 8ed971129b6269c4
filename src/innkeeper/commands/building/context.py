"""CONTEXT: variables substituted, network settings generated (spec: templates.md section 5)."""

import re
from collections.abc import Mapping

from innkeeper.model.context import network_context
from innkeeper.model.objects import EMPTY
from innkeeper.model.substitution import Choice, NetworkSource, Scope, VmScope, substitute
from innkeeper.model.template import Template, Vector, as_bool

from . import nics
from .disks import image_template
from .draft import Draft, problem

_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Characters that the context of one VM may have in all, and what its variables may grow to.
LIMIT = 1 << 20
#: What VMs of a virtual router are told of it.
ROUTER = ("VROUTER_ID", "VROUTER_KEEPALIVED_ID", "VROUTER_KEEPALIVED_PASSWORD")


def fill(draft: Draft) -> None:
    """Completes the draft's CONTEXT, and the variables in its requirements."""
    scope = _Budget(_scope(draft))
    for name in ("SCHED_REQUIREMENTS", "SCHED_DS_REQUIREMENTS"):
        text = draft.user_template.get(name)
        if text and "$" in text:
            draft.user_template = draft.user_template.with_(name, substitute(text, scope))
    given = draft.template.vector("CONTEXT")
    if given is not None:
        draft.template = draft.template.with_("CONTEXT", _completed(draft, given, scope))


def completed(draft: Draft, given: Vector) -> Vector:
    """A context for the VM of the draft, from what is given of it."""
    return _completed(draft, given, _Budget(_scope(draft)))


def _completed(draft: Draft, given: Vector, scope: "_Budget") -> Vector:
    for name in given:
        if not _SHELL_NAME.fullmatch(name):
            raise problem(f"CONTEXT: {name!r} cannot be the name of a variable.")
    made = {name: substitute(value, scope) for name, value in given.items()}
    if as_bool(made.get("NETWORK")):
        made = _of_network(draft) | made
    made["VMID"] = str(draft.number)
    told = {name: draft.template.get(name) for name in ROUTER if draft.routed}
    made |= {name: value for name, value in told.items() if value}
    if sum(len(value) for value in made.values()) > LIMIT:
        raise problem(f"CONTEXT has more than {LIMIT} characters.")
    return made


def strings(template: Template) -> Vector:
    """A template's single attributes."""
    return {
        name: values[0]
        for name, values in template.attributes.items()
        if isinstance(values[0], str)
    }


class _Budget:
    """A scope whose values have an end: a short text may name a long value a million times."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._left = LIMIT

    def _spent(self, value: str | None) -> str | None:
        self._left -= len(value or "")
        if self._left < 0:
            raise problem(f"The variables in CONTEXT have more than {LIMIT} characters.")
        return value

    def single(self, name: str) -> str | None:
        return self._spent(self._scope.single(name))

    def element(self, vector: str, name: str, choice: Choice | None) -> str | None:
        return self._spent(self._scope.element(vector, name, choice))

    def network(self, name: str, choice: Choice) -> str | None:
        return self._spent(self._scope.network(name, choice))

    def image(self, name: str, choice: Choice) -> str | None:
        return self._spent(self._scope.image(name, choice))

    def user(self, name: str) -> str | None:
        return self._spent(self._scope.user(name))


def _of_network(draft: Draft) -> Vector:
    def ar_of(nic: Mapping[str, str]) -> Vector:
        return nics.sources(draft, dict(nic))[0]

    def vnet_of(nic: Mapping[str, str]) -> Vector:
        return strings(nics.sources(draft, dict(nic))[1])

    return network_context([*draft.nics, *draft.aliases], ar_of, vnet_of)


def _scope(draft: Draft) -> VmScope:
    user = draft.world.users.get(draft.caller.uid)
    group = draft.world.groups.get(draft.caller.gid)

    def network_of(nic: Vector) -> NetworkSource | None:
        ar, template = nics.sources(draft, nic)
        return NetworkSource(ar, template)

    def image_of(disk: Vector) -> Template | None:
        return image_template(draft, disk)

    return VmScope(
        builtins={
            "NAME": draft.name,
            "VMID": str(draft.number),
            "UID": str(draft.caller.uid),
            "UNAME": user.name if user else "",
            "GID": str(draft.caller.gid),
            "GNAME": group.name if group else "",
        },
        template=draft.template,
        user_template=draft.user_template,
        owner=user.template if user else EMPTY,
        network_of=network_of,
        image_of=image_of,
    )
