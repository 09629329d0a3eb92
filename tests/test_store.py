"""Policy files on disk: which of them count, and what is said of those that cannot be read."""

from pathlib import Path
from typing import Any

import pytest

from webhook.core.policyset import PolicyError
from webhook.store import SHIPPED, LastGood, PolicyStore, load

PLAIN = """\
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: NAME}
runAsUser: {type: RunAsAny}
seLinuxContext: {type: RunAsAny}
"""


def write(path: Path, name: str = "", text: str = "") -> Path:
    """Write an SCC named like the file, or another text, to a path whose folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or PLAIN.replace("NAME", name or path.stem))
    return path


def names(*paths: Path) -> list[str]:
    return sorted(scc.name for scc in load(paths).sccs)


def told(*paths: Path) -> list[str]:
    with pytest.raises(PolicyError) as error:
        load(paths)
    return [str(problem) for problem in error.value.problems]


def test_the_shipped_policies_are_what_is_read_when_nothing_is_named() -> None:
    policies = load()

    assert len(policies.sccs) == 13
    assert policies.warnings == ()
    assert policies.hash == load([SHIPPED]).hash
    assert policies.rbac


def test_a_file_that_is_named_counts_whatever_it_is_called(tmp_path: Path) -> None:
    hidden = write(tmp_path / ".hidden.txt", "a")
    test = write(tmp_path / "b_test.yaml", "b")

    assert names(hidden, test) == ["a", "b"]


def test_a_folder_counts_with_its_subfolders(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    write(tmp_path / "deep" / "er" / "b.yml")
    write(tmp_path / "deep" / "c.json")

    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "name",
    [".a.yaml", ".git/a.yaml", "sub/.hidden/a.yaml", "a.txt", "README.md", "a.yaml~", "a.yaml.bak",
     "a_test.yaml", "sub/a_test.yml", "a"],
)  # fmt: skip
def test_what_is_passed_over_in_a_folder(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, text="a: [")
    write(tmp_path / "plain.yaml")

    assert names(tmp_path) == ["plain"]


def test_several_paths_are_one_set(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1" / "a.yaml"), write(tmp_path / "2" / "b.yaml").parent

    assert names(one, two) == ["a", "b"]


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")

    assert names(tmp_path, tmp_path / "a.yaml") == ["a"]


def test_the_files_of_a_mounted_config_map_are_found_once(tmp_path: Path) -> None:
    write(tmp_path / "..2026_11_22_08_00_00.1" / "a.yaml")
    write(tmp_path / "..2026_11_22_08_00_00.1" / "b.yaml")
    (tmp_path / "..data").symlink_to("..2026_11_22_08_00_00.1")
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")

    assert names(tmp_path) == ["a", "b"]


def test_a_mark_of_byte_order_is_no_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("NAME", "a").encode())

    assert names(path) == ["a"]


def test_a_folder_without_policies_is_a_mistake(tmp_path: Path) -> None:
    write(tmp_path / "README.md", text="nothing")

    assert told(tmp_path) == ["the given paths:1:1: no policy in it; a set holds at least one"]


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    gone = tmp_path / "gone.yaml"

    assert told(gone) == [f"{gone}:1:1: cannot be read: No such file or directory"]


def test_a_link_that_leads_nowhere_is_a_mistake(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to("gone.yaml")

    assert told(tmp_path) == [f"{tmp_path}/b.yaml:1:1: cannot be read: No such file or directory"]


def test_a_file_that_the_system_does_not_give_out_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.symlink_to(path)

    assert told(tmp_path) == [f"{path}:1:1: cannot be read: Too many levels of symbolic links"]


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    path = tmp_path / "b.yaml"
    path.write_bytes(b"a: \xff\n")

    assert told(tmp_path) == [f"{path}:1:1: is not UTF-8 text: invalid start byte"]


def test_every_path_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    gone = tmp_path / "gone.yaml"
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.yaml").symlink_to("nowhere")
    (tmp_path / "in" / "b.yaml").write_bytes(b"\xff")
    (tmp_path / "in" / "deep" / "c.yaml").symlink_to("nowhere")

    assert [text.partition(":")[0] for text in told(gone, tmp_path / "in")] == [
        str(gone),
        str(tmp_path / "in" / "a.yaml"),
        str(tmp_path / "in" / "b.yaml"),
        str(tmp_path / "in" / "deep" / "c.yaml"),
    ]


def test_a_mistake_is_told_under_the_path_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "p" / "a.yaml", text=PLAIN + "priority: x\n")
    monkeypatch.chdir(tmp_path)

    assert told(Path("p")) == ['p/a.yaml:6:11: priority is "x"; allowed: a whole number.']


# the set in force


def test_a_store_holds_what_was_loaded(tmp_path: Path) -> None:
    store = PolicyStore([write(tmp_path / "a.yaml")])

    assert [scc.name for scc in store.current.sccs] == ["a"]
    assert store.problem == ""


def test_a_store_without_a_good_set_to_begin_with_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        PolicyStore([tmp_path])


def test_changed_files_are_taken_up_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    store = PolicyStore([tmp_path])
    before = store.current

    write(tmp_path / "b.yaml")
    store.refresh()

    assert [scc.name for scc in store.current.sccs] == ["a", "b"]
    assert store.current.hash != before.hash
    assert [scc.name for scc in before.sccs] == ["a"]


def test_unchanged_files_leave_the_set_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    store = PolicyStore([tmp_path])
    before = store.current

    store.refresh()

    assert store.current is before


def test_a_bad_set_never_replaces_a_good_one(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    store = PolicyStore([tmp_path])
    before = store.current

    write(tmp_path / "b.yaml", text=PLAIN + "priority: x\n")
    store.refresh()
    assert store.current is before
    assert store.problem == (f'{tmp_path}/b.yaml:6:11: priority is "x"; allowed: a whole number.')

    write(tmp_path / "b.yaml")
    store.refresh()
    assert [scc.name for scc in store.current.sccs] == ["a", "b"]
    assert store.problem == ""


def test_files_that_disappear_leave_the_last_good_set(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml")
    store = PolicyStore([tmp_path])

    path.unlink()
    store.refresh()

    assert [scc.name for scc in store.current.sccs] == ["a"]
    assert "no policy in it" in store.problem


def test_a_config_map_that_is_swapped_is_taken_up(tmp_path: Path) -> None:
    for version, name in (("..1", "a"), ("..2", "b")):
        write(tmp_path / version / "policy.yaml", name)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    store = PolicyStore([tmp_path])

    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").replace(tmp_path / "..data")
    store.refresh()

    assert [scc.name for scc in store.current.sccs] == ["b"]


def test_a_mount_that_is_swapped_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the set would be made of old files and new ones."""
    for version, name in (("..1", "old"), ("..2", "new")):
        write(tmp_path / version / "a.yaml", f"{name}-a")
        write(tmp_path / version / "b.yaml", f"{name}-b")
    (tmp_path / "..data").symlink_to("..1")
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    read = Path.read_text

    def swapped_after(path: Path, *args: Any, **kwargs: Any) -> str:
        text = read(path, *args, **kwargs)
        if path.name == "a.yaml" and not (tmp_path / "..gone").exists():
            (tmp_path / "..data").rename(tmp_path / "..gone")
            (tmp_path / "..data").symlink_to("..2")
        return text

    monkeypatch.setattr(Path, "read_text", swapped_after)
    store = PolicyStore([tmp_path])

    assert [scc.name for scc in store.current.sccs] == ["new-a", "new-b"]


# the last good set


def test_who_starts_while_the_files_are_broken_begins_with_the_last_good_set(
    tmp_path: Path,
) -> None:
    kept = LastGood(tmp_path)
    path = write(tmp_path / "p" / "a.yaml")
    first = PolicyStore([path.parent], kept)
    write(path, "b")
    first.refresh()
    write(path, text=PLAIN + "priority: x\n")

    second = PolicyStore([path.parent], kept)

    assert second.current.hash == first.current.hash
    assert [scc.name for scc in second.current.sccs] == ["b"]
    assert second.problem == f'{path}:6:11: priority is "x"; allowed: a whole number.'
    second.refresh()
    assert second.problem
    write(path, "c")
    second.refresh()
    assert ([scc.name for scc in second.current.sccs], second.problem) == (["c"], "")


def test_without_one_nobody_starts(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        PolicyStore([write(tmp_path / "p" / "a.yaml", text="a")], LastGood(tmp_path))


def test_a_set_that_cannot_be_kept_is_in_force_all_the_same(tmp_path: Path) -> None:
    kept = LastGood(tmp_path / "gone")

    assert PolicyStore([write(tmp_path / "a.yaml")], kept).current.sccs
    assert kept.recall() is None
