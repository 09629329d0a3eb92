"""YAML and JSON are read as kubectl reads them; what it would not read says why and where.

The expected values of the tables are what sigs.k8s.io/yaml v1.6.0 (`YAMLToJSON`) and
k8s.io/apimachinery v0.37 (`NewYAMLOrJSONDecoder`) answered to the same texts.
"""

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from webhook.core.model.documents import Document, read
from webhook.core.model.fieldpath import FieldPath


def values(text: str) -> list[Any]:
    documents = read(text, "f.yaml")
    assert [document.error for document in documents] == [None] * len(documents)
    return [document.value for document in documents]


def errors(text: str) -> list[str]:
    return [
        f"{d.file}:{d.error.line}:{d.error.column}: {d.error.message}"
        for d in read(text, "f.yaml")
        if d.error
    ]


SCALARS = {
    "y": True, "n": False, "Y": True, "N": False, "yes": True, "no": False, "on": True,
    "off": False, "True": True, "TRUE": True, "tRue": "tRue", "false": False,
    "~": None, "null": None, "Null": None, "NULL": None, "": None,
    "22:22": "22:22", "1:30:00": "1:30:00", "-1:30": "-1:30", "190:20:30.15": "190:20:30.15",
    "2001-12-14": "2001-12-14", "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00",
    "1e3": 1000, "1E3": 1000, "1e-3": 0.001, "1.5e3": 1500, "1.e3": 1000, "12e03": 12000, "0e0": 0,
    "0o644": 420, "0O17": 15, "0644": 420, "-0644": -420, "+0o7": 7, "08": 8, "-08": -8, "0800": 800,
    "08.5": 8.5, "0o8": "0o8", "0o": "0o", "00": 0, "-0": 0, "-0.0": 0,
    "0x1F": 31, "-0x1f": -31, "0x": "0x", "0xg": "0xg", "0x1.8p1": "0x1.8p1",
    "0b101": 5, "-0b101": -5, "0B1": 1, "0b2": "0b2",
    "1_000": 1000, "1__0": 10, "1_": 1, "0_7": 7, "1_0.5": 10.5, "_1": "_1", "-_1": -1, "1e1_0": 10000000000,
    ".5": 0.5, ".5_0": 0.5, "._5": "._5", "5.": 5, "-.5": -0.5, "+.5": 0.5, "1.0": 1, "1.50": 1.5, ".e1": ".e1",
    "+12": 12, "-12": -12, "=": "=", ".": ".", "--": "--", "+": "+", "1e": "1e", "1,000": "1,000", "12abc": "12abc",
    "10000000000": 10000000000, "9223372036854775807": 9223372036854775807,
    "18446744073709551615": 18446744073709551615, "18446744073709551616": 18446744073709551616.0,
    "-9223372036854775808": -9223372036854775808, "1e20": 1e20, "1e21": 1e21, "1e400": "1e400", "1e-400": 0,
    "inf": "inf", "NaN": "NaN", "infinity": "infinity",
    '"5"': "5", "'y'": "y", "!!str 123": "123", '!!int "5"': 5, "!!float 1": 1, '!!bool "yes"': True,
    '!!null ""': None, "!!timestamp 2001-12-14": "2001-12-14", "!!binary aGVsbG8=": "hello",
    "!foo 123": "123", "!foo true": "true", "!<tag:x,2000:y> 5": "5", "!!python/object:x 1": "1",
    "!x {b: 1}": {"b": 1}, "!!str {b: 1}": {"b": 1}, "!!set {b, c}": {"b": None, "c": None}, "!!omap [b: 1]": [{"b": 1}],
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS.items(), ids=repr)
def test_a_scalar_means_what_it_means_to_kubectl(text, value):
    (document,) = values(f"a: {text}")

    assert document == {"a": value}
    assert type(document["a"]) is type(value) or value in (1e20, 1e21)


KEYS = {
    "y": "true", "off": "false", "1": "1", "1.5": "1.5", "1e3": "1000", "0x1F": "31", "0644": "420", "1_000": "1000",
    ".5": "0.5", "1e21": "1e+21", "1e20": "1e+20", "1e-7": "1e-07", "1.0": "1", "123456.789": "123456.79",
    "22:22": "22:22", "2001-01-01": "2001-01-01", "=": "=", "-1": "-1", "!!str 5": "5", "!foo 5": "5", "'<<'": "<<",
}  # fmt: skip


@pytest.mark.parametrize(("text", "key"), KEYS.items(), ids=repr)
def test_a_key_becomes_a_string(text, key):
    assert values(f"{text}: 1") == [{key: 1}]


