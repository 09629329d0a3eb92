"""AppArmor: a profile is the runtime's own or one of the node's; it may not be switched off."""

from collections.abc import Iterator, Sequence

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding, shown
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, annotations, contexts
from webhook.core.pss.wording import noun, quoted, setters, values

_PREFIX = "container.apparmor.security.beta.kubernetes.io/"
_ANNOTATIONS = FieldPath(("metadata", "annotations"))


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse other profiles, in fields and in annotations, whichever container these name."""
    for place, context in contexts(pod):
        if (profile := context.get("appArmorProfile")) is not None:
            kind = profile.get("type", "")
            if kind not in ("RuntimeDefault", "Localhost"):
                yield Finding(
                    path=place / "appArmorProfile" / "type",
                    observed=kind or UNSET,
                    allowed='"RuntimeDefault" or "Localhost", or no profile',
                    fix="remove appArmorProfile, or set one of these",
                )
    for key, text in sorted(annotations(pod).items()):
        if key.startswith(_PREFIX) and not _is_good(text):
            yield Finding(
                path=_ANNOTATIONS / key,
                observed=text,
                allowed='"runtime/default" or "localhost/...", or no annotation',
                fix="remove the annotation, or set one of these",
            )


def _is_good(profile: str) -> bool:
    return profile in ("", "runtime/default") or profile.startswith("localhost/")


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    fields = [finding for finding in findings if finding.path[0] == "spec"]
    noted = [finding for finding in findings if finding.path[0] != "spec"]
    kinds = sorted("" if value == repr(UNSET) else value for value in values(fields))
    kinds += sorted(f"{finding.path[-1]}={shown(finding.observed)}" for finding in noted)
    who = [setters(pod, fields)] if fields else []
    who += [noun("annotation", noted)] if noted else []
    return (
        f"{noun('forbidden AppArmor profile', kinds)} "
        f"({' and '.join(who)} must not set AppArmor profile type to {quoted(kinds)})"
    )


CONTROL = Control(id="appArmorProfile", level="baseline", versions={0: check}, said=said)
