"""Policy files are read strictly: each mistake is told with its place, all of them at once."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tests.core.samples import SCC
from webhook.core.platform import PodSecurity
from webhook.core.policyset import PolicyError, PolicySet, digest, parse_policies
from webhook.core.scc.document import SCHEMA

FIELDS = ", ".join(SCHEMA.fields)
PLAIN = """\
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: plain}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""
PLATFORM = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec: {}
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: use-plain}
rules:
- apiGroups: [security.openshift.io]
  resources: [securitycontextconstraints]
  resourceNames: [plain]
  verbs: [use]
"""


def wrong(text: str, **more: str) -> list[str]:
    """Return what is said of a set of files, of which the first is `a.yaml`."""
    texts = {"a.yaml": text, **{f"{name}.yaml": other for name, other in more.items()}}
    with pytest.raises(PolicyError) as error:
        parse_policies(texts)
    told = [str(problem) for problem in error.value.problems]
    assert str(error.value) == "\n".join(told)
    return told


def names(policies: PolicySet) -> list[str]:
    return [scc.name for scc in policies.sccs]


# what makes a set


def test_a_set_of_one_scc() -> None:
    policies = parse_policies({"a.yaml": PLAIN})

    assert names(policies) == ["plain"]
    assert policies.platform.enforcement == "deny"
    assert policies.platform.engine_namespace == "tenantgate-system"
    assert policies.platform.scc.pod_updates == "ratchet"
    assert policies.platform.scc.workloads == "warn"
    assert policies.platform.scc.exemption_labels == "ignore"
    assert (policies.rbac, policies.warnings) == ((), ())


def test_sccs_come_out_in_the_order_in_which_they_are_tried() -> None:
    loud = PLAIN.replace("plain", "zz") + "priority: 1\n"
    other = PLAIN.replace("plain", "other")

    assert names(parse_policies({"a.yaml": PLAIN, "b.yaml": f"{other}---\n{loud}"})) == [
        "zz",
        "other",
        "plain",
    ]


def test_the_platforms_settings_are_taken_up() -> None:
    spec = {
        "engineNamespace": "guard",
        "enforcement": "audit",
        "scc": {
            "exemptNamespaces": ["a"],
            "exemptionLabels": "honour",
            "podUpdates": "openshift",
            "workloads": "ignore",
            "uidAllocatorRange": "10-20/2",
            "mcsAllocatorRange": "s1/3",
            "mcsLabelsPerProject": 7,
        },
    }
    text = PLATFORM.replace("{}", json.dumps(spec))

    platform = parse_policies({"a.yaml": text}).platform

    assert (platform.engine_namespace, platform.enforcement) == ("guard", "audit")
    assert platform.scc.exempt_namespaces == {"a"}
    assert platform.scc.exemption_labels == "honour"
    assert platform.scc.pod_updates == "openshift"
    assert platform.scc.workloads == "ignore"
    assert platform.scc.uid_allocator_range.text(1) == "12/2"
    assert platform.scc.mcs_label(1) == "s1:c4,c3,c0"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            "uidAllocatorRange: 20-10/2",
            'spec.scc.uidAllocatorRange is "20-10/2": start 20 must be less than end 10; '
            "such as 1000000000-1999999999/10000",
        ),
        (
            "mcsAllocatorRange: s0",
            'spec.scc.mcsAllocatorRange is "s0": range not in the format '
            '"<prefix>/<numLabel>[,<maxCategory>]"; such as s0:/2',
        ),
        (
            "mcsLabelsPerProject: 0",
            "spec.scc.mcsLabelsPerProject is 0; allowed: a whole number from 1",
        ),
        (
            "mcsLabelsPerProject: 6",
            "spec.scc.mcsLabelsPerProject makes 100000 blocks of ids with 6 MCS labels for "
            "each, of the 523776 labels that there are. Fix: a smaller "
            "spec.scc.mcsLabelsPerProject, fewer and larger blocks in spec.scc.uidAllocatorRange, "
            "or another category in spec.scc.mcsAllocatorRange, such as s0:/3",
        ),
    ],
)
def test_ranges_that_nothing_can_be_allotted_from(settings, told):
    text = PLATFORM.replace("spec: {}", f"spec: {{scc: {{\n  {settings}}}}}")

    assert wrong(text) == [f"a.yaml:5:{5 + settings.index(':')}: {told}"]


@pytest.mark.parametrize(
    "settings",
    [
        "{uidAllocatorRange: null, mcsAllocatorRange: null, mcsLabelsPerProject: null}",
        "{mcsLabelsPerProject: 6, mcsAllocatorRange: 's0:/3'}",
        "{uidAllocatorRange: 1-1000/1, mcsAllocatorRange: 's0:/1', mcsLabelsPerProject: 1}",
    ],
)
def test_ranges_that_can_be_allotted_from(settings):
    assert parse_policies({"a.yaml": PLATFORM.replace("{}", f"{{scc: {settings}}}")}).platform


def test_an_empty_list_of_exempt_namespaces_exempts_none_and_a_null_the_six() -> None:
    for value, number in (("[]", 0), ("null", 6)):
        text = PLATFORM.replace("{}", f"{{scc: {{exemptNamespaces: {value}}}}}")
        assert len(parse_policies({"a.yaml": text}).platform.scc.exempt_namespaces) == number


def test_rbac_is_kept_as_it_is_written() -> None:
    (role,) = parse_policies({"a.yaml": ROLE}).rbac

    assert role["rules"][0]["resourceNames"] == ["plain"]


def test_json_is_read_as_well() -> None:
    assert names(parse_policies({"a.json": json.dumps(SCC)})) == ["plain"]


def test_what_a_cluster_adds_to_an_objects_metadata_is_no_mistake() -> None:
    metadata = {
        "name": "plain",
        "uid": "1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2020-01-01T00:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
        "annotations": {"release.openshift.io/create-only": "true"},
    }

    assert names(parse_policies({"a.json": json.dumps({**SCC, "metadata": metadata})})) == ["plain"]


def items(*texts: str) -> str:
    """Return a List of documents, each of them indented under its dash."""
    body = "".join("- " + text.rstrip().replace("\n", "\n  ") + "\n" for text in texts)
    return f"apiVersion: v1\nkind: List\nmetadata: {{resourceVersion: ''}}\nitems:\n{body}"


def test_a_list_counts_as_its_items() -> None:
    policies = parse_policies({"a.yaml": items(PLAIN, items(PLATFORM, ROLE))})

    assert names(policies) == ["plain"]
    assert len(policies.rbac) == 1


def test_a_mistake_in_a_list_is_told_at_its_own_place() -> None:
    assert wrong(items(PLAIN, PLATFORM.replace("{}", "{enforcement: loud}"))) == [
        'a.yaml:13:23: spec.enforcement is "loud"; allowed: deny, warn, audit.'
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("items: {a: b}", "a.yaml:3:8: items is {a: \"b\"}; allowed: a list."),
        ("items: text", 'a.yaml:3:8: items is "text"; allowed: a list.'),
        ("items: [5]", "a.yaml:3:9: a policy is an object with apiVersion and kind"),
        (
            "item: []",
            'a.yaml:3:7: "item" is no known field; '
            'allowed here: apiVersion, kind, metadata, items. Did you mean "items"?',
        ),
    ],
)  # fmt: skip
def test_a_list_that_is_none(text, told):
    assert wrong(f"apiVersion: v1\nkind: List\n{text}\n") == [told]


# what is wrong with one document

BROKEN: dict[str, tuple[str, str]] = {
    "an unknown field": (
        PLAIN + "banana: true\n",
        f'6:9: "banana" is no known field; allowed here: {FIELDS}.',
    ),
    "a misspelt field": (
        PLAIN + "allowHostPort: true\n",
        f'6:16: "allowHostPort" is no known field; allowed here: {FIELDS}. '
        'Did you mean "allowHostPorts"?',
    ),
    "a field in another case": (
        PLAIN + "allowhostpid: true\n",
        f'6:15: "allowhostpid" is no known field; allowed here: {FIELDS}. '
        'Did you mean "allowHostPID"?',
    ),
    "a misspelt field inside": (
        PLAIN + "fsGroup:\n  type: MustRunAs\n  ranges:\n  - {mim: 1, max: 2}\n",
        '9:11: "fsGroup.ranges[0].mim" is no known field; allowed here: min, max. '
        'Did you mean "min"?',
    ),
    "a word for a number": (
        PLAIN + "priority: high\n",
        '6:11: priority is "high"; allowed: a whole number.',
    ),
    "a fraction": (PLAIN + "priority: 1.5\n", "6:11: priority is 1.5; allowed: a whole number."),
    "a number for yes": (
        PLAIN + "allowHostPID: 1\n",
        "6:15: allowHostPID is 1; allowed: true or false.",
    ),
    "a quoted yes": (
        PLAIN + "allowHostPID: 'true'\n",
        '6:15: allowHostPID is "true"; allowed: true or false.',
    ),
    "a word for a list": (
        PLAIN + "volumes: secret\n",
        '6:10: volumes is "secret"; allowed: a list.',
    ),
    "a number among words": (
        PLAIN + "users:\n- alice\n- 5\n",
        "8:3: users[1] is 5; allowed: a string.",
    ),
    "a word for an object": (
        PLAIN.replace("{type: RunAsAny}\nse", "RunAsAny\nse"),
        '4:12: runAsUser is "RunAsAny"; allowed: an object.',
    ),
    "an unknown word": (
        PLAIN + "userNamespaceLevel: RequirePod\n",
        '6:21: userNamespaceLevel is "RequirePod"; allowed: AllowHostLevel, RequirePodLevel. '
        'Did you mean "RequirePodLevel"?',
    ),
    "no metadata": (
        PLAIN.replace("metadata: {name: plain}\n", ""),
        '1:1: "metadata" is missing; it is required',
    ),
    "no name": (
        PLAIN.replace("name: plain", ""),
        '3:11: "name" is missing in metadata; it is required',
    ),
    "metadata that is none": (
        PLAIN.replace("{name: plain}", "[]"),
        "3:11: metadata is []; allowed: an object.",
    ),
    "an invalid value": (
        PLAIN + "priority: -1\n",
        "6:11: priority is -1; allowed: 0 or more. "
        "Fix: raise the priorities of the others instead.",
    ),
    "a strategy that nobody knows": (
        PLAIN.replace("RunAsAny", "MustRunAsRang", 1),
        '4:19: runAsUser.type is "MustRunAsRang"; allowed: MustRunAs, MustRunAsNonRoot, '
        "MustRunAsRange, RunAsAny. Fix: use one of them; case counts.",
    ),
    "an SCC that OpenShift accepts and cannot evaluate, without a user": (
        PLAIN.replace("RunAsAny", "MustRunAs", 1),
        "4:12: runAsUser.uid is not set; allowed: a user id, which MustRunAs requires. "
        "Fix: set runAsUser.uid.",
    ),
    "an SCC that OpenShift accepts and cannot evaluate, with half a range": (
        PLAIN.replace("RunAsAny", "MustRunAsRange, uidRangeMin: 5", 1),
        "4:12: runAsUser.uidRangeMax is not set; allowed: both bounds of the range, or neither "
        "(the namespace then gives it). "
        "Fix: set runAsUser.uidRangeMax, or remove the other bound.",
    ),
    "a key that is set twice": (
        PLAIN + "priority: 1\npriority: 2\n",
        '7:1: duplicate key "priority", already set on line 6; keep one of them',
    ),
    "a platform without spec": (
        PLATFORM.replace("spec: {}\n", ""),
        '1:1: "spec" is missing; it is required',
    ),
    "an unknown action": (
        PLATFORM.replace("{}", "{enforcement: denied}"),
        '4:21: spec.enforcement is "denied"; allowed: deny, warn, audit. Did you mean "deny"?',
    ),
    "a list that is a word": (
        PLATFORM.replace("{}", "{scc: {exemptNamespaces: default}}"),
        '4:32: spec.scc.exemptNamespaces is "default"; allowed: a list.',
    ),
    "a list for a document": ("- a\n", "1:1: a policy is an object with apiVersion and kind"),
    "a word for a document": (
        "# a comment\nhello\n",
        "2:1: a policy is an object with apiVersion and kind",
    ),
    "RBAC that cannot be read": (
        ROLE.replace("verbs: [use]", "verbs: use"),
        '8:10: ClusterRole use-plain: rules[0].verbs is "use"; allowed: a list of strings. '
        "Fix: write a list of quoted strings.",
    ),
}


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_a_mistake_is_told_with_file_line_and_column(text, told):
    assert wrong(text) == [f"a.yaml:{told}"]


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_a_mistake_further_down_in_a_file_is_told_at_its_own_line(text, told):
    line, _, rest = told.partition(":")
    before = "# the first document\n" + PLAIN.replace("plain", "first") + "---\n"
    rest = rest.replace("on line 6", "on line 13")

    assert wrong(before + text) == [f"a.yaml:{int(line) + 7}:{rest}"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("apiVersion: v1\nkind: ConfigMap\n", 'apiVersion "v1", kind "ConfigMap"'),
        (PLAIN.replace("/v1", "/v2"), 'apiVersion "security.openshift.io/v2", kind "SecurityContextConstraints"'),
        (PLAIN.replace("kind: S", "kind: s"), 'apiVersion "security.openshift.io/v1", kind "securityContextConstraints"'),
        ("a: b\n", "apiVersion null, kind null"),
        ("apiVersion: {}\nkind: [a]\n", 'apiVersion {}, kind ["a"]'),
        ("apiVersion: tenantgate.io/v1\nkind: Waiver\n", 'apiVersion "tenantgate.io/v1", kind "Waiver"'),
    ],
)  # fmt: skip
def test_a_kind_that_is_no_policy(text, seen):
    (told,) = wrong(text)

    assert told.startswith(f"a.yaml:1:1: {seen} is no kind of policy; allowed: ")
    assert "security.openshift.io/v1 SecurityContextConstraints" in told
    assert "tenantgate.io/v1 Platform" in told


def test_text_that_is_no_yaml() -> None:
    (told,) = wrong("a: [\n")

    assert told.startswith("a.yaml:1:5: not valid YAML: ")


# what is wrong with a set


def test_a_name_that_is_taken_is_told_with_the_place_of_the_first() -> None:
    told = 'SecurityContextConstraints "plain" is already defined at a.yaml:1'

    assert wrong(PLAIN + "---\n" + PLAIN) == [f"a.yaml:9:18: {told}"]
    assert wrong(PLAIN, b=PLAIN) == [f"b.yaml:3:18: {told}"]


def test_the_same_name_may_be_used_for_another_kind() -> None:
    parse_policies({"a.yaml": PLAIN, "b.yaml": PLATFORM.replace("name: platform", "name: plain")})


def test_a_set_holds_one_platform() -> None:
    told = wrong(PLATFORM, b=PLATFORM.replace("name: platform", "name: other"))

    assert len(told) == 1
    assert told[0].startswith("b.yaml:1:1: a second Platform; a set holds at most one")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n", "---\n# a\n---\n"])
def test_a_set_without_a_policy_is_a_mistake(text):
    assert wrong(text) == ["a.yaml:1:1: no policy in it; a set holds at least one"]


def test_no_file_at_all_is_a_mistake() -> None:
    with pytest.raises(PolicyError) as error:
        parse_policies({})

    assert str(error.value) == "the given paths:1:1: no policy in it; a set holds at least one"


def test_an_empty_file_beside_others_is_none() -> None:
    assert names(parse_policies({"a.yaml": "", "b.yaml": PLAIN})) == ["plain"]


def test_every_mistake_of_every_file_is_told_at_once_in_order() -> None:
    told = wrong(
        "a: [\n---\n" + PLAIN + "priority: high\nvolumes: secret\n",
        c=PLAIN.replace("plain", "Loud") + "priority: -1\n",
        b="kind: ConfigMap\napiVersion: v1\n---\n" + PLATFORM.replace("{}", "5"),
    )

    assert [text.split(": ")[0] for text in told] == [
        "a.yaml:1:5",
        "a.yaml:8:11",
        "a.yaml:9:10",
        "b.yaml:1:1",
        "b.yaml:7:7",
        "c.yaml:3:18",
        "c.yaml:6:11",
    ]


def test_a_volume_type_that_nobody_knows_is_odd_and_no_mistake() -> None:
    text = PLAIN + "volumes: [secret, unheardOf]\n"
    told = 'volumes[1] is "unheardOf", a type of volume that no pod can have'

    assert parse_policies({"a.yaml": text}).warnings == (f"a.yaml:6:19: {told}",)
    assert parse_policies({"a.yaml": items(PLATFORM, text)}).warnings == (f"a.yaml:14:21: {told}",)


@pytest.mark.parametrize("volumes", ["[]", "['*']", "[none]", "[hostPath, csi]", "null"])
def test_the_words_for_volumes_are_not_odd(volumes):
    assert parse_policies({"a.yaml": f"{PLAIN}volumes: {volumes}\n"}).warnings == ()


# what tenants make odd

TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
"""
NETWORKS = "podCIDRs: [10.1.0.0/16], serviceCIDRs: [10.2.0.0/16], nodeCIDRs: [10.3.0.0/16]"
CLUSTER = PLATFORM.replace("{}", f"{{cluster: {{{NETWORKS}}}}}")


