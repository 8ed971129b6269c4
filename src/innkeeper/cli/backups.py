"""`inn image restore` and `inn image verify`: backups turned into images again, and gone through for damage."""

from __future__ import annotations

import click

from innkeeper.cli import render, template_text
from innkeeper.cli.errors import CliError
from innkeeper.cli.lazy import InnCommand, examples
from innkeeper.cli.names import ObjectType, id_of
from innkeeper.cli.objects import KINDS
from innkeeper.cli.session import current


@click.command(
    "restore", cls=InnCommand,
    help="Make images of a backup's disks, and a template with which a VM is started from them.",
    epilog=examples("inn image restore '7 28-Nov 08.00.00' --name again",
                    "inn image restore 12 --increment 3 --disk 0"),
)  # fmt: skip
@click.argument("image", type=ObjectType("image"), metavar="IMAGE")
@click.option("-d", "--datastore", type=ObjectType("datastore"), default="1", metavar="DATASTORE",
              help="Where to (1, the default image datastore).")  # fmt: skip
@click.option(
    "--name", metavar="NAME", help="What the template is called, and the images begin with."
)
@click.option("--increment", type=int, metavar="N", help="Which point of the chain (the last).")
@click.option("--disk", type=int, metavar="N", help="Only this disk, and no template.")
@click.option("--no-ip", is_flag=True, help="With other addresses.")
@click.option("--no-nic", is_flag=True, help="Without network interfaces.")
def restore(
    image: str, datastore: str, name: str | None, increment: int | None, disk: int | None, no_ip: bool, no_nic: bool
) -> None:  # fmt: skip
    """Restore a backup to new images."""
    values = {
        "NAME": name, "INCREMENT_ID": increment, "DISK_ID": disk, "NO_IP": "YES" if no_ip else None,
        "NO_NIC": "YES" if no_nic else None,
    }  # fmt: skip
    text = "".join(
        template_text.single(key, str(value)) for key, value in values.items() if value is not None
    )
    session = current()
    client = session.client()
    number, store = (
        id_of(client, KINDS["image"], image),
        id_of(client, KINDS["datastore"], datastore),
    )
    made = str(
        client.api.images.restore(number, datastore_id=store, options=text)["result"]
    ).split()
    if session.json:
        render.emit_json({"template": int(made[0]), "images": [int(each) for each in made[1:]]})
        return
    if made[0] != "-1":
        click.echo(f"TEMPLATE ID: {made[0]}")
    click.echo(f"IMAGE ID: {', '.join(made[1:])}")


@click.command(
    "verify", cls=InnCommand,
    help="Go through a backup: is every increment what it was when it was made? Fails when one is not.",
    epilog=examples("inn image verify 12"),
)  # fmt: skip
@click.argument("image", type=ObjectType("image"), metavar="IMAGE")
def verify(image: str) -> None:
    """Verify a backup."""
    session = current()
    client = session.client()
    number = id_of(client, KINDS["image"], image)
    found = client.api.pages.images_verify(number)
    if session.json:
        render.emit_json(found)
    elif found["ok"]:
        click.echo(f"{found['files']} files are what they were")
    if not found["ok"]:
        raise CliError("\n".join(each["why"] for each in found["damaged"]))
