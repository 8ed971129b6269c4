"""Zones, marketplaces and their apps: what a zone knows of itself and of others' offers."""

from enum import IntEnum
from typing import ClassVar

from .objects import EMPTY, Lockable, Owned, Record
from .template import Template


class Enabled(IntEnum):
    """States of zones and marketplaces."""

    ENABLED = 0
    DISABLED = 1


class AppState(IntEnum):
    """States of apps."""

    INIT = 0
    READY = 1
    LOCKED = 2
    ERROR = 3
    DISABLED = 4


class AppType(IntEnum):
    """What an app is."""

    UNKNOWN = 0
    IMAGE = 1
    VMTEMPLATE = 2
    SERVICE_TEMPLATE = 3


class Zone(Record, frozen=True, omit_defaults=True, kw_only=True):
    """A front end's realm: zone 0 is this one."""

    KIND: ClassVar[str] = "zone"
    LABEL: ClassVar[str] = "zone"
    ACL: ClassVar[str] = "ZONE"
    UNIQUE: ClassVar[str] = "zone"

    state: Enabled = Enabled.ENABLED
    template: Template = EMPTY


class Market(Owned, frozen=True, omit_defaults=True, kw_only=True):
    """A place where apps are offered. Its apps follow from them."""

    KIND: ClassVar[str] = "market"
    LABEL: ClassVar[str] = "marketplace"
    ACL: ClassVar[str] = "MARKETPLACE"
    UNIQUE: ClassVar[str] = "zone"

    market_mad: str
    state: Enabled = Enabled.ENABLED


class MarketApp(Lockable, frozen=True, omit_defaults=True, kw_only=True):
    """What a marketplace offers: an image (of `origin_id`), or a template, which `content` holds in base64."""

    KIND: ClassVar[str] = "marketapp"
    LABEL: ClassVar[str] = "marketplace app"
    ACL: ClassVar[str] = "MARKETPLACEAPP"
    UNIQUE: ClassVar[str] = "owner"

    market_id: int
    origin_id: int = -1
    type: AppType = AppType.IMAGE
    state: AppState = AppState.READY
    regtime: int = 0
    size: int = 0
    version: str = "0.0"
    description: str = ""
    format: str = ""
    content: str = ""