def odd(*texts: str, **files: str) -> list[str]:
    """Return the warnings about a set of an SCC, and of other documents below it in its file."""
    return list(parse_policies({"a.yaml": "---\n".join((PLAIN, *texts)), **files}).warnings)


def test_a_platform_that_leaves_out_the_clusters_networks_is_told_with_its_place() -> None:
    absent = "spec.cluster does not say nodeCIDRs: "
    some = PLATFORM.replace(
        "{}", "\n  cluster:\n    podCIDRs: ['::/64']\n    serviceCIDRs: ['::/64']"
    )

    assert odd(CLUSTER, TENANT) == []
    assert odd(PLATFORM) == []
    assert [text.split("T-")[0] for text in odd(some, TENANT)] == [f"a.yaml:12:5: {absent}"]
    (told,) = odd(TENANT, **{"b.yaml": items(PLATFORM)})
    assert told.startswith(
        "b.yaml:8:9: spec.cluster does not say podCIDRs, serviceCIDRs, nodeCIDRs: T-SVC-2, "
    )


def test_without_a_platform_the_first_tenant_is_where_its_absence_is_told() -> None:
    (told,) = odd(**{"t.yaml": TENANT + "---\n" + TENANT.replace("acme", "globex")})

    assert told.startswith(
        "t.yaml:1:1: no Platform in the set says spec.cluster.podCIDRs, serviceCIDRs, nodeCIDRs: "
    )


