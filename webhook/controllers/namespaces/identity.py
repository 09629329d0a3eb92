"""What every namespace gets, served by a template or not: its uid range, and the stamp of its tenant."""

import logging
from dataclasses import dataclass

from webhook.controllers.loop import Context
from webhook.controllers.namespaces.homes import TIMEOUT, Homes, as_namespace, path
from webhook.controllers.ranges.claims import Ranges, UIDRangeFullError
from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import UID_RANGE
from webhook.core.policyset import PolicySet
from webhook.core.provisioning.ownership.stamps import stamp_for
from webhook.core.provisioning.ranges.allotment import Allotment

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """A namespace with what it now carries; `error` is why it has no range yet."""

    home: JsonObject
    error: UIDRangeFullError | None = None


class Identity:
    """Writes ranges and stamps, both in one patch of the very version that was looked at."""

    def __init__(self, context: Context, homes: Homes, ranges: Ranges) -> None:
        self._context = context
        self._homes = homes
        self._ranges = ranges

    def settle(self, home: JsonObject, policies: PolicySet) -> Settled:
        """Give a namespace what it lacks.

        Raises:
            OutdatedError: it has changed meanwhile.
            ApiError: as that, with status 409; or the API server refused the patch.
            ClusterError: the API server gave no answer.
        """
        error = None
        try:
            allotment = self._ranges.annotations_for(home, policies.platform.scc)
        except UIDRangeFullError as full:
            self._context.events.emit(home, "Warning", "UIDRangeFull", str(full))
            allotment, error = Allotment(), full
        if problem := allotment.problem:
            self._context.events.emit(home, "Warning", problem.reason, problem.message)
        stamp = stamp_for(as_namespace(home), policies.registry, policies.platform)
        adopted = stamp.tenant if stamp.reason in ("listed", "selected") else ""
        if not allotment.annotations and not adopted:
            return Settled(home, error)
        metadata = home["metadata"]
        patch = {
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "annotations": dict(allotment.annotations),
            "labels": {TENANT: adopted} if adopted else {},
        }
        answer = self._context.api.merge(path(home), {"metadata": patch}, timeout=TIMEOUT)
        home = self._homes.take(answer)
        if allotment.annotations.get(UID_RANGE):
            self._context.events.emit(home, "Normal", "CreatedSCCRanges", "created SCC ranges")
        if adopted:
            text = f"the namespace now belongs to tenant {adopted}, whose file {_how(stamp.reason)}"
            self._context.events.emit(home, "Normal", "Adopted", text)
            LOG.info("namespace %s: %s", metadata["name"], text)
        return Settled(home, error)


def _how(reason: str) -> str:
    return "lists it" if reason == "listed" else "selects it by its labels"
