"""A report as text and as JSON: the same facts, whoever reads them."""

import json

import pytest

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Attempt, Finding
from webhook.reports import json as as_json
from webhook.reports import text
from webhook.reports.result import Located, Report, Result

FINDING = Finding(
    path=FieldPath.parse("spec.template.spec.containers[0].securityContext.privileged"),
    observed=True,
    allowed="false",
    fix="remove privileged",
    rule="privileged",
    policy="restricted-v2",
)
SET = Finding(
    path=FieldPath.parse("metadata.annotations[a.io/b~c]"),
    observed=UNSET,
    allowed="a name",
    fix="name one",
    rule="named",
    policy="own",
    action="warn",
)
DENIED = Result(
    file="a.yaml",
    line=3,
    verdict="deny",
    api_version="apps/v1",
    kind="Deployment",
    namespace="shop",
    name="web",
    closest="restricted-v2",
    findings=(Located(FINDING, 14, "app"),),
    attempts=(Attempt("privileged"), Attempt("restricted-v2", "user", (FINDING,))),
    notes=("Nobody may use: privileged.",),
    assumptions=("first", "second"),
)
WARNED = Result("a.yaml", 20, "warn", kind="Pod", name="w", scc="own", findings=(Located(SET, 21),))
PASSED = Result(
    "b.yaml",
    1,
    "pass",
    kind="Pod",
    name="p",
    scc="restricted-v2",
    subject="serviceaccount",
    assumptions=("second", "third"),
)
UNJUDGED = Result("b.yaml", 5, "pass", kind="ConfigMap", name="c", reason="no policy judges it")
SKIPPED = Result("b.yaml", 9, "skip", kind="Pod", name="s", reason="exempt")
UNDECIDED = Result("b.yaml", 12, "error", kind="Pod", name="u", reason="not evaluated: why")
BROKEN = Result("b.yaml", 15, "error", 4, reason="not valid YAML")
UNREAD = Result("c.yaml", 0, "error", reason="cannot be read")
BARRED = Result("d.yaml", 1, "deny", kind="Pod", name="b", attempts=(Attempt("privileged"),))
REPORT = Report(
    (DENIED, WARNED, PASSED, UNJUDGED, SKIPPED, UNDECIDED, BROKEN, UNREAD, BARRED), 4, "sha256:0"
)

FAILURES = """\
a.yaml:3: Deployment shop/web: refused; "restricted-v2" comes closest
a.yaml:14: restricted-v2/privileged: spec.template.spec.containers[0].securityContext.privileged \
is true; allowed: false. Fix: remove privileged.
    Nobody may use: privileged.
a.yaml:20: Pod w: admitted with warnings
a.yaml:21: own/named: metadata.annotations[a.io/b~c] is not set; allowed: a name. Fix: name one.
"""
PASSES = """\
b.yaml:1: Pod p: admitted by restricted-v2 (granted to its service account)
b.yaml:5: ConfigMap c: admitted: no policy judges it
b.yaml:9: Pod s: not judged: exempt
"""
ERRORS = """\
b.yaml:12: Pod u: error: not evaluated: why
b.yaml:15:4: error: not valid YAML
c.yaml: error: cannot be read
d.yaml:1: Pod b: refused; no security context constraint (SCC) is usable for it
"""
ASSUMED = "Assumed:\n  - first\n  - second\n  - third\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, FAILURES + ERRORS + ASSUMED),
        ({"quiet": True}, FAILURES + ERRORS),
        ({"verbose": True}, FAILURES + PASSES + ERRORS + ASSUMED),
        ({"verbose": True, "only_failures": True}, FAILURES + ERRORS + ASSUMED),
    ],
    ids=str,
)
def test_text_tells_what_is_wrong_and_more_if_asked(options, expected):
    assert text.render(REPORT, **options) == expected


def test_text_says_nothing_of_an_empty_report():
    assert text.render(Report((), 0)) == ""


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (DENIED, 'a.yaml:3: Deployment shop/web: \x1b[31m\x1b[1mrefused\x1b[0m; "restricted-v2" comes closest'),
        (WARNED, "a.yaml:20: Pod w: \x1b[33m\x1b[1madmitted with warnings\x1b[0m"),
        (PASSED, "b.yaml:1: Pod p: \x1b[32m\x1b[1madmitted\x1b[0m by restricted-v2 (granted to its service account)"),
        (SKIPPED, "b.yaml:9: Pod s: \x1b[36m\x1b[1mnot judged\x1b[0m: exempt"),
        (UNDECIDED, "b.yaml:12: Pod u: \x1b[31m\x1b[1merror\x1b[0m: not evaluated: why"),
        (UNREAD, "c.yaml: \x1b[31m\x1b[1merror\x1b[0m: cannot be read"),
    ],
)  # fmt: skip
def test_colours_mark_the_verdict_and_nothing_else(result, line):
    told = text.render(Report((result,), 1), verbose=True, color=True)

    assert told.splitlines()[0] == line


