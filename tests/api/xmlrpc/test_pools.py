"""Which objects pools list: filters, ranges, paging, order, states, rights."""

import asyncio
import xml.etree.ElementTree as ET
import xmlrpc.client

import pytest

from innkeeper.model.errors import Code
from tests.api.xmlrpc.cloud import ADMIN, ALICE, BOB, VM, Cloud, texts

#: Templates 0..9: whose each is. 4 and 9 are open to their group, 6 to everyone.
OWNERS = (ADMIN, ALICE, ALICE, BOB, BOB, ALICE, ADMIN, BOB, ALICE, ADMIN)


@pytest.fixture
def shelf(cloud: Cloud) -> Cloud:
    for number, who in enumerate(OWNERS):
        cloud.do("one.template.allocate", f"NAME=t{number}\n{VM.split(chr(10), 1)[1]}", session=who)
    for number, place in ((4, 3), (9, 3), (6, 6)):
        bits = [-1] * 9
        bits[place] = 1
        cloud.do("one.template.chmod", number, *bits)
    cloud.do("one.template.chown", 9, -1, 1)
    return cloud


def listed(cloud: Cloud, *params: int, session: str = ADMIN) -> list[int]:
    pool = cloud.xml("one.templatepool.info", *params, session=session)
    return [int(text) for text in texts(pool, "VMTEMPLATE/ID")]


@pytest.mark.parametrize(
    ("flag", "session", "expected"),
    [
        (-2, ADMIN, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (-3, ADMIN, [9, 6, 0]),
        (-1, ADMIN, [9, 6, 0]),
        (-4, ADMIN, [6, 0]),
        (2, ADMIN, [8, 5, 2, 1]),
        (77, ADMIN, []),
        (-2, ALICE, [9, 8, 6, 5, 4, 2, 1]),
        (-3, ALICE, [8, 5, 2, 1]),
        (-1, ALICE, [9, 8, 5, 4, 2, 1]),
        (-4, ALICE, [9, 8, 5, 4, 2, 1]),
        (3, ALICE, [4]),
        (0, ALICE, [9, 6]),
    ],
)
def test_filters(shelf: Cloud, flag: int, session: str, expected: list[int]) -> None:
    assert listed(shelf, flag, -1, -1, session=session) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (-1, -1, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (-1, 5, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (3, -1, [9, 8, 7, 6, 5, 4, 3]),
        (3, 5, [5, 4, 3]),
        (5, 3, []),
        (8, 100, [9, 8]),
        (0, -3, [9, 8, 7]),
        (3, -3, [6, 5, 4]),
        (9, -3, [0]),
        (10, -3, []),
        (-1, -2, [9, 8]),
        (2**31 - 1, -(2**31), []),
    ],
)
def test_ranges_and_pages(shelf: Cloud, start: int, end: int, expected: list[int]) -> None:
    assert listed(shelf, -2, start, end) == expected


def test_pages_count_what_the_caller_sees(shelf: Cloud) -> None:
    pages = [listed(shelf, -2, start, -3, session=ALICE) for start in (0, 3, 6, 9)]
    assert pages == [[9, 8, 6], [5, 4, 2], [1], []]


def test_the_filter_must_be_one(shelf: Cloud) -> None:
    shelf.refused(Code.BAD_ARGUMENT, "one.templatepool.info", -5, -1, -1)


def test_users_may_ask_for_ascending_order(shelf: Cloud) -> None:
    shelf.do("one.user.update", 2, "API_LIST_ORDER = asc", 1, session=ALICE)
    assert listed(shelf, -3, -1, -1, session=ALICE) == [1, 2, 5, 8]
    assert listed(shelf, -3, 0, -2, session=ALICE) == [1, 2]
    shelf.do("one.group.update", 0, "API_LIST_ORDER = ASC", 1)
    assert listed(shelf, -3, -1, -1) == [0, 6, 9]


def test_the_order_is_by_number_whatever_happened_before(shelf: Cloud) -> None:
    """A deletion that is rolled back puts a record at the end of its table."""
    tx_error = RuntimeError("rolled back")

    def broken(tx: object) -> None:
        tx.delete(shelf.world.templates[2])  # type: ignore[attr-defined]
        raise tx_error

    with pytest.raises(RuntimeError):
        shelf.core.transact(broken)
    assert listed(shelf, -2, -1, -1) == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_trailing_parameters_are_ignored(shelf: Cloud) -> None:
    assert listed(shelf, -2, 3, 5, -1) == [5, 4, 3]
    assert len(shelf.xml("one.imagepool.info", -2, 0, -200, -1, "")) == 0


# ---- VMs --------------------------------------------------------------------------------------


@pytest.fixture
def guests(cloud: Cloud) -> Cloud:
    """VMs 0 (pending), 1 (on hold), 2 (running), 3 (done), 4 (pending, alice's)."""
    cloud.add_vm()
    cloud.do("one.vm.allocate", VM, True)
    cloud.add_running()
    cloud.do("one.vm.action", "terminate", cloud.add_vm())
    cloud.add_vm(session=ALICE)
    return cloud


@pytest.mark.parametrize("method", ["info", "infoextended"])
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (-2, "4 3 2 1 0"),
        (-1, "4 2 1 0"),
        (1, "4 0"),
        (2, "1"),
        (3, "2"),
        (6, "3"),
        (8, ""),
        (11, ""),
    ],
)
def test_vms_by_state(guests: Cloud, method: str, state: int, expected: str) -> None:
    pool = guests.xml(f"one.vmpool.{method}", -2, -1, -1, state)
    assert texts(pool, "VM/ID") == expected.split()


