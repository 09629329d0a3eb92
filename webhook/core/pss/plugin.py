"""What Kubernetes' own Pod Security admission will say, from the labels of a namespace.

Equals the plugin `PodSecurity`: `enforce` refuses pods; `warn` warns of pods and of workloads, and
of a pod only if it is not refused; `audit` is noted in the audit log.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from webhook.core.model.finding import Action, Finding
from webhook.core.model.objects import Json
from webhook.core.model.shapes import ShapeError
from webhook.core.platform import PodSecurity
from webhook.core.pss.evaluate import evaluate, said
from webhook.core.pss.floor import written
from webhook.core.pss.labels import Mode, Standard, policy_of
from webhook.core.pss.pod import shaped

_ACTIONS: Mapping[Mode, Action] = {"enforce": "deny", "warn": "warn", "audit": "audit"}


class Said(NamedTuple):
    """What it says: a finding for each field, and its own words."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class Plugin(NamedTuple):
    """The plugin in one namespace, asked by one user."""

    settings: PodSecurity
    namespace: str
    labels: Mapping[str, str]
    user: str

    def of_pod(self, pod: Json, modes: tuple[Mode, ...], *, whole: bool = True) -> Said:
        """Return what is said of a pod, or a pod template.

        Args:
            pod: as the plugin sees it, after everything that fills it in.
            modes: which of the three count.
            whole: whether everything was filled in; if not, what may still be is not told.
        """
        if self._exempts(pod):
            return Said()
        policy = policy_of(self.labels, self.settings)
        findings: list[Finding] = []
        notes: list[str] = []
        for mode in _ACTIONS:
            if mode not in modes or (mode == "warn" and findings):
                continue
            standard: Standard = getattr(policy, mode)
            found = evaluate(pod, standard.level, standard.version)
            if not whole:
                found = written(found)
            elif found and mode != "audit":
                verb = "violates" if mode == "enforce" else "would violate"
                notes.append(f'{verb} PodSecurity "{standard}": {", ".join(said(pod, found))}')
            told = {(finding.rule, finding.path) for finding in findings}
            findings += [
                replace(finding, action=_ACTIONS[mode])
                for finding in found
                if (finding.rule, finding.path) not in told
            ]
        return Said(tuple(findings), tuple(notes))

    def of_namespace(self) -> Said:
        """Return what is said of the namespace itself, when it is created with its labels."""
        return Said(policy_of(self.labels, self.settings).mistakes)

    def _exempts(self, pod: Json) -> bool:
        if self.namespace in self.settings.exempt_namespaces:
            return True
        if self.user in self.settings.exempt_users:
            return True
        if not self.settings.exempt_runtime_classes:
            return False
        try:
            name = shaped(pod).get("spec", {}).get("runtimeClassName", "")
        except ShapeError:
            return False
        return name in self.settings.exempt_runtime_classes
