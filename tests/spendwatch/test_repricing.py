from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from detector.model import FindingKind, Severity
from spendwatch.db import writing
from spendwatch.repricing import note_priced, reprice_if_changed
from tests.detector.ledgers import only, revisions, rows, source_days
from tests.spendwatch.apps import DAY, NOW, ONE, an_app, price, table, tenant, told, used

DEARER = {"input": "4", "cached_input": "2", "output": "20"}
OLD = price()
NEW = price(day=DAY, rates=DEARER)


@pytest.fixture
def app(tmp_path):
    """Three days of acme, the last two of them on and after DAY, all priced and noted."""
    app = an_app(tmp_path)
    told(app, *(used(DAY + step * ONE) for step in (-1, 0, 1)))
    assert reprice(app) == ()
    return app


def reprice(app, on_day=lambda _day: None):
    """Price again what changed, note that it was told, and give what was to be told."""
    repriced = reprice_if_changed(app, on_day)
    if repriced is None:
        return ()
    with writing(app.engine) as session:
        note_priced(session, repriced, app.clock())
    app.clock.move(timedelta(hours=1))
    return repriced.findings


def with_prices(app, *prices, agreed=()):
    return replace(app, prices=table(*prices, agreed=agreed))


def costs(app):
    return [row.micro_usd for row in rows(app.engine).values()]


def versions(app):
    return [row.version for row in rows(app.engine).values()]


def test_fault_11_a_back_dated_price_makes_new_versions_of_exactly_the_days_it_touches(app):
    reprice(with_prices(app, OLD, NEW))
    assert (costs(app), versions(app)) == ([3_000, 6_000, 6_000], [1, 2, 2])
    kept = revisions(app.engine)
    assert [(row.day, row.micro_usd, row.cause) for row in kept] == [
        (DAY, 3_000, "price"), (DAY + ONE, 3_000, "price"),
    ]  # fmt: skip


def test_fault_11_the_change_is_told_as_a_change_of_price_with_sums_before_and_after(app):
    (finding,) = reprice(with_prices(app, OLD, NEW))
    assert (finding.kind, finding.severity) == (FindingKind.PRICE_CHANGE, Severity.NOTICE)
    assert (finding.subject, finding.magnitude, finding.day) == ("gpt-4o", 6_000, DAY)
    assert finding.period == f"{DAY} to {DAY + ONE}, priced 2026-11-13 07:00:00"
    assert dict(finding.facts) == {
        "models": "gpt-4o", "effective": str(DAY), "until": str(DAY + ONE), "days": 2,
        "before_micro_usd": 6_000, "after_micro_usd": 12_000, "effect_micro_usd": 6_000,
    }  # fmt: skip


def test_a_change_of_price_is_no_change_of_use_that_would_judge_the_day_again(app):
    reprice(with_prices(app, OLD, NEW))
    assert {row.changed_at for row in source_days(app.engine).values()} == {NOW}


def test_pricing_again_with_the_same_table_does_nothing(app):
    dearer = with_prices(app, OLD, NEW)
    reprice(dearer)
    before = rows(app.engine)
    looked_at = []
    assert reprice(dearer, looked_at.append) == ()
    assert (rows(app.engine), looked_at) == (before, [])


@pytest.mark.parametrize(
    "prices",
    [
        [replace(OLD, source="https://example.org/other")],
        [replace(OLD, rates=dict(reversed(OLD.rates.items())))],
    ],
)
def test_other_source_texts_or_another_order_are_no_change(app, prices):
    looked_at = []
    assert reprice(with_prices(app, *prices), looked_at.append) == ()
    assert looked_at == []


def test_a_table_that_changed_for_other_models_revises_nothing(app):
    looked_at = []
    found = reprice(with_prices(app, OLD, price("novel")), looked_at.append)
    assert (found, versions(app)) == ((), [1, 1, 1])
    assert looked_at == [DAY - ONE, DAY, DAY + ONE]


def test_a_change_by_model_gives_a_finding_by_model(app):
    told(app, used(model="mini", feature="search"), used(model="", deployment="blue"))
    mini, blue = price("mini"), price("blue")
    found = reprice(with_prices(app, OLD, NEW, mini, blue))
    effects = {finding.subject: finding.facts["effect_micro_usd"] for finding in found}
    assert effects == {"gpt-4o": 3_000, "mini": 3_000, "blue": 3_000}


def test_several_series_of_a_day_count_as_one_day(app):
    told(app, used(), used(who="bolt"), used(feature="search"))
    (finding,) = reprice(with_prices(app, OLD, NEW))
    assert (finding.facts["days"], finding.facts["effect_micro_usd"]) == (2, 12_000)


def test_a_cheaper_price_has_a_negative_effect(app):
    (finding,) = reprice(with_prices(app, OLD, price(day=DAY, rates={
        "input": "1", "output": "5",
    })))  # fmt: skip
    assert (finding.magnitude, finding.facts["effect_micro_usd"]) == (3_000, -3_000)


