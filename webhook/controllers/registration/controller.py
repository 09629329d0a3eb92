"""Keeps the two webhook configurations as the policies ask for, or watches over who else does.

What is done when is decided in `core/registration/keeping.py`; `note.py` remembers what was
registered. The configurations belong to tenantgate's namespace: where that goes, so do they.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.certs.authorities import ids_in
from webhook.certs.registered import registrations_path
from webhook.certs.secret import TLS_SECRET
from webhook.cluster.client import namespace_path, path_of
from webhook.cluster.events import EventType
from webhook.cluster.watch import Watcher
from webhook.controllers.fights import Fights
from webhook.controllers.following import Following
from webhook.controllers.known import Known
from webhook.controllers.loop import Context
from webhook.controllers.registration.coming import Coming
from webhook.controllers.registration.front import Front, look
from webhook.controllers.registration.note import NAME as NOTE
from webhook.controllers.registration.note import Note, owner
from webhook.controllers.registration.reminders import Reminders
from webhook.core.model.marks import FIELD_MANAGER
from webhook.core.model.objects import JsonObject
from webhook.core.registration import NAME, Target, registration
from webhook.core.registration.compare import Difference, differences, with_bundle
from webhook.core.registration.keeping import Mode, Seen, Step, steps
from webhook.metrics import Reading

KINDS = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
_SHORT = {
    "MutatingWebhookConfiguration": "mutating",
    "ValidatingWebhookConfiguration": "validating",
}
_KEY = "tenantgate"
_TIMEOUT = 10.0
_PATIENCE = 30.0
"""Seconds that an installation may take before somebody is told that it waits."""

_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the registration is kept.

    `target` is where the API server reaches the webhook, `secret` what its pods mount. In seconds:
    `soon` until it is looked again while something is awaited, `later` while all is well.
    """

    target: Target
    mode: Mode = "managed"
    secret: str = TLS_SECRET
    soon: float = 2.0
    later: float = 10.0


