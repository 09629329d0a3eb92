"""All policy texts in; one checked set, or every problem, out."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.core import platform
from webhook.core.model.documents import Document, read
from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.objects import JsonObject
from webhook.core.model.schema import Mistake
from webhook.core.platform import Platform
from webhook.core.rbac import RbacError, is_rbac, read_rbac
from webhook.core.scc import document as scc_document
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.order import in_order

_LIST = ("v1", "List")


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


@dataclass(frozen=True, slots=True, eq=False)
class PolicySet:
    """Everything that decisions are made by. One value, replaced as a whole.

    `sccs` stand in the order in which they are tried. `rbac` are the RBAC documents of the folder,
    which count where no cluster answers. `hash` names the texts. `warnings` say what is odd.
    """

    sccs: tuple[Constraint, ...] = ()
    platform: Platform = field(default_factory=Platform)
    rbac: tuple[JsonObject, ...] = ()
    hash: str = ""
    warnings: tuple[str, ...] = ()


def parse_policies(texts: Mapping[str, str]) -> PolicySet:
    """Read policy files, all of them strictly.

    Args:
        texts: each file's text under the name by which messages call it.

    Raises:
        PolicyError: with every mistake of every file, not only the first.
    """
    reader = _Reader()
    for file in sorted(texts):
        for document in read(texts[file], file):
            reader.take(document)
    if not reader.documents and not reader.problems:
        where = ", ".join(sorted(texts)) or "the given paths"
        reader.problems.append(Problem(where, 1, 1, "no policy in it; a set holds at least one"))
    if reader.problems:
        raise PolicyError(tuple(sorted(reader.problems)))
    return PolicySet(
        sccs=in_order(reader.sccs),
        platform=reader.platform or Platform(),
        rbac=tuple(reader.rbac),
        hash=digest(texts),
        warnings=tuple(str(warning) for warning in sorted(reader.warnings)),
    )


def digest(texts: Mapping[str, str]) -> str:
    """Return the name of a set: the same for the same files with the same content."""
    state = hashlib.sha256()
    for file in sorted(texts):
        for part in (file, texts[file]):
            data = part.encode()
            state.update(len(data).to_bytes(8, "big") + data)
    return "sha256:" + state.hexdigest()[:16]


class _Reader:
    """What has been read so far, and what was wrong with it."""

    def __init__(self) -> None:
        self.documents = 0
        self.sccs: list[Constraint] = []
        self.platform: Platform | None = None
        self.rbac: list[JsonObject] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._seen: dict[tuple[str, str], str] = {}

    def take(self, document: Document) -> None:
        """Read one document, a `List` item by item."""
        self.documents += 1
        if document.error is not None:
            error = document.error
            self.problems.append(Problem(document.file, error.line, error.column, error.message))
            return
        for item, at in _items(document.value):
            self._object(item, at, document)

    def _object(self, value: Any, at: FieldPath, document: Document) -> None:
        if not isinstance(value, dict):
            self._problem(document, at, "a policy is an object with apiVersion and kind")
            return
        kinds: Mapping[tuple[Any, Any], Callable[[dict[str, Any]], list[Mistake]]] = {
            (scc_document.API_VERSION, scc_document.KIND): lambda item: self._scc(item, document),
            (platform.API_VERSION, platform.KIND): self._platform,
        }
        kind = (value.get("apiVersion"), value.get("kind"))
        reader = kinds.get(kind)
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
                f'apiVersion "{kind[0]}", kind "{kind[1]}" is no kind of policy; allowed: {known}, '
                "rbac.authorization.k8s.io/v1 Roles, ClusterRoles and their bindings, List",
            )

    def _scc(self, value: dict[str, Any], document: Document) -> list[Mistake]:
        constraint, mistakes, oddities = scc_document.read_scc(value)
        if constraint is not None:
            self.sccs.append(constraint)
        for oddity in oddities:
            self.warnings.append(
                Problem(document.file, *document.locate(oddity.path), oddity.message)
            )
        return mistakes

    def _platform(self, value: dict[str, Any]) -> list[Mistake]:
        mistakes = list(platform.SCHEMA.mistakes(value))
        if not mistakes:
            if self.platform is not None:
                return [Mistake(ROOT, "a second Platform; a set holds at most one")]
            self.platform = Platform.from_object(value)
        return mistakes

    def _rbac(self, value: dict[str, Any], at: FieldPath, document: Document) -> None:
        try:
            read_rbac(value)
        except RbacError as error:
            for problem in error.problems:
                self._problem(document, FieldPath((*at, *problem.path)), str(problem))
        else:
            self.rbac.append(value)

    def _name(self, value: dict[str, Any], at: FieldPath, document: Document) -> None:
        metadata = value.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        key = (str(value["kind"]), str(name))
        where = f"{document.file}:{document.locate(at)[0]}"
        if name and key in self._seen:
            path = FieldPath((*at, "metadata", "name"))
            self._problem(
                document, path, f'{key[0]} "{name}" is already defined at {self._seen[key]}'
            )
        self._seen.setdefault(key, where)

    def _problem(self, document: Document, path: FieldPath, message: str) -> None:
        self.problems.append(Problem(document.file, *document.locate(path), message))


def _items(value: Any, at: FieldPath = ROOT) -> Iterator[tuple[Any, FieldPath]]:
    if isinstance(value, dict) and (value.get("apiVersion"), value.get("kind")) == _LIST:
        items = value.get("items") or ()
        for index, item in enumerate(items if isinstance(items, list) else ()):
            yield from _items(item, at / "items" / index)
    else:
        yield value, at
