"""Whatever a log store answers: nothing is lost, nothing counted twice, and order holds."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from detector.history import consecutive_days
from detector.model import Grain, Rejection, Usage
from detector.sources.azure_logs import AzureLogsSource
from detector.sources.base import Window
from detector.sources.carriers import Attribution, Carrier, Identity
from detector.sources.kql_text import own
from detector.sources.kusto_query import KustoQuerySource
from detector.sources.scopes import ScopeRules
from tests.detector.log_stores import DAY, HOUR, LLM_COLUMNS, NOW, ScriptedStore, llm

DAYS = 3
WINDOW = Window(DAY.date(), DAY.date() + timedelta(days=DAYS - 1))
IDENTITIES = {"one": Identity("acme", "chat"), "two": Identity("acme"), "three": Identity("bolt")}
IDS = st.sampled_from(["one", "two", "three", "four", ""])
NUMBERS = st.integers(0, 10**15)
ROWS = st.lists(
    st.builds(
        lambda slot, prompt, share, **cells: llm(
            DAY + slot * HOUR, prompt_tokens=prompt, cached_tokens=prompt * share // 100, **cells
        ),
        st.integers(0, 24 * DAYS - 1),
        NUMBERS,
        st.integers(0, 100),
        subscription=IDS,
        api=st.sampled_from(["chat-api", "ocr-api"]),
        requests=st.integers(0, 10**6),
        without_tokens=st.integers(0, 5),
        completion_tokens=NUMBERS,
        cached_known=st.booleans(),
        streamed=st.booleans(),
    ),
    max_size=25,
)
SUMMED = ("requests", "prompt_tokens", "completion_tokens")


def source_of(rows, partial=()):
    store = ScriptedStore(llm_usage=(LLM_COLUMNS, rows))
    store.partial = {DAY + slot * HOUR for slot in partial}
    attribution = Attribution((Carrier("subscription", "", lambda: IDENTITIES),), (Carrier("api"),))
    return AzureLogsSource(
        "gateway", store, attribution, scopes=ScopeRules("global"), clock=lambda: NOW
    )


def cell(row, name):
    return row[LLM_COLUMNS.index(name)]


@given(ROWS, st.sets(st.integers(0, 24 * DAYS - 1), max_size=3))
def test_every_token_of_every_whole_slot_is_told_once_under_its_tenant(rows, partial):
    lacking = {DAY + slot * HOUR for slot in partial}
    expected = Counter()
    for row in (each for each in rows if cell(each, "slot") not in lacking):
        identity = IDENTITIES.get(cell(row, "subscription"))
        for name in SUMMED:
            key = cell(row, "slot"), identity.tenant if identity else "", name
            expected[key] += cell(row, name)
    found = Counter()
    for usage in source_of(rows, partial).usage(WINDOW):
        for name in SUMMED:
            found[usage.start_at, usage.tenant, name] += getattr(usage, name)
    assert +found == +expected


@given(ROWS)
def test_usage_comes_in_order_and_each_key_once_in_a_slot(rows):
    usage = list(source_of(rows).usage(WINDOW))
    starts = [each.start_at for each in usage]
    assert starts == sorted(starts)
    keys = [
        (each.start_at, each.tenant, each.feature, each.model, each.deployment, each.scope)
        for each in usage
    ]
    assert len(set(keys)) == len(keys)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_an_answers_rows_does_not_matter(rows, random):
    mixed = list(rows)
    random.shuffle(mixed)
    assert Counter(source_of(rows).usage(WINDOW)) == Counter(source_of(mixed).usage(WINDOW))
    one, other = source_of(rows), source_of(mixed)
    list(one.usage(WINDOW))
    list(other.usage(WINDOW))
    assert one.coverage() == other.coverage()
    assert one.telemetry().apis == other.telemetry().apis
    assert set(one.telemetry().unattributed) == set(other.telemetry().unattributed)


@given(ROWS)
def test_cached_tokens_are_never_more_than_prompt_tokens_and_unknown_where_nobody_knows(rows):
    knowing = {
        cell(row, "slot")
        for row in rows
        if cell(row, "cached_known") and cell(row, "prompt_tokens")
    }
    for usage in source_of(rows).usage(WINDOW):
        assert usage.cached_tokens is None or usage.cached_tokens <= usage.prompt_tokens
        assert usage.cached_tokens is None or usage.start_at in knowing


@given(ROWS)
def test_what_is_without_a_tenant_is_in_both_accounts_alike(rows):
    source = source_of(rows)
    usage = [each for each in source.usage(WINDOW) if not each.tenant]
    without = source.telemetry().unattributed
    for name in SUMMED:
        assert sum(getattr(each, name) for each in usage) == sum(
            getattr(each, name) for each in without
        )


@given(ROWS)
def test_the_apis_account_for_every_call(rows):
    source = source_of(rows)
    list(source.usage(WINDOW))
    apis = source.telemetry().apis
    assert sum(each.calls for each in apis) == sum(cell(row, "requests") for row in rows)
    assert len({(each.day, each.api) for each in apis}) == len(apis)


@given(ROWS, st.sets(st.integers(0, 24 * DAYS - 1), max_size=4))
def test_coverage_is_the_days_with_usage_and_partial_where_a_slot_stayed_partial(rows, partial):
    source = source_of(rows, partial)
    days = {usage.start_at.date() for usage in source.usage(WINDOW)}
    coverage = source.coverage()
    assert (coverage.first_day, coverage.last_day) == (
        min(days, default=None), max(days, default=None),
    )  # fmt: skip
    lacking = {(DAY + slot * HOUR).date() for slot in partial}
    asked = set(consecutive_days(WINDOW.first_day, WINDOW.last_day))
    assert coverage.partial_days == lacking & asked
    assert not coverage.empty_days & (lacking | days)


RUBBISH = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.binary(max_size=3), st.datetimes(), st.lists(st.integers(), max_size=2), st.just(DAY),
)  # fmt: skip
COLUMNS = ("start_at", "tenant", "prompt_tokens", "completion_tokens", "cost_usd")
GOOD = [DAY, "acme", 1, 1, 0.5]


@given(st.lists(st.lists(RUBBISH, max_size=6), max_size=12))
def test_rubbish_is_refused_row_by_row_and_never_raises(rows):
    # A good row beside them keeps a column from being refused as a whole.
    store = ScriptedStore(usage=(COLUMNS, [GOOD, *([DAY, *row] for row in rows)]))
    source = KustoQuerySource("own", store, own("usage.kql", "Usage"), {}, clock=lambda: NOW)
    found = list(source.usage(Window(DAY.date(), DAY.date())))
    refused = [each for each in found if isinstance(each, Rejection)]
    assert all(each.where and each.reason and len(each.text) <= 200 for each in refused)
    assert len(refused) <= len(rows)
    for usage in found:
        if isinstance(usage, Usage):
            assert usage.grain is Grain.HOUR
            assert usage.start_at == DAY
            assert all(number is None or number >= 0 for number in usage_numbers(usage))


def usage_numbers(usage):
    return usage.requests, usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens
