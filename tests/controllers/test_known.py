"""What a controller knows of the objects it follows, and what it hears of."""

from typing import Any

from webhook.controllers.known import Known

Heard = list[tuple[str, str, Any, Any]]


def following() -> tuple[Known[str], Heard]:
    heard: Heard = []

    def changed(namespace: str, name: str, before: str | None, after: str | None) -> None:
        heard.append((namespace, name, before, after))

    return Known(lambda obj: str(obj.get("color")), changed), heard


def made(name: str, color: str, namespace: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "color": color}


def test_only_what_is_read_of_an_object_is_news() -> None:
    known, heard = following()

    for obj in (made("a", "red"), {**made("a", "red"), "size": 1}, made("a", "blue")):
        known.put(known.read(obj))
    known.delete("", "a", 9)
    known.delete("", "a", 9)

    assert heard == [("", "a", None, "red"), ("", "a", "red", "blue"), ("", "a", "blue", None)]
    assert known.get("", "a") is None


def test_a_list_tells_what_came_what_changed_and_what_has_gone() -> None:
    known, heard = following()
    for obj in (made("a", "red", "x"), made("b", "red", "x"), made("c", "red", "y")):
        known.put(known.read(obj))
    heard.clear()

    known.replace([known.read(made("a", "red", "x")), known.read(made("c", "blue", "y"))])

    assert heard == [("x", "b", "red", None), ("y", "c", "red", "blue")]
    assert known.of("x") == {"a": "red"}
    assert known.of("nowhere") == {}
