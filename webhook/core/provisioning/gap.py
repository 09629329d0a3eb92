"""No gap: a tenant's pods wait until their namespace holds all that it is to hold.

A pod that starts a moment before its namespace's network policies would have the network to itself
for that moment. So it is refused with code 429, upon which clients and controllers try again.
"""

from collections.abc import Sequence
from dataclasses import replace

from webhook.core.model.finding import Decision
from webhook.core.model.marks import PROVISIONED, TENANT
from webhook.core.model.refusal import RETRY_AFTER_SECONDS
from webhook.core.model.request import Request
from webhook.core.model.world import Namespace
from webhook.core.platform import Platform
from webhook.core.provisioning.choice import is_served
from webhook.core.provisioning.templates.document import NamespaceTemplate
from webhook.core.tenancy.registry import Registry


def is_pod_created(request: Request) -> bool:
    """Tell whether a request brings a new pod."""
    return (
        request.operation == "CREATE"
        and request.resource == "pods"
        and not request.subresource
        and not request.group
    )


def is_awaited(
    namespace: Namespace | None,
    platform: Platform,
    registry: Registry,
    templates: Sequence[NamespaceTemplate],
) -> bool:
    """Tell whether a tenant's namespace is still to be provisioned."""
    return (
        namespace is not None
        and bool(namespace.labels.get(TENANT))
        and PROVISIONED not in namespace.annotations
        and is_served(namespace, platform, registry, templates)
    )


def hold(request: Request, decision: Decision) -> Decision:
    """Return the decision on a pod whose namespace is still to be provisioned.

    A refusal for good stays as it is: to wait would not mend it.
    """
    if not decision.allowed and decision.code != 429:
        return decision
    message = (
        f'namespace "{request.namespace}" is being provisioned: what keeps its pods apart from others '
        "is not all there yet. The request succeeds as soon as it is, most clients repeat it by "
        "themselves. Fix: if this lasts, the namespace's events say what is missing "
        f"(kubectl -n {request.namespace} get events)."
    )
    if not decision.allowed:
        message = f"{decision.message}\n{message}"
    return replace(
        decision,
        allowed=False,
        message=message,
        code=429,
        reason="TooManyRequests",
        retry_after=RETRY_AFTER_SECONDS,
    )
