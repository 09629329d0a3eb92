"""User id: every container runs as a user that the SCC allows.

What a container does not say itself it takes from the pod, so a pod's `runAsUser: 0` is harmless
where every container names another user. `runAsNonRoot` is filled in under every SCC wherever the
user is known not to be root, and under `MustRunAsNonRoot` also where it is not known.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Container, Pod, SecurityContext
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_POD = FieldPath(("spec", "securityContext"))


def fill(
    context: SecurityContext | None, container: Container, pod: Pod, scc: Constraint
) -> SecurityContext | None:
    """Set the user where neither container nor pod does, then `runAsNonRoot` likewise."""
    inherited = pod.get("spec", {}).get("securityContext", {})
    own: SecurityContext = context or {}
    user = own.get("runAsUser", inherited.get("runAsUser"))
    if user is None and (user := _default(scc)) is not None:
        context = own = {**own, "runAsUser": user}
    if "runAsNonRoot" not in own and "runAsNonRoot" not in inherited:
        unknown = user is None and scc.run_as_user.type == "MustRunAsNonRoot"
        if unknown or (user is not None and user > 0):
            context = {**own, "runAsNonRoot": True}
    return context


def _default(scc: Constraint) -> int | None:
    strategy = scc.run_as_user
    if strategy.type == "MustRunAs":
        return strategy.uid
    if strategy.type == "MustRunAsRange" and strategy.range is not None:
        return strategy.range.min
    return None


def check(place: FieldPath, container: Container, pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse a user that the strategy does not allow."""
    strategy = scc.run_as_user
    if strategy.type == "RunAsAny":
        return
    user = _effective("runAsUser", container, pod)
    if strategy.type == "MustRunAsNonRoot":
        yield from _root(place, container, pod, user)
    elif strategy.type == "MustRunAs":
        if user != strategy.uid:
            yield _finding(_where("runAsUser", place, container, pod), user, str(strategy.uid))
    elif strategy.range is None or user is None or user not in strategy.range:
        yield _finding(_where("runAsUser", place, container, pod), user, str(strategy.range))


def _root(place: FieldPath, container: Container, pod: Pod, user: int | None) -> Iterator[Finding]:
    non_root = _effective("runAsNonRoot", container, pod)
    if non_root is False or (non_root is None and user is None):
        yield Finding(
            path=_where("runAsNonRoot", place, container, pod),
            observed=UNSET if non_root is None else non_root,
            allowed="true",
            fix="set runAsNonRoot: true, or remove it so that it is filled in",
        )
    elif user == 0:
        yield Finding(
            path=_where("runAsUser", place, container, pod),
            observed=0,
            allowed="any user but root (0)",
            fix="set runAsUser to the user that the image is built for",
        )


def _effective(field: str, container: Container, pod: Pod) -> Any:
    own = container.get("securityContext", {})
    if field in own:
        return own.get(field)
    return pod.get("spec", {}).get("securityContext", {}).get(field)


def _where(field: str, place: FieldPath, container: Container, pod: Pod) -> FieldPath:
    own = container.get("securityContext", {})
    if field not in own and field in pod.get("spec", {}).get("securityContext", {}):
        return _POD / field
    return place / "securityContext" / field


def _finding(path: FieldPath, user: int | None, allowed: str) -> Finding:
    return Finding(
        path=path,
        observed=UNSET if user is None else user,
        allowed=allowed,
        fix="remove runAsUser, so that an allowed one is filled in",
    )


RULE = Rule(
    id="run-as-user",
    order=100,
    grants="runAsUser",
    fill_container=fill,
    check_container=check,
)
