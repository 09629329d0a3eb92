"""Role-based access control, decided as the API server decides it.

What a user may do is the union of what the roles of the user's own bindings allow: those that name
the user, one of the user's groups, or the user as a service account. A ClusterRoleBinding counts
everywhere, a RoleBinding in its namespace. Nothing takes a permission away.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Self

from webhook.core.model.objects import JsonObject
from webhook.core.model.request import EVERYTHING, Grants, User
from webhook.core.rbac.aggregation import aggregated
from webhook.core.rbac.documents import (
    KINDS,
    Binding,
    Kind,
    RbacError,
    RbacProblem,
    Role,
)
from webhook.core.rbac.index import RbacIndex
from webhook.core.rbac.reader import is_rbac, read_rbac

__all__ = [
    "KINDS",
    "Binding",
    "Kind",
    "Rbac",
    "RbacError",
    "RbacIndex",
    "RbacProblem",
    "Role",
    "is_rbac",
    "read_rbac",
]

_REMEMBERED = 8192


class Rbac:
    """Answers who may do what, from an index of RBAC objects.

    Members of a group in `superusers` may do everything, whatever the objects say; for the API
    server that is `system:masters`. Answers about SCCs are remembered until the index changes, up
    to a bounded number.
    """

    def __init__(
        self,
        index: RbacIndex,
        *,
        superusers: frozenset[str] = frozenset({"system:masters"}),
    ) -> None:
        self._index = index
        self._superusers = superusers
        self._remembered: tuple[int, dict[tuple[str, tuple[str, ...], str], Grants]] = (-1, {})

    @classmethod
    def from_objects(
        cls,
        objects: Iterable[JsonObject],
        *,
        aggregate: bool = True,
        namespace: str = "",
    ) -> Self:
        """Build from decoded documents; those of another API group are passed over.

        Args:
            objects: the documents. Of two with the same kind, namespace and name the last counts,
                as if they had been applied in this order.
            aggregate: fill aggregated ClusterRoles, as for files, which no controller has filled.
            namespace: the namespace of namespaced documents that name none.

        Raises:
            RbacError: documents that cannot be read, all of them; a problem's `index` is the
                document's place in `objects`.
        """
        records: dict[tuple[Kind, str, str], Role | Binding] = {}
        problems: list[RbacProblem] = []
        for place, obj in enumerate(objects):
            if not is_rbac(obj):
                continue
            try:
                record = read_rbac(obj, namespace=namespace)
            except RbacError as error:
                problems += [replace(problem, index=place) for problem in error.problems]
            else:
                records[record.kind, record.namespace, record.name] = record
        if problems:
            raise RbacError(tuple(problems))
        index = RbacIndex()
        for kind in KINDS:
            of_kind = [record for record in records.values() if record.kind == kind]
            if aggregate and kind == "ClusterRole":
                index.replace(kind, aggregated(r for r in of_kind if isinstance(r, Role)))
            else:
                index.replace(kind, of_kind)
        return cls(index)

    def grants(self, user: User, namespace: str) -> Grants:
        """Return the SCCs that the user may `use` in the namespace."""
        generation = self._index.generation
        known, remembered = self._remembered
        if known != generation:
            remembered = {}
            self._remembered = generation, remembered
        key = (user.name, user.groups, namespace)
        answer = remembered.get(key)
        if answer is None:
            answer = self._grants(user, namespace)
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            remembered[key] = answer
        return answer

    def allows(
        self,
        user: User,
        verb: str,
        group: str,
        resource: str,
        namespace: str,
        name: str = "",
        subresource: str = "",
    ) -> bool:
        """Tell whether the user may do `verb` on a resource, in a namespace or cluster-wide ("")."""
        return self._is_superuser(user) or any(
            rule.allows(verb, group, resource, name, subresource)
            for permissions in self._index.permissions(_subjects(user), namespace)
            for rule in permissions.rules
        )

    def allows_url(self, user: User, verb: str, path: str) -> bool:
        """Tell whether the user may do `verb` (lower case) on a path that is no resource."""
        return self._is_superuser(user) or any(
            rule.allows_url(verb, path)
            for permissions in self._index.permissions(_subjects(user), "")
            for rule in permissions.rules
        )

    def _grants(self, user: User, namespace: str) -> Grants:
        if self._is_superuser(user):
            return EVERYTHING
        names: Grants = frozenset()
        for permissions in self._index.permissions(_subjects(user), namespace):
            if permissions.sccs is EVERYTHING:
                return EVERYTHING
            if permissions.sccs:
                names |= permissions.sccs
        return names

    def _is_superuser(self, user: User) -> bool:
        return not self._superusers.isdisjoint(user.groups)


def _subjects(user: User) -> tuple[str, ...]:
    return (f"User:{user.name}", *(f"Group:{group}" for group in user.groups))
