"""The tenancy part of a decision: classify, mutate, judge by every rule that reads the request."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.model.marks import MANAGED, TENANT
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.request import Namespace, Request
from webhook.core.model.world import Ref, World, labels, tenant_of
from webhook.core.platform import Platform
from webhook.core.tenancy.namespaces import chosen_tenant, is_namespace
from webhook.core.tenancy.registry import Registry
from webhook.core.tenancy.requester import Requester, classify
from webhook.core.tenancy.rule import Case, Rule
from webhook.core.tenancy.rules import RULES

POLICY = "tenancy"
_INITIALS = {"CREATE": "C", "UPDATE": "U", "DELETE": "D", "CONNECT": "X"}
_OWN_BODY = frozenset({"status", "finalize", "ephemeralcontainers", "resize"})
"""Subresources whose body is the whole object."""

_NEVER_LOOKED_UP = ("platform", "anonymous")
_ENTERED = ("pods", "services")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What tenancy says: the object after its mutations, its findings, who asked."""

    object: Json
    requester: Requester
    findings: tuple[Finding, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)


def case_of(request: Request, platform: Platform, registry: Registry, world: World) -> Case:
    """Return a request as rules see it."""
    requester = classify(
        request.user, platform, registry, lambda namespace: tenant_of(world, namespace)
    )
    namespace = _namespace(request, world)
    stamp = str(namespace.labels.get(TENANT) or "") if namespace else ""
    case = Case(
        request=request,
        requester=requester,
        platform=platform,
        registry=registry,
        world=world,
        namespace=namespace,
        tenant=registry.get(stamp) if stamp else None,
    )
    if (aimed := _aimed(case)) is not None:
        return replace(case, target=world.get(aimed))
    if is_namespace(request) and request.operation == "CREATE":
        chosen = chosen_tenant(request.object, case)
        return replace(case, tenant=registry.get(chosen) if chosen else None)
    return case


def _namespace(request: Request, world: World) -> Namespace | None:
    if request.resource == "namespaces" and not request.group:
        old = request.old_object
        if isinstance(old, dict):
            metadata = old.get("metadata") or {}
            return Namespace(
                str(metadata.get("name", request.name)),
                labels(old),
                metadata.get("annotations") or {},
                bool(metadata.get("deletionTimestamp")),
            )
        return None
    return world.namespace(request.namespace) if request.namespace else None


def target(request: Request) -> Ref | None:
    """Return what a request is aimed at, where its body does not show it."""
    if request.operation != "CONNECT" and (
        not request.subresource or request.subresource in _OWN_BODY
    ):
        return None
    name = request.name
    if request.subresource == "proxy":
        name = _without_scheme_and_port(name)
    return Ref(request.group, request.resource, request.namespace, name)


def _aimed(case: Case) -> Ref | None:
    """Return what a request is aimed at, if a rule that binds its requester will look at that.

    In a namespace of no tenant, and by a requester of none, these are pods and what leads to them.
    """
    aimed, kind = target(case.request), case.requester.kind
    if aimed is None or kind in _NEVER_LOOKED_UP:
        return None
    entered = not aimed.group and aimed.resource in _ENTERED
    if kind == "other" and case.tenant is None and not entered:
        return None
    return aimed if any(_binds(rule, case) for rule in _matching(case.request)) else None


def _without_scheme_and_port(name: str) -> str:
    """Return what a proxy request goes to: `https:web:8443` and `web:http` are the object `web`."""
    parts = name.split(":")
    return parts[1] if len(parts) == 3 else parts[0]


def lookups(
    request: Request, platform: Platform, registry: Registry, world: World
) -> tuple[tuple[Ref, ...], tuple[str, ...], bool]:
    """Return the objects that rules look up, the tenants they count, and whether hosts are taken.

    Platform and anonymous requesters are judged without any.
    """
    case = case_of(request, platform, registry, _Unread(world))
    if case.requester.kind in _NEVER_LOOKED_UP:
        return (), (), False
    rules = [rule for rule in _matching(request) if _binds(rule, case)]
    if not rules:
        return (), (), False
    refs = [ref for rule in rules if rule.reads is not None for ref in rule.reads(case)]
    counted = [name for rule in rules if rule.counts is not None for name in rule.counts(case)]
    if (aimed := _aimed(case)) is not None:
        refs.insert(0, aimed)
    claims = any(rule.claims is not None and rule.claims(case) for rule in rules)
    return tuple(dict.fromkeys(refs)), tuple(dict.fromkeys(counted)), claims


