"""Sums are the same whether they fit into memory or wait in a file."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from detector.sources.base import SourceError
from detector.sources.csv_cells import COST
from detector.sources.spill import DaySums

DAY_S = 86_400


def table(rows):
    """Rows of (start, tenant, tokens)."""
    starts, tenants, tokens = zip(*rows, strict=True)
    return pa.table({"start_s": pa.array(starts, pa.int64()), "tenant": tenants, "n": tokens})


def days(tables, run_rows):
    """Add tables and give the sums of each day."""
    with DaySums(("start_s", "tenant"), run_rows) as sums:
        for each in tables:
            sums.add(each)
        return [(day, rows.to_pylist()) for day, rows in sums.days()]


def expected(rows):
    """What the sums of rows must be."""
    counts = Counter()
    for start, tenant, tokens in rows:
        counts[start, tenant] += tokens
    return counts


@pytest.mark.parametrize("run_rows", [1, 7, 40, 10_000])
def test_any_run_gives_the_same_sums_in_order_of_days(run_rows):
    rows = [((at * 7_919 % 60) * 7_200, f"t{at % 11}", at) for at in range(2_000)]
    found = days([table(rows[at : at + 50]) for at in range(0, 2_000, 50)], run_rows)
    flat = [row for _, of_day in found for row in of_day]
    assert [day for day, _ in found] == sorted({row["start_s"] // DAY_S for row in flat})
    assert [row["start_s"] for row in flat] == sorted(row["start_s"] for row in flat)
    sums = {(row["start_s"], row["tenant"]): row["n"] for row in flat}
    assert (len(sums), sums) == (len(flat), expected(rows))


def test_the_file_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = [(at * DAY_S, "a", 1) for at in range(10)]
    with DaySums(("start_s", "tenant"), 4) as sums:
        sums.add(table(rows))
        assert len(list(tmp_path.rglob("*.arrow"))) == 1
        assert len(list(sums.days())) == 10
    assert list(tmp_path.iterdir()) == []


def test_runs_of_few_keys_need_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "does not exist"))
    assert days([table([(0, "a", 1)] * 100)] * 20, 50) == [
        (0, [{"start_s": 0, "tenant": "a", "n": 2_000}])
    ]


def test_a_sum_with_an_unknown_part_is_unknown():
    rows = [(0, "a", 1), (0, "a", None), (0, "b", 1)]
    ((_, sums),) = days([table(rows)], 10)
    assert [row["n"] for row in sums] == [None, 1]


def test_nothing_added_is_no_day():
    assert days([], 10) == []


def test_a_sum_of_dollars_too_large_for_micro_dollars_is_refused():
    dollars = pa.table({"start_s": [0], "tenant": ["a"], "usd": pa.array(["1e12"]).cast(COST)})
    with pytest.raises(SourceError, match="sum of usd is beyond"):
        days([dollars] * 10, 100)


def test_the_folder_for_the_file_must_exist(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    rows = [(at * DAY_S, "a", 1) for at in range(10)]
    with pytest.raises(SourceError, match="TMPDIR"):
        days([table(rows)], 4)
    assert not Path(tmp_path / "none").exists()
