"""The libvirt binding, imported when first needed: images and the protocol work without it."""

from __future__ import annotations

import functools
from typing import Any

from ..errors import AgentError, FailedError, RefusedError


@functools.cache
def libvirt() -> Any:
    """The ``libvirt`` module; FailedError when the host lacks it."""
    try:
        import libvirt as module
    except ImportError as absent:
        raise FailedError("python3-libvirt is not installed on this host") from absent
    # Errors are raised as exceptions; the default handler would also print them.
    module.registerErrorHandler(lambda _context, _error: None, None)
    return module


def explained(problem: Exception) -> AgentError:
    """Our error for one of libvirt's: a description that can never work is refused."""
    module = libvirt()
    hopeless = {
        module.VIR_ERR_XML_ERROR,
        module.VIR_ERR_XML_DETAIL,
        module.VIR_ERR_CONFIG_UNSUPPORTED,
        module.VIR_ERR_INVALID_ARG,
        module.VIR_ERR_NO_SUPPORT,
        module.VIR_ERR_XML_INVALID_SCHEMA,
    }
    code = problem.get_error_code() if hasattr(problem, "get_error_code") else None
    kind = RefusedError if code in hopeless else FailedError
    return kind(f"libvirt: {problem}")
