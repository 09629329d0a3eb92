"""`tenantgate check`, as somebody calls it: real files, the shipped policies, whole messages."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhook.cli import cli
from webhook.store import SHIPPED

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into the working directory, which is an empty folder."""
    monkeypatch.chdir(tmp_path)

    def write_(text: str, name: str = "m.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_


def check(*args: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["check", *args], input=stdin, env=env)


def report(*args: str) -> Any:
    return json.loads(check(*args, "-o", "json").stdout)


PLAIN = """\
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: shop}
spec:
  containers:
  - {name: app, image: app, resources: {requests: {cpu: 1, memory: 1Gi}}}
"""
ROOT = """\
apiVersion: v1
kind: Pod
metadata: {name: root, namespace: shop}
spec:
  containers:
  - name: app
    image: app
    securityContext:
      runAsUser: 0
    resources: {requests: {cpu: 1, memory: 1Gi}}
"""
BROKEN = "a: [\n"
SHOP = """\
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  annotations:
    openshift.io/sa.scc.uid-range: 1000600000/10000
    openshift.io/sa.scc.supplemental-groups: 1000600000/10000
    openshift.io/sa.scc.mcs: s0:c26,c5
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: anyuid, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:openshift:scc:anyuid}
subjects: [{kind: ServiceAccount, name: builder, namespace: shop}]
"""
ASSUMED = """\
Assumed:
  - nobody is named as the requester (--as): taken to be an ordinary user in the group system:authenticated
  - service account "shop/default" is not described: taken to exist, and to mount its token
  - namespace "shop" is not described: taken to be an ordinary one with the UID range \
1000000000/10000 and the SELinux level s0:c1,c0
"""
BARRED = (
    'Neither user "an ordinary user" nor service account "shop/default" may use: '
    "anyuid (would admit it), restricted, nested-container, nonroot-v2, nonroot, "
    "hostmount-anyuid (would admit it), hostmount-anyuid-v2 (would admit it), hostnetwork-v2, "
    "hostnetwork, hostaccess, privileged (would admit it)."
)


def counts(result: Result) -> str:
    """Return the last line of standard error without the time that it took."""
    return result.stderr.splitlines()[-1].rpartition(",")[0]


# --- what is told -------------------------------------------------------------------------------


def test_an_admitted_pod_is_not_worth_a_line_unless_asked_for(write):
    write(PLAIN)

    quiet, told = check("m.yaml"), check("m.yaml", "-v")

    assert quiet.exit_code == told.exit_code == 0
    assert quiet.stdout == ASSUMED
    assert told.stdout == (
        "m.yaml:1: Pod shop/plain: admitted by restricted-v2 (granted to its creator)\n" + ASSUMED
    )
    assert counts(told) == "pass 1, warn 0, deny 0, error 0, skip 0 (1 object in 1 file"


def test_a_refused_pod_is_told_with_the_closest_scc_and_each_objections_line(write):
    write("# two\n---\n" + ROOT)

    result = check("m.yaml", "-q")

    assert result.exit_code == 1
    assert result.stdout == (
        'm.yaml:3: Pod shop/root: refused; "restricted-v2" comes closest\n'
        "m.yaml:11: restricted-v2/run-as-user: spec.containers[0].securityContext.runAsUser is 0; "
        "allowed: 1000000000-1000009999. "
        "Fix: remove runAsUser, so that an allowed one is filled in.\n"
        "    Also tried: restricted-v3 (2 objections).\n"
        f"    {BARRED}\n"
    )
    assert result.stderr == ""


def test_a_described_namespace_and_account_leave_less_to_assume(write):
    write(PLAIN)
    write(SHOP, "cluster/shop.yaml")

    result = check("m.yaml", "--context", "cluster", "-v")

    assert result.stdout == (
        "m.yaml:1: Pod shop/plain: admitted by restricted-v2 (granted to its creator)\n"
        "Assumed:\n"
        "  - nobody is named as the requester (--as): taken to be an ordinary user in the group system:authenticated\n"
    )


def test_facts_among_the_manifests_count_wherever_they_stand(write):
    pod = ROOT.replace("spec:", "spec:\n  serviceAccountName: builder")
    write("---\n".join((pod, BINDING, SHOP)))

    result = check("m.yaml", "-v", "-q")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "m.yaml:1: Pod shop/root: admitted by anyuid (granted to its service account)",
        "m.yaml:13: RoleBinding shop/anyuid: admitted: no policy judges it",
        "m.yaml:19: Namespace shop: admitted: no policy judges it",
        "m.yaml:28: ServiceAccount shop/default: admitted: no policy judges it",
    ]


