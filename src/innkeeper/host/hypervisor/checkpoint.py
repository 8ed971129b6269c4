"""Saving a guest's memory to a file, and going on from there.

Theory of operation
-------------------
A checkpoint fits the disks only as long as the guest has not run since it was taken, so it must be
impossible for a guest to run while its checkpoint lies there to be restored again.

Saving: libvirt writes the file and ends the domain, whether or not the agent lives to see it. The
file begins with one magic number while it is being written and with another when it is whole; only
a whole one counts as a checkpoint.

Restoring: the domain is restored *paused*; then the checkpoint is removed for good; then the guest
goes on. ``restoring`` in the VM's state tells a repeated request that a paused domain lies there
because of us. Killed before the removal: nothing has run, the checkpoint still fits. Killed after
it: the domain holds the memory, and the repeated request lets it go on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..errors import FailedError, MissingError, RefusedError
from ..files import remove_durably
from ..folders import VmFolder
from .binding import libvirt
from .libvirt_qemu import Hypervisor, state_of

#: The first bytes of a libvirt save file that is whole: QEMU's (qemu_saveimage.h), and Xen's (libxl_conf.h), which
#: begins so from the first moment but has a checkpoint's name only when it is whole (`libvirt_xen.py`).
_WHOLE = (b"LibvirtQemudSave", b"libvirt-xml\n \0 \r")
_SAVE_TIME = 3600.0


def is_whole(checkpoint: Path) -> bool:
    """Whether a file is a checkpoint that can be restored."""
    try:
        with checkpoint.open("rb") as file:
            return file.read(16) in _WHOLE
    except OSError:
        return False


def save(hypervisor: Hypervisor, folder: VmFolder) -> None:
    """Writes the guest's memory to the checkpoint and ends its domain."""
    domain = hypervisor.find(folder.vm)
    if domain is None:
        if is_whole(folder.checkpoint):
            return
        raise RefusedError(f"VM {folder.vm} is not running here")
    module = libvirt()
    try:
        hypervisor.save_memory(domain, folder.checkpoint)
    except module.libvirtError as problem:
        # An earlier, interrupted request may still be at it in the daemon.
        busy = (module.VIR_ERR_OPERATION_TIMEOUT, module.VIR_ERR_OPERATION_INVALID)
        if problem.get_error_code() not in busy:
            raise
        if not _wait_saved(hypervisor, folder):
            raise
    if not is_whole(folder.checkpoint):
        raise FailedError(f"libvirt saved VM {folder.vm} but its checkpoint is not whole")


def _wait_saved(hypervisor: Hypervisor, folder: VmFolder) -> bool:
    deadline = time.monotonic() + _SAVE_TIME
    while (domain := hypervisor.find(folder.vm)) is not None:
        if time.monotonic() > deadline or not _is_saving(domain):
            return False
        time.sleep(0.2)
    return is_whole(folder.checkpoint)


def _is_saving(domain: Any) -> bool:
    module = libvirt()
    try:
        operation = domain.jobStats().get("operation")
    except module.libvirtError:
        return False
    return bool(operation == module.VIR_DOMAIN_JOB_OPERATION_SAVE)


def restore(hypervisor: Hypervisor, folder: VmFolder, generation: int) -> dict[str, Any]:
    """Lets the guest go on from its checkpoint, with this generation."""
    domain = hypervisor.find(folder.vm)
    if domain is not None and folder.state().restoring == generation:
        hypervisor.mark_again(folder, generation)
    if domain is None:
        domain = _restore_paused(hypervisor, folder, generation)
    elif hypervisor.generation_of(domain) != generation:
        running = hypervisor.generation_of(domain)
        raise RefusedError(f"VM {folder.vm} runs already, with generation {running}")
    else:
        domain = hypervisor.when_started(folder.vm)
    _go_on(folder, domain)
    return hypervisor.described(domain)


def _restore_paused(hypervisor: Hypervisor, folder: VmFolder, generation: int) -> Any:
    if not is_whole(folder.checkpoint):
        raise MissingError(str(folder.checkpoint), f"VM {folder.vm} has no checkpoint here")
    state = folder.state()
    state.restoring = generation
    folder.write(state)
    hypervisor.restore_memory(folder, generation)
    return hypervisor.when_started(folder.vm)


def _go_on(folder: VmFolder, domain: Any) -> None:
    state = folder.state()
    if state.restoring is None:
        return
    remove_durably(folder.checkpoint)
    if state_of(domain) == "paused":
        domain.resume()
    state.restoring = state.sending = None
    folder.write(state)
