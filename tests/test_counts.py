"""What processes counted stays when they are gone, and counts once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_metrics import samples
from webhook.counts import TYPES, bury, reserve, steady
from webhook.metrics import MULTIPROCESS

COUNT = """
import os
from webhook.metrics import Metrics
metrics = Metrics()
metrics.shed()
metrics.malformed(400)
metrics.observe("tenantgate_policy_duration_seconds", 0.00002, "scc")
print(os.getpid())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MULTIPROCESS, str(tmp_path))
    return tmp_path


def counted() -> int:
    """Have a process count, and return its id."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", COUNT], check=True, capture_output=True, env=dict(os.environ)
    )
    return int(done.stdout)


def test_the_counts_of_the_dead_stay_and_their_files_do_not(folder: Path) -> None:
    for number in range(1, 5):
        bury(folder, counted())

        found = samples(None)
        assert found["tenantgate_shed_requests_total", ()] == number
        assert found["tenantgate_malformed_requests_total", ("400",)] == number
        assert found["tenantgate_policy_duration_seconds_count", ("scc",)] == number
        assert found["tenantgate_policy_duration_seconds_bucket", ("2.5e-05", "scc")] == number
    assert {path.name for path in folder.glob("*.db*")} == {f"{kind}_dead.db" for kind in TYPES}


def test_the_dead_and_the_living_are_added_up(folder: Path) -> None:
    bury(folder, counted())
    counted()

    assert samples(None)["tenantgate_shed_requests_total", ()] == 2


def test_who_has_not_counted_yet_is_no_trouble(folder: Path) -> None:
    assert reserve(folder, 4711)
    bury(folder, 4711)
    bury(folder, 4712)

    assert samples(None) == {}


def test_room_is_taken_before_anything_is_counted(folder: Path) -> None:
    assert reserve(folder, 4711)

    for kind in TYPES:
        stat = (folder / f"{kind}_4711.db").stat()
        assert stat.st_blocks * 512 >= stat.st_size >= 256 * 1024


def test_a_folder_that_is_gone_has_no_room(folder: Path) -> None:
    assert not reserve(folder / "nowhere", 4711)


def test_a_file_that_is_half_written_is_left_alone(folder: Path) -> None:
    pid = counted()
    path = folder / f"counter_{pid}.db"
    path.write_bytes(path.read_bytes()[:100])
    bury(folder, pid)

    assert path.exists()


def test_nothing_is_buried_while_somebody_reads(folder: Path) -> None:
    pid = counted()
    command = "import sys; from pathlib import Path; from webhook.counts import bury; "
    command += "bury(Path(sys.argv[1]), int(sys.argv[2]))"
    with steady(folder):
        burial = subprocess.Popen([sys.executable, "-c", command, str(folder), str(pid)])  # noqa: S603 - our own program
        with pytest.raises(subprocess.TimeoutExpired):
            burial.wait(1)
        assert (folder / f"counter_{pid}.db").exists()
    burial.wait(10)

    assert not (folder / f"counter_{pid}.db").exists()
