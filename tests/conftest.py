"""Options of the test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--malformed",
        type=int,
        default=3000,
        metavar="N",
        help="how many malformed or mutated reviews the webhook is given (default: %(default)s)",
    )
