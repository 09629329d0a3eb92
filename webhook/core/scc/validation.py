"""What makes an SCC document invalid.

`problems` equals OpenShift's plugin `security.openshift.io/ValidateSecurityContextConstraints`,
applied to a defaulted object. `unusable` adds what OpenShift accepts but cannot evaluate: there
such an SCC blocks every pod; here it is refused when the policy loads.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.metadata import is_subdomain
from webhook.core.scc.constraint import CONTEXT_TYPES, RUN_AS_USER_TYPES

_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?\.)*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]\Z")


def problems(scc: Mapping[str, Any]) -> list[Finding]:
    """Return everything that OpenShift's validation refuses in a defaulted SCC object."""
    return [
        *_name(scc),
        *_priority(scc),
        *_user(scc),
        *_types(scc),
        *_ranges(scc),
        *_capabilities(scc),
        *_escalation(scc),
        *_volumes(scc),
        *_sysctls(scc),
    ]


def unusable(scc: Mapping[str, Any]) -> list[Finding]:
    """Return what OpenShift would accept in a valid SCC but could not evaluate on any pod."""
    user = scc["runAsUser"]
    out: list[Finding] = []
    if user.get("type") == "MustRunAs" and user.get("uid") is None:
        out.append(
            _problem(
                "runAsUser.uid", UNSET, "a user id, which MustRunAs requires", "set runAsUser.uid"
            )
        )
    if user.get("type") == "MustRunAsRange":
        bounds = [name for name in ("uidRangeMin", "uidRangeMax") if user.get(name) is None]
        if len(bounds) == 1:
            out.append(
                _problem(
                    f"runAsUser.{bounds[0]}",
                    UNSET,
                    "both bounds of the range, or neither (the namespace then gives it)",
                    f"set runAsUser.{bounds[0]}, or remove the other bound",
                )
            )
    return out


def _problem(path: str, observed: Any, allowed: str, fix: str) -> Finding:
    return Finding(FieldPath.parse(path), observed, allowed, fix)


def _name(scc: Mapping[str, Any]) -> Iterator[Finding]:
    name = (scc.get("metadata") or {}).get("name")
    if not name:
        yield _problem("metadata.name", UNSET, "a name", "set metadata.name")
    elif not is_subdomain(name):
        yield _problem(
            "metadata.name",
            name,
            "at most 253 lower case letters, digits, '-' and '.', beginning and ending with a "
            "letter or digit",
            "rename it",
        )


def _priority(scc: Mapping[str, Any]) -> Iterator[Finding]:
    if (priority := scc.get("priority")) is not None and priority < 0:
        yield _problem(
            "priority", priority, "0 or more", "raise the priorities of the others instead"
        )


def _user(scc: Mapping[str, Any]) -> Iterator[Finding]:
    user = scc["runAsUser"]
    if user.get("type") not in RUN_AS_USER_TYPES:
        yield _one_of("runAsUser.type", user.get("type", UNSET), RUN_AS_USER_TYPES)
    if (uid := user.get("uid")) is not None and uid < 0:
        yield _problem("runAsUser.uid", uid, "0 or more", "use a user id that exists")


