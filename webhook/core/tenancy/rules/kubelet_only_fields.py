"""Kubelet-only fields: mirror pods and the status of pods are written by nodes.

A pod that pretends to mirror a file on a node is never started by anybody and not held to what pods
are held to; a forged `podIP` turns the traffic of every Service that selects the pod.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import MIRROR, is_node
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping

_KEYS = (MIRROR, "kubernetes.io/config.source")


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse mirror annotations from anybody but nodes, and every status that a tenant writes."""
    if case.request.subresource == "status":
        if case.requester.kind == "tenant":
            status = mapping(mapping(value).get("status"))
            address = status.get("podIP")
            path = FieldPath(("status",))
            yield Finding(
                path=path / "podIP" if address else path,
                observed=address or status,
                allowed="what the kubelet reports",
                fix="leave pods/status alone",
                why="The status of a pod is written by its kubelet",
            )
        return
    if is_node(case):
        return
    annotations = mapping(mapping(mapping(value).get("metadata")).get("annotations"))
    for key in _KEYS:
        if key in annotations:
            yield Finding(
                path=FieldPath(("metadata", "annotations", key)),
                observed=annotations[key],
                allowed="not set",
                fix="drop the annotation",
                why="Mirror pods are created by kubelets",
            )


RULE = Rule(
    id="T-WL-13",
    family="namespace",
    intercepts=(Intercept(("",), ("pods",), "C"), Intercept(("",), ("pods/status",), "U")),
    check=check,
    ratchet=False,
)