WORKLOADS = {
    "Deployment": ("apps/v1", "spec.template"),
    "ReplicaSet": ("apps/v1", "spec.template"),
    "StatefulSet": ("apps/v1", "spec.template"),
    "DaemonSet": ("apps/v1", "spec.template"),
    "ReplicationController": ("v1", "spec.template"),
    "Job": ("batch/v1", "spec.template"),
    "CronJob": ("batch/v1", "spec.jobTemplate.spec.template"),
    "PodTemplate": ("v1", "template"),
}


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_workload_is_refused_once_at_its_own_fields(write, kind):
    version, path = WORKLOADS[kind]
    value: Any = {"spec": {"hostNetwork": True, "containers": [{"name": "app", "ports": [{"containerPort": 80}]}]}}  # fmt: skip
    for key in reversed(path.split(".")):
        value = {key: value}
    write(yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": {"name": "w"}, **value}))

    result = check("m.yaml", "-q", "-v")
    lines = result.stdout.splitlines()

    assert result.exit_code == 1
    assert lines[0] == f'm.yaml:1: {kind} w: refused; "restricted-v2" comes closest'
    assert [line.partition(": ")[2] for line in lines[1:3]] == [
        f"restricted-v2/host-namespaces: {path}.spec.hostNetwork is true; allowed: false. "
        "Fix: remove hostNetwork.",
        f"restricted-v2/host-ports: {path}.spec.containers[0].ports[0].hostPort is 80; "
        "allowed: none. Fix: remove hostPort, and publish the port through a Service.",
    ]
    at = Path("m.yaml").read_text().splitlines()
    assert [at[int(line.split(":")[1]) - 1].strip() for line in lines[1:3]] == [
        "hostNetwork: true",
        "- containerPort: 80",
    ]
    assert counts(check("m.yaml")) == "pass 0, warn 0, deny 1, error 0, skip 0 (1 object in 1 file"


def test_a_claim_is_found_in_the_claim_templates(write):
    policy = (SHIPPED / "scc" / "restricted-v2.yaml").read_text()
    policy = policy.replace("- persistentVolumeClaim\n", "")
    write(policy, "policy/scc.yaml")
    write((SHIPPED / "rbac.yaml").read_text(), "policy/rbac.yaml")
    write(
        "apiVersion: apps/v1\n"
        "kind: StatefulSet\n"
        "metadata: {name: db}\n"
        "spec:\n"
        "  template:\n"
        "    spec: {containers: [{name: db}]}\n"
        "  volumeClaimTemplates:\n"
        "  - metadata: {name: data}\n"
    )

    result = check("m.yaml", "-p", "policy", "-q")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == (
        "m.yaml:8: restricted-v2/volumes: spec.volumeClaimTemplates[0] is "
        '"persistentVolumeClaim"; allowed: configMap, csi, downwardAPI, emptyDir, ephemeral, '
        "image, projected, secret. Fix: use a volume of an allowed type, or none."
    )


def test_an_old_version_is_judged_and_noted(write):
    write(
        "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: old}\n"
        "spec: {template: {spec: {containers: [{name: app}]}}}\n"
    )

    assert (
        "  - Deployment in extensions/v1beta1 is served by no current cluster: judged as apps/v1"
        in check("m.yaml").stdout.splitlines()
    )


def test_kinds_that_nobody_judges_pass_and_are_counted(write):
    write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")

    result = check("m.yaml", "-v")

    assert result.exit_code == 0
    assert result.stdout == "m.yaml:1: ConfigMap c: admitted: no policy judges it\n"
    assert counts(result) == "pass 1, warn 0, deny 0, error 0, skip 0 (1 object in 1 file"


def test_an_exempt_namespace_is_not_judged_but_no_namespace_is_not_the_exempt_default(write):
    write(ROOT.replace("shop", "default"), "a.yaml")
    write(ROOT.replace(", namespace: shop", ""), "b.yaml")

    exempt, unnamed = check("a.yaml", "-v"), check("b.yaml", "-q")

    assert exempt.exit_code == 0
    assert exempt.stdout == (
        'a.yaml:1: Pod default/root: not judged: namespace "default" is exempt by name\n'
    )
    assert counts(exempt) == "pass 0, warn 0, deny 0, error 0, skip 1 (1 object in 1 file"
    assert unnamed.exit_code == 1
    assert unnamed.stdout.startswith('b.yaml:1: Pod root: refused; "restricted-v2" comes closest\n')


def test_enforcement_by_warning_refuses_nothing(write):
    for path in ("rbac.yaml", "scc/restricted-v2.yaml"):
        write((SHIPPED / path).read_text(), f"policy/{path}")
    platform = (SHIPPED / "platform.yaml").read_text()
    write(platform.replace("enforcement: deny", "enforcement: warn"), "policy/platform.yaml")
    write(ROOT)

    result = check("m.yaml", "-p", "policy")

    assert result.exit_code == 0
    assert result.stdout.startswith(
        'm.yaml:1: Pod shop/root: admitted with warnings; "restricted-v2" comes closest\n'
        "m.yaml:9: restricted-v2/run-as-user: spec.containers[0].securityContext.runAsUser is 0; "
    )
    assert counts(result) == "pass 0, warn 1, deny 0, error 0, skip 0 (1 object in 1 file"
    assert check("m.yaml", "-p", "policy", "--fail-on=warn").exit_code == 1


# --- who asks -----------------------------------------------------------------------------------


def test_a_bare_pod_is_created_by_the_user_who_is_named(write):
    write(
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: ClusterRoleBinding\n"
        "metadata: {name: a}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, "
        "name: system:openshift:scc:anyuid}\n"
        "subjects: [{kind: Group, name: devs, apiGroup: rbac.authorization.k8s.io}]\n",
        "cluster.yaml",
    )
    write(ROOT)
    args = ("m.yaml", "--context", "cluster.yaml", "-v", "-q", "--as", "alice")

    alone, member = check(*args), check(*args, "--as-group", "devs")

    assert alone.exit_code == 1
    assert 'Neither user "alice" nor service account "shop/default" may use: ' in alone.stdout
    assert member.exit_code == 0
    assert member.stdout == (
        "m.yaml:1: Pod shop/root: admitted by anyuid (granted to its creator)\n"
    )


def test_a_user_who_is_a_service_account_has_its_groups(write):
    write(BINDING.replace("subjects: [{kind: ServiceAccount, name: builder, namespace: shop}]", "subjects: [{kind: Group, name: 'system:serviceaccounts:ci', apiGroup: rbac.authorization.k8s.io}]"), "cluster.yaml")  # fmt: skip
    write(ROOT)
    args = ("m.yaml", "--context", "cluster.yaml", "-q")

    assert check(*args, "--as", "system:serviceaccount:ci:x").exit_code == 0
    assert check(*args, "--as", "system:serviceaccount:cd:x").exit_code == 1
    assert check(*args, "--as", "system:serviceaccount:ci:x", "--as-group", "g").exit_code == 1


def test_a_service_account_runs_the_pods_that_name_none(write):
    deployment = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
        "spec: {template: {spec: {containers: [{name: app, securityContext: {runAsUser: 0}}]}}}\n"
    )
    write("---\n".join((ROOT, deployment)))
    write(BINDING, "cluster.yaml")

    result = check("m.yaml", "--context", "cluster.yaml", "-v", "-z", "builder")

    assert result.exit_code == 0
    assert result.stdout == (
        "m.yaml:1: Pod shop/root: admitted by anyuid (granted to its service account)\n"
        "m.yaml:12: Deployment shop/web: admitted by anyuid (granted to its service account)\n"
        "    filled in by requests: spec.template.spec.containers[0].resources.requests is "
        '{cpu: "25m", memory: "64Mi"}\n'
        "Assumed:\n"
        '  - pods that name no service account are taken to run as "shop/builder", by -z\n'
        '  - service account "shop/builder" is not described: taken to exist, and to mount its '
        "token\n"
        '  - namespace "shop" is not described: taken to be an ordinary one with the UID range '
        "1000000000/10000 and the SELinux level s0:c1,c0\n"
    )