class _Unread:
    """A world whose objects have not been looked up yet."""

    def __init__(self, world: World) -> None:
        self.namespace = world.namespace
        self.namespaces_of = world.namespaces_of
        self.host_uses = world.host_uses
        self.wildcard_uses = world.wildcard_uses
        self.managed = world.managed

    def get(self, ref: Ref) -> JsonObject | None:
        """Return None."""
        return None


def judge(case: Case, only: Collection[str] | None = None) -> Verdict:
    """Mutate, then judge by every rule; all findings together, except after one that ends it.

    `only` names the rules to judge by, where not all of them are meant.
    """
    request, requester = case.request, case.requester
    rules = [
        rule
        for rule in _matching(request)
        if (only is None or rule.id in only)
        and _binds(rule, case)
        and (case.platform.rules.get(rule.id) or rule.action) != "off"
    ]
    judged = request.old_object if request.operation == "DELETE" else request.object
    if request.operation == "CONNECT":
        judged = None
    observing = case.platform.enforcement != "deny"
    adds = request.operation == "CREATE" or request.subresource == "ephemeralcontainers"
    if adds and (request.phase == "mutate" or observing):
        for rule in rules:
            if rule.mutate is not None:
                judged = rule.mutate(judged, case)
    findings: list[Finding] = []
    for rule in rules:
        listed: Any = case.platform.rules.get(rule.id)
        found = [
            replace(
                finding,
                rule=rule.id,
                policy=POLICY,
                action=listed or _least(rule.action, finding.action, case.platform.enforcement),
            )
            for finding in _found(rule, judged, case)
        ]
        findings += found
        if rule.ends and any(finding.action == "deny" for finding in found):
            break
    return Verdict(judged, requester, tuple(findings), _audit(case, findings))


def _least(*actions: Any) -> Any:
    """Return the mildest of a rule's own action, its finding's, and what the platform enforces."""
    return min(actions, key=("off", "audit", "warn", "deny").index)


def _found(rule: Rule, judged: Json, case: Case) -> Iterable[Finding]:
    found = list(rule.check(judged, case))
    if not found or not rule.ratchet or case.request.operation != "UPDATE":
        return found
    old = case.request.old_object
    if isinstance(old, dict) and (old.get("metadata") or {}).get("deletionTimestamp"):
        return ()
    before = {_element(finding) for finding in rule.check(old, case)} if old is not None else set()
    return [finding for finding in found if _element(finding) not in before]


def _element(finding: Finding) -> tuple[Any, ...]:
    """Return what makes a violation the same one: its content, wherever in a list it stands."""
    steps = tuple(step for step in finding.path if not isinstance(step, int))
    return (steps, finding.element or repr(finding.observed))


def _binds(rule: Rule, case: Case) -> bool:
    """Tell whether a rule binds this requester here."""
    kind = case.requester.kind
    if kind == "platform":
        return False
    if kind == "anonymous":
        return rule.id == "T-ID-1"
    if rule.family == "subject":
        return kind == "tenant" or (kind == "other" and rule.others)
    if case.tenant is None:
        return False
    return not (kind == "system" and _is_platform_object(case.request))


def _is_platform_object(request: Request) -> bool:
    """Tell whether the platform's own workload arrives, by a controller and with its marker."""
    stored: JsonObject | None = (
        request.old_object if request.operation != "CREATE" else request.object
    )
    return labels(stored).get(MANAGED) == "true"


@lru_cache(maxsize=4096)
def _rules_for(group: str, resource: str, subresource: str, initial: str) -> tuple[Rule, ...]:
    full = f"{resource}/{subresource}" if subresource else resource
    wild = "*/*" if subresource else "*"
    return tuple(
        rule
        for rule in RULES
        if any(
            initial in intercept.operations
            and (group in intercept.groups or "*" in intercept.groups)
            and (full in intercept.resources or wild in intercept.resources)
            for intercept in rule.intercepts
        )
    )


def _matching(request: Request) -> tuple[Rule, ...]:
    return _rules_for(
        request.group, request.resource, request.subresource, _INITIALS[request.operation]
    )


def _audit(case: Case, findings: list[Finding]) -> dict[str, str]:
    audit: dict[str, str] = {"class": case.requester.kind}
    if case.requester.tenants:
        audit["tenant"] = ",".join(case.requester.names)
        audit["role"] = ",".join(f"{name}={role}" for name, role in case.requester.tenants)
    if findings:
        audit["rules"] = ",".join(dict.fromkeys(finding.rule for finding in findings))
    if case.requester.kind == "platform":
        audit["exemption"] = "platform"
    return audit
