"""Uid ranges, groups and MCS labels of namespaces: who has which block, kept in a ConfigMap.

For one namespace, as it was read from the API server:

    allotment = ranges.annotations_for(namespace, settings)
    if allotment.annotations:
        metadata = namespace["metadata"]
        api.merge(path, {"metadata": {
            "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],  # both, always
            "annotations": {**others, **allotment.annotations},
        }}, timeout=10)
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from webhook.cluster.client import Api, ApiError, ClusterError, namespace_path, path_of
from webhook.core.model.blocks import Blocks
from webhook.core.model.marks import UID_RANGE_AWAITED
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import UID_RANGE
from webhook.core.platform import SccSettings
from webhook.core.provisioning.ranges import allocate
from webhook.core.provisioning.ranges.allocate import MOST_CLAIMS, Claim, Ledger, LiveNamespace
from webhook.core.provisioning.ranges.allotment import (
    Allotment,
    Problem,
    completed,
    exceeded,
    granted,
    overlaps,
)
from webhook.core.provisioning.ranges.ledger_text import UnreadableLedgerError, read, written
from webhook.metrics import Reading

LOG = logging.getLogger(__name__)

CONFIG_MAP = "tenantgate-scc-uid"
REPAIR_EVERY = 8 * 3600.0
"""Seconds between repairs, as on OpenShift; there is one at start as well."""

_NAMESPACES = path_of("api", "v1", "namespaces")
_ATTEMPTS = 12
_TIMEOUT = 10.0
_PAGE = 500

Change = Callable[[Ledger | None, Sequence[LiveNamespace]], Ledger]
"""What the ledger is to be, by what it is (None if that cannot be read) and all namespaces."""


class OutdatedError(ClusterError):
    """The namespace has changed since it was read: read it again, live, and ask again."""


class UIDRangeFullError(ClusterError):
    """No block is left, even after a repair; the text begins with `uid range exceeded`."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The ConfigMap as it was read; `ledger` is None where it holds none that can be trusted."""

    config_map: JsonObject
    ledger: Ledger | None

    @property
    def version(self) -> str:
        return str(self.config_map["metadata"]["resourceVersion"])


