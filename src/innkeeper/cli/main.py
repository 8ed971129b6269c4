"""The command `inn`: its commands, what each exit code means, and errors in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial

import click

from innkeeper.cli.errors import CliError, ExitCode
from innkeeper.cli.lazy import Entry, LazyGroup, from_module, session_options
from innkeeper.cli.session import Session


def _object_group(kind: str) -> click.Command:
    from innkeeper.cli.groups import object_group

    return object_group(kind)


def _objects(kind: str, summary: str) -> Entry:
    return Entry("Objects", summary, partial(_object_group, kind))


COMMANDS = {
    "up": Entry("Start and stop", "Start a cloud on this machine.", from_module("up", "up")),
    "down": Entry("Start and stop", "Stop it again.", from_module("up", "down")),
    "status": Entry("Start and stop", "Say what runs.", from_module("up", "status")),
    "prepare": Entry(
        "Start and stop",
        "Make the front end's user and folders.",
        from_module("prepare", "prepare"),
    ),
    "daemon": Entry(
        "Start and stop", "Run the front end in the foreground.", from_module("misc", "daemon")
    ),
    "vm": _objects("vm", "Virtual machines."),
    "template": _objects("template", "What VMs are made from."),
    "image": _objects("image", "Disk images."),
    "network": _objects("network", "Virtual networks and their addresses."),
    "vrouter": _objects("vrouter", "Routers between networks, made of VMs."),
    "secgroup": _objects("secgroup", "Rules for what may come to and from VMs."),
    "host": _objects("host", "The machines that run VMs."),
    "cluster": _objects("cluster", "Hosts, networks and datastores that belong together."),
    "datastore": _objects("datastore", "Where images and disks lie."),
    "vntemplate": _objects("vntemplate", "What virtual networks are made from."),
    "vmgroup": _objects("vmgroup", "VMs that belong on one host, or are kept apart."),
    "document": _objects("document", "What clients keep here for themselves."),
    "hook": _objects("hook", "Commands that are run when something happens."),
    "zone": _objects("zone", "This front end's realm."),
    "market": _objects("market", "Where apps are offered."),
    "marketapp": _objects("marketapp", "What marketplaces offer."),
    "backupjob": _objects("backupjob", "VMs that are backed up together."),
    "user": _objects("user", "Users."),
    "group": _objects("group", "Groups of users."),
    "vdc": _objects("vdc", "What groups may use."),
    "acl": _objects("acl", "Rules: who may do what."),
    "operation": Entry("Understand", "Work that is under way.", from_module("operations", "group")),
    "webhook": Entry(
        "Understand", "Addresses that are told what happens.", from_module("webhooks", "group")
    ),
    "why": Entry(
        "Understand", "Why a VM is where it is, or still waits.", from_module("why", "why")
    ),
    "accounting": Entry(
        "Understand",
        "Show which VMs were where, and when.",
        from_module("accounting", "accounting"),
    ),
    "showback": Entry("Understand", "Show what VMs cost.", from_module("accounting", "showback")),
    "doctor": Entry("Understand", "Look for anything wrong.", from_module("doctor", "doctor")),
    "events": Entry("Understand", "What happened, and happens.", from_module("events", "events")),
    "audit": Entry(
        "Understand",
        "Who asked for what, and whether the log is whole.",
        from_module("audit", "audit"),
    ),
    "config": Entry("Understand", "Show the front end's settings.", from_module("misc", "config")),
    "version": Entry("Understand", "Print the versions.", from_module("misc", "version")),
    "completion": Entry(
        "Understand", "Print shell code that completes commands.", from_module("misc", "completion")
    ),
}

ALIASES = {"vnet": "network", "net": "network", "ds": "datastore", "tmpl": "template"}

_EPILOG = """\b
Examples:
  inn up
  inn vm create --name web --cpu 1 --memory 512 --disk debian --nic public
  inn vm list
  inn why web

\b
Objects are given by number or name, several as 1,8..15,web.
Credentials: --user and --password, else the file (user:password) named in
  INN_AUTH or ONE_AUTH, else ~/.one/one_auth, else /var/lib/innkeeper/one_auth.
Front end: --endpoint, INN_ENDPOINT, ONE_XMLRPC, else ~/.one/one_endpoint,
  else the one that runs on this machine, else http://127.0.0.1:2633/RPC2.
INN_DATA names another data folder than /var/lib/innkeeper.

\b
Exit codes:
  0  done                     4  not allowed
  1  refused or failed        5  the front end cannot be reached
  2  wrong usage              6  timed out
  3  not found              130  interrupted (Ctrl-C)
"""


def _root(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def build() -> LazyGroup:
    """The root command."""
    return LazyGroup(
        "inn",
        COMMANDS,
        aliases=ALIASES,
        params=[*session_options(hidden=False)],
        callback=click.pass_context(_root),
        invoke_without_command=True,
        help="Innkeeper: virtual machines on your own hosts.",
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `inn`; returns the exit code. Never shows a traceback, unless INN_DEBUG is set."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except CliError as error:
        return _fail(str(error), error.code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.UsageError as error:
        return _fail(_usage(error), ExitCode.USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), ExitCode.FAILED)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return _quiet_pipe()
    except Exception as error:
        if os.environ.get("INN_DEBUG"):
            raise
        return _fail(
            f"internal error: {type(error).__name__}: {error} (INN_DEBUG=1 shows where)",
            ExitCode.FAILED,
        )


def _run(arguments: list[str]) -> int:
    """What click's own `main` does, but every way to end comes back to ours."""
    root = build()
    if "_INN_COMPLETE" in os.environ:
        root.main(arguments, prog_name="inn")  # completes, and exits
    try:
        with root.make_context("inn", arguments, obj=Session()) as context:
            root.invoke(context)
            sys.stdout.flush()  # here a reader that went away is still an ordinary error
    except click.exceptions.Exit as end:
        sys.stdout.flush()
        return end.exit_code
    return ExitCode.OK


# What click calls the types of options, and what people do.
_PLAINLY = {
    "a valid float range": "a number",
    "a valid float": "a number",
    "a valid integer range": "a whole number",
    "a valid integer": "a whole number",
}


def _usage(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    for jargon, plain in _PLAINLY.items():
        message = message.replace(jargon, plain)
    if error.ctx is None:
        return message
    return f"{message} (see {error.ctx.command_path} --help)"


def _fail(message: str, code: ExitCode) -> int:
    from innkeeper.cli.render import complain

    complain(message)
    return code


def _quiet_pipe() -> int:
    """The reader of our output went away, as `head` does: that is no error of ours."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - kept open until the process ends
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
