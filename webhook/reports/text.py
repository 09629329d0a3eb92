"""Results as text for people: a line for the object, a line for each problem, where to look first."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import line, shown
from webhook.reports.result import Receives, Report, Result, Verdict

_MAPS = ("requests", "limits", "nodeSelector", "labels")
_COLOURS: Mapping[Verdict, str] = {
    "pass": "green",
    "warn": "yellow",
    "deny": "red",
    "error": "red",
    "skip": "cyan",
}


def render(
    report: Report,
    *,
    verbose: bool = False,
    only_failures: bool = False,
    quiet: bool = False,
    color: bool = False,
) -> str:
    """Return a report as text.

    Args:
        report: what was found.
        verbose: also tell which SCC admits each object, what WorkloadDefaults fill in, and what was
            not judged.
        only_failures: tell nothing but refusals, warnings and errors, `verbose` or not.
        quiet: leave out what was assumed, and what namespaces would receive.
        color: mark the verdicts with ANSI colours.
    """
    lines: list[str] = []
    for result in report.results:
        if result.verdict in ("pass", "skip") and (only_failures or not verbose):
            lines += _findings(result)
        else:
            lines += _result(result, color)
            lines += _filled(result) if verbose else ()
        if result.receives and not (only_failures or quiet):
            lines += _received(result, result.receives)
    if report.assumptions and not quiet:
        lines += ["Assumed:", *(f"  - {said}" for said in report.assumptions)]
    return "".join(f"{text}\n" for text in lines)


def _result(result: Result, color: bool) -> Iterator[str]:
    if result.verdict == "error" and not result.kind:
        yield f"{_place(result)}: {_marked('error', result.verdict, color)}: {result.reason}"
        return
    yield f"{_place(result)}: {result.title}: {_said(result, color)}"
    yield from _findings(result)
    yield from (f"    {note}" for note in result.notes)


def _findings(result: Result) -> Iterator[str]:
    return (f"{result.file}:{found.line}: {line(found.finding)}" for found in result.findings)


def _filled(result: Result) -> Iterator[str]:
    """Yield a line for each place that was filled in; requests are one, and so are limits."""
    told: dict[tuple[str, str], Any] = {}
    for each in result.filled:
        *above, last = each.path
        if above and above[-1] in _MAPS:
            told.setdefault((each.policy, str(FieldPath(above))), {})[last] = each.value
        else:
            told[each.policy, str(each.path)] = each.value
    return (
        f"    filled in by {policy}: {path} is {shown(value)}"
        for (policy, path), value in told.items()
    )


def _received(result: Result, receives: Receives) -> Iterator[str]:
    """Yield what a namespace would receive, a line for each kind; nothing for one that gets nothing."""
    told: dict[str, list[str]] = {}
    for field, values in (("labels", receives.labels), ("annotations", receives.annotations)):
        told |= {field: [f"{key}={value}" for key, value in values.items()]} if values else {}
    for _, kind, name in receives.objects:
        told.setdefault(kind, []).append(name)
    if not told:
        return
    tenant = f", as one of tenant {receives.tenant}" if receives.tenant else ""
    by = f", by template {receives.template}" if receives.template else ""
    yield f"{_place(result)}: {result.title}: would receive{tenant}{by}:"
    yield from (f"    {what}: {', '.join(names)}" for what, names in told.items())


def _place(result: Result) -> str:
    numbers = (number for number in (result.line, result.column) if number)
    return ":".join((result.file, *map(str, numbers)))


def _said(result: Result, color: bool) -> str:
    match result.verdict:
        case "pass":
            admitted = _marked("admitted", "pass", color)
            by = (
                f" by {result.scc} (granted to its {_GRANTED[result.subject]})"
                if result.scc
                else ""
            )
            return admitted + by + (f": {result.reason}" if result.reason else "")
        case "warn":
            return _marked("admitted with warnings", "warn", color) + _closest(result)
        case "deny":
            return _marked("refused", "deny", color) + _closest(result)
        case "error":
            return f"{_marked('error', 'error', color)}: {result.reason}"
        case "skip":
            return f"{_marked('not judged', 'skip', color)}: {result.reason}"


_GRANTED: Mapping[str, str] = {"serviceaccount": "service account", "user": "creator"}


def _closest(result: Result) -> str:
    if result.closest:
        return f'; "{result.closest}" comes closest'
    if result.scc or not result.attempts:
        return ""
    return "; no security context constraint (SCC) is usable for it"


def _marked(text: str, verdict: Verdict, color: bool) -> str:
    return click.style(text, fg=_COLOURS[verdict], bold=True) if color else text


def summary(report: Report, seconds: float) -> str:
    """Return the one line that ends a run."""
    counts = ", ".join(f"{verdict} {count}" for verdict, count in report.counts.items())
    objects = _count(report.objects, "object")
    return f"{counts} ({objects} in {_count(report.files, 'file')}, {seconds:.2f} s)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
