"""Everything a gateway's telemetry can hold, read as a service reads it: the ledger is the truth.

Duplicates, chunked messages, streams without usage, late rows, lost headers, rows without a call
and calls without a row; tenants live in three time zones, one of them a quarter of an hour off.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import timedelta

import pytest

from detector.history import consecutive_days
from detector.model import normalise_tenant
from detector.telemetry import api_days, uses_by_ids
from spendwatch.backfilling import pull_history
from spendwatch.db import reading
from tests.azure.local import LocalLogAnalytics
from tests.azure.state import TOKEN
from tests.azure.telemetry_rows import ANSWER_TEXT, PROMPT_TEXT
from tests.azure.workspaces import HOSTILE, WORKSPACES, telemetry_of
from tests.spendwatch.apps import pulls, rejected_rows
from tests.spendwatch.azure_place import (
    GATEWAY,
    OWN_QUERY,
    TOKEN_METRICS,
    Place,
    differences,
    whole_tables,
)
from tests.spendwatch.local_identity import HEADER, managed_identity

# New York's clocks go back on the first of November.
SIZE = {"first_day": "2026-10-30", "days": 4, "tenants": 40, "calls_a_day": 1_200}
QUERIES = ("llm_usage.kql", "metric_usage.kql", "metric_names.kql", "usage.kql")
MOMENT = re.compile(r"datetime\([0-9TZ:.-]+\)")
SMALL = {"first_day": "2026-10-30", "days": 1, "tenants": 20, "calls_a_day": 400}


@pytest.fixture(scope="module")
def identity():
    with managed_identity() as (variables, asked), pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield asked


@pytest.fixture(scope="module")
def pulled(identity, tmp_path_factory):
    """Three sources over the same telemetry, each pulled once."""
    options = SIZE | {"metrics": True}
    with LocalLogAnalytics(WORKSPACES, **options) as local:
        telemetry = telemetry_of(**options)
        sources = GATEWAY + TOKEN_METRICS + OWN_QUERY
        yield read_all(Place(tmp_path_factory.mktemp("truth"), local, telemetry, sources))


def read_all(place):
    """Pull every day of the telemetry from every source, once all rows have come."""
    shape = place.telemetry.shape
    place.now = shape.end + timedelta(days=3)
    # The first rows belong to the day before where clocks are behind UTC.
    days = consecutive_days(shape.first_day - timedelta(days=1), shape.end.date())
    app = place.app()
    for source in app.usage_sources():
        pull_history(app, source, days)
    return place


def test_the_logs_are_in_the_ledger_to_the_token(pulled):
    assert differences(pulled.ledger("gateway"), pulled.logs_truth()) == []


def test_the_token_metrics_are_in_the_ledger_to_the_token(pulled):
    assert differences(pulled.ledger("metrics"), pulled.metrics_truth()) == []


def test_a_query_of_the_users_own_is_in_the_ledger_to_the_token(pulled):
    assert differences(pulled.ledger("own"), pulled.own_truth()) == []


def test_the_truth_holds_everything_that_can_go_wrong(pulled):
    rows = pulled.ledger("gateway")
    assert {key[0] for key in rows} >= {"unattributed", *pulled.zones}
    assert {key[5] for key in rows} == {"global", "ptu", "datazone"}
    assert sum(row.without_usage for row in rows.values()) > 100
    assert {row.cached is None for row in rows.values()} == {True, False}
    assert {row.estimated for row in rows.values()} == {True, False}
    assert {row.estimated for row in pulled.ledger("metrics").values()} == {True, False}


def test_fault_29_what_has_no_tenant_is_unattributed_with_the_ids_it_carried(pulled):
    shape = pulled.telemetry.shape
    with reading(pulled.app().engine) as session:
        told = uses_by_ids(session, shape.first_day, shape.end.date())["gateway"]
    uses = [use for use in told if not use.attributed]
    held = [row for key, row in pulled.ledger().items() if key[0] == "unattributed"]
    for name in ("requests", "prompt", "completion"):
        wanted = sum(getattr(row, name) for row in held)
        found = sum(getattr(use, name if name == "requests" else f"{name}_tokens") for use in uses)
        assert found == wanted > 0
    assert {carrier for use in uses for carrier, _ in use.ids} >= {"subscription", "product", "api"}


@pytest.mark.parametrize("source", ["gateway", "metrics", "own"])
def test_use_by_api_is_the_ledger_summed_in_another_way(pulled, source):
    shape = pulled.telemetry.shape
    with reading(pulled.app().engine) as session:
        uses = uses_by_ids(session, shape.first_day, shape.end.date())[source]
    told, held = Counter(), Counter()
    for use in uses:
        told[use.attributed] += use.prompt_tokens + use.completion_tokens
    for key, row in pulled.ledger(source).items():
        held[key[0] != "unattributed"] += row.prompt + row.completion
    assert told == held
    assert min(told.values()) > 0


def test_fault_20_what_told_no_tokens_is_counted_by_its_api(pulled):
    shape = pulled.telemetry.shape
    with reading(pulled.app().engine) as session:
        apis = api_days(session, shape.first_day, shape.end.date())["gateway"]
    rows = pulled.ledger().values()
    assert sum(each.calls_without_tokens for each in apis) == sum(row.without_usage for row in rows)
    assert sum(each.rows_without_call for each in apis) == sum(
        sums.without_call for sums in pulled.telemetry.truth(()).values()
    )


def test_nothing_was_refused_and_every_query_was_as_documented(pulled):
    app = pulled.app()
    assert {(each.source, each.error) for each in pulls(app)} == {
        (source.name, "") for source in app.usage_sources()
    }
    assert rejected_rows(app) == []
    requests = pulled.local.requests()
    assert {each.status for each in requests} == {200}
    assert [each.problems for each in requests if each.problems] == []


def without_empty_days(app):
    """All tables, but for remarks and for days that only say that they were asked for."""
    found = whole_tables(app, without={"pulled_at", "remarks"})
    return found | {"source_day": [row for row in found["source_day"] if "'rows': 0" not in row]}


def test_fault_19_the_same_rows_pulled_again_change_nothing(pulled):
    app = pulled.app()
    before = without_empty_days(app)
    day = pulled.telemetry.shape.first_day + timedelta(days=2)
    for source in app.usage_sources():
        report = pull_history(app, source, [day])
        assert (report.added, report.revised, report.zeroed) == (0, 0, 0)
    assert without_empty_days(app) == before


# What callers send is data, and stays where data belongs.


@pytest.fixture
def hostile(identity, tmp_path, caplog):
    """A gateway whose callers call themselves, and everything else, what they like."""
    options = SMALL | {"hostile": True, "metrics": True}
    with LocalLogAnalytics(WORKSPACES, **options) as local, caplog.at_level(logging.DEBUG):
        place = Place(
            tmp_path, local, telemetry_of(**options),
            GATEWAY + TOKEN_METRICS + OWN_QUERY, zones=("UTC",),
        )  # fmt: skip
        yield read_all(place)


def tokens_by_name(telemetry):
    """What was used under each name that a request's header held."""
    found = {}
    for (name,), sums in telemetry.truth(("request_header",)).items():
        found[name] = found.get(name, 0) + sums.prompt
    return found


