"""Usage from token metrics: what they cannot tell is refused, estimated or remarked on."""

from __future__ import annotations

import re
from datetime import date

import pytest

from detector.model import Grain, Rejection, Usage
from detector.sources.azure_metrics import AzureMetricsSource, MetricNames
from detector.sources.base import (
    ApiDay,
    LateDays,
    SourceError,
    UseByIds,
    WatchedSource,
    Window,
)
from detector.sources.carriers import Attribution, Carrier, Identity
from detector.sources.log_source import Learnt
from detector.sources.scopes import ScopeRule, ScopeRules
from tests.detector.log_stores import DAY, HOSTILE, HOUR, METRIC_COLUMNS, NOW, ScriptedStore, metric

ON = DAY.date()
ONE_DAY = Window(ON, ON)
NAMES = MetricNames(model="Model", deployment="Deployment", api="API ID", streamed="Streamed")
BY_DIMENSION = Attribution(
    (Carrier("dimension", "Subscription ID"),), (Carrier("dimension", "Feature"),)
)
KNOWN = [[name, 9, 99.0] for name in ("Prompt Tokens", "Total Tokens")]


def source_of(*rows, names=NAMES, attribution=BY_DIMENSION, scopes=None, arrived=(), **options):
    suffix = "_classic" if names.classic else ""
    tables = {
        f"metric_usage{suffix}": (METRIC_COLUMNS, list(rows)),
        f"metric_names{suffix}": (("name", "points", "total"), [*KNOWN, *arrived]),
        f"late_metrics{suffix}": (("day", "late_rows", "ingested_at"), [[DAY, 1, NOW]]),
    }
    store = ScriptedStore(**tables)
    source = AzureMetricsSource(
        "metrics", store, attribution, names=names, scopes=scopes or ScopeRules("global"),
        clock=lambda: NOW, **options,
    )  # fmt: skip
    return source, store


def told(*rows, **options):
    source, _ = source_of(*rows, **options)
    return list(source.usage(ONE_DAY)), source.telemetry()


def test_a_row_becomes_usage_of_the_tenant_its_dimension_names():
    row = metric(
        dimension_1="bu-hr", dimension_2="search", deployment="chat", api="chat-api",
        streamed="False", requests=4, prompt_tokens=100, completion_tokens=20, cached_tokens=30,
        cached_known=True,
    )  # fmt: skip
    usage, telemetry = told(row)
    assert usage == [
        Usage(DAY, Grain.HOUR, "bu-hr", "search", "gpt-4o", "chat", "global", 4, 0, 100, 20, 30)
    ]
    (seen,) = telemetry.apis
    assert seen == ApiDay(
        ON, "chat-api", 4, cached_known_calls=4, newest_at=DAY, ingested_at=DAY,
        fullest_dimension="Subscription ID", dimension_values=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("streamed", "estimated", "calls"),
    [("false", False, 0), ("FALSE", False, 0), ("true", True, 2), ("", True, 0), ("no", True, 0)],
)
def test_a_row_is_estimated_unless_it_says_that_it_was_not_streamed(streamed, estimated, calls):
    (usage,), telemetry = told(metric(dimension_1="a", streamed=streamed, requests=2))
    assert usage.estimated is estimated
    assert telemetry.apis[0].streamed_calls == calls


def test_without_the_metric_of_cached_tokens_they_are_unknown():
    (usage,), _ = told(metric(dimension_1="a", prompt_tokens=10))
    assert usage.cached_tokens is None


def test_total_tokens_alone_are_refused_since_their_parts_have_prices_of_their_own():
    row = metric(dimension_1="a", total_tokens=70)
    (refused, usage), telemetry = told(row, metric(DAY + HOUR, dimension_1="a", prompt_tokens=1))
    assert isinstance(refused, Rejection)
    assert refused.where == "metric_usage.kql, 2026-11-12 00:00 to 2026-11-13 00:00, row 1"
    assert refused.reason.startswith("only total_tokens are told")
    assert "Prompt Tokens and Completion Tokens" in refused.reason
    assert usage.prompt_tokens == 1
    assert telemetry.apis[0].calls == 1


def test_a_total_that_is_not_the_sum_of_its_parts_is_told_once_and_the_parts_count():
    rows = [
        metric(DAY + hour * HOUR, dimension_1="a", prompt_tokens=10, total_tokens=12)
        for hour in range(3)
    ]
    usage, telemetry = told(*rows)
    assert [each.prompt_tokens for each in usage] == [10, 10, 10]
    (remark,) = telemetry.remarks
    assert remark.startswith("3 rows: total_tokens is not prompt_tokens + completion_tokens")