def test_tenants_without_any_scc_are_odd() -> None:
    assert parse_policies({"a.yaml": CLUSTER, "t.yaml": TENANT}).warnings == (
        "t.yaml:1:1: no SecurityContextConstraints in the set: no pod is judged by an SCC",
    )


def test_a_key_that_is_null_is_not_there() -> None:
    assert odd(CLUSTER, TENANT + "  provision: null\n  namespaces: null\n") == []


@pytest.mark.parametrize("prefix", ["platform-", "kube-acme-"])
def test_a_prefix_that_is_reserved(prefix):
    reserved = "kube-" if prefix.startswith("kube-") else "platform-"
    tenant = f"{TENANT}  namespaces: {{prefix: {prefix}}}\n"

    assert odd(CLUSTER, **{"t.yaml": tenant}) == [
        f't.yaml:6:24: spec.namespaces.prefix is "{prefix}", which begins with the reserved prefix '
        f'"{reserved}": no tenant can create such a namespace'
    ]
    assert odd(CLUSTER.replace("{cluster", "{reservedNames: {prefixes: []}, cluster"), tenant) == []


@pytest.mark.parametrize("prefix", ["acme-", "kube", "my-kube-"])
def test_a_prefix_that_is_not_reserved(prefix):
    assert odd(CLUSTER, f"{TENANT}  namespaces: {{prefix: {prefix}}}\n") == []


