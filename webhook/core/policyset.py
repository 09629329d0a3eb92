"""All policy texts in; one checked set, or every problem, out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from webhook.core import platform
from webhook.core.model.documents import Document, read
from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.objects import JsonObject
from webhook.core.model.schema import ANYTHING, STRING, ListOf, Mistake, Object
from webhook.core.platform import Platform, read_platform
from webhook.core.rbac import RbacError, is_rbac, read_rbac
from webhook.core.scc import document as scc_document
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.order import in_order
from webhook.core.tenancy.registry import Registry, conflicts

if TYPE_CHECKING:
    from webhook.core.mutation.document import WorkloadDefaults
    from webhook.core.provisioning.templates.contents import Content
    from webhook.core.provisioning.templates.document import NamespaceTemplate
    from webhook.core.tenancy.tenant import Tenant

_LIST = ("v1", "List")
_ENDINGS = (".yaml", ".yml", ".json")
_LIST_SCHEMA = Object(
    {"apiVersion": STRING, "kind": STRING, "metadata": ANYTHING, "items": ListOf(ANYTHING)}
)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a policy file; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class PolicyError(Exception):
    """The policies cannot be used; `problems` are all that is wrong with them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Named:
    """One policy document: what it is, where it stands, and as it was written."""

    kind: str
    name: str
    file: str
    line: int
    value: JsonObject = field(repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class PolicySet:
    """Everything that decisions are made by. One value, replaced as a whole.

    `sccs` stand in the order in which they are tried, `defaults` in that in which they count.
    `rbac` are the RBAC documents of the folder, which count where no cluster answers. `warnings`
    say what is odd. `documents` are all documents, in the order of their files, and `texts` the
    files.
    """

    sccs: tuple[Constraint, ...] = ()
    platform: Platform = field(default_factory=Platform)
    registry: Registry = field(default_factory=Registry)
    defaults: "tuple[WorkloadDefaults, ...]" = ()
    templates: "tuple[NamespaceTemplate, ...]" = ()
    rbac: tuple[JsonObject, ...] = ()
    warnings: tuple[str, ...] = ()
    documents: tuple[Named, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def hash(self) -> str:
        """The name of the set: the same for the same files with the same content."""
        return digest(self.texts)


def parse_policies(texts: Mapping[str, str]) -> PolicySet:
    """Read policy files, all of them strictly.

    Args:
        texts: each file's text under the name by which messages call it.

    Raises:
        PolicyError: with every mistake of every file, not only the first.
    """
    reader = _Reader()
    for file in sorted(texts):
        for number, document in enumerate(read(texts[file], file)):
            reader.take(document, _Place(file, texts[file], number))
    if not reader.documents and not reader.problems:
        where = ", ".join(sorted(texts)) or "the given paths"
        reader.problems.append(Problem(where, 1, 1, "no policy in it; a set holds at least one"))
    registry = reader.registry()
    defaults = reader.defaults(registry)
    templates = reader.templates(registry)
    if reader.problems:
        raise PolicyError(tuple(sorted(reader.problems)))
    return PolicySet(
        sccs=in_order(reader.sccs),
        platform=reader.platform or Platform(),
        registry=registry,
        defaults=defaults,
        templates=templates,
        rbac=tuple(reader.rbac),
        texts=dict(texts),
        warnings=tuple(str(warning) for warning in sorted(reader.warnings)),
        documents=tuple(reader.named),
    )


def is_policy_file(name: str) -> bool:
    """Tell whether a file of a policy folder counts: YAML or JSON, not hidden, no policy test."""
    stem, dot, ending = name.rpartition(".")
    return not name.startswith(".") and dot + ending in _ENDINGS and not stem.endswith("_test")


def digest(texts: Mapping[str, str]) -> str:
    """Return the name of a set: the same for the same files with the same content.

    In which folder they are makes no difference, so that a set has one name on a laptop, in a
    ConfigMap, and where that is mounted.
    """
    import hashlib  # loads OpenSSL, which a command that prints no hash can do without

    state = hashlib.sha256()
    for pair in sorted((file.rpartition("/")[2], text) for file, text in texts.items()):
        for part in pair:
            data = part.encode()
            state.update(len(data).to_bytes(8, "big") + data)
    return "sha256:" + state.hexdigest()[:16]


def _form_of_template(kind: str) -> Any:
    """Return the module that reads a kind of template; few sets hold OpenShift's."""
    if kind == "Template":
        from webhook.core.provisioning.templates import openshift

        return openshift
    from webhook.core.provisioning.templates import document as template

    return template


@dataclass(frozen=True, slots=True)
class _Place:
    """A document that is read once more when somebody asks for a place in it.

    What knows the places takes several times the memory of the document itself, and most tenants
    are never asked for one.
    """

    file: str
    text: str
    number: int

    def locate(self, path: FieldPath) -> tuple[int, int]:
        """Return line and column, from 1, of the value at a path."""
        return read(self.text, self.file)[self.number].locate(path)


class _Reader:
    """What has been read so far, and what was wrong with it."""

    def __init__(self) -> None:
        self.documents = 0
        self.sccs: list[Constraint] = []
        self.platform: Platform | None = None
        self.rbac: list[JsonObject] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.named: list[Named] = []
        self._seen: dict[tuple[str, str, str], str] = {}
        self._place = _Place("", "", 0)
        self._platform_at: tuple[FieldPath, _Place] | None = None
        self._tenants: dict[str, tuple[Tenant, FieldPath, _Place]] = {}
        self._defaults: list[tuple[WorkloadDefaults, FieldPath, _Place]] = []
        self._templates: list[tuple[NamespaceTemplate, Content, FieldPath, _Place]] = []
        self._broken_templates = False

    def take(self, document: Document, place: _Place) -> None:
        """Read one document, a `List` item by item."""
        self.documents += 1
        self._place = place
        if document.error is not None:
            error = document.error
            self.problems.append(Problem(document.file, error.line, error.column, error.message))
            return
        self._item(document.value, ROOT, document)

    def _item(self, value: Any, at: FieldPath, document: Document) -> None:
        if not isinstance(value, dict) or (value.get("apiVersion"), value.get("kind")) != _LIST:
            self._object(value, at, document)
        elif mistakes := list(_LIST_SCHEMA.mistakes(value)):
            for mistake in mistakes:
                self._problem(document, FieldPath((*at, *mistake.path)), mistake.message)
        else:
            for index, item in enumerate(value.get("items") or ()):
                self._item(item, at / "items" / index, document)

    def _object(self, value: Any, at: FieldPath, document: Document) -> None:
        if not isinstance(value, dict):
            self._problem(document, at, "a policy is an object with apiVersion and kind")
            return
        kinds: Mapping[tuple[Any, Any], Callable[[dict[str, Any]], list[Mistake]]] = {
            (scc_document.API_VERSION, scc_document.KIND): lambda item: self._scc(
                item, at, document
            ),
            (platform.API_VERSION, platform.KIND): lambda item: self._platform(item, at),
            (platform.API_VERSION, "Tenant"): lambda item: self._tenant(item, at),
            (platform.API_VERSION, "WorkloadDefaults"): lambda item: self._workload_defaults(
                item, at
            ),
            (platform.API_VERSION, "NamespaceTemplate"): lambda item: self._template(item, at),
            ("template.openshift.io/v1", "Template"): lambda item: self._template(item, at),
        }
        kind = (value.get("apiVersion"), value.get("kind"))
        metadata = value.get("metadata")
        self.named.append(
            Named(
                str(kind[1]),
                str(metadata.get("name")) if isinstance(metadata, dict) else "",
                document.file,
                document.locate(at)[0],
                value,
            )
        )
        reader = kinds.get(kind) if all(isinstance(word, str) for word in kind) else None
        if reader is not None:
            for mistake in reader(value):
                self._problem(document, FieldPath((*at, *mistake.path)), mistake.message)
            self._name(value, at, document)
        elif is_rbac(value):
            self._rbac(value, at, document)
        else:
            known = ", ".join(f"{version} {name}" for version, name in kinds)
            self._problem(
                document,
                at,
                f"apiVersion {shown(kind[0])}, kind {shown(kind[1])} is no kind of policy; allowed: "
                f"{known}, rbac.authorization.k8s.io/v1 Roles, ClusterRoles and their bindings, List",
            )

    def _scc(self, value: dict[str, Any], at: FieldPath, document: Document) -> list[Mistake]:
        constraint, mistakes, oddities = scc_document.read_scc(value)
        if constraint is not None:
            self.sccs.append(constraint)
        for oddity in oddities:
            self._warn(document, FieldPath((*at, *oddity.path)), oddity.message)
        return mistakes

    def _platform(self, value: dict[str, Any], at: FieldPath) -> list[Mistake]:
        found, mistakes = read_platform(value)
        if found is not None:
            mistakes = self._rules(found.rules)
            if self.platform is not None:
                return [Mistake(ROOT, "a second Platform; a set holds at most one")]
            self.platform, self._platform_at = found, (at, self._place)
        return mistakes

    def _tenant(self, value: dict[str, Any], at: FieldPath) -> list[Mistake]:
        from webhook.core.tenancy.document import mistakes as mistakes_in
        from webhook.core.tenancy.tenant import Tenant  # few sets hold one

        mistakes = mistakes_in(value)
        if not mistakes:
            found = Tenant.from_object(value)
            self._tenants[found.name] = (found, at, self._place)
            if found.provision:
                from webhook.core.provisioning import shorthands  # few tenants say anything

                mistakes += shorthands.mistakes(found.provision, ROOT / "spec" / "provision")
        return mistakes

    def _workload_defaults(self, value: dict[str, Any], at: FieldPath) -> list[Mistake]:
        from webhook.core.mutation import document  # not every set holds one

        mistakes = document.mistakes(value)
        if not mistakes:
            found = document.WorkloadDefaults.from_object(value)
            self._defaults.append((found, at, self._place))
        return mistakes

    def _template(self, value: dict[str, Any], at: FieldPath) -> list[Mistake]:
        form = _form_of_template(value["kind"])
        mistakes: list[Mistake] = form.mistakes(value)
        if mistakes:
            self._broken_templates = True
        else:
            found, content = form.from_object(value), form.content_of(value)
            self._templates.append((found, content, at, self._place))
        return mistakes

    def defaults(self, registry: Registry) -> "tuple[WorkloadDefaults, ...]":
        """Return all WorkloadDefaults in their order, once the tenants that they name are checked."""
        if not self._defaults:
            return ()
        from webhook.core.mutation.document import oddities, unknown_tenants

        for found, at, document in self._defaults:
            for mistake in unknown_tenants(found, registry.tenants):
                self._problem(document, FieldPath((*at, *mistake.path)), mistake.message)
            for oddity in oddities(found):
                self._warn(document, FieldPath((*at, *oddity.path)), oddity.message)
        return tuple(sorted((found for found, _, _ in self._defaults), key=lambda each: each.order))

    def templates(self, registry: Registry) -> "tuple[NamespaceTemplate, ...]":
        """Return all templates in their order, once they and the tenants agree."""
        provided = [tenant for tenant in self._tenants.values() if tenant[0].provision]
        if not (self._templates or provided) or self._broken_templates:
            return ()
        from webhook.core.provisioning.templates.agreement import Provisions, template_mistakes
        from webhook.core.provisioning.templates.contents import oddities

        found = tuple(sorted((each for each, *_ in self._templates), key=lambda each: each.order))
        platform = self.platform or Platform()
        for template, content, at, document in self._templates:
            for mistake in template_mistakes(template, content, found, registry):
                self._problem(document, FieldPath((*at, *mistake.path)), mistake.message)
            for oddity in oddities(content, platform):
                self._warn(document, FieldPath((*at, *oddity.path)), oddity.message)
        provisions = Provisions(found)
        for tenant, at, document in self._tenants.values():
            for mistake in provisions.mistakes(tenant):
                self._problem(document, FieldPath((*at, *mistake.path)), mistake.message)
        return found

    def registry(self) -> Registry:
        """Return all tenants, once what they say of each other is checked."""
        registry = Registry.of(found for found, _, _ in self._tenants.values())
        for name, mistake in conflicts(registry, self.platform or Platform()):
            _, at, document = self._tenants[name]
            self._problem(document, FieldPath((*at, *mistake.path)), mistake.message)
        if registry:
            self._odd_among_tenants()
        return registry

    def _odd_among_tenants(self) -> None:
        """Warn of what is no mistake, yet leaves tenants with less than somebody meant."""
        for tenant, at, document in self._tenants.values():
            self._odd_prefix(tenant, at, document)
        _, at, document = next(iter(self._tenants.values()))
        if not self.sccs:
            text = "no SecurityContextConstraints in the set: no pod is judged by an SCC"
            self._warn(document, at, text)
        self._odd_cluster(at, document)

    def _odd_prefix(self, tenant: "Tenant", at: FieldPath, document: _Place) -> None:
        prefix = tenant.namespaces.prefix
        for reserved in (self.platform or Platform()).reserved_prefixes:
            if prefix.startswith(reserved):
                path = FieldPath(("spec", "namespaces", "prefix"))
                text = (
                    f'{path} is "{prefix}", which begins with the reserved prefix "{reserved}": '
                    "no tenant can create such a namespace"
                )
                self._warn(document, FieldPath((*at, *path)), text)

    def _odd_cluster(self, at: FieldPath, document: _Place) -> None:
        """Warn of networks that are not given, at the Platform or else at a tenant."""
        cluster = (self.platform or Platform()).cluster
        absent = [
            key
            for key, networks in (
                ("podCIDRs", cluster.pods),
                ("serviceCIDRs", cluster.services),
                ("nodeCIDRs", cluster.nodes),
            )
            if not networks
        ]
        if not absent:
            return
        who = "no Platform in the set says spec.cluster."
        if self._platform_at is not None:
            at, document = self._platform_at
            at, who = at / "spec" / "cluster", "spec.cluster does not say "
        text = (
            f"{who}{', '.join(absent)}: T-SVC-2, T-EP-1, T-NP-1 and T-ING-5 cannot tell "
            "the cluster's own addresses from others"
        )
        self._warn(document, at, text)

    def _rules(self, rules: Mapping[str, str]) -> list[Mistake]:
        """Return a mistake for each name that is no rule's."""
        if not rules:
            return []
        from webhook.core.tenancy.rules import RULES  # sixty modules, for few commands

        known = [rule.id for rule in RULES]
        at = ROOT / "spec" / "rules"
        return [
            Mistake(at / name, f"{at}: {name} is no rule; allowed: {', '.join(known)}")
            for name in rules
            if name not in known
        ]

    def _rbac(self, value: dict[str, Any], at: FieldPath, document: Document) -> None:
        try:
            read_rbac(value)
        except RbacError as error:
            for problem in error.problems:
                self._problem(document, FieldPath((*at, *problem.path)), str(problem))
        else:
            self.rbac.append(value)
            self._name(value, at, document)

    def _name(self, value: dict[str, Any], at: FieldPath, document: Document) -> None:
        metadata = value.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        key = (str(value["kind"]), str(namespace or ""), str(name))
        where = f"{document.file}:{document.locate(at)[0]}"
        if name and key in self._seen:
            path = FieldPath((*at, "metadata", "name"))
            self._problem(
                document, path, f'{key[0]} "{name}" is already defined at {self._seen[key]}'
            )
        self._seen.setdefault(key, where)

    def _problem(self, document: Document | _Place, path: FieldPath, message: str) -> None:
        self.problems.append(Problem(document.file, *document.locate(path), message))

    def _warn(self, document: Document | _Place, path: FieldPath, message: str) -> None:
        self.warnings.append(Problem(document.file, *document.locate(path), message))
