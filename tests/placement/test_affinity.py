"""VM groups in placement: what was asked for holds for every VM that a pass places, and is explained."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.model import affinity
from innkeeper.model.affinity import APART, TOGETHER
from innkeeper.model.errors import BadValue
from innkeeper.model.nouns import VmGroup
from innkeeper.model.template import Template
from innkeeper.placement.decide import explain, fits, place
from innkeeper.placement.filters import GROUP

from .worlds import host, resident, vm, world_of

NOW = 2000.0


def group(text: str) -> VmGroup:
    template = Template.parse(text)
    roles = tuple(affinity.role(n, vector) for n, vector in enumerate(template.vectors("ROLE")))
    affinity.check(roles, template)
    return VmGroup(id=7, name="site", uid=0, gid=0, template=template, roles=roles)


def of(role: str) -> str:
    return f"VMGROUP = [ VMGROUP_ID = 7, ROLE = {role} ]\n"


def chosen(*records: Any) -> dict[int, int | None]:
    return {decision.vm: decision.host for decision in place(world_of(*records), NOW)}


HOSTS = tuple(host(number) for number in range(3))


def test_vms_of_an_affined_role_are_on_one_host() -> None:
    made = group("ROLE=[NAME=a,POLICY=AFFINED]")
    assert len(set(chosen(*HOSTS, made, *(vm(n, text=of("a")) for n in range(4))).values())) == 1


def test_vms_of_an_anti_affined_role_each_have_a_host_of_their_own() -> None:
    made = group("ROLE=[NAME=a,POLICY=ANTI_AFFINED]")
    found = chosen(*HOSTS, made, *(vm(n, text=of("a")) for n in range(4)))
    assert sorted(str(place) for place in found.values()) == ["0", "1", "2", "None"]


def test_roles_that_belong_together_and_roles_that_do_not() -> None:
    roles = "ROLE=[NAME=a]\nROLE=[NAME=b]\n"
    vms = (resident(1, 2, text=of("a")), vm(2, text=of("b")))
    assert chosen(*HOSTS, group(f'{roles}AFFINED="a,b"'), *vms) == {2: 2}
    two = HOSTS[1:]
    assert chosen(*two, group(f'{roles}ANTI_AFFINED="a,b"'), *vms) == {2: 1}


def test_a_role_may_name_hosts_and_avoid_some() -> None:
    assert chosen(*HOSTS, group("ROLE=[NAME=a,HOST_AFFINED=2]"), vm(1, text=of("a"))) == {1: 2}
    made = group('ROLE=[NAME=a,HOST_ANTI_AFFINED="0,2"]')
    assert chosen(*HOSTS, made, vm(1, text=of("a"))) == {1: 1}


def test_a_vm_that_is_where_it_belongs_fits_there() -> None:
    world = world_of(*HOSTS, group("ROLE=[NAME=a,POLICY=ANTI_AFFINED]"),
                     resident(1, 0, text=of("a")), resident(2, 0, text=of("a")))  # fmt: skip
    (check,) = (c for c in fits(world, world.vms[1], world.hosts[0]) if c.name == GROUP.name)
    assert not check.ok and check.had == "has VM 2 of the group"
    assert all(c.ok for c in fits(world, world.vms[1], world.hosts[1]))


def test_why_a_vm_waits_for_its_group() -> None:
    made = group("ROLE=[NAME=a,POLICY=ANTI_AFFINED,HOST_AFFINED=1]")
    waiting = vm(5, text=of("a"))
    told = explain(world_of(*HOSTS, made, resident(1, 1, text=of("a")), waiting), waiting, NOW)
    assert told.summary.endswith("none of 3 hosts can take it: not where its VM group wants it (3)")
    by_host = {
        verdict.host: next(c for c in verdict.checks if c.name == GROUP.name)
        for verdict in told.hosts
    }
    assert by_host[1].needed == "for role a of group 7: host 1, a host without VM 1"
    assert (by_host[1].had, by_host[0].had) == (
        "has VM 1 of the group",
        "not one of the role's hosts",
    )
    assert told.advice == ("take VM 1 elsewhere",)


names = st.sampled_from("abc")
policies = st.sampled_from(affinity.POLICIES)
rules = st.lists(st.lists(names, min_size=2, max_size=3, unique=True).map(",".join), max_size=2)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(policies, policies, policies),
    rules,
    rules,
    st.lists(st.tuples(names, st.none() | st.integers(0, 3)), min_size=1, max_size=8),
)
def test_what_a_pass_decides_is_what_the_groups_ask_for(
    chosen_policies: tuple[str, ...],
    together: list[str],
    apart: list[str],
    members: list[tuple[str, int | None]],
) -> None:
    text = "".join(
        f"ROLE=[NAME={n},POLICY={p}]\n" for n, p in zip("abc", chosen_policies, strict=True)
    )
    text += "".join(f'AFFINED="{rule}"\n' for rule in together)
    text += "".join(f'ANTI_AFFINED="{rule}"\n' for rule in apart)
    try:
        made = group(text)
    except BadValue:
        return
    records = [
        vm(n, text=of(role)) if on is None else resident(n, on, text=of(role))
        for n, (role, on) in enumerate(members)
    ]
    world = world_of(*(host(n, cpu=20, memory=20) for n in range(4)), made, *records)
    where = {n: on for n, (_, on) in enumerate(members) if on is not None}
    for decision in place(world, NOW):
        if decision.host is None:
            continue
        role = members[decision.vm][0]
        others = [(members[n][0], on) for n, on in where.items()]
        near, far = (affinity.companions(made, role, kind) for kind in (TOGETHER, APART))
        assert all(on != decision.host for other, on in others if other in far)
        friends = {on for other, on in others if other in near}
        assert not friends or decision.host in friends
        where[decision.vm] = decision.host
