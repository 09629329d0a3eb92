"""YAML text to values, as sigs.k8s.io/yaml has them, with every value's place kept.

PyYAML composes the nodes; what they mean is decided here and in `scalars.py`.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import yaml

from webhook.core.model import scalars
from webhook.core.model.broken import MAX_DEPTH, Broken, Source, duplicate
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import Json

MAX_ALIASED = 400_000
"""Values that the aliases of one document may stand for, all together."""

_PLAIN = ""
_STRING = "!"
_YAML_ORG = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "null": (type(None),),
}
DIRECTIVES = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n)*%")
"""Matches a text that opens with directives, which belong to the document after the `---`."""

_VERSION = re.compile(r"^%YAML[ \t]+(\S+)", re.MULTILINE)


def read(text: str, before: int) -> Iterator[tuple[Json, Source]]:
    """Yield the documents of a text that begins after so many lines of its file.

    Raises:
        Broken: the text is not YAML, or not what JSON can carry.
    """
    version = _VERSION.search(text) if DIRECTIVES.match(text) else None
    if version and version[1] != "1.1":
        line = text.count("\n", 0, version.start()) + before + 1
        raise Broken(f"%YAML is {version[1]}; kubectl reads 1.1 only. Drop the line", line, 1)
    try:
        loader = _Loader(text)
        while loader.check_node():
            root = loader.get_node()
            if root is not None:
                yield _Builder(before).build(root), _Nodes(root, before)
    except _TooDeep:
        raise Broken(f"nested deeper than {MAX_DEPTH} levels", before + 1, 1) from None
    except yaml.reader.ReaderError as error:
        raise _unreadable(error, text, before) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, before) from None


class _TooDeep(Exception):
    """The nodes are nested too deep for the composer."""


class _Resolver:
    """Marks plain scalars, and bounds the depth: libyaml's composer recurses on the C stack."""

    depth = 0

    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        """Return the tag of a node that names none; only a plain scalar has meaning by itself."""
        return _PLAIN if kind is yaml.ScalarNode and implicit[0] else _STRING

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Step into a node."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _TooDeep

    def ascend_resolver(self) -> None:
        """Step out of a node."""
        self.depth -= 1


if TYPE_CHECKING or not yaml.__with_libyaml__:

    class _Loader(_Resolver, yaml.SafeLoader):
        """Text to nodes, in Python: ten times slower, for where PyYAML came without libyaml."""

        def __init__(self, text: str) -> None:
            yaml.SafeLoader.__init__(self, text)

else:

    class _Loader(_Resolver, yaml.cyaml.CParser):
        """Text to nodes, by libyaml."""


@dataclass(frozen=True, slots=True)
class _Nodes:
    """A document's nodes, which know their places."""

    root: yaml.Node
    before: int

    def locate(self, path: FieldPath) -> tuple[int, int]:
        """Return line and column, from 1, of the value at a path, or of its nearest ancestor."""
        node = self.root
        for step in path:
            child = _child(node, step)
            if child is None:
                break
            node = child
        return node.start_mark.line + self.before + 1, node.start_mark.column + 1


def _child(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        items: list[yaml.Node] = node.value
        return items[step] if isinstance(step, int) and step < len(items) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
    for key, value in reversed(pairs):
        if _is_merge(key):
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            merged = (_child(source, step) for source in sources)
            if (found := next(filter(None, merged), None)) is not None:
                return found
        elif isinstance(key, yaml.ScalarNode) and _key_of(key) == step:
            return value
    return None


def _key_of(node: yaml.ScalarNode) -> str:
    return node.value if node.tag == _STRING else scalars.key(_scalar(node))


class _Builder:
    """Nodes to values. Aliased nodes are built anew, so that the value is a tree, within bounds."""

    def __init__(self, before: int) -> None:
        self.before = before
        self.seen: set[int] = set()
        self.aliased = 0

    def build(self, node: yaml.Node, depth: int = 0) -> Json:
        if isinstance(node, yaml.ScalarNode):
            try:
                return scalars.integral(_scalar(node))
            except ValueError as error:
                raise self.broken(node, str(error)) from None
        if id(node) not in self.seen:
            self.seen.add(id(node))
        else:
            self.aliased += len(node.value) + 1
        if depth > MAX_DEPTH:
            raise self.broken(node, f"an alias leads back into itself, or {MAX_DEPTH} levels deep")
        if self.aliased > MAX_ALIASED:
            raise self.broken(node, f"its aliases stand for more than {MAX_ALIASED} values")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth + 1)
        return [self.build(item, depth + 1) for item in node.value]

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Json]:
        result: dict[str, Json] = {}
        merged = False
        for key, value in node.value:
            if _is_merge(key):
                merged = True
                for source in self.sources(value):
                    result |= self.build(source, depth)
            else:
                result[self.key(key)] = self.build(value, depth)
        if merged or len(result) != len(node.value):
            self.refuse_duplicates(node)
        return result

    def key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            problem = "a key must be a string, and this one is a list or a mapping"
            raise self.broken(node, problem + _template(node))
        try:
            return intern(_key_of(node))  # there are few, in any number of documents
        except ValueError as error:
            problem = str(error)
        if problem == "null":
            raise self.broken(
                node, 'a key must be a string, and this one is null; quote it: "null"'
            )
        raise self.broken(node, problem)

    def sources(self, value: yaml.Node) -> Iterator[yaml.MappingNode]:
        """Yield the mappings that `<<` brings in, those that win last.

        In a list the first one wins. Against the mapping's own keys the order in the text decides,
        as in goyaml: a key that stands before the `<<` is overwritten.
        """
        for source in reversed(value.value) if isinstance(value, yaml.SequenceNode) else (value,):
            if not isinstance(source, yaml.MappingNode):
                raise self.broken(source, "<< takes a mapping or a list of mappings, by alias")
            yield source

    def refuse_duplicates(self, node: yaml.MappingNode) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if _is_merge(key):
                continue
            name = self.key(key)
            line = key.start_mark.line + self.before + 1
            if name in lines:
                raise duplicate(name, line, key.start_mark.column + 1, lines[name])
            lines[name] = line

    def broken(self, node: yaml.Node, message: str) -> Broken:
        mark = node.start_mark
        return Broken(message, mark.line + self.before + 1, mark.column + 1)


