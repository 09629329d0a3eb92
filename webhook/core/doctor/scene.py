"""All that a doctor looks at: what is registered, who answers, and what the policies ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from webhook.core.doctor.hook import Hook, hooks
from webhook.core.model.loose import mapping
from webhook.core.model.objects import JsonObject
from webhook.core.policyset import PolicySet
from webhook.core.registration import Service, Target, Url, excluded_namespaces, registration
from webhook.core.registration.demand import Demand


@dataclass(frozen=True, slots=True)
class Trust:
    """How a bundle that is registered stands to what is served.

    `where` are the entries, `source` where the serving certificate was seen, nothing where it was
    not. `objection` says why a client would refuse it; nothing if it would not.
    """

    where: str
    source: str
    objection: str = ""
    leaf: datetime | None = None
    authorities: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod of the webhook: the names of the sets that it decides by, and what is wrong with it."""

    name: str
    sets: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Scene:
    """What is known; None where nobody could know, as of a cluster of which there are only files.

    `live` tells a cluster from files. `noted` are the kinds of configurations that were registered
    once, by the controller's note. `lacking` says, one sentence each, what should have been read and
    could not be.
    """

    policies: PolicySet
    configurations: tuple[JsonObject, ...]
    now: datetime
    live: bool = False
    noted: frozenset[str] = frozenset()
    namespaces: tuple[JsonObject, ...] = ()
    services: tuple[JsonObject, ...] | None = None
    deployments: tuple[JsonObject, ...] | None = None
    budgets: tuple[JsonObject, ...] | None = None
    slices: tuple[JsonObject, ...] | None = None
    rbac: tuple[JsonObject, ...] | None = None
    trusts: tuple[Trust, ...] | None = None
    replicas: tuple[Replica, ...] | None = None
    lacking: tuple[str, ...] = field(default=())

    @cached_property
    def hooks(self) -> tuple[Hook, ...]:
        """Every entry of every configuration, in the order in which the API server calls them."""
        return tuple(hooks(self.configurations))

    @cached_property
    def ours(self) -> tuple[Hook, ...]:
        """Our own entries."""
        return tuple(hook for hook in self.hooks if hook.is_ours)

    @cached_property
    def others(self) -> tuple[Hook, ...]:
        """Everybody else's."""
        return tuple(hook for hook in self.hooks if not hook.is_ours)

    @cached_property
    def target(self) -> Target:
        """Where our entries are answered; the usual Service where there is none to tell."""
        for hook in self.ours:
            if all(hook.service):
                service = mapping(mapping(hook.entry.get("clientConfig")).get("service"))
                port = service.get("port")
                return Service(*hook.service, port if isinstance(port, int) else 443)
            url = mapping(hook.entry.get("clientConfig")).get("url")
            if isinstance(url, str):
                return Url(url.rpartition("/")[0])
        return Service(self.policies.platform.engine_namespace, "tenantgate")

    @cached_property
    def wanted(self) -> Mapping[str, Hook]:
        """The entries that the policies ask for, by name."""
        made = registration(self.policies, self.target)
        return {hook.name: hook for hook in hooks(made)}

    @cached_property
    def excluded(self) -> tuple[str, ...]:
        """The namespaces that a repair needs: the entries of what is judged leave them out."""
        return excluded_namespaces(Demand.of(self.policies), self.target)

    def labels_of(self, namespace: str) -> Mapping[str, str]:
        """Return the labels of a namespace, as far as they are known."""
        for each in self.namespaces:
            metadata = mapping(each.get("metadata"))
            if metadata.get("name") == namespace:
                return mapping(metadata.get("labels"))
        return {}
