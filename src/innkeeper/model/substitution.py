"""Variables in CONTEXT and in requirements: ``$NAME``, ``$VEC[ATTR]``, ``$NETWORK[...]``, ...

The forms are OpenNebula's. What cannot be resolved becomes the empty text; ``\\$`` is a dollar
sign; a dollar sign that begins no variable stays. Names are looked up in upper case.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from innkeeper.model.errors import BadValue, must_be
from innkeeper.model.template import Template, Vector

# All repetitions are possessive and none runs past the next dollar sign or quote, so that a text
# is read in linear time. Names of images have neither sign.
_BLANKS = r"[ \t]*+"
_NAME = r"[A-Za-z0-9_]++"
_CHOICE = rf'{_BLANKS},{_BLANKS}({_NAME}){_BLANKS}={_BLANKS}(?:"([^"]*+)"|({_NAME})){_BLANKS}'
_FILE = r'\$FILE\[((?:"[^"$]*+"|[^"\]$])*+)\]'
_variable = re.compile(
    rf"\\\$|(?i:{_FILE})|\$({_NAME})(?:\[{_BLANKS}({_NAME})(?:{_CHOICE}|{_BLANKS})\])?"
)


class Choice(msgspec.Struct, frozen=True):
    """Which of several is meant: the one whose ``key`` has this ``value``."""

    key: str
    value: str


class Scope(Protocol):
    """Where variables are looked up. Names come in upper case; None is "not known"."""

    def single(self, name: str) -> str | None:
        """``$NAME``"""

    def element(self, vector: str, name: str, choice: Choice | None) -> str | None:
        """``$VECTOR[NAME]`` or ``$VECTOR[NAME, KEY="value"]``"""

    def network(self, name: str, choice: Choice) -> str | None:
        """``$NETWORK[NAME, NETWORK="n" | NETWORK_ID="i" | NIC_ID="i"]``"""

    def image(self, name: str, choice: Choice) -> str | None:
        """``$IMAGE[NAME, IMAGE="n" | IMAGE_ID="i"]``"""

    def user(self, name: str) -> str | None:
        """``$USER[NAME]``"""


def substitute(text: str, scope: Scope) -> str:
    """The text with every variable replaced by its value. What values hold is not replaced.

    ``$FILE[...]`` is no variable and stays: see `file_references`.
    """
    if "$" not in text:
        return text

    def value(found: re.Match[str]) -> str:
        if found.group() == "\\$":
            return "$"
        if found[1] is not None:
            return found.group()
        return _value(found, scope) or ""

    return _variable.sub(value, text)


def _value(found: re.Match[str], scope: Scope) -> str | None:
    _, vector, name, key, quoted, word = found.groups()
    vector = vector.upper()
    if name is None:
        return scope.single(vector)
    name = name.upper()
    choice = Choice(key.upper(), word if quoted is None else quoted) if key else None
    if vector == "USER":
        return scope.user(name)
    if vector == "NETWORK":
        return scope.network(name, choice) if choice else None
    if vector == "IMAGE":
        return scope.image(name, choice) if choice else None
    return scope.element(vector, name, choice)


class NetworkSource(msgspec.Struct, frozen=True):
    """What a NIC's network says about it: its address range first, then the network."""

    address_range: Mapping[str, str]
    template: Template


