"""An admission request and the facts that it is decided on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from webhook.core.model.objects import Json, Pod
from webhook.core.model.world import Namespace as Namespace
from webhook.core.model.world import NoWorld, World

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
Phase = Literal["mutate", "validate"]


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, as the API server authenticated them (`request.userInfo`)."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @classmethod
    def service_account(cls, namespace: str, name: str) -> "User":
        """Return the identity that SCC admission gives a pod's service account.

        Its groups are the two synthetic ones only; `system:authenticated` is not among them
        (OpenShift builds this identity from the pod, not from a token).
        """
        return cls(
            name=f"system:serviceaccount:{namespace}:{name}",
            groups=("system:serviceaccounts", f"system:serviceaccounts:{namespace}"),
        )


@dataclass(frozen=True)
class Request:
    """One admission request.

    `resource` and `kind` are the names only (`pods`, `Pod`); `group` and `version` are the
    resource's. `load` and `load_old` give the decoded object when a rule asks for it, once.
    """

    operation: Operation
    resource: str
    kind: str
    user: User
    group: str = ""
    version: str = "v1"
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    dry_run: bool = False
    phase: Phase = "mutate"
    load: Callable[[], Json] = field(default=lambda: None, repr=False, compare=False)
    load_old: Callable[[], Json] = field(default=lambda: None, repr=False, compare=False)

    @cached_property
    def object(self) -> Json:
        """The object as sent; None for DELETE and CONNECT (whose options are no object)."""
        return self.load()

    @cached_property
    def old_object(self) -> Json:
        """The stored object on UPDATE and DELETE; else None."""
        return self.load_old()


class Everything(frozenset[str]):
    """The grant of every name, those of the future included."""

    __slots__ = ()

    def __contains__(self, name: Any) -> bool:
        return True


EVERYTHING = Everything()
Grants = frozenset[str]
"""Names of the SCCs that an identity may `use` by RBAC; `EVERYTHING` for all of them."""


class Access(Protocol):
    """The answers of RBAC (or of the API server) to "who may use which SCC?"."""

    def grants(self, user: User, namespace: str) -> Grants:
        """Return the SCCs that the user may `use` in the namespace by authorization alone."""
        ...


class NoAccess:
    """Nobody was granted anything."""

    def grants(self, user: User, namespace: str) -> Grants:
        """Return no grant at all."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a decision needs from outside the request.

    `namespace` is None when it does not exist. `pod` is the stored pod of a CONNECT, None when
    there is none. `automount` is the service account's own `automountServiceAccountToken`.
    `world` answers what tenancy rules ask. `assumptions` say, one sentence each, what nobody could
    tell and was taken for granted.
    """

    namespace: Namespace | None = None
    access: Access = field(default_factory=NoAccess)
    pod: Pod | None = None
    automount: bool | None = None
    world: World = field(default_factory=NoWorld)
    assumptions: tuple[str, ...] = ()
