"""What holds for every method: parameters, sessions, unknown objects, the shape of answers."""

import asyncio
import re
from typing import Any

import pytest

from innkeeper.api.xmlrpc.methods import Needed, Param
from innkeeper.api.xmlrpc.nouns import METHODS, TABLES
from innkeeper.api.xmlrpc.wire import CallError
from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import ALICE, Cloud
from tests.api.xmlrpc.examples import ANSWERS_NEW, ANSWERS_TEXT, EXAMPLES
from tests.api.xmlrpc.refusals import FORBIDDEN, REFUSED, params_of

NAMES = sorted(METHODS)
SERVED = sorted(EXAMPLES)
WITH_PARAMS = [name for name in NAMES if METHODS[name].params]
#: Values of each type that XML-RPC has; every parameter must refuse all but its own.
VALUES: dict[type, Any] = {
    int: 1, bool: True, str: "1", float: 1.0, list: [1], dict: {"a": 1}, bytes: b"1", type(None): None,
}  # fmt: skip
NOWHERE = 4242


def objects_of(param: Param) -> bool:
    """Is the parameter the number of an object that must be there?"""
    return param.kind is int and param.name in ("id", "host", "vnet", "datastore")


def kind_of(name: str) -> str:
    """Which kind of object a method makes."""
    made = {"one.template.instantiate": "vm", "one.vntemplate.instantiate": "network"}
    if name in made:
        return made[name]
    noun = name.split(".")[1]
    return "network" if noun == "vn" else noun


def test_every_method_has_an_example() -> None:
    assert sorted([*EXAMPLES, *REFUSED]) == NAMES
    assert sum(len(table) for table in TABLES) == len(NAMES), "a name is in two tables"


@pytest.mark.parametrize("name", SERVED)
def test_the_example_succeeds(cloud: Cloud, name: str) -> None:
    params = EXAMPLES[name](cloud)
    before = dict(cloud.world.counters)
    value = cloud.do(name, *params)
    if name in ANSWERS_TEXT:
        assert isinstance(value, str)
        assert value
    else:
        assert type(value) is int
    if name in ANSWERS_NEW:
        assert value == before.get(kind_of(name), 0)
    elif name not in ANSWERS_TEXT:
        assert value in params


@pytest.mark.parametrize("name", SERVED)
def test_trailing_parameters_are_ignored(cloud: Cloud, name: str) -> None:
    params = EXAMPLES[name](cloud)
    defaults = [param.default for param in METHODS[name].params[len(params) :]]
    cloud.do(name, *params, *defaults, -1, "", False, [1, {}])


@pytest.mark.parametrize("name", WITH_PARAMS)
def test_needed_parameters_are_needed(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    needed = sum(isinstance(param.default, Needed) for param in METHODS[name].params)
    for count in range(needed):
        assert cloud.fault(name, *params[:count]) == -501
    if name in EXAMPLES:
        cloud.do(name, *params[:needed])


@pytest.mark.parametrize("name", WITH_PARAMS)
def test_no_parameter_takes_another_type(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    params += [param.default for param in METHODS[name].params[len(params) :]]
    for place, param in enumerate(METHODS[name].params):
        for kind, value in VALUES.items():
            if kind is not param.kind:
                wrong = [*params[:place], value, *params[place + 1 :]]
                assert cloud.fault(name, *wrong) == -501, (param.name, kind)


@pytest.mark.parametrize("name", WITH_PARAMS)
def test_integers_have_32_bits(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    params += [param.default for param in METHODS[name].params[len(params) :]]
    for place, param in enumerate(METHODS[name].params):
        if param.kind is int and param.bits == 32:
            for value in (2**31, -(2**31) - 1, 2**63 - 1):
                wrong = [*params[:place], value, *params[place + 1 :]]
                assert cloud.fault(name, *wrong) == -501


def test_arrays_hold_integers(cloud: Cloud) -> None:
    for groups in (["1"], [True], [[1]], [None], [1, "x"]):
        assert cloud.fault("one.user.allocate", "carol", "secret", "core", groups) == -501


@pytest.mark.parametrize("name", NAMES)
def test_without_a_right_session_nothing_is_done(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    for session in ("oneadmin:wrong", "nobody:secret", "oneadmin", "", ":", "serveradmin:"):
        text = cloud.refused(Code.AUTHENTICATION, name, *params, session=session)
        assert text == f"[{name}] User couldn't be authenticated, aborting call."


@pytest.mark.parametrize("name", NAMES)
def test_the_session_is_a_text(cloud: Cloud, name: str) -> None:
    for value in VALUES.values():
        if not isinstance(value, str):
            with pytest.raises(CallError, match="session must be string"):
                cloud.document(name, session=value)


@pytest.mark.parametrize(
    "name", [name for name in WITH_PARAMS if any(map(objects_of, METHODS[name].params))]
)
def test_objects_must_be_there(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    for place, param in enumerate(METHODS[name].params[: len(params)]):
        if objects_of(param):
            for number in (NOWHERE, 2**31 - 1):
                wrong = [*params[:place], number, *params[place + 1 :]]
                text = cloud.refused(Code.NO_EXISTS, name, *wrong)
                assert re.fullmatch(rf"\[{name}\] Error getting [A-Za-z ]+ \[{number}\]\.", text)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_users_may_not_touch_what_is_not_theirs(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    text = cloud.refused(Code.AUTHORIZATION, name, *params, session=ALICE)
    assert text.startswith(f"[{name}] User [2] ")


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.endswith(".info") and "pool" not in name]
)
def test_documents_can_be_asked_for_decrypted(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    more = (False, True) if ".template." in name else (True,)
    assert cloud.do(name, *params, *more) == cloud.do(name, *params)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_never_done_is_refused_with_its_reason(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    assert len(cloud.refused(REFUSED[name][0], name, *params)) > len(name) + 20


def test_a_disabled_zone_is_looked_at_only(cloud: Cloud) -> None:
    cloud.do("one.zone.enable", 0, False)
    assert "zone disabled" in cloud.refused(Code.INTERNAL, "one.vm.allocate", "CPU=1\nMEMORY=1")
    cloud.do("one.vmpool.info", -2, -1, -1, -1)
    assert cloud.xml("one.zone.info", 0).findtext("STATE") == "1"
    cloud.do("one.zone.enable", 0, True)
    cloud.do("one.vm.allocate", "CPU=1\nMEMORY=1")


def test_the_shape_of_answers(cloud: Cloud) -> None:
    assert cloud.answer("one.vm.allocate", "CPU=1\nMEMORY=1") == [True, 0, 0]
    assert cloud.answer("one.vm.info", 3) == [
        False, "[one.vm.info] Error getting virtual machine [3].", 0x0400, 3, -1,
    ]  # fmt: skip


def test_unknown_methods(cloud: Cloud) -> None:
    for name in ("one.vm.fly", "vm.info", "", "one.", "system.shutdown", "__init__"):
        assert cloud.fault(name) == -506


def test_a_call_without_a_session(cloud: Cloud) -> None:
    with pytest.raises(CallError, match="session is missing") as caught:
        asyncio.run(cloud.rpc("one.vm.info", []))
    assert caught.value.code == -501
