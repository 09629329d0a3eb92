"""What `serve` can be told."""

from pathlib import Path

import pytest

from webhook import settings
from webhook.settings import Address, Settings, default_workers, parse_rate


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("0.0.0.0:8443", ("0.0.0.0", 8443), "0.0.0.0:8443"),  # noqa: S104 - an address that is read, not bound
        (":8443", ("0.0.0.0", 8443), "0.0.0.0:8443"),  # noqa: S104 - an address that is read, not bound
        ("localhost:0", ("localhost", 0), "localhost:0"),
        ("[::1]:8443", ("::1", 8443), "[::1]:8443"),
    ],
)
def test_an_address_is_read_and_shown(text: str, address: tuple[str, int], shown: str):
    assert Address.parse(text) == address
    assert str(Address.parse(text)) == shown


@pytest.mark.parametrize("text", ["8443", "localhost", "a:b", "::1:8443", "a:99999", "a:-1", "a:²"])
def test_what_is_no_address_is_said_so(text: str):
    with pytest.raises(ValueError, match="8443"):
        Address.parse(text)


def test_a_rate_is_a_word_or_a_share():
    assert [parse_rate(text) for text in ("all", "none", "0.25", "1")] == [1, 0, 0.25, 1]


@pytest.mark.parametrize("text", ["", "some", "2", "-1", "nan", "50%"])
def test_what_is_no_rate_is_said_so(text: str):
    with pytest.raises(ValueError, match=r"all, none"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("files", "workers"),
    [
        ({"cpu.max": "300000 100000\n"}, 3),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
    ],
)
def test_there_are_as_many_workers_as_cores_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], workers: int
):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(settings, "_CGROUP", tmp_path)

    assert default_workers() == workers


@pytest.mark.parametrize("files", [{}, {"cpu.max": "max 100000\n"}, {"cpu.max": "?"}])
def test_without_a_limit_there_are_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(settings, "_CGROUP", tmp_path)

    assert 1 <= default_workers() <= 4


def test_files_that_describe_a_cluster_stand_in_for_the_one_around_us():
    assert Settings(in_cluster=True).live
    assert Settings(kube_context="kind").live
    assert not Settings().live
    assert not Settings(in_cluster=True, context=(Path("cluster.yaml"),)).live
