"""Values the tests start from: each is whole and believable, and takes what a test cares about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from alerts.knowledge import mark_told
from alerts.lifecycle import open_alert
from alerts.model import AlertRules, AlertState, Change, Reason, Reply, Verb
from alerts.notice import Action, Line, Message, Notification
from alerts.policy import Situation
from alerts.routing import Routes
from alerts.taken import Telling
from detector.model import (
    MICRO,
    Baseline,
    BudgetState,
    Driver,
    Finding,
    FindingKind,
    Judgement,
    LeftOutDay,
    Severity,
)

DAY = date(2026, 11, 12)
NOW = datetime(2026, 11, 13, 6, 10, tzinfo=UTC)
NAMES = {"acme": "Acme", "bolt": "Bolt", "corp": "Corp"}


def november(day, month=11):
    return date(2026, month, day)


def judgement(*findings, day=DAY, unjudged=()):
    return Judgement(day, findings, frozenset(unjudged))


def spike(day=DAY, tenant="acme", *, actual=1_284, expected=331, **changes):
    """A spend spike, in whole dollars."""
    values = {
        "severity": Severity.CRITICAL if actual - expected >= 500 else Severity.WARNING,
        "magnitude": (actual - expected) * MICRO,
        "rule": "z-score",
        "score": 6.2,
        "expected_micro_usd": expected * MICRO,
        "actual_micro_usd": actual * MICRO,
        **changes,
    }
    return Finding(FindingKind.SPEND_SPIKE, day, tenant=tenant, **values)


def full_spike(**changes):
    """A spike with all that a message can show."""
    values = {"baseline": baseline(), "drivers": drivers(), "budget": budget_state(), **changes}
    return spike(facts={"z_bar": 3.0, "usable_days": 28}, **values)


def early_spike(**changes):
    """A spike of a day that still runs."""
    facts = {
        "usable_days": 28,
        "z_bar": 3.0,
        "by": "14:05 CET",
        "data_until": "13:30",
        "course_micro_usd": 2_110 * MICRO,
        "rest_micro_usd": 1_430 * MICRO,
    }
    values = {"baseline": baseline(), "drivers": drivers(), "facts": facts, **changes}
    return spike(early=True, **values)


def drop(day=DAY, tenant="acme", *, actual=40, expected=331, **changes):
    """A spend drop, in whole dollars."""
    values = {
        "magnitude": (expected - actual) * MICRO,
        "rule": "z-score",
        "score": -5.1,
        "expected_micro_usd": expected * MICRO,
        "actual_micro_usd": actual * MICRO,
        "baseline": baseline(),
        **changes,
    }
    return Finding(FindingKind.SPEND_DROP, day, Severity.WARNING, tenant=tenant, **values)


def baseline(**changes):
    values = {
        "window_days": 30,
        "used_days": 28,
        "mean_micro_usd": 331 * MICRO,
        "spread_micro_usd": 154 * MICRO,
        "low_micro_usd": 240 * MICRO,
        "high_micro_usd": 420 * MICRO,
        "left_out": (
            LeftOutDay(november(12, 10), "dismissed as expected"),
            LeftOutDay(november(13, 10), "dismissed as expected"),
        ),
        **changes,
    }
    return Baseline(**values)


def drivers():
    return (
        driver("summarise", "gpt-4o", 200, 1_070, volume=817, mix=53),
        driver("chat", "gpt-4o-mini", 131, 214, volume=83),
    )


def driver(feature, model, expected, actual, *, volume=0, price=0, mix=0):
    dollars = (expected, actual, volume, price, mix)
    return Driver(feature, model, *(amount * MICRO for amount in dollars))


def budget_state(**changes):
    """A monthly budget of $9,000, 82 % of it spent."""
    values = {
        "tenant": "acme",
        "feature": "",
        "period": "monthly",
        "starts_on": november(1),
        "ends_on": november(1, 12),
        "cap_micro_usd": 9_000 * MICRO,
        "spent_micro_usd": 7_380 * MICRO,
        "burn_rate": 2.05,
        "forecast_micro_usd": 10_200 * MICRO,
        "low_micro_usd": 9_600 * MICRO,
        "high_micro_usd": 10_900 * MICRO,
        "reached_on": november(21),
        "crossed_percent": 80,
        "forecast_percent": 100,
        **changes,
    }
    return BudgetState(**values)


def budget(percent=80, day=DAY, *, cap=9_000, period="", kind=None, **changes):
    """A budget threshold crossed; the period of its fingerprint holds the cap in force."""
    state = budget_state(cap_micro_usd=cap * MICRO, crossed_percent=percent, **changes)
    return Finding(
        kind or FindingKind.BUDGET_THRESHOLD,
        day,
        Severity.WARNING if percent < 100 else Severity.CRITICAL,
        tenant="acme",
        subject=state.feature,
        period=period or f"monthly {state.starts_on} cap {cap}",
        magnitude=percent,
        budget=state,
    )


def source_stale(day=DAY):
    facts = {"source": "gateway", "last_day": "2026-11-11", "usual_rows": 1_200}
    return about_source(FindingKind.SOURCE_STALE, day, facts)


def about_source(kind, day, facts, severity=Severity.CRITICAL, magnitude=1):
    return Finding(kind, day, severity, subject="gateway", magnitude=magnitude, facts=facts)


def one_of_each():
    """One finding of every kind, in the order of FindingKind."""
    failing = {"source": "gateway", "error": "connection refused: usage.example:443"}
    rejected = {
        "source": "gateway",
        "rows": 118,
        "kept": 2,
        "reasons": "prompt_tokens is negative (100), tenant is longer than 200 characters (18)",
        "first": "usage-2026-11-12.csv line 17",
    }
    return (
        full_spike(),
        drop(drivers=(driver("chat", "gpt-4o", 331, 40, volume=-291),)),
        budget(),
        budget(100, kind=FindingKind.BUDGET_FORECAST),
        price_change(),
        attribution_gap(),
        unpriced_model(),
        about_source(FindingKind.REJECTED_USAGE, DAY, rejected, Severity.WARNING, 120),
        source_stale(),
        about_source(FindingKind.SOURCE_FAILING, DAY, failing),
    )


def price_change(day=DAY, effect=-120, effective="2026-11-12"):
    facts = {
        "models": "gpt-5.6-sol",
        "old": "output $30",
        "new": "$20 per 1M tokens",
        "effective": effective,
        "effect_micro_usd": effect * MICRO,
    }
    return Finding(
        FindingKind.PRICE_CHANGE,
        day,
        Severity.NOTICE,
        subject="gpt-5.6-sol",
        period=effective,
        magnitude=abs(effect) * MICRO,
        facts=facts,
    )


def attribution_gap(day=DAY, dollars=412):
    facts = {"share": 0.083, "usual_share": 0.011, "usd_micro": dollars * MICRO, "percent": 5.0}
    return Finding(
        FindingKind.ATTRIBUTION_GAP,
        day,
        Severity.WARNING,
        magnitude=dollars * MICRO,
        actual_micro_usd=dollars * MICRO,
        facts=facts,
    )


def unpriced_model(day=DAY, tokens=1_250_000):
    facts = {
        "model": "gpt-9",
        "tokens": tokens,
        "tenants": 3,
        "reason": "no entry of the price table names it",
    }
    return Finding(
        FindingKind.UNPRICED_MODEL,
        day,
        Severity.WARNING,
        subject="gpt-9",
        magnitude=tokens,
        facts=facts,
    )


def an_alert(finding=None, *, number=12, **changes):
    """An alert as it is once stored and told."""
    about = finding or spike()
    told = mark_told(open_alert(about, NOW), about, Change.OPENED, NOW)
    return replace(told, number=number, **changes)


def a_telling(now=NOW, receivers=None, rules=AlertRules(), **changes):  # noqa: B008 # it is frozen
    """What a telling needs; the situation's parts (silences, plans) may be given as well."""
    situation = {name: changes.pop(name) for name in _SITUATION if name in changes}
    around = Situation(now=now, **situation)
    routes = changes.pop("routes", None) or routes_to(receivers or {"": "ops", "bolt": "bolt-team"})
    return Telling(changes.pop("names", NAMES), routes, rules, around, **changes)