def test_a_service_account_in_full_creates_bare_pods_anywhere(write):
    own = ROOT.replace("spec:", "spec:\n  serviceAccountName: other")
    write(own, "own.yaml")
    write(ROOT.replace(", namespace: shop", ""), "unnamed.yaml")
    write(ROOT.replace("shop", "elsewhere"), "elsewhere.yaml")
    write(BINDING, "cluster.yaml")
    account = "system:serviceaccount:shop:builder"
    args = ("--context", "cluster.yaml", "-v", "-q", "-z", account)

    assert check("own.yaml", *args).stdout == (
        "own.yaml:1: Pod shop/root: admitted by anyuid (granted to its creator)\n"
    )
    assert check("unnamed.yaml", *args).stdout == (
        "unnamed.yaml:1: Pod shop/root: admitted by anyuid (granted to its service account)\n"
    )
    assert (
        f'Neither user "{account}" nor service account "elsewhere/default" may use: anyuid'
        in check("elsewhere.yaml", *args).stdout
    )


# --- where manifests come from ------------------------------------------------------------------


def test_folders_count_with_their_manifests_and_with_subfolders_if_asked(write):
    write(PLAIN, "d/b.yml")
    write(PLAIN, "d/a.yaml")
    write(json.dumps(yaml.safe_load(PLAIN)), "d/c.json")
    write("no manifest", "d/notes.txt")
    write(ROOT, "d/sub/z.yaml")

    flat, deep = check("d", "-v", "-q"), check("-f", "d", "-R", "-v", "-q", "--only-failures")

    assert [line.partition(":")[0] for line in flat.stdout.splitlines()] == [
        "d/a.yaml",
        "d/b.yml",
        "d/c.json",
    ]
    assert flat.exit_code == 0
    assert deep.exit_code == 1
    assert {line.partition(":")[0] for line in deep.stdout.splitlines()[:2]} == {"d/sub/z.yaml"}


