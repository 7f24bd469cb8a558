"""What the queries of token metrics answer, asked of a workspace and of a classic resource."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.azure.kql_tables import ARRIVED, DAY, Tables

WORKSPACE = {}
CLASSIC = {
    "TimeGenerated": "timestamp",
    "Name": "name",
    "Sum": "valueSum",
    "ItemCount": "valueCount",
    "Properties": "customDimensions",
}
PLACES = {"": ("AppMetrics", WORKSPACE), "_classic": ("customMetrics", CLASSIC)}
DIMENSIONS = {
    "Subscription ID": "bu-hr",
    "API ID": "openai",
    "Service ID": "apim",
    "model": "gpt-5",
}
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "cached_known", "total_tokens")


class Metrics:
    """A table of metrics under either set of names."""

    def __init__(self, suffix):
        self.tables = Tables()
        self.suffix = suffix
        self.table, self.names = PLACES[suffix]

    def put(self, name, total, count=1, at=DAY, arrived=None, **dimensions):
        row = {
            "TimeGenerated": at,
            "Name": name,
            "Sum": float(total),
            "ItemCount": count,
            "Properties": DIMENSIONS | dimensions,
        }
        arrived = arrived or at + timedelta(minutes=8)
        named = {self.names.get(column, column): value for column, value in row.items()}
        self.tables.put(self.table, named | {ARRIVED: arrived})

    def call(self, prompt=10, completion=5, **others):
        self.put("Prompt Tokens", prompt, **others)
        self.put("Completion Tokens", completion, **others)
        self.put("Total Tokens", prompt + completion, **others)

    def ask(self, query, **values):
        return self.tables.ask(f"{query}{self.suffix}.kql", **values)


@pytest.fixture(params=PLACES, ids=["workspace", "classic"])
def metrics(request):
    return Metrics(request.param)


def test_metrics_of_a_call_make_one_row(metrics):
    metrics.call(arrived=DAY + timedelta(minutes=9))
    [row] = metrics.ask(
        "metric_usage", dimension_1="Subscription ID", api_dimension="API ID",
        model_dimension="model", deployment_dimension="deployment", streamed_dimension="stream",
    )  # fmt: skip
    assert row == {
        "slot": DAY.replace(tzinfo=None),
        **dict.fromkeys([f"dimension_{nth}" for nth in range(2, 6)], ""),
        "dimension_1": "bu-hr",
        "model": "gpt-5",
        "deployment": "",
        "api": "openai",
        "streamed": "",
        "requests": 1,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cached_tokens": 0,
        "cached_known": False,
        "total_tokens": 15,
        "ingested_at": (DAY + timedelta(minutes=9)).replace(tzinfo=None),
    }


def test_a_row_that_stands_for_several_calls_counts_them(metrics):
    metrics.call(prompt=1000, completion=500, count=7)
    metrics.call()
    [row] = metrics.ask("metric_usage")
    assert [row[each] for each in ("requests", *TOKENS)] == [8, 1010, 505, 0, False, 1515]


def test_cached_tokens_are_known_where_they_are_sent(metrics):
    metrics.call(model="sends")
    metrics.put("Prompt Cached Tokens", 4, model="sends")
    metrics.call(model="sends zero")
    metrics.put("Prompt Cached Tokens", 0, model="sends zero")
    metrics.call(model="does not")
    rows = metrics.ask("metric_usage", model_dimension="model")
    assert {row["model"]: (row["cached_known"], row["cached_tokens"]) for row in rows} == {
        "sends": (True, 4), "sends zero": (True, 0), "does not": (False, 0),
    }  # fmt: skip


def test_five_dimensions_can_be_told_apart(metrics):
    metrics.call(d1="a", d2="b", d3="c", d4="d", d5="e")
    metrics.call(d1="a", d2="b", d3="c", d4="d", d5="f")
    rows = metrics.ask("metric_usage", **{f"dimension_{nth}": f"d{nth}" for nth in range(1, 6)})
    found = {tuple(row[f"dimension_{nth}"] for nth in range(1, 6)) for row in rows}
    assert found == {("a", "b", "c", "d", "e"), ("a", "b", "c", "d", "f")}


def test_of_named_services_alone_is_told(metrics):
    metrics.call(**{"Service ID": "apim-test"})
    metrics.call()
    assert [row["requests"] for row in metrics.ask("metric_usage")] == [2]
    assert [row["requests"] for row in metrics.ask("metric_usage", service_ids=["APIM"])] == [1]


def test_other_metrics_are_no_usage_but_their_names_are_told(metrics):
    metrics.call()
    metrics.put("Reasoning Tokens", 3)
    metrics.put("Reasoning Tokens", 4)
    metrics.put("Requests", 1)
    [row] = metrics.ask("metric_usage")
    assert row["prompt_tokens"] + row["completion_tokens"] == row["total_tokens"]
    assert [(row["name"], row["points"], row["total"]) for row in metrics.ask("metric_names")] == [
        ("Completion Tokens", 1, 5.0),
        ("Prompt Tokens", 1, 10.0),
        ("Reasoning Tokens", 2, 7.0),
        ("Total Tokens", 1, 15.0),
    ]


def test_slots_are_in_order_and_the_window_is_half_open(metrics):
    for minutes in (24 * 60, 61, 59, 0, -1):
        metrics.call(at=DAY + timedelta(minutes=minutes))
    rows = metrics.ask("metric_usage", slot_minutes=15)
    assert [f"{row['slot']:%H:%M}" for row in rows] == ["00:00", "00:45", "01:00"]


def test_days_with_rows_that_arrived_late_are_told(metrics):
    since = DAY + timedelta(days=3)
    for day, hours in ((0, 0), (0, 1), (1, 2), (1, -1), (2, -5)):
        metrics.put("Total Tokens", 1, at=DAY + timedelta(days=day, hours=5),
                    arrived=since + timedelta(hours=hours))  # fmt: skip
    metrics.put("Requests", 1, at=DAY + timedelta(days=2), arrived=since + timedelta(hours=9))
    rows = metrics.ask("late_metrics", days=4, since=since)
    naive = since.replace(tzinfo=None)
    assert [tuple(row.values()) for row in rows] == [
        (DAY.replace(tzinfo=None), 1, naive + timedelta(hours=1)),
        (DAY.replace(tzinfo=None) + timedelta(days=1), 1, naive + timedelta(hours=2)),
    ]


def test_a_probe_tells_what_arrived_and_how_late(metrics):
    for minutes in range(100):
        at = DAY + timedelta(minutes=minutes)
        late = timedelta(minutes=60 if minutes >= 95 else 3)
        metrics.put("Total Tokens", 1, at=at, arrived=at + late)
    metrics.put("Requests", 1, at=DAY + timedelta(hours=9))
    [row] = metrics.ask("probe_metrics")
    assert row == {
        "newest": (DAY + timedelta(minutes=99)).replace(tzinfo=None),
        "ingested_at": (DAY + timedelta(minutes=159)).replace(tzinfo=None),
        "lag_p95": "00:03:00",
        "rows_seen": 100,
    }
