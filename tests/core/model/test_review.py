"""AdmissionReview in and out."""

import base64
import json
from typing import Any

import pytest

from webhook.core.model.finding import Decision
from webhook.core.model.request import Request, User
from webhook.core.model.review import (
    WARNING_LENGTH,
    WARNINGS_LENGTH,
    NotAReview,
    UnreadableObject,
    answer,
    read_review,
)


def review(**request: Any) -> dict[str, Any]:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
            "object": {"kind": "Pod"},
            **request,
        },
    }


def read(value: Any, path: str = "/mutate") -> Request:
    return read_review(path, json.dumps(value).encode())


def test_every_field_of_a_review_is_read():
    request = read(
        review(
            kind={"group": "apps", "version": "v1", "kind": "Deployment"},
            resource={"group": "apps", "version": "v1", "resource": "deployments"},
            subResource="scale",
            operation="UPDATE",
            userInfo={
                "username": "alice",
                "uid": "1",
                "groups": ["a", "b"],
                "extra": {"scopes": ["x"], "none": None},
            },
            object={"new": 1},
            oldObject={"old": 1},
            dryRun=True,
        ),
        "/validate",
    )

    assert request == Request(
        operation="UPDATE",
        resource="deployments",
        kind="Deployment",
        user=User("alice", ("a", "b"), "1", {"scopes": ("x",), "none": ()}),
        group="apps",
        version="v1",
        subresource="scale",
        namespace="shop",
        name="web",
        uid="705ab4f5",
        dry_run=True,
        phase="validate",
    )
    assert request.object == {"new": 1}
    assert request.old_object == {"old": 1}


def test_null_is_what_go_writes_for_nothing():
    request = read(
        review(
            kind={"group": None, "version": None, "kind": "Pod"},
            resource={"group": None, "version": None, "resource": "pods"},
            subResource=None,
            requestKind=None,
            requestResource=None,
            requestSubResource=None,
            name=None,
            namespace=None,
            userInfo={"username": None, "uid": None, "groups": None, "extra": None},
            object=None,
            oldObject=None,
            dryRun=None,
            options=None,
        )
    )

    assert (request.name, request.namespace, request.subresource) == ("", "", "")
    assert request.user == User("")
    assert request.object is None
    assert request.old_object is None
    assert not request.dry_run


def test_absent_objects_are_none():
    value = review()
    del value["request"]["object"]

    assert read(value).object is None
    assert read(value).old_object is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "not set not set"),
        ({**review(), "apiVersion": "admission.k8s.io/v1beta1"}, "v1beta1"),
        ({**review(), "kind": "Pod"}, '"Pod"'),
        ({**review(), "request": None}, "no request"),
        ({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}, "no request"),
        (review(uid=""), "request.uid"),
        (review(uid=None), "request.uid"),
        (review(operation="PATCH"), '"PATCH"'),
        (review(operation=None), "request.operation is not set"),
        (review(resource=None), "request.resource"),
        (review(resource={"resource": ""}), "request.resource"),
        (review(kind=None), "request.kind"),
        (review(kind={"kind": ""}), "request.kind"),
        (review(userInfo=None), "request.userInfo"),
        (review(uid=7), "$.request.uid"),
        (review(dryRun="false"), "$.request.dryRun"),
        (review(userInfo="alice"), "$.request.userInfo"),
        (review(userInfo={"groups": "system:masters"}), "$.request.userInfo.groups"),
        (review(userInfo={"groups": [1]}), "$.request.userInfo.groups"),
        (review(namespace=["shop"]), "$.request.namespace"),
        ([review()], "array"),
        ("AdmissionReview", "str"),
        (None, "null"),
    ],
)
def test_what_is_no_review_is_said_so(value: Any, says: str):
    with pytest.raises(NotAReview) as raised:
        read(value)

    assert raised.value.status == 400
    assert says in raised.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"\xff\xfe",
        b'{"kind":"\xff"}',
        json.dumps(review()).encode() + b"{}",
        json.dumps(review()).encode()[:-1],
        b"\xef\xbb\xbf" + json.dumps(review()).encode(),
        json.dumps(review(object=float("nan"))).encode(),
    ],
)
def test_what_is_no_json_is_said_so(body: bytes):
    with pytest.raises(NotAReview, match="no JSON") as raised:
        read_review("/mutate", body)

    assert raised.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"request":{"object":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    ],
)
def test_deep_nesting_is_refused(body: bytes):
    with pytest.raises(NotAReview) as raised:
        read_review("/mutate", body)

    assert raised.value.status == 400