def test_a_file_that_is_named_twice_is_decided_once(write):
    write(PLAIN, "d/a.yaml")

    assert counts(check("d/a.yaml", "d", "-f", "./d/a.yaml")).endswith("(1 object in 1 file")


def test_standard_input_is_read_where_it_is_named(write):
    result = check("-", "-v", "-q", stdin=PLAIN)

    assert result.stdout == (
        "<stdin>:1: Pod shop/plain: admitted by restricted-v2 (granted to its creator)\n"
    )


def test_lists_count_as_their_items_also_those_whose_items_name_no_kind(write):
    write(
        "apiVersion: v1\n"
        "kind: List\n"
        "items:\n"
        "- apiVersion: v1\n"
        "  kind: PodList\n"
        "  items:\n"
        "  - metadata: {name: a, namespace: shop}\n"
        "    spec: {hostPID: true, containers: [{name: app}]}\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
        "- {apiVersion: example.com/v1, kind: AllowList, metadata: {name: c}, spec: {}}\n"
    )

    result = check("m.yaml", "-v", "-q")

    assert [line for line in result.stdout.splitlines() if line.startswith("m.yaml")] == [
        'm.yaml:7: Pod shop/a: refused; "restricted-v2" comes closest',
        "m.yaml:8: restricted-v2/host-namespaces: spec.hostPID is true; allowed: false. "
        "Fix: remove hostPID.",
        "m.yaml:9: ConfigMap b: admitted: no policy judges it",
        "m.yaml:10: AllowList c: admitted: no policy judges it",
    ]


def test_the_option_names_the_namespace_of_those_that_name_none(write):
    write(PLAIN.replace(", namespace: shop", ""))

    assert check("m.yaml", "-n", "team", "-v", "-q").stdout == (
        "m.yaml:1: Pod team/plain: admitted by restricted-v2 (granted to its creator)\n"
    )


def test_every_option_can_come_from_the_environment(write):
    write(PLAIN.replace(", namespace: shop", ""), "d/sub/m.yaml")
    env = {
        "TENANTGATE_FILENAME": "d",
        "TENANTGATE_RECURSIVE": "1",
        "TENANTGATE_NAMESPACE": "team",
        "TENANTGATE_VERBOSE": "1",
        "TENANTGATE_QUIET": "1",
    }

    assert check(env=env).stdout == (
        "d/sub/m.yaml:1: Pod team/plain: admitted by restricted-v2 (granted to its creator)\n"
    )


