"""From the settings, as people write them, to the values the core works with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.model import Teaching
from detector.budget import Budget, Period
from detector.price_table import ExchangeRate, Price
from detector.rules import RuleBook, Rules
from spendwatch.directory import build_directory

if TYPE_CHECKING:
    from spendwatch.settings import Settings
    from spendwatch.settings_sections import AgreedRate, BudgetSettings, RuleSettings


def rule_book(settings: Settings) -> RuleBook:
    """Take the rules of everybody and of each tenant that has its own."""
    detection = settings.detection
    return RuleBook(
        method=detection.method,
        window_days=detection.window_days,
        unattributed_percent=detection.unattributed_percent,
        everyone=_rules(detection),
        tenants={tenant.id: _rules(tenant.detection) for tenant in settings.tenants},
    )


def _rules(settings: RuleSettings) -> Rules:
    return Rules(
        min_days=settings.min_days,
        z=settings.z,
        direction=settings.direction,
        min_excess_micro_usd=settings.min_excess_micro_usd,
        min_excess_percent=settings.min_excess_percent,
        scale_floor_percent=settings.scale_floor_percent,
        scale_floor_micro_usd=settings.scale_floor_micro_usd,
        first_spend_micro_usd=settings.first_spend_micro_usd,
        young_guard_micro_usd=settings.young_guard_micro_usd,
        critical_excess_micro_usd=settings.critical_excess_micro_usd,
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


def teaching(settings: Settings) -> Teaching:
    """Take how strongly answers teach."""
    return Teaching(
        false_alarm_factor=settings.answers.false_alarm_factor,
        false_alarm_lasts=timedelta(days=settings.answers.false_alarm_days),
    )
