"""Tenants together: whose namespace a name is, and what the loader refuses between them."""

from typing import Any

import pytest

from tests.core.tenancy.table import platform, tenant
from webhook.core.tenancy.registry import Registry, conflicts

OWNERS = {"owners": [{"kind": "Group", "name": "leads"}]}


def registry(**specs: dict[str, Any]) -> Registry:
    return Registry.of(tenant(name, {**OWNERS, **spec}) for name, spec in specs.items())


def namespaces(**spec: Any) -> dict[str, Any]:
    return {"namespaces": spec}


def owned_by(kind: str, name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"owners": [{"kind": kind, "name": name, **place}], **more}


def problems(tenants: Registry, **spec: Any) -> list[tuple[str, str, str]]:
    found = conflicts(tenants, platform(spec))
    return [(name, str(mistake.path), mistake.message) for name, mistake in found]


@pytest.mark.parametrize(
    ("tenants", "name", "path", "words"),
    [
        pytest.param(
            registry(a=namespaces(prefix="x-"), b=namespaces(prefix="x-")),
            *("b", "spec.namespaces.prefix", ['is "x-", which tenant a has']),
            id="one prefix twice",
        ),
        pytest.param(
            registry(
                a=namespaces(prefix="x-", prefixOverlap="accept"),
                b=namespaces(prefix="x-", prefixOverlap="accept"),
            ),
            *("b", "spec.namespaces.prefix", ['is "x-", which tenant a has']),
            id="one prefix twice, accepted",
        ),
        pytest.param(
            registry(a=namespaces(prefix="acme-"), b=namespaces(prefix="acme-prod-")),
            *(
                "b",
                "spec.namespaces.prefix",
                ['inside prefix "acme-" of tenant a', "prefixOverlap"],
            ),
            id="a prefix inside another",
        ),
        pytest.param(
            registry(
                a=namespaces(prefix="acme-", prefixOverlap="accept"),
                b=namespaces(prefix="acme-prod-"),
            ),
            *("b", "spec.namespaces.prefix", ['inside prefix "acme-" of tenant a']),
            id="accepted by the shorter alone",
        ),
        pytest.param(
            registry(a=namespaces(names=["shop"]), b=namespaces(names=["shop"])),
            *("b", "spec.namespaces.names", ['"shop" is listed by tenant a too']),
            id="one name twice",
        ),
        pytest.param(
            registry(a=namespaces(names=["monitoring"])),
            *("a", "spec.namespaces.names", ['"monitoring" is a namespace of the platform']),
            id="a platform namespace",
        ),
        pytest.param(
            registry(a=namespaces(names=["tenantgate-system"])),
            *("a", "spec.namespaces.names", ['"tenantgate-system" is a namespace of the platform']),
            id="tenantgate's own namespace",
        ),
        pytest.param(
            registry(a={"allow": {"peers": ["a", "nobody"]}}),
            *("a", "spec.allow.peers[1]", ['is "nobody"; allowed: the name of a Tenant']),
            id="a peer that there is not",
        ),
        pytest.param(
            registry(a=namespaces(prefix="a-"), b=owned_by("ServiceAccount", "ci", "a-ci")),
            *(
                "b",
                "spec.owners[0]",
                ['"a-ci/ci"', "tenant a", "allowForeignServiceAccounts: true"],
            ),
            id="an owner from another tenant's prefix",
        ),
        pytest.param(
            registry(a=namespaces(names=["shop"]), b=owned_by("ServiceAccount", "ci", "shop")),
            *("b", "spec.owners[0]", ['"shop/ci"', "tenant a"]),
            id="an owner from a namespace that another tenant lists",
        ),
        pytest.param(
            registry(a=namespaces(prefix="a-"), b=owned_by("Group", "system:serviceaccounts:a-ci")),
            *("b", "spec.owners[0]", ['group "system:serviceaccounts:a-ci"', "tenant a"]),
            id="all service accounts of another tenant's namespace",
        ),
        pytest.param(
            registry(a=namespaces(selector={"matchLabels": {"team": "x"}})),
            *("a", "spec.namespaces.selector", ['label "team", which tenant a may write itself']),
            id="a selector by what the tenant writes",
        ),
        pytest.param(
            registry(
                a=namespaces(selector={"matchLabels": {"team": "x"}}, labels={"allow": []}),
                b=namespaces(labels={"allow": ["tea*"]}),
            ),
            *("a", "spec.namespaces.selector", ['label "team", which tenant b may write itself']),
            id="a selector by what another tenant writes",
        ),
    ],
)
def test_the_loader_refuses(tenants: Registry, name: str, path: str, words: list[str]) -> None:
    found = problems(tenants)

    assert [(where, at) for where, at, _ in found] == [(name, path)]
    assert [word for word in words if word not in found[0][2]] == [], found[0][2]