def test_a_row_without_any_tokens_is_usage_of_none():
    (usage,), _ = told(metric(dimension_1="a", requests=3))
    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens) == (3, 0, 0)


@pytest.mark.parametrize(
    "cells", [{"prompt_tokens": -1}, {"requests": 1.5}, {"cached_tokens": None}, {"api": 5}]
)
def test_a_bad_cell_refuses_its_row_alone(cells):
    bad = [cells.get(name, cell) for name, cell in zip(METRIC_COLUMNS, metric(), strict=True)]
    refused, usage = told(bad, metric(dimension_1="a"), metric(dimension_1="a"))[0]
    assert next(iter(cells)) in refused.reason
    assert usage.requests == 2


def test_what_has_no_tenant_is_told_with_the_dimensions_it_carried():
    mapping = {"bu-hr": Identity("HR")}
    attribution = Attribution((Carrier("dimension", "Subscription ID", lambda: mapping),))
    row = metric(dimension_1="bu-new", api="chat-api", deployment="chat", prompt_tokens=5)
    (usage,), telemetry = told(row, attribution=attribution)
    assert usage.tenant == ""
    ids = (("dimension Subscription ID", "bu-new"), ("api", "chat-api"))
    assert telemetry.unattributed == (UseByIds(ON, ids, "gpt-4o", "chat", "global", 1, 5, 0, None),)


def test_the_feature_that_a_mapping_gives_goes_before_that_of_its_carriers():
    tenants = (Carrier("dimension", "Id", lambda: {"a": Identity("acme", "ocr")}),)
    attribution = Attribution(tenants, (Carrier("api"),))
    (usage,), _ = told(metric(dimension_1="a", api="chat-api"), attribution=attribution)
    assert (usage.tenant, usage.feature) == ("acme", "ocr")


def test_the_api_can_name_the_tenant_and_the_deployment_the_scope():
    attribution = Attribution((Carrier("api"),))
    scopes = ScopeRules("global", "", (ScopeRule("ptu", deployment="ptu-*"),))
    (usage,), _ = told(
        metric(api="hr-api", deployment="ptu-1"), attribution=attribution, scopes=scopes
    )
    assert (usage.tenant, usage.scope) == ("hr-api", "ptu")


def test_from_ninety_values_of_a_dimension_on_the_silent_cap_is_told():
    rows = [metric(DAY + n % 24 * HOUR, dimension_1=f"t{n}", streamed="false") for n in range(90)]
    _, telemetry = told(*rows)
    (remark,) = telemetry.remarks
    assert "the dimension 'Subscription ID' had 90 values on 2026-11-12" in remark
    assert (telemetry.apis[0].fullest_dimension, telemetry.apis[0].dimension_values) == (
        "Subscription ID", 90,
    )  # fmt: skip
    assert told(*rows[:89])[1].remarks == ()


def test_dimensions_without_a_name_are_not_counted():
    rows = [metric(model=f"m{number}", api="x") for number in range(95)]
    _, telemetry = told(*rows, names=MetricNames(), attribution=Attribution())
    assert telemetry.remarks == ()
    assert telemetry.apis[0].fullest_dimension == ""


def test_a_metric_that_is_not_counted_is_told_by_its_name():
    _, telemetry = told(metric(dimension_1="a"), arrived=[["Thinking Tokens", 12, 3456.0]])
    (remark,) = telemetry.remarks
    assert remark.startswith("the metric 'Thinking Tokens' (12 rows) is not one that is counted")


def test_the_names_of_metrics_are_asked_for_once_a_day_and_told_after_each_pull():
    source, store = source_of(metric(dimension_1="a"), arrived=[["Thinking Tokens", 12, 1.0]])
    for _ in range(2):
        list(source.usage(Window(date(2026, 11, 11), ON)))
        assert any("Thinking Tokens" in remark for remark in source.telemetry().remarks)
    assert store.names().count("metric_names.kql") == 1
    asked = [(begin, end) for each, begin, end in store.asked if each.name == "metric_names.kql"]
    assert asked == [(DAY, DAY + 24 * HOUR)]


def test_a_source_made_anew_asks_for_no_names_that_were_asked_for_today():
    learnt, asked = Learnt(), []
    for _ in range(2):
        source, store = source_of(
            metric(dimension_1="a"), arrived=[["Thinking Tokens", 12, 1.0]], learnt=learnt
        )
        list(source.usage(ONE_DAY))
        asked += store.names()
        assert any("Thinking Tokens" in remark for remark in source.telemetry().remarks)
    assert asked == ["metric_usage.kql", "metric_names.kql", "metric_usage.kql"]


