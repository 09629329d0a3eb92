"""Reads the recorded verdicts beside the repository, if they are there."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "conformance"


def records(name: str) -> list[dict[str, Any]]:
    """Return the records of a file of JSON lines; skip the module where there is none."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(
            f"{name}: recorded verdicts are not part of this repository", allow_module_level=True
        )
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [json.loads(line) for line in text.splitlines()]
