"""Do all replicas decide by the same policies, and by those that are meant?"""

from collections.abc import Iterator

from webhook.core.doctor.diagnosis import Diagnosis
from webhook.core.doctor.scene import Scene

CHECK = "policies"


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Hold the names of the sets that replicas report against that of the policies."""
    for replica in scene.replicas or ():
        where, meant = f"replica {replica.name}", scene.policies.hash
        if replica.problem:
            yield Diagnosis(
                *(CHECK, "fail", where, replica.problem),
                *("a replica that is ready", "see its /readyz?verbose and its log"),
            )
        elif replica.sets != (meant,):
            yield Diagnosis(
                *(CHECK, "warn", where, f"decides by {', '.join(replica.sets) or 'no policies'}"),
                meant,
                "wait a minute for the kubelet to renew the mount; then see the replica's log for "
                "policy_rejected",
            )
        else:
            yield Diagnosis(CHECK, "ok", where, f"decides by {meant}")
