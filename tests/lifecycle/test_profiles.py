"""Hosts are told what they are to be like, tell where they are not, and are put right."""

from typing import Any

import pytest

from innkeeper.commands import clusters, hosts, profiles
from innkeeper.lifecycle.messages import Sampled
from innkeeper.model.errors import Code, Refusal
from innkeeper.model.objects import Cluster, Host
from innkeeper.model.permissions import Caller
from tests.lifecycle.bench import ADMIN, Bench

DECLARED = {"sysctls": {"vm.swappiness": 1}}
WRONG = {"what": "sysctl vm.swappiness", "expected": "1", "found": "60", "mends": True}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def declare(
    bench: Bench, said: Any = DECLARED, kind: type[Host] | type[Cluster] = Host, number: int = 0
) -> None:
    bench.do(lambda tx: profiles.declare(tx, ADMIN, kind, number, said))


def says(bench: Bench, *drift: dict[str, Any]) -> None:
    bench.take(Sampled(0, (), list(drift)))


def whats(bench: Bench) -> list[str]:
    return [each.what for each in bench.host.drift]


def test_what_its_own_probes_tell_is_kept_and_placement_looks_again(bench: Bench) -> None:
    bench.up()
    bench.take(Sampled(0, (), None, {"RACK": "B7"}))
    first = bench.host
    assert first.told == {"RACK": "B7"}
    bench.take(Sampled(0, (), None, {"RACK": "B7"}))
    assert bench.host is first
    bench.take(Sampled(0, ()))
    assert bench.host.told == {}


def test_a_host_is_told_at_once_and_whenever_its_link_stands(bench: Bench) -> None:
    bench.up()
    assert bench.sent == []
    declare(bench)
    assert [(s.verb, s.args) for s in bench.sent] == [("profile.watch", {"profile": DECLARED})]
    bench.sent.clear()
    declare(bench)
    assert bench.sent == []
    bench.up()
    assert bench.verbs == ["profile.watch"]


def test_drift_is_shown_while_it_lasts_and_logged_once(bench: Bench) -> None:
    declare(bench)
    says(bench, WRONG)
    assert bench.logged() == ["drift"]
    says(bench, WRONG)
    assert (bench.logged(), whats(bench)) == ([], [WRONG["what"]])
    bench.take(Sampled(0, ()))  # a round that says nothing of it
    assert whats(bench) == [WRONG["what"]]
    says(bench)
    assert (bench.logged(), whats(bench)) == (["drift gone"], [])


def test_what_is_not_declared_any_more_is_no_drift(bench: Bench) -> None:
    declare(bench)
    says(bench, WRONG)
    declare(bench, None)
    assert (bench.sent[-1].args, whats(bench)) == ({"profile": {}}, [])
    says(bench, WRONG)  # it was on its way
    assert whats(bench) == []


def test_a_clusters_profile_is_its_hosts_and_goes_with_the_cluster(bench: Bench) -> None:
    number = bench.do(lambda tx: clusters.allocate(tx, ADMIN, "racks"))
    declare(bench, DECLARED, Cluster, number)
    assert bench.sent == []
    bench.do(lambda tx: hosts.move(tx, ADMIN, number, 0))
    assert bench.sent.pop().args == {"profile": DECLARED}
    declare(bench, {"sysctls": {"vm.swappiness": 5}})
    assert bench.sent.pop().args == {"profile": {"sysctls": {"vm.swappiness": 5}}}
    bench.do(lambda tx: hosts.move(tx, ADMIN, 0, 0))
    declare(bench, None)
    assert bench.sent.pop().args == {"profile": {}}


def test_a_host_is_repaired_and_says_what_is_left(bench: Bench) -> None:
    declare(bench)
    left = {**WRONG, "what": "command tc", "mends": False}
    says(bench, WRONG, left)
    bench.sent.clear()
    bench.do(lambda tx: profiles.start_repair(tx, ADMIN, 0))
    assert (bench.verbs, bench.sent[0].args) == (["profile.repair"], {"profile": DECLARED})
    for call, text in (
        (lambda tx: profiles.start_repair(tx, ADMIN, 0), "is being repaired already"),
        (lambda tx: hosts.delete(tx, ADMIN, 0), "is being repaired"),
    ):
        with pytest.raises(Refusal, match=text):
            bench.do(call)
    bench.answer(repaired=[WRONG], drift=[left])
    assert whats(bench) == ["command tc"]
    assert "repaired" in bench.logged()
    bench.do(lambda tx: hosts.delete(tx, ADMIN, 0))


def test_refusals(bench: Bench) -> None:
    with pytest.raises(Refusal, match="Nothing is declared for host 0"):
        bench.do(lambda tx: profiles.start_repair(tx, ADMIN, 0))
    with pytest.raises(Refusal, match="unknown field `nics`") as no:
        declare(bench, {"nics": []})
    assert no.value.code is Code.BAD_ARGUMENT
    declare(bench)
    somebody = Caller(7, 1, "ann", (1,))
    with pytest.raises(Refusal):
        bench.do(lambda tx: profiles.declare(tx, somebody, Host, 0, None))
    bench.down()
    with pytest.raises(Refusal, match="cannot be repaired: no route"):
        bench.do(lambda tx: profiles.start_repair(tx, ADMIN, 0))


def test_what_an_agent_says_may_be_anything(bench: Bench) -> None:
    declare(bench)
    bench.take(Sampled(0, (), ["words", {"what": 5}, {}]))
    assert whats(bench) == ["5", ""]
