"""Hook documents and the log of executions (spec: xml-documents.md sections 7 and 7.2)."""

import base64
import shlex
from collections.abc import Iterable

from innkeeper.api.xmlrpc.documents.cache import Form, Parts
from innkeeper.api.xmlrpc.documents.elements import cdata, lock, text
from innkeeper.api.xmlrpc.documents.view import View
from innkeeper.api.xmlrpc.wire import escape
from innkeeper.commands.hooks import runs_of
from innkeeper.model.hooks import invocation
from innkeeper.model.nouns import Hook, HookRun


def hook(record: Hook) -> tuple[str]:
    """All but the log, and the end."""
    return (
        f"<HOOK><ID>{record.id}</ID>{text('NAME', record.name)}{cdata('TYPE', record.type)}"
        f"{lock(record.lock)}{record.template.to_xml()}",
    )


HOOK = Form("hook", hook)
END = escape("</HOOK>")


def parts(view: View, record: Hook) -> Parts:
    """The document of a hook as pools show it."""
    return (*view.cache.parts(HOOK, record, ()), END)


def with_log(view: View, record: Hook) -> Parts:
    """The document of a hook with its executions."""
    return (*view.cache.parts(HOOK, record, ()), escape(log(view, [record])), END)


def log(view: View, hooks: Iterable[Hook], accept: tuple[int, int, int] = (-1, -1, 0)) -> str:
    """Executions of hooks, in their order: begun from and until a time (-1: any), failed (-1), well (1) or all (0)."""
    least, most, how = accept
    records = [
        _execution(of, run)
        for of in hooks
        for run in runs_of(view.world, of.id)
        if run.ended
        and run.time >= least
        and most in (-1, max(most, run.time))
        and how in (0, 1 if run.code == 0 else -1)
    ]
    return f"<HOOKLOG>{''.join(records)}</HOOKLOG>"


def _execution(of: Hook, run: HookRun) -> str:
    arguments, stdin = invocation(of, run.payload)
    given = stdin or shlex.join(arguments)
    command = shlex.join([of.template.get("COMMAND", ""), *arguments])
    host = f"<REMOTE_HOST>{run.host_id}</REMOTE_HOST>" if run.host_id >= 0 else ""
    retry = "<RETRY>YES</RETRY>" if run.retry else ""
    return (
        f"<HOOK_EXECUTION_RECORD><HOOK_ID>{of.id}</HOOK_ID><EXECUTION_ID>{run.id}</EXECUTION_ID>"
        f"<TIMESTAMP>{run.time}</TIMESTAMP>{cdata('ARGUMENTS', given)}<EXECUTION_RESULT>"
        f"{cdata('COMMAND', base64.b64encode(command.encode()).decode())}{cdata('STDOUT', run.stdout)}"
        f"{cdata('STDERR', run.stderr)}<CODE>{run.code}</CODE></EXECUTION_RESULT>{host}{retry}"
        "</HOOK_EXECUTION_RECORD>"
    )
