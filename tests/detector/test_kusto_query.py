"""A user's own query: its columns are checked before a row counts, its rows one by one."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from detector.model import Grain, Rejection, Usage
from detector.sources.base import (
    ApiDay,
    Coverage,
    LateDays,
    SourceError,
    UseByIds,
    WatchedSource,
    Window,
)
from detector.sources.kql_text import own
from detector.sources.kusto_query import KustoQuerySource
from detector.sources.log_query import Answer
from tests.detector.log_stores import DAY, HOSTILE, HOUR, NOW, ScriptedStore

ON = DAY.date()
ONE_DAY = Window(ON, ON)
STATEMENT = own("usage.kql", "Usage | where At >= window_start and At < window_end")
MAPPING = {"start_at": "At", "tenant": "Team"}
COLUMNS = ("At", "Team", "model", "prompt_tokens", "completion_tokens")


def source_of(*rows, columns=COLUMNS, mapping=MAPPING, **options):
    store = ScriptedStore(usage=(columns, list(rows)))
    source = KustoQuerySource("own", store, STATEMENT, mapping, clock=lambda: NOW, **options)
    return source, store


def told(*rows, window=ONE_DAY, **options):
    source, _ = source_of(*rows, **options)
    return list(source.usage(window)), source.telemetry()


def refusal(columns, *rows, mapping=MAPPING, **options):
    source, _ = source_of(*rows, columns=columns, mapping=mapping, **options)
    with pytest.raises(SourceError) as raised:
        list(source.usage(ONE_DAY))
    return str(raised.value)


def test_a_row_becomes_usage_of_its_slot():
    columns = (*COLUMNS, "feature", "deployment", "scope", "requests", "requests_without_usage",
               "cached_tokens", "Surplus")  # fmt: skip
    row = [DAY + timedelta(minutes=50), "acme", "gpt-4o", 10, 5, "ocr", "chat", "ptu", 3, 1, 4, {}]
    usage, telemetry = told(row, columns=columns)
    assert usage == [Usage(DAY, Grain.HOUR, "acme", "ocr", "gpt-4o", "chat", "ptu", 3, 1, 10, 5, 4)]
    assert telemetry.apis == (ApiDay(ON, "", 3, 1, cached_known_calls=3, newest_at=DAY),)


def test_rows_of_one_slot_and_key_are_one_usage_in_whatever_order_they_come():
    rows = [
        [DAY + timedelta(hours=2, minutes=50), "acme", "gpt-4o", 3, 0],
        [DAY + timedelta(minutes=20), "acme", "gpt-4o", 1, 0],
        [DAY + timedelta(hours=2, minutes=10), "acme", "gpt-4o", 4, 0],
    ]
    usage, _ = told(*rows)
    assert [(each.start_at, each.prompt_tokens) for each in usage] == [
        (DAY, 1), (DAY + 2 * HOUR, 7),
    ]  # fmt: skip


def test_quarter_hours_are_summed_by_quarter():
    rows = [[DAY + timedelta(minutes=each), "acme", "gpt-4o", 1, 0] for each in (14, 15, 16)]
    usage, _ = told(*rows, grain=Grain.QUARTER_HOUR)
    assert [(each.start_at.minute, each.prompt_tokens) for each in usage] == [(0, 1), (15, 2)]


def test_the_scope_of_rows_that_name_none_is_the_sources():
    (usage,), _ = told([DAY, "acme", "gpt-4o", 1, 0], scope="datazone")
    assert usage.scope == "datazone"


def test_a_row_without_a_tenant_is_kept_and_told_by_its_feature():
    columns = (*COLUMNS, "feature")
    (usage,), telemetry = told([DAY, " ", "gpt-4o", 7, 2, "ocr"], columns=columns)
    assert (usage.tenant, usage.prompt_tokens) == ("", 7)
    assert telemetry.unattributed == (
        UseByIds(ON, (("feature", "ocr"),), "gpt-4o", "", "", 0, 7, 2, None),
    )


@pytest.mark.parametrize(
    ("cost", "micro_usd"),
    [
        (0.1, 100_000), ("0.0000005", 0), ("0.0000015", 2), (1e-7, 0), (3, 3_000_000),
        (-2.5, -2_500_000), ("12.3456785", 12_345_678), (Decimal("1.5"), 1_500_000),
    ],
)  # fmt: skip
def test_a_stated_cost_is_read_as_it_is_written_and_rounded_half_to_even(cost, micro_usd):
    (usage,), _ = told([DAY, "acme", cost], columns=("At", "Team", "cost_usd"))
    assert usage.cost_micro_usd == micro_usd
    assert (usage.prompt_tokens, usage.cached_tokens) == (None, None)


def test_costs_of_a_slot_are_rounded_once():
    rows = [[DAY, "acme", 0.0000004]] * 5
    (usage,), _ = told(*rows, columns=("At", "Team", "cost_usd"))
    assert usage.cost_micro_usd == 2


def test_rows_with_and_without_a_cost_are_kept_apart():
    rows = [[DAY, "acme", "gpt-4o", 1, 1, 0.5], [DAY, "acme", "gpt-4o", 1, 1, None]]
    usage, _ = told(*rows, columns=(*COLUMNS, "cost_usd"))
    assert [each.cost_micro_usd for each in usage] == [500_000, None]


def by_day(*rows, window=ONE_DAY):
    columns = ("Day", "Team", "prompt_tokens", "completion_tokens")
    mapping = {"day": "Day", "tenant": "Team"}
    return source_of(*rows, columns=columns, mapping=mapping, grain=Grain.DAY)


@pytest.mark.parametrize("day", [DAY, DAY.replace(tzinfo=None), "2026-11-12"])
def test_rows_of_a_day_are_usage_of_that_day(day):
    source, store = by_day([DAY, "acme", 1, 2])
    store.ask = lambda *_: _answer([day, "acme", 1, 2], [day, "acme", 3, 4])
    (usage,) = source.usage(ONE_DAY)
    assert (usage.start_at, usage.grain, usage.prompt_tokens) == (DAY, Grain.DAY, 4)


def _answer(*rows):
    return Answer(("Day", "Team", "prompt_tokens", "completion_tokens"), rows)


def test_a_query_that_answers_in_days_is_asked_for_whole_days_alone():
    source, store = by_day([DAY, "acme", 1, 2])
    store.partial = {DAY}
    assert list(source.usage(ONE_DAY)) == []
    assert len(store.asked) == 1
    assert source.coverage() == Coverage(None, None, partial_days=frozenset({ON}))


def test_a_day_with_a_time_of_day_is_refused():
    source, store = by_day()
    store.ask = lambda *_: _answer([DAY + HOUR, "acme", 1, 2], [DAY, "acme", 1, 2])
    refused, _ = source.usage(ONE_DAY)
    assert "day is not a calendar day: its time is not midnight" in refused.reason


def test_a_query_that_forgets_its_window_counts_no_row_twice():
    source, store = source_of()
    rows = [[DAY + number * 24 * HOUR, "acme", "gpt-4o", 1, 0] for number in range(3)]
    answer = store.ask
    store.ask = lambda *asked: type(answer(*asked))(COLUMNS, rows)
    found = list(source.usage(Window(ON, date(2026, 11, 14))))
    assert sum(each.prompt_tokens for each in found if isinstance(each, Usage)) == 3
    refused = [each for each in found if isinstance(each, Rejection)]
    assert [each.where.rpartition(" ")[2] for each in refused] == ["2", "3", "1"]
    assert "take rows from window_start to before window_end alone" in refused[0].reason


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (("At", "Tean", *COLUMNS[2:]), "no column 'Team' (for tenant) (nearest: 'Tean')"),
        (("Team", *COLUMNS[2:]), "no column 'At' (for start_at)"),
        (COLUMNS[:4], "no column 'completion_tokens' (nearest: 'prompt_tokens')"),
        ((*COLUMNS, "Team"), "the column 'Team' is there twice"),
    ],
)
def test_fault_28_a_column_that_is_not_there_is_told_before_a_row_counts(columns, words):
    told_words = refusal(columns)
    assert words in told_words
    assert told_words.startswith("usage.kql: ")
    assert told_words.endswith(
        "Change the query, or what its columns are called in the settings (columns)"
    )


def test_an_optional_column_that_was_mapped_must_be_there():
    words = refusal(COLUMNS, mapping=MAPPING | {"cached_tokens": "Cached"})
    assert "no column 'Cached' (for cached_tokens)" in words


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            ["noon", "acme", "m", 1, 1],
            "'At' (for start_at) holds text, not times; use todatetime()",
        ),
        ([DAY, 42, "m", 1, 1], "'Team' (for tenant) holds whole numbers, not text; use tostring()"),
        ([DAY, "acme", "m", "1", 1], "'prompt_tokens' holds text, not whole numbers; use tolong()"),
    ],
)
def test_fault_28_a_column_of_another_type_is_told_with_what_mends_it(row, words):
    assert words in refusal(COLUMNS, row, row)


def test_a_source_without_prompt_tokens_needs_a_cost():
    assert "no column 'prompt_tokens'" in refusal(("At", "Team"))
    (usage,), _ = told([DAY, "a", 1.0], columns=("At", "Team", "USD"),
                       mapping=MAPPING | {"cost_usd": "USD"})  # fmt: skip
    assert usage.cost_micro_usd == 1_000_000


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"prompt_tokens": -1}, "prompt_tokens is not a whole number from 0 to 10^15"),
        ({"prompt_tokens": 1e18}, "prompt_tokens is not a whole number"),
        ({"completion_tokens": None}, "completion_tokens is empty and there is no cost_usd"),
        ({"cost_usd": float("nan")}, "cost_usd is not a number of dollars"),
        ({"cached_tokens": 11}, "cached_tokens are more than prompt_tokens"),
        ({"requests": 0.5}, "requests is not a whole number"),
        ({"Team": "x" * 301}, "tenant is longer than 300 characters"),
        ({"Team": 5}, "tenant is not text"),
        ({"At": None}, "start_at is empty"),
    ],
)
def test_faults_16_and_17_a_bad_cell_refuses_its_row_alone(cells, reason):
    columns = (*COLUMNS, "requests", "cached_tokens", "cost_usd")
    good = [DAY, "acme", "gpt-4o", 10, 5, 1, 4, None]
    bad = [cells.get(name, cell) for name, cell in zip(columns, good, strict=True)]
    usual = [[*good[:-1], 1.5]]
    found, _ = told(good, bad, *usual, columns=columns)
    (refused,) = [each for each in found if isinstance(each, Rejection)]
    assert reason in refused.reason
    assert refused.where == "usage.kql, 2026-11-12 00:00 to 2026-11-13 00:00, row 2"
    assert len([each for each in found if isinstance(each, Usage)]) == 2


@pytest.mark.parametrize(
    ("mapping", "grain", "words"),
    [
        ({"tennant": "T"}, Grain.HOUR, "'tennant' is not a column we know (nearest: 'tenant')"),
        ({"tenant": ""}, Grain.HOUR, "tenant is mapped to no column"),
        ({"day": "D"}, Grain.HOUR, "rows of the grain hour tell start_at, not day"),
        ({"start_at": "T"}, Grain.DAY, "rows of the grain day tell day, not start_at"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_before_anything_is_asked(mapping, grain, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        source_of(mapping=mapping, grain=grain)


def test_late_rows_of_a_users_table_are_not_known():
    source, store = source_of()
    assert source.late_days(DAY) == LateDays()
    assert store.asked == []
    assert isinstance(source, WatchedSource)


def test_fault_92_hostile_names_stay_data_and_never_enter_a_query():
    rows = [[DAY, name, name, 1, 0] for name in HOSTILE]
    source, store = source_of(*rows)
    usage = list(source.usage(ONE_DAY))
    assert sum(each.prompt_tokens for each in usage) == len(HOSTILE)
    assert {statement.text for statement, _, _ in store.asked} == {STATEMENT.text}
