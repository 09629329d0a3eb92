"""RBAC objects as JSON in; records, or every problem with its field, out.

Objects are checked as the API server checks them, and unknown fields are refused: a misspelt
`resourceNames` would otherwise turn the grant of one name into the grant of all.
"""

import re
from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, Literal

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import UNSET
from webhook.core.model.metadata import is_subdomain
from webhook.core.model.objects import JsonObject
from webhook.core.model.selector import Selector, SelectorError, read_selector
from webhook.core.rbac.documents import (
    API_VERSION,
    GROUP,
    KINDS,
    Binding,
    Kind,
    RbacError,
    RbacProblem,
    Role,
    RoleKey,
    permissions,
)
from webhook.core.rbac.rules import Rule

_NO_SEGMENT = re.compile(r"\.\.?\Z|.*[/%]", re.DOTALL)


def is_rbac(obj: JsonObject) -> bool:
    """Tell whether an object belongs to the RBAC API group, in whatever version."""
    version = obj.get("apiVersion")
    return isinstance(version, str) and version.partition("/")[0] == GROUP


def read_rbac(obj: JsonObject, kind: Kind | None = None, namespace: str = "") -> Role | Binding:
    """Read one RBAC object.

    Args:
        obj: the object as decoded JSON.
        kind: its kind where the object does not say it, as an item of a list does not.
        namespace: the namespace of a namespaced object that names none.

    Raises:
        RbacError: it cannot be read.
    """
    reader = _Reader(obj)
    found = kind or reader.kind()
    record: Role | Binding | None = None
    if found in ("Role", "ClusterRole"):
        record = reader.role(found, namespace)
    elif found in ("RoleBinding", "ClusterRoleBinding"):
        record = reader.binding(found, namespace)
    if record is None or reader.problems:
        raise RbacError(tuple(reader.problems))
    return record


def _subject(kind: str, namespace: str, name: str) -> str:
    # A service account is its user name and nothing else, so both spellings are one key.
    if kind == "ServiceAccount":
        return intern(f"User:system:serviceaccount:{namespace}:{name}")
    return intern(f"{kind}:{name}")


