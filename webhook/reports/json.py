"""Results as one JSON object, for programs; two runs over the same input give the same text."""

import json
from typing import Any

from webhook.core.model.finding import MOST_SHOWN, Attempt, Filled, Finding, Unset, line, shown
from webhook.reports.result import Located, Receives, Report, Result

_RESULTS = {"deny": "fail", "warn": "warn", "audit": "pass"}
_SEVERITIES = {"deny": "high", "warn": "medium", "audit": "low"}


def render(report: Report, *, only_failures: bool = False) -> str:
    """Return a report as JSON.

    Args:
        report: what was found.
        only_failures: leave out the objects that are admitted without a warning, or not judged.
    """
    told = [
        result
        for result in report.results
        if not only_failures or result.verdict not in ("pass", "skip")
    ]
    value: dict[str, Any] = {
        "policySetHash": report.policy_set_hash,
        "summary": {str(v): n for v, n in report.counts.items()}
        | {"objects": report.objects, "files": report.files},
        "assumptions": list(report.assumptions),
        "objects": [_object(result) for result in told],
        "findings": [
            finding for result in told for finding in _findings(result, report.policy_set_hash)
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _object(result: Result) -> dict[str, Any]:
    return {
        "file": result.file,
        "line": result.line,
        "resource": _resource(result),
        "verdict": result.verdict,
        "scc": result.scc or None,
        "subject": result.subject or None,
        "closest": result.closest or None,
        "reason": result.reason or None,
        "notes": list(result.notes),
        "attempts": [_attempt(attempt) for attempt in result.attempts],
        "assumptions": list(result.assumptions),
        "filled": [_filled(each) for each in result.filled],
        "receives": _receives(result.receives) if result.receives else None,
    }


def _filled(filled: Filled) -> dict[str, Any]:
    return {"policy": filled.policy, "path": filled.path.pointer(), "value": filled.value}


def _receives(receives: Receives) -> dict[str, Any]:
    names = ("apiVersion", "kind", "name")
    return {
        "tenant": receives.tenant or None,
        "template": receives.template or None,
        "why": receives.why,
        "labels": dict(receives.labels),
        "annotations": dict(receives.annotations),
        "objects": [dict(zip(names, item, strict=True)) for item in receives.objects],
    }


def _resource(result: Result) -> dict[str, str]:
    return {
        "apiVersion": result.api_version,
        "kind": result.kind,
        "namespace": result.namespace,
        "name": result.name,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "scc": attempt.scc,
        "subject": attempt.subject,
        "findings": [_brief(finding) for finding in attempt.findings],
        "changes": [_brief(finding) for finding in attempt.changes],
    }


def _brief(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "path": finding.path.pointer(),
        "observed": _observed(finding),
        "allowed": finding.allowed,
        "message": line(finding),
        "fix": finding.fix,
    }


def _observed(finding: Finding) -> Any:
    """Return the value that was seen; null for none, and of a long one its beginning as text."""
    if isinstance(finding.observed, Unset):
        return None
    text = shown(finding.observed)
    return text if len(text) >= MOST_SHOWN else finding.observed


def _findings(result: Result, digest: str) -> list[dict[str, Any]]:
    if result.verdict == "error":
        return [_error(result, digest)]
    return [_finding(found, result, digest) for found in result.findings]


def _finding(found: Located, result: Result, digest: str) -> dict[str, Any]:
    finding = found.finding
    return {
        "policy": finding.policy,
        "rule": finding.rule,
        "severity": _SEVERITIES[finding.action],
        "action": finding.action,
        "result": _RESULTS[finding.action],
        "resource": _resource(result),
        "container": found.container,
        "path": finding.path.pointer(),
        "observed": _observed(finding),
        "allowed": finding.allowed,
        "message": line(finding),
        "fix": finding.fix,
        "waiver": None,
        "file": result.file,
        "line": found.line,
        "policySetHash": digest,
    }


def _error(result: Result, digest: str) -> dict[str, Any]:
    """Return an object that could not be decided as a finding, with the fields of every other."""
    return {
        "policy": "",
        "rule": "",
        "severity": "high",
        "action": "deny",
        "result": "error",
        "resource": _resource(result),
        "container": "",
        "path": "",
        "observed": None,
        "allowed": "",
        "message": result.reason,
        "fix": "",
        "waiver": None,
        "file": result.file,
        "line": result.line,
        "policySetHash": digest,
    }