class Registration(Following):
    """Creates the configurations, keeps them in step with the policies, and repairs them.

    Args:
        context: what every controller works with.
        keeping: how.
        clock: seconds, from anywhere.
    """

    name = "registration"

    def __init__(
        self,
        context: Context,
        keeping: Keeping,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(context)
        self._keeping = keeping
        self._note = Note(context.api, context.namespace, keeping.target)
        self._reminders = Reminders(clock)
        self._applied: dict[str, JsonObject] = {}
        self._taken: tuple[Step, ...] = ()
        self._fights = Fights(clock=clock)
        api = context.api
        self._coming = Coming(api, context.namespace, self.resync)
        versions = Known(_version, self._changed)
        self._watchers = [
            *(
                Watcher(api, plural, registrations_path(plural), versions)
                for plural in KINDS.values()
            ),
            self._coming.watcher,
        ]

    def resync(self) -> None:
        """Look at both."""
        self._enqueue(_KEY)

    def readings(self) -> Iterator[Reading]:
        """Return whether each configuration is in force."""
        for step in self._taken:
            labels = {"configuration": _SHORT[step.kind]}
            yield "tenantgate_registration_in_force", labels, int(step.move == "keep")

    def reconcile(self, key: str) -> float | None:
        """Bring both configurations to what they should be, and return when to look again.

        They are read before the certificates are: who writes those writes the configurations last,
        so that what follows here from old certificates meets a newer version, and fails.
        """
        keeping, context = self._keeping, self._context
        stored = {kind: self._stored(kind) for kind in KINDS}
        front = look(context.api, context.namespace, keeping.target, keeping.secret)
        before = self._note.read()
        wanted = self._wanted(front)
        seen = Seen(
            {kind: _spelt(found, front.ca, keeping.mode) for kind, found in stored.items()},
            before,
            front.silence,
        )
        self._taken = tuple(steps(wanted, seen, keeping.mode))
        again = min(
            self._take(step, wanted[step.kind], stored[step.kind], front.silence)
            for step in self._taken
        )
        there = {step.kind for step in self._taken if step.move in ("create", "repair", "keep")}
        if keeping.mode == "managed" and not there <= before and not front.silence:
            self._note.write(before | there)
        return min(again, keeping.soon) if front.silence else again

    def _wanted(self, front: Front) -> Mapping[str, JsonObject]:
        policies, target = self._context.store.current, self._keeping.target
        made = registration(policies, target, front.ca, coming=self._coming.demands())
        return {str(each["kind"]): each for each in made}

    def _take(
        self, step: Step, wanted: JsonObject, stored: JsonObject | None, silence: str
    ) -> float:
        """Do what is to be done about one configuration; return when to look at it again."""
        kind, keeping = step.kind, self._keeping
        match step.move:
            case "create":
                self._apply(kind, wanted, {})
                names = [each["name"].partition(".")[0] for each in wanted.get("webhooks", ())]
                text = f"the {kind} is registered: entries {', '.join(names)}"
                self._tell(text, "Normal", "Registered")
            case "repair":
                return self._repair(step, wanted, stored or {})
            case "wait":
                text = f"the {kind} waits to be {'repaired' if stored else 'registered'}: {silence}"
                self._remind(kind, text, "RegistrationWaits", _PATIENCE)
                return keeping.soon
            case "leave":
                text = (
                    f"the {kind} was deleted by hand and stays deleted: nothing is judged by it. To have "
                    f"it registered again: kubectl -n {self._context.namespace} delete configmap {NOTE}"
                )
                self._remind(kind, text, "RegistrationDeleted")
                return keeping.soon
            case "report":
                what = _listed(step.differences) if stored else "it is not there"
                text = f"the {kind} is not as the policies ask for: {what}"
                self._remind(kind, text, "RegistrationDiffers")
            case "keep":
                self._reminders.over(kind)
                self._applied[kind] = wanted
        return keeping.later

    def _repair(self, step: Step, wanted: JsonObject, stored: JsonObject) -> float:
        """Put one configuration right; slowly where somebody does not leave it so."""
        kind, later = step.kind, self._keeping.later
        key = ("", "admissionregistration.k8s.io", kind, NAME)
        what = _listed(step.differences)
        if not _is_foreign(step, self._applied.get(kind), stored):
            self._apply(kind, wanted, stored)
            text = f"the {kind} is brought to what the policies ask for: {what}"
            self._tell(text, "Normal", "Registered")
            return later
        if (rest := self._fights.wait(key)) > 0:
            text = f"the {kind} is changed again and again{_by(stored)}: {what}"
            self._remind(kind, text, "RegistrationContested")
            return rest
        self._apply(kind, wanted, stored)
        self._fights.repaired(key)
        self._context.metrics.count("tenantgate_registration_repairs_total", _SHORT[kind])
        text = f"a change of the {kind}{_by(stored)} was put right: {what}"
        self._tell(text, "Warning", "RegistrationRepaired")
        return later

    def _apply(self, kind: str, wanted: JsonObject, stored: JsonObject) -> None:
        """Apply a configuration; of a stored one just that version, lest a deletion be undone.

        What is left afterwards are entries and fields that somebody else owns: they go.
        """
        api, path = self._context.api, _path(kind)
        namespace = namespace_path(self._context.namespace)
        owned = owner(api.find(namespace, timeout=_TIMEOUT), "v1", "Namespace")
        metadata: Mapping[str, Any] = stored.get("metadata") or {}
        same = {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}
        body = {**wanted, "metadata": {**wanted["metadata"], **owned, **same}}
        result = api.apply(path, body, timeout=_TIMEOUT)
        if isinstance(result, Mapping) and any(differences(wanted, result)):
            version = result["metadata"]["resourceVersion"]
            rest = {
                "metadata": {"resourceVersion": version},
                "webhooks": wanted.get("webhooks", []),
            }
            api.merge(path, rest, timeout=_TIMEOUT)
        self._applied[kind] = wanted
        self._reminders.over(kind)

    def _stored(self, kind: str) -> JsonObject | None:
        found = self._context.api.find(_path(kind), timeout=_TIMEOUT)
        return found if isinstance(found, Mapping) else None

    def _changed(self, namespace: str, name: str, before: str | None, after: str | None) -> None:
        if name == NAME:
            self.resync()

    def _remind(self, kind: str, text: str, reason: str, patience: float = 0) -> None:
        if self._reminders.due(kind, text, patience):
            self._tell(text, "Warning", reason)

    def _tell(self, text: str, of_type: EventType, reason: str) -> None:
        level = "info" if of_type == "Normal" else "warning"
        self._context.lines.event(level, __name__, text, "registration", reason=reason)
        metadata = {"name": self._context.namespace}
        own = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self._context.events.emit(own, of_type, reason, text)


def _path(kind: str) -> str:
    return registrations_path(KINDS[kind]) + path_of(NAME)


def _version(obj: JsonObject) -> str:
    return str(obj["metadata"].get("resourceVersion"))


def _spelt(stored: JsonObject | None, ca: str | None, mode: Mode) -> JsonObject | None:
    """Return a configuration whose bundles are spelt as ours where they hold the same authorities.

    Where somebody else keeps the registration, the bundle is the affair of who keeps the certificates.
    """
    if stored is None or ca is None:
        return stored
    ours = ids_in(ca.encode())
    return with_bundle(stored, ca, lambda found: mode == "external" or ids_in(found) == ours)


def _is_foreign(step: Step, applied: JsonObject | None, stored: JsonObject) -> bool:
    """Tell whether something to be put right is neither what was applied nor what is to be."""
    if applied is None:
        return False
    changed = {found.path for found in differences(applied, stored)}
    return any(found.path in changed for found in step.differences)


def _listed(found: tuple[Difference, ...]) -> str:
    texts = list(dict.fromkeys(map(str, found)))
    told = "; ".join(texts[:_MOST_TOLD])
    more = len(texts) - _MOST_TOLD
    return f"{told} (and {more} more)" if more > 0 else told


def _by(stored: JsonObject) -> str:
    """Return who wrote last besides us, as far as the API server noted it."""
    fields = stored["metadata"].get("managedFields") or ()
    writers = [
        (str(each.get("time")), str(each.get("manager")))
        for each in fields
        if each.get("manager") != FIELD_MANAGER
    ]
    return f' by "{max(writers)[1]}"' if writers else ""
