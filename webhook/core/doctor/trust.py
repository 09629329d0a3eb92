"""Would the API server accept the certificate that it is shown, and for how long?"""

from collections.abc import Iterator
from datetime import timedelta

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.scene import Scene, Trust
from webhook.core.model.loose import mapping

CHECK = "certificates"

_SOON, _SOON_AUTHORITY = timedelta(days=14), timedelta(days=30)
_LAST = timedelta(days=2)
_ROTATE = "tenantgate certs rotate, or see why the controller does not"


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Judge the bundles that are registered, and the expiry of leaf and authorities, each by itself."""
    bare = [
        hook.name
        for hook in scene.ours
        if not mapping(hook.entry.get("clientConfig")).get("caBundle")
    ]
    if bare:
        level: Level = "fail" if scene.live else "warn"
        where = "every entry" if len(bare) == len(scene.ours) else f"entries {', '.join(bare)}"
        yield Diagnosis(
            *(CHECK, level, where),
            "no caBundle: the API server trusts its system's authorities alone",
            "the authorities of the serving certificate",
            "leave it to the controller, or render with --ca",
        )
    for trust in scene.trusts or ():
        yield from _trust(trust, scene)


def _trust(trust: Trust, scene: Scene) -> Iterator[Diagnosis]:
    if trust.objection:
        seen = f"the certificate of {trust.source} would be refused: {trust.objection}"
        allowed = "a serving certificate that caBundle verifies"
        yield Diagnosis(CHECK, "fail", trust.where, seen, allowed, _ROTATE)
        return
    well = []
    if trust.leaf is not None:
        left = trust.leaf - scene.now
        what = f"the serving certificate expires on {trust.leaf:%Y-%m-%d %H:%M} UTC"
        if left < _SOON:
            level: Level = "fail" if left < _LAST else "warn"
            yield Diagnosis(CHECK, level, trust.source, what, f"{_SOON.days} days or more", _ROTATE)
        else:
            well.append(what)
    if trust.authorities:
        last = max(trust.authorities)
        what = f"the authority that is trusted last expires on {last:%Y-%m-%d}"
        if last - scene.now < _SOON_AUTHORITY:
            allowed = f"{_SOON_AUTHORITY.days} days or more"
            yield Diagnosis(CHECK, "warn", trust.where, what, allowed, _ROTATE)
        else:
            well.append(what)
    if well:
        head = f"caBundle verifies what {trust.source} holds" if trust.source else "caBundle is set"
        yield Diagnosis(CHECK, "ok", trust.where, f"{head}; {'; '.join(well)}")
