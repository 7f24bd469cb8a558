"""The body of a result, read while it comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.sources.log_analytics_stream import HEAD_BYTES, Rows, noted, read_result

COLUMNS = [{"name": "at", "type": "datetime"}, {"name": "who", "type": "string"}]
NOON = "2026-11-13T12:00:00.1234567Z"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def body(rows, **more):
    return {"tables": [{"name": "PrimaryResult", "columns": COLUMNS, "rows": rows, **more}]}


def read(result, size=10**6):
    raw = json.dumps(result, ensure_ascii=False).encode()
    chunks = (raw[at : at + size] for at in range(0, len(raw), size))
    return read_result(chunks, least_read=1)


def in_tuples(result):
    """What was read, as JSON has it."""
    return json.loads(json.dumps(result, default=list))


@given(st.dictionaries(st.text(), JSON, max_size=4), st.integers(1, 9))
def test_any_object_is_what_json_says_however_it_is_cut(result, size):
    result.pop("tables", None)
    assert read(result, size) == result


KINDS = st.sampled_from(["string", "long", "int", "real", "dynamic", "bool", None])


@given(
    st.lists(st.lists(JSON, min_size=3, max_size=3) | JSON, max_size=6),
    st.lists(KINDS, min_size=3, max_size=3),
    st.integers(1, 9),
)
def test_rows_are_what_json_says_however_they_are_cut(rows, kinds, size):
    columns = [{"name": "n", "type": kind} if kind else "odd" for kind in kinds]
    table = {"columns": columns, "rows": rows}
    (found,) = read({"tables": [table], "error": None}, size)["tables"]
    assert in_tuples(found) == in_tuples(table)
    assert len(found["rows"]) == len(rows)


@given(JSON, st.integers(1, 9))
def test_tables_of_any_other_shape_stay_what_they_are(tables, size):
    assert in_tuples(read({"tables": tables}, size)) == in_tuples({"tables": tables})


def test_times_are_datetimes_and_what_is_none_stays_text_however_little_is_remembered():
    rows = [[NOON, "a"], ["2026-11-13T12:00:00", "b"], ["soon", NOON], [None, None], [NOON, "a"]]
    noon = datetime(2026, 11, 13, 12, 0, 0, 123456, tzinfo=UTC)
    forgetful = Rows(["datetime", "string"], most_known=1)
    for row in rows:
        forgetful.add(row)
    for found in (forgetful, read(body(rows))["tables"][0]["rows"]):
        assert list(found) == [
            (noon, "a"), (noon.replace(microsecond=0), "b"), ("soon", NOON), (None, None),
            (noon, "a"),
        ]  # fmt: skip


def test_rows_are_a_sequence():
    found = read(body([[NOON, str(number)] for number in range(3)]))["tables"][0]["rows"]
    assert [row[1] for row in found] == ["0", "1", "2"]
    assert (found[-1][1], [row[1] for row in found[1:]]) == ("2", ["1", "2"])
    with pytest.raises(IndexError):
        found[3]


def test_numbers_that_are_none_stay_what_they_are():
    columns = [{"name": "n", "type": "long"}]
    for odd in (None, 1.5, 10**30, "7"):
        table = {"columns": columns, "rows": [[1], [odd], [2]]}
        assert list(read({"tables": [table]})["tables"][0]["rows"]) == [(1,), (odd,), (2,)]


def test_columns_that_come_after_their_rows_are_heeded():
    table = {"rows": [[NOON, "a"]], "columns": COLUMNS}
    rows = read({"tables": [table]})["tables"][0]["rows"]
    assert rows[0][0] == datetime(2026, 11, 13, 12, 0, 0, 123456, tzinfo=UTC)


def test_rows_of_which_one_does_not_fit_the_columns_are_kept_as_they_came():
    rows = read(body([["soon", "a"], [1], ["b", "c"]]))["tables"][0]["rows"]
    assert rows == [("soon", "a"), [1], ["b", "c"]]


def test_a_text_that_stands_in_many_rows_is_kept_once():
    rows = read(body([[NOON, "tenant-a"], [NOON, "tenant-a"]]))["tables"][0]["rows"]
    assert rows[0][0] is rows[1][0]
    assert rows[0][1] is rows[1][1]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"[]", b"7", b"<html>", b"{", b'{"a"', b'{"a": 1', b'{"a": 1,}', b'{"a" 1}',
        b'{"a": 1} {}', b'{"tables": [', b'{"tables": [{"rows": [[1,', b'{"tables": [{} {}]}',
        b'{"a": "\xff"}',
    ],
)  # fmt: skip
def test_what_is_no_result_is_a_value_error(raw):
    with pytest.raises(ValueError, match=r"."):
        read_result([raw])


def test_an_empty_object_and_a_byte_order_mark_are_read():
    assert read_result([b"\xef\xbb\xbf { }", b"\n"]) == {}


def test_how_a_body_begins_is_kept_and_the_rest_is_not():
    head, chunks = bytearray(), [b"x" * HEAD_BYTES, b"y"]
    assert list(noted(chunks, head)) == chunks
    assert bytes(head) == chunks[0]


def test_texts_that_are_never_twice_the_same_are_all_kept():
    rows = Rows(["string", "datetime"], most_known=1_000)
    for number in range(70_000):
        rows.add([str(number), NOON])
    assert [row[0] for row in rows] == [str(number) for number in range(70_000)]
    assert (rows[65_535][0], rows[65_536][0]) == ("65535", "65536")


def test_what_is_no_text_stands_in_a_column_of_texts_as_it_came():
    cells = ["1", 1, True, [1], {"a": 1}, 1.0, None, "1"]
    rows = Rows(["string"])
    for cell in cells:
        rows.add([cell])
    assert [(type(row[0]), row[0]) for row in rows] == [(type(cell), cell) for cell in cells]