@pytest.mark.parametrize("state", [-3, 12, 2**31 - 1])
def test_states_must_be_states(guests: Cloud, state: int) -> None:
    guests.refused(Code.BAD_ARGUMENT, "one.vmpool.info", -2, -1, -1, state)


def test_search_expressions_are_refused(guests: Cloud) -> None:
    text = guests.refused(Code.INTERNAL, "one.vmpool.info", -2, -1, -1, -1, "VM.NAME=x")
    assert "not supported" in text
    assert len(guests.xml("one.vmpool.info", -2, -1, -1, -1, "")) == 4


def test_vm_pages_skip_what_the_state_leaves_out(guests: Cloud) -> None:
    pages = [
        texts(guests.xml("one.vmpool.info", -2, start, -2, -1), "VM/ID") for start in (0, 2, 4)
    ]
    assert pages == [["4", "2"], ["1", "0"], []]


@pytest.mark.parametrize(
    ("ids", "session", "expected"),
    [
        ("", ADMIN, []),
        ("0,3,2", ADMIN, ["3", "2", "0"]),
        (" 4 ,4, 99 ,", ADMIN, ["4"]),
        ("0,1,2,3,4", ALICE, ["4"]),
        ("-1", ADMIN, []),
    ],
)
def test_sets_of_vms(guests: Cloud, ids: str, session: str, expected: list[str]) -> None:
    pool = guests.xml("one.vmpool.infoset", ids, False, session=session)
    assert texts(pool, "VM/ID") == expected


def test_an_empty_set_is_an_empty_pool(guests: Cloud) -> None:
    assert guests.do("one.vmpool.infoset", "", False) == "<VM_POOL></VM_POOL>"
    guests.refused(Code.BAD_ARGUMENT, "one.vmpool.infoset", "0,x", False)


def test_pools_without_parameters_list_what_the_caller_may_use(cloud: Cloud) -> None:
    assert texts(cloud.xml("one.userpool.info", session=ALICE), "USER/NAME") == ["alice"]
    assert texts(cloud.xml("one.grouppool.info", session=ALICE), "GROUP/NAME") == ["users"]
    assert texts(cloud.xml("one.userpool.info"), "USER/ID") == ["3", "2", "1", "0"]


def test_a_long_pool_comes_in_pieces_and_whole(cloud: Cloud) -> None:
    for _ in range(450):
        cloud.do("one.vm.allocate", VM)
    pool = cloud.xml("one.vmpool.infoextended", -2, -1, -1, -1)
    assert texts(pool, "VM/ID") == [str(number) for number in reversed(range(450))]


def test_a_long_pool_shows_the_objects_of_its_beginning(cloud: Cloud) -> None:
    """What changes while the pieces are sent does not change which objects are listed, nor break any."""
    for _ in range(450):
        cloud.do("one.vm.allocate", VM)

    async def reading() -> bytes:
        document = await cloud.rpc("one.vmpool.infoextended", [ADMIN, -2, -1, -1, -1])
        assert not isinstance(document, bytes)
        pieces = [await anext(document)]
        await cloud.rpc("one.vm.action", [ADMIN, "terminate-hard", 0])
        await cloud.rpc("one.vm.allocate", [ADMIN, VM, False])
        return b"".join(pieces + [piece async for piece in document])

    ((array,), _) = xmlrpc.client.loads(asyncio.run(reading()))
    assert isinstance(array, list)
    pool = ET.fromstring(array[1])
    assert len(texts(pool, "VM/ID")) == 450
