"""The screen: where it listens, under which port, behind which password (spec: templates.md section 4.5).

A port is of one VM in the zone, so that it is free wherever the VM goes. It listens on the host's loopback
unless the template says otherwise: users see it through the front end.
"""

import re
import secrets

from innkeeper.model.errors import must_be
from innkeeper.model.names import is_address, is_host_name
from innkeeper.model.template import Vector, as_bool, as_int
from innkeeper.model.world import World

from .draft import Draft, problem

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 5900, 65535
#: Characters of a password that count, by type.
_LONGEST = {"vnc": 8, "spice": 59}
_KEYMAP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}")


def fill(draft: Draft) -> None:
    """Checks and completes the draft's GRAPHICS, if it has any."""
    graphics = draft.template.vector("GRAPHICS")
    if graphics is not None:
        made = completed(draft.world, draft.number, graphics)
        draft.template = draft.template.with_("GRAPHICS", made)


def completed(world: World, vm: int, graphics: Vector) -> Vector:
    """A VM's GRAPHICS with all that it leaves out."""
    made = dict(graphics)
    made["LISTEN"] = made.get("LISTEN") or LOOPBACK
    if not (is_host_name(made["LISTEN"]) or is_address(made["LISTEN"])):
        raise problem(must_be("LISTEN of GRAPHICS", "an address", made["LISTEN"]))
    if made.get("KEYMAP") and not _KEYMAP.fullmatch(made["KEYMAP"]):
        raise problem(must_be("KEYMAP of GRAPHICS", "like en-us", made["KEYMAP"]))
    made["PORT"] = str(_port(world, vm, made.get("PORT", "")))
    longest = _LONGEST.get(made.get("TYPE", "").lower(), 0)
    if as_bool(made.get("RANDOM_PASSWD", "NO")) and not made.get("PASSWD"):
        made["PASSWD"] = secrets.token_urlsafe(longest)
    if longest and "PASSWD" in made:
        made["PASSWD"] = made["PASSWD"][:longest]
    return made


def _port(world: World, vm: int, text: str) -> int:
    """The port that is asked for; for none or 0 the one that goes with the VM's number, or the next free."""
    asked = as_int(text or "0")
    if asked is None or (asked and not FIRST_PORT <= asked <= LAST_PORT):
        raise problem(
            must_be("PORT of GRAPHICS", f"from {FIRST_PORT} to {LAST_PORT}, or 0 for any", text)
        )
    if asked:
        if holder := next((other for other in world.screens.of(asked) if other != vm), None):
            raise problem(f"PORT {asked} of GRAPHICS is that of VM {holder}.")
        return asked
    count = LAST_PORT - FIRST_PORT + 1
    ports = (FIRST_PORT + (vm + step) % count for step in range(count))
    found = next((port for port in ports if not set(world.screens.of(port)) - {vm}), None)
    if found is None:
        raise problem(f"PORT of GRAPHICS: none from {FIRST_PORT} to {LAST_PORT} is free.")
    return found
