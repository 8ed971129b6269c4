"""OpenNebula's contract, method by method, seen with its own client: what is served, and how it is refused.

To serve another method is to take it out of `ABSENT`, and to give it rows: parameters that succeed (`EXAMPLES`), and
a state that refuses it, where there is one (`refusals.STATES`).
"""

import xmlrpc.client
from typing import Any

import pyone
import pytest
from pyone.server_xrpc import OneServerXRPC

from innkeeper.api.xmlrpc.methods import Needed
from innkeeper.api.xmlrpc.nouns import METHODS
from innkeeper.api.xmlrpc.wire import CallError, parse_call
from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import ADMIN, BOB, Cloud
from tests.api.xmlrpc.contract import CONTRACT
from tests.api.xmlrpc.examples import ANSWERS_TEXT, EXAMPLES
from tests.api.xmlrpc.refusals import FORBIDDEN, REFUSED, STATES, params_of
from tests.api.xmlrpc.test_methods import NOWHERE, objects_of

#: Methods of the contract that are not served yet.
ABSENT: frozenset[str] = frozenset()
#: The client's exception for each code.
EXCEPTIONS = {
    Code.AUTHENTICATION: pyone.OneAuthenticationException,
    Code.AUTHORIZATION: pyone.OneAuthorizationException,
    Code.NO_EXISTS: pyone.OneNoExistsException,
    Code.ACTION: pyone.OneActionException,
    Code.BAD_ARGUMENT: pyone.OneApiException,
    Code.INTERNAL: pyone.OneInternalException,
    Code.ALLOCATE: pyone.OneException,
}
LETTERS = {int: "i", bool: "b", str: "s", list: "a"}
WRONG: dict[str, Any] = {"i": "1", "l": "1", "b": 1, "s": 1, "a": 1}
#: Locks keep these from being done, for administrators too.
GUARDED = ("update", "rename", "chmod", "chown", "delete")


class Direct:
    """Carries the client's calls to the handler without a connection."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def request(self, _host: str, _handler: str, body: bytes, verbose: bool = False) -> Any:
        """One call."""
        name, params = parse_call(body)
        try:
            document = self.cloud._runner.run(self.cloud._document(name, params))
        except CallError as error:
            raise xmlrpc.client.Fault(error.code, error.text) from None
        return xmlrpc.client.loads(document)[0]


def client(cloud: Cloud, session: str = ADMIN) -> OneServerXRPC:
    """OpenNebula's client."""
    one = OneServerXRPC("http://nowhere/RPC2", session)
    one._ServerProxy__transport = Direct(cloud)
    return one


def ask(cloud: Cloud, name: str, params: list[Any], session: str = ADMIN) -> Any:
    """What the client makes of a call."""
    found: Any = client(cloud, session)
    for word in name.removeprefix("one.").split("."):
        found = getattr(found, word)
    return found(*params)


def refused(cloud: Cloud, code: Code, name: str, params: list[Any], session: str = ADMIN) -> None:
    """The call is refused in this way, and changes nothing."""
    before = cloud.state()
    with pytest.raises(pyone.OneException) as caught:
        ask(cloud, name, params, session)
    assert type(caught.value) is EXCEPTIONS[code], caught.value
    assert cloud.state() == before


SERVED = sorted(METHODS)


def test_every_method_of_the_contract_is_served_or_known_to_be_absent() -> None:
    assert set(CONTRACT) - set(METHODS) == ABSENT
    assert set(METHODS) <= set(CONTRACT)
    assert len(CONTRACT) == 307


@pytest.mark.parametrize("name", SERVED)
def test_parameters_have_the_order_and_types_of_the_contract(name: str) -> None:
    params, wanted = METHODS[name].params, CONTRACT[name]
    ours = "".join("l" if param.bits == 64 else LETTERS[param.kind] for param in params)
    needed = sum(isinstance(param.default, Needed) for param in params)
    assert ours.startswith(wanted.replace("?", ""))
    assert needed <= len(wanted.partition("?")[0])


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_success(cloud: Cloud, name: str) -> None:
    answer = ask(cloud, name, params_of(cloud, name))
    assert (type(answer) is int) == (name not in ANSWERS_TEXT)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_refusal_by_right(cloud: Cloud, name: str) -> None:
    refused(cloud, Code.AUTHORIZATION, name, params_of(cloud, name), BOB)


@pytest.mark.parametrize("name", [*STATES, *REFUSED])
def test_refusal_by_state(cloud: Cloud, name: str) -> None:
    if name in STATES:
        code, make = STATES[name]
        refused(cloud, code, name, make(cloud))
    else:
        refused(cloud, REFUSED[name][0], name, params_of(cloud, name))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.endswith(".lock")])
def test_refusal_by_a_lock(cloud: Cloud, name: str) -> None:
    prefix = name.removesuffix("lock")
    for verb in GUARDED:
        if f"{prefix}{verb}" in EXAMPLES:
            params = params_of(cloud, f"{prefix}{verb}")
            ask(cloud, name, [params[0], 1, False])
            refused(cloud, Code.AUTHORIZATION, f"{prefix}{verb}", params)
            return
    raise AssertionError(f"nothing is guarded by {name}")


@pytest.mark.parametrize("name", [name for name in SERVED if CONTRACT[name]])
def test_a_bad_argument(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    for place, letter in enumerate(CONTRACT[name].replace("?", "")[: len(params)]):
        wrong = [*params[:place], WRONG[letter], *params[place + 1 :]]
        with pytest.raises(pyone.OneException, match="must be"):
            ask(cloud, name, wrong)


@pytest.mark.parametrize(
    "name", [name for name in SERVED if any(map(objects_of, METHODS[name].params))]
)
def test_an_unknown_id(cloud: Cloud, name: str) -> None:
    params = params_of(cloud, name)
    place = next(n for n, param in enumerate(METHODS[name].params) if objects_of(param))
    if place < len(params):
        wrong = [*params[:place], NOWHERE, *params[place + 1 :]]
        refused(cloud, Code.NO_EXISTS, name, wrong)
