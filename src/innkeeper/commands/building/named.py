"""What a vector names: an image, a network or a group, by number or by name (spec: templates.md section 4)."""

from innkeeper.model.errors import must_be
from innkeeper.model.template import Vector, as_int

from .draft import Draft, problem


def number_of(draft: Draft, vector: Vector, what: str) -> int:
    """The number of the image (`what` is IMAGE) or network (NETWORK) that a vector names."""
    if f"{what}_ID" in vector:
        return whole(vector, f"{what}_ID")
    owner = owner_of(draft, vector, what)
    found = draft.world.names.find(what.lower(), vector[what], owner)
    if found is None:
        one = {"IMAGE": "an image", "NETWORK": "a network"}[what]
        raise problem(f"User {owner} does not own {one} with name: {vector[what]} .")
    return found


def owner_of(draft: Draft, vector: Vector, prefix: str) -> int:
    """Whose image or network a name means: the one who calls, unless it says otherwise."""
    if f"{prefix}_UID" in vector:
        return whole(vector, f"{prefix}_UID")
    if f"{prefix}_UNAME" in vector:
        name = vector[f"{prefix}_UNAME"]
        found = draft.world.names.find("user", name)
        if found is None:
            raise problem(f"{prefix}_UNAME: there is no user {name!r}.")
        return found
    return draft.caller.uid


def whole(vector: Vector, name: str) -> int:
    """An attribute that must be a whole number."""
    number = as_int(vector[name])
    if number is None:
        raise problem(must_be(name, "a whole number", vector[name][:40]))
    return number
