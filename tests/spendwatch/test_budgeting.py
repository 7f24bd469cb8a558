"""Budgets of the settings against a real ledger, told through the whole cycle."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from detector.price_table import PriceError
from detector.tables import BUDGET_CAP
from spendwatch.budgeting import budget_states
from spendwatch.db import reading
from tests.spendwatch.installations import CONFIG, Installation

MONDAY = date(2026, 9, 7)


def budget(cap, more=""):
    return (
        '[[tenants]]\nid = "acme"\n[[tenants.budgets]]\n'
        f'cap = {cap}\nforecast_thresholds = []\nperiod = "monthly"\n{more}'
    )


def spend(place, *costs, first=date(2026, 9, 1)):
    """Judge one day after the other; return what was told on each."""
    told = []
    for step, cost in enumerate(costs):
        day = first + timedelta(days=step)
        place.write_day(day, [f"acme,chat,gpt-4o,{cost}"])
        place.judge(day)
        told.append(place.read())
    return told


def rewrite(place, extra):
    place.config.write_text(CONFIG + extra)


def test_each_threshold_speaks_once_and_in_order(tmp_path):
    told = spend(Installation(tmp_path, extra=budget(100)), 30, 25, 1, 30, 1, 20, 1)
    spoke = [index for index, words in enumerate(told) if "budget threshold" in words]
    assert spoke == [1, 3, 5]


def test_fault_43_of_several_thresholds_crossed_at_once_only_the_highest_speaks(tmp_path):
    (told,) = spend(Installation(tmp_path, extra=budget(100)), 150)
    assert told.count("budget threshold") == 1
    assert "100 % threshold crossed" in told


def test_fault_41_a_cap_of_zero_is_broken_by_any_spend_and_no_cap_never(tmp_path):
    (tmp_path / "zero").mkdir()
    (tmp_path / "none").mkdir()
    (zero,) = spend(Installation(tmp_path / "zero", extra=budget(0)), 1)
    (none,) = spend(Installation(tmp_path / "none", extra=budget('"none"')), 1)
    assert ("budget threshold" in zero, "budget threshold" in none) == (True, False)


def test_fault_42_a_raised_cap_resolves_and_a_lowered_one_speaks_once(tmp_path):
    place = Installation(tmp_path, extra=budget(100))
    spend(place, 60)
    rewrite(place, budget(1000))
    (raised,) = spend(place, 1, first=date(2026, 9, 2))
    assert "resolved" in raised
    rewrite(place, budget(100))
    (lowered, quiet) = spend(place, 1, 1, first=date(2026, 9, 3))
    assert "budget threshold" not in lowered + quiet
    rewrite(place, budget(90))
    (lower,) = spend(place, 1, first=date(2026, 9, 5))
    assert lower.count("budget threshold") == 1


def test_fault_42_every_cap_that_was_in_force_is_kept(tmp_path):
    place = Installation(tmp_path, extra=budget(100))
    spend(place, 1)
    rewrite(place, budget(200))
    spend(place, 1, 1, first=date(2026, 9, 2))
    with reading(place.app().engine) as session:
        rows = session.connection().execute(select(BUDGET_CAP).order_by(BUDGET_CAP.c.seen_at))
        assert [row.cap_micro_usd for row in rows] == [100_000_000, 200_000_000]


def test_fault_45_a_refund_that_brings_spend_under_the_cap_resolves(tmp_path):
    place = Installation(tmp_path, extra=budget(100))
    told = spend(place, 110, -80, 1)
    assert "budget threshold" in told[0]
    assert "resolved" in told[1]
    assert told[2] == ""


def test_fault_44_a_month_ends_in_the_tenants_own_time_zone(tmp_path):
    zone = 'time_zone = "Pacific/Kiritimati"\n'
    place = Installation(tmp_path, extra=budget(100).replace('"acme"\n', f'"acme"\n{zone}'))
    # 11:00 UTC on 30 September is already 1 October there.
    place.write_day("2026-09-30T11:00:00Z", ["acme,70"], header="start_at,tenant,cost_usd")
    place.judge(date(2026, 10, 1))
    with reading(place.app().engine) as session:
        (state,) = budget_states(place.app(), session, date(2026, 10, 1))
    assert (state.starts_on, state.spent_micro_usd) == (date(2026, 10, 1), 70_000_000)


def test_fault_14_a_budget_in_another_currency_uses_the_declared_rate(tmp_path):
    rate = '[[prices.exchange_rates]]\ncurrency = "EUR"\nrate = "1.10"\neffective_from = {}\n'
    extra = budget(100, 'currency = "EUR"\n')
    place = Installation(tmp_path, extra=extra + rate.format(date(2026, 1, 1)))
    app = place.app()
    with reading(app.engine) as session:
        (state,) = budget_states(app, session, MONDAY)
        assert state.cap_micro_usd == 110_000_000
        rewrite(place, extra + rate.format(date(2026, 12, 1)))
        with pytest.raises(PriceError, match="no exchange rate is in force on 2026-09-01"):
            budget_states(place.app(), session, MONDAY)


def test_a_feature_budget_counts_its_feature_alone(tmp_path):
    place = Installation(tmp_path, extra=budget(100, 'feature = "search"\n'))
    place.write_day(MONDAY, ["acme,chat,gpt-4o,500", "acme,search,gpt-4o,40"])
    place.judge(MONDAY)
    with reading(place.app().engine) as session:
        (state,) = budget_states(place.app(), session, MONDAY)
    assert state.spent_micro_usd == 40_000_000