# what names a set


def test_the_hash_is_that_of_names_and_texts() -> None:
    texts = {"a.yaml": PLAIN, "b.yaml": PLATFORM}
    again = dict(reversed(texts.items()))

    assert parse_policies(texts).hash == parse_policies(again).hash == digest(texts)
    assert digest(texts).startswith("sha256:")


@pytest.mark.parametrize(
    "other",
    [
        {"a.yaml": PLAIN},
        {"a.yaml": PLAIN, "b.yaml": PLATFORM + "\n"},
        {"a.yaml": PLAIN, "c.yaml": PLATFORM},
        {"a.yaml": PLATFORM, "b.yaml": PLAIN},
        {"a.yaml": PLAIN + "b.yaml" + PLATFORM},
        {"a.yaml": PLAIN, "b.yaml": PLATFORM, "c.yaml": ""},
    ],
)
def test_another_set_has_another_hash(other):
    assert digest(other) != digest({"a.yaml": PLAIN, "b.yaml": PLATFORM})


def test_the_hash_is_the_same_in_whichever_folder_the_files_are() -> None:
    mounted = {"/etc/tenantgate/policies/a.yaml": PLAIN, "policies/b.yaml": PLATFORM}

    assert digest(mounted) == digest({"a.yaml": PLAIN, "b.yaml": PLATFORM})


