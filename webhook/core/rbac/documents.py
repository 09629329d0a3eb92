"""What is kept of RBAC objects, and what is said of one that cannot be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.request import Grants
from webhook.core.model.selector import Selector
from webhook.core.rbac.rules import Rule, usable

GROUP = "rbac.authorization.k8s.io"
API_VERSION = f"{GROUP}/v1"

Kind = Literal["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"]
KINDS: tuple[Kind, ...] = get_args(Kind)


RoleKey = tuple[str, str]
"""Namespace and name of a role; the namespace of a ClusterRole is empty."""


@dataclass(frozen=True, slots=True)
class RbacProblem:
    """One field that cannot be read: of which object, what it is, what it may be, how to mend it.

    `index` is the object's place among those that were read together.
    """

    object: str
    path: FieldPath
    observed: Any
    allowed: str
    fix: str
    index: int = 0

    def __str__(self) -> str:
        where = str(self.path) if self.path != ROOT else "the object"
        return (
            f"{self.object}: {where} is {shown(self.observed)}; "
            f"allowed: {self.allowed}. Fix: {self.fix}."
        )


class RbacError(ValueError):
    """RBAC objects that cannot be read; `problems` has them all."""

    def __init__(self, problems: tuple[RbacProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Permissions:
    """The rules of a role, and the SCCs that they allow to `use`."""

    rules: tuple[Rule, ...]
    sccs: Grants


@dataclass(frozen=True, slots=True)
class Role:
    """A Role or ClusterRole. `aggregates` is None unless it has an `aggregationRule`."""

    kind: Kind
    namespace: str
    name: str
    permissions: Permissions
    labels: Mapping[str, str]
    aggregates: tuple[Selector, ...] | None = None

    @property
    def key(self) -> RoleKey:
        """What a binding's `roleRef` resolves to."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding or ClusterRoleBinding. `subjects` are spelt as by `subject_keys`."""

    kind: Kind
    namespace: str
    name: str
    role: RoleKey
    subjects: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The binding's namespace, empty for a ClusterRoleBinding, and its name."""
        return self.namespace, self.name


@lru_cache(maxsize=8192)
def permissions(rules: tuple[Rule, ...]) -> Permissions:
    """Return rules as permissions; equal rules, as of roles from one template, share one value."""
    return Permissions(rules, usable(rules))