# --- what cannot be decided ---------------------------------------------------------------------

UNFIT = {
    "m.yaml:1:5: error: not valid YAML: did not find expected node content while parsing a flow node": BROKEN,
    'm.yaml:3:1: error: duplicate key "kind", already set on line 2; keep one of them': "apiVersion: v1\nkind: Pod\nkind: Pod\n",
    'm.yaml:1:1: error: is "hello"; a manifest is an object with apiVersion and kind': "hello\n",
    "m.yaml:1:1: error: is [1]; a manifest is an object with apiVersion and kind": "[1]\n",
    "m.yaml:1:1: error: kind is not set; a manifest names its apiVersion and its kind": "apiVersion: v1\n",
    "m.yaml:1:13: error: apiVersion is 1; a manifest names its apiVersion and its kind": "apiVersion: 1\nkind: Pod\n",
    "m.yaml:1:44: error: items is {}; allowed: a list of objects": "{apiVersion: v1, kind: PodList, items: {}}".replace("{apiVersion", "{  apiVersion", 1).replace("items: {}", "items:   {}", 1),
}  # fmt: skip


@pytest.mark.parametrize(("line", "text"), UNFIT.items())
def test_what_is_no_manifest_is_an_error_where_it_stands(write, line, text):
    write(text)

    result = check("m.yaml")

    assert result.stdout == f"{line}\n"
    assert result.exit_code == 2
    assert counts(result) == "pass 0, warn 0, deny 0, error 1, skip 0 (0 objects in 1 file"


MISSHAPEN = {
    'm.yaml:4: ClusterRoleBinding a: error: roleRef is "x"; allowed: ': (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: a}\nroleRef: x\n"
    ),
    'm.yaml:3: Pod: error: metadata is "x"; allowed: an object': (
        "apiVersion: v1\nkind: Pod\nmetadata: x\n"
    ),
    "m.yaml:3: Pod: error: metadata.name is 5; allowed: a string": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: 5}\n"
    ),
    'm.yaml:5: Pod a: error: spec.hostNetwork is "yes"; allowed: true or false': (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: 'yes'\n"
    ),
    "m.yaml:4: Deployment a: error: spec.template is not set; allowed: an object": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n"
    ),
    'm.yaml:8: Deployment a: error: spec.template.spec.containers[0].securityContext.runAsUser is "root"; allowed: an integer of 64 bits': (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      containers:\n"
        "      - {name: c, securityContext: {runAsUser: root}}\n"
    ),
    'm.yaml:3: Pod shop/a: error: metadata.namespace is "shop"; allowed: "team", by -n. Fix: drop it, or run with -n shop': (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n"
    ),
    'm.yaml:5: Role team/a: error: rules is "x"; allowed: a list. Fix: ': (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: a\nrules: x\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("line", "text"), MISSHAPEN.items())
def test_an_object_of_the_wrong_shape_is_an_error_at_its_field(write, line, text):
    write(text)

    result = check("m.yaml", "-n", "team") if "team" in line else check("m.yaml")

    assert result.stdout.startswith(line)
    assert len(result.stdout.splitlines()) == 1
    assert result.exit_code == 3
    assert counts(result) == "pass 0, warn 0, deny 0, error 1, skip 0 (1 object in 1 file"


def test_files_that_cannot_be_read_are_errors_of_their_own(write):
    write(PLAIN, "ok.yaml")
    Path("latin.yaml").write_bytes(b"a: \xe9\n")

    result = check("none.yaml", "latin.yaml", "https://example.com/a.yaml", "ok.yaml", "-v", "-q")

    assert result.stdout.splitlines() == [
        "none.yaml: error: cannot be read: No such file or directory",
        "latin.yaml: error: is not UTF-8 text (byte 4)",
        "https://example.com/a.yaml: error: is a URL, and this command reads none; download the "
        "file, or pipe it in",
        "ok.yaml:1: Pod shop/plain: admitted by restricted-v2 (granted to its creator)",
    ]
    assert result.exit_code == 3