def _types(scc: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("seLinuxContext", "fsGroup", "supplementalGroups"):
        seen = scc[name].get("type", UNSET)
        if seen not in CONTEXT_TYPES:
            yield _one_of(f"{name}.type", seen, CONTEXT_TYPES)


def _one_of(path: str, seen: Any, allowed: Sequence[str]) -> Finding:
    return _problem(path, seen, ", ".join(allowed), "use one of them; case counts")


def _ranges(scc: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("fsGroup", "supplementalGroups"):
        for index, item in enumerate(scc[name].get("ranges") or ()):
            low, high = item.get("min") or 0, item.get("max") or 0
            at = f"{name}.ranges[{index}]"
            if low < 0:
                yield _problem(f"{at}.min", low, "0 or more", "use a group id that exists")
            if high < 0:
                yield _problem(f"{at}.max", high, "0 or more", "use a group id that exists")
            if low > high:
                yield _problem(f"{at}.min", low, f"at most max, which is {high}", "swap the bounds")


def _capabilities(scc: Mapping[str, Any]) -> Iterator[Finding]:
    required = scc.get("requiredDropCapabilities") or ()
    for name in ("defaultAddCapabilities", "allowedCapabilities"):
        for capability in scc.get(name) or ():
            if capability in required:
                yield _problem(
                    name,
                    capability,
                    "capabilities that requiredDropCapabilities does not list",
                    "take it out of one of the two lists",
                )
    if required and "*" in (scc.get("allowedCapabilities") or ()):
        yield _problem(
            "requiredDropCapabilities",
            list(required),
            "an empty list while allowedCapabilities holds '*'",
            "name the allowed capabilities, or drop none",
        )


def _escalation(scc: Mapping[str, Any]) -> Iterator[Finding]:
    if scc.get("defaultAllowPrivilegeEscalation") and scc["allowPrivilegeEscalation"] is False:
        yield _problem(
            "defaultAllowPrivilegeEscalation",
            True,
            "false while allowPrivilegeEscalation is false",
            "set both alike",
        )


def _volumes(scc: Mapping[str, Any]) -> Iterator[Finding]:
    volumes = scc["volumes"]
    if "none" in volumes and len(volumes) > 1:
        yield _problem("volumes", volumes, "'none' alone, or a list without it", "remove 'none'")
    flex = scc.get("allowedFlexVolumes") or ()
    if flex and not {"flexVolume", "*"} & set(volumes):
        yield _problem(
            "allowedFlexVolumes",
            flex,
            "no entry unless volumes holds 'flexVolume' or '*'",
            "add flexVolume to volumes",
        )
        return
    for index, item in enumerate(flex):
        if not item.get("driver"):
            yield _problem(
                f"allowedFlexVolumes[{index}].driver", UNSET, "a driver's name", "name the driver"
            )


def _sysctls(scc: Mapping[str, Any]) -> Iterator[Finding]:
    allowed = scc.get("allowedUnsafeSysctls") or []
    forbidden = scc.get("forbiddenSysctls") or []
    yield from _overlaps(allowed, forbidden)
    for name, entries in (("allowedUnsafeSysctls", allowed), ("forbiddenSysctls", forbidden)):
        for index, entry in enumerate(entries):
            at = f"{name}[{index}]"
            if not entry:
                yield _problem(at, entry, "a sysctl's name", "remove the empty entry")
            elif len(entry) > 253 or not _SYSCTL.match(entry):
                yield _problem(
                    at,
                    entry,
                    "a dotted lower case name of at most 253 characters, '*' only at its end",
                    "write it as sysctl prints it, with dots",
                )
        if len(entries) > 1 and "*" in entries:
            yield _problem(
                f"{name}.items", entries, "'*' alone, or names without it", "remove one side"
            )


def _overlaps(allowed: Sequence[str], forbidden: Sequence[str]) -> Iterator[Finding]:
    for i, allow in enumerate(allowed):
        for j, forbid in enumerate(forbidden):
            a, f = allow.removesuffix("*"), forbid.removesuffix("*")
            at_allowed = allow == forbid
            at_forbidden = False
            if allow.endswith("*") and forbid.endswith("*"):
                at_allowed, at_forbidden = a.startswith(f), f.startswith(a)
            elif allow.endswith("*"):
                at_allowed, at_forbidden = False, forbid.startswith(a)
            elif forbid.endswith("*"):
                at_allowed = allow.startswith(f)
            if at_allowed:
                yield _overlap(f"allowedUnsafeSysctls[{i}]", allow, forbid)
            elif at_forbidden:
                yield _overlap(f"forbiddenSysctls[{j}]", forbid, allow)


def _overlap(path: str, entry: str, other: str) -> Finding:
    return _problem(
        path,
        entry,
        f'names that the other sysctl list does not cover (it holds "{other}")',
        "keep a sysctl in one of the two lists",
    )
