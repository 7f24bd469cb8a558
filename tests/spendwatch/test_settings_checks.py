from __future__ import annotations

from decimal import Decimal

import pytest

from tests.spendwatch.config_files import BUDGET, RATE, load, problems


@pytest.mark.parametrize("second", ["ACME", "acme ", "ａｃｍｅ"])
def test_fault_3_two_tenants_that_mean_the_same_are_refused(tmp_path, second):
    (problem,) = problems(tmp_path, f'[[tenants]]\nid = "acme"\n[[tenants]]\nid = "{second}"\n')
    assert problem.startswith("config.toml:4: tenants[1].id: ")
    assert "is the same tenant as 'acme' in tenants[0].id" in problem


def test_fault_30_an_alias_belongs_to_one_tenant(tmp_path):
    text = '[[tenants]]\nid = "acme"\naliases = ["Bolt", "acme"]\n[[tenants]]\nid = "bolt"\n'
    (problem,) = problems(tmp_path, text)
    assert "tenants[1].id: 'bolt' is the same tenant as 'Bolt' in tenants[0].aliases[0]" in problem


def test_fault_32_ids_and_aliases_are_normalised_and_the_name_kept(tmp_path):
    (tenant,) = load(tmp_path, '[[tenants]]\nid = "ACME Corp "\naliases = ["Old  Acme"]').tenants
    assert (tenant.id, tenant.name, tenant.aliases) == ("acme corp", "ACME Corp ", ("old acme",))


def test_fault_29_a_tenant_cannot_be_called_what_stands_for_none(tmp_path):
    (problem,) = problems(tmp_path, '[[tenants]]\nid = "N/A"\n')
    assert "'N/A' stands for no tenant; see detection.unattributed_names" in problem
    names = '[detection]\nunattributed_names = []\n[[tenants]]\nid = "N/A"\n'
    assert load(tmp_path, names).tenants[0].id == "n/a"


def test_fault_4_more_days_than_the_window_holds_are_refused(tmp_path):
    text = '[detection]\nmin_days = 8\nwindow_days = 7\n[[tenants]]\nid = "a"\n'
    found = problems(tmp_path, f"{text}detection.min_days = 9\n[[tenants]]\nid = 'b'\n")
    assert [problem.partition(": must")[0] for problem in found] == [
        "config.toml:2: detection.min_days",
        "config.toml:6: tenants[0].detection.min_days",
    ]
    assert "from 2 to detection.window_days (7), not 9" in found[1]
    assert load(tmp_path, "[detection]\nmin_days = 7\nwindow_days = 7\n").detection.min_days == 7


def test_fault_8_without_a_default_receiver_the_settings_are_refused(tmp_path):
    enough = '[[receivers]]\nkind = "console"\nname = "ops"\n'
    text = '[[tenants]]\nid = "a"\n[[tenants]]\nid = "b"\nreceiver = "ops"\n'
    (problem,) = problems(tmp_path, text, enough=enough)
    assert problem == (
        "config.toml: alerts.receiver: is required: without it nobody hears of 'a', every tenant "
        "not listed here; name one of 'ops'"
    )
    (none,) = problems(tmp_path, "", enough="")
    assert none.endswith("declare one under [[receivers]]")


def test_fault_8_a_receiver_that_is_not_declared_is_refused(tmp_path):
    text = '[[tenants]]\nid = "a"\nreceiver = "fin0ps"\n[[tenants]]\nid = "b"\nreceiver = "zz"\n'
    near, far = problems(tmp_path, text)
    assert near.endswith("no receiver is called 'fin0ps'; did you mean finops?")
    assert far.endswith("no receiver is called 'zz'; name one of 'finops'")


def test_fault_14_a_currency_without_a_rate_is_refused(tmp_path):
    text = f'{BUDGET}cap = 1\ncurrency = "EUR"\n{RATE}tenant = "a"\ncurrency = "GBP"\n'
    found = problems(tmp_path, text)
    assert "tenants[0].budgets[0].currency: it is in 'EUR'" in found[0]
    assert "prices.rates[0].currency: it is in 'GBP'" in found[1]
    assert found[0].endswith("what one 'EUR' is worth under [[prices.exchange_rates]]")


def test_fault_14_a_declared_rate_lets_another_currency_in(tmp_path):
    text = f'{BUDGET}cap = 1\ncurrency = "EUR"\n[[prices.exchange_rates]]\ncurrency = "EUR"\n'
    settings = load(tmp_path, f'{text}rate = "1.08"\neffective_from = 2026-01-01\n')
    assert settings.prices.exchange_rates[0].rate == Decimal("1.08")
    assert settings.tenants[0].budgets[0].currency == "EUR"


def test_fault_14_the_shipped_prices_need_a_rate_too(tmp_path):
    text = f'[service]\ncurrency = "EUR"\n{BUDGET}cap = 1\n{RATE}deployment = "d"\n'
    (problem,) = problems(tmp_path, text)
    assert "service.currency: the shipped prices are in 'USD'" in problem
    rate = '[[prices.exchange_rates]]\nrate = "0.9"\neffective_from = 2026-01-01\ncurrency = '
    assert load(tmp_path, f'{text}{rate}"USD"\n').tenants[0].budgets[0].currency == "EUR"
    own = problems(tmp_path, f'{rate}"USD"\n')
    assert own[0].endswith("'USD' is the service's own currency: it needs no rate")


@pytest.mark.parametrize("rate", ['"0"', "1.08", '"-1"', '"NaN"', "1"])
def test_fault_14_a_rate_is_a_positive_decimal_in_quotes(tmp_path, rate):
    text = '[[prices.exchange_rates]]\ncurrency = "EUR"\neffective_from = 2026-01-01\nrate = '
    (problem,) = problems(tmp_path, f"{text}{rate}\n")
    assert "prices.exchange_rates[0].rate: must be a rate above 0 in quotes" in problem


