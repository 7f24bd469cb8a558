"""Whatever a text holds, its literal is one literal, and reads back as that text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import duckdb
import duckdb_kql
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.sources.kql_text import between, literal, own, shipped

CONNECTION = duckdb.connect()
PIECES = [
    "\\",
    '"',
    "'",
    "\n",
    "//",
    ";",
    "let window_start = 1;",
    "${x}",
    "\u202e",
    "\0",
    "é",
    "😀",
]
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.sampled_from(PIECES)).map("".join),
)
visible = texts.filter(lambda text: all(each.isprintable() or each in "\n\r\t" for each in text))
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone


@given(texts)
def test_a_literal_reads_back_as_its_text(text):
    written = literal(text)
    assert written.isprintable()
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\nrt]|\\u[0-9a-f]{4})*"', written)
    assert json.loads(written) == text


@given(st.lists(texts))
def test_a_list_reads_back_as_its_texts(many):
    written = literal(many)
    assert written.isprintable()
    assert json.loads(written.removeprefix("dynamic(").removesuffix(")")) == many


@settings(max_examples=50)
@given(
    visible,
    st.lists(visible),
    st.integers(-(2**63) + 1, 2**63 - 1),
    moments,
    st.timedeltas(timedelta(days=-20_000), timedelta(days=20_000)),
)
def test_an_engine_reads_what_was_written(text, many, number, moment, span):
    values = (text, many, number, moment, span)
    lets = "".join(f"let v{at} = {literal(value)};\n" for at, value in enumerate(values))
    query = f"{lets}print v0, tostring(v1), v2, v3, v4"
    [row] = duckdb_kql.kql(CONNECTION, query).fetchall()
    assert row[0] == text
    assert json.loads(row[1]) == many
    assert row[2:] == (number, moment.replace(tzinfo=None), span)


@given(texts, moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_a_window_is_bound_once_whatever_else_is_bound(text, begin, length):
    statement = shipped("metric_usage.kql", **_dimensions(text))
    bound = between(statement, begin, begin + length)
    for name, value in (("window_start", begin), ("window_end", begin + length)):
        assert re.findall(rf"^let {name} = (.*);$", bound, re.MULTILINE) == [literal(value)]
    assert bound.count(literal(text)) >= 2


def _dimensions(text):
    names = ("model", "deployment", "api", "streamed")
    return {
        "slot_minutes": 15,
        "service_ids": [text],
        **{f"{name}_dimension": "" for name in names},
        **{f"dimension_{nth}": text for nth in range(1, 6)},
    }


@given(texts)
def test_a_users_text_is_kept_as_it_is_or_refused(text):
    try:
        statement = own("q", text)
    except ValueError:
        return
    assert statement.text.endswith(text.removeprefix("\ufeff"))