def test_an_object_that_is_no_text_is_found_when_it_is_looked_at():
    body = json.dumps(review(object="@")).encode().replace(b'"@"', b'{"a":"\xff"}')
    request = read_review("/mutate", body)

    with pytest.raises(UnreadableObject, match=r"request\.object is no JSON"):
        _ = request.object


def test_the_path_says_what_is_asked():
    assert read(review(), "/mutate").phase == "mutate"
    assert read(review(), "/validate").phase == "validate"
    with pytest.raises(NotAReview) as raised:
        read(review(), "/metrics")
    assert raised.value.status == 404


def response(decision: Decision, path: str = "/mutate", uid: str = "705ab4f5") -> dict[str, Any]:
    value = json.loads(answer(read(review(uid=uid), path), decision))

    assert value["apiVersion"] == "admission.k8s.io/v1"
    assert value["kind"] == "AdmissionReview"
    assert value["response"].pop("uid") == uid
    answered: dict[str, Any] = value["response"]
    return answered


def test_a_bare_admission():
    assert response(Decision(allowed=True)) == {"allowed": True}


@pytest.mark.parametrize("uid", ['a"b', "a\\b", "ü", "\u2028", "x" * 500])
def test_any_uid_comes_back_as_it_was(uid: str):
    assert response(Decision(allowed=True), uid=uid) == {"allowed": True}
    assert response(Decision(allowed=True, warnings=("w",)), uid=uid)["allowed"] is True


def test_a_patch_goes_with_mutate_only():
    decision = Decision(allowed=True, patch=({"op": "add", "path": "/spec/x", "value": None},))

    told = response(decision, "/mutate")
    assert told["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(told["patch"])) == [
        {"op": "add", "path": "/spec/x", "value": None}
    ]
    assert response(decision, "/validate") == {"allowed": True}
    assert "patch" not in response(Decision(allowed=False, patch=decision.patch), "/mutate")


def test_a_refusal_says_why():
    decision = Decision(allowed=False, message="no\nreally", code=403, reason="Forbidden")

    assert response(decision) == {
        "allowed": False,
        "status": {
            "status": "Failure",
            "message": "no\nreally",
            "reason": "Forbidden",
            "code": 403,
        },
    }


def test_a_refusal_that_time_mends_says_when_to_come_back():
    decision = Decision(False, "later", 429, "TooManyRequests", retry_after=1)

    assert response(decision)["status"]["details"] == {"retryAfterSeconds": 1}


def test_audit_annotations_go_along():
    assert response(Decision(allowed=True, audit={"chosen": "anyuid"})) == {
        "allowed": True,
        "auditAnnotations": {"chosen": "anyuid"},
    }


def warned(text: str) -> list[str]:
    return list(response(Decision(allowed=True, warnings=(text,)))["warnings"])


def test_long_warnings_go_on_indented_on_further_lines():
    words = "spec.containers[0].securityContext.privileged is true and nobody may do that here " * 3

    shown = warned(words)
    rest = shown[1:]

    assert rest
    assert all(line.startswith("  ") for line in rest)
    assert all(len(line) < WARNING_LENGTH for line in shown)
    assert " ".join(" ".join(shown).split()) == words.strip()


def test_a_warning_without_spaces_is_broken_anywhere():
    assert all(len(line) < WARNING_LENGTH for line in warned("x" * 500))


def test_a_warning_is_told_on_one_line_where_it_fits():
    assert warned("two\nlines") == ["two lines"]


def test_too_many_warnings_end_in_a_count():
    texts = tuple(f"{number} {'ü' * 100}" for number in range(100))
    told = response(Decision(allowed=True, warnings=texts))["warnings"]

    assert sum(len(text.encode()) for text in told) < WARNINGS_LENGTH
    assert told[-1] == f"... and {100 - len(told) + 1} more warnings"
