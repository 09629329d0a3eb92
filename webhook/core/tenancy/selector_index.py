"""The selectors by which tenants claim namespaces, indexed: who claims one, without trying them all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from webhook.core.model.selector import Selector

_Claim = tuple[Selector, str]


@dataclass(frozen=True, slots=True, eq=False)
class SelectorIndex:
    """Selectors and the tenants that have them.

    A selector that asks for a value of a label stands under that label and value. Those that ask
    for none are few, and are tried one by one.
    """

    by_label: Mapping[tuple[str, str], tuple[_Claim, ...]] = field(default_factory=dict)
    others: tuple[_Claim, ...] = ()

    @classmethod
    def of(cls, claims: Iterable[_Claim]) -> "SelectorIndex":
        """Build the index of (selector, tenant) pairs."""
        by_label: dict[tuple[str, str], list[_Claim]] = {}
        others: list[_Claim] = []
        for selector, tenant in claims:
            values = next((item for item in selector.requirements if item.operator == "In"), None)
            if values is None:
                others.append((selector, tenant))
                continue
            for value in values.values:
                by_label.setdefault((values.key, value), []).append((selector, tenant))
        return cls({key: tuple(found) for key, found in by_label.items()}, tuple(others))

    def owners(self, labels: Mapping[str, str]) -> list[str]:
        """Return the tenants with a selector that matches a namespace's labels, sorted."""
        near = (self.by_label.get(label, ()) for label in labels.items())
        claims = [*(claim for found in near for claim in found), *self.others]
        return sorted({tenant for selector, tenant in claims if selector.matches(labels)})