def test_names_are_asked_for_again_on_the_next_day():
    learnt = Learnt(asked_on=date(2026, 11, 19), remarks=("as it was",))
    source, store = source_of(metric(dimension_1="a"), learnt=learnt)
    list(source.usage(ONE_DAY))
    assert store.names()[-1] == "metric_names.kql"
    assert source.telemetry().remarks == ()


def test_names_that_cannot_be_asked_for_leave_the_usage_as_it_is():
    source, store = source_of(metric(dimension_1="a"))
    del store.tables["metric_names.kql"]
    assert len(list(source.usage(ONE_DAY))) == 1
    (remark,) = source.telemetry().remarks
    assert remark == "which metrics arrive is not known: metric_names.kql: there is no such table"


def test_a_workspace_without_any_data_has_no_metrics_to_tell_of():
    source, store = source_of()
    store.tables = dict.fromkeys(store.tables, ((), []))
    assert list(source.usage(ONE_DAY)) == []
    assert [remark.split(":")[0] for remark in source.telemetry().remarks] == [
        "workspace W-1 holds no usage for metric_usage.kql"
    ]


def test_names_of_another_shape_leave_the_usage_as_it_is():
    _, telemetry = told(metric(dimension_1="a"), arrived=[["x Tokens", -1, 0.0]])
    assert telemetry.remarks[0].startswith("which metrics arrive is not known: points is not")


def test_a_window_without_days_asks_for_no_names():
    source, store = source_of()
    list(source.usage(Window(date(2026, 12, 1), None)))
    assert store.asked == []


def test_fault_28_a_renamed_column_is_told_with_the_query_of_the_table_that_was_asked():
    source, store = source_of(names=MetricNames(classic=True))
    store.tables["metric_usage_classic.kql"] = (METRIC_COLUMNS[:-1], [])
    with pytest.raises(SourceError, match=r"metric_usage_classic\.kql: no column 'ingested_at'"):
        list(source.usage(ONE_DAY))


def test_the_query_is_told_the_names_of_dimensions_and_services():
    names = MetricNames("Model", "Dep", "API ID", "Streamed", ("apim-1", "apim-2"))
    attribution = Attribution(
        (Carrier("dimension", "a"), Carrier("dimension", "b")), (Carrier("dimension", "a"),)
    )
    source, store = source_of(names=names, attribution=attribution, slot_minutes=15)
    list(source.usage(ONE_DAY))
    for line in (
        'let dimension_1 = "a";', 'let dimension_2 = "b";', 'let dimension_3 = "";',
        'let model_dimension = "Model";', 'let deployment_dimension = "Dep";',
        'let api_dimension = "API ID";', 'let streamed_dimension = "Streamed";',
        'let service_ids = dynamic(["apim-1","apim-2"]);', "let slot_minutes = 15;",
    ):  # fmt: skip
        assert line in store.asked[0][0].text


@pytest.mark.parametrize(
    ("carriers", "words"),
    [
        ([Carrier("subscription")], "metrics carry dimensions alone, not subscription"),
        (
            [Carrier("dimension", each) for each in "abcdef"],
            "at most 5 dimensions can be read, not 6",
        ),
    ],
)
def test_carriers_that_metrics_do_not_have_are_refused(carriers, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        source_of(attribution=Attribution(tuple(carriers)))


@pytest.mark.parametrize("classic", [False, True])
def test_late_days_are_asked_of_the_same_table(classic):
    source, store = source_of(names=MetricNames(classic=classic))
    store.tables = {
        name: (columns, [[DAY + 24 * HOUR, 1, NOW]]) if name.startswith("late") else ((), [])
        for name, (columns, _) in store.tables.items()
    }
    assert source.late_days(DAY) == LateDays(frozenset({date(2026, 11, 13)}), NOW)
    assert store.names() == ["late_metrics_classic.kql" if classic else "late_metrics.kql"]
    assert isinstance(source, WatchedSource)


def test_fault_92_hostile_dimensions_stay_data_and_never_enter_a_query():
    source, store = source_of(*(metric(dimension_1=name, prompt_tokens=1) for name in HOSTILE))
    assert sum(usage.prompt_tokens for usage in source.usage(ONE_DAY)) == len(HOSTILE)
    texts = [statement.text for statement, _, _ in store.asked]
    calm, calm_store = source_of(metric(dimension_1="acme"))
    list(calm.usage(ONE_DAY))
    assert texts == [statement.text for statement, _, _ in calm_store.asked]
