"""The configuration document (spec: xml-documents.md section 7.4): what is in force, from where it is defined."""

from collections.abc import Iterator

from innkeeper.commands.auth import SESSION_TIME
from innkeeper.commands.datastores import IMAGE_DRIVERS, TRANSFER
from innkeeper.commands.network_drivers import DRIVERS as NETWORK_DRIVERS
from innkeeper.commands.network_drivers import bridge_type
from innkeeper.commands.restricted import RESTRICTED
from innkeeper.commands.vm_rights import ADMIN_OPERATIONS, MANAGE_OPERATIONS
from innkeeper.model.addresses import MAC_PREFIX
from innkeeper.model.hypervisors import DRIVERS as HOST_DRIVERS
from innkeeper.model.template import Template, Value, Vector


def configuration(datastore_root: str) -> str:
    """The whole document."""
    found: dict[str, tuple[Value, ...]] = {name: (value,) for name, value in _texts(datastore_root)}
    found |= {name: tuple(vectors) for name, vectors in _vectors()}
    found["VM_RESTRICTED_ATTR"] = tuple(_restricted())
    return Template(found).to_xml("OPENNEBULA_CONFIGURATION")


def _texts(datastore_root: str) -> Iterator[tuple[str, str]]:
    yield "API_LIST_ORDER", "DESC"
    yield "DATASTORE_LOCATION", datastore_root
    yield "DEFAULT_AUTH", "core"
    yield "DEFAULT_DEVICE_PREFIX", "sd"
    yield "DEFAULT_IMAGE_TYPE", "OS"
    yield "DEFAULT_UMASK", "177"
    yield "ENABLE_OTHER_PERMISSIONS", "YES"
    yield "IMAGE_RESTRICTED_ATTR", "SOURCE"
    yield "MAC_PREFIX", MAC_PREFIX
    yield "SESSION_EXPIRATION_TIME", f"{SESSION_TIME:.0f}"
    yield "VM_ADMIN_OPERATIONS", ", ".join(sorted(ADMIN_OPERATIONS))
    yield "VM_MANAGE_OPERATIONS", ", ".join(sorted(MANAGE_OPERATIONS))
    yield "VM_USE_OPERATIONS", ""


def _vectors() -> Iterator[tuple[str, list[Vector]]]:
    zone = {"MODE": "STANDALONE", "ZONE_ID": "0", "SERVER_ID": "-1", "MASTER_ONED": ""}
    yield "FEDERATION", [zone]
    yield "DS_MAD_CONF", _named(IMAGE_DRIVERS)
    yield "IM_MAD", _named(HOST_DRIVERS)
    yield "TM_MAD_CONF", _named(TRANSFER)
    yield "VM_MAD", _named(HOST_DRIVERS)
    yield (
        "VN_MAD_CONF",
        [
            {**vector, "BRIDGE_TYPE": bridge_type(vector["NAME"])}
            for vector in _named(frozenset(NETWORK_DRIVERS))
        ],
    )


def _named(drivers: frozenset[str]) -> list[Vector]:
    return [{"NAME": name} for name in sorted(drivers)]


def _restricted() -> Iterator[str]:
    for name, parts in sorted(RESTRICTED.items()):
        if parts is None:
            yield name
        else:
            yield from (f"{name}/{part}" for part in sorted(parts))