def test_a_context_that_cannot_be_read_leaves_the_run_incomplete(write):
    write(PLAIN)
    write(BROKEN + "---\n" + SHOP, "cluster.yaml")

    result = check("m.yaml", "--context", "cluster.yaml", "-v", "-q")

    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "cluster.yaml:1:5: error: not valid YAML: did not find expected node content while "
        "parsing a flow node",
        "m.yaml:1: Pod shop/plain: admitted by restricted-v2 (granted to its creator)",
    ]


def test_a_namespace_whose_ranges_make_no_sense_is_not_evaluated(write):
    write(PLAIN)
    write(SHOP.replace("1000600000/10000", "many"), "cluster.yaml")

    result = check("m.yaml", "--context", "cluster.yaml", "-q")

    assert result.exit_code == 3
    assert result.stdout.startswith(
        'm.yaml:1: Pod shop/plain: error: not evaluated: namespace "shop": '
    )


# --- exit codes ---------------------------------------------------------------------------------

EXITS = [
    ([PLAIN], [], 0),
    ([ROOT], [], 1),
    ([PLAIN, ROOT], [], 1),
    ([ROOT], ["--fail-on=never"], 0),
    ([PLAIN], ["--fail-on=warn"], 0),
    ([PLAIN, BROKEN], [], 3),
    ([BROKEN, PLAIN], ["--allow-incomplete"], 0),
    ([BROKEN, ROOT], [], 1),
    ([BROKEN, ROOT], ["--fail-on=never"], 3),
    ([BROKEN, ROOT], ["--fail-on=never", "--allow-incomplete"], 0),
    ([BROKEN, ROOT], ["--allow-incomplete"], 1),
    ([BROKEN], [], 2),
    ([BROKEN], ["--allow-incomplete", "--allow-empty"], 2),
    (["# nothing\n"], [], 2),
    (["# nothing\n"], ["--allow-empty"], 0),
]


@pytest.mark.parametrize(("documents", "options", "code"), EXITS)
@pytest.mark.parametrize("output", ["text", "json", "json=out.json"])
def test_the_exit_code_says_how_it_went_in_every_format(write, documents, options, code, output):
    write("---\n".join(documents))

    assert check("m.yaml", *options, "-o", output).exit_code == code


def test_nothing_to_check_says_where_it_looked(write):
    write("# nothing\n", "a.yaml")
    write(PLAIN, "d/sub/m.yaml")

    assert check("a.yaml").stderr == "Error: nothing to check: no manifest in a.yaml\n"
    assert check("a.yaml", "d").stderr == (
        "Error: nothing to check: no manifest in a.yaml, d; folders count with their .json, .yaml "
        "or .yml files, and with subfolders if -R is given\n"
    )


USAGE = {
    "nothing to check: give files or folders, or - for standard input": [],
    'Invalid value for -o: "xml" is no format; allowed: text, json': ["m.yaml", "-o", "xml"],
    'Invalid value for -o: "json=" names no file': ["m.yaml", "-o", "json="],
    "text and json would both go to standard output: give one a file, as in -o json=FILE": ["m.yaml", "-o", "text", "-o", "json"],
    "--as and -z exclude each other: the pods have one creator": ["m.yaml", "--as", "a", "-z", "b"],
    "--as-group needs --as: groups belong to a user": ["m.yaml", "--as-group", "a"],
    'Invalid value for -z: "a:b" is no name of a service account, and no system:serviceaccount:NAMESPACE:NAME': ["m.yaml", "-z", "a:b"],
    'Invalid value for -n: "A B" is no name of a namespace': ["m.yaml", "-n", "A B"],
    "Invalid value for '--context': Path 'none' does not exist.": ["m.yaml", "--context", "none"],
    "Invalid value for '--fail-on': 'maybe' is not one of 'deny', 'warn', 'never'.": ["m.yaml", "--fail-on", "maybe"],
}  # fmt: skip


@pytest.mark.parametrize(("message", "args"), USAGE.items())
def test_wrong_usage_says_what_is_right(write, message, args):
    write(PLAIN)

    result = check(*args)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"Error: {message}"


def test_a_policy_that_cannot_be_used_leaves_no_verdict(write):
    write(PLAIN)
    write("kind: Nothing\n", "policy.yaml")

    result = check("m.yaml", "-p", "policy.yaml")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[0].startswith("policy.yaml:1:1: ")
    assert result.stderr.splitlines()[-1] == "Error: the policies cannot be used: 1 mistake"


