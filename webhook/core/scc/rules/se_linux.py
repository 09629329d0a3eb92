"""SELinux: processes run under the label that the SCC sets.

Under `MustRunAs` a label that a pod brings has to equal the SCC's in every part; a part that the
SCC leaves empty has to be empty. A label given in part is not completed.
"""

from collections.abc import Iterator
from typing import cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Container, Pod, SELinuxOptions
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_POD = FieldPath(("spec", "securityContext", "seLinuxOptions"))


def fill(pod: Pod, scc: Constraint) -> Pod:
    """Set the SCC's label on the pod where it brings none."""
    if scc.se_linux.type != "MustRunAs":
        return pod
    spec = pod.get("spec", {})
    context = spec.get("securityContext", {})
    if "seLinuxOptions" in context:
        return pod
    filled = {**context, "seLinuxOptions": scc.se_linux.options()}
    return cast(Pod, {**pod, "spec": {**spec, "securityContext": filled}})


def check_pod(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse a pod's label that differs from the SCC's."""
    if scc.se_linux.type == "MustRunAs":
        options = pod.get("spec", {}).get("securityContext", {}).get("seLinuxOptions")
        if options is not None:
            yield from _differences(_POD, options, scc)


def check_container(
    place: FieldPath, container: Container, pod: Pod, scc: Constraint
) -> Iterator[Finding]:
    """Refuse a container's own label that differs; an inherited one is told at the pod."""
    if scc.se_linux.type == "MustRunAs":
        options = container.get("securityContext", {}).get("seLinuxOptions")
        if options is not None:
            yield from _differences(place / "securityContext" / "seLinuxOptions", options, scc)


def _differences(path: FieldPath, options: SELinuxOptions, scc: Constraint) -> Iterator[Finding]:
    level = options.get("level", "")
    if not same_level(level, scc.se_linux.level):
        yield _finding(path / "level", level, scc.se_linux.level)
    for key, wanted in (
        ("role", scc.se_linux.role),
        ("type", scc.se_linux.kind),
        ("user", scc.se_linux.user),
    ):
        seen = str(options.get(key, ""))
        if seen != wanted:
            yield _finding(path / key, seen, wanted)


def _finding(path: FieldPath, seen: str, wanted: str) -> Finding:
    return Finding(
        path=path,
        observed=seen or UNSET,
        allowed=f'"{wanted}"' if wanted else "not set",
        fix=(
            "remove seLinuxOptions, so that the label is filled in"
            if wanted
            else f"remove {path[-1]}"
        ),
    )


def same_level(a: str, b: str) -> bool:
    """Tell whether two levels are equal: sensitivity alike, categories alike in any order."""
    if a == b:
        return True
    left, right = a.split(":", 1), b.split(":", 1)
    return (
        len(left) == len(right) == 2
        and left[0] == right[0]
        and sorted(left[1].split(",")) == sorted(right[1].split(","))
    )


RULE = Rule(
    id="se-linux",
    order=50,
    grants="seLinuxContext",
    fill_pod=fill,
    check_pod=check_pod,
    check_container=check_container,
)
