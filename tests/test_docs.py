"""What the documentation shows is what the program takes."""

import re
from pathlib import Path

import pytest

from webhook.core.policyset import parse_policies

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    if "kind: SecurityContextConstraints" in text or "apiVersion: tenantgate.io" in text
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_policies_load(text: str) -> None:
    assert parse_policies({"example.yaml": text}).warnings == ()


def test_there_are_examples() -> None:
    assert EXAMPLES
