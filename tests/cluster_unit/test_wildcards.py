"""The index of wildcard hosts finds what a search through all of them would find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.cluster.wildcards import Wildcards
from webhook.core.model.pattern import hosts_overlap
from webhook.core.model.world import HostUse, Ref


def ref(name: str) -> Ref:
    return Ref("networking.k8s.io", "ingresses", "ns", name)


def use(host: str, name: str = "web", path: str = "/") -> HostUse:
    return HostUse(host, path, ref(name))


def index(*uses: HostUse) -> Wildcards:
    made = Wildcards()
    for one in uses:
        made.put(one.ref, one.host, [one])
    return made


LABELS = st.lists(st.sampled_from(["a", "b", "com"]), min_size=1, max_size=4).map(".".join)
WILDCARDS = LABELS.map("*.{}".format)


@given(st.lists(WILDCARDS, max_size=6), WILDCARDS | LABELS)
def test_every_wildcard_that_can_answer_for_a_name_is_found_once(
    wildcards: list[str], name: str
) -> None:
    uses = [use(host, str(number)) for number, host in enumerate(wildcards)]

    found = list(index(*uses).of(name))

    expected = [one for one in uses if hosts_overlap(one.host, name)]
    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("name", ["a.example.com", "b.a.example.com", "*.example.com", "*.com"])
def test_what_is_dropped_is_found_no_longer(name: str) -> None:
    made = index(use("*.example.com"), use("*.example.com", "other"), use("*.a.example.com"))

    made.drop(ref("web"), "*.example.com")
    made.drop(ref("web"), "*.a.example.com")
    assert list(made.of(name)) == [use("*.example.com", "other")]
    made.drop(ref("other"), "*.example.com")
    made.drop(ref("other"), "*.example.com")
    assert list(made.of(name)) == []


def test_an_object_may_use_several_wildcards_and_one_for_several_paths() -> None:
    made = index(use("*.a.com"), use("*.b.com"))
    made.put(ref("web"), "*.a.com", [use("*.a.com", path="/x"), use("*.a.com", path="/y")])

    assert [one.path for one in made.of("*.a.com")] == ["/x", "/y"]
    assert [one.path for one in made.of("x.b.com")] == ["/"]
    assert sorted(one.path for one in made.of("*.com")) == ["/", "/x", "/y"]


def test_a_star_alone_answers_for_every_name() -> None:
    everything = index(use("*"))

    assert list(everything.of("a.com")) == list(everything.of("*.com")) == [use("*")]
    assert list(index(use("*.a.com")).of("*")) == [use("*.a.com")]