def test_fault_92_no_name_that_a_caller_chose_is_ever_part_of_a_query(hostile):
    texts = [each.query for each in hostile.local.requests()]
    assert len({MOMENT.sub("", text) for text in texts}) == len(QUERIES)
    assert [name for name in HOSTILE for text in texts if name in text] == []


def test_fault_92_hostile_names_are_tenants_like_others_to_the_token(hostile):
    told = tokens_by_name(hostile.telemetry)
    ledger = {}
    for key, row in hostile.ledger().items():
        ledger[key[0]] = ledger.get(key[0], 0) + row.prompt
    total = sum(sums.prompt for sums in hostile.telemetry.truth(()).values())
    assert sum(ledger.values()) == total
    named = [name for name in HOSTILE if 0 < len(name) <= 300 and told.get(name)]
    assert len(named) >= 14
    mapped = hostile.telemetry.subscriptions().values()
    for name in named:
        if name not in mapped:
            assert ledger[normalise_tenant(name)] >= told[name]


def test_fault_92_no_prompt_no_answer_and_no_token_is_written_down(hostile, caplog, identity):
    canaries = (TOKEN, HEADER, PROMPT_TEXT, ANSWER_TEXT)
    tables = str(whole_tables(hostile.app())) + str(pulls(hostile.app()))
    texts = "".join(each.query for each in hostile.local.requests())
    columns = ("RequestMessages", "ResponseMessages", "RequestBody", "ResponseBody")
    assert identity
    for canary in (*canaries, *columns):
        assert canary not in tables
        assert canary not in caplog.text
        assert canary not in texts
