"""What a PromQL query asks for: read by a parser, and held to the metrics that there are."""

from collections.abc import Iterator, Mapping

from promql_parser import AggModifierType, AggregateExpr, Expr, VectorSelector, parse, walk

from webhook.metrics import TABLE

OF_TARGETS = frozenset({"pod", "instance", "job", "component"})
"""Labels that Prometheus gives to whatever it reads from a pod."""

OF_THE_API_SERVER: Mapping[str, frozenset[str]] = {
    "apiserver_admission_webhook_rejection_count": frozenset(
        {"error_type", "name", "operation", "rejection_code", "type"}
    ),
    "apiserver_admission_webhook_fail_open_count": frozenset({"name", "type"}),
    "apiserver_admission_webhook_admission_duration_seconds_bucket": frozenset(
        {"le", "name", "operation", "rejected", "type"}
    ),
}
"""Metrics of the API server, with their labels; a test reads them from a real one."""


def known() -> dict[str, frozenset[str]]:
    """Return every series that can be asked for, with its labels."""
    found = dict(OF_THE_API_SERVER)
    for row in TABLE:
        labels = frozenset(row.labels)
        if row.type == "histogram":
            found[f"{row.name}_bucket"] = labels | {"le"}
            found[f"{row.name}_sum"] = found[f"{row.name}_count"] = labels
        else:
            found[row.name] = labels
    return found


def names(query: str) -> list[str]:
    """Return the series that a query reads."""
    return [str(selector.name) for selector in _selectors(_parsed(query))]


def mistakes(query: str) -> Iterator[str]:
    """Yield what is asked for in a query and is not there."""
    series = known()
    whole = _parsed(query)
    for selector in _selectors(whole):
        labels = series.get(str(selector.name))
        if labels is None:
            yield f"{selector.name} is no metric"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in labels | OF_TARGETS:
                yield f"{selector.name} has no label {matcher.name}"
    for aggregate in _aggregates(whole):
        among = [series.get(str(each.name), frozenset()) for each in _selectors(aggregate)]
        for label in by(aggregate):
            if not all(label in labels | OF_TARGETS for labels in among):
                yield f"{label} is no label of what is summed up in {aggregate.prettify()}"


def by(aggregate: AggregateExpr) -> list[str]:
    """Return the labels that an aggregation keeps."""
    modifier = aggregate.modifier
    if modifier is None:
        return []
    assert modifier.type == AggModifierType.By, "labels are kept by name"
    return list(modifier.labels)


def kept(query: str) -> set[str]:
    """Return the labels that a query's answers have: those of every aggregation in it."""
    return {label for aggregate in _aggregates(_parsed(query)) for label in by(aggregate)}


def _parsed(query: str) -> Expr:
    return parse(query.replace("$__rate_interval", "5m"))


def _selectors(expression: Expr) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)

    walk(expression, visit)
    return found


def _aggregates(expression: Expr) -> list[AggregateExpr]:
    found: list[AggregateExpr] = []

    def visit(node: Expr) -> None:
        if isinstance(node, AggregateExpr):
            found.append(node)

    walk(expression, visit)
    return found
