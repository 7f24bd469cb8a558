from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from detector import ledger
from detector.fetching import ROWS_AT_ONCE
from detector.model import SeriesKey
from detector.tables import TENANT_NAME
from spendwatch.db import reading, writing
from tests.detector.ledgers import DAY, LATER, NEXT, NOW, cost, record, same

BEFORE = DAY - timedelta(days=1)
ALIASES = {"acme gmbh": "acme"}


def aliased(tenant):
    return ALIASES.get(tenant, tenant)


def history(engine, first=BEFORE, last=NEXT, *, canonical=same, sources=()):
    with reading(engine) as session:
        return ledger.history(session, first, last, canonical=canonical, sources=sources)


def sums(engine, *group_by, first=BEFORE, last=NEXT):
    with reading(engine) as session:
        found = ledger.sum_costs(session, first, last, group_by)
    return {each.group: each for each in found}


def spend(engine, *tenants, canonical=same, sources=()):
    span = (BEFORE, NEXT)
    with reading(engine) as session:
        return ledger.spend(session, span, canonical=canonical, tenants=tenants, sources=sources)


def revisions(engine, first=BEFORE, last=NEXT):
    with reading(engine) as session:
        return ledger.revisions(session, first, last)


def test_a_history_holds_cost_and_tokens_of_every_series_and_day(database):
    record(database, [cost(1_000), cost(2_000, "bolt", cached_tokens=7, given=True)])
    record(database, [cost(3_000, day=NEXT)], day=NEXT)

    found = history(database)
    assert found.days == (BEFORE, DAY, NEXT)
    assert found.keys == tuple(SeriesKey(name, "chat", "gpt-4o") for name in ("acme", "bolt"))
    assert found.cost.tolist() == [[0, 1_000, 3_000], [0, 2_000, 0]]
    assert (found.prompt[0, 1], found.completion[0, 1]) == (1_000, 100)
    assert (found.cached[1, 1], found.given.tolist()[1]) == (7, [False, True, False])
    assert found.first_days == {"acme": DAY, "bolt": DAY}


def test_a_history_of_an_empty_ledger_has_days_and_no_rows(database):
    found = history(database)
    assert (found.keys, found.cost.shape, found.pulled.tolist()) == ((), (0, 3), [False] * 3)


def test_a_history_holds_only_the_days_asked_for(database):
    for day in (BEFORE, DAY, NEXT):
        record(database, [cost(day=day)], day=day)
    assert history(database, DAY, DAY).cost.tolist() == [[3_000]]


def test_a_large_history_is_read_in_parts(database):
    tenants = ROWS_AT_ONCE + 1
    for day in (DAY, NEXT):
        record(database, [cost(5, f"tenant-{n}", day=day) for n in range(tenants)], day=day)
    assert history(database).cost.sum(axis=0).tolist() == [0, 5 * tenants, 5 * tenants]


def test_fault_10_an_unknown_cost_is_marked_and_its_tokens_stay(database):
    record(database, [cost(None)])
    found = history(database)
    assert (found.unknown.tolist(), found.prompt[0, 1]) == ([[False, True, False]], 1_000)


def test_fault_30_an_alias_keeps_its_history_under_one_tenant(database):
    record(database, [cost(1_000, "acme gmbh", day=BEFORE)], day=BEFORE)
    record(database, [cost(2_000, "acme")])

    assert [key.tenant for key in history(database).keys] == ["acme", "acme gmbh"]
    joined = history(database, canonical=aliased)
    assert joined.cost.tolist() == [[1_000, 2_000, 0]]
    assert joined.first_days == {"acme": BEFORE}


def test_series_that_differ_by_source_alone_are_one_row(database):
    record(database, [cost(1_000)], source="gateway")
    record(database, [cost(2_000)], source="import")
    assert history(database).cost.tolist() == [[0, 3_000, 0]]


def test_an_unpulled_day_is_missing_and_an_empty_one_too(database):
    record(database, [cost()])
    record(database, [], day=NEXT)
    assert history(database).pulled.tolist() == [False, True, False]


def test_a_day_without_a_source_in_service_is_missing_as_a_whole(database):
    for day in (BEFORE, DAY):
        record(database, [cost(day=day)], day=day, source="gateway")
    record(database, [cost(day=DAY)], source="metrics")
    record(database, [cost(day=NEXT)], day=NEXT, source="gateway")

    assert history(database, sources=["gateway"]).pulled.tolist() == [True, True, True]
    # metrics begins on the second day: the first one lacks nothing, the third one does
    both = history(database, sources=["gateway", "metrics"])
    assert both.pulled.tolist() == [True, True, False]


def test_a_source_in_service_that_never_answered_is_waited_for_by_nobody(database):
    record(database, [cost()])
    assert history(database, sources=["new"]).pulled.tolist() == [False, True, False]


def test_a_day_of_which_any_source_told_a_part_is_not_whole(database):
    record(database, [cost()])
    record(database, [cost()], source="metrics", whole=False)
    assert history(database).whole.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("group_by", "wanted"),
    [
        (("tenant",), {("acme",): 4_000, ("bolt",): 2_000}),
        (("feature",), {("chat",): 3_000, ("search",): 3_000}),
        (("tenant", "day"), {("acme", str(DAY)): 1_000, ("bolt", str(DAY)): 2_000,
                             ("acme", str(NEXT)): 3_000}),
        (("source", "model", "deployment", "scope"), {("gateway", "gpt-4o", "", ""): 6_000}),
    ],
)  # fmt: skip
def test_costs_are_summed_by_any_part_of_their_key(database, group_by, wanted):
    record(database, [cost(1_000), cost(2_000, "bolt")])
    record(database, [cost(3_000, feature="search", day=NEXT)], day=NEXT)
    found = sums(database, *group_by)
    assert {group: each.micro_usd for group, each in found.items()} == wanted


