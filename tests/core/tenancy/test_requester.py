"""Who asks: the classes in their order, the first that fits."""

import pytest

from tests.core.tenancy.table import TENANTS, person, platform, tenant
from webhook.core.model.request import User
from webhook.core.tenancy.registry import Registry
from webhook.core.tenancy.requester import Requester, classify, service_account

STAMPS = {"acme-web": "acme", "acme-ci": "acme", "globex-app": "globex", "gone-app": "gone"}
PLATFORM = platform(
    {
        "admins": {
            "groups": ["platform-admins"],
            "users": ["pat", "system:serviceaccount:acme-web:pat"],
            "serviceAccounts": ["platform-system/*", "sandbox/argocd", "kube-system/cluster-admin"],
        }
    }
)
REGISTRY = Registry.of(
    [
        tenant("acme", {**TENANTS["acme"], "members": [{"kind": "User", "name": "mia"}]}),
        tenant(
            "globex",
            {
                "owners": [
                    {"kind": "Group", "name": "globex-leads"},
                    {"kind": "ServiceAccount", "namespace": "acme-ci", "name": "deployer"},
                    {"kind": "ServiceAccount", "namespace": "kube-system", "name": "gc"},
                ],
                "members": [
                    {"kind": "User", "name": "mia"},
                    {"kind": "Group", "name": "acme-leads"},
                ],
                "allowForeignServiceAccounts": True,
            },
        ),
        tenant("wide", {"owners": [{"kind": "Group", "name": "system:serviceaccounts:acme-ci"}]}),
    ]
)


def classified(user: User) -> Requester:
    return classify(user, PLATFORM, REGISTRY, lambda name: STAMPS.get(name, ""))


def account(namespace: str, name: str) -> User:
    return person(f"system:serviceaccount:{namespace}:{name}")


@pytest.mark.parametrize(
    ("user", "kind"),
    [
        (User("system:anonymous", ("system:unauthenticated",)), "anonymous"),
        (User("system:anonymous", ("system:masters",)), "anonymous"),
        (User("", ()), "anonymous"),
        (User("", ("system:masters",)), "anonymous"),
        (User("pat", ("system:unauthenticated",)), "anonymous"),
        (User("root", ("system:masters",)), "platform"),
        (User("root", ("system:Masters", "Platform-Admins")), "other"),
        (User("ann", ("platform-admins",)), "platform"),
        (User("ann", ("platform-admins", "acme-leads")), "platform"),
        (User("pat"), "platform"),
        (User("Pat"), "other"),
        (account("platform-system", "anything"), "platform"),
        (account("sandbox", "argocd"), "platform"),
        (account("sandbox", "argocd2"), "other"),
        (account("kube-system", "cluster-admin"), "platform"),
        (account("acme-web", "pat"), "platform"),
        (User("system:serviceaccount:platform-system:x", ("system:authenticated",)), "other"),
        (User("system:apiserver", ("system:masters",)), "platform"),
        (User("system:apiserver"), "system"),
        (User("system:kube-controller-manager", ("system:authenticated",)), "system"),
        (User("system:kube-scheduler"), "system"),
        (User("system:kube-scheduler2"), "other"),
        (User("system:node:w-1", ("system:nodes",)), "system"),
        (User("system:node:w-1", ("system:authenticated",)), "other"),
        (User("w-1", ("system:nodes",)), "other"),
        (account("kube-system", "replicaset-controller"), "system"),
        (account("kube-system", "gc"), "system"),
        (User("system:serviceaccount:kube-system:gc", ("acme-leads",)), "tenant"),
        (User("olga", ("acme-leads",)), "tenant"),
        (User("olga", ("Acme-Leads",)), "other"),
        (User("olga", ("acme-lead",)), "other"),
        (account("acme-web", "web"), "tenant"),
        (account("gone-app", "web"), "tenant"),
        (account("sandbox", "operator"), "other"),
        (User("carol", ("system:authenticated",)), "other"),
        (User("carol", ()), "other"),
    ],
    ids=str,
)
def test_the_first_class_that_fits(user: User, kind: str) -> None:
    assert classified(user).kind == kind


@pytest.mark.parametrize(
    ("user", "tenants"),
    [
        (User("mia"), (("acme", "member"), ("globex", "member"))),
        (User("olga", ("acme-leads",)), (("acme", "owner"), ("globex", "member"))),
        (User("mia", ("acme-leads",)), (("acme", "owner"), ("globex", "member"))),
        (User("gina", ("globex-leads", "acme-leads")), (("acme", "owner"), ("globex", "owner"))),
        (account("acme-web", "web"), (("acme", "member"),)),
        (account("acme-ci", "other"), (("acme", "member"), ("wide", "owner"))),
        (
            account("acme-ci", "deployer"),
            (("acme", "owner"), ("globex", "owner"), ("wide", "owner")),
        ),
        (account("gone-app", "web"), (("gone", "member"),)),
        (account("sandbox", "mia"), ()),
    ],
    ids=str,
)
def test_a_tenants_requester_has_its_strongest_role_in_each_tenant(
    user: User, tenants: tuple[tuple[str, str], ...]
) -> None:
    found = classified(user)

    assert found.tenants == tenants
    assert found.names == tuple(name for name, _ in tenants)
    assert found.owned == tuple(name for name, role in tenants if role == "owner")


@pytest.mark.parametrize(
    ("name", "groups", "found"),
    [
        ("system:serviceaccount:a:b", ("system:serviceaccounts", "system:serviceaccounts:a"), True),
        ("system:serviceaccount:a:b", ("system:serviceaccounts",), False),
        ("system:serviceaccount:a:b", ("system:serviceaccounts:a",), False),
        (
            "system:serviceaccount:a:b",
            ("system:serviceaccounts", "system:serviceaccounts:c"),
            False,
        ),
        (
            "system:serviceaccount:a:b:c",
            ("system:serviceaccounts", "system:serviceaccounts:a"),
            False,
        ),
        ("system:serviceaccount:a:", ("system:serviceaccounts", "system:serviceaccounts:a"), False),
        ("system:serviceaccount::b", ("system:serviceaccounts", "system:serviceaccounts:"), False),
        ("system:serviceaccount:a", ("system:serviceaccounts", "system:serviceaccounts:a"), False),
        (
            "oidc:system:serviceaccount:a:b",
            ("system:serviceaccounts", "system:serviceaccounts:a"),
            False,
        ),
    ],
)
def test_a_service_account_has_the_name_and_both_groups(
    name: str, groups: tuple[str, ...], found: bool
) -> None:
    assert service_account(User(name, groups)) == (("a", "b") if found else None)
