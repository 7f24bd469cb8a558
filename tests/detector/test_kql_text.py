"""What is bound in a query, and that nothing bound can leave its literal."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import duckdb_kql
import pytest

from detector.sources.kql_text import between, literal, own, shipped
from tests.azure.kql_files import CHECK, QUERIES, check_queries, needs_parser, text_of, values_of

BEGIN = datetime(2026, 11, 3, tzinfo=UTC)
END = BEGIN + timedelta(hours=6)
HOSTILE = [
    "",
    " ",
    'say "hi"',
    "it's",
    "'; drop table ApiManagementGatewayLogs; //",
    '"; .drop table T; //',
    '" | union SecurityEvent | where "" == "',
    "\\",
    '\\"',
    '\\\\" or 1 == 1',
    "line\nbreak\r\n\ttab",
    "let window_start = datetime(2000-01-01);",
    "\nlet window_start = datetime(2000-01-01);\n",
    "// comment",
    "```",
    "@'x'",
    'h"secret"',
    "${jndi:ldap://x} $(id) `id` {0} %s {{x}}",
    "NUL \0 inside",
    "\x1b[31mred\x7f",
    "bidi \u202egnp.exe\u2066\u2069",
    "zero\u200bwidth\ufeff",
    "line\u2028separator\u2029 \x85 and \u00a0 space",
    "München 東京 😀 🏳️‍🌈 e\u0301",
    r"\u0022 \x22 \n",
    "]) | take 1; dynamic([",
    "x" * 100_000,
    '"\\' * 10_000,
]


def run(text):
    """The rows of a query that needs no table."""
    return duckdb_kql.kql(duckdb.connect(), text).fetchall()


def can_be_read_back(text):
    return all(each.isprintable() or each in "\n\r\t" for each in text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_a_text_ends_where_its_literal_ends(text):
    written = literal(text)
    assert written.isprintable()
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\nrt]|\\u[0-9a-f]{4})*"', written)
    assert json.loads(written) == text


@pytest.mark.parametrize(
    "text", list(filter(can_be_read_back, HOSTILE)), ids=lambda t: ascii(t)[:30]
)
def test_an_engine_reads_a_text_back_as_it_was(text):
    assert run(f"let value = {literal(text)}; print value") == [(text,)]


def test_an_engine_reads_other_values_back_as_they_were():
    moment = datetime(2026, 11, 3, 4, 5, 6, 789, tzinfo=UTC)
    span = timedelta(days=-2, hours=3, microseconds=7)
    values = (moment, span, timedelta(days=40), True, False, -(2**63 - 1))
    lets = "".join(f"let v{at} = {literal(value)}; " for at, value in enumerate(values))
    assert run(f"{lets} print v0, v1, v2, v3, v4, v5") == [
        (moment.replace(tzinfo=None), *values[1:])
    ]


def test_a_list_of_texts_is_read_back_as_it_was():
    texts = [text for text in HOSTILE if can_be_read_back(text)]
    [(found,)] = run(f"let texts = {literal(texts)}; print tostring(texts)")
    assert json.loads(found) == texts


def test_a_moment_is_written_in_utc():
    berlin = timezone(timedelta(hours=1))
    assert literal(datetime(2026, 11, 3, tzinfo=berlin)) == "datetime(2026-11-02T23:00:00.000000Z)"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (datetime(2026, 11, 3), "no time zone"),  # noqa: DTZ001 - a naive one is what is refused
        (2**63, "64 bits"),
        (-(2**63), "64 bits"),
        ("\ud800", "half a character"),
        (["fine", "\udfff"], "half a character"),
    ],
    ids=["naive", "large", "small", "surrogate", "surrogate in a list"],
)
def test_what_has_no_literal_is_refused(value, says):
    with pytest.raises(ValueError, match=says):
        literal(value)


@needs_parser
def test_microsofts_parser_reads_each_text_back_as_it_was():
    written = "\n".join(literal(text) for text in HOSTILE)
    answer = subprocess.run(
        ["node", CHECK.with_name("read_literals.js")],
        input=written,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == HOSTILE


@needs_parser
def test_hostile_values_leave_a_query_valid_and_its_result_what_it_was(tmp_path):
    texts = [each for each, value in values_of("llm_usage.kql").items() if value == ""]
    files = []
    for nth in range(0, len(HOSTILE), len(texts)):
        some = HOSTILE[nth : nth + len(texts)]
        values = (
            values_of("llm_usage.kql") | {"apis": HOSTILE} | dict(zip(texts, some, strict=False))
        )
        files.append(tmp_path / str(nth) / "llm_usage.kql")
        files[-1].parent.mkdir()
        files[-1].write_text(between(shipped("llm_usage.kql", **values), BEGIN, END))
    answer = check_queries(*files)
    assert (answer.stderr, answer.returncode) == ("", 0)


@pytest.mark.parametrize("name", QUERIES)
def test_every_parameter_takes_its_literals_and_the_rest_stays(name):
    values = {each: '"\\"' if value == "" else value for each, value in values_of(name).items()}
    bound = shipped(name, **values)
    assert bound.name == name
    changed = [
        (old, new)
        for old, new in zip(text_of(name).splitlines(), bound.text.splitlines(), strict=True)
        if old != new
    ]
    assert all(
        new.startswith("let ") and new.split(" =")[0] == old.split(" =")[0] for old, new in changed
    )
    for each, value in values.items():
        assert f"let {each} = {literal(value)};" in bound.text


@pytest.mark.parametrize("name", QUERIES)
def test_an_unbound_parameter_is_refused(name):
    values = values_of(name)
    for each in values:
        rest = {other: value for other, value in values.items() if other != each}
        with pytest.raises(ValueError, match=f"{name}: the parameter {each} is not bound"):
            shipped(name, **rest)


@pytest.mark.parametrize("name", QUERIES)
def test_a_parameter_that_a_query_has_not_is_refused(name):
    for other in ("tenant", "window_start", "window_end", "calls"):
        with pytest.raises(ValueError, match=f"{name}: there is no parameter {other}"):
            shipped(name, **values_of(name), **{other: BEGIN})


def test_a_value_of_another_type_is_refused():
    with pytest.raises(ValueError, match="since is a moment, not a text"):
        shipped("late_llm.kql", since="2026-11-03")


def test_a_query_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"no query '\.\./prices\.toml'; there are late_llm.kql, "):
        shipped("../prices.toml")


@pytest.mark.parametrize("name", QUERIES)
def test_between_binds_the_window_and_nothing_else(name):
    statement = shipped(name, **values_of(name))
    text = between(statement, BEGIN, END)
    assert text.count("let window_start = datetime(2026-11-03T00:00:00.000000Z);") == 1
    assert text.count("let window_end = datetime(2026-11-03T06:00:00.000000Z);") == 1
    old, new = statement.text.splitlines(), text.splitlines()
    assert sum(one != other for one, other in zip(old, new, strict=True)) == 2


def test_between_does_not_touch_a_value_that_looks_like_a_window():
    forged = "\nlet window_start = datetime(2000-01-01);\n"
    values = values_of("llm_usage.kql") | {"apis": [forged], "trace_name": forged}
    text = between(shipped("llm_usage.kql", **values), BEGIN, END)
    assert text.count(literal(forged)) == 2
    assert re.findall(r"^let window_start = (.*);$", text, re.M) == [literal(BEGIN)]


@pytest.mark.parametrize(("begin", "end"), [(END, BEGIN), (BEGIN, BEGIN)])
def test_an_empty_window_is_refused(begin, end):
    with pytest.raises(ValueError, match=r"late_llm\.kql: the window .* is empty"):
        between(shipped("late_llm.kql", since=BEGIN), begin, end)


def test_a_naive_window_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        between(own("q", "T"), BEGIN.replace(tzinfo=None), END)


def test_a_statement_without_a_window_is_refused():
    statement = own("usage.kql", "T")
    lost = type(statement)(statement.name, statement.text.replace("window_end", "w"))
    with pytest.raises(ValueError, match=r"usage\.kql: it has no window_start and no window_end"):
        between(lost, BEGIN, END)


def test_a_users_query_runs_on_its_window():
    query = "print begin = window_start, days = (window_end - window_start) / 1h"
    text = between(own("usage.kql", "\ufeff" + query), BEGIN, END)
    assert run(text) == [(BEGIN.replace(tzinfo=None), 6.0)]


@pytest.mark.parametrize(
    "text",
    [
        "let window_start = ago(1d); T",
        "let  window_end=now(); T",
        "T;\nlet\nwindow_start\n= now(); T",
        "let // why\n window_start = now(); T",
        "let ['window_start'] = now(); T",
        'let [ "window_end" ] = now(); T',
        "let x = 'it''s //'; let window_end = now(); T",
        'print "http://x" | take 1; let window_start = now(); T',
    ],
)
def test_a_users_query_that_binds_the_window_is_refused(text):
    with pytest.raises(ValueError, match=r"usage.kql: it binds window_(start|end) itself; remove"):
        own("usage.kql", text)


@pytest.mark.parametrize(
    "text",
    [
        "T | where At >= window_start // let window_start = now();",
        "print 'let window_start = now()'",
        'print @"\\", "let window_end = 1"',
        "print ```\nlet window_end = 1;\n```",
        "let window_starts = 1; T",
        "let my_window_start = window_start; T",
        "T | extend window = window_start == window_end",
    ],
)
def test_a_users_query_may_name_the_window_anywhere_else(text):
    assert own("usage.kql", text).text.endswith(text)


@pytest.mark.parametrize("text", ["", " \n", "// only a comment\n", "\ufeff"])
def test_a_users_empty_query_is_refused(text):
    with pytest.raises(ValueError, match=r"usage\.kql: there is no query in it"):
        own("usage.kql", text)
