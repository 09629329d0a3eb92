"""Sysctls: a pod may set the kernel parameters that are safe and those the SCC allows.

A forbidden name wins over everything. Which names are safe depends on the node's kernel on
OpenShift; the kernel of the webhook's own host says nothing, so all twelve names are.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.objects import Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

SAFE = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_PATH = FieldPath(("spec", "securityContext", "sysctls"))


def check(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse each forbidden sysctl, and each unsafe one that the SCC does not allow."""
    for index, sysctl in enumerate(
        pod.get("spec", {}).get("securityContext", {}).get("sysctls", ())
    ):
        name = sysctl.get("name", "")
        if _listed(name, scc.forbidden_sysctls):
            allowed = f"names that forbiddenSysctls of {scc.name} does not list"
        elif name in SAFE or _listed(name, scc.allowed_unsafe_sysctls):
            continue
        else:
            unsafe = ", ".join(scc.allowed_unsafe_sysctls)
            allowed = f"the safe sysctls, {unsafe}" if unsafe else "the safe sysctls"
        yield Finding(
            path=_PATH / index / "name", observed=name, allowed=allowed, fix="remove this sysctl"
        )


def _listed(name: str, patterns: Sequence[str]) -> bool:
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )


RULE = Rule(
    id="sysctls", order=80, grants="allowedUnsafeSysctls, forbiddenSysctls", check_pod=check
)