class VmScope(msgspec.Struct, frozen=True):
    """The scope of one VM, given its own templates and ways to those of other objects.

    ``builtins`` holds NAME, VMID, UID, UNAME, GID and GNAME. ``network_of`` gets a NIC and
    ``image_of`` a DISK of this VM, so that no variable reaches an object that the VM does not
    use; they return None when the object is gone. ``owner`` is the owner's template.
    """

    builtins: Mapping[str, str]
    template: Template
    user_template: Template
    owner: Template
    network_of: Callable[[Vector], NetworkSource | None]
    image_of: Callable[[Vector], Template | None]

    def single(self, name: str) -> str | None:
        if name in self.builtins:
            return self.builtins[name]
        if name == "TEMPLATE":
            return encoded(self.template)
        return self.template.get(name) or self.user_template.get(name)

    def element(self, vector: str, name: str, choice: Choice | None) -> str | None:
        candidates = self.template.vectors(vector) or self.user_template.vectors(vector)
        chosen = _chosen(candidates, choice) if choice else next(iter(candidates), None)
        return chosen.get(name) if chosen is not None else None

    def network(self, name: str, choice: Choice) -> str | None:
        if choice.key not in ("NETWORK", "NETWORK_ID", "NIC_ID"):
            return None
        nics = self.template.vectors("NIC") + self.template.vectors("NIC_ALIAS")
        passed_through = [pci for pci in self.template.vectors("PCI") if pci.get("TYPE") == "NIC"]
        nic = _chosen((*nics, *passed_through), choice)
        source = self.network_of(nic) if nic is not None else None
        if source is None:
            return None
        if name == "TEMPLATE":
            return encoded(source.template)
        return source.address_range.get(name) or source.template.get(name)

    def image(self, name: str, choice: Choice) -> str | None:
        if choice.key not in ("IMAGE", "IMAGE_ID"):
            return None
        disk = _chosen(self.template.vectors("DISK"), choice)
        template = self.image_of(disk) if disk is not None else None
        return _attribute(template, name) if template is not None else None

    def user(self, name: str) -> str | None:
        return _attribute(self.owner, name)


def _attribute(template: Template, name: str) -> str | None:
    return encoded(template) if name == "TEMPLATE" else template.get(name)


def _chosen(vectors: tuple[Vector, ...], choice: Choice) -> Vector | None:
    return next((vector for vector in vectors if vector.get(choice.key) == choice.value), None)


def encoded(template: Template) -> str:
    """What ``TEMPLATE`` stands for in variables: the XML form in base64, on one line."""
    return base64.b64encode(template.to_xml().encode()).decode()


# ---- files --------------------------------------------------------------------------------

_file = re.compile(rf"\s*+{_FILE}", re.IGNORECASE)
_file_part = re.compile(
    rf'{_BLANKS}({_NAME}){_BLANKS}={_BLANKS}(?:"([^"]*+)"|({_NAME})){_BLANKS}(?:,|\Z)'
)
_ALLOWED = ({"IMAGE_ID"}, {"IMAGE"}, {"IMAGE", "IMAGE_UNAME"}, {"IMAGE", "IMAGE_UID"})


class FileReference(msgspec.Struct, frozen=True):
    """One ``$FILE[...]``: the number of an image, or its name with, perhaps, its owner."""

    image_id: int | None = None
    image: str | None = None
    owner_name: str | None = None
    owner_id: int | None = None


def file_references(text: str) -> list[FileReference]:
    """What FILES_DS, KERNEL_DS and INITRD_DS refer to, in order.

    The text is a list of ``$FILE[IMAGE_ID=n]`` and ``$FILE[IMAGE="n", IMAGE_UNAME=... |
    IMAGE_UID=n]`` separated by blanks; BadValue when anything else is in it.
    """
    references = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        found = _file.match(text, position)
        if found is None:
            rest = text[position:end].lstrip()
            raise BadValue(f'expected $FILE[IMAGE="..."], found {rest[:40]!r}')
        references.append(_reference(found.group().strip(), found.group(1)))
        position = found.end()
    return references


def _reference(whole: str, inner: str) -> FileReference:
    parts: dict[str, str] = {}
    position = 0
    while position < len(inner) and (found := _file_part.match(inner, position)):
        name, quoted, word = found.groups()
        parts.setdefault(name.upper(), quoted if quoted is not None else word)
        position = found.end()
    if position < len(inner) or set(parts) not in _ALLOWED or inner.rstrip().endswith(","):
        raise BadValue(f"{whole} must name IMAGE_ID, or IMAGE and perhaps IMAGE_UNAME or IMAGE_UID")
    return FileReference(
        image_id=_number(whole, "IMAGE_ID", parts),
        image=parts.get("IMAGE"),
        owner_name=parts.get("IMAGE_UNAME"),
        owner_id=_number(whole, "IMAGE_UID", parts),
    )


def _number(whole: str, name: str, parts: Mapping[str, str]) -> int | None:
    text = parts.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise BadValue(must_be(f"{whole}: {name}", "a number", text))
    return int(text)
