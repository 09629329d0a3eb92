"""docs/observability.md names every metric and every alert.

After a change: UPDATE_DOCS=1 pytest tests/monitoring/test_page.py
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from webhook.metrics import TABLE
from webhook.monitoring.alerts import CONTROLLER, WEBHOOK

PAGE = Path(__file__).parents[2] / "docs" / "observability.md"

METRICS = [
    "| metric | type | labels | |",
    "|---|---|---|---|",
    *(
        f"| `{row.name}` | {row.type} | {', '.join(f'`{label}`' for label in row.labels)} | {row.help} |"
        for row in TABLE
    ),
]
RULES = [
    "| alert | severity | after | what it means, and what to do |",
    "|---|---|---|---|",
    *(
        f"| `{alert.name}` | {alert.severity} | {alert.lasts} | {alert.summary} {alert.description} |"
        for alert in (*WEBHOOK, *CONTROLLER)
    ),
]


@pytest.mark.parametrize(("name", "rows"), [("metrics", METRICS), ("alerts", RULES)])
def test_the_page_lists_them_all(name: str, rows: Sequence[str]) -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    found, _, after = rest.partition(f"<!-- end of {name} -->\n")
    wanted = "".join(f"{row}\n" for row in rows)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(f"{before}<!-- {name} -->\n{wanted}<!-- end of {name} -->\n{after}")
        return

    assert found == wanted
