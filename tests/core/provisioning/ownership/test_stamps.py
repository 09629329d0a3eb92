"""Whose a namespace is: adoption by name and by selector, and what is said where that fails."""

from typing import Any

import pytest

from tests.core.tenancy.table import platform, tenant
from webhook.core.model.world import Namespace
from webhook.core.provisioning.ownership.stamps import Stamp, complaint, receiver, stamp_for
from webhook.core.tenancy.registry import Registry

OWNERS = {"owners": [{"kind": "Group", "name": "leads"}]}
ADOPT = "platform.example.com/adopt"


def registry(**namespaces: dict[str, Any]) -> Registry:
    return Registry.of(
        tenant(name, {**OWNERS, "namespaces": spec}) for name, spec in namespaces.items()
    )


def select(value: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": {ADOPT: value}}}


TENANTS = registry(
    acme={"names": ["legacy"], **select("a"), "quota": 2},
    globex={"names": ["shop"], **select("g")},
    twin={
        "selector": {"matchExpressions": [{"key": ADOPT, "operator": "In", "values": ["g", "t"]}]}
    },
    any={"selector": {"matchExpressions": [{"key": f"{ADOPT}-any", "operator": "Exists"}]}},
)


def namespace(name: str, adopt: str = "", stamp: str = "", **labels: str) -> Namespace:
    marks = {ADOPT: adopt, "tenantgate.io/tenant": stamp}
    return Namespace(name, {**{key: value for key, value in marks.items() if value}, **labels})


@pytest.mark.parametrize(
    ("found", "stamp"),
    [
        pytest.param(namespace("other"), Stamp(), id="claimed by nobody"),
        pytest.param(namespace("legacy"), Stamp("acme", "listed"), id="listed"),
        pytest.param(namespace("x", "a"), Stamp("acme", "selected"), id="selected by a value"),
        pytest.param(namespace("x", "t"), Stamp("twin", "selected"), id="selected by a set"),
        pytest.param(
            namespace("x", **{f"{ADOPT}-any": ""}), Stamp("any", "selected"), id="selected by a key"
        ),
        pytest.param(namespace("shop", "a"), Stamp("globex", "listed"), id="a name before a label"),
        pytest.param(namespace("shop", stamp="acme"), Stamp("acme", "stamped"), id="stamped stays"),
        pytest.param(namespace("x", "a", "gone"), Stamp("gone", "stamped"), id="so does an orphan"),
        pytest.param(
            Namespace("legacy", {"tenantgate.io/tenant": ""}),
            Stamp("acme", "listed"),
            id="an empty stamp is none",
        ),
        pytest.param(Namespace("legacy", terminating=True), Stamp(), id="ending"),
        pytest.param(namespace("kube-system", "a"), Stamp(), id="the platform's is nobody's"),
        pytest.param(namespace("tenantgate-system", "a"), Stamp(), id="so is tenantgate's own"),
    ],
)
def test_the_stamp_of_a_namespace(found: Namespace, stamp: Stamp) -> None:
    assert stamp_for(found, TENANTS, platform()) == stamp


@pytest.mark.parametrize(
    ("found", "tenant_name", "words"),
    [
        (namespace("x", "g"), "", ["selectors of tenants globex, twin", "namespaces.names"]),
        (namespace("openshift", "a"), "", ["tenant acme", "no SCC is enforced"]),
        (
            namespace("kube-system", stamp="acme"),
            "acme",
            ["of the platform", "stamp of tenant acme"],
        ),
    ],
)
def test_a_claim_that_cannot_be_met_is_told(found, tenant_name, words):
    stamp = stamp_for(found, TENANTS, platform())

    assert stamp.tenant == tenant_name
    assert all(word in stamp.problem for word in words)
    assert complaint(found, TENANTS, platform(), ()) == ("OwnershipUnclear", stamp.problem)


@pytest.mark.parametrize(
    ("found", "to"),
    [
        (namespace("shop", stamp="acme"), "globex"),
        (namespace("shop", stamp="gone"), "globex"),
        (namespace("shop", stamp="globex"), ""),
        (namespace("shop"), ""),
        (namespace("x", "g", "acme"), ""),
        (Namespace("shop", {"tenantgate.io/tenant": "acme"}, terminating=True), ""),
    ],
)
def test_a_stamped_namespace_goes_to_whose_file_names_it(found: Namespace, to: str) -> None:
    assert receiver(found, TENANTS) == to


def test_a_namespace_whose_tenant_is_gone_is_complained_of() -> None:
    reason, text = complaint(namespace("x", stamp="gone"), TENANTS, platform(), ["x"])

    assert reason == "TenantUnknown"
    assert "no file describes tenant gone" in text


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_of_too_many_namespaces_the_last_are_complained_of(name: str) -> None:
    reason, text = complaint(namespace(name, stamp="acme"), TENANTS, platform(), ["b", "c", "a"])

    assert reason == ("NamespaceQuotaExceeded" if name == "a" else "")
    assert not text or "3 namespaces and may have 2" in text


def test_adopted_namespaces_are_no_cause_for_complaint() -> None:
    assert complaint(namespace("legacy"), TENANTS, platform(), ()) == ("", "")
