"""The chart renders what kustomize does, and what its values say."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.rendering import (
    BASE,
    MANIFESTS,
    NAMESPACE,
    POLICIES,
    Object,
    by_name,
    chart,
    helm_template,
    kustomize,
    pod_template,
    with_component,
)
from webhook import __version__
from webhook.core.policyset import parse_policies

CHART = MANIFESTS / "chart"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def alike(objects: list[Object]) -> dict[str, Any]:
    """Return objects by name, without what says who rendered them."""
    text = json.dumps(objects)
    text = text.replace(
        '"app.kubernetes.io/managed-by": "Helm"', '"app.kubernetes.io/managed-by": "kustomize"'
    )
    found: dict[str, Any] = by_name(json.loads(text))
    for each in found.values():
        if each["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}:
            del each["metadata"]["annotations"]
    return found


def policies(objects: list[Object]) -> Any:
    return by_name(objects)["ConfigMap/tenantgate-policies"]["data"]


def container(objects: list[Object], name: str) -> Any:
    return pod_template(objects, name)["spec"]["containers"][0]


def values(tmp_path: Path, given: Mapping[str, Any]) -> str:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(given))
    return f"--values={path}"


def test_it_renders_the_base() -> None:
    assert alike(chart("--set=namespace.create=true")) == alike(kustomize(BASE))


def test_the_namespace_is_left_to_helm_unless_asked_for() -> None:
    plain = by_name(chart())

    assert f"Namespace/{NAMESPACE}" not in plain
    made = by_name(chart("--set=namespace.create=true"))[f"Namespace/{NAMESPACE}"]
    assert made["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_observing_is_the_audit_only_overlay() -> None:
    overlay = kustomize(MANIFESTS / "overlays" / "audit-only")

    assert policies(chart("--set=policies.enforcement=audit")) == policies(overlay)


def test_certificates_by_cert_manager_are_the_overlay() -> None:
    overlay = kustomize(MANIFESTS / "overlays" / "cert-manager")
    made = chart("--set=namespace.create=true", "--set=certificates.source=certManager")

    assert alike(made) == alike(overlay)


def test_certificates_by_anybody_else_are_left_to_him() -> None:
    objects = chart("--set=certificates.source=external")

    assert container(objects, "tenantgate-controller")["args"][-1] == "--cert-source=external"
    assert by_name(objects).keys() == by_name(chart()).keys()


@pytest.mark.parametrize(
    ("value", "component"),
    [
        ("serviceMonitor", "service-monitor"),
        ("alerts", "alerts"),
        ("dashboard", "dashboard"),
    ],
)
def test_an_extra_is_the_component(value: str, component: str, tmp_path: Path) -> None:
    folder = with_component(BASE, MANIFESTS / "components" / component, tmp_path)
    made = chart("--set=namespace.create=true", f"--set={value}.enabled=true")

    assert alike(made) == alike(kustomize(folder))
    labelled = alike(chart(f"--set={value}.enabled=true,{value}.labels.team=sre"))
    extra = labelled.keys() - alike(chart()).keys()
    assert [labelled[key]["metadata"]["labels"]["team"] for key in extra] == ["sre"]


def test_there_are_no_hooks() -> None:
    """A GitOps controller would have to imitate them."""
    assert "helm.sh/hook" not in helm_template().stdout


def test_it_renders_the_same_each_time() -> None:
    assert helm_template().stdout == helm_template().stdout


# Values


def test_every_value_is_documented_and_known_to_the_schema() -> None:
    keys = list(_keys(VALUES, SCHEMA))
    lines = (CHART / "values.yaml").read_text().splitlines()

    assert keys
    top = [number for number, line in enumerate(lines) if re.match(r"[a-zA-Z]+:", line)]
    assert {lines[number].partition(":")[0] for number in top} == set(VALUES)


def _keys(given: Any, schema: Any, at: str = "") -> Any:
    """Yield every key of the values, which the schema has to describe, and have no others."""
    if not isinstance(given, dict) or "properties" not in schema:
        return
    known = schema["properties"]
    missing = known.keys() - given.keys() - {"global", "requests", "limits"}
    assert not missing, f"values.yaml does not show {at}{missing}"
    assert schema["additionalProperties"] is False, at
    for key, item in given.items():
        assert re.fullmatch(r"[a-z]+([A-Z][a-zA-Z]*)?", key), f"{at}{key} is no camelCase"
        assert known[key].get("description"), f"{at}{key}"
        yield f"{at}{key}"
        yield from _keys(item, known[key], f"{at}{key}.")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("image.tga=1", "tga"),
        ("image.digest=sha256:abc", "/image/digest"),
        ("webhook.workers=0", "/webhook/workers"),
        ("webhook.access=RBAC", "/webhook/access"),
        ("webhook.logAllowed=2", "/webhook/logAllowed"),
        ("policies.enforcement=off", "/policies/enforcement"),
        ("policies.files.acme=x", "acme"),
        ("networkPolicy.apiServerCIDRs[0]=10.0.0.1", "/networkPolicy/apiServerCIDRs/0"),
    ],
)
def test_a_value_that_means_nothing_is_refused(value: str, told: str) -> None:
    done = helm_template("--set", value)

    assert done.returncode != 0
    assert told in done.stderr


def test_what_is_left_empty_is_the_programs_own_choice() -> None:
    """No option is given that the program would not have chosen by itself."""
    objects = chart()

    assert (
        container(objects, "tenantgate")["args"] == container(kustomize(BASE), "tenantgate")["args"]
    )
    given = {key: VALUES["webhook"][key] for key in ("workers", "access", "logAllowed")}
    assert not any(given.values())


def test_options_of_the_webhook() -> None:
    made = container(
        chart(
            *("--set", "webhook.workers=2,webhook.access=sar"),
            *("--set-string", "webhook.logAllowed=0.1"),
            *("--set", "webhook.extraArgs={--server=gthread}"),
        ),
        "tenantgate",
    )

    assert made["args"][-4:] == [
        "--workers=2",
        "--access=sar",
        "--log-allowed=0.1",
        "--server=gthread",
    ]


def test_an_image_by_tag_or_digest() -> None:
    digest = "sha256:" + 64 * "a"
    plain = chart("--set", "image.repository=registry.example.com/tenantgate")
    pinned = chart("--set", f"image.repository=r/t,image.digest={digest},image.tag=v1")

    for name in ("tenantgate", "tenantgate-controller"):
        assert container(plain, name)["image"] == f"registry.example.com/tenantgate:{__version__}"
        assert container(pinned, name)["image"] == f"r/t@{digest}"


def test_where_pods_run_and_how_many(tmp_path: Path) -> None:
    part = {
        "replicas": 5,
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
        "podAnnotations": {"example.com/team": "platform"},
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    given = {"webhook": part, "controller": part, "imagePullSecrets": [{"name": "registry"}]}
    objects = chart(values(tmp_path, given))

    for name in ("tenantgate", "tenantgate-controller"):
        deployment = by_name(objects)[f"Deployment/{name}"]
        pod = deployment["spec"]["template"]
        assert deployment["spec"]["replicas"] == part["replicas"]
        assert pod["metadata"]["annotations"]["example.com/team"] == "platform"
        assert pod["spec"]["nodeSelector"] == part["nodeSelector"]
        assert pod["spec"]["tolerations"] == part["tolerations"]
        assert pod["spec"]["imagePullSecrets"] == given["imagePullSecrets"]
        assert pod["spec"]["containers"][0]["resources"] == part["resources"]
        assert {"name": "TZ", "value": "UTC"} in pod["spec"]["containers"][0]["env"]


def test_policy_files_are_added_replaced_and_taken_out(tmp_path: Path) -> None:
    tenant = "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\nspec: {owners: [{kind: Group, name: leads}]}\n"
    platform = (
        "apiVersion: tenantgate.io/v1\nkind: Platform\nmetadata: {name: platform}\nspec: {}\n"
    )
    files = {"acme.yaml": tenant, "platform.yaml": platform, "defaults.yaml": ""}
    found = policies(chart(values(tmp_path, {"policies": {"files": files}})))

    assert found["acme.yaml"] == tenant
    assert found["platform.yaml"] == platform
    assert "defaults.yaml" not in found
    assert found["scc-anyuid.yaml"] == (POLICIES / "scc" / "anyuid.yaml").read_text()
    assert list(parse_policies(found).registry.tenants) == ["acme"]


def test_another_namespace_is_everywhere() -> None:
    objects = chart("--namespace", "gate")

    assert NAMESPACE not in json.dumps([each for each in objects if each["kind"] != "ConfigMap"])
    assert parse_policies(policies(objects)).platform.engine_namespace == "gate"


def test_who_may_connect(tmp_path: Path) -> None:
    given = {"apiServerCIDRs": ["10.0.0.0/28", "fd00::/64"], "scraperNamespaces": ["sre"]}
    found = by_name(chart(values(tmp_path, {"networkPolicy": given})))

    assert found["NetworkPolicy/tenantgate"]["spec"]["ingress"][0]["from"] == [
        {"ipBlock": {"cidr": "10.0.0.0/28"}},
        {"ipBlock": {"cidr": "fd00::/64"}},
    ]
    assert found["NetworkPolicy/tenantgate-metrics"]["spec"]["ingress"][0]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "sre"}}}
    ]
    nobody = by_name(chart("--set-json", "networkPolicy.scraperNamespaces=[]"))
    assert nobody["NetworkPolicy/tenantgate-metrics"]["spec"]["ingress"] == []
    none = by_name(chart("--set", "networkPolicy.enabled=false"))
    assert not [key for key in none if key.startswith("NetworkPolicy/")]


def test_the_versions_are_the_programs() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert about["version"] == about["appVersion"] == __version__