def _template(node: yaml.Node) -> str:
    braces = isinstance(node, yaml.MappingNode) and node.flow_style
    return ". Is this a template? Render it first, or quote the braces" if braces else ""


def _is_merge(key: yaml.Node) -> bool:
    return key.value == "<<" and key.tag in (_PLAIN, _YAML_ORG + "merge")


def _scalar(node: yaml.ScalarNode) -> Json:
    """Return a scalar's value before floats become integers.

    Raises:
        ValueError: the value is not of the type that its tag says, or has no place in JSON.
    """
    text: str = node.value
    if node.tag == _PLAIN:
        return _plain(text)
    kind = node.tag.removeprefix(_YAML_ORG) if node.tag.startswith(_YAML_ORG) else ""
    if kind == "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
        except ValueError:
            raise ValueError("a value tagged !!binary must be base64") from None
    if kind not in _TYPES:
        return text
    value = _plain(text)
    if not isinstance(value, _TYPES[kind]) or isinstance(value, bool) != (kind == "bool"):
        raise ValueError(f'"{text}" is no {kind}, and its tag !!{kind} says it is')
    return value


def _plain(text: str) -> Json:
    try:
        return scalars.plain(text)
    except ValueError:
        raise ValueError(f"{text} has no place in JSON; quote it if a string is meant") from None


def _unreadable(error: yaml.reader.ReaderError, text: str, before: int) -> Broken:
    if yaml.__with_libyaml__:  # which counts bytes
        head = text.encode()[: error.position].decode(errors="replace")
    else:
        head = text[: error.position]
    character = error.character if isinstance(error.character, int) else ord(error.character)
    return Broken(
        f"the character U+{character:04X} is not allowed in YAML; "
        f'write it as "\\x{character:02X}" between double quotes',
        head.count("\n") + before + 1,
        len(head) - head.rfind("\n"),
    )


def _syntax(error: yaml.MarkedYAMLError, text: str, before: int) -> Broken:
    """Say in one sentence what the parser said, and help with the mistakes that everybody makes.

    A scanner's complaint is told where the token begins (the quote that is never closed), a
    parser's where it met what it did not expect.
    """
    problem, context = error.problem or "unreadable", error.context or ""
    mark, other = error.problem_mark, error.context_mark
    if mark is None or (other and context.startswith("while scanning") and "tab" not in problem):
        mark = other
    lines = text.rstrip().split("\n")
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if line >= len(lines):  # where the text ends, not the line after
        line, column = len(lines) - 1, len(lines[-1])
    here = lines[line]
    first = here[column : column + 1]
    message = f"not valid YAML: {problem}" + (f" {context}" if context else "")
    if "{{" in here:
        message += ". Is this a template? Render it first, or quote the braces"
    elif "\t" in here[: column + 1]:
        message += ". YAML is indented by spaces; replace the tab"
    elif first and first in "%@`*&":
        message += f'. Quote a value that begins with "{first}"'
    elif problem.startswith("mapping values are not allowed"):
        message += '. Check the indentation, and quote a value that contains ": "'
    return Broken(message, line + before + 1, column + 1)
