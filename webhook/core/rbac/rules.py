"""What one rule of a role allows."""

from collections.abc import Iterable
from dataclasses import dataclass

from webhook.core.model.request import EVERYTHING, Grants

USE = "use"
SCC_GROUP = "security.openshift.io"
SCC_RESOURCE = "securitycontextconstraints"


@dataclass(frozen=True, slots=True)
class Rule:
    """A `PolicyRule`, for resources or for URLs that are no resource."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()

    def covers(self, verb: str, group: str, resource: str, subresource: str = "") -> bool:
        """Tell whether the rule speaks of this verb on this resource, names left aside.

        `*` in `resources` covers every resource with its subresources, `*/scale` the subresource
        `scale` of all; `pods` alone covers no subresource of pods.
        """
        if not ("*" in self.verbs or verb in self.verbs):
            return False
        if not ("*" in self.api_groups or group in self.api_groups):
            return False
        if "*" in self.resources:
            return True
        if not subresource:
            return resource in self.resources
        return f"{resource}/{subresource}" in self.resources or f"*/{subresource}" in self.resources

    def allows(
        self, verb: str, group: str, resource: str, name: str = "", subresource: str = ""
    ) -> bool:
        """Tell whether the rule allows the request; with no `resourceNames`, whatever the name."""
        return self.covers(verb, group, resource, subresource) and (
            not self.resource_names or name in self.resource_names
        )

    def allows_url(self, verb: str, path: str) -> bool:
        """Tell whether the rule allows a request to a URL such as `/healthz`.

        A `*` at the end of a URL stands for any rest; elsewhere it is an ordinary character.
        """
        if not ("*" in self.verbs or verb in self.verbs):
            return False
        return any(
            url == path or (url.endswith("*") and path.startswith(url.rstrip("*")))
            for url in self.non_resource_urls
        )


def usable(rules: Iterable[Rule]) -> Grants:
    """Return the names of the SCCs that these rules allow to `use`."""
    names: set[str] = set()
    for rule in rules:
        if rule.covers(USE, SCC_GROUP, SCC_RESOURCE):
            if not rule.resource_names:
                return EVERYTHING
            names.update(rule.resource_names)
    return frozenset(names)
