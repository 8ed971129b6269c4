"""The VM while it is being put together."""

from dataclasses import dataclass, field

from innkeeper.model.errors import Code, Mistake, Refusal
from innkeeper.model.permissions import Caller
from innkeeper.model.template import Template, Vector
from innkeeper.model.world import Transaction, World

#: Attributes that move to the VM's TEMPLATE; all others stay in its USER_TEMPLATE (spec: templates.md section 4).
CORE = frozenset({
    "CPU", "MEMORY", "VCPU", "VCPU_MAX", "MEMORY_MAX", "MEMORY_SLOTS", "MEMORY_RESIZE_MODE", "CPU_COST", "MEMORY_COST",
    "DISK_COST", "TEMPLATE_ID", "EMULATOR", "SUBMIT_ON_HOLD", "CLONING_TEMPLATE_ID", "OS", "CPU_MODEL", "FEATURES",
    "TPM", "MEMORY_ENCRYPTION", "IOMMU", "HYPERV_OPTIONS", "SPICE_OPTIONS", "RAW", "DISK", "NIC", "NIC_ALIAS",
    "NIC_DEFAULT", "GRAPHICS", "VIDEO", "INPUT", "PCI", "TOPOLOGY", "NUMA_NODE", "VMGROUP", "CONTEXT",
    "TM_MAD_SYSTEM", "VROUTER_ID", "VROUTER_KEEPALIVED_ID", "VROUTER_KEEPALIVED_PASSWORD",
})  # fmt: skip


@dataclass
class Draft:
    """A VM before it is stored: its number, name and the two templates, and the clusters it can be in."""

    tx: Transaction
    caller: Caller
    number: int
    name: str
    template: Template
    user_template: Template
    waits: bool = False
    clusters: set[int] | None = None
    disks: list[Vector] = field(default_factory=list)
    nics: list[Vector] = field(default_factory=list)
    aliases: list[Vector] = field(default_factory=list)
    backup: Vector = field(default_factory=dict)

    @property
    def routed(self) -> bool:
        """Is it a virtual router's? Then its NICs tell of the router's addresses."""
        return "VROUTER_ID" in self.template

    @property
    def world(self) -> World:
        """The world that it will be part of."""
        return self.tx.world

    def restrict(self, clusters: tuple[int, ...], what: str) -> None:
        """Leaves only the clusters where `what` can be used too."""
        wanted = set(clusters)
        self.clusters = wanted if self.clusters is None else self.clusters & wanted
        if not self.clusters:
            raise problem(
                f"Incompatible cluster IDs: {what} shares no cluster with the rest of the VM."
            )


class Problem(Refusal):
    """The template does not make a VM; `plain` names the attribute."""

    def __init__(self, wrong: str | Mistake, mistake: Mistake | None) -> None:
        if isinstance(wrong, Mistake):
            mistake = wrong
            wrong = f"{wrong}."
        text = f"Error allocating a new virtual machine. {wrong}"
        super().__init__(Code.INTERNAL, text, mistake=mistake)
        self.plain = wrong


def problem(wrong: str | Mistake, mistake: Mistake | None = None) -> Refusal:
    """The template does not make a VM; the text names the attribute."""
    return Problem(wrong, mistake)
