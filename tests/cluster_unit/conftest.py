"""A fake API server, and a way to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster_unit.fake_api import FakeApi
from webhook.cluster.client import Api, connect


@pytest.fixture
def server() -> Iterator[FakeApi]:
    made = FakeApi()
    made.start()
    yield made
    made.gate.set()
    made.stop()


@pytest.fixture
def api(server: FakeApi, tmp_path: Path) -> Iterator[Api]:
    made = connect(server.kubeconfig(tmp_path))
    yield made
    made.close()
