"""`tenantgate render namespace`: what the controller would make, and on standard error why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.cli.templates import POLICIES
from webhook.cli import cli

RANGES = (
    "the controller allocates annotations openshift.io/sa.scc.uid-range, "
    "openshift.io/sa.scc.supplemental-groups, openshift.io/sa.scc.mcs, which no other namespace has"
)


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    path = tmp_path / "policies.yaml"
    path.write_text(POLICIES)
    return path


def render(policies: Path, *args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["render", "namespace", "-p", str(policies), *map(str, args)])
    assert result.exit_code == code, result.output
    return result


def documents(result: Result) -> list[Any]:
    return list(yaml.safe_load_all(result.stdout))


def notes(result: Result) -> list[str]:
    lines = result.stderr.splitlines()
    return [line.removeprefix("note: ") for line in lines if line.startswith("note: ")]


def test_the_namespace_comes_first_and_then_its_objects_in_their_order(policies: Path) -> None:
    result = render(policies, "acme-web", "--requester", "olga")

    namespace, quota, about, binding = documents(result)
    assert namespace == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "acme-web",
            "labels": {"tenantgate.io/tenant": "acme", "of": "acme"},
            "annotations": {"openshift.io/requester": "olga"},
        },
    }
    assert quota["spec"] == {"hard": {"pods": "7"}}
    assert about["data"] == {"by": "olga", "in": "acme-web"}
    assert about["metadata"]["namespace"] == "acme-web"
    assert about["metadata"]["labels"] == {"tenantgate.io/managed": "true"}
    assert binding["roleRef"]["name"] == "view"


def test_it_says_whose_it_is_which_template_serves_and_what_the_controller_adds(
    policies: Path,
) -> None:
    *said, last = notes(render(policies, "acme-web"))

    assert said == [
        "of tenant acme: the name has its prefix: taken to be made by an owner",
        "template standard serves it: it matches namespaces of tenant acme",
        RANGES,
    ]
    assert last.startswith("once all is there, it notes tenantgate.io/provisioned=")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("legacy",), "of tenant acme: its file lists or selects it"),
        (("shop", "--tenant", "acme"), "of tenant acme: --tenant says so"),
        (
            ("shop", "--label", "tenantgate.io/tenant=acme"),
            "of tenant acme: label tenantgate.io/tenant says so",
        ),
        (("shop",), "of no tenant"),
    ],
)
def test_whose_it_is(policies: Path, args: tuple[str, ...], said: str) -> None:
    assert notes(render(policies, *args))[0] == said


def test_why_nothing_serves_it(policies: Path) -> None:
    result = render(policies, "shop", "--tenant", "globex")

    assert documents(result) == [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"tenantgate.io/tenant": "globex"}},
        }
    ]
    assert notes(result)[1:] == [
        "no template serves it: none of 2 matches namespaces of tenant globex with its labels",
        RANGES,
    ]


def test_a_namespace_of_the_platform(policies: Path) -> None:
    result = render(policies, "kube-system")

    assert len(documents(result)) == 1
    assert notes(result)[1] == "no template serves it: it is a namespace of the platform"


def test_labels_decide_which_template_serves(policies: Path) -> None:
    result = render(policies, "acme-web", "--label", "tier=web")

    assert [item["metadata"]["name"] for item in documents(result)] == [
        "acme-web",
        "platform-web",
        "platform-view",
    ]
    assert notes(result)[1] == (
        "template web serves it: it matches namespaces of tenant acme, before standard"
    )


def test_a_namespace_that_a_file_describes(policies: Path, tmp_path: Path) -> None:
    context = tmp_path / "cluster.yaml"
    context.write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {tier: web}\n"
        "  annotations: {openshift.io/sa.scc.uid-range: 1/2, openshift.io/sa.scc.mcs: a}\n"
    )

    result = render(policies, "shop", "--context", context)

    assert documents(result)[0]["metadata"]["labels"] == {"tier": "web"}
    assert documents(result)[1]["metadata"]["name"] == "platform-web"
    assert notes(result)[2] == (
        "the controller allocates annotations openshift.io/sa.scc.supplemental-groups, "
        "which no other namespace has"
    )


def test_a_namespace_whose_tenant_is_gone_keeps_what_it_holds(
    policies: Path, tmp_path: Path
) -> None:
    context = tmp_path / "cluster.yaml"
    context.write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"
        "  labels: {tenantgate.io/tenant: gone, tier: web}\n"
        "  annotations: {tenantgate.io/provisioned: abc}\n"
    )

    result = render(policies, "shop", "--context", context)

    assert len(documents(result)) == 1
    assert notes(result)[1] == (
        "no file describes tenant gone: what is in the namespace already is left as it is"
    )


def test_json_is_one_list_of_the_same(policies: Path) -> None:
    text = render(policies, "acme-web", "-o", "json").stdout

    value = json.loads(text)
    assert (value["apiVersion"], value["kind"]) == ("v1", "List")
    assert value["items"] == documents(render(policies, "acme-web"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("Shop",), '"Shop" is no name of a namespace'),
        (("a.b",), '"a.b" is no name of a namespace'),
        (("shop", "--tenant", "acm"), '"acm" is no Tenant; there are: acme, globex'),
        (
            ("shop", "--tenant", "acme", "--label", "tenantgate.io/tenant=globex"),
            "--tenant says acme, and label tenantgate.io/tenant of the namespace says globex",
        ),
        (("shop", "--label", "tier"), '"tier" is no label KEY=VALUE'),
        (("shop", "--label", "tier=-"), '"tier=-" is no label KEY=VALUE'),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    policies: Path, args: tuple[str, ...], said: str
) -> None:
    assert said in render(policies, *args, code=2).stderr


def test_a_context_that_cannot_be_read(policies: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [\n")

    assert f"{broken}:1:" in render(policies, "shop", "--context", broken, code=2).stderr


def test_options_come_from_the_environment_too(policies: Path) -> None:
    result = CliRunner().invoke(
        cli,
        ["render", "namespace", "shop"],
        env={
            "TENANTGATE_POLICY": str(policies),
            "TENANTGATE_TENANT": "acme",
            "TENANTGATE_OUTPUT": "json",
        },
    )

    assert [item["kind"] for item in json.loads(result.stdout)["items"]] == [
        "Namespace",
        "ResourceQuota",
        "ConfigMap",
        "RoleBinding",
    ]