def test_a_file_that_cannot_be_written_is_an_error(write):
    write(PLAIN)

    result = check("m.yaml", "-o", "json=none/out.json")

    assert result.exit_code == 2
    assert result.stderr == "Error: none/out.json cannot be written: No such file or directory\n"


# --- formats ------------------------------------------------------------------------------------


def test_json_carries_every_field_of_a_finding_and_every_attempt(write):
    write(ROOT.replace("kind: Pod", "kind: Pod  # bare"))

    value = report("m.yaml")

    assert value["summary"] == {
        "pass": 0, "warn": 0, "deny": 1, "error": 0, "skip": 0, "objects": 1, "files": 1,
    }  # fmt: skip
    assert value["policySetHash"].startswith("sha256:")
    assert value["assumptions"] == [line.removeprefix("  - ") for line in ASSUMED.splitlines()[1:]]
    resource = {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "root"}
    assert value["findings"] == [
        {
            "policy": "restricted-v2",
            "rule": "run-as-user",
            "severity": "high",
            "action": "deny",
            "result": "fail",
            "resource": resource,
            "container": "app",
            "path": "/spec/containers/0/securityContext/runAsUser",
            "observed": 0,
            "allowed": "1000000000-1000009999",
            "message": "restricted-v2/run-as-user: spec.containers[0].securityContext.runAsUser "
            "is 0; allowed: 1000000000-1000009999. "
            "Fix: remove runAsUser, so that an allowed one is filled in.",
            "fix": "remove runAsUser, so that an allowed one is filled in",
            "waiver": None,
            "file": "m.yaml",
            "line": 9,
            "policySetHash": value["policySetHash"],
        }
    ]
    (told,) = value["objects"]
    assert {
        key: told[key] for key in ("file", "line", "resource", "verdict", "scc", "closest")
    } == {
        "file": "m.yaml",
        "line": 1,
        "resource": resource,
        "verdict": "deny",
        "scc": None,
        "closest": "restricted-v2",
    }
    tried = {attempt["scc"]: attempt for attempt in told["attempts"]}
    assert len(tried) == 13
    assert tried["privileged"] == {
        "scc": "privileged",
        "subject": None,
        "findings": [],
        "changes": [],
    }
    assert [finding["rule"] for finding in tried["restricted-v3"]["findings"]] == [
        "host-users",
        "run-as-user",
    ]


def test_json_names_the_scc_that_admits_and_leaves_out_what_is_not_asked_for(write):
    write("---\n".join((PLAIN, ROOT)))

    everything, failures = report("m.yaml"), report("m.yaml", "--only-failures")

    assert [(o["verdict"], o["scc"], o["subject"]) for o in everything["objects"]] == [
        ("pass", "restricted-v2", "user"),
        ("deny", None, None),
    ]
    assert [o["verdict"] for o in failures["objects"]] == ["deny"]
    assert failures["summary"] == everything["summary"]


def test_json_tells_errors_as_findings(write):
    write("---\n".join((PLAIN, BROKEN)))

    (finding,) = report("m.yaml")["findings"]

    assert finding["result"] == "error"
    assert finding["message"] == (
        "not valid YAML: did not find expected node content while parsing a flow node"
    )
    assert (finding["file"], finding["line"]) == ("m.yaml", 8)


def test_one_run_feeds_a_terminal_and_a_file(write):
    write(PLAIN)

    result = check("m.yaml", "-v", "-o", "json=out.json")

    assert result.stdout.startswith("m.yaml:1: Pod shop/plain: admitted by restricted-v2")
    assert json.loads(Path("out.json").read_text())["summary"]["pass"] == 1


def test_machine_formats_have_standard_output_to_themselves(write):
    write("---\n".join((ROOT, BROKEN)))

    result = check("m.yaml", "-o", "json")

    json.loads(result.stdout)
    assert result.stderr == ""


def test_two_runs_tell_the_same(write):
    write("---\n".join((ROOT, PLAIN, BROKEN)))

    assert check("m.yaml", "-o", "json").stdout == check("m.yaml", "-o", "json").stdout


