"""`handle`: every review gets one answer, and what cannot be decided is refused."""

import base64
import json
import logging
from typing import Any, NoReturn

import jsonpatch
import pytest

from tests.server.parts import ADMITTED, REFUSED, Stand, Store, body, pod, review
from webhook.cluster.client import ApiError, ClusterError
from webhook.cluster.offline import OfflineCluster
from webhook.core.model.request import Namespace
from webhook.core.model.review import NotAReview
from webhook.core.policyset import parse_policies
from webhook.server.handle import check_head
from webhook.settings import MAX_BODY

WORD = "hunter2"


def answered(stand: Stand, value: bytes, path: str = "/mutate") -> dict[str, Any]:
    status, answer = stand.handler.handle(path, value)
    assert status == 200
    response: dict[str, Any] = json.loads(answer)["response"]
    return response


def test_an_ordinary_pod_is_admitted_with_the_defaults_of_its_scc():
    response = answered(Stand(), ADMITTED)

    assert response["allowed"] is True
    assert response["uid"] == "705ab4f5"
    patched = jsonpatch.apply_patch(pod(), json.loads(base64.b64decode(response["patch"])))
    assert patched["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"
    assert patched["spec"]["containers"][0]["securityContext"]["runAsUser"] == 1000000000


def test_what_mutate_made_of_a_pod_validate_accepts_without_a_patch():
    patch = json.loads(base64.b64decode(answered(Stand(), ADMITTED)["patch"]))
    patched = jsonpatch.apply_patch(pod(), patch)

    response = answered(Stand(), body(review(patched)), "/validate")

    assert response["allowed"] is True
    assert "patch" not in response


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
def test_a_pod_that_no_scc_admits_is_refused(path: str):
    stand = Stand()
    response = answered(stand, REFUSED, path)

    assert response["allowed"] is False
    assert response["status"]["code"] == 403
    assert "hostNetwork" in response["status"]["message"]
    assert stand.count("tenantgate_admission_requests_total", "false") == 1


def test_what_no_policy_judges_is_admitted_unread():
    value = review(
        kind={"group": "", "version": "v1", "kind": "ConfigMap"},
        resource={"group": "", "version": "v1", "resource": "configmaps"},
    )

    assert answered(Stand(), body(value)) == {"uid": "705ab4f5", "allowed": True}


def test_no_review_is_a_bad_request_and_counted():
    stand = Stand()

    status, answer = stand.handler.handle("/mutate", b"{}")

    assert status == 400
    assert "AdmissionReview" in json.loads(answer)["error"]
    assert stand.count("tenantgate_malformed_requests_total", "400") == 1


@pytest.mark.parametrize(
    "obj",
    [
        {"spec": {"containers": "none"}},
        {"spec": []},
        [],
        "pod",
        7,
        {"metadata": {"annotations": []}, "spec": {"containers": [None]}},
        {"spec": {"containers": [{"securityContext": {"runAsUser": "0"}}]}},
        None,
    ],
)
def test_a_pod_that_is_none_is_refused(obj: Any):
    value = review()
    value["request"]["object"] = obj

    response = answered(Stand(), body(value))

    assert response["allowed"] is False
    assert response["status"]["code"] >= 400


def test_bytes_that_are_no_text_inside_an_object_are_refused():
    value = body(review(pod(nodeName="@"))).replace(b"@", b"\xff")
    stand = Stand()

    response = answered(stand, value)

    assert response["allowed"] is False
    assert response["status"]["message"].startswith("not evaluated: request.object is no JSON")
    assert stand.count("tenantgate_evaluation_errors_total", "read") == 1


class Broken(OfflineCluster):
    """A cluster that fails in a way nobody thought of."""

    def namespace(self, name: str) -> NoReturn:
        raise RuntimeError(WORD)


def test_a_fault_refuses_and_is_told_without_what_the_request_held(
    caplog: pytest.LogCaptureFixture,
):
    stand = Stand(Broken([]))
    with caplog.at_level(logging.ERROR):
        response = answered(stand, ADMITTED)

    assert response["allowed"] is False
    assert response["status"]["code"] == 500
    assert response["status"]["message"].startswith("not evaluated: ")
    assert "RuntimeError" in response["status"]["message"]
    assert "in namespace" in caplog.text
    assert WORD not in caplog.text + json.dumps(response)
    assert stand.count("tenantgate_evaluation_errors_total", "gather") == 1


class Silent(OfflineCluster):
    """A cluster whose API server does not answer."""

    def namespace(self, name: str) -> Namespace:
        return Namespace(name)

    def read_namespace(self, name: str) -> NoReturn:
        raise ClusterError("GET https://api/v1/namespaces/shop: no answer in time")


def test_a_silent_api_server_is_a_refusal_that_may_be_tried_again():
    response = answered(Stand(Silent([])), ADMITTED)

    assert response["allowed"] is False
    assert response["status"]["code"] == 429
    assert response["status"]["details"]["retryAfterSeconds"] == 1
    assert "no answer in time" in response["status"]["message"]


class Shut(Silent):
    """A cluster that lets the webhook read nothing."""

    def read_namespace(self, name: str) -> NoReturn:
        raise ApiError(f'GET https://api/v1/namespaces/{name}: 403 cannot get "namespaces"', 403)


def test_a_right_that_is_missing_is_told_and_not_tried_again():
    response = answered(Stand(Shut([])), ADMITTED)

    assert response["allowed"] is False
    assert response["status"]["code"] == 500
    assert "details" not in response["status"]
    assert 'cannot get "namespaces"' in response["status"]["message"]


class Filling(OfflineCluster):
    """A cluster whose caches are being filled."""

    synced = False


def test_nothing_is_decided_before_the_caches_are_filled():
    response = answered(Stand(Filling([])), ADMITTED)

    assert response["allowed"] is False
    assert response["status"]["code"] == 429


def test_policies_that_only_observe_refuse_nothing_even_then():
    texts = {
        "platform.yaml": "apiVersion: tenantgate.io/v1\nkind: Platform\n"
        "metadata: {name: p}\nspec: {enforcement: warn}\n"
    }
    stand = Stand(Broken([]), Store(parse_policies(texts)))

    response = answered(stand, ADMITTED)

    assert response["allowed"] is True
    assert response["warnings"][0].startswith("not evaluated: ")
    assert stand.count("tenantgate_evaluation_errors_total", "gather") == 1


def test_a_log_that_fails_changes_no_decision(monkeypatch: pytest.MonkeyPatch):
    stand = Stand()

    def fail(*args: Any) -> NoReturn:
        raise OSError("disk full")

    monkeypatch.setattr(stand.handler._observer, "decided", fail)
    assert answered(stand, ADMITTED)["allowed"] is True
    assert answered(stand, REFUSED)["allowed"] is False


@pytest.mark.parametrize(
    ("path", "method", "content_type", "length", "status"),
    [
        ("/mutate", "POST", "application/json", 10, None),
        ("/validate", "POST", "application/json; charset=utf-8", None, None),
        ("/mutate", "POST", "Application/JSON", MAX_BODY, None),
        ("/", "POST", "application/json", 10, 404),
        ("/mutate/", "POST", "application/json", 10, 404),
        ("/mutate", "GET", "application/json", 10, 405),
        ("/mutate", "POST", "", 10, 415),
        ("/mutate", "POST", "text/json", 10, 415),
        ("/mutate", "POST", "application/jsonp", 10, 415),
        ("/mutate", "POST", "application/json", MAX_BODY + 1, 413),
    ],
)
def test_a_request_is_judged_by_its_head(
    path: str, method: str, content_type: str, length: int | None, status: int | None
):
    if status is None:
        check_head(path, method, content_type, length)
    else:
        with pytest.raises(NotAReview) as raised:
            check_head(path, method, content_type, length)
        assert raised.value.status == status
