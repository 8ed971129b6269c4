"""MONITORING elements (spec: xml-documents.md sections 1.4 and 2), as bytes that are escaped already.

They are in every body of every pool and new with each round, so they are filled into patterns that are made once for
each set of names.
"""

from collections.abc import Iterable
from functools import lru_cache

from innkeeper.api.xmlrpc.documents.elements import cdata
from innkeeper.api.xmlrpc.wire import escape
from innkeeper.model.samples import Figures, Sample
from innkeeper.model.template import number

_CAPACITY = ("FREE_CPU", "FREE_MEMORY", "USED_CPU", "USED_MEMORY")
_SYSTEM = ("NETRX", "NETTX")
_SHORT = ("CPU", "MEMORY", "STATE")

_OPEN, _CLOSE = escape("<MONITORING>"), escape("</MONITORING>")


@lru_cache(maxsize=256)
def _pattern(names: tuple[str, ...]) -> bytes:
    return escape("".join([_place(name) for name in names]))


def _place(name: str) -> str:
    """An element with a place for its figure. `DISK_SIZE.0` is that of disk 0."""
    tag, _, number = name.partition(".")
    if number:
        return f"<{tag}><ID>{number}</ID><SIZE>%b</SIZE></{tag}>"
    return f"<{tag}><![CDATA[%b]]></{tag}>"


@lru_cache(maxsize=256)
def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _shown(value: int | float) -> bytes:
    return b"%d" % value if type(value) is int else number(value).encode()


def _filled(names: Iterable[str], figures: Figures) -> bytes:
    names = tuple(names)
    return _pattern(names) % tuple([_shown(figures[name]) for name in names])


def of_vm(vm_id: int, sample: Sample | None) -> bytes:
    """What stands inside the MONITORING of a VM, sorted by name."""
    if sample is None:
        return b""
    named = {**sample.values, "ID": vm_id, "TIMESTAMP": sample.ts}
    return _filled(_sorted(tuple(named)), named)


def of_vm_in_short(sample: Sample | None) -> str:
    """What `vmpool.info` shows of it; not escaped, since that body is kept whole."""
    figures = {} if sample is None else sample.values
    return "".join(
        [cdata(name, _shown(figures[name]).decode()) for name in _SHORT if name in figures]
    )


def last_poll(sample: Sample | None) -> bytes:
    """LAST_POLL of a VM: when it was sampled (epoch seconds, 0: never)."""
    return b"0" if sample is None else b"%d" % sample.ts


def of_host(host_id: int, sample: Sample | None) -> bytes:
    """What stands inside the MONITORING of a host: its figures in two groups."""
    if sample is None:
        return b""
    figures = sample.values
    top = escape(f"<TIMESTAMP>{sample.ts}</TIMESTAMP><ID>{host_id}</ID>")
    return top + _group("CAPACITY", _CAPACITY, figures) + _group("SYSTEM", _SYSTEM, figures)


def _group(tag: str, stems: tuple[str, ...], figures: Figures) -> bytes:
    """The figures of a group with what is derived from them (`FREE_CPU_FORECAST`, `NETRX_BW`, ...)."""
    names = (name for name in sorted(figures) if name.startswith(stems))
    return escape(f"<{tag}>") + _filled(names, figures) + escape(f"</{tag}>")


def element(inside: bytes) -> bytes:
    """One MONITORING of a history."""
    return _OPEN + inside + _CLOSE
