"""What the two controls of seccomp profiles have in common."""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import UNSET, Finding
from webhook.core.pss.pod import Pod, contexts
from webhook.core.pss.wording import quoted, setters, those, values

GOOD = ("RuntimeDefault", "Localhost")
ALLOWED = '"RuntimeDefault" or "Localhost"'


def bad_profiles(pod: Pod, allowed: str, fix: str) -> Iterator[Finding]:
    """Refuse each profile that is set to something else than the two good types."""
    for place, context in contexts(pod):
        if (profile := context.get("seccompProfile")) is not None:
            kind = profile.get("type", "")
            if kind not in GOOD:
                path = place / "seccompProfile" / "type"
                yield Finding(path, kind or UNSET, allowed, fix)


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words about fields; of what is not set only if nothing is set badly."""
    bad = [finding for finding in findings if finding.path[-1] == "type"]
    if bad:
        kinds = ["" if value == repr(UNSET) else value for value in values(bad)]
        return (
            f"seccompProfile ({setters(pod, bad)} must not set "
            f"securityContext.seccompProfile.type to {quoted(sorted(kinds))})"
        )
    return (
        f"seccompProfile (pod or {those(pod, findings)} must set "
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )
