"""What RBAC gives owners of a tenant on their Namespace objects."""

from tests.core.tenancy.table import TENANTS, tenant
from webhook.core.model.request import User
from webhook.core.provisioning.ownership.access import binding, role
from webhook.core.rbac import Rbac
from webhook.core.tenancy.tenant import unknown

ACME = tenant("acme", TENANTS["acme"])


def may(rbac: Rbac, user: User, verb: str, name: str = "") -> bool:
    return rbac.allows(user, verb, "", "namespaces", "", name)


def test_owners_work_on_their_own_namespaces_and_create_more() -> None:
    rbac = Rbac.from_objects([role(ACME, ["b", "a"]), binding(ACME)])
    owner, account = User("olga", ("acme-leads",)), User.service_account("acme-ci", "deployer")

    for who in (owner, account):
        assert all(may(rbac, who, verb, "a") for verb in ("get", "update", "patch", "delete"))
        assert may(rbac, who, "create")
        assert not may(rbac, who, "get", "other")
        assert not may(rbac, who, "list")
    assert not may(rbac, User("alice", ("acme-devs",)), "get", "a")


def test_a_tenant_without_namespaces_is_granted_none() -> None:
    rbac = Rbac.from_objects([role(ACME, []), binding(ACME)])
    owner = User("olga", ("acme-leads",))

    assert may(rbac, owner, "create")
    assert not may(rbac, owner, "get", "a")


def test_the_owners_of_a_tenant_that_is_gone_only_see() -> None:
    rbac = Rbac.from_objects([role(unknown("acme"), ["a"]), binding(ACME)])
    owner = User("olga", ("acme-leads",))

    assert may(rbac, owner, "get", "a")
    assert not any(may(rbac, owner, verb, "a") for verb in ("update", "patch", "delete"))
    assert not may(rbac, owner, "create")


def test_the_objects_are_found_and_protected() -> None:
    for item in (role(ACME, ["a"]), binding(ACME)):
        assert item["metadata"] == {
            "name": "tenantgate:owner:acme",
            "labels": {
                "app.kubernetes.io/part-of": "tenantgate",
                "app.kubernetes.io/component": "owner-access",
                "tenantgate.io/managed": "true",
                "tenantgate.io/tenant": "acme",
            },
        }
