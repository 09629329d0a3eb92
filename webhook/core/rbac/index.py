"""RBAC objects, found by whom they concern.

An index changes object by object, as a watch reports them, at a cost that does not depend on how
many there are. It may be read while another thread changes it: every change is the assignment of
a finished value, and a changed binding is added before the old one is taken away.
"""

from collections.abc import Iterable, Iterator
from itertools import count

from webhook.core.rbac.documents import Binding, Kind, Permissions, Role, RoleKey

_Found = dict[str, dict[str, tuple[Binding, ...]]]


class RbacIndex:
    """Roles by key, bindings by namespace and subject.

    `generation` differs before and after every change, so that what was concluded from an index
    can be kept until it changes. One thread at a time may change objects of one kind.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._generations = count(1)
        self._roles: dict[RoleKey, Permissions] = {}
        self._cluster_roles: dict[RoleKey, Permissions] = {}
        self._bindings: dict[Kind, _Bindings] = {
            "RoleBinding": _Bindings(),
            "ClusterRoleBinding": _Bindings(),
        }

    def put(self, record: Role | Binding) -> None:
        """Add an object, or replace the one of the same kind, namespace and name."""
        if isinstance(record, Binding):
            self._bindings[record.kind].put(record)
        elif record.kind == "Role":
            self._roles[record.key] = record.permissions
        else:
            self._cluster_roles[record.key] = record.permissions
        self._changed()

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Remove an object; one that is not there is no error."""
        key = (namespace, name)
        if kind == "Role":
            self._roles.pop(key, None)
        elif kind == "ClusterRole":
            self._cluster_roles.pop(key, None)
        else:
            self._bindings[kind].delete(key)
        self._changed()

    def replace(self, kind: Kind, records: Iterable[Role | Binding]) -> None:
        """Exchange all objects of a kind at once, as after a list; readers see old or new."""
        if kind == "Role" or kind == "ClusterRole":
            roles = {role.key: role.permissions for role in records if isinstance(role, Role)}
            if kind == "Role":
                self._roles = roles
            else:
                self._cluster_roles = roles
        else:
            self._bindings[kind] = _Bindings(
                binding for binding in records if isinstance(binding, Binding)
            )
        self._changed()

    def role(self, key: RoleKey) -> Permissions | None:
        """Return what a role gives, None when there is none; a ClusterRole's namespace is empty."""
        return (self._roles if key[0] else self._cluster_roles).get(key)

    def permissions(self, subjects: tuple[str, ...], namespace: str) -> Iterator[Permissions]:
        """Yield what each binding gives these subjects, cluster-wide and in the namespace.

        The same permissions may come more than once. A binding to a role that does not exist
        gives nothing. An empty namespace asks for cluster-wide bindings only.
        """
        cluster_roles, roles = self._cluster_roles, self._roles
        for binding in self._bindings["ClusterRoleBinding"].of(subjects, ""):
            if found := cluster_roles.get(binding.role):
                yield found
        if not namespace:
            return
        for binding in self._bindings["RoleBinding"].of(subjects, namespace):
            if found := (roles if binding.role[0] else cluster_roles).get(binding.role):
                yield found

    def _changed(self) -> None:
        self.generation = next(self._generations)


class _Bindings:
    """Bindings of one kind."""

    def __init__(self, bindings: Iterable[Binding] = ()) -> None:
        self._objects: dict[tuple[str, str], Binding] = {item.key: item for item in bindings}
        self._found: _Found = {}
        lists: dict[str, dict[str, list[Binding]]] = {}
        for binding in self._objects.values():
            for subject in binding.subjects:
                lists.setdefault(binding.namespace, {}).setdefault(subject, []).append(binding)
        for namespace, subjects in lists.items():
            self._found[namespace] = {key: tuple(found) for key, found in subjects.items()}

    def of(self, subjects: tuple[str, ...], namespace: str) -> Iterator[Binding]:
        if found := self._found.get(namespace):
            for subject in subjects:
                yield from found.get(subject, ())

    def put(self, binding: Binding) -> None:
        old = self._objects.get(binding.key)
        self._objects[binding.key] = binding
        found = self._found.setdefault(binding.namespace, {})
        for subject in binding.subjects:
            found[subject] = (*_without(old, found.get(subject, ())), binding)
        if old:
            self._forget(old, set(old.subjects) - set(binding.subjects))

    def delete(self, key: tuple[str, str]) -> None:
        if old := self._objects.pop(key, None):
            self._forget(old, set(old.subjects))

    def _forget(self, old: Binding, subjects: set[str]) -> None:
        found = self._found.get(old.namespace, {})
        for subject in subjects:
            if rest := _without(old, found.get(subject, ())):
                found[subject] = rest
            else:
                found.pop(subject, None)
        if not found:
            self._found.pop(old.namespace, None)


def _without(binding: Binding | None, bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    return tuple(other for other in bindings if other is not binding)
