"""MONITORING elements, and the histories of samples (spec: xml-documents.md sections 1.4 and 2)."""

from collections.abc import Iterable

from innkeeper.api.xmlrpc.monitoring import Figures, Sample
from innkeeper.model.template import number

_GROUPS = (
    ("CAPACITY", ("FREE_CPU", "FREE_MEMORY", "USED_CPU", "USED_MEMORY")),
    ("SYSTEM", ("NETRX", "NETTX")),
)
_SHORT = ("CPU", "MEMORY", "STATE")


def _shown(value: int | float) -> str:
    return str(value) if isinstance(value, int) else number(value)


def _figures(names: Iterable[str], figures: Figures) -> str:
    return "".join([f"<{name}><![CDATA[{_shown(figures[name])}]]></{name}>" for name in names])


def of_vm(vm_id: int, sample: Sample | None) -> str:
    """What stands inside the MONITORING of a VM, sorted by name."""
    if sample is None:
        return ""
    when, figures = sample
    named = {**figures, "ID": vm_id, "TIMESTAMP": when}
    return _figures(sorted(named), named)


def of_vm_in_short(sample: Sample | None) -> str:
    """What `vmpool.info` shows of it."""
    if sample is None:
        return ""
    return _figures((name for name in _SHORT if name in sample[1]), sample[1])


def last_poll(sample: Sample | None) -> bytes:
    """LAST_POLL of a VM: when it was sampled (epoch seconds, 0: never)."""
    return b"0" if sample is None else b"%d" % sample[0]


def of_host(host_id: int, sample: Sample | None) -> str:
    """What stands inside the MONITORING of a host: its figures in two groups."""
    if sample is None:
        return ""
    when, figures = sample
    top = f"<TIMESTAMP>{when}</TIMESTAMP><ID>{host_id}</ID>"
    return top + "".join([f"<{tag}>{_group(figures, stems)}</{tag}>" for tag, stems in _GROUPS])


def _group(figures: Figures, stems: tuple[str, ...]) -> str:
    """The figures of a group with what is derived from them (`FREE_CPU_FORECAST`, `NETRX_BW`, ...)."""
    return _figures((name for name in sorted(figures) if name.startswith(stems)), figures)


def element(inside: str) -> str:
    """One MONITORING of a history."""
    return f"<MONITORING>{inside}</MONITORING>"