def test_colours_are_for_those_who_want_them(write):
    write(ROOT)

    red = "\x1b[31m\x1b[1mrefused\x1b[0m"
    assert red in check("m.yaml", "--color=always").stdout
    assert red not in check("m.yaml", "--color=never").stdout
    assert red not in check("m.yaml").stdout
    assert red not in check("m.yaml", "--color=always", env={"NO_COLOR": "1"}).stdout


# --- laws ---------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=3),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=3), child),
    max_leaves=4,
)
FIELDS = {
    "metadata": ["name", "namespace", "annotations", "labels"],
    "spec": ["template", "containers", "volumes", "securityContext", "hostNetwork", "serviceAccount",
             "jobTemplate", "volumeClaimTemplates", "initContainers", "ephemeralContainers"],
    "containers": ["name", "ports", "securityContext", "volumeMounts"],
}  # fmt: skip
CONTAINER = st.dictionaries(st.sampled_from(FIELDS["containers"]), JSON)
SPEC = st.dictionaries(
    st.sampled_from(FIELDS["spec"]), JSON | st.lists(CONTAINER, max_size=2), max_size=4
)
OBJECT = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["v1", "apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1"]),
        "kind": st.sampled_from(
            [*WORKLOADS, "Pod", "Namespace", "ServiceAccount", "RoleBinding", "ClusterRole", "List"]
        ),
    },
    optional={
        "metadata": JSON | st.dictionaries(st.sampled_from(FIELDS["metadata"]), JSON),
        "spec": JSON | SPEC | st.fixed_dictionaries({"template": st.fixed_dictionaries({"spec": SPEC})}),
        "template": st.fixed_dictionaries({"spec": SPEC}),
        "items": JSON,
        "subjects": JSON,
        "rules": JSON,
        "roleRef": JSON,
        "automountServiceAccountToken": JSON,
    },
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(OBJECT | JSON, min_size=1, max_size=4))
def test_no_input_is_a_traceback(write, objects):
    write("\n---\n".join(json.dumps(value) for value in objects), "m.json")

    result = check("m.json")

    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code in (0, 1, 2, 3)


def test_the_command_starts_without_what_only_the_webhook_needs(write):
    write(PLAIN)
    program = (
        "import sys\n"
        "from webhook.cli import cli\n"
        "cli(['check', 'm.yaml', '-q'], standalone_mode=False)\n"
        "heavy = {'flask', 'kubernetes', 'cryptography', 'msgspec', 'gunicorn', 'orjson', 'jsonpatch',"
        " 'prometheus_client', 'asyncio', 'importlib.metadata', 'ssl', 'http.client'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    run = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (run.stderr, run.stdout) == ("", "[]\n")


# what tenants may do

TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
  members: [{kind: Group, name: acme-devs}]
  namespaces: {prefix: acme-}
  allow: {registries: [registry.example.com/acme]}
"""
AS_ALICE = ("--as", "alice", "--as-group", "acme-devs")


def test_a_workload_tells_once_what_is_wrong_with_it_and_with_its_pods(write: Write) -> None:
    write(TENANT, "acme.yaml")
    write(DEPLOYMENT)

    found = check("-p", str(SHIPPED), "-p", "acme.yaml", *AS_ALICE, "m.yaml")

    assert found.exit_code == 1
    assert found.stdout.startswith(
        "m.yaml:1: Deployment acme-web/web: refused\n"
        "m.yaml:10: The image is not from an allowed registry: "
        'spec.template.spec.containers[0].image is "quay.io/evil/web:1"; '
        "allowed: registry.example.com/acme. "
    )
    assert found.stdout.count("T-WL-6") == 1


def test_what_isolation_rules_admit_is_not_called_unjudged(write: Write) -> None:
    write(TENANT, "acme.yaml")
    write("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: acme-web}}")
    policies = ("-p", str(SHIPPED), "-p", "acme.yaml")

    mine = check(*policies, *AS_ALICE, "-v", "m.yaml")
    root = check(*policies, "--as", "root", "--as-group", "system:masters", "-v", "m.yaml")

    assert mine.stdout.startswith("m.yaml:1: ConfigMap acme-web/a: admitted\n")
    assert root.stdout.startswith("m.yaml:1: ConfigMap acme-web/a: admitted: no policy judges it\n")


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: acme-web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "quay.io/evil/web:1"}
"""
