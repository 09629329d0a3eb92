"""Paths are written as people write them, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.fieldpath import ROOT, FieldPath


@pytest.mark.parametrize(
    ("steps", "text", "json_pointer"),
    [
        ((), "", ""),
        (("spec",), "spec", "/spec"),
        (("spec", "containers", 0, "image"), "spec.containers[0].image", "/spec/containers/0/image"),
        (("a", 0, 1), "a[0][1]", "/a/0/1"),
        ((0, "a"), "[0].a", "/0/a"),
        (
            ("metadata", "annotations", "openshift.io/scc"),
            "metadata.annotations[openshift.io/scc]",
            "/metadata/annotations/openshift.io~1scc",
        ),
        (("a", "b.c", "d"), "a[b.c].d", "/a/b.c/d"),
        (("a", "~"), "a[~]", "/a/~0"),
        (("node-selector", "$x", "_y"), "node-selector.$x._y", "/node-selector/$x/_y"),
        (("a", "9b"), "a[9b]", "/a/9b"),
        (("a", "two words\n"), "a[two words\n]", "/a/two words\n"),
    ],
)  # fmt: skip
def test_a_path_in_both_spellings(steps, text, json_pointer):
    path = FieldPath(steps)

    assert str(path) == text
    assert path.pointer() == json_pointer
    assert FieldPath.parse(text) == path


def test_a_path_grows_step_by_step() -> None:
    path = ROOT / "spec" / "containers" / 0 / "image"

    assert str(path) == "spec.containers[0].image"
    assert isinstance(path, FieldPath)
    assert not ROOT


@pytest.mark.parametrize(
    "text", ["a..b", "a.", ".", "a[", "a]", "a[]", "a b", "a[0", "1a", "é", "a.[0]"]
)
def test_what_is_no_path(text):  # fmt: skip
    with pytest.raises(ValueError, match="not a field path: "):
        FieldPath.parse(text)


# A key of digits alone reads as an index, an empty one and one with a bracket cannot be written.
KEYS = st.text(min_size=1, max_size=8).filter(lambda key: "]" not in key and not key.isdigit())


@given(steps=st.lists(KEYS | st.integers(0, 99), max_size=6))
def test_what_is_written_is_read_back(steps: list[str | int]) -> None:
    path = FieldPath(steps)

    assert FieldPath.parse(str(path)) == path


@given(steps=st.lists(st.text(max_size=8) | st.integers(0, 99), max_size=6))
def test_a_json_pointer_can_be_undone(steps: list[str | int]) -> None:
    parts = FieldPath(steps).pointer().split("/")[1:]

    undone = [part.replace("~1", "/").replace("~0", "~") for part in parts]
    assert undone == [str(step) for step in steps]
