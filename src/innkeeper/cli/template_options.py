"""Options that describe a VM, and the template text that they stand for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from innkeeper.cli import template_text
from innkeeper.cli.errors import CliError, ExitCode

F = TypeVar("F", bound=Callable[..., Any])

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([mMgGtT]?)(?:i?[bB])?")
_TO_MIB = {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}


if TYPE_CHECKING:  # older versions of click have no generic parameter types
    _IntType = click.ParamType[int]
else:
    _IntType = click.ParamType


class SizeType(_IntType):
    """A size in MiB, or with a unit: `512`, `512m`, `1.5g`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The size in MiB."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"expected MiB or a number with m, g or t; not {value!r}", param, ctx)
        return int(float(match[1]) * _TO_MIB[match[2].lower()])


SIZE = SizeType()


def _option(*flags: str, **more: Any) -> Callable[[F], F]:
    return click.option(*flags, **more)


_DEVICES = (
    _option("--disk", "disks", multiple=True, metavar="IMAGE[:attr=value...]",
            help="A disk: an image's number or name, or ':type=fs:size=1024' for an empty one."
                 " May be given again, or several with commas."),
    _option("--nic", "nics", multiple=True, metavar="NETWORK[:attr=value...]",
            help="A network interface: a network's number or name."),
    _option("--vnc", is_flag=True, help="A VNC screen."),
    _option("--vnc-password", metavar="TEXT", help="Its password."),
    _option("--vnc-listen", metavar="ADDRESS", help="The host's address that it listens on (127.0.0.1)."),
    _option("--vnc-keymap", metavar="MAP", help="Its keyboard."),
    _option("--spice", is_flag=True, help="A SPICE screen."),
    _option("--boot", metavar="disk0,nic0", help="What to boot from, in order."),
    _option("--raw", metavar="TEXT", help="Raw attributes, as they stand in a template."),
)  # fmt: skip

_CAPACITY = (
    _option("--cpu", type=click.FloatRange(min=0, min_open=True), help="Cores' worth of time."),
    _option("--vcpu", type=click.IntRange(min=1), help="Virtual processors."),
    _option("--memory", type=SIZE, metavar="MIB", help="Memory: 512, 512m, 1g."),
    _option("--arch", metavar="ARCH", help="Architecture, such as x86_64."),
)

_CONTEXT = (
    _option("--ssh", metavar="FILE", is_flag=False, flag_value="",
            help="Let this public key in (your own when no file is named)."),
    _option("--net-context/--no-net-context", "--net_context/--no-net_context", default=None,
            help="Tell the guest its addresses (done when there is a NIC)."),
    _option("--context", "context", multiple=True, metavar="NAME=VALUE",
            help="Something to tell the guest."),
    _option("--startscript", metavar="FILE", help="A script that the guest runs when it boots."),
)  # fmt: skip

_OTHER = (
    _option("--set", "settings", multiple=True, metavar="NAME=VALUE",
            help="Any other attribute, such as SCHED_REQUIREMENTS='ARCH=\"x86_64\"'."),
    _option("--dry", is_flag=True, help="Print the template, and do nothing."),
)  # fmt: skip


def template_options(function: F) -> F:
    """Give a command all options that describe a VM."""
    for option in reversed((*_CAPACITY, *_DEVICES, *_CONTEXT, *_OTHER)):
        function = option(function)
    return function


def text_of(options: dict[str, Any]) -> str:
    """The template text that the options stand for, "" when none was given."""
    return "".join(
        (
            _singles(options),
            "".join(_device("DISK", text) for text in _each(options["disks"])),
            "".join(_device("NIC", text) for text in _each(options["nics"])),
            _graphics(options),
            template_text.vector("OS", _os(options)) if _os(options) else "",
            _context(options),
            template_text.assignments(options["settings"]),
            options["raw"] + "\n" if options["raw"] else "",
        )
    )


def _singles(options: dict[str, Any]) -> str:
    return "".join(
        template_text.single(name, options[name])
        for name in ("cpu", "vcpu", "memory")
        if options[name] is not None
    )


def _os(options: dict[str, Any]) -> dict[str, str]:
    found = {"ARCH": options["arch"], "BOOT": options["boot"]}
    return {name: value for name, value in found.items() if value}


def _each(texts: Iterable[str]) -> list[str]:
    return [piece.strip() for text in texts for piece in text.split(",") if piece.strip()]


_OWNED = re.compile(r"(?P<owner>[^\[\]]+)\[(?P<name>[^\[\]]+)\]")


def device_attributes(noun: str, text: str) -> dict[str, str]:
    """`IMAGE[:attr=value...]` as attributes; IMAGE is a number, a name or `owner[name]`."""
    subject, *pairs = text.split(":")
    found = _subject(noun, subject)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CliError(f"{text!r}: expected attr=value, not {pair!r}", ExitCode.USAGE)
        found[name.upper()] = value
    return found


def _subject(noun: str, subject: str) -> dict[str, str]:
    if not subject:
        return {}
    if subject.isdigit():
        return {f"{noun}_ID": subject}
    owned = _OWNED.fullmatch(subject)
    if owned:
        return {noun: owned["name"], f"{noun}_UNAME": owned["owner"]}
    return {noun: subject}


def _device(name: str, text: str) -> str:
    noun = "IMAGE" if name == "DISK" else "NETWORK"
    return template_text.vector(name, device_attributes(noun, text))


def _graphics(options: dict[str, Any]) -> str:
    if options["vnc"] and options["spice"]:
        raise CliError("a VM has one screen: --vnc or --spice", ExitCode.USAGE)
    details = {
        "PASSWD": options["vnc_password"],
        "LISTEN": options["vnc_listen"],
        "KEYMAP": options["vnc_keymap"],
    }
    if not (options["vnc"] or options["spice"] or any(details.values())):
        return ""
    kind = "spice" if options["spice"] else "vnc"
    return template_text.vector("GRAPHICS", {"TYPE": kind, **details})


def _context(options: dict[str, Any]) -> str:
    wanted: dict[str, str] = {}
    network = options["net_context"]
    if network or (network is None and options["nics"]):
        wanted["NETWORK"] = "YES"
    if options["ssh"] is not None:
        wanted["SSH_PUBLIC_KEY"] = _public_key(options["ssh"])
    if options["startscript"]:
        wanted["START_SCRIPT"] = template_text.read_input(options["startscript"])
    for text in options["context"]:
        name, equals, value = text.partition("=")
        if not equals:
            raise CliError(f"--context: expected NAME=VALUE, not {text!r}", ExitCode.USAGE)
        wanted[name.strip()] = value
    return template_text.vector("CONTEXT", wanted) if wanted else ""


_KEYS = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


def _public_key(file: str) -> str:
    folder = Path(os.environ.get("HOME", "/")) / ".ssh"
    paths = [Path(file)] if file else [folder / name for name in _KEYS]
    for path in paths:
        if path.is_file():
            return path.read_text().strip()
    raise CliError(f"--ssh: there is no public key at {' or '.join(map(str, paths))}")