def test_an_agreed_rate_names_whom_it_is_for(tmp_path):
    (problem,) = problems(tmp_path, RATE)
    assert "prices.rates[0]: must name a tenant, a deployment or both" in problem
    rate = load(tmp_path, f'{RATE}tenant = "ACME"\n').prices.rates[0]
    assert (rate.tenant, rate.scope, rate.input, rate.cached_input) == (
        "acme",
        "global",
        Decimal(1),
        None,
    )


def test_nothing_is_declared_twice(tmp_path):
    source = "[[sources]]\nkind = 'sample'\nname = 'x'\nfirst_day = 2026-06-01\n"
    budget = "[[tenants.budgets]]\nfeature = 'chat'\ncap = 1\n"
    rate = f"{RATE}deployment = 'd'\n"
    found = problems(tmp_path, f"{source * 2}[[tenants]]\nid = 'a'\n{budget * 2}{rate * 2}")
    assert [problem.partition(": ")[2] for problem in found] == [
        "sources[1].name: 'x' is the name of sources[0] already",
        "tenants[0].budgets[1]: there is a 'monthly' budget for the feature 'chat' in "
        "tenants[0].budgets[0] already; one budget can have several thresholds",
        "prices.rates[1]: repeats prices.rates[0]: same tenant, deployment, model, scope, "
        "effective_from",
    ]


def test_a_weekly_budget_begins_on_a_day_of_the_week(tmp_path):
    text = f'{BUDGET}cap = 1\nperiod = "weekly"\nfiscal_start_day = '
    assert load(tmp_path, f"{text}7\n").tenants[0].budgets[0].fiscal_start_day == 7
    (problem,) = problems(tmp_path, f"{text}8\n")
    assert "from 1 (Monday) to 7 (Sunday) where the budget is weekly, not 8" in problem


SILENCE = '[[silences]]\ncomment = "migration"\ntenant = "Acme*"\n'
PLAN = '[[planned_events]]\ncomment = "migration"\ntenant = "ACME"\nfirst_day = 2026-11-24\n'


def test_a_silence_ends_after_it_begins_in_the_services_time_zone(tmp_path):
    text = f"[service]\ntime_zone = 'Europe/Berlin'\n{SILENCE}from = 2026-11-24T09:00:00\n"
    for end in ("2026-11-24T09:00:01", "2026-11-24T08:30:00Z", "2026-11-25"):
        assert load(tmp_path, f"{text}until = {end}\n").silences[0].tenant == "acme*"
    for end in ("2026-11-24T09:00:00", "2026-11-24T08:00:00Z", "2026-11-24"):
        (problem,) = problems(tmp_path, f"{text}until = {end}\n")
        assert "config.toml:7: silences[0].until: must be after from, not 2026-11-24" in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SILENCE, "until: is required"),
        (f"{SILENCE}until = 5\n", "until: must be a moment such as 2026-11-30T09:00:00, not 5"),
        (f"{SILENCE}until = 'Friday'\n", "until: must be a moment such as"),
        (f"{SILENCE}until = 1999-12-31\n", "until: must be a moment such as"),
        (f"{SILENCE}until = 2026-11-30\nfrom = 1\n", "from: must be a moment such as"),
        (f"{SILENCE}until = 2026-11-30\nform = 1\n", "form: unknown key; did you mean from?"),
        (f"{SILENCE}until = 2026-11-30\nstarts = 1\n", "starts: unknown key"),
        (f"{SILENCE}until = 2026-11-30\nkind = 'spik'\n", "kind: must be one of spend spike, "),
        (f"{SILENCE}until = 2026-11-30\nseverity = 5\n", "severity: must be one of critical, "),
        ("[[silences]]\nuntil = 2026-11-30\n", "comment: is required"),
        (
            "[[silences]]\nuntil = 2026-11-30\ncomment = 'x'\n",
            "silences[0]: must name a tenant, a kind or a severity",
        ),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_where_it_stands(tmp_path, text, words):
    (problem,) = problems(tmp_path, text)
    assert words in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLAN, "ceiling: is required"),
        (f"{PLAN}ceiling = -1\n", "planned_events[0].ceiling: must be an amount such as 250"),
        (f"{PLAN}ceiling = 0\n", "planned_events[0].ceiling: must be above 0: it is what a day"),
        (f"{PLAN}ceiling = '0.00'\n", "dismiss their alert with `spendwatch alerts dismiss"),
        (f"{PLAN}ceiling = 1\nlast_day = 2026-11-23\n", "last_day must not be before first_day"),
        (f"{PLAN}ceiling = 1\nlast_day = 2027-02-24\n", "nor more than 92 days in all"),
        (f"{PLAN.replace('ACME', 'ACME*')}ceiling = 1\n", "planned_events[0]: is for one tenant"),
    ],
)
def test_a_planned_event_that_makes_no_sense_is_refused_where_it_stands(tmp_path, text, words):
    (problem,) = problems(tmp_path, text)
    assert words in problem


def test_a_planned_event_has_at_least_its_first_day_and_a_ceiling_above_zero(tmp_path):
    (plan,) = load(tmp_path, f"{PLAN}ceiling = '0.000001'\n").planned_events
    assert (plan.until_day, plan.ceiling_micro_usd, plan.tenant) == (plan.first_day, 1, "acme")
    (longest,) = load(tmp_path, f"{PLAN}ceiling = 1\nlast_day = 2027-02-23\n").planned_events
    assert (longest.until_day - longest.first_day).days == 91