MERGES = {
    "a: &x {b: 1}\nc: *x": {"a": {"b": 1}, "c": {"b": 1}},
    "a: &x {b: 1}\nc: {<<: *x, d: 2}": {"a": {"b": 1}, "c": {"b": 1, "d": 2}},
    "a: &x {b: 1}\nc: {<<: *x, b: 2}": {"a": {"b": 1}, "c": {"b": 2}},
    # goyaml: what stands later wins, so a merge after a key overwrites it
    "a: &x {b: 1}\nc: {b: 2, <<: *x}": {"a": {"b": 1}, "c": {"b": 1}},
    "a: &x {b: 1}\nd: &y {b: 2, e: 3}\nc: {<<: [*x, *y]}": {
        "a": {"b": 1},
        "d": {"b": 2, "e": 3},
        "c": {"b": 1, "e": 3},
    },
    "a: &x {b: 1}\nd: &y {b: 2, e: 3}\nc:\n  <<: *x\n  <<: *y": {
        "a": {"b": 1},
        "d": {"b": 2, "e": 3},
        "c": {"b": 2, "e": 3},
    },
    "a: &x {b: 1}\nc: &z {<<: *x, e: 1}\nf: {<<: *z, b: 9}": {
        "a": {"b": 1},
        "c": {"b": 1, "e": 1},
        "f": {"b": 9, "e": 1},
    },
    "a: {!!merge <<: {b: 1}}": {"a": {"b": 1}},
    "a: {'<<': {b: 1}}": {"a": {"<<": {"b": 1}}},
}


@pytest.mark.parametrize(("text", "value"), MERGES.items(), ids=repr)
def test_aliases_and_merge_keys_are_resolved(text, value):
    assert values(text) == [value]


def test_an_alias_shares_nothing_with_its_anchor():
    (value,) = values("a: &x {b: [1]}\nc: *x")

    value["c"]["b"].append(2)

    assert value["a"] == {"b": [1]}


STREAMS = {
    "": [],
    "# c": [],
    "---": [],
    "null": [],
    "a: 1\n---\n---\n# c\n---\nb: 2\n": [{"a": 1}, {"b": 2}],
    "---\na: 1\n--- # comment\nb: 2\n": [{"a": 1}, {"b": 2}],
    "a: 1\n--- \t\nb: 2": [{"a": 1}, {"b": 2}],
    "a: 1\r\n---\r\nb: 2\r\n": [{"a": 1}, {"b": 2}],
    "a: 1\n...\n---\nb: 2": [{"a": 1}, {"b": 2}],
    "--- {a: 1}\n--- {b: 2}\n": [{"a": 1}, {"b": 2}],
    "%YAML 1.1\n---\na: 1\n---\nb: 2": [{"a": 1}, {"b": 2}],
    "\ufeffa: 1": [{"a": 1}],
    '\ufeff{"a": 1}': [{"a": 1}],
    "a: |\n  x\n  ---\n  y\n": [{"a": "x\n---\ny\n"}],
    '{\n\t"a": 1}': [{"a": 1}],
    '{"a": 1}{"b": 2}': [{"a": 1}, {"b": 2}],
    '{"a": 1}\n{"b": 2}\n': [{"a": 1}, {"b": 2}],
    '{"a": 1}\n---\n{"b": 2}': [{"a": 1}, {"b": 2}],
    '--- {"a": 1}': [{"a": 1}],
    '{"a": 1}\n---\nb: 2': [{"a": 1}, {"b": 2}],
    "{a: 1}\n---\nb: 2": [{"a": 1}, {"b": 2}],
    '{"a": 1,}': [{"a": 1}],
    '{"a": 0123, "b": y}': [{"a": 83, "b": True}],
    '{"a": 1e3, "b": 1.0, "c": 1.5}': [{"a": 1000, "b": 1, "c": 1.5}],
    '{"a": "\\ud83d\\ude00 \\/"}': [{"a": "😀 /"}],
    "a: 😀": [{"a": "😀"}],
    "[1, 2]": [[1, 2]],
    "hello": ["hello"],
}


@pytest.mark.parametrize(("text", "expected"), STREAMS.items(), ids=repr)
def test_a_stream_is_split_and_read_as_kubectl_does(text, expected):
    assert values(text) == expected
    assert json.dumps(values(text)) == json.dumps(expected)


