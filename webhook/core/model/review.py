"""AdmissionReview in and out: bytes to a Request, a Decision to bytes.

Only the envelope is read here. The objects in it stay undecoded until a rule asks for one, so a
request that no rule concerns costs the same however big its object is. Nothing on the way of a
command that needs no webhook imports this module.
"""

from base64 import b64encode
from collections.abc import Callable
from textwrap import wrap
from typing import Any

import msgspec
import orjson

from webhook.core.model.finding import Decision
from webhook.core.model.objects import Json
from webhook.core.model.request import Operation, Phase, Request, User

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"

PATHS: dict[str, Phase] = {"/mutate": "mutate", "/validate": "validate"}
"""Where a review is posted, and what may be answered there."""

WARNING_LENGTH = 120
"""Kubernetes asks for warnings shorter than this; kubectl prints each on a line of its own."""

WARNINGS_LENGTH = 4096
"""Of all warnings of an answer together; the API server drops what is beyond."""

_OPERATIONS: dict[str, Operation] = {
    "CREATE": "CREATE",
    "UPDATE": "UPDATE",
    "DELETE": "DELETE",
    "CONNECT": "CONNECT",
}


class NotAReview(Exception):
    """The body is no AdmissionReview; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class UnreadableObject(Exception):
    """The envelope is sound, but an object in it is no JSON that can be decoded."""


class _Kind(msgspec.Struct, gc=False):
    kind: str | None = None


class _Resource(msgspec.Struct, gc=False):
    group: str | None = None
    version: str | None = None
    resource: str | None = None


class _UserInfo(msgspec.Struct):
    username: str | None = None
    uid: str | None = None
    groups: list[str] | None = None
    extra: dict[str, list[str] | None] | None = None


class _Request(msgspec.Struct):
    uid: str | None = None
    kind: _Kind | None = None
    resource: _Resource | None = None
    subResource: str | None = None
    name: str | None = None
    namespace: str | None = None
    operation: str | None = None
    userInfo: _UserInfo | None = None
    object: msgspec.Raw = msgspec.Raw()
    oldObject: msgspec.Raw = msgspec.Raw()
    dryRun: bool | None = None


class _Review(msgspec.Struct):
    apiVersion: str | None = None
    kind: str | None = None
    request: _Request | None = None


_decode = msgspec.json.Decoder(_Review).decode


def read_review(path: str, body: bytes) -> Request:
    """Read the body that the API server posted to `path`.

    Null is accepted wherever Go writes it for an empty value. What a decision hangs on, and the
    uid that ties the answer to its request, must be there.

    Raises:
        NotAReview: the body is none, or lacks something without which nothing can be decided.
    """
    phase = PATHS.get(path)
    if phase is None:
        raise NotAReview(404, f"reviews are posted to {' or '.join(PATHS)}, not to {path}")
    try:
        review = _decode(body)
    except msgspec.ValidationError as error:
        raise NotAReview(400, f"the body is no AdmissionReview: {error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise NotAReview(400, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise NotAReview(400, "the body is nested too deeply to be read") from None
    if review.apiVersion != API_VERSION or review.kind != KIND:
        raise NotAReview(
            400,
            f"the body is {_said(review.apiVersion)} {_said(review.kind)}, not {API_VERSION} {KIND}",
        )
    asked = review.request
    if asked is None:
        raise NotAReview(400, "the AdmissionReview has no request")
    if not asked.uid:
        raise NotAReview(400, "request.uid is empty, so no answer could be told to be its own")
    operation = _OPERATIONS.get(asked.operation or "")
    if operation is None:
        raise NotAReview(
            400,
            f"request.operation is {_said(asked.operation)}, not one of {', '.join(_OPERATIONS)}",
        )
    if asked.resource is None or not asked.resource.resource:
        raise NotAReview(400, "request.resource names no resource")
    if asked.kind is None or not asked.kind.kind:
        raise NotAReview(400, "request.kind names no kind")
    if asked.userInfo is None:
        raise NotAReview(400, "request.userInfo is missing, so nobody can tell who asks")
    return Request(
        operation=operation,
        resource=asked.resource.resource,
        kind=asked.kind.kind,
        user=_user(asked.userInfo),
        group=asked.resource.group or "",
        version=asked.resource.version or "",
        subresource=asked.subResource or "",
        namespace=asked.namespace or "",
        name=asked.name or "",
        uid=asked.uid,
        dry_run=bool(asked.dryRun),
        phase=phase,
        load=_loader(asked.object, "object"),
        load_old=_loader(asked.oldObject, "oldObject"),
    )


def answer(request: Request, decision: Decision) -> bytes:
    """Return the AdmissionReview that tells the API server what was decided.

    A patch goes with the answers of /mutate only: a validating webhook may not send one.
    """
    uid = orjson.dumps(request.uid)
    patch = decision.patch if decision.allowed and request.phase == "mutate" else ()
    if decision.allowed and not (patch or decision.warnings or decision.audit):
        return _ALLOW_HEAD + uid + _ALLOW_TAIL
    response: dict[str, Any] = {"allowed": decision.allowed}
    if not decision.allowed:
        response["status"] = _status(decision)
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = b64encode(orjson.dumps(patch)).decode()
    if decision.warnings:
        response["warnings"] = _warnings(decision.warnings)
    if decision.audit:
        response["auditAnnotations"] = dict(decision.audit)
    return _HEAD + uid + b"," + orjson.dumps(response)[1:] + b"}"


_HEAD = b'{"apiVersion":"' + API_VERSION.encode() + b'","kind":"' + KIND.encode()
_HEAD += b'","response":{"uid":'
_ALLOW_HEAD = _HEAD
_ALLOW_TAIL = b',"allowed":true}}'


def _status(decision: Decision) -> dict[str, Any]:
    """Return the Status of a refusal; a client that is told when to come back does so by itself."""
    status: dict[str, Any] = {
        "status": "Failure",
        "message": decision.message,
        "reason": decision.reason,
        "code": decision.code,
    }
    if decision.retry_after:
        status["details"] = {"retryAfterSeconds": decision.retry_after}
    return status


def _warnings(texts: tuple[str, ...]) -> list[str]:
    """Return warnings that arrive whole: long ones on several lines, no more than fit together."""
    kept: list[str] = []
    room = WARNINGS_LENGTH - WARNING_LENGTH
    for at, text in enumerate(texts):
        lines = wrap(" ".join(text.split()), WARNING_LENGTH - 1, subsequent_indent="  ")
        room -= sum(len(line.encode()) for line in lines)
        if room < 0:
            kept.append(f"... and {len(texts) - at} more warnings")
            break
        kept += lines
    return kept


def _user(info: _UserInfo) -> User:
    return User(
        name=info.username or "",
        groups=tuple(info.groups or ()),
        uid=info.uid or "",
        extra={key: tuple(values or ()) for key, values in (info.extra or {}).items()},
    )


def _loader(raw: msgspec.Raw, name: str) -> Callable[[], Json]:
    def load() -> Json:
        try:
            return orjson.loads(memoryview(raw)) if raw else None
        except ValueError as error:
            raise UnreadableObject(f"request.{name} is no JSON: {error}") from None

    return load


def _said(value: str | None) -> str:
    return "not set" if value is None else f'"{value[:100]}"'
