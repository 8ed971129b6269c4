"""`inn KIND create` for all but VMs and templates: from a file, piped text, or options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from innkeeper.cli import rules, template_text
from innkeeper.cli.acl import add_rule
from innkeeper.cli.client import Client
from innkeeper.cli.create import FILE, NAME, emit_new, gather
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current
from innkeeper.cli.template_options import SIZE
from innkeeper.cli.user import ask_password

_SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
                    help="Any other attribute.")  # fmt: skip
_CLUSTER = click.option("-c", "--cluster", type=ObjectType("cluster"), metavar="CLUSTER",
                        help="The cluster that it belongs to.")  # fmt: skip


# ---- images, networks, datastores ---------------------------------------------------------------

_IMAGE_TYPES = ("OS", "CDROM", "DATABLOCK", "KERNEL", "RAMDISK", "CONTEXT", "FILESYSTEM")
_DEFAULT_IMAGE_DATASTORE = "1"


@click.command(
    "create", cls=InnCommand,
    help="Register an image: from a file or URL that the front end can read, or an empty one. A file of this machine is"
    " sent to a front end elsewhere.",
    epilog=examples(
        "inn image create --name debian --path /var/tmp/debian.qcow2",
        "inn image create --name data --type datablock --size 10g --persistent",
        "inn image create image.txt -d default",
    ),
)  # fmt: skip
@FILE
@NAME
@click.option(
    "-d",
    "--datastore",
    type=ObjectType("datastore"),
    default=_DEFAULT_IMAGE_DATASTORE,
    metavar="DATASTORE",
    help="Where to keep it (1, the default image datastore).",
)
@click.option("--description", metavar="TEXT", help="What it is.")
@click.option(
    "--type",
    "type_",
    type=click.Choice(_IMAGE_TYPES, case_sensitive=False),
    help="What it is for (OS).",
)
@click.option("--persistent", is_flag=True, help="Keep what a VM writes; one VM at a time.")
@click.option("--path", metavar="PATH", help="File or URL to copy.")
@click.option("--source", metavar="PATH", help="File to use where it lies (administrators).")
@click.option("--size", type=SIZE, metavar="MIB", help="Size of an empty image: 512, 10g.")
@click.option("--format", "format_", metavar="FORMAT", help="raw or qcow2.")
@click.option("--fs", metavar="FS", help="File system to make.")
@click.option("--prefix", metavar="PREFIX", help="Kind of disk that guests see: vd, sd, hd.")
@click.option("--target", metavar="DEVICE", help="Device that guests see, such as vdb.")
@click.option(
    "--no-check-capacity",
    "--no_check_capacity",
    is_flag=True,
    help="Even when the datastore is full (administrators).",
)
@_SET
@click.option("--dry", is_flag=True, help="Print the template, and do nothing.")
def image_create(
    file: str | None, datastore: str, no_check_capacity: bool, dry: bool, **options: Any
) -> None:  # fmt: skip
    """Register an image."""
    client = None if dry else current().client()
    local = _to_be_sent(client, options["path"]) if client else None
    text = gather(file, image_text({**options, "path": None if local else options["path"]}))
    if client is None:
        click.echo(text, nl=False)
        return
    store = id_of(client, KINDS["datastore"], datastore)
    if local:
        from innkeeper.cli.transfers import send

        emit_new(send(client, local, text, store))
        return
    emit_new(
        client.api.images.create(
            template=text, datastore_id=store, no_check_capacity=no_check_capacity
        )["id"]
    )


def image_text(options: dict[str, Any]) -> str:
    """The template of an image that options describe."""
    values = {
        "NAME": options["name"], "DESCRIPTION": options["description"], "TYPE": options["type_"],
        "PERSISTENT": "YES" if options["persistent"] else None, "PATH": _path(options["path"]),
        "SOURCE": options["source"], "SIZE": options["size"], "FORMAT": options["format_"],
        "FS": options["fs"], "DEV_PREFIX": options["prefix"], "TARGET": options["target"],
    }  # fmt: skip
    return _lines(values) + template_text.assignments(options["settings"])


def _to_be_sent(client: Client, path: str | None) -> Path | None:
    """A file that is here and not where the front end is."""
    here = client.endpoint.host in ("127.0.0.1", "::1", "localhost")
    return None if path is None or here or not Path(path).is_file() else Path(path)


def _path(path: str | None) -> str | None:
    """A local path as an absolute one, since the front end stands in another folder."""
    return str(Path(path).absolute()) if path and "://" not in path else path


def _lines(values: dict[str, Any]) -> str:
    return "".join(
        template_text.single(name, value) for name, value in values.items() if value is not None
    )


@click.command(
    "create", cls=InnCommand,
    help="Make a virtual network from a file, piped text, or options.",
    epilog=examples(
        "inn network create --name public --bridge br0 --ip 10.0.0.10 --size 50"
        " --gateway 10.0.0.1",
        "inn network create network.txt -c default",
    ),
)  # fmt: skip
@FILE
@NAME
@_CLUSTER
@click.option("--vn-mad", metavar="DRIVER", help="Network driver (bridge).")
@click.option("--bridge", metavar="BRIDGE", help="Bridge on the hosts.")
@click.option("--phydev", metavar="DEVICE", help="Network device on the hosts.")
@click.option("--ip", metavar="ADDRESS", help="First address.")
@click.option("--mac", metavar="ADDRESS", help="First hardware address.")
@click.option("-s", "--size", type=click.IntRange(min=1), help="How many addresses.")
@click.option("--gateway", metavar="ADDRESS", help="Gateway for the guests.")
@click.option("--dns", metavar="ADDRESS", help="Name server for the guests.")
@click.option("--netmask", metavar="MASK", help="Network mask.")
@click.option("--nat", is_flag=True, help="The host is the gateway, and masquerades what leaves.")
@_SET
def network_create(file: str | None, cluster: str | None, **options: Any) -> None:
    """Make a virtual network."""
    text = gather(file, _network_text(options))
    client = current().client()
    number = -1 if cluster is None else id_of(client, KINDS["cluster"], cluster)
    emit_new(client.api.networks.create(template=text, cluster_id=number)["id"])


def _network_text(options: dict[str, Any]) -> str:
    values = {
        "NAME": options["name"], "BRIDGE": options["bridge"], "PHYDEV": options["phydev"],
        "VN_MAD": options["vn_mad"] or ("bridge" if options["name"] else None),
        "GATEWAY": options["gateway"], "DNS": options["dns"],
        "NETWORK_MASK": options["netmask"], "NAT": "YES" if options["nat"] else None,
    }  # fmt: skip
    text = _lines(values) + template_text.assignments(options["settings"])
    if options["size"] or options["ip"] or options["mac"]:
        text += template_text.vector("AR", address_range(options))
    return text


def address_range(options: dict[str, Any]) -> dict[str, str]:
    """The attributes of an address range for --ip, --ip6, --mac and --size."""
    ip = options["ip"]
    kind = "ETHER" if not ip else "IP4"
    return {
        "TYPE": kind,
        "IP": ip or "",
        "MAC": options["mac"] or "",
        "SIZE": str(options["size"] or 1),
    }


_DATASTORE_TYPES = ("image", "system", "file", "backup")


@click.command(
    "create", cls=InnCommand,
    help="Make a datastore from a file, piped text, or options.",
    epilog=examples("inn datastore create --name fast --type image --ds-mad fs --tm-mad local"),
)  # fmt: skip
@FILE
@NAME
@_CLUSTER
@click.option(
    "--type",
    "type_",
    type=click.Choice(_DATASTORE_TYPES, case_sensitive=False),
    help="What it is for (image).",
)
@click.option("--ds-mad", metavar="DRIVER", help="Driver that stores images (fs).")
@click.option("--tm-mad", metavar="DRIVER", help="Driver that brings disks to hosts (local).")
@_SET
def datastore_create(file: str | None, cluster: str | None, **options: Any) -> None:
    """Make a datastore."""
    text = gather(file, _datastore_text(options))
    client = current().client()
    number = -1 if cluster is None else id_of(client, KINDS["cluster"], cluster)
    emit_new(client.api.datastores.create(template=text, cluster_id=number)["id"])


def _datastore_text(options: dict[str, Any]) -> str:
    settings = template_text.assignments(options["settings"])
    if not options["name"]:
        return settings
    kind = options["type_"] or "image"
    values = {
        "NAME": options["name"],
        "TYPE": f"{kind.upper()}_DS",
        "DS_MAD": options["ds_mad"] or (None if kind == "system" else "fs"),
        "TM_MAD": options["tm_mad"] or (None if kind == "backup" else "local"),
    }
    return _lines(values) + settings


# ---- hosts, groups, clusters --------------------------------------------------------------------


@click.command(
    "create", cls=InnCommand,
    help="Add a host. NAME is what the front end connects to; localhost is this machine.",
    epilog=examples("inn host create localhost", "inn host create node1 -c production"),
)  # fmt: skip
@click.argument("name")
@click.option("-i", "--im", "im_mad", default="kvm", help="Monitoring driver (kvm).")
@click.option("-v", "--vm", "vm_mad", default="kvm", help="Hypervisor driver (kvm).")
@_CLUSTER
def host_create(name: str, im_mad: str, vm_mad: str, cluster: str | None) -> None:
    """Add a host."""
    client = current().client()
    number = -1 if cluster is None else id_of(client, KINDS["cluster"], cluster)
    made = client.api.hosts.create(name=name, im_mad=im_mad, vm_mad=vm_mad, cluster_id=number)
    emit_new(made["id"])


@click.command(
    "create",
    cls=InnCommand,
    help="Add a group of users, who may make VMs, images, templates and the like.",
    epilog=examples("inn group create students"),
)
@click.argument("name")
@click.option(
    "-r", "--resources", metavar="KIND+KIND", default=rules.MADE_BY_GROUPS,
    help=f"What its members may make ({rules.MADE_BY_GROUPS}); - for nothing.",
)  # fmt: skip
@click.option(
    "-u", "--admin", metavar="NAME", help="Make a user of this name who administrates it."
)
def group_create(name: str, resources: str, admin: str | None) -> None:
    """Add a group. What its members may make is a rule of its own."""
    password = None if admin is None else ask_password(admin)
    client = current().client()
    wanted = resources != "-" and rules.encoded(f"@0 {resources}/* CREATE *")
    number = client.api.groups.create(name=name)["id"]
    if wanted:
        add_rule(client, f"@{number} {resources}/* CREATE *")
    if admin is not None and password is not None:
        user = client.api.users.create(name=admin, password=password, groups=[number])["id"]
        client.api.groups.add_admin(number, user_id=user)
    emit_new(number)


@click.command("create", cls=InnCommand, help="Make a cluster.")
@click.argument("name")
def cluster_create(name: str) -> None:
    """Make a cluster."""
    emit_new(current().client().api.clusters.create(name=name)["id"])
