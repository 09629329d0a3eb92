"""What a template's NetworkPolicies let in and out by address."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.loose import items, mapping
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.pattern import Network, network, overlap, within
from webhook.core.model.schema import Mistake
from webhook.core.platform import Platform
from webhook.core.provisioning.templates.parameters import is_open

_PEERS = {"ingress": "from", "egress": "to"}


def network_mistakes(given: JsonObject, path: FieldPath) -> Iterator[Mistake]:
    """Yield the ipBlocks of a NetworkPolicy that the API server refuses.

    That is one that is no CIDR, and one with an exception that is no part of it.
    """
    for direction in _PEERS:
        for at, block in _blocks(given, direction, path):
            yield from _block_mistakes(block, at)


def open_networks(given: JsonObject, platform: Platform, path: FieldPath) -> Iterator[Mistake]:
    """Yield the ipBlocks of a NetworkPolicy that let pods out to what the Platform reserves."""
    if given["kind"] != "NetworkPolicy":
        return
    for at, block in _blocks(given, "egress", path):
        whole = _cidr(block.get("cidr"))
        parts = items(block.get("except"))
        if whole is None or any(is_open(part) for part in parts) or is_open(block.get("except")):
            continue
        closed = [found for found in map(_cidr, parts) if found is not None]
        reached = [
            str(reserved)
            for reserved in platform.reserved_networks
            if overlap(reserved, whole) and not any(within(reserved, part) for part in closed)
        ]
        if reached:
            yield Mistake(
                at,
                f"{at} lets pods out to {', '.join(reached)}, which the Platform says is the cluster's "
                "own or protected. Fix: add that to except.",
            )


def _blocks(
    given: JsonObject, direction: str, path: FieldPath
) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield the ipBlocks for one direction, each with its place."""
    spec, peers = mapping(given.get("spec")), _PEERS[direction]
    for index, rule in enumerate(items(spec.get(direction))):
        for number, peer in enumerate(items(mapping(rule).get(peers))):
            if block := mapping(mapping(peer).get("ipBlock")):
                yield path / "spec" / direction / index / peers / number / "ipBlock", block


def _block_mistakes(block: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    cidr, exceptions = block.get("cidr"), block.get("except")
    if is_open(cidr):
        return
    if (whole := _cidr(cidr)) is None:
        at = path / "cidr"
        yield Mistake(at, f"{at} is {shown(cidr)}; allowed: a CIDR")
        return
    if exceptions is not None and not is_open(exceptions) and not isinstance(exceptions, list):
        at = path / "except"
        yield Mistake(at, f"{at} is {shown(exceptions)}; allowed: a list of CIDRs")
    for index, item in enumerate(items(exceptions)):
        part = _cidr(item)
        if not is_open(item) and (part is None or part == whole or not within(part, whole)):
            at = path / "except" / index
            yield Mistake(at, f"{at} is {shown(item)}; allowed: a CIDR that is a part of {cidr}")


def _cidr(value: Json) -> Network | None:
    return network(value) if isinstance(value, str) and "/" in value else None
