"""All kinds of record that a zone keeps, by name."""

from .objects import (
    Cluster,
    Datastore,
    Group,
    Host,
    Image,
    Network,
    Operation,
    Record,
    SecurityGroup,
    Setting,
    User,
    Vm,
    VmTemplate,
)

KINDS: dict[str, type[Record]] = {
    kind.KIND: kind
    for kind in (
        User, Group, Cluster, Host, Datastore, Image, Network, SecurityGroup, VmTemplate, Vm, Operation, Setting,
    )
}  # fmt: skip
