"""Controller annotations: none that injects configuration or reaches beyond the tenant's own.

A snippet runs in the controller that serves everybody, with its right to read every Secret; others
have it call, forward to or publish what belongs to somebody else. Vendors spell them alike.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import any_glob, covers_host, is_address, network
from webhook.core.model.world import annotations
from webhook.core.tenancy.hosts import (
    EXTERNAL_DNS_NAMES,
    leads_inside,
    listed,
    objection,
    ungranted,
)
from webhook.core.tenancy.ingresses import INGRESSES
from webhook.core.tenancy.networks import is_covered, reserved_at
from webhook.core.tenancy.rule import Case, Rule, text
from webhook.core.tenancy.services import SERVICES

_URL = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<authority>[^/?#]*)/?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"[a-z0-9_.-]+\Z", re.IGNORECASE)
_REQUEST_PATH = re.compile(r"\$(request_)?uri.*", re.DOTALL)
_REQUEST_HOSTS = frozenset({"$host", "$http_host", "$best_http_host", "$server_name"})
_REFERENCE = re.compile(r"(secret|configmap)://")


def _injects(_: str, __: Case) -> str:
    return "injects configuration into the controller that serves everybody"


def _adds_hosts(_: str, __: Case) -> str:
    return "adds hosts beside those under rules, which alone are checked"


def _poses(_: str, __: Case) -> str:
    return "sends requests on under the host name of something else"


def _calls(url: str, case: Case) -> str:
    """Say what is wrong with a URL that the controller is to call: it leads into the cluster.

    `$host` and its like are the name that the client asked for. `svc://` takes a Service, after its
    namespace where that is given.
    """
    match = _URL.match(_REQUEST_PATH.sub("", url.strip()))
    authority = match["authority"].rpartition("@")[2] if match else ""
    if match and (match["scheme"] or "").lower() == "svc":
        own = not match["rest"] or case.is_own(authority)
        return "" if own else "calls a Service of another namespace"
    name = authority[: authority.find("]") + 1] or authority.partition(":")[0]
    if name.lower() in _REQUEST_HOSTS:
        return ""
    if net := network(name.strip("[]")):
        place = reserved_at(net, case.platform)
        return f"calls an address in {place}" if place else ""
    if not _NAME.match(name):
        return "calls a host that cannot be told"
    why = leads_inside(name, case)
    return f"calls {name}, which {why}" if why else ""


def _refers(reference: str, case: Case) -> str:
    """Say what is wrong with a reference to `NAMESPACE/NAME`: the namespace is not the tenant's."""
    namespace, slash, _ = _REFERENCE.sub("", reference.strip()).partition("/")
    return "" if not slash or case.is_own(namespace) else "names an object of another namespace"


def _publishes(targets: str, case: Case) -> str:
    """Say what is wrong with the targets of a DNS record: one is not granted in any way."""
    if case.tenant is None:
        return ""
    allow = case.tenant.allow
    for target in listed(targets):
        if net := network(target):
            fine = is_covered(net, (*allow.load_balancer_ips, *allow.external_ips))
        else:
            names = (covers_host(pattern, target) for pattern in allow.external_names)
            fine = any(names) or (not is_address(target) and not objection(target, case))
        if not fine:
            return f"publishes {target}, which is not granted to {case.tenant.name}"
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """Annotations of one purpose: their keys as globs, and what is wrong with a value, if anything."""

    keys: tuple[str, ...]
    objection: Callable[[str, Case], str]
    allowed: str = "not set"
    fix: str = "drop the annotation, or ask the platform team"


_KINDS = (
    Kind(
        (
            "*-snippet",
            "*-snippets",
            "*/snippet",
            "*/snippets",
            "*/config-backend*",
            "*/config-defaults",
            "*/config-frontend*",
            "*/config-global",
            "*/config-peers",
            "*/config-proxy",
            "*/config-sections",
            "*/config-tcp*",
            "getambassador.io/config",
        ),
        _injects,
    ),
    Kind(
        ("*/server-alias", "*/server-alias-regex"),
        _adds_hosts,
        fix="drop the annotation and write a rule for each host",
    ),
    Kind(("*/upstream-vhost",), _poses),
    Kind(
        ("*/auth-url", "*/mirror-target"),
        _calls,
        allowed="hosts outside the cluster, and Services of your own namespaces",
        fix="call a host outside the cluster, or a Service of your own by its full name",
    ),
    Kind(
        ("*/*-secret", "*/*-configmap", "*/auth-proxy-set-headers", "nginx.*/custom-headers"),
        _refers,
        allowed="objects of your own namespaces",
        fix="copy the object into this namespace, and name it without a namespace",
    ),
    Kind(
        ("external-dns.*/target",),
        _publishes,
        allowed="hosts and addresses that are granted to you",
        fix="drop the annotation to publish the controller's own address",
    ),
)


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse annotations by their purpose, whatever vendor's prefix they carry."""
    for key, item in annotations(value).items():
        path, note, name = FieldPath(("metadata", "annotations", key)), text(item), key.lower()
        if not note.strip():
            continue
        if case.request.resource == "ingresses" and any_glob(EXTERNAL_DNS_NAMES, name):
            for published in listed(note):
                yield from ungranted(path, published, case)
        for kind in _KINDS:
            if any_glob(kind.keys, name) and (why := kind.objection(note, case)):
                yield Finding(
                    path=path,
                    observed=note,
                    allowed=kind.allowed,
                    fix=kind.fix,
                    why=f"Annotation {key} {why}",
                )


RULE = Rule(id="T-ING-5", family="namespace", intercepts=(INGRESSES, SERVICES), check=check)
