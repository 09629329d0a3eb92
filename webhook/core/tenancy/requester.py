"""Who asks: the classes of requesters, told apart in a fixed order by `userInfo` alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from webhook.core.model.request import User
from webhook.core.platform import Platform
from webhook.core.tenancy.registry import Registry, Role

Class = Literal["anonymous", "platform", "system", "tenant", "other"]

_ACCOUNT = "system:serviceaccount:"
_CLUSTER_ADMINS = "system:masters"
_CONTROL_PLANE = frozenset(
    {"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"}
)


@dataclass(frozen=True, slots=True)
class Requester:
    """A classified requester. `tenants` maps each tenant it belongs to, to its strongest role.

    `account` is the namespace and name of the service account it is, if it is one.
    """

    kind: Class
    tenants: tuple[tuple[str, Role], ...] = ()
    account: tuple[str, str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The tenants it belongs to."""
        return tuple(name for name, _ in self.tenants)

    @property
    def owned(self) -> tuple[str, ...]:
        """The tenants it owns."""
        return tuple(name for name, role in self.tenants if role == "owner")


def service_account(user: User) -> tuple[str, str] | None:
    """Return namespace and name of the service account that a user is, or None.

    Both groups of a service account are needed: a client certificate can carry the name alone.
    """
    if not user.name.startswith(_ACCOUNT):
        return None
    namespace, colon, name = user.name[len(_ACCOUNT) :].partition(":")
    groups = user.groups
    if not (colon and namespace and name) or ":" in name:
        return None
    if "system:serviceaccounts" in groups and f"system:serviceaccounts:{namespace}" in groups:
        return namespace, name
    return None


def classify(
    user: User, platform: Platform, registry: Registry, tenant_of: Callable[[str], str]
) -> Requester:
    """Return the class of a requester; the first that fits.

    Args:
        user: as the API server authenticated it.
        platform: who is platform.
        registry: who belongs to which tenant.
        tenant_of: the tenant whose stamp a namespace carries, or "".
    """
    if not user.name or user.name == "system:anonymous" or "system:unauthenticated" in user.groups:
        return Requester("anonymous")
    account = service_account(user)
    if _is_platform(user, account, platform):
        return Requester("platform", account=account)
    if _is_system(user, account):
        return Requester("system", account=account)
    roles: dict[str, Role] = {}
    for name, role in registry.memberships(user, account):
        if role == "owner" or name not in roles:
            roles[name] = role
    if account is not None and (home := tenant_of(account[0])):
        roles.setdefault(home, "member")
    if roles:
        return Requester("tenant", tuple(sorted(roles.items())), account)
    return Requester("other", account=account)


def _is_platform(user: User, account: tuple[str, str] | None, platform: Platform) -> bool:
    admins = platform.admins
    if _CLUSTER_ADMINS in user.groups:  # also where the Platform lists other groups only
        return True
    if not admins.groups.isdisjoint(user.groups) or user.name in admins.users:
        return True
    return account is not None and (
        account[0] == platform.engine_namespace  # the controller, which provisions namespaces
        or f"{account[0]}/{account[1]}" in admins.service_accounts
        or f"{account[0]}/*" in admins.service_accounts
    )


def _is_system(user: User, account: tuple[str, str] | None) -> bool:
    if user.name in _CONTROL_PLANE:
        return True
    if user.name.startswith("system:node:") and "system:nodes" in user.groups:
        return True
    return account is not None and account[0] == "kube-system"
