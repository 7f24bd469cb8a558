from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from detector.price_table import toml_string
from spendwatch.toml_lines import dotted, key_lines, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_STYLE = '''# a = 1
title = "a # no comment"  # a comment
text = """
[no.table]
no = "key"
"""
raw = \'\'\'x
y = 1\'\'\'
a.b."c.d" = [1, 2,
  { e = "}" , f = [[3], []] },  # ]
]
when = 2026-06-01 10:00:00
[ table . "quoted ]" ]
key = -1.5e3
[[tenants]]
id = \'a"b\'
[[tenants.budgets]]
cap = 1
[[tenants.budgets]]
cap = 2
[tenants.detection]
z = 1
[[tenants]]
id = """b"""'''


def paths(value: Any, key: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give every place in a parsed document."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for part, inner in children:
        yield (*key, part)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*key, part))


def test_every_key_of_every_style_has_its_line():
    lines = key_lines(EVERY_STYLE)
    assert {dotted(key): line for key, line in lines.items()} == {
        "title": 2,
        "text": 3,
        "raw": 7,
        "a": 9,
        "a.b": 9,
        "a.b.'c.d'": 9,
        "a.b.'c.d'[0]": 9,
        "a.b.'c.d'[1]": 9,
        "a.b.'c.d'[2]": 10,
        "a.b.'c.d'[2].e": 10,
        "a.b.'c.d'[2].f": 10,
        "a.b.'c.d'[2].f[0]": 10,
        "a.b.'c.d'[2].f[0][0]": 10,
        "a.b.'c.d'[2].f[1]": 10,
        "when": 12,
        "table": 13,
        "table.'quoted ]'": 13,
        "table.'quoted ]'.key": 14,
        "tenants": 15,
        "tenants[0]": 15,
        "tenants[0].id": 16,
        "tenants[0].budgets": 17,
        "tenants[0].budgets[0]": 17,
        "tenants[0].budgets[0].cap": 18,
        "tenants[0].budgets[1]": 19,
        "tenants[0].budgets[1].cap": 20,
        "tenants[0].detection": 21,
        "tenants[0].detection.z": 22,
        "tenants[1]": 23,
        "tenants[1].id": 24,
    }


def test_a_missing_key_is_shown_at_the_table_around_it():
    lines = key_lines("[a]\n[[b]]\nx = 1")
    assert line_of(lines, ("b", 0, "y", "z")) == 2
    assert line_of(lines, ("c", "d")) is None


def test_a_hostile_key_stays_on_one_line():
    assert dotted(("a", "b\nc\u202e", 3)) == "a.'b\\nc\\u202e'[3]"


NAMES = st.text(min_size=1, max_size=6)
SCALARS = st.one_of(
    st.integers(-99, 99).map(str),
    st.text(max_size=8).map(toml_string),
    st.sampled_from(
        ["true", "2026-06-01", "2026-06-01 10:00:00", "1_000.5e-3", "'x]#'", "07:30:00"]
    ),
    st.sampled_from(['"""a\n"b" ]\n"""', "'''a\n# b = 1 '''", '""""q""""']),
)


@st.composite
def inline(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw a value, perhaps a list over several lines or an inline table."""
    shape = draw(st.sampled_from(["scalar", "list", "table"] if depth else ["scalar"]))
    if shape == "scalar":
        return draw(SCALARS)
    if shape == "list":
        comma = draw(st.sampled_from([",", " , ", ",\n  ", ", # c ]\n"]))
        return "[" + comma.join(draw(st.lists(inline(depth - 1), max_size=3))) + "]"
    names = draw(st.lists(NAMES, unique=True, max_size=3))
    return "{" + ", ".join(f"{toml_string(n)} = {draw(inline(depth - 1))}" for n in names) + "}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Draw a document of tables and lists of tables."""
    text = []
    for number, many in enumerate(draw(st.lists(st.booleans(), max_size=4))):
        text.append(f"[[list]] # {number}" if many else f"[t{number}.{toml_string(draw(NAMES))}]")
        names = draw(st.lists(NAMES, unique=True, max_size=3))
        text += [f"{toml_string(name)}\t= {draw(inline())}" for name in names]
    return "\n".join(text)


@given(documents())
def test_every_place_the_parser_finds_has_a_line_that_holds_it(text):
    lines = key_lines(text)
    written = text.split("\n")
    for key in paths(tomllib.loads(text)):
        assert 1 <= lines[key] <= len(written)
        if isinstance(key[-1], str) and len(key) > 1:
            assert toml_string(key[-1]) in written[lines[key] - 1]