class _Reader:
    """Reads one object and collects its problems."""

    def __init__(self, obj: JsonObject) -> None:
        self.obj = obj
        self.problems: list[RbacProblem] = []
        metadata = obj.get("metadata")
        self.metadata: Mapping[str, Any] = metadata if isinstance(metadata, Mapping) else {}
        name, namespace = self.metadata.get("name"), self.metadata.get("namespace")
        self.title = "/".join(part for part in (namespace, name) if isinstance(part, str) and part)
        self.what = f"{obj.get('kind') or 'object'} {self.title}".strip()

    def kind(self) -> Kind | None:
        version, kind = self.obj.get("apiVersion"), self.obj.get("kind")
        if version != API_VERSION:
            fix = f"write apiVersion: {API_VERSION}; the fields are the same"
            self.refuse(FieldPath(("apiVersion",)), version, API_VERSION, fix)
        for known in KINDS:
            if kind == known:
                return known
        self.refuse(FieldPath(("kind",)), kind, ", ".join(KINDS), "name one of these kinds")
        return None

    def role(self, kind: Literal["Role", "ClusterRole"], namespace: str) -> Role:
        known = ("rules",) if kind == "Role" else ("rules", "aggregationRule")
        self._top(kind, known)
        key = self._key(kind, namespace)
        rules = tuple(
            self._rule(item, path, namespaced=kind == "Role")
            for path, item in self._items(self.obj.get("rules"), FieldPath(("rules",)))
        )
        labels: Mapping[str, str] = {}
        aggregates = None
        if kind == "ClusterRole":
            labels = self._labels()
            aggregates = self._aggregates()
        return Role(kind, *key, permissions(rules), labels, aggregates)

    def binding(
        self, kind: Literal["RoleBinding", "ClusterRoleBinding"], namespace: str
    ) -> Binding:
        self._top(kind, ("subjects", "roleRef"))
        own_namespace, name = self._key(kind, namespace)
        role = self._role_ref(kind, own_namespace)
        subjects = dict.fromkeys(
            self._subject(item, path, own_namespace)
            for path, item in self._items(self.obj.get("subjects"), FieldPath(("subjects",)))
        )
        return Binding(kind, own_namespace, name, role, tuple(subjects))

    def refuse(self, path: FieldPath, observed: Any, allowed: str, fix: str) -> None:
        seen = UNSET if observed is None else observed
        self.problems.append(RbacProblem(self.what, path, seen, allowed, fix))

    def _top(self, kind: str, known: tuple[str, ...]) -> None:
        self.what = f"{kind} {self.title}".strip()
        self._fields(self.obj, ROOT, ("apiVersion", "kind", "metadata", *known))

    def _key(self, kind: Kind, namespace: str) -> tuple[str, str]:
        path = FieldPath(("metadata",))
        name = self._name(self.metadata, path, "the object's name")
        if kind in ("ClusterRole", "ClusterRoleBinding"):
            return "", intern(name)
        own = self._text(self.metadata, "namespace", path, "the name of a namespace") or namespace
        if not own:
            self.refuse(
                path / "namespace", None, f"the namespace of the {kind}", "set metadata.namespace"
            )
        return intern(own), intern(name)

    def _labels(self) -> Mapping[str, str]:
        labels = self.metadata.get("labels") or {}
        if isinstance(labels, Mapping) and all(isinstance(v, str) for v in labels.values()):
            return labels
        self.refuse(
            FieldPath(("metadata", "labels")), labels, "a map of strings", "quote the values"
        )
        return {}

    def _aggregates(self) -> tuple[Selector, ...] | None:
        value, path = self.obj.get("aggregationRule"), FieldPath(("aggregationRule",))
        if value is None:
            return None
        fields = self._fields(value, path, ("clusterRoleSelectors",))
        path /= "clusterRoleSelectors"
        selectors = []
        for place, item in self._items(fields.get("clusterRoleSelectors"), path):
            try:
                selectors.append(read_selector(item, place))
            except SelectorError as error:
                self.refuse(error.path, error.observed, error.allowed, error.fix)
        if not fields.get("clusterRoleSelectors"):
            self.refuse(path, None, "at least one label selector", "add one, or drop the rule")
        return tuple(selectors)

    def _rule(self, value: Any, path: FieldPath, *, namespaced: bool) -> Rule:
        fields = self._fields(
            value, path, ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        )
        rule = Rule(
            verbs=self._strings(fields, "verbs", path),
            api_groups=self._strings(fields, "apiGroups", path),
            resources=self._strings(fields, "resources", path),
            resource_names=self._strings(fields, "resourceNames", path),
            non_resource_urls=self._strings(fields, "nonResourceURLs", path),
        )
        if not fields.get("verbs"):
            self.refuse(path / "verbs", fields.get("verbs"), "at least one verb", "name a verb")
        if rule.non_resource_urls:
            urls, place = rule.non_resource_urls, path / "nonResourceURLs"
            if namespaced:
                self.refuse(place, urls, "none in a Role", "move the rule to a ClusterRole")
            if rule.api_groups or rule.resources or rule.resource_names:
                allowed = "either URLs or resources in one rule"
                self.refuse(place, urls, allowed, "split the rule in two")
            return rule
        if not fields.get("apiGroups"):
            fix = 'name a group; the core group is ""'
            self.refuse(path / "apiGroups", fields.get("apiGroups"), "at least one API group", fix)
        if not fields.get("resources"):
            observed = fields.get("resources")
            self.refuse(path / "resources", observed, "at least one resource", "name a resource")
        return rule

    def _role_ref(self, kind: Kind, namespace: str) -> RoleKey:
        path = FieldPath(("roleRef",))
        fields = self._fields(self.obj.get("roleRef"), path, ("apiGroup", "kind", "name"))
        group = self._text(fields, "apiGroup", path, GROUP)
        if group and group != GROUP:
            self.refuse(path / "apiGroup", group, GROUP, f"write apiGroup: {GROUP}")
        name = self._name(fields, path, "the name of a role")
        kinds = ("Role", "ClusterRole") if kind == "RoleBinding" else ("ClusterRole",)
        role_kind = fields.get("kind")
        if role_kind not in kinds:
            self.refuse(path / "kind", role_kind, " or ".join(kinds), f"write kind: {kinds[-1]}")
        return (namespace if role_kind == "Role" else ""), intern(name)

    def _subject(self, value: Any, path: FieldPath, namespace: str) -> str:
        fields = self._fields(value, path, ("apiGroup", "kind", "name", "namespace"))
        name = self._text(fields, "name", path, "the subject's name", required=True)
        kind, group = fields.get("kind"), self._text(fields, "apiGroup", path, GROUP)
        own = self._text(fields, "namespace", path, "the name of a namespace")
        if kind == "ServiceAccount":
            if name and not is_subdomain(name):
                allowed = "lower-case letters, digits, - and ."
                self.refuse(path / "name", name, allowed, "name an existing service account")
            if group:
                self.refuse(path / "apiGroup", group, "none for a ServiceAccount", "drop apiGroup")
            if not (own or namespace):
                allowed = "the namespace of the service account"
                self.refuse(path / "namespace", None, allowed, "add namespace")
            return _subject(kind, own or namespace, name)
        if kind in ("User", "Group"):
            if group and group != GROUP:
                self.refuse(path / "apiGroup", group, GROUP, f"write apiGroup: {GROUP}")
            return _subject(kind, "", name)
        allowed = "User, Group, ServiceAccount"
        self.refuse(path / "kind", kind, allowed, "name one of these kinds")
        return ""

    def _fields(self, value: Any, path: FieldPath, known: tuple[str, ...]) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse(path, value, "a map", f"write a map of {', '.join(known)}")
            return {}
        for name in value:
            if name not in known:
                self.refuse(
                    path / str(name),
                    value[name],
                    f"no such field, but {', '.join(known)}",
                    _instead(str(name), known),
                )
        return value

    def _items(self, value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
        if value is None:
            return
        if not isinstance(value, list):
            self.refuse(path, value, "a list", "write a list")
            return
        for place, item in enumerate(value):
            if isinstance(item, Mapping):
                yield path / place, item
            else:
                self.refuse(path / place, item, "a map", "write a map, or drop the item")

    def _strings(self, fields: Mapping[str, Any], name: str, path: FieldPath) -> tuple[str, ...]:
        value = fields.get(name)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(map(intern, value))
        self.refuse(path / name, value, "a list of strings", "write a list of quoted strings")
        return ()

    def _name(self, fields: Mapping[str, Any], path: FieldPath, allowed: str) -> str:
        name = self._text(fields, "name", path, allowed, required=True)
        if _NO_SEGMENT.match(name):
            allowed = 'a name without "/" and "%", other than "." and ".."'
            self.refuse(path / "name", name, allowed, "choose another name")
        return name

    def _text(
        self,
        fields: Mapping[str, Any],
        name: str,
        path: FieldPath,
        allowed: str,
        *,
        required: bool = False,
    ) -> str:
        value = fields.get(name)
        if isinstance(value, str) and (value or not required):
            return value
        if value is not None or required:
            self.refuse(path / name, value, allowed, f"write {path / name} as a string")
        return ""


def _instead(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"write {close[0]}" if close else f"drop {name}"
