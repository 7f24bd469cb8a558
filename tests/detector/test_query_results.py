"""What the sources expect of the queries we ship is what Microsoft's parser says they return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from detector.sources import azure_logs, azure_metrics, log_source
from detector.sources.answer_table import COUNT, FLAG, MOMENT, TEXT

RESULTS = json.loads(
    (Path(__file__).parent.parent / "azure" / "query_results.json").read_text(encoding="utf-8")
)
TYPES = {COUNT: "long", FLAG: "bool", MOMENT: "datetime", TEXT: "string"}


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("llm_usage.kql", azure_logs.COLUMNS),
        ("metric_usage.kql", azure_metrics.COLUMNS),
        ("metric_usage_classic.kql", azure_metrics.COLUMNS),
        ("late_llm.kql", log_source.LATE),
        ("late_metrics.kql", log_source.LATE),
        ("late_metrics_classic.kql", log_source.LATE),
    ],
)
def test_a_query_returns_the_columns_its_source_reads_and_no_others(query, columns):
    assert sorted(f"{column.theirs}:{TYPES[column.kind]}" for column in columns) == sorted(
        RESULTS[query]
    )


@pytest.mark.parametrize("query", ["metric_names.kql", "metric_names_classic.kql"])
def test_the_names_of_metrics_come_with_their_rows(query):
    read = [f"{column.theirs}:{TYPES[column.kind]}" for column in azure_metrics.NAMES]
    assert set(read) <= set(RESULTS[query])
