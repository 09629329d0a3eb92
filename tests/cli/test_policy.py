"""`tenantgate policy`, as an operator uses it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from webhook.cli import cli
from webhook.core.catalogue import entries, markdown

DOCS = Path(__file__).parents[2] / "docs"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["policy", *arguments])


def test_lint_accepts_the_shipped_set() -> None:
    result = run("lint")

    assert result.exit_code == 0
    assert result.stdout.startswith("32 policies in force together, sha256:")


def test_lint_tells_every_mistake_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\nspec:\n  owner: []\n"
    )
    (tmp_path / "b.yaml").write_text("kind: Pod\napiVersion: v1\n")

    result = run("lint", str(tmp_path))

    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert any("a.yaml:5:10" in line and 'Did you mean "owners"?' in line for line in lines)
    assert any("b.yaml:1:1" in line and "is no kind of policy" in line for line in lines)


def test_list_shows_sccs_in_the_order_they_are_tried() -> None:
    result = run("list", "-o", "json")

    names = [row["name"] for row in json.loads(result.stdout)]
    assert names[:4] == ["anyuid", "restricted-v2", "restricted-v3", "restricted"]


def test_show_writes_out_the_defaults_of_an_scc(tmp_path: Path) -> None:
    (tmp_path / "scc.yaml").write_text(
        "apiVersion: security.openshift.io/v1\nkind: SecurityContextConstraints\n"
        "metadata: {name: mine}\nrunAsUser: {type: RunAsAny}\nseLinuxContext: {type: RunAsAny}\n"
    )

    result = run("show", "scc/mine", "-p", str(tmp_path))

    assert f"# {tmp_path}/scc.yaml:1, tried 1 of 1" in result.stdout
    assert "allowPrivilegeEscalation: true" in result.stdout


def test_templates_are_listed_and_shown_like_any_policy() -> None:
    listed = json.loads(run("list", "-o", "json").stdout)
    shown = run("show", "namespacetemplate/tenant-default").stdout

    kinds = {row["kind"]: row["name"] for row in listed}
    assert kinds["NamespaceTemplate"] == "tenant-default"
    assert "kind: NamespaceTemplate" in shown
    assert "value: ingress-nginx" in shown


def test_show_says_what_there_is_instead() -> None:
    result = run("show", "Tenant/acme")

    assert result.exit_code == 2
    assert '"Tenant/acme" is no policy of this set; it holds: ' in result.stderr


@pytest.mark.parametrize(
    "kind",
    [
        "SecurityContextConstraints",
        "Platform",
        "Tenant",
        "WorkloadDefaults",
        "NamespaceTemplate",
        "Template",
    ],
)
def test_schema_knows_every_field_that_the_loader_knows(kind: str) -> None:
    schema = json.loads(run("schema", kind).stdout)

    assert schema["properties"]["kind"] == {"const": kind}
    assert schema["additionalProperties"] is False


def test_schema_of_an_unknown_kind_is_a_usage_error() -> None:
    result = run("schema", "Tenent")

    assert result.exit_code == 2
    assert '"Tenent" is no kind of policy' in result.stderr


def test_docs_rules_is_not_stale() -> None:
    assert (DOCS / "rules.md").read_text() == markdown(), (
        "regenerate it: tenantgate policy list --rules -o markdown > docs/rules.md"
    )


def test_every_rule_says_what_it_holds() -> None:
    for entry in entries():
        assert entry.summary.endswith("."), entry.id
