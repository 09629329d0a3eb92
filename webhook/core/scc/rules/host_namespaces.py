"""Host namespaces: a pod may not join its node's network, process or IPC namespace."""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.objects import Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_SPEC = FieldPath(("spec",))


def check(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse each namespace of the node that the SCC does not grant."""
    spec = pod.get("spec", {})
    if spec.get("hostNetwork") and not scc.allow_host_network:
        yield _finding("hostNetwork")
    if spec.get("hostPID") and not scc.allow_host_pid:
        yield _finding("hostPID")
    if spec.get("hostIPC") and not scc.allow_host_ipc:
        yield _finding("hostIPC")


def _finding(field: str) -> Finding:
    return Finding(path=_SPEC / field, observed=True, allowed="false", fix=f"remove {field}")


RULE = Rule(
    id="host-namespaces",
    order=60,
    grants="allowHostNetwork, allowHostPID, allowHostIPC",
    check_pod=check,
)
