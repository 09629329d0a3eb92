"""What holds for every pod and every set of WorkloadDefaults."""

import copy
from fractions import Fraction
from typing import Any

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.mutation.test_tables import loaded
from tests.core.samples import POD, facts, request
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.quantity import quantity
from webhook.core.model.request import Namespace, NoAccess

RESOURCES = ("cpu", "memory", "ephemeral-storage")
AMOUNTS = ("0", "5m", "10m", "0.01", "1", "1000m", "64Mi", "1Gi", "1024Mi", "2e3")

amounts = st.dictionaries(st.sampled_from(RESOURCES), st.sampled_from(AMOUNTS), max_size=3)


def value(text: Any) -> Fraction:
    found = quantity(text)
    assert found is not None
    return found


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    """What an API server takes: no request above its limit, and none missing beside a limit."""
    limits, requests = draw(amounts), draw(amounts)
    for name, limit in limits.items():
        if name not in requests or value(requests[name]) > value(limit):
            requests[name] = limit
    return {"limits": limits, "requests": requests}


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    pod = copy.deepcopy(POD)
    for kind in ("containers", "initContainers"):
        number = draw(st.integers(1 if kind == "containers" else 0, 2))
        pod["spec"][kind] = [
            {
                "name": f"{kind[:4]}-{index}",
                "image": draw(st.sampled_from(["nginx", "registry.example.com/app:1"])),
                **({"resources": draw(resources())} if draw(st.booleans()) else {}),
                **({"volumeMounts": [MOUNT]} if draw(st.booleans()) else {}),
            }
            for index in range(number)
        ]
    extras: dict[str, Any] = {
        "resources": draw(resources()),
        "automountServiceAccountToken": draw(st.booleans()),
        "priority": 0,
        "priorityClassName": "high",
        "nodeSelector": {"pool": "own"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "volumes": [{"name": "kube-api-access-abcde", "projected": {"sources": [TOKEN]}}],
    }
    for key in draw(st.sets(st.sampled_from(sorted(extras)))):
        pod["spec"][key] = extras[key]
    return pod


TOKEN = {"serviceAccountToken": {"path": "token"}}
MOUNT = {"name": "kube-api-access-abcde", "mountPath": "/token"}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """A policy without contradictions: its requests are no higher than its limits."""
    limits, requests = draw(amounts), draw(amounts)
    for name in limits.keys() & requests.keys():
        requests[name] = min(requests[name], limits[name], key=value)
    containers: dict[str, Any] = {"default": limits, "defaultRequest": requests}
    if draw(st.booleans()):
        containers["imagePullPolicy"] = draw(st.sampled_from(["Always", "IfNotPresent"]))
    pod: dict[str, Any] = {
        "automountServiceAccountToken": draw(st.booleans()),
        "priorityClassName": draw(st.sampled_from(["standard", "low"])),
        "nodeSelector": {"pool": "shared", "disk": "ssd"},
        "labels": {"tier": draw(st.sampled_from(["a", "b"]))},
        "tolerations": [{"key": draw(st.sampled_from(["spot", "arm"])), "operator": "Exists"}],
    }
    chosen = draw(st.sets(st.sampled_from(sorted(pod))))
    match = draw(st.sampled_from([{}, {"containers": ["cont-*"]}, {"images": ["docker.io/*"]}]))
    return {
        "priority": draw(st.integers(-1, 1)),
        "match": match,
        "containers": containers,
        "pod": {key: pod[key] for key in chosen},
    }


sets = st.lists(specs(), min_size=1, max_size=3).map(
    lambda found: {f"p{index}": spec for index, spec in enumerate(found)}
)


def decided(pod: Any, policies: dict[str, Any]) -> Decision:
    return decide(request(pod), facts(NoAccess(), namespace=Namespace("shop")), loaded(policies))


@settings(max_examples=200, deadline=None)
@given(pod=pods(), policies=sets)
def test_filling_twice_is_filling_once(pod: Any, policies: dict[str, Any]) -> None:
    once = decided(pod, policies)
    twice = decided(once.object, policies)

    assert twice.patch == ()
    assert twice.object is once.object


@settings(max_examples=200, deadline=None)
@given(pod=pods(), policies=sets)
def test_the_patch_leads_to_the_object_and_the_argument_stays(
    pod: Any, policies: dict[str, Any]
) -> None:
    before = copy.deepcopy(pod)

    decision = decided(pod, policies)

    assert pod == before
    assert jsonpatch.apply_patch(before, list(decision.patch)) == decision.object


@settings(max_examples=300, deadline=None)
@given(pod=pods(), policies=sets)
def test_no_request_is_above_its_limit_and_what_is_set_stays(
    pod: Any, policies: dict[str, Any]
) -> None:
    filled = decided(pod, policies).object["spec"]

    for kind in ("containers", "initContainers"):
        for before, after in zip(pod["spec"][kind], filled[kind], strict=True):
            now = after.get("resources", {})
            for part, own in before.get("resources", {}).items():
                assert own.items() <= now[part].items()
            for name, request_ in now.get("requests", {}).items():
                if name in now.get("limits", {}):
                    assert value(request_) <= value(now["limits"][name])
    for key in ("priorityClassName", "automountServiceAccountToken"):
        assert key not in pod["spec"] or filled[key] == pod["spec"][key]


@settings(max_examples=100, deadline=None)
@given(pod=pods(), policies=sets)
def test_every_value_filled_in_is_told_with_its_policy(pod: Any, policies: dict[str, Any]) -> None:
    decision = decided(pod, policies)

    assert {item.policy for item in decision.filled} <= set(policies)
    assert bool(decision.patch) == bool(decision.filled)
    for item in decision.filled:
        found = decision.object
        for step in item.path:
            found = found[step]
        assert found == item.value
    assert ("defaults" in decision.audit) == bool(decision.filled)
