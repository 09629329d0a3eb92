"""The cluster's own Pod Security admission, asked about manifests where it would have a say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from webhook.core.model.finding import Decision
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.request import User
from webhook.core.platform import Platform
from webhook.core.workload import Template

if TYPE_CHECKING:  # twenty modules, for namespaces that carry the labels
    from webhook.core.pss.plugin import Plugin, Said

_LABELS = "pod-security.kubernetes.io/"


def plugin(
    namespace: str, labels: Mapping[str, str], platform: Platform, user: User
) -> "Plugin | None":
    """Return the plugin in a namespace; None where neither labels nor defaults ask for anything."""
    own = platform.pod_security
    silent = own.enforce == own.warn == own.audit == "privileged"
    if silent and not any(key.startswith(_LABELS) for key in labels):
        return None
    from webhook.core.pss.plugin import Plugin

    return Plugin(own, namespace, labels, user.name)


def of_pod(asked: "Plugin", pod: Json, decision: Decision, *, bare: bool) -> "Said":
    """Return what is said of a pod that webhooks have decided on.

    Args:
        asked: the plugin.
        pod: as it was sent.
        decision: of the webhooks; where they let no SCC fill the pod in, what is not set in it is
            not held against it.
        bare: whether somebody applied it, who then sees warnings; a controller shows them to nobody.
    """
    filled = decision.allowed or bool(decision.scc) or bool(decision.skipped)
    final = decision.object if decision.object is not None else pod
    return asked.of_pod(final, ("enforce", "warn", "audit") if bare else ("enforce",), whole=filled)


def of_template(asked: "Plugin", template: Template) -> "Said":
    """Return what is said of a workload: it is never refused, and judged as it is written."""
    from webhook.core.pss.plugin import Said

    heard = asked.of_pod(template.pod, ("warn", "audit"))
    return Said(
        tuple(replace(finding, path=template.place(finding.path)) for finding in heard.findings),
        heard.notes,
    )


def of_namespace(value: JsonObject, platform: Platform, user: User) -> "Said | None":
    """Return what is said of a Namespace that is created."""
    labels = (value.get("metadata") or {}).get("labels") or {}
    asked = plugin("", labels, platform, user)
    return asked.of_namespace() if asked else None
