"""From the settings, as people write them, to the values the core works with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from alerts.holds import PlannedEvent, QuietHours, Silence
from alerts.interim import Schedule
from alerts.model import AlertRules, Teaching
from detector.budget import Budget, Period
from detector.price_table import ExchangeRate, Price
from detector.rules import RuleBook, Rules
from spendwatch.directory import build_directory
from spendwatch.due import Rhythm
from spendwatch.settings_sections import Weekday
from spendwatch.settings_types import as_utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from spendwatch.settings import Settings
    from spendwatch.settings_sections import AgreedRate, BudgetSettings, RuleSettings

IN_SETTINGS = "settings"
"""Reference and author of what stands in the settings file."""


def rule_book(settings: Settings) -> RuleBook:
    """Take the rules of everybody and of each tenant that has its own."""
    detection = settings.detection
    return RuleBook(
        method=detection.method,
        window_days=detection.window_days,
        unattributed_percent=detection.unattributed_percent,
        tokenless_percent=detection.tokenless_percent,
        everyone=_rules(detection),
        tenants={tenant.id: _rules(tenant.detection) for tenant in settings.tenants},
    )


def _rules(settings: RuleSettings) -> Rules:
    return Rules(
        min_days=settings.min_days,
        z=settings.z,
        bar=settings.bar,
        direction=settings.direction,
        min_excess_micro_usd=settings.min_excess_micro_usd,
        min_excess_percent=settings.min_excess_percent,
        scale_floor_percent=settings.scale_floor_percent,
        scale_floor_micro_usd=settings.scale_floor_micro_usd,
        first_spend_micro_usd=settings.first_spend_micro_usd,
        young_guard_micro_usd=settings.young_guard_micro_usd,
        critical_excess_micro_usd=settings.critical_excess_micro_usd,
        early=settings.early,
    )


def budgets(settings: Settings) -> tuple[tuple[Budget, str], ...]:
    """Take every budget with the currency its cap is written in."""
    probability = settings.budget_defaults.forecast_probability
    return tuple(
        (_budget(tenant.id, budget, probability), budget.currency)
        for tenant in settings.tenants
        for budget in tenant.budgets
    )


def _budget(tenant: str, settings: BudgetSettings, probability: float) -> Budget:
    return Budget(
        tenant=tenant,
        cap_micro_usd=settings.cap_micro,
        period=Period(settings.period),
        feature=settings.feature,
        fiscal_start_day=settings.fiscal_start_day,
        fiscal_start_month=settings.fiscal_start_month,
        thresholds=settings.thresholds,
        forecast_thresholds=settings.forecast_thresholds,
        forecast_probability=probability,
    )


def agreed_prices(settings: Settings) -> tuple[Price, ...]:
    """Take the rates agreed with the provider as prices of the table."""
    directory = build_directory(settings)
    return tuple(
        _price(rate, directory.canonical(rate.tenant) if rate.tenant else "")
        for rate in settings.prices.rates
    )


def _price(rate: AgreedRate, tenant: str) -> Price:
    # An agreement that names no discount for cached tokens gives none.
    cached = rate.input if rate.cached_input is None else rate.cached_input
    return Price(
        model=rate.model,
        scope=rate.scope or "global",
        effective_from=rate.effective_from,
        rates={"input": rate.input, "cached_input": cached, "output": rate.output},
        currency=rate.currency,
        source="agreed rate, config.toml",
        tenant=tenant,
        deployment=rate.deployment,
    )


def exchange_rates(settings: Settings) -> tuple[ExchangeRate, ...]:
    """Take the declared exchange rates."""
    return tuple(
        ExchangeRate(rate.currency, rate.rate, rate.effective_from)
        for rate in settings.prices.exchange_rates
    )


def alert_rules(settings: Settings) -> AlertRules:
    """Take when an alert is told again."""
    hours, minutes = settings.alerts.reminder_hours, settings.alerts.escalate_minutes
    return AlertRules(
        worse_factor=settings.alerts.worse_factor,
        remind_after=None if hours is None else timedelta(hours=hours),
        escalate_after=timedelta(minutes=minutes) if minutes and seconds(settings) else None,
        escalate_from=settings.alerts.escalate_from,
    )


def seconds(settings: Settings) -> Mapping[str, str]:
    """Take who is told of what a receiver does not answer, by receiver."""
    named = {each.name: each.escalate_to for each in settings.receivers}
    return {name: second for name, second in named.items() if second}


def stand_ins(settings: Settings) -> Mapping[str, str]:
    """Take who is told what is critical where a receiver is not reached, by receiver."""
    default = settings.alerts.receiver
    named = {each.name: each.fallback or default for each in settings.receivers}
    return {name: other for name, other in named.items() if other != name}


def rhythm(settings: Settings) -> Rhythm:
    """Take how often sources are asked, and how long is waited for them."""
    service = settings.service
    return Rhythm(
        refresh=timedelta(hours=service.refresh_hours),
        patience=timedelta(minutes=service.patience_minutes),
        running=timedelta(minutes=service.running_minutes),
    )


def quiet_hours(settings: Settings) -> Mapping[str, QuietHours]:
    """Take the hours in which a receiver is not to be woken, by receiver."""
    return {
        receiver.name: QuietHours(*receiver.quiet_hours, ZoneInfo(receiver.time_zone))
        for receiver in settings.receivers
        if receiver.quiet_hours
    }


def digest_schedules(settings: Settings) -> Mapping[str, Schedule]:
    """Take when each receiver that is told of anybody gets its digest."""
    told = build_directory(settings).routes.every_receiver
    return {
        receiver.name: Schedule(
            every=receiver.digest,
            at=receiver.digest_at,
            zone=ZoneInfo(receiver.time_zone),
            weekday=get_args(Weekday).index(receiver.digest_day),
        )
        for receiver in settings.receivers
        if receiver.name in told
    }


def teaching(settings: Settings) -> Teaching:
    """Take how strongly answers teach."""
    return Teaching(
        false_alarm_factor=settings.answers.false_alarm_factor,
        false_alarm_lasts=timedelta(days=settings.answers.false_alarm_days),
    )


def silences(settings: Settings) -> tuple[Silence, ...]:
    """Take the silences of the file; tenants are normalised, aliases are not yet resolved."""
    zone = settings.service.time_zone

    def placed(moment: datetime | None) -> datetime | None:
        return None if moment is None else as_utc(moment, zone)

    return tuple(
        Silence(
            reference=IN_SETTINGS,
            tenant=silence.tenant or "",
            kind=silence.kind,
            severity=silence.severity,
            starts_at=placed(silence.starts),
            ends_at=as_utc(silence.until, zone),
            comment=silence.comment,
            author=IN_SETTINGS,
        )
        for silence in settings.silences
    )


def planned_events(settings: Settings) -> tuple[PlannedEvent, ...]:
    """Take the planned events of the file; aliases are not yet resolved."""
    return tuple(
        PlannedEvent(
            reference=IN_SETTINGS,
            tenant=plan.tenant,
            first_day=plan.first_day,
            last_day=plan.until_day,
            ceiling_micro_usd=plan.ceiling_micro_usd,
            comment=plan.comment,
            author=IN_SETTINGS,
        )
        for plan in settings.planned_events
    )