def test_a_set_cannot_be_changed() -> None:
    policies: Any = parse_policies({"a.yaml": PLAIN})

    with pytest.raises(FrozenInstanceError):
        policies.sccs = ()


# pod security


def test_what_a_platform_says_of_pod_security() -> None:
    text = """{podSecurity: {require: restricted, version: v1.31,
    defaults: {enforce: baseline, audit: restricted},
    exemptions: {usernames: [ci], runtimeClasses: [gvisor], namespaces: [kube-system]}}}"""

    found = parse_policies({"a.yaml": PLATFORM.replace("{}", text)}).platform.pod_security

    assert found == PodSecurity(
        require="restricted",
        version="v1.31",
        enforce="baseline",
        audit="restricted",
        exempt_users=frozenset({"ci"}),
        exempt_runtime_classes=frozenset({"gvisor"}),
        exempt_namespaces=frozenset({"kube-system"}),
    )


@pytest.mark.parametrize("version", ["1.31", "v1.031", "newest", "v2.0", ""])
def test_a_version_of_a_standard_is_latest_or_that_of_kubernetes(version: str) -> None:
    text = PLATFORM.replace("{}", f'{{podSecurity: {{version: "{version}"}}}}')

    with pytest.raises(PolicyError) as caught:
        parse_policies({"a.yaml": text})

    assert str(caught.value) == (
        f'a.yaml:4:31: spec.podSecurity.version is "{version}"; allowed: latest, or a version '
        "such as v1.31"
    )
