"""Everything that the isolation rules say, in one file to be read through.

After a change of wording: UPDATE_MESSAGES=1 pytest tests/core/tenancy/test_messages.py, then read
the difference.
"""

import os
from pathlib import Path

from tests.core.tenancy.table import BY_ID, rows
from webhook.core.model.finding import line

MESSAGES = Path(__file__).with_name("messages.txt")


def test_the_messages_are_those_that_were_read() -> None:
    told: dict[str, list[str]] = {rule: [] for rule in BY_ID}
    for row in rows():
        first, _ = row.judged()
        told[row.rule] += [line(finding) for finding in first.findings]
    text = "\n".join("\n".join(dict.fromkeys(lines)) + "\n" for lines in told.values() if lines)

    if os.environ.get("UPDATE_MESSAGES"):
        MESSAGES.write_text(text)
    assert MESSAGES.read_text() == text
