"""Rendered documents: kept while right, never shown when not, bounded."""

import msgspec

from innkeeper.api.xmlrpc.documents.cache import Cache, Form
from innkeeper.model.objects import Group
from innkeeper.model.world import World
from tests.api.xmlrpc.cloud import VM, Cloud, texts


class Counting:
    """A form that counts how often it renders."""

    def __init__(self) -> None:
        self.times = 0
        self.form = Form("counting", self.render)

    def render(self, group: Group, *uses: object) -> tuple[str, ...]:
        self.times += 1
        return f"<{group.name}>", "same", "same", repr(uses)


def put(world: World, group: Group) -> Group:
    world.replace("group", group.id, group)
    return group


def test_a_record_is_rendered_once() -> None:
    world, counting = World(), Counting()
    cache = Cache(world)
    group = put(world, Group(id=1, name="g"))
    first = cache.parts(counting.form, group, ("a", 1))
    assert first == (b"&lt;g>", b"same", b"same", b"('a', 1)")
    assert first[1] is first[2]
    assert cache.parts(counting.form, group, ("a", 1)) is first
    assert counting.times == 1


def test_another_record_or_other_uses_are_rendered_again() -> None:
    world, counting = World(), Counting()
    cache = Cache(world)
    group = put(world, Group(id=1, name="g"))
    cache.parts(counting.form, group, (1,))
    cache.parts(counting.form, group, (2,))
    equal = put(world, msgspec.structs.replace(group))
    cache.parts(counting.form, equal, (2,))
    assert counting.times == 3
    assert len(cache) == 1


def test_the_size_is_bounded_and_what_is_not_current_goes_first() -> None:
    world, counting = World(), Counting()
    groups = [put(world, Group(id=n, name="g" * 100)) for n in range(100)]
    cache = Cache(world, limit=20_000)
    gone = put(world, Group(id=999, name="x" * 8000))
    cache.parts(counting.form, groups[0], ())
    cache.parts(counting.form, gone, ())
    world.replace("group", 999, None)
    for group in groups[:20]:
        cache.parts(counting.form, group, ())
        assert cache.size <= 20_000
    before = counting.times
    cache.parts(counting.form, groups[0], ())
    assert counting.times == before, "a current record was dropped although an old one was there"
    for group in groups:
        cache.parts(counting.form, group, ())
        assert cache.size <= 20_000
    assert 0 < len(cache) < 100


def test_blocks_are_bounded() -> None:
    cache = Cache(World(), limit=1000)
    for size in (200, 250, 300):
        cache.keep_block(0, f"{size} bytes", 200)
    cache.keep_block(1, "another", 300)
    assert cache.blocks == {0: "300 bytes", 1: "another"}
    cache.keep_block(2, "too much", 10)
    assert cache.blocks == {2: "too much"}


def test_documents_follow_what_they_show(cloud: Cloud) -> None:
    """Each of these changes a document without changing its record."""
    number = cloud.add_running(f"{VM}\nDISK=[TYPE=fs,SIZE=5]")
    cloud.add_image()
    cloud.xml("one.host.info", 0), cloud.xml("one.image.info", 0), cloud.xml("one.vm.info", number)
    cloud.do("one.cluster.rename", 0, "renamed")
    cloud.add_vm(f"{VM}\nDISK=[IMAGE_ID=0]")
    cloud.do("one.vm.action", "terminate-hard", number)
    cloud.settle()
    host = cloud.xml("one.host.info", 0)
    assert (host.findtext("CLUSTER"), host.findtext("HOST_SHARE/RUNNING_VMS")) == ("renamed", "0")
    assert cloud.xml("one.image.info", 0).findtext("RUNNING_VMS") == "1"
    cloud.do("one.datastore.rename", 1, "store")
    assert cloud.xml("one.image.info", 0).findtext("DATASTORE") == "store"


def test_documents_of_deleted_owners_have_no_names(cloud: Cloud) -> None:
    number = cloud.add_vm(session="alice:secret")
    assert cloud.xml("one.vm.info", number).findtext("UNAME") == "alice"
    cloud.do("one.user.delete", 2)
    vm = cloud.xml("one.vm.info", number)
    assert (vm.findtext("UID"), vm.findtext("UNAME"), vm.findtext("GNAME")) == ("2", "", "users")


def test_finished_vms_are_not_kept(cloud: Cloud) -> None:
    numbers = [cloud.add_vm() for _ in range(3)]
    for number in numbers:
        cloud.do("one.vm.action", "terminate-hard", number)
    before = len(cloud.rpc.desk.view.cache)
    pool = cloud.xml("one.vmpool.infoextended", -2, -1, -1, 6)
    assert texts(pool, "VM/ID") == ["2", "1", "0"]
    assert len(cloud.rpc.desk.view.cache) == before
