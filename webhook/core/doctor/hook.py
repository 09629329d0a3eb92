"""One entry of any webhook configuration: what it is sent, and what becomes of it then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from webhook.core.model.loose import mapping
from webhook.core.model.objects import JsonObject
from webhook.core.model.selector import SelectorError, read_selector

Phase = Literal["mutate", "validate"]

OWN = ".tenantgate.io"
"""How the names of our own entries end."""

NAME_KEY = "kubernetes.io/metadata.name"
"""The label with a namespace's name, which the API server itself sets."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that an entry may be sent; `namespace` is empty for what lives in none.

    Without a `version` it is one in whichever the rule names: the API server converts.
    """

    operation: str
    group: str
    resource: str
    namespace: str = ""
    version: str = ""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group.strip("*") else self.resource
        return f"{self.operation} {name}" + (f" in {self.namespace}" if self.namespace else "")


@dataclass(frozen=True, slots=True)
class Hook:
    """One entry; what it leaves out has the API server's own default."""

    phase: Phase
    configuration: str
    entry: JsonObject

    @property
    def name(self) -> str:
        """The entry's name."""
        return str(self.entry.get("name") or "")

    @property
    def place(self) -> str:
        """What messages call it."""
        kind = "Mutating" if self.phase == "mutate" else "Validating"
        return f"{kind}WebhookConfiguration {self.configuration}, entry {self.name}"

    @property
    def is_ours(self) -> bool:
        """Whether it is tenantgate's."""
        return self.name.endswith(OWN)

    @property
    def fails_closed(self) -> bool:
        """Whether a request is refused when nobody answers."""
        return bool(self.entry.get("failurePolicy", "Fail") == "Fail")

    @property
    def timeout(self) -> int:
        """Seconds that the API server waits for it."""
        found = self.entry.get("timeoutSeconds")
        return found if isinstance(found, int) else 10

    @property
    def conditions(self) -> tuple[JsonObject, ...]:
        """Its match conditions."""
        return tuple(each for each in self.entry.get("matchConditions") or () if each)

    @property
    def service(self) -> tuple[str, str]:
        """Namespace and name of its Service; both empty where it is called by URL."""
        client = mapping(self.entry.get("clientConfig"))
        service = mapping(client.get("service"))
        return str(service.get("namespace") or ""), str(service.get("name") or "")

    def is_sent(self, asked: Asked, labels: Mapping[str, str] | None = None) -> bool:
        """Tell whether it is sent a request, match conditions and labels of the object aside.

        `labels` are those of the namespace, besides its name.
        """
        scope = "Namespaced" if asked.namespace else "Cluster"
        if not any(
            _speaks(rule, asked, scope)
            for rule in self.entry.get("rules") or ()
            if isinstance(rule, Mapping)
        ):
            return False
        if not asked.namespace:
            return True
        return self.selects({**(labels or {}), NAME_KEY: asked.namespace})

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it is about a namespace with these labels; one that cannot be read is."""
        try:
            return read_selector(self.entry.get("namespaceSelector") or {}).matches(labels)
        except SelectorError:
            return True


def hooks(configurations: tuple[JsonObject, ...]) -> Iterator[Hook]:
    """Yield every entry, mutating configurations first, each kind by name as the API server calls it."""
    phases: Mapping[str, Phase] = {
        "MutatingWebhookConfiguration": "mutate",
        "ValidatingWebhookConfiguration": "validate",
    }
    for kind, phase in phases.items():
        named = [(name_of(each), each) for each in configurations if each.get("kind") == kind]
        for name, each in sorted(named, key=lambda pair: pair[0]):
            for entry in each.get("webhooks") or ():
                if isinstance(entry, Mapping):
                    yield Hook(phase, name, entry)


def requests(entry: JsonObject) -> Iterator[Asked]:
    """Yield what the rules of an entry list; what lives in a namespace, in one called `somewhere`."""
    for rule in entry.get("rules") or ():
        namespace = "" if rule.get("scope") == "Cluster" else "somewhere"
        for operation, group, resource, version in product(
            *(
                rule.get(key) or ()
                for key in ("operations", "apiGroups", "resources", "apiVersions")
            )
        ):
            yield Asked(operation, group, resource, namespace, version)


def _speaks(rule: JsonObject, asked: Asked, scope: str) -> bool:
    return (
        _in(asked.operation, rule.get("operations"))
        and _in(asked.group, rule.get("apiGroups"))
        and (not asked.version or _in(asked.version, rule.get("apiVersions")))
        and (rule.get("scope") or "*") in ("*", scope)
        and any(_covers(str(pattern), asked.resource) for pattern in rule.get("resources") or ())
    )


def _in(word: str, words: Any) -> bool:
    return bool(words) and (word in words or "*" in words)


def _covers(pattern: str, resource: str) -> bool:
    """Tell whether a rule's resource covers one that is asked for, `pods/*` and `*/*` included."""
    if pattern == "*/*" or pattern == resource:
        return True
    wanted, _, wanted_sub = pattern.partition("/")
    found, _, found_sub = resource.partition("/")
    if not wanted_sub:
        return wanted == "*" and not found_sub
    return wanted in ("*", found) and (
        wanted_sub == found_sub or (wanted_sub == "*" and (wanted == found or bool(found_sub)))
    )


def name_of(obj: JsonObject) -> str:
    """Return the name of an object, an empty one where it has none."""
    return str(mapping(obj.get("metadata")).get("name") or "")