def test_an_audited_finding_is_told_of_an_admitted_object():
    finding = Finding(FieldPath(("spec",)), 1, "2", "write 2", "rule", "policy", "audit")
    result = Result("a.yaml", 1, "pass", kind="Pod", name="p", findings=(Located(finding, 2),))

    assert text.render(Report((result,), 1)) == (
        "a.yaml:2: policy/rule: spec is 1; allowed: 2. Fix: write 2.\n"
    )


def test_the_summary_counts_verdicts_objects_and_files():
    assert text.summary(REPORT, 1.234) == (
        "pass 2, warn 1, deny 2, error 3, skip 1 (7 objects in 4 files, 1.23 s)"
    )
    assert text.summary(Report((PASSED,), 1), 0).endswith("(1 object in 1 file, 0.00 s)")


def test_json_has_one_finding_a_problem_with_all_its_fields():
    value = json.loads(as_json.render(REPORT))
    resource = {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}

    assert value["policySetHash"] == "sha256:0"
    assert value["assumptions"] == ["first", "second", "third"]
    assert value["summary"] == {
        "pass": 2, "warn": 1, "deny": 2, "error": 3, "skip": 1, "objects": 7, "files": 4,
    }  # fmt: skip
    assert value["findings"][0] == {
        "policy": "restricted-v2",
        "rule": "privileged",
        "severity": "high",
        "action": "deny",
        "result": "fail",
        "resource": resource,
        "container": "app",
        "path": "/spec/template/spec/containers/0/securityContext/privileged",
        "observed": True,
        "allowed": "false",
        "message": "restricted-v2/privileged: "
        "spec.template.spec.containers[0].securityContext.privileged is true; allowed: false. "
        "Fix: remove privileged.",
        "fix": "remove privileged",
        "waiver": None,
        "file": "a.yaml",
        "line": 14,
        "policySetHash": "sha256:0",
    }
    assert value["findings"][1]["path"] == "/metadata/annotations/a.io~1b~0c"
    assert value["findings"][1]["observed"] is None
    assert [(f["result"], f["file"], f["line"]) for f in value["findings"]] == [
        ("fail", "a.yaml", 14),
        ("warn", "a.yaml", 21),
        ("error", "b.yaml", 12),
        ("error", "b.yaml", 15),
        ("error", "c.yaml", 0),
    ]
    assert len({tuple(finding) for finding in value["findings"]}) == 1


def test_json_repeats_no_long_value():
    finding = Finding(FieldPath(("spec",)), ["x" * 10] * 100, "less", "say less", "rule", "policy")
    result = Result("a.yaml", 1, "deny", kind="Pod", name="p", findings=(Located(finding, 2),))

    (told,) = json.loads(as_json.render(Report((result,), 1)))["findings"]

    assert told["observed"].startswith('["xxxxxxxxxx", ')
    assert len(told["observed"]) == 256


def test_json_tells_each_object_with_what_was_tried():
    value = json.loads(as_json.render(Report((DENIED, PASSED), 2)))

    assert [told["verdict"] for told in value["objects"]] == ["deny", "pass"]
    assert value["objects"][0]["closest"] == "restricted-v2"
    assert value["objects"][0]["notes"] == ["Nobody may use: privileged."]
    assert [attempt["scc"] for attempt in value["objects"][0]["attempts"]] == [
        "privileged",
        "restricted-v2",
    ]
    assert value["objects"][0]["attempts"][1]["findings"][0]["rule"] == "privileged"
    assert value["objects"][1]["scc"] == "restricted-v2"
    assert value["objects"][1]["subject"] == "serviceaccount"


def test_json_leaves_out_what_is_admitted_if_asked():
    value = json.loads(as_json.render(REPORT, only_failures=True))

    assert [told["verdict"] for told in value["objects"]] == [
        "deny", "warn", "error", "error", "error", "deny",
    ]  # fmt: skip
    assert value["summary"]["pass"] == 2
