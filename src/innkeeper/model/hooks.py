"""Hooks: what their templates may say, and which states they wait for (spec: states.md section 9)."""

import shlex
from collections.abc import Collection
from enum import IntEnum

from .errors import BadValue, Mistake, must_be
from .nouns import Hook
from .objects import Host, Image, Network, Record, Vm
from .states import ImageState, LcmState, NetworkState, VmState
from .template import Template, as_bool, as_int

API, STATE = "api", "state"
#: What a state hook may be about, and what its states are called.
RESOURCES: dict[str, tuple[type[Record], frozenset[str]]] = {
    "VM": (Vm, frozenset(VmState.__members__)),
    "HOST": (Host, frozenset(("INIT", "MONITORED", "ERROR", "DISABLED", "OFFLINE"))),
    "IMAGE": (Image, frozenset(ImageState.__members__) - {"INIT"}),
    "NET": (Network, frozenset(NetworkState.__members__)),
}
#: Words for states of VMs: state and LCM state.
ON = {
    "PROLOG": ("ACTIVE", "PROLOG"),
    "RUNNING": ("ACTIVE", "RUNNING"),
    "SHUTDOWN": ("ACTIVE", "EPILOG"),
    "STOP": ("STOPPED", "LCM_INIT"),
    "DONE": ("DONE", "LCM_INIT"),
    "UNKNOWN": ("ACTIVE", "UNKNOWN"),
}
#: Seconds that a command may take, unless its hook says otherwise; and at most.
USUAL_TIME, LONGEST_TIME = 60, 3600
#: What stands for the object, or the call.
WORDS = ("$TEMPLATE", "$API")


def checked(template: Template, calls: Collection[str]) -> tuple[str, Template]:
    """The type of a hook, and its template with everything said in full. Hooks may be on the methods `calls`."""
    kind = (template.get("TYPE") or "").lower()
    if kind not in (API, STATE):
        raise BadValue(must_be("TYPE", f"{API} or {STATE}", template.get("TYPE")))
    template = template.without("TYPE")
    _check_command(template)
    return kind, _call(template, calls) if kind == API else _state(template)


def _check_command(template: Template) -> None:
    command = template.get("COMMAND") or ""
    if not command or "\0" in command or ".." in command.split("/"):
        raise BadValue(must_be("COMMAND", "a path without '..'", command[:80]))
    seconds = as_int(template.get("TIMEOUT") or str(USUAL_TIME))
    if seconds is None or not 1 <= seconds <= LONGEST_TIME:
        wanted = f"seconds from 1 to {LONGEST_TIME}"
        raise BadValue(must_be("TIMEOUT", wanted, template.get("TIMEOUT")))
    try:
        shlex.split(template.get("ARGUMENTS") or "")
    except ValueError as wrong:
        raise BadValue(f"ARGUMENTS: {wrong}") from None


def _call(template: Template, calls: Collection[str]) -> Template:
    call = template.get("CALL") or ""
    if call not in calls and not call.startswith("one.internal."):
        raise BadValue(must_be("CALL", "a method that changes something", call[:80]))
    return template


def _state(template: Template) -> Template:
    resource = (template.get("RESOURCE") or "").upper()
    if resource not in RESOURCES:
        known = ", ".join(RESOURCES)
        raise BadValue(must_be("RESOURCE", f"one of {known}", template.get("RESOURCE")))
    template = template.with_("RESOURCE", resource)
    if resource == "VM":
        return _state_of_vm(template)
    state = (template.get("STATE") or "").upper()
    if state not in RESOURCES[resource][1]:
        known = ", ".join(sorted(RESOURCES[resource][1]))
        raise BadValue(must_be(f"STATE of a {resource} hook", f"one of {known}", state[:40]))
    return template.with_("STATE", state)


def _state_of_vm(template: Template) -> Template:
    word = (template.get("ON") or "CUSTOM").upper()
    if word in ON:
        state, lcm_state = ON[word]
    elif word == "CUSTOM":
        state, lcm_state = ((template.get(name) or "").upper() for name in ("STATE", "LCM_STATE"))
        lcm_state = lcm_state or "LCM_INIT"
    else:
        raise BadValue(must_be("ON", f"one of {', '.join((*ON, 'CUSTOM'))}", word[:40]))
    if state not in VmState.__members__ or lcm_state not in LcmState.__members__:
        raise BadValue(
            Mistake(
                "STATE and LCM_STATE", "names of states", f"{state[:40]!r} and {lcm_state[:40]!r}"
            )
        )
    return template.with_("STATE", state).with_("LCM_STATE", lcm_state)


def on_host(hook: Hook) -> bool:
    """Whether its command is run on the object's host."""
    return as_bool(hook.template.get("REMOTE"))


def subject(hook: Hook) -> type[Record] | None:
    """The kind of objects for whose states a hook waits; None when it does not wait for states."""
    return RESOURCES[hook.template.get("RESOURCE", "")][0] if hook.type == STATE else None


def waits_for(hook: Hook, state: str, lcm_state: str) -> bool:
    """Whether a hook waits for this state of its kind of objects."""
    wanted = hook.template.get("STATE", ""), hook.template.get("LCM_STATE", "")
    return wanted == (state, lcm_state)


def states(record: Record) -> tuple[IntEnum, ...]:
    """An object's state, and LCM state; images' follow from more than the record."""
    match record:
        case Vm():
            return record.state, record.lcm_state
        case Host() | Network():
            return (record.state,)
        case _:
            return ()


def invocation(hook: Hook, payload: str) -> tuple[list[str], str]:
    """The arguments of a hook's command, and what it reads. Each word of ARGUMENTS stays one argument."""
    text = hook.template.get("ARGUMENTS") or ""
    if as_bool(hook.template.get("ARGUMENTS_STDIN")):
        return [], _filled(text, payload)
    return [_filled(word, payload) for word in shlex.split(text)], ""


def _filled(text: str, payload: str) -> str:
    for word in WORDS:
        text = text.replace(word, payload)
    return text
