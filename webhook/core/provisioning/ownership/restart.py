"""Pods that start anew once their namespace has gone to another tenant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.core.tenancy.rule import items, mapping, text


@dataclass(frozen=True, slots=True)
class Restart:
    """The pods of a namespace that was handed over.

    `leaving` maps the uid to the name of each pod that its controller will replace, `bare` are the
    names of those that nobody would.
    """

    leaving: Mapping[str, str]
    bare: tuple[str, ...] = ()


def restart(pods: Iterable[Mapping[str, Any]]) -> Restart:
    """Tell which pods are to be evicted, so that they start anew under the receiver's rules.

    Pods that have ended or are ending hold nothing any more, or soon. Those that a node runs by
    itself (mirror pods) would only be shown anew.
    """
    leaving: dict[str, str] = {}
    bare: list[str] = []
    for pod in pods:
        metadata = mapping(pod.get("metadata"))
        ended = mapping(pod.get("status")).get("phase") in ("Succeeded", "Failed")
        if ended or metadata.get("deletionTimestamp"):
            continue
        owners = [mapping(owner) for owner in items(metadata.get("ownerReferences"))]
        kinds = [owner.get("kind") for owner in owners if owner.get("controller") is True]
        if not kinds:
            bare.append(text(metadata.get("name")))
        elif "Node" not in kinds:
            leaving[text(metadata.get("uid"))] = text(metadata.get("name"))
    return Restart(leaving, tuple(sorted(bare)))
