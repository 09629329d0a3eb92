"""Interactive access to platform pods: nobody enters, evicts or deletes the platform's pods.

A shell in a pod of the platform holds the platform's token and files. Attaching, forwarding a port,
proxying to it or to a Service in front of it, and adding a debug container are as good as a shell.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.world import labels
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text

_NAME = FieldPath(("metadata", "name"))
_WORDS = {
    "exec": "no exec",
    "attach": "no attach",
    "portforward": "no port-forward",
    "proxy": "no proxy",
    "ephemeralcontainers": "no debug containers",
    "eviction": "no eviction",
    "": "no deletion",
}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse access to a pod of the platform, and to what cannot be found."""
    request = case.request
    goes = request.operation == "DELETE" or request.subresource == "eviction"
    if goes and case.namespace is not None and case.namespace.terminating:
        return
    target = case.target
    if request.operation in ("DELETE", "UPDATE"):
        target = request.old_object
    word = _WORDS.get(request.subresource, "no access")
    kind = "Service" if request.resource == "services" else "Pod"
    name = request.name or text(mapping(mapping(target).get("metadata")).get("name"))
    if target is None:
        yield Finding(
            path=_NAME,
            observed=name,
            allowed=f"a {kind} that exists",
            fix="check the name and retry; a new one may take a second to be known",
            why=f"No such {kind} is known, so whose it is cannot be told",
        )
    elif case.is_managed(target) or (kind == "Service" and _leads_to_platform(target, case)):
        yield Finding(
            path=_NAME,
            observed=name,
            allowed="pods and services of your own",
            fix="ask the platform team",
            why=f"This {kind} belongs to the platform; {word}"
            if case.is_managed(target)
            else f"This Service leads to a Pod of the platform; {word}",
        )


def _leads_to_platform(service: Any, case: Case) -> bool:
    selector = mapping(mapping(mapping(service).get("spec")).get("selector"))
    return bool(selector) and any(
        selector.items() <= labels(pod).items()
        for pod in case.world.managed("pods", case.request.namespace)
    )


RULE = Rule(
    id="T-WL-9",
    family="subject",
    intercepts=(
        Intercept(
            ("",),
            ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy"),
            "X",
        ),
        Intercept(("",), ("pods/ephemeralcontainers",), "U"),
        Intercept(("",), ("pods/eviction",), "C"),
        Intercept(("",), ("pods",), "D"),
    ),
    check=check,
    ratchet=False,
    others=True,
)