WRONG = {
    # syntax
    "a: b: c": "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context. "
    'Check the indentation, and quote a value that contains ": "',
    "a: 1\n\tb: 2": "f.yaml:2:1: not valid YAML: found a tab character that violates indentation "
    "while scanning a plain scalar. YAML is indented by spaces; replace the tab",
    "a:\n\t- 1": "f.yaml:2:1: not valid YAML: found character that cannot start any token "
    "while scanning for the next token. YAML is indented by spaces; replace the tab",
    "x: 1\na: 'b\nc: d\n": "f.yaml:2:4: not valid YAML: found unexpected end of stream "
    "while scanning a quoted scalar",
    "a: %x": "f.yaml:1:4: not valid YAML: found character that cannot start any token "
    'while scanning for the next token. Quote a value that begins with "%"',
    "a: *nope": 'f.yaml:1:4: not valid YAML: found undefined alias. '
    'Quote a value that begins with "*"',
    "a: {{ .Values.x }}": "f.yaml:1:5: a key must be a string, and this one is a list or a "
    "mapping. Is this a template? Render it first, or quote the braces",
    "a: [\n\n": "f.yaml:1:5: not valid YAML: did not find expected node content "
    "while parsing a flow node",
    "a: \x01": "f.yaml:1:4: the character U+0001 is not allowed in YAML; "
    'write it as "\\x01" between double quotes',
    "a: é\nb: é\x00": "f.yaml:2:5: the character U+0000 is not allowed in YAML; "
    'write it as "\\x00" between double quotes',
    "# c\n%YAML 1.2\n---\na: 1": "f.yaml:2:1: %YAML is 1.2; kubectl reads 1.1 only. Drop the line",
    # values that JSON has not
    "a: .inf": "f.yaml:1:4: .inf has no place in JSON; quote it if a string is meant",
    "a: -.INF": "f.yaml:1:4: -.INF has no place in JSON; quote it if a string is meant",
    "a: .nan": "f.yaml:1:4: .nan has no place in JSON; quote it if a string is meant",
    "a: !!int 1.5x": 'f.yaml:1:4: "1.5x" is no int, and its tag !!int says it is',
    "a: !!null x": 'f.yaml:1:4: "x" is no null, and its tag !!null says it is',
    "a: !!int y": 'f.yaml:1:4: "y" is no int, and its tag !!int says it is',
    'a: !!binary "@@"': "f.yaml:1:4: a value tagged !!binary must be base64",
    # keys
    "a: 1\nb: 2\na: 3": 'f.yaml:3:1: duplicate key "a", already set on line 1; keep one of them',
    "a: {b: 1, b: 2}": 'f.yaml:1:11: duplicate key "b", already set on the same line; '
    "keep one of them",
    '{true: 1, "true": 2}': 'f.yaml:1:11: duplicate key "true", already set on the same line; '
    "keep one of them",
    "a: &x {c: 1, d: 2}\ne: {b: 1, b: 2, <<: *x}": 'f.yaml:2:11: duplicate key "b", '
    "already set on the same line; keep one of them",
    "? [a]\n: 1": "f.yaml:1:3: a key must be a string, and this one is a list or a mapping",
    "~: 1": "f.yaml:1:1: a key must be a string, and this one is null; "
    'quote it: "null"',
    # anchors
    "a: {<<: 5}": "f.yaml:1:9: << takes a mapping or a list of mappings, by alias",
    "a: {<<: [5]}": "f.yaml:1:10: << takes a mapping or a list of mappings, by alias",
    "a: &x [*x]": "f.yaml:1:4: an alias leads back into itself, or 256 levels deep",
    "a: &x {<<: *x}": "f.yaml:1:4: an alias leads back into itself, or 256 levels deep",
    # JSON
    '{"a": 1, "b": {"c": 1,\n "c": 2}}': 'f.yaml:2:2: duplicate key "c", already set on line 1; '
    "keep one of them",
    '{"a": [{}, {"b": 1, "b": 2}]}': 'f.yaml:1:21: duplicate key "b", already set on the same '
    "line; keep one of them",
    '{"a": 1 "b": 2}': "f.yaml:1:9: not valid JSON: expecting ',' delimiter",
    '{"a": 1}\nx': "f.yaml:2:1: not valid JSON: expecting value",
    '{"a": 1}{"b": 1e999}': "f.yaml:1:9: a number is out of range",
    '{"a": 1}{"b": ' + "1" * 500 + "}": "f.yaml:1:9: a number is out of range",
    '{"a": 1}\n {"b": NaN}': "f.yaml:2:2: NaN has no place in JSON",
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG.items(), ids=lambda value: repr(value)[:60])
def test_what_cannot_be_read_says_where_and_why(text, expected):
    assert errors(text) == [expected]


def test_a_broken_document_costs_only_itself():
    text = "a: 1\n---\nb: [\n---\n# c\nc: 3\nc: 4\n---\n\nd: 5\n"

    documents = read(text, "f.yaml")

    assert [(d.line, d.value, d.error and d.error.message) for d in documents] == [
        (1, {"a": 1}, None),
        (3, None, "not valid YAML: did not find expected node content while parsing a flow node"),
        (7, None, 'duplicate key "c", already set on line 6; keep one of them'),
        (10, {"d": 5}, None),
    ]