class Ranges:
    """The ledger of blocks, with one way to change it; threads, and other replicas, may share it.

    Args:
        api: the way to the API server.
        namespace: tenantgate's own, where the ConfigMap `tenantgate-scc-uid` is.
        pause: waits before the attempt of that number, after somebody else was faster.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        *,
        pause: Callable[[int], None] = lambda attempt: time.sleep(_jittered(attempt)),
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._collection = namespace_path(namespace, "configmaps")
        self._path = self._collection + path_of(CONFIG_MAP)
        self._pause = pause
        self._writing = threading.Lock()
        self._last: Ledger | None = None

    def annotations_for(self, namespace: JsonObject, settings: SccSettings) -> Allotment:
        """Return the `openshift.io/sa.scc.*` annotations that a namespace is still to get.

        Nothing is written on the namespace here: the caller does that, by a merge patch that
        carries the `uid` and the `resourceVersion` of the very object it gave (this is what keeps
        ranges disjoint), together with whatever else it writes. On a 409 it reads the namespace
        again, live, and asks again: the same block comes back. The allotment is empty where there
        is nothing to do. Namespaces that wait are claimed for together, in one write.

        Raises:
            OutdatedError: the namespace has changed meanwhile, or is gone.
            UIDRangeFullError: no block is left; worth an Event `UIDRangeFull`, and a rare retry.
            ClusterError: the ledger could not be read or written.
        """
        live = LiveNamespace.from_object(namespace)
        if UID_RANGE in live.annotations:
            return completed(live, settings)
        if live.terminating:
            return Allotment()
        if (claim := self._known(live, settings)) is None:
            with self._writing:
                # Whoever had the lock before may have claimed for this namespace as well.
                if (claim := self._known(live, settings)) is None:
                    claim = self._claim(live, settings)
        return granted(live, claim.block, settings)

    def repair(self, settings: SccSettings) -> tuple[Problem, ...]:
        """Rebuild the ledger from the namespaces: blocks of deleted ones come back.

        Due when this replica becomes the leader, every `REPAIR_EVERY` seconds, and when the
        settings have changed. Nobody's range is changed; what is wrong with them is returned.

        Raises:
            ClusterError: the ledger or the namespaces could not be read or written.
        """
        blocks = settings.uid_allocator_range
        with self._writing:
            _, namespaces = self._change(
                blocks, lambda ledger, listed: allocate.repair(ledger, listed, blocks)
            )
        return overlaps(namespaces, blocks)

    def readings(self) -> Iterator[Reading]:
        """Yield the gauges of the ledger as this replica last saw it."""
        if (ledger := self._last) is not None:
            taken = ledger.taken.bit_count()
            for state, count in (("free", ledger.blocks.count - taken), ("taken", taken)):
                yield "tenantgate_uid_blocks", {"state": state}, count

    def _known(self, live: LiveNamespace, settings: SccSettings) -> Claim | None:
        """Return the claim for this very version of a namespace.

        It need not be asked for again: nobody gives it up while the namespace stays as it is, and
        once it does not, what is written by the claim is refused.
        """
        ledger = self._last
        if ledger is None or ledger.blocks != settings.uid_allocator_range:
            return None
        claim = ledger.claims.get(live.uid)
        return claim if claim is not None and claim.version == live.version else None

    def _claim(self, live: LiveNamespace, settings: SccSettings) -> Claim:
        blocks = settings.uid_allocator_range
        ledger, namespaces = self._change(
            blocks,
            lambda ledger, listed: allocate.claim(ledger, listed, settings, first=live.uid),
        )
        if (claim := self._known(live, settings)) is not None:
            return claim
        if not any(each.uid == live.uid and each.version == live.version for each in namespaces):
            raise OutdatedError(f'namespace "{live.name}" has changed since it was read')
        if len(ledger.claims) >= MOST_CLAIMS:
            raise ClusterError(f"{MOST_CLAIMS} namespaces are about to get their uid range already")
        raise UIDRangeFullError(exceeded(namespaces, blocks))

    def _change(self, blocks: Blocks, change: Change) -> tuple[Ledger, Sequence[LiveNamespace]]:
        """Change the ledger, on what it and the namespaces are at one moment.

        The order is what makes it safe: the ledger is read, then the namespaces are listed, then
        the ledger is written if nobody has written it meanwhile.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(attempt)
            try:
                stored = self._read()
                namespaces = self._list()
                if moving := allocate.suspects(stored.ledger, namespaces, blocks):
                    self._move_on(moving, stored.version)
                    namespaces = self._list()
                ledger = change(stored.ledger, namespaces)
                if ledger != stored.ledger:
                    self._write(stored, ledger)
            except ApiError as error:
                if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.GONE):
                    raise
                continue
            self._last = ledger
            return ledger, namespaces
        raise ClusterError(f"{self._path}: somebody else wrote it first, {_ATTEMPTS} times")

    def _read(self) -> _Stored:
        """Return what the ConfigMap holds; where there is none, make one that holds nothing yet."""
        config_map = self._api.find(self._path, timeout=_TIMEOUT)
        if config_map is None:
            metadata = {"name": CONFIG_MAP, "namespace": self._namespace}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
            return _Stored(self._api.post(self._collection, body, timeout=_TIMEOUT), None)
        try:
            return _Stored(
                config_map, read(config_map.get("data") or {}, config_map["metadata"]["uid"])
            )
        except UnreadableLedgerError as error:
            LOG.warning("%s cannot be used, and is made anew: %s", self._path, error)
            return _Stored(config_map, None)

    def _write(self, stored: _Stored, ledger: Ledger) -> None:
        data = written(ledger, stored.config_map["metadata"]["uid"])
        try:
            self._api.put(self._path, {**stored.config_map, "data": data}, timeout=_TIMEOUT)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise ApiError(str(error), HTTPStatus.CONFLICT) from error  # deleted since it was read

    def _list(self) -> list[LiveNamespace]:
        """Return all namespaces as they are at one moment from now on, from no cache."""
        found: list[LiveNamespace] = []
        query: dict[str, str | int] = {"limit": _PAGE}
        while True:
            page = self._api.get(_NAMESPACES, query, timeout=_TIMEOUT)
            found.extend(LiveNamespace.from_object(item) for item in page.get("items") or ())
            more = page["metadata"].get("continue")
            if not more:
                return found
            query["continue"] = more

    def _move_on(self, namespaces: Iterable[LiveNamespace], ledger_version: str) -> None:
        """Give namespaces another resourceVersion, so that what was claimed for them is void.

        The annotation says that a range is on its way, and is taken off when it is there.
        """
        for namespace in namespaces:
            metadata: Mapping[str, object] = {
                "uid": namespace.uid,
                "resourceVersion": namespace.version,
                "annotations": {UID_RANGE_AWAITED: ledger_version},
            }
            try:
                self._api.merge(
                    namespace_path(namespace.name),
                    {"metadata": metadata},
                    timeout=_TIMEOUT,
                )
            except ApiError as error:
                if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                    raise
                # It has moved on by itself.


def _jittered(attempt: int) -> float:
    return random.uniform(0, min(0.02 * 2**attempt, 1))  # noqa: S311 - nobody profits by guessing it
