"""`tenantgate check` over Namespaces: what they would receive, without a change of the verdict."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.templates import POLICIES
from webhook.cli import cli

NAMESPACES = """\
apiVersion: v1
kind: Namespace
metadata: {name: acme-web, labels: {tier: db}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""
OLGA = ("--as", "olga", "--as-group", "acme-leads")


@pytest.fixture
def check(tmp_path: Path) -> Any:
    """Return `tenantgate check` on a manifest, with the policies of the tests of `render namespace`."""
    (tmp_path / "policies.yaml").write_text(POLICIES)

    def run(manifest: str, *args: str) -> Result:
        (tmp_path / "m.yaml").write_text(manifest)
        command = ["check", "-p", "policies.yaml", "m.yaml", *args]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            return CliRunner().invoke(cli, command)

    return run


def test_text_tells_what_each_kind_of_object_is_called(check: Any) -> None:
    result = check(NAMESPACES.partition("---")[0], *OLGA)

    assert result.exit_code == 0
    assert result.stdout == (
        "m.yaml:1: Namespace acme-web: would receive, as one of tenant acme, by template standard:\n"
        "    labels: of=acme\n"
        "    ResourceQuota: platform-quota\n"
        "    ConfigMap: platform-about\n"
        "    RoleBinding: platform-view\n"
    )


def test_a_namespace_that_gets_nothing_is_not_mentioned(check: Any) -> None:
    assert check(NAMESPACES.partition("---\n")[2]).stdout == ""


@pytest.mark.parametrize("option", ["-q", "--only-failures"])
def test_who_asks_for_less_is_told_less(check: Any, option: str) -> None:
    assert check(NAMESPACES.partition("---")[0], *OLGA, option).stdout == ""


def test_a_namespace_that_is_refused_receives_nothing(check: Any) -> None:
    """Acme's names begin with its prefix."""
    result = check(NAMESPACES, *OLGA)

    assert result.exit_code == 1
    assert result.stdout.count("would receive") == 1
    assert "m.yaml:5: Namespace shop: refused" in result.stdout


def test_json_has_it_object_by_object(check: Any) -> None:
    value = json.loads(check(NAMESPACES, *OLGA, "-o", "json").stdout)

    first, second = (each["receives"] for each in value["objects"])
    assert first == {
        "tenant": "acme",
        "template": "standard",
        "why": "template standard serves it: it matches namespaces of tenant acme",
        "labels": {"of": "acme"},
        "annotations": {},
        "objects": [
            {"apiVersion": "v1", "kind": "ResourceQuota", "name": "platform-quota"},
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "platform-about"},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "name": "platform-view",
            },
        ],
    }
    assert second is None


def test_json_says_why_a_namespace_gets_nothing(check: Any) -> None:
    manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"

    (found,) = json.loads(check(manifest, "-o", "json").stdout)["objects"]

    assert found["receives"] == {
        "tenant": None,
        "template": None,
        "why": "no template serves it: none of 2 matches namespaces of no tenant with its labels",
        "labels": {},
        "annotations": {},
        "objects": [],
    }


def test_one_that_a_tenants_file_lists_is_adopted(check: Any) -> None:
    manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: legacy}\n"

    result = check(manifest, "--as", "root", "--as-group", "system:masters")

    assert "m.yaml:1: Namespace legacy: would receive, as one of tenant acme" in result.stdout


def test_other_kinds_have_none(check: Any) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"

    (found,) = json.loads(check(manifest, "-o", "json").stdout)["objects"]

    assert found["receives"] is None
