"""What every source of usage promises, checked on each of them with the same use."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector.model import Grain, Rejection, Usage
from detector.sources.azure_logs import AzureLogsSource
from detector.sources.azure_metrics import AzureMetricsSource, MetricNames
from detector.sources.base import Coverage, Window
from detector.sources.carriers import Attribution, Carrier
from detector.sources.csv_file import CsvFileSource
from detector.sources.kql_text import own
from detector.sources.kusto_query import KustoQuerySource
from detector.sources.sample import SampleSource
from detector.sources.scopes import ScopeRules
from tests.detector.log_stores import LLM_COLUMNS, METRIC_COLUMNS, NOW, ScriptedStore, llm, metric

FIRST, LAST = date(2026, 11, 10), date(2026, 11, 16)
FIELDS = [
    "tenant",
    "feature",
    "model",
    "scope",
    "requests",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
]


def sample(_folder):
    return SampleSource("contract", 7, FIRST, LAST)


def rows():
    """The sample's use as rows of a file, each key in two rows, latest day first."""
    found = []
    for usage in sample(None).usage(Window()):
        row = {"date": str(usage.start_at.date())}
        row |= {field: getattr(usage, field) for field in FIELDS}
        empty = {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0}
        found += [row, row | empty]
    return found[::-1]


def csv_file(folder):
    path = folder / "usage.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["date", *FIELDS])
        writer.writeheader()
        writer.writerows(rows())
    return CsvFileSource("contract", path, {}, LAST)


def parquet_file(folder):
    pq.write_table(pa.Table.from_pylist(rows()), folder / "usage.parquet")
    return CsvFileSource("contract", folder / "usage.parquet", {}, LAST)


def folder_of_daily_files(folder):
    for day in {row["date"] for row in rows()}:
        table = pa.Table.from_pylist([row for row in rows() if row["date"] == day])
        pq.write_table(table, folder / f"{day}.parquet")
    return CsvFileSource("contract", folder, {}, LAST)


def slots():
    """The sample's use as cells of a query's answer, each day in the hour it begins."""
    for row in rows():
        at = datetime.combine(date.fromisoformat(row["date"]), time(), UTC)
        yield at, {name: row[name] for name in FIELDS if name not in ("tenant", "feature", "scope")}


def azure_logs(_folder):
    cells = [
        llm(
            at,
            request_header=row["tenant"],
            feature_header=row["feature"],
            cached_known=True,
            **use,
        )
        for row, (at, use) in zip(rows(), slots(), strict=True)
    ]
    carriers = Carrier("request_header", "x-tenant"), Carrier("request_header", "x-feature")
    return AzureLogsSource(
        "contract",
        ScriptedStore(llm_usage=(LLM_COLUMNS, cells)),
        Attribution(carriers[:1], carriers[1:]),
        scopes=ScopeRules("global"),
        clock=lambda: NOW,
    )


def azure_metrics(_folder):
    cells = [
        metric(at, dimension_1=row["tenant"], dimension_2=row["feature"], streamed="false",
               cached_known=True, **use)
        for row, (at, use) in zip(rows(), slots(), strict=True)
    ]  # fmt: skip
    names = (("name", "points", "total"), [])
    return AzureMetricsSource(
        "contract",
        ScriptedStore(metric_usage=(METRIC_COLUMNS, cells), metric_names=names),
        Attribution((Carrier("dimension", "Tenant"),), (Carrier("dimension", "Feature"),)),
        names=MetricNames(streamed="Streamed"),
        scopes=ScopeRules("global"),
        clock=lambda: NOW,
    )


def kusto_query(_folder, grain=Grain.DAY, time_column="day"):
    cells = [
        [at, *(row[name] for name in FIELDS)] for row, (at, _) in zip(rows(), slots(), strict=True)
    ]
    columns = {time_column: "At", **{name: name.title() for name in FIELDS}}
    return KustoQuerySource(
        "contract",
        ScriptedStore(usage=(tuple(columns.values()), cells)),
        own("usage.kql", "Usage | where At >= window_start and At < window_end"),
        columns,
        clock=lambda: NOW,
        grain=grain,
    )


def kusto_query_of_hours(folder):
    return kusto_query(folder, Grain.HOUR, "start_at")


SOURCES = [
    sample,
    csv_file,
    parquet_file,
    folder_of_daily_files,
    azure_logs,
    azure_metrics,
    kusto_query,
    kusto_query_of_hours,
]


def as_days(items):
    """The same use, whatever the length of the slots it was told in."""
    return (replace(item, grain=Grain.DAY) for item in items)


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    return request.param(tmp_path)


def test_a_source_has_the_name_it_was_given(source):
    assert source.name == "contract"


def test_every_source_tells_the_same_use(source):
    expected = Counter(sample(None).usage(Window()))
    assert Counter(as_days(source.usage(Window()))) == expected


def test_usage_arrives_ordered_by_day(source):
    days = [each.start_at.date() for each in source.usage(Window())]
    assert days == sorted(days)
    assert (days[0], days[-1]) == (FIRST, LAST)


def test_a_key_comes_once(source):
    keys = Counter(
        replace(each, requests=0, prompt_tokens=0, completion_tokens=0, cached_tokens=0)
        for each in source.usage(Window())
    )
    assert set(keys.values()) == {1}


def test_starts_are_aware_and_in_utc(source):
    assert {each.start_at.tzinfo for each in source.usage(Window())} == {UTC}


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 11, 12), date(2026, 11, 13)), (None, date(2026, 11, 11)), (LAST, None)],
)
def test_a_window_holds_its_days_and_no_others(source, first, last):
    window = Window(first, last)
    found = list(source.usage(window))
    assert found == [each for each in source.usage(Window()) if window.holds(each.start_at.date())]
    assert found


def test_asking_again_gives_the_same(source):
    assert list(source.usage(Window())) == list(source.usage(Window()))


def test_coverage_is_the_span_of_the_last_window(source):
    list(source.usage(Window(date(2026, 11, 12), date(2026, 11, 14))))
    assert span(source.coverage()) == (date(2026, 11, 12), date(2026, 11, 14))
    list(source.usage(Window()))
    assert span(source.coverage()) == (FIRST, LAST)
    assert not source.coverage().partial_days


def span(coverage):
    """The days of use; of those beside it a source may say more than that."""
    return coverage.first_day, coverage.last_day


def test_a_window_before_all_use_is_empty_and_covers_nothing(source):
    assert list(source.usage(Window(None, date(2026, 1, 1)))) == []
    assert source.coverage() == Coverage(None, None)


def test_a_stream_holds_usage_and_rejections_alone(source):
    assert all(isinstance(each, Usage | Rejection) for each in source.usage(Window()))
