"""Each built-in rule's id, summary and explanation, for `policy list --rules` and docs/rules.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from webhook.core.pss import controls as pss_controls
from webhook.core.pss.control import Control
from webhook.core.scc import rules as scc_rules
from webhook.core.tenancy import rules as tenancy_rules
from webhook.core.tenancy.rule import Intercept, Rule

_OPERATIONS = {"C": "create", "U": "update", "D": "delete", "X": "connect"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule. `reads` says which requests it judges, `action` what it does unless told otherwise."""

    family: str
    id: str
    summary: str
    explanation: str
    reads: str
    action: str


def entries() -> tuple[Entry, ...]:
    """Return all built-in rules: controls of SCCs, of Pod Security, the rules of tenancy; in order."""
    by_module = {module.RULE.id: module for module in _modules(tenancy_rules)}
    pss = {module.CONTROL.id: module for module in _modules(pss_controls)}
    scc = sorted(_modules(scc_rules), key=lambda module: int(module.RULE.order))
    return (
        *(_scc(module) for module in scc),
        *(_pss(control, pss[control.id]) for control in pss_controls.CONTROLS),
        *(_tenancy(rule, by_module[rule.id]) for rule in tenancy_rules.RULES),
    )


def markdown() -> str:
    """Return docs/rules.md."""
    known = entries()
    lines = [
        "# Rules",
        "",
        "Generated from the rules themselves by `tenantgate policy list --rules -o markdown`.",
        "",
        "## Security context constraints",
        "",
        "What an SCC controls, and the fields of the SCC that decide. A pod needs one SCC that it may use "
        "and that objects to nothing.",
        "",
        "| control | what it holds | decided by |",
        "|---|---|---|",
    ]
    lines += [
        f"| {entry.id} | {entry.summary} | {entry.reads} |"
        for entry in known
        if entry.family == "scc"
    ]
    lines += [
        "",
        "## Pod Security Standards",
        "",
        "The controls of Kubernetes' own standards, by the names that Kubernetes gives them. "
        "[pod-security.md](pod-security.md) says where they are held against a pod.",
        "",
        "| control | what it holds | level |",
        "|---|---|---|",
    ]
    lines += [
        f"| {entry.id} | {entry.summary} {entry.explanation}".rstrip() + f" | {entry.reads} |"
        for entry in known
        if entry.family == "pss"
    ]
    lines += [
        "",
        "## Tenancy",
        "",
        "*Subject* rules ask whether this requester may do this; they bind tenants, some of them everybody "
        "who is nobody's. *Namespace* rules ask whether this object may be in a tenant's namespace; they bind "
        "everybody but the platform, the cluster's own controllers included. `Platform.spec.rules` changes "
        "what a rule does: `deny`, `warn`, `audit`, `off`.",
    ]
    for entry in known:
        if entry.family not in ("scc", "pss"):
            lines += [
                "",
                f"### {entry.id} {entry.summary}",
                "",
                f"*{entry.family} rule · {entry.reads} · {entry.action}*",
            ]
            if entry.explanation:
                lines += ["", entry.explanation]
    return "\n".join(lines) + "\n"


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in iter_modules(package.__path__):
        yield import_module(f"{package.__name__}.{module.name}")


def _scc(module: ModuleType) -> Entry:
    summary, explanation = _doc(module)
    return Entry("scc", module.RULE.id, summary, explanation, module.RULE.grants, "deny")


def _pss(control: Control, module: ModuleType) -> Entry:
    summary, explanation = _doc(module)
    return Entry("pss", control.id, summary, explanation, control.level, "deny")


def _tenancy(rule: Rule, module: ModuleType) -> Entry:
    summary, explanation = _doc(module)
    reads = "; ".join(_reads(intercept) for intercept in rule.intercepts)
    return Entry(rule.family, rule.id, summary, explanation, reads, rule.action)


def _reads(intercept: Intercept) -> str:
    operations = ", ".join(_OPERATIONS[initial] for initial in intercept.operations)
    return f"{', '.join(intercept.resources)}: {operations}"


def _doc(module: ModuleType) -> tuple[str, str]:
    """Return a module's first line, and the rest with each paragraph on one line."""
    first, _, rest = (module.__doc__ or "").strip().partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.strip().split("\n\n")]
    return first, "\n\n".join(part for part in paragraphs if part)
