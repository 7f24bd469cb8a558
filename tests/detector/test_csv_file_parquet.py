"""Parquet files say the same as CSV files, whatever types their columns have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detector.model import Grain, Rejection, Usage
from detector.sources.base import SourceError, Window
from detector.sources.csv_file import CsvFileSource

DAY = date(2026, 11, 20)
FINE = {
    "date": ["2026-11-20"],
    "tenant": ["acme"],
    "prompt_tokens": [90],
    "completion_tokens": [10],
}


def read(tmp_path, columns, **options):
    """Write columns as a Parquet file; give its usage and rejections."""
    pq.write_table(pa.table(columns), tmp_path / "usage.parquet", **options)
    source = CsvFileSource("files", tmp_path / "usage.parquet", {}, date(2026, 11, 22))
    items = list(source.usage(Window()))
    usages = [item for item in items if isinstance(item, Usage)]
    return usages, [item for item in items if isinstance(item, Rejection)]


def test_dictionary_encoded_text_and_text_dates_are_read(tmp_path):
    columns = {name: pa.array(FINE[name]).dictionary_encode() for name in ("date", "tenant")}
    columns |= {"requests": [3], "cost_usd": [19.4308]}
    (usage,), _ = read(tmp_path, columns)
    assert (usage.tenant, usage.start_at) == ("acme", datetime(2026, 11, 20, tzinfo=UTC))
    assert (usage.requests, usage.cost_micro_usd, usage.prompt_tokens) == (3, 19_430_800, None)


@pytest.mark.parametrize(
    "days",
    [
        pa.array([DAY]),
        pa.array([DAY], pa.date64()),
        pa.array([datetime(2026, 11, 20)], pa.timestamp("ns")),  # noqa: DTZ001 - a naive column
        pa.array(["2026-11-20"], pa.large_string()),
        pa.array([b"2026-11-20"]),
    ],
)
def test_a_day_is_read_from_any_type(tmp_path, days):
    (usage,), _ = read(tmp_path, FINE | {"date": days})
    assert (usage.start_at.date(), usage.grain) == (DAY, Grain.DAY)


@pytest.mark.parametrize(
    "days",
    [
        pa.array([datetime(2026, 11, 20, 1, tzinfo=UTC)]),
        pa.array([20_777]),
        pa.array([None], pa.date32()),
    ],
)
def test_a_date_with_a_time_a_bare_number_or_nothing_is_rejected(tmp_path, days):
    usages, (rejection,) = read(tmp_path, FINE | {"date": days})
    assert (usages, rejection.where) == ([], "usage.parquet row 1")
    assert rejection.reason == "date is not a calendar day like 2026-11-22"


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
def test_a_start_is_read_from_a_timestamp(tmp_path, zone):
    starts = pa.array([1_795_184_999_000_000], pa.timestamp("us", zone))
    columns = {name: FINE[name] for name in FINE if name != "date"}
    (usage,), _ = read(tmp_path, columns | {"start_at": starts})
    assert (usage.start_at, usage.grain) == (datetime(2026, 11, 20, 14, tzinfo=UTC), Grain.HOUR)


@pytest.mark.parametrize(
    "counts",
    [
        pa.array([90], pa.int8()),
        pa.array([90], pa.uint64()),
        pa.array([90.0]),
        pa.array([90.0], pa.float32()),
        pa.array([Decimal("90.00")]),
        pa.array(["90"]),
        pa.array(["90"]).dictionary_encode(),
    ],
)
def test_fault_17_counts_are_read_from_any_type(tmp_path, counts):
    (usage,), _ = read(tmp_path, FINE | {"prompt_tokens": counts})
    assert usage.prompt_tokens == 90


@pytest.mark.parametrize(
    "counts",
    [
        pa.array([-1]),
        pa.array([2**64 - 5], pa.uint64()),
        pa.array([10**15 + 1]),
        pa.array([float("nan")]),
        pa.array([float("inf")]),
        pa.array([-0.5]),
        pa.array([1e18]),
        pa.array([Decimal("12.5")]),
        pa.array([True]),
        pa.array([None], pa.int64()),
        pa.array([None], pa.float64()),
        pa.array([None]),
    ],
)
def test_faults_16_and_17_a_count_that_is_none_is_rejected(tmp_path, counts):
    usages, (rejection,) = read(tmp_path, FINE | {"prompt_tokens": counts})
    assert usages == []
    assert rejection.reason.startswith("prompt_tokens ")


@pytest.mark.parametrize(
    "costs", [pa.array([-2.5]), pa.array([Decimal("-2.5")]), pa.array(["-2.5"])]
)
def test_a_refund_is_read_from_any_type(tmp_path, costs):
    (usage,), _ = read(tmp_path, FINE | {"cost_usd": costs})
    assert usage.cost_micro_usd == -2_500_000


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), 1e10])
def test_a_cost_that_is_none_is_rejected(tmp_path, cost):
    usages, (rejection,) = read(tmp_path, FINE | {"cost_usd": pa.array([cost])})
    assert usages == []
    assert rejection.reason == "cost_usd is not a number of dollars up to 10^9"


def test_a_tenant_may_be_a_number_or_nothing(tmp_path):
    columns = {name: FINE[name] * 2 for name in FINE}
    usages, _ = read(tmp_path, columns | {"tenant": pa.array([4711, None])})
    assert sorted(usage.tenant for usage in usages) == ["", "4711"]


@pytest.mark.parametrize("name", ["date", "tenant", "prompt_tokens"])
def test_a_column_of_lists_is_named(tmp_path, name):
    with pytest.raises(SourceError, match=f"the column of {name} holds list"):
        read(tmp_path, FINE | {name: pa.array([["x"]])})


def test_rows_are_counted_over_all_row_groups(tmp_path):
    columns = {name: FINE[name] * 70_000 for name in FINE}
    columns["prompt_tokens"] = [*range(69_999), -1]
    (usage,), (rejection,) = read(tmp_path, columns, row_group_size=1_000)
    assert usage.prompt_tokens == sum(range(69_999))
    assert rejection.where == "usage.parquet row 70000"


def test_a_file_without_rows_is_no_usage(tmp_path):
    empty = {name: pa.array([], pa.string()) for name in FINE}
    assert read(tmp_path, empty) == ([], [])
