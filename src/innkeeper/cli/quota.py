"""`inn user quota` and `inn group quota`."""

from __future__ import annotations

import click

from innkeeper.cli import template_text
from innkeeper.cli.create import gather
from innkeeper.cli.generic import for_each, objects_argument
from innkeeper.cli.lazy import InnCommand, command, examples
from innkeeper.cli.objects import KINDS, Kind

_LIMITS = ("vms", "cpu", "memory", "running_vms", "running_cpu", "running_memory",
           "system_disk_size")  # fmt: skip


def _quota_command(kind: Kind) -> InnCommand:
    def callback(objects: str, file: str | None, **limits: str | None) -> None:
        given = {name: value for name, value in limits.items() if value is not None}
        text = gather(file, template_text.vector("VM", given) if given else "")
        for_each(
            kind, objects, "quota set", lambda c, n: c.call(f"{kind.api}.quota", n, text)
        )  # fmt: skip

    params: list[click.Parameter] = [
        objects_argument(kind, many=False),
        click.Argument(["file"], required=False),
    ]
    params += [
        click.Option([f"--{name.replace('_', '-')}", name], metavar="N",
                     help=f"Limit of {name.upper()}; -1 is the default, -2 no limit.")
        for name in _LIMITS
    ]  # fmt: skip
    return command(
        "quota", callback, params, help="Set limits, from options or a quota template.",
        epilog=examples(f"inn {kind.name} quota NAME --vms 5 --memory 4096"),
    )  # fmt: skip


user_quota = _quota_command(KINDS["user"])
group_quota = _quota_command(KINDS["group"])
