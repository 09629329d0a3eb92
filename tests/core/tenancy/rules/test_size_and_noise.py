"""The sizes that T-LIM-1 warns of; objects that large do not fit in a table."""

from typing import Any

import pytest

from tests.core.tenancy.table import Row
from webhook.core.model.finding import line

KIB = 1024


def warnings(resource: str, now: Any, before: Any = None) -> list[str]:
    request = {"resource": resource, "operation": "UPDATE" if before else "CREATE"}
    row = Row("T-LIM-1", "size", request=request, object=now, oldObject=before)
    first, _ = row.judged()
    return [line(finding) for finding in first.findings if finding.action == "warn"]


def pod(containers: int, variables: int = 0) -> dict[str, Any]:
    env = [{"name": f"A{number}", "value": "1"} for number in range(variables)]
    return {"spec": {"containers": [{"name": f"c{i}", "env": env} for i in range(containers)]}}


@pytest.mark.parametrize(
    ("resource", "value"),
    [
        ("configmaps", {"data": {"a": "x" * 600 * KIB}}),
        ("configmaps", {"data": {"a": "x" * 300 * KIB}, "binaryData": {"b": "A" * 400 * KIB}}),
        ("secrets", {"data": {"a": "A" * 800 * KIB}}),
        ("secrets", {"stringData": {"a": "x" * 600 * KIB}}),
    ],
)
def test_warns_of_large_data(resource: str, value: dict[str, Any]) -> None:
    (told,) = warnings(resource, value)

    assert "600 KiB" in told
    assert "up to 512 KiB" in told


@pytest.mark.parametrize(
    ("resource", "value"),
    [
        ("configmaps", {"data": {"a": "x" * 512 * KIB}}),
        ("secrets", {"data": {"a": "A" * 600 * KIB}}),
    ],
)
def test_admits_data_that_fits(resource: str, value: dict[str, Any]) -> None:
    assert warnings(resource, value) == []


def test_warns_of_a_large_pod_and_of_a_template_for_one() -> None:
    template = {"spec": {"template": pod(33)}}

    assert "33 containers" in warnings("pods", pod(33))[0]
    assert "501 environment variables" in warnings("pods", pod(1, 501))[0]
    assert "spec.template.spec.containers" in warnings("deployments", template)[0]
    assert warnings("pods", pod(32)) == []


def test_warns_of_what_grows_and_not_of_what_is_large_already() -> None:
    large, larger = ({"data": {"a": "x" * size * KIB}} for size in (600, 700))

    assert warnings("configmaps", large, large) == []
    assert warnings("configmaps", large, larger) == []
    assert len(warnings("configmaps", larger, large)) == 1