def test_fault_10_a_price_that_becomes_known_prices_the_days_that_waited_for_it(tmp_path):
    app = an_app(tmp_path)
    told(app, used(model="novel"))
    reprice(app)
    (finding,) = reprice(with_prices(app, OLD, price("novel")))
    assert (costs(app), finding.facts["before_micro_usd"]) == ([3_000], 0)


def test_fault_10_a_price_that_is_withdrawn_leaves_an_unknown_cost_and_never_0(app):
    reprice(with_prices(app, replace(OLD, effective_from=DAY)))
    assert costs(app) == [None, 3_000, 3_000]


def test_a_cost_the_source_stated_is_left_alone(app):
    told(app, used(cost_micro_usd=42), used(feature="search"))
    reprice(with_prices(app, OLD, NEW))
    stored = {key[2:]: row.micro_usd for key, row in rows(app.engine).items()}
    assert (stored["chat", DAY], stored["search", DAY]) == (42, 6_000)


@pytest.mark.parametrize("scope", ["", "ptu"])
def test_what_is_gone_is_not_priced_again(app, scope):
    told(app, used(model="novel", scope=scope))
    told(app, used())
    before = {key: row.version for key, row in rows(app.engine).items()}
    reprice(with_prices(app, OLD, price("other")))
    assert {key: row.version for key, row in rows(app.engine).items()} == before


def test_every_source_is_priced_again(app):
    told(app, used(), name="import")
    reprice(with_prices(app, OLD, NEW))
    assert sorted(costs(app)) == [3_000, 6_000, 6_000, 6_000]


def test_an_agreed_rate_reaches_a_tenant_under_its_alias(tmp_path):
    app = an_app(tmp_path, tenant("acme", aliases=("acme gmbh",)))
    told(app, used(who="Acme GmbH"), used(who="bolt"))
    reprice(app)
    agreed = price(rates={"input": "1", "output": "1"}, tenant="acme")
    reprice(with_prices(app, OLD, agreed=[agreed]))
    assert {key[1]: row.micro_usd for key, row in rows(app.engine).items()} == {
        "acme gmbh": 1_100, "bolt": 3_000,
    }  # fmt: skip


def test_use_imported_before_the_first_cycle_is_priced_by_the_table_in_force_then(tmp_path):
    app = an_app(tmp_path, prices=table(OLD))
    told(app, used())
    (finding,) = reprice(with_prices(app, OLD, NEW))
    assert (only(rows(app.engine)).micro_usd, finding.facts["effect_micro_usd"]) == (6_000, 3_000)


def test_fault_51_a_change_that_was_not_noted_yet_is_told_whole_by_the_next_run(app):
    dearer = with_prices(app, OLD, NEW)
    assert reprice_if_changed(dearer).findings
    app.clock.move(timedelta(hours=1))
    (finding,) = reprice(dearer)
    assert finding.facts["effect_micro_usd"] == 6_000
    assert (versions(app), reprice(dearer)) == ([1, 2, 2], ())


def test_a_second_change_is_told_alone(app):
    reprice(with_prices(app, OLD, NEW))
    dearest = {"input": "6", "output": "30"}
    (finding,) = reprice(with_prices(app, OLD, NEW, price(day=DAY + ONE, rates=dearest)))
    assert (finding.facts["days"], finding.facts["before_micro_usd"]) == (1, 6_000)
    assert finding.facts["after_micro_usd"] == 9_000


def test_a_cost_that_is_revised_twice_on_the_way_is_told_from_first_to_last(app):
    reprice_if_changed(with_prices(app, OLD, NEW))
    app.clock.move(timedelta(hours=1))
    (finding,) = reprice(with_prices(app, OLD, price(day=DAY, rates={"input": "3", "output": "0"})))
    assert (finding.facts["before_micro_usd"], finding.facts["after_micro_usd"]) == (6_000, 6_000)


def test_fault_30_an_alias_that_brings_an_agreed_rate_prices_the_past_again(tmp_path):
    agreed = price(rates={"input": "1", "output": "1"}, tenant="acme")
    prices = table(OLD, agreed=[agreed])
    app = an_app(tmp_path, tenant("acme"), prices=prices)
    told(app, used(who="Acme GmbH"))
    assert reprice(app) == ()
    renamed = an_app(tmp_path, tenant("acme", aliases=("acme gmbh",)), prices=prices)
    renamed.clock.move(timedelta(hours=2))
    (finding,) = reprice(renamed)
    assert (costs(app), finding.facts["effect_micro_usd"]) == ([1_100], -1_900)


def test_an_empty_ledger_is_simply_noted(tmp_path):
    app = an_app(tmp_path)
    assert reprice(app) == ()
    assert reprice(with_prices(app, OLD, price(day=date(2026, 1, 1)))) == ()
