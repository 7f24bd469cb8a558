"""Columns that are missing or of another type are told as a whole, bad cells one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from detector.sources.answer_table import (
    COUNT,
    DAY,
    DOLLARS,
    FLAG,
    MOMENT,
    TEXT,
    BadCell,
    Column,
    Query,
    place_columns,
    read_cells,
    read_columns,
    show_row,
)
from detector.sources.base import SourceError
from detector.sources.log_query import Answer
from tests.detector.log_stores import HOSTILE

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
QUERY = Query("usage.kql", "Change the query")
COLUMNS = (Column("tenant", "Tenant", TEXT), Column("requests", "requests", COUNT))


def refusal(columns, *rows):
    with pytest.raises(SourceError) as raised:
        place_columns(QUERY, Answer(tuple(columns), rows), COLUMNS)
    return str(raised.value)


def test_columns_are_found_wherever_they_stand():
    answer = Answer(("requests", "more", "Tenant"), [[1, 2.5, "acme"]])
    places = place_columns(QUERY, answer, COLUMNS)
    assert read_cells(COLUMNS, places, answer.rows[0]) == {"tenant": "acme", "requests": 1}


def test_a_missing_column_is_told_with_the_query_what_came_and_the_nearest():
    words = refusal(["tenant", "Requests"], ["acme", 1])
    assert words == (
        "usage.kql: no column 'Tenant' (for tenant) (nearest: 'tenant'); "
        "no column 'requests' (nearest: 'Requests'). Columns returned: tenant, Requests. "
        "Change the query"
    )


def test_an_answer_without_columns_says_so():
    assert "Columns returned: none." in refusal([])


def test_a_column_that_comes_twice_is_refused():
    assert "the column 'Tenant' is there twice" in refusal(["Tenant", "requests", "Tenant"])


def test_a_column_of_another_type_is_refused_as_a_whole_with_what_mends_it():
    words = refusal(["Tenant", "requests"], [None, "1"], [7, "2"], [7.5, None], [True, "x"])
    assert (
        "the column 'Tenant' (for tenant) holds numbers and true or false and whole numbers, not "
        "text; use tostring() in the query"
    ) in words
    assert "the column 'requests' holds text, not whole numbers; use tolong() in the query" in words


def test_true_and_false_are_no_numbers():
    assert "holds true or false, not whole numbers" in refusal(["Tenant", "requests"], ["a", True])


def test_a_type_without_a_word_is_called_by_its_name():
    assert "holds timedelta, not" in refusal(["Tenant", "requests"], ["a", timedelta(1)])


@pytest.mark.parametrize("rows", [[], [[None, None]], [[]], [["a", "x"], ["a", 1]]])
def test_nulls_few_cells_and_single_bad_cells_do_not_condemn_a_column(rows):
    assert place_columns(QUERY, Answer(("Tenant", "requests"), rows), COLUMNS) == [0, 1]


def test_a_bad_row_tells_everything_that_is_wrong_with_it():
    with pytest.raises(BadCell) as raised:
        read_cells(COLUMNS, [0, 1], [7, -1])
    assert str(raised.value) == (
        "tenant is not text; requests is not a whole number from 0 to 10^15"
    )
    with pytest.raises(BadCell, match="the row has only 1 cells"):
        read_cells(COLUMNS, [0, 1], ["acme"])


def test_many_rows_are_read_column_by_column_and_bad_ones_told_apart():
    rows = [["acme", 3], [7, -1], [" bolt", None], ["acme"], ["acme", 2]]
    values, wrong = read_columns(COLUMNS, [0, 1], rows)
    good = [index for index in range(5) if index not in wrong]
    assert [values["tenant"][index] for index in good] == ["acme", "bolt", "acme"]
    assert [values["requests"][index] for index in good] == [3, None, 2]
    assert wrong == {
        1: "tenant is not text; requests is not a whole number from 0 to 10^15",
        3: "the row has only 1 cells",
    }


def test_equal_cells_of_different_types_are_not_taken_for_one_another():
    values, wrong = read_columns(COLUMNS[1:], [0], [[1], [True], [1.0], [1]])
    assert values["requests"] == [1, None, 1, 1]
    assert list(wrong) == [1]


def test_a_bad_cell_among_cells_of_the_right_type_is_told():
    values, wrong = read_columns(COLUMNS[1:], [0], [[1], [-1]])
    assert (values["requests"][0], list(wrong)) == (1, [1])


def test_no_rows_are_columns_without_values():
    assert read_columns(COLUMNS, [0, 1], []) == ({"tenant": [], "requests": []}, {})


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (TEXT, None, ""),
        (TEXT, "  acme ", "acme"),
        (TEXT, "nul\0 and \ud800", "nul\N{REPLACEMENT CHARACTER} and ?"),
        (COUNT, None, None),
        (COUNT, 0, 0),
        (COUNT, 10**15, 10**15),
        (COUNT, 12.0, 12),
        (DOLLARS, None, None),
        (DOLLARS, 0.1, Decimal("0.1")),
        (DOLLARS, "-1.50", Decimal("-1.50")),
        (DOLLARS, 3, Decimal(3)),
        (FLAG, None, False),
        (FLAG, True, True),
        (MOMENT, None, None),
        (MOMENT, NOON.replace(tzinfo=None), NOON),
        (MOMENT, NOON.astimezone(timezone(timedelta(hours=3))), NOON),
        (DAY, None, None),
        (DAY, " 2026-11-12 ", datetime(2026, 11, 12, tzinfo=UTC)),
        (DAY, datetime(2026, 11, 12, tzinfo=UTC), datetime(2026, 11, 12, tzinfo=UTC)),
    ],
)
def test_a_cell_gives_its_value(kind, cell, value):
    assert kind.read(cell) == value


@pytest.mark.parametrize(
    ("kind", "cell", "words"),
    [
        (TEXT, 7, "is not text"),
        *(
            (COUNT, cell, "is not a whole number from 0 to 10^15")
            for cell in (-1, 1.5, 10**15 + 1, 1e18, float("nan"), float("inf"), True, "1")
        ),
        *(
            (DOLLARS, cell, "is not a number of dollars up to 10^9")
            for cell in ("x", float("nan"), "Infinity", 10**9 + 1, True)
        ),
        (FLAG, 1, "is neither true nor false"),
        (MOMENT, "2026-11-12", "is not a time"),
        (MOMENT, date(2026, 11, 12), "is not a time"),
        (DAY, "12.11.2026", "is not a calendar day like 2026-11-22"),
        (DAY, NOON, "its time is not midnight; use startofday()"),
    ],
)
def test_a_cell_that_is_no_value_says_what_would_be_one(kind, cell, words):
    with pytest.raises(BadCell) as raised:
        kind.read(cell)
    assert words in str(raised.value)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_can_be_stored(text):
    assert "\0" not in TEXT.read(text)
    TEXT.read(text).encode()


def test_a_row_is_shown_by_names_and_cut():
    assert show_row(("a", "b"), ["x", None]) == "a=x, b="
    assert len(show_row(("a", "b", "c"), ["x" * 500] * 3)) == 200