def test_fault_10_tokens_without_a_price_are_counted_beside_the_cost(database):
    unknown = cost(None, feature="search", cached_tokens=3)
    record(database, [cost(1_000, shadow=True), unknown, cost(5, "bolt", upper_bound=True)])
    found = sums(database, "tenant")
    acme, bolt = found["acme",], found["bolt",]
    assert (acme.micro_usd, acme.unpriced_tokens, acme.prompt_tokens) == (1_000, 1_100, 2_000)
    assert (acme.completion_tokens, acme.requests) == (200, 6)
    assert (acme.shadow, acme.upper_bound, bolt.shadow, bolt.upper_bound) == (
        True, False, False, True,
    )  # fmt: skip


def test_sums_know_only_the_days_asked_for(database):
    record(database, [cost(1_000)])
    assert sums(database, "tenant", first=NEXT) == {}


def test_cost_alone_has_sums_of_tokens_too(database):
    record(database, [cost(1_000, prompt_tokens=None, completion_tokens=None, given=True)])
    found = sums(database, "tenant")["acme",]
    assert (found.micro_usd, found.prompt_tokens, found.unpriced_tokens) == (1_000, 0, 0)


def test_sums_of_aliases_join(database):
    record(database, [cost(1_000, "acme", shadow=True), cost(None, "acme gmbh")])
    joined = ledger.add_sums(("Acme",), list(sums(database, "tenant").values()))
    assert joined == ledger.CostSum(("Acme",), 1_000, 2_000, 200, 6, 1_100, True, False)


def test_spend_of_a_budget_is_counted_by_tenant_and_by_feature(database):
    record(database, [cost(1_000), cost(2_000, feature="search"), cost(9, "bolt")])
    record(database, [cost(4_000, day=NEXT)], day=NEXT)

    found = spend(database, "acme")
    assert {key: values.tolist() for key, values in found.by_feature.items()} == {
        ("acme", ""): [0, 3_000, 4_000],
        ("acme", "chat"): [0, 1_000, 4_000],
        ("acme", "search"): [0, 2_000, 0],
    }
    assert found.complete.tolist() == [False, True, True]


def test_spend_is_complete_on_days_that_every_source_told_wholly(database):
    record(database, [cost(day=BEFORE)], day=BEFORE, whole=False)
    record(database, [cost()])
    record(database, [cost()], source="metrics")
    record(database, [cost(day=NEXT)], day=NEXT)
    assert spend(database, "acme").complete.tolist() == [False, True, True]
    both = spend(database, "acme", sources=["gateway", "metrics"])
    assert both.complete.tolist() == [False, True, False]


def test_spend_of_the_tenant_without_a_feature_is_counted_once(database):
    record(database, [cost(1_000, feature="")])
    found = spend(database, "acme")
    assert {key: values.tolist() for key, values in found.by_feature.items()} == {
        ("acme", ""): [0, 1_000, 0]
    }


def test_fault_10_spend_of_a_day_with_an_unknown_cost_is_marked(database):
    record(database, [cost(1_000), cost(None, feature="search")])
    found = spend(database, "acme")
    assert found.by_feature["acme", ""].tolist() == [0, 1_000, 0]
    assert found.unknown["acme", ""].tolist() == [False, True, False]
    assert not found.unknown["acme", "chat"].any()


def test_fault_30_spend_of_an_alias_counts_against_the_tenants_budget(database):
    record(database, [cost(1_000), cost(2_000, "acme gmbh")])
    found = spend(database, "acme", canonical=aliased)
    assert found.by_feature["acme", ""].tolist() == [0, 3_000, 0]


def test_fault_32_a_tenant_is_shown_as_it_was_spelt(database):
    with writing(database) as session:
        row = {"tenant": "acme gmbh", "name": "ACME GmbH"}
        session.connection().execute(insert(TENANT_NAME), [row])
    with reading(database) as session:
        assert ledger.display_names(session) == {"acme gmbh": "ACME GmbH"}


def test_the_first_day_of_a_tenant_is_that_of_its_oldest_series(database):
    record(database, [cost(1_000), cost(feature="search")])
    record(database, [cost(feature="search", day=BEFORE)], day=BEFORE)
    with reading(database) as session:
        assert ledger.first_days(session, same) == {"acme": BEFORE}


def test_fault_22_a_revision_says_what_a_tenants_day_was_and_is(database):
    record(database, [cost(1_000), cost(2_000, feature="search"), cost(5, "bolt")])
    record(database, [cost(1_500), cost(2_500, feature="search"), cost(5, "bolt")], now=LATER)

    (found,) = revisions(database)
    assert found == ledger.Revision("acme", DAY, 1, 2, 3_000, 4_000, "pull", LATER)
    assert revisions(database, NEXT, NEXT) == ()


def test_revisions_stand_newest_first_each_with_its_cause(database):
    record(database, [cost(1_000)])
    record(database, [cost(2_000)], now=NOW + timedelta(minutes=1))
    record(database, [cost(3_000)], now=LATER, cause="price")

    found = [(each.version, each.before_micro_usd, each.cause) for each in revisions(database)]
    assert found == [(2, 2_000, "price"), (1, 1_000, "pull")]


def test_an_unknown_cost_in_a_revision_adds_nothing(database):
    record(database, [cost(None)])
    record(database, [cost(2_000)], now=LATER)
    (found,) = revisions(database)
    assert (found.before_micro_usd, found.now_micro_usd) == (None, 2_000)
