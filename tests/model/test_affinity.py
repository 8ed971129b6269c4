"""The rules of VM groups: read, refused, united."""

import pytest

from innkeeper.model import affinity
from innkeeper.model.affinity import APART, TOGETHER
from innkeeper.model.errors import BadValue
from innkeeper.model.nouns import VmGroup
from innkeeper.model.template import Template


def group(text: str) -> VmGroup:
    template = Template.parse(text)
    roles = tuple(affinity.role(n, vector) for n, vector in enumerate(template.vectors("ROLE")))
    affinity.check(roles, template)
    return VmGroup(id=1, name="g", uid=0, gid=0, template=template, roles=roles)


ROLES = "ROLE=[NAME=a]\nROLE=[NAME=b,POLICY=ANTI_AFFINED]\nROLE=[NAME=c]\nROLE=[NAME=d]\n"


def test_a_role_comes_back_as_it_was_described() -> None:
    vector = {"NAME": "a", "POLICY": "AFFINED", "HOST_AFFINED": "1,2", "HOST_ANTI_AFFINED": "3"}
    assert affinity.described(affinity.role(0, vector)) == vector


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ROLE=[POLICY=AFFINED]", "NAME of a ROLE"),
        ("ROLE=[NAME=a,POLICY=CLOSE]", "POLICY of role a must be one of"),
        ("ROLE=[NAME=a,HOST_AFFINED=x]", "HOST_AFFINED of role a must be numbers"),
        ("ROLE=[NAME=a,HOST_AFFINED=-1]", "HOST_AFFINED of role a must be numbers"),
        ("ROLE=[NAME=a,HOST_AFFINED=1,HOST_ANTI_AFFINED=1]", "share hosts"),
        ("ROLE=[NAME=a]\nROLE=[NAME=a]", "same NAME"),
        (f"{ROLES}AFFINED=\"a,x\"", "AFFINED names roles that are not there: x"),
        (f"{ROLES}ANTI_AFFINED=x", "ANTI_AFFINED names roles that are not there: x"),
        (f"{ROLES}AFFINED=\"a,b\"", "whose own VMs are ANTI_AFFINED: b"),
        (f"{ROLES}AFFINED=\"a,c\"\nANTI_AFFINED=\"c,a\"", "both AFFINED and ANTI_AFFINED: a, c"),
        (f"{ROLES}AFFINED=\"a,c\"\nAFFINED=\"c,d\"\nANTI_AFFINED=\"a,d\"", "both AFFINED and ANTI_AFFINED"),
        ("\n".join(f"ROLE=[NAME=r{n}]" for n in range(33)), "at most 32 roles"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(text: str, problem: str) -> None:
    with pytest.raises(BadValue, match=problem):
        group(text)


def test_rules_that_overlap_are_one() -> None:
    made = group(f'{ROLES}AFFINED="a,c"\nAFFINED="c,d"')
    assert affinity.companions(made, "a", TOGETHER) == {"a", "c", "d"}
    assert affinity.companions(made, "b", TOGETHER) == frozenset()


def test_roles_are_kept_apart_from_others_and_by_policy_from_themselves() -> None:
    made = group(f'{ROLES}ANTI_AFFINED="b,c"')
    assert affinity.companions(made, "c", APART) == {"b"}
    assert affinity.companions(made, "b", APART) == {"b", "c"}
    assert affinity.companions(made, "a", APART) == frozenset()


def test_membership_is_told_by_the_template() -> None:
    assert affinity.membership(Template.parse("VMGROUP=[VMGROUP_ID=3,ROLE=a]")) == (3, "a")
    assert affinity.membership(Template.parse("VMGROUP=[ROLE=a]")) is None
    assert affinity.membership(Template()) is None
