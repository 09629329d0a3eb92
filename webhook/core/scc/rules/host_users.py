"""User namespaces: an SCC can demand that a pod runs in a user namespace of its own."""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_PATH = FieldPath(("spec", "hostUsers"))


def check(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse a pod in the node's user namespace; the field is never filled in."""
    if scc.require_user_namespace:
        host_users = pod.get("spec", {}).get("hostUsers")
        if host_users is not False:
            yield Finding(
                path=_PATH,
                observed=UNSET if host_users is None else host_users,
                allowed="false",
                fix="set hostUsers: false",
            )


RULE = Rule(id="host-users", order=70, grants="userNamespaceLevel", check_pod=check)
