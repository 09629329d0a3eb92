"""The host names that tenants are granted, indexed: who else may claim a name, without a search."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from webhook.core.model.pattern import glob, host


@dataclass(frozen=True, slots=True, eq=False)
class HostIndex:
    """Host patterns and the tenants that have them.

    `below` maps a domain to the tenants with a pattern somewhere below it. Patterns with a `*`
    elsewhere than in front are few, and are tried one by one. A grant of every name, `*`, is left
    out: it sets no name aside for anybody.
    """

    patterns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)
    globs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, granted: Iterable[tuple[str, str]]) -> "HostIndex":
        """Build the index of (pattern, tenant) pairs."""
        patterns: dict[str, set[str]] = {}
        below: dict[str, set[str]] = {}
        globs: list[tuple[str, str]] = []
        for text, tenant in granted:
            pattern = host(text)
            if pattern == "*":
                continue
            if "*" in pattern.removeprefix("*."):
                globs.append((pattern, tenant))
                continue
            patterns.setdefault(pattern, set()).add(tenant)
            for domain in _domains(pattern):
                below.setdefault(domain, set()).add(tenant)
        return cls(_frozen(patterns), _frozen(below), tuple(globs))

    def owners(self, name: str) -> frozenset[str]:
        """Return the tenants that are granted a name, for a wildcard any name that it covers too."""
        name = host(name)
        found = set(self.patterns.get(name, ()))
        for domain in _domains(name):
            found |= self.patterns.get(f"*.{domain}", frozenset())
        if name.startswith("*."):
            found |= self.below.get(name[2:], frozenset())
        found.update(tenant for pattern, tenant in self.globs if glob(pattern, name))
        return frozenset(found)


def _domains(name: str) -> Iterator[str]:
    """Yield the domains that a name lies below: `b.c` and `c` for `a.b.c`, and for `*.b.c`."""
    rest = name.partition(".")[2]
    while rest:
        yield rest
        rest = rest.partition(".")[2]


def _frozen(sets: Mapping[str, set[str]]) -> Mapping[str, frozenset[str]]:
    return {key: frozenset(names) for key, names in sets.items()}
