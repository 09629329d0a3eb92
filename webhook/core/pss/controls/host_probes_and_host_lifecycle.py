"""Probe hosts: probes and lifecycle hooks may reach the pod itself, and no host that they name.

The kubelet sends them from the node's network, so whoever names a host has the node knock there.
Since v1.34.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Handler, Pod, containers
from webhook.core.pss.wording import containers as names
from webhook.core.pss.wording import noun, quoted, values


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse every host in a probe or a hook."""
    for place, container in containers(pod):
        yield from _hosts(place / "livenessProbe", container.get("livenessProbe"))
        yield from _hosts(place / "readinessProbe", container.get("readinessProbe"))
        yield from _hosts(place / "startupProbe", container.get("startupProbe"))
        lifecycle = container.get("lifecycle", {})
        yield from _hosts(place / "lifecycle" / "postStart", lifecycle.get("postStart"))
        yield from _hosts(place / "lifecycle" / "preStop", lifecycle.get("preStop"))


def _hosts(place: FieldPath, handler: Handler | None) -> Iterator[Finding]:
    if not handler:
        return
    targets = {"httpGet": handler.get("httpGet", {}), "tcpSocket": handler.get("tcpSocket", {})}
    for kind, target in targets.items():
        if host := target.get("host"):
            yield Finding(
                path=place / kind / "host",
                observed=host,
                allowed="not set, which means the pod itself",
                fix="remove host",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    who, hosts = sorted(set(names(pod, findings))), values(findings)
    return (
        f"probe or lifecycle host ({noun('container', who)} {quoted(who)} "
        f"{noun('uses', who, 'use')} {noun('probe or lifecycle host', hosts)} {quoted(hosts)})"
    )


CONTROL = Control(
    id="hostProbesAndHostLifecycle", level="baseline", versions={34: check}, said=said
)
