"""SELinux: a pod may choose among the types made for containers, and no user or role.

`container_engine_t` is among the types from v1.31 on.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, contexts
from webhook.core.pss.wording import noun, quoted, setters, values

_TYPES = ("container_t", "container_init_t", "container_kvm_t")


def check(pod: Pod, types: tuple[str, ...]) -> Iterator[Finding]:
    """Refuse each other type, each user and each role."""
    for place, context in contexts(pod):
        options, path = context.get("seLinuxOptions", {}), place / "seLinuxOptions"
        kind = options.get("type", "")
        if kind and kind not in types:
            allowed = f"{', '.join(types)}, or not set"
            yield Finding(path / "type", kind, allowed, "remove type, or choose one of these")
        if user := options.get("user"):
            yield Finding(path / "user", user, "not set", "remove user")
        if role := options.get("role"):
            yield Finding(path / "role", role, "not set", "remove role")


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    fields = {finding.path[-1] for finding in findings}
    data = []
    if "type" in fields:
        types = values(finding for finding in findings if finding.path[-1] == "type")
        data.append(f"{noun('type', types)} {quoted(types)}")
    data += [f"{field} may not be set" for field in ("user", "role") if field in fields]
    return (
        f"seLinuxOptions ({setters(pod, findings)} set forbidden "
        f"securityContext.seLinuxOptions: {'; '.join(data)})"
    )


CONTROL = Control(
    id="seLinuxOptions",
    level="baseline",
    versions={
        0: partial(check, types=_TYPES),
        31: partial(check, types=(*_TYPES, "container_engine_t")),
    },
    said=said,
)
