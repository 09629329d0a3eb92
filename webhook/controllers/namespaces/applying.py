"""One object put in its place: by server-side apply, without what others have added, anew if need be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook.cluster.client import Api, ApiError, ClusterError
from webhook.controllers.namespaces.managed import Place
from webhook.core.model.objects import JsonObject
from webhook.core.provisioning.reconciliation.drift import stored
from webhook.core.provisioning.reconciliation.fields import intruders, taken_over
from webhook.core.provisioning.reconciliation.plan import is_recreatable

TIMEOUT = 10.0

_IMMUTABLE = re.compile(r"immutable|cannot change roleRef|may not be changed", re.IGNORECASE)
_INVALID = 422
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it: whether anything changed, and who had written to the object besides us.

    `made`: it was not there before, or not known as ours.
    """

    changed: bool
    made: bool = False
    others: tuple[str, ...] = ()


def put_in_place(api: Api, place: Place, wanted: JsonObject, *, sealed: bool) -> Applied:
    """Make an object what is wanted.

    Args:
        api: the way to the API server.
        place: where it belongs, and what is there.
        wanted: the object, complete.
        sealed: take away what others have added to its content.

    Raises:
        ClusterError: the API server refused it, or gave no answer.
    """
    before = place.live
    body = stored(wanted)
    try:
        answer = _object(api.apply(place.path, body, timeout=TIMEOUT))
    except ApiError as error:
        if error.status != _INVALID or not _IMMUTABLE.search(error.words):
            raise
        answer = _anew(api, place, body, error)
    for _ in range(_ROUNDS):
        if not sealed or not intruders(answer):
            break
        _take_over(api, place, answer, body)
        answer = _object(api.apply(place.path, body, timeout=TIMEOUT))
    after = place.wrote(answer)
    changed = before is None or (before.version < after.version and before != after)
    return Applied(changed, before is None, before.others if before is not None else ())


def _take_over(api: Api, place: Place, there: JsonObject, body: JsonObject) -> None:
    """Note what others own in an object as ours, so that the next apply takes away what is too much.

    Where their fields are those of another version of the API, the object is replaced.
    """
    metadata = there["metadata"]
    pinned = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    entries = taken_over(there)
    if entries is not None:
        body = {"metadata": {**pinned, "managedFields": entries}}
        api.merge(place.path, body, timeout=TIMEOUT)
        return
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    api.put(place.path, {**body, "metadata": kept}, timeout=TIMEOUT)


def _anew(api: Api, place: Place, body: JsonObject, error: ApiError) -> JsonObject:
    """Delete an object and make it anew, as a field that has to change cannot be changed."""
    there = api.find(place.path, timeout=TIMEOUT)
    if not isinstance(there, Mapping) or not is_recreatable(there, place.item):
        raise error
    remove(api, place.path, there)
    return _object(api.apply(place.path, body, timeout=TIMEOUT))


def remove(api: Api, path: str, there: JsonObject) -> None:
    """Delete an object as it was read, and no other version of it.

    Raises:
        ClusterError: it has changed meanwhile (409), or could not be deleted.
    """
    metadata = there["metadata"]
    pinned = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": pinned}
    api.delete(path, options, timeout=TIMEOUT)


def _object(answer: Any) -> JsonObject:
    if not isinstance(answer, Mapping):
        raise ClusterError("the server sent no object")
    return answer