@pytest.mark.parametrize("depth", [257, 5_000, 100_000])
@pytest.mark.parametrize("pair", ["[]", "{}", "- "], ids=["flow", "mapping", "block"])
def test_deep_nesting_is_an_error_and_no_crash(depth, pair):
    opening, closing = {"[]": ("[", "]"), "{}": ('{"a":', "}"), "- ": ("- ", "")}[pair]

    assert errors(opening * depth + "1" + closing * depth) == [
        "f.yaml:1:1: nested deeper than 256 levels"
    ]


def test_aliases_cannot_be_multiplied_without_bound():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 9)]

    (error,) = errors("\n".join(lines))

    assert error.endswith("its aliases stand for more than 400000 values")


POD = """\
# a pod
apiVersion: v1
kind: Pod
spec:
  volumes: &volumes
  - name: a
  containers:
  - name: app
    securityContext:
      runAsUser: 0
  - {name: b, ports: [{hostPort: 80}]}
  1: one
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("spec.containers[0].securityContext.runAsUser", (10, 18)),
        ("spec.containers[0].securityContext.privileged", (10, 7)),
        ("spec.containers[1].ports[0].hostPort", (11, 34)),
        ("spec.containers[7]", (8, 3)),
        ("spec[1]", (5, 3)),
        ("metadata.name", (2, 1)),
        ("kind.no.further", (3, 7)),
        ("", (2, 1)),
    ],
)
def test_a_value_is_found_where_it_stands_or_near(path, place):
    (document,) = read(POD, "pod.yaml")

    assert document.line == 2
    assert document.locate(FieldPath.parse(path)) == place


def test_a_key_that_is_no_string_in_the_text_is_found_by_its_string():
    (document,) = read("y:\n  1: one\n", "f.yaml")

    assert document.locate(FieldPath(("true", "1"))) == (2, 6)


def test_a_merged_value_is_found_at_its_anchor():
    (document,) = read("a: &a\n  b: 1\n  c: 2\nd:\n  <<: [*a]\n  c: 3\n", "f.yaml")

    assert document.locate(FieldPath.parse("d.b")) == (2, 6)
    assert document.locate(FieldPath.parse("d.c")) == (6, 6)


def test_places_are_the_files_own_in_every_document():
    text = '---\na: 1\n---\n\n# c\nb:\n- c: 2\n---\n{"d":\n [1,\n  {"e": 2}]}\n{"f": 3}'

    documents = read(text, "f.yaml")

    assert [d.line for d in documents] == [2, 6, 9, 12]
    assert documents[1].locate(FieldPath.parse("b[0].c")) == (7, 6)
    assert documents[2].locate(FieldPath.parse("d[1].e")) == (11, 9)
    assert documents[2].locate(FieldPath.parse("d[1].x")) == (11, 3)
    assert documents[3].locate(FieldPath.parse("f")) == (12, 7)


def test_an_error_is_found_where_it_was_met():
    (document,) = read("a: 1\na: 2", "f.yaml")

    assert document.locate(FieldPath.parse("a")) == (2, 1)


def test_a_document_without_a_source_is_found_at_its_line():
    assert Document("f.yaml", 4, {}).locate(FieldPath.parse("a")) == (4, 1)


def test_python_reads_the_same_where_libyaml_is_missing():
    """PyYAML without its C part: the same values, the same refusals, in the same places."""
    texts = [f"a: {text}" for text in SCALARS] + [f"{text}: 1" for text in KEYS]
    texts += [
        *MERGES,
        *(text for text in STREAMS if "--- \t" not in text),
        "a: 1\na: 2",
        "a: é\nb: é\x00",
        "a: &x [*x]",
        "[" * 300,
    ]
    program = (
        "import json, sys, yaml\n"
        "yaml.__with_libyaml__ = False\n"
        "from webhook.core.model.documents import read\n"
        "from webhook.core.model.yamltext import _Loader\n"
        "assert issubclass(_Loader, yaml.SafeLoader)\n"
        "read_all = lambda text: [(d.value, d.error and (d.error.line, d.error.column)) for d in read(text, 'f')]\n"
        "print(json.dumps([read_all(text) for text in json.load(sys.stdin)]))\n"
    )

    run = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stderr == ""
    ours = [
        [[d.value, [d.error.line, d.error.column] if d.error else None] for d in read(text, "f")]
        for text in texts
    ]
    assert yaml.__with_libyaml__
    assert json.loads(run.stdout) == ours