def routes_to(receivers, *routes, **changes):
    """Who is told: by tenant, where "" is everybody else; routes come before."""
    own = {tenant: receiver for tenant, receiver in receivers.items() if tenant}
    return Routes(receivers.get("", "ops"), routes, own, **changes)


_SITUATION = ("silences", "plans", "quiet_hours", "learning_until")


def a_reply(verb=Verb.ACKNOWLEDGE, verdict=None, note="", actor="alice"):
    return Reply(12, verb, actor, NOW, AlertState.OPEN, _AFTER[verb], verdict, note)


_AFTER = {
    Verb.ACKNOWLEDGE: AlertState.ACKNOWLEDGED,
    Verb.DISMISS: AlertState.DISMISSED,
    Verb.SNOOZE: AlertState.SNOOZED,
}


def a_message(**changes):
    values = {
        "tone": "warning",
        "title": "Acme: $80 on Thu 12 Nov, 4x normal",
        "lines": (Line("What", "+$60 over the usual $20"),),
        "actions": (Action("look closer", "spendwatch alerts show 12"),),
        "reference": "A-12, spend spike, open",
        **changes,
    }
    return Message(**values)


def a_notification(key="spend spike:acme::2026-11-12:1:ops", receiver="ops", **message):
    return Notification(key, 12, receiver, Reason.NEW, a_message(**message), NOW)
