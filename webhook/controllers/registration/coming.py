"""Policies that are on their way: a ConfigMap changes at once, what pods mount of it a minute later.

What they will ask of the registration is registered as soon as they are stored. So no replica ever
holds rules of which the API server does not send it the requests yet.
"""

from collections.abc import Callable, Sequence

from webhook.cluster.client import Api, namespace_path
from webhook.cluster.watch import Watcher
from webhook.controllers.known import Known
from webhook.core.model.marks import POLICIES
from webhook.core.model.objects import JsonObject
from webhook.core.policyedit import files_of
from webhook.core.policyset import PolicyError, Problem, parse_policies
from webhook.core.registration.demand import Demand


class Coming:
    """The ConfigMaps of policies in one namespace.

    Args:
        api: the way to the API server.
        namespace: tenantgate's own.
        changed: called when any of them asks for something else.
    """

    def __init__(self, api: Api, namespace: str, changed: Callable[[], None]) -> None:
        self._namespace = namespace
        self._known = Known(_demand, lambda *_: changed())
        path = namespace_path(namespace, "configmaps")
        selector = f"{POLICIES}=true"
        self.watcher = Watcher(api, "configmaps", path, self._known, selector=selector)

    def demands(self) -> Sequence[Demand]:
        """Return what each of them asks for."""
        return [found for found in self._known.of(self._namespace).values() if found]


def _demand(config_map: JsonObject) -> Demand | None:
    """Return what the policies in a ConfigMap will ask for, None where they do not load."""
    try:
        found = dict(files_of(config_map))
        texts = {name: text for name, text in found.items() if not isinstance(text, Problem)}
        return Demand.of(parse_policies(texts)) if texts else None
    except (PolicyError, TypeError):
        return None