@pytest.mark.parametrize(
    "tenants",
    [
        pytest.param(
            registry(a=namespaces(prefix="acme-"), b=namespaces(prefix="acmecorp-")),
            id="prefixes that only begin alike",
        ),
        pytest.param(
            registry(
                a=namespaces(prefix="acme-"),
                b=namespaces(prefix="acme-prod-", prefixOverlap="accept"),
            ),
            id="nesting prefixes, accepted by the longer",
        ),
        pytest.param(
            registry(
                a=namespaces(prefix="a-"),
                b=owned_by("ServiceAccount", "ci", "a-ci", allowForeignServiceAccounts=True),
            ),
            id="a foreign owner, accepted",
        ),
        pytest.param(
            registry(
                a=namespaces(prefix="a-"),
                b={"members": [{"kind": "ServiceAccount", "namespace": "a-ci", "name": "ci"}]},
            ),
            id="a foreign member",
        ),
        pytest.param(
            registry(a={**namespaces(prefix="a-"), **owned_by("ServiceAccount", "ci", "a-ci")}),
            id="an owner from the tenant's own namespaces",
        ),
        pytest.param(
            registry(a=owned_by("ServiceAccount", "ci", "sandbox")),
            id="an owner from a namespace of nobody",
        ),
        pytest.param(
            registry(a=namespaces(selector={"matchLabels": {"tenantgate.io/adopt": "a"}})),
            id="a selector by a protected key",
        ),
        pytest.param(
            registry(
                a=namespaces(selector={"matchLabels": {"team": "x"}}, labels={"deny": ["team"]})
            ),
            id="a selector by a denied key",
        ),
        pytest.param(registry(a={"allow": {"peers": ["b"]}}, b={}), id="a peer"),
    ],
)
def test_the_loader_accepts(tenants: Registry) -> None:
    assert problems(tenants) == []


def test_a_selector_may_read_a_key_that_the_platform_protects() -> None:
    tenants = registry(a=namespaces(selector={"matchLabels": {"platform.example.com/adopt": "a"}}))

    assert problems(tenants, labels={"protected": ["platform.example.com/*"]}) == []
    assert len(problems(tenants)) == 1


def test_no_service_account_of_the_platform_lives_in_a_tenants_namespace() -> None:
    tenants = registry(acme=namespaces(prefix="acme-", names=["shop"]))
    accounts = ["acme-ops/backup", "shop/backup", "sandbox/backup", "platform-system/*"]

    found = problems(tenants, admins={"serviceAccounts": accounts})

    assert [(name, path) for name, path, _ in found] == [("acme", "spec.namespaces")] * 2
    assert '"acme-ops/backup"' in found[0][2]
    assert "of tenant acme, who can mint tokens for it. Fix: move it" in found[0][2]
    assert '"shop/backup"' in found[1][2]


def test_every_conflict_is_told() -> None:
    tenants = registry(
        a=namespaces(prefix="x-", names=["default", "shop"]),
        b=namespaces(prefix="x-y-", names=["shop"]),
    )

    assert [(name, path.rpartition(".")[2]) for name, path, _ in problems(tenants)] == [
        ("b", "prefix"),
        ("a", "names"),
        ("b", "names"),
    ]


@pytest.mark.parametrize(
    ("namespace", "owner"),
    [
        ("acme-web", "acme"),
        ("acme-", "acme"),
        ("acme", ""),
        ("acmecorp", ""),
        ("my-acme-web", ""),
        ("acme-prod", "acme"),
        ("acme-prod-web", "prod"),
        ("acme-prod-legacy", "globex"),
        ("shop", "globex"),
        ("", ""),
    ],
)
def test_a_name_is_claimed_by_a_list_or_else_by_the_longest_prefix(
    namespace: str, owner: str
) -> None:
    tenants = registry(
        acme=namespaces(prefix="acme-"),
        prod=namespaces(prefix="acme-prod-", prefixOverlap="accept"),
        globex=namespaces(names=["shop", "acme-prod-legacy"]),
    )

    assert tenants.claimed_by(namespace) == owner


def test_a_tenant_that_no_file_describes_may_use_nothing_beyond_plain_workloads() -> None:
    gone = registry(acme={}).get("gone")

    assert (gone.name, gone.known) == ("gone", False)
    assert gone.owners == ()
    assert gone.allow.service_types == ("ClusterIP",)
    assert gone.allow.cluster_roles == ()
    assert gone.allow.hostnames == ()
    for classes in (
        gone.allow.ingress_classes,
        gone.allow.storage_classes,
        gone.allow.gateway_classes,
        gone.allow.priority_classes,
        gone.allow.runtime_classes,
    ):
        assert classes is not None
        assert not classes.permits("any")


def test_without_tenants_there_is_no_registry_to_ask() -> None:
    assert not Registry()
    assert registry(acme={})
