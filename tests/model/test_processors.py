"""What hosts' processors have in common, and what a guest needs of them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.model import processors
from innkeeper.model.objects import History, Host, Vm
from innkeeper.model.processors import Kinds, Processor
from innkeeper.model.states import HostState, LcmState, VmAction, VmState
from innkeeper.model.template import Template
from innkeeper.model.world import World

SETS = {"486": ["fpu"], "Nehalem": ["fpu", "sse4.2"], "Westmere": ["fpu", "sse4.2", "aes"]}
NEW = ["fpu", "sse4.2", "aes", "avx", "avx2"]
OLD = ["fpu", "sse4.2", "avx"]


def host(
    number: int = 0, has: list[str] | None = None, without: str = "", accelerator: str = "kvm"
) -> Host:
    has = NEW if has is None else has
    sets = {name: features for name, features in SETS.items() if set(features) <= set(has)}
    facts = {"accelerator": accelerator, "arch": "x86_64", "features": has, "cpu_sets": sets}
    template = Template.parse(f'CPU_WITHOUT="{without}"')
    return Host(
        id=number, name=f"h{number}", im_mad="kvm", vm_mad="kvm", state=HostState.MONITORED,
        facts=facts, template=template,
    )  # fmt: skip


def vm(text: str = "", processor: str = "", state: VmState = VmState.ACTIVE) -> Vm:
    lcm = LcmState.RUNNING if state is VmState.ACTIVE else LcmState.LCM_INIT
    return Vm(
        id=3, name="v", uid=0, gid=0, template=Template.parse(text), processor=processor,
        state=state, lcm_state=lcm,
    )  # fmt: skip


def test_the_baseline_is_the_richest_model_of_all_and_what_else_all_have() -> None:
    assert processors.baseline([host(), host(1)]) == Processor(
        "Westmere", frozenset({"avx", "avx2"})
    )
    assert processors.baseline([host(), host(1, OLD)]) == Processor("Nehalem", frozenset({"avx"}))
    assert processors.baseline([host(), host(1, ["mmx"])]) is None
    assert processors.baseline([]) is None


def test_features_can_be_taken_away_by_hand() -> None:
    lesser = host(1, without="aes, avx2")
    assert processors.baseline([host(), lesser]) == Processor("Nehalem", frozenset({"avx"}))
    assert processors.lacking(lesser, frozenset({"avx2", "avx"})) == ["avx2"]


@given(st.lists(st.sets(st.sampled_from(NEW)).map(sorted), min_size=1, max_size=5))
def test_a_baseline_runs_on_each_host(machines: list[list[str]]) -> None:
    hosts = [host(number, has) for number, has in enumerate(machines)]
    found = processors.baseline(hosts)
    if found is None:
        assert any("fpu" not in has for has in machines)
        return
    needed = frozenset(SETS[found.model]) | found.extra
    assert all(
        processors.lacking(each, needed) == [] or not each.facts["features"] for each in hosts
    )
    assert all(needed <= processors.features(each) for each in hosts)


def instead(wanted: Processor, on: Host, hosts: list[Host]) -> Processor | None:
    """The CPU that takes the place of what is wanted, with nothing kept."""
    return processors.instead(wanted, on, hosts, Kinds())


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("", "Nehalem"),
        ("CPU_MODEL=[MODEL=host-passthrough]", "Nehalem"),
        ("CPU_MODEL=[MODEL=host-model]", "Nehalem"),
        ("CPU_MODEL=[MODEL=Westmere]", None),
    ],
)
def test_who_wants_a_cpu_like_the_hosts_gets_one_like_all_of_them(
    text: str, model: str | None
) -> None:
    wanted = processors.asked(Template.parse(text))
    found = instead(wanted, host(), [host(), host(1, OLD)])
    assert (found and found.model) == model


def test_where_all_hosts_are_alike_nothing_takes_its_place() -> None:
    like = Processor("host-passthrough", frozenset())
    assert instead(like, host(), [host(), host(1)]) is None
    assert instead(like, host(), [host()]) is None
    assert instead(like, host(), [host(), host(1, OLD, accelerator="tcg")]) is None
    emulated = host(accelerator="tcg")
    assert instead(Processor("", frozenset()), emulated, [emulated, host(1, OLD)]) is None


def test_what_is_asked_for_besides_is_kept() -> None:
    like = Processor("host-model", frozenset({"vmx"}))
    found = instead(like, host(), [host(), host(1, OLD)])
    assert found == Processor("Nehalem", frozenset({"avx", "vmx"}))


def test_what_hosts_have_in_common_is_kept_until_one_of_them_changes() -> None:
    world = World()
    for number in range(3):
        world.replace("host", number, host(number))
    one = world.hosts[0]

    def differ() -> bool:
        return world.processors.of(one, world.hosts)[0]

    assert not differ()
    world.replace("host", 1, msgspec.structs.replace(world.hosts[1], error="it has drifted"))
    assert world.processors.of(one, ())[1] is not None, "it was worked out anew, of no hosts"
    world.replace("host", 1, host(1, OLD))
    assert differ()
    world.replace("host", 1, msgspec.structs.replace(world.hosts[1], state=HostState.OFFLINE))
    assert not differ()
    world.replace("host", 2, host(2, OLD))
    assert differ()
    world.replace("host", 2, None)
    assert not differ()


@pytest.mark.parametrize(
    ("cpu", "has"),
    [
        (
            {"mode": "custom", "model": "Nehalem", "require": ["avx"], "disable": ["fpu"]},
            {"sse4.2", "avx"},
        ),
        ({"mode": "host-passthrough"}, set(NEW)),
        ({"mode": "maximum", "disable": ["avx2"]}, set(NEW) - {"avx2"}),
        ({"mode": "custom", "model": "unheard-of"}, set()),
        ({}, set()),
    ],
)
def test_what_an_agent_says_of_a_guests_cpu(cpu: dict[str, object], has: set[str]) -> None:
    assert processors.given(cpu, host()) == has


def test_only_a_guest_with_a_memory_is_bound_to_what_its_cpu_has() -> None:
    asks = 'CPU_MODEL=[MODEL=Nehalem,FEATURES="aes, avx"]'
    assert processors.demanded(vm(asks, "sse2", VmState.POWEROFF)) == {"aes", "avx"}
    for state in (VmState.ACTIVE, VmState.SUSPENDED):
        assert processors.demanded(vm("", "avx2,fpu", state)) == {"avx2", "fpu"}
    stopped = History(
        seq=0, host_id=1, hostname="h", cluster_id=0, vm_mad="kvm", tm_mad="", ds_id=0, etime=9,
        action=VmAction.STOP,
    )  # fmt: skip
    waiting = Vm(
        id=1, name="w", uid=0, gid=0, processor="avx2", history=(stopped,), state=VmState.PENDING
    )
    assert processors.demanded(waiting) == {"avx2"}
    assert processors.unfit(host(1, OLD), frozenset({"avx2"})) == "it lacks CPU features: avx2"
    unknown = Host(id=1, name="h", im_mad="kvm", vm_mad="kvm")
    assert processors.unfit(unknown, frozenset({"avx2"})) == ""
