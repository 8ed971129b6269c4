"""Settings of the daemon: one TOML file, everything checked at the start (docs/administrator.md lists them)."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec


class SettingsError(Exception):
    """The settings cannot be used; the text names the file, the key, what was expected and what came."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class Placement(Section, frozen=True):
    """How hosts are chosen."""

    policy: Literal["striping", "packing", "load-aware", "fixed"] = "striping"


class Monitoring(Section, frozen=True):
    """How often agents report; after how long without a link a host counts as down; for how long a sample of each
    minute, ten minutes and hour is kept (seconds).
    """

    interval: float = 30.0
    grace: float = 30.0
    keep: tuple[int, int, int] = (86_400, 604_800, 7_776_000)
    disk_mib: int = 2048


class Ssh(Section, frozen=True):
    """How other machines are reached; paths below the data folder unless absolute."""

    key: str = "ssh/id_ed25519"
    known_hosts: str = "ssh/known_hosts"


class Images(Section, frozen=True):
    """Where images may come from.

    `folders` on the front end besides DATA/images and /var/tmp; `allow_networks` from which users' http(s) addresses
    may be fetched besides public ones (administrators' may be anywhere).
    """

    folders: tuple[str, ...] = ()
    allow_networks: tuple[str, ...] = ()


class Webhooks(Section, frozen=True):
    """Networks in which the addresses of webhooks may lie besides public ones."""

    allow_networks: tuple[str, ...] = ()

    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The networks themselves."""
        return [ipaddress.ip_network(each) for each in self.allow_networks]


class Auth(Section, frozen=True):
    """What authentication relies on.

    `certificates` is a folder of authorities (PEM) who may issue users' certificates, `server_certificate` the file of
    the one that servers of the driver server_x509 share with the front end. `ldap` is the directory server's address
    (ldaps://host), `ldap_name` how users are named there ({name} is the user's), `ldap_authorities` a file of its
    authorities (none: the system's).
    """

    certificates: str = ""
    server_certificate: str = ""
    ldap: str = ""
    ldap_name: str = ""
    ldap_authorities: str = ""


class Tls(Section, frozen=True):
    """All endpoints speak TLS (1.2 or newer) when it is `on`.

    `certificate` (a chain) and `key` are PEM files; without them the front end makes a certificate for this machine's
    names itself, once, in DATA/tls.
    """

    on: bool = False
    certificate: str = ""
    key: str = ""


class Onegate(Section, frozen=True):
    """`endpoint` is the address at which guests find the front end; told to those whose context has TOKEN."""

    endpoint: str = ""


class Guests(Section, frozen=True):
    """`longest_command` is how many seconds a command of one.vm.exec may take; then it is killed."""

    longest_command: float = 3600.0


class Redirects(Section, frozen=True):
    """Ports of the front end that lead to VMs: on which addresses (the first is the usual one) and ports, for how many
    seconds at most, for whom. `shown` is what users are told instead of the address.
    """

    addresses: tuple[str, ...] = ("127.0.0.1",)
    ports: tuple[int, int] = (20000, 24999)
    longest: float = 604_800.0
    who: Literal["everyone", "administrators", "nobody"] = "everyone"
    shown: str = ""


class Simulation(Section, frozen=True):
    """Seconds that verbs of simulated hosts take ("*": all others)."""

    times: dict[str, float] = {}


class Schedule(Section, frozen=True):
    """The time zone in which scheduled actions keep their time of day."""

    timezone: str = "UTC"

    def zone(self) -> ZoneInfo:
        """The zone itself."""
        return ZoneInfo(self.timezone)


class Log(Section, frozen=True):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class Settings(Section, frozen=True):
    """The whole file."""

    listen: str = "127.0.0.1:2633"
    placement: Placement = Placement()
    monitoring: Monitoring = Monitoring()
    ssh: Ssh = Ssh()
    images: Images = Images()
    webhooks: Webhooks = Webhooks()
    schedule: Schedule = Schedule()
    tls: Tls = Tls()
    auth: Auth = Auth()
    onegate: Onegate = Onegate()
    guests: Guests = Guests()
    redirects: Redirects = Redirects()
    simulation: Simulation = Simulation()
    log: Log = Log()


def load(path: Path | None) -> Settings:
    """Reads and checks the file (None: all defaults)."""
    if path is None:
        return Settings()
    try:
        return check(tomllib.loads(path.read_text()))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def check(values: dict[str, object]) -> Settings:
    """Settings from a parsed file."""
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from None
    address(settings.listen)
    if settings.monitoring.interval < 1:
        raise SettingsError(
            f"monitoring.interval must be 1 second or more, not {settings.monitoring.interval:g}"
        )
    if not settings.monitoring.grace >= 1:
        raise SettingsError(
            f"monitoring.grace must be 1 second or more, not {settings.monitoring.grace:g}"
        )
    for section in ("images", "webhooks"):
        _check_networks(section, getattr(settings, section).allow_networks)
    _check_directory(settings.auth)
    try:
        settings.schedule.zone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"schedule.timezone must be a zone like Europe/Zurich, not {settings.schedule.timezone!r}"
        raise SettingsError(text) from None
    if settings.monitoring.disk_mib < 1 or min(settings.monitoring.keep) < 0:
        raise SettingsError("monitoring.disk_mib must be 1 or more, monitoring.keep 0 or more")
    if not settings.guests.longest_command > 0:
        given = settings.guests.longest_command
        raise SettingsError(f"guests.longest_command must be more than 0 seconds, not {given:g}")
    _check_redirects(settings.redirects)
    return settings


def _check_redirects(given: Redirects) -> None:
    for text in given.addresses:
        try:
            ipaddress.ip_address(text)
        except ValueError as wrong:
            raise SettingsError(f"redirects.addresses must list IP addresses: {wrong}") from None
    first, last = given.ports
    if not given.addresses or not 1024 <= first <= last <= 65535 or not given.longest >= 1:
        text = "redirects needs an address, ports [FIRST, LAST] from 1024 to 65535, and longest of 1 second or more"
        raise SettingsError(text)


def _check_networks(section: str, networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as wrong:
            text = f"{section}.allow_networks must list networks like 10.0.0.0/8: {wrong}"
            raise SettingsError(text) from None


def address(text: str) -> tuple[str, int]:
    """HOST:PORT taken apart."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"listen must be HOST:PORT, not {text!r}")
    return host.strip("[]"), int(port)


def _check_directory(auth: Auth) -> None:
    if not auth.ldap:
        return
    parts = urlsplit(auth.ldap)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname:
        raise SettingsError(f"auth.ldap must be like ldaps://host, not {auth.ldap!r}")
    if "{name}" not in auth.ldap_name:
        raise SettingsError(
            f"auth.ldap_name must have {{name}} in it, like uid={{name}},ou=people,dc=example,dc=org,"
            f" not {auth.ldap_name!r}"
        )
