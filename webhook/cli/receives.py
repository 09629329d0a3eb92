"""What a namespace would receive from the controller, told for its manifest."""

from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import Namespace, annotations, labels
from webhook.core.policyset import PolicySet
from webhook.core.provisioning.choice import why
from webhook.core.provisioning.ownership.stamps import stamp_for
from webhook.core.provisioning.wanted import Wanted, wanted
from webhook.reports.result import Receives


def adopted(namespace: Namespace, policies: PolicySet) -> Namespace:
    """Return a namespace with the stamp of the tenant whose file claims it, if it has none."""
    owner = stamp_for(namespace, policies.registry, policies.platform).tenant
    if not owner or TENANT in namespace.labels:
        return namespace
    return Namespace(namespace.name, {**namespace.labels, TENANT: owner}, namespace.annotations)


def received(value: JsonObject, name: str, policies: PolicySet) -> Receives:
    """Return what a Namespace object would receive, were it admitted as it stands."""
    namespace = adopted(Namespace(name, labels(value), annotations(value)), policies)
    own = (policies.platform, policies.registry, policies.templates)
    found = wanted(namespace, *own) or Wanted()
    return Receives(
        tenant=namespace.labels.get(TENANT, ""),
        template=found.template,
        why=why(namespace, *own),
        labels=found.labels,
        annotations=found.annotations,
        objects=tuple(
            (item["apiVersion"], item["kind"], item["metadata"]["name"]) for item in found.objects
        ),
    )
