"""Label selectors as the API server reads them."""

import pytest

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.selector import SelectorError, read_selector

LABELS = {"app": "web", "example.com/tier": "front", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": None, "matchExpressions": None}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "example.com/tier": "front"}}, True),
        ({"matchLabels": {"app": "web", "example.com/tier": "back"}}, False),
        ({"matchLabels": {"empty": ""}}, True),
        ({"matchLabels": {"absent": ""}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "web"]}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "empty", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "Exists", "values": None}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "DoesNotExist"}]}, True),
        (
            {
                "matchLabels": {"app": "web"},
                "matchExpressions": [{"key": "absent", "operator": "Exists"}],
            },
            False,
        ),
    ],
)
def test_a_selector_matches(selector, expected):
    assert read_selector(selector).matches(LABELS) is expected


@pytest.mark.parametrize(
    ("selector", "path", "allowed"),
    [
        ([], "selector", "a map"),
        ("app=web", "selector", "a map"),
        ({"matchLabel": {}}, "selector.matchLabel", "matchLabels and matchExpressions only"),
        ({"matchLabels": []}, "selector.matchLabels", "a map"),
        ({"matchLabels": {"app": 1}}, "selector.matchLabels.app", "a label's value"),
        ({"matchLabels": {"app": None}}, "selector.matchLabels.app", "a label's value"),
        ({"matchLabels": {"app": "-web"}}, "selector.matchLabels.app", "a label's value"),
        ({"matchLabels": {"app": "w" * 64}}, "selector.matchLabels.app", "a label's value"),
        ({"matchLabels": {"a b": ""}}, "selector.matchLabels[a b]", "a label's key"),
        ({"matchLabels": {"/app": ""}}, "selector.matchLabels[/app]", "a label's key"),
        ({"matchLabels": {"A.io/app": ""}}, "selector.matchLabels[A.io/app]", "a label's key"),
        ({"matchLabels": {"app\n": ""}}, "selector.matchLabels[app\n]", "a label's key"),
        ({"matchExpressions": {}}, "selector.matchExpressions", "a list"),
        ({"matchExpressions": ["app"]}, "selector.matchExpressions[0]", "a map"),
        (
            {"matchExpressions": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "selector.matchExpressions[0].value",
            "key, operator and values only",
        ),
        (
            {"matchExpressions": [{"operator": "Exists"}]},
            "selector.matchExpressions[0].key",
            "a label's key",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "In"}]},
            "selector.matchExpressions[0].values",
            "at least one value with In",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": "b"}]},
            "selector.matchExpressions[0].values",
            "a list of strings",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
            "selector.matchExpressions[0].values",
            "no values with Exists",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]},
            "selector.matchExpressions[0].operator",
            "In, NotIn, Exists, DoesNotExist",
        ),
        (
            {"matchExpressions": [{"key": "a"}]},
            "selector.matchExpressions[0].operator",
            "In, NotIn, Exists, DoesNotExist",
        ),
    ],
)
def test_a_broken_selector_is_refused_at_its_field(selector, path, allowed):
    with pytest.raises(SelectorError) as caught:
        read_selector(selector, FieldPath(("selector",)))

    assert str(caught.value.path) == path
    assert allowed in caught.value.allowed
    assert caught.value.fix
