"""Small pasts to judge: acme is steady, bolt has a weekly pattern, corp is five days old."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import chain

import numpy as np

from detector.detect import Context, detect
from detector.groups import group_tenants
from detector.history import build_history
from detector.model import MICRO, CostDay, Effect, FindingKind, Lesson, SeriesKey
from detector.price_table import Price, PriceList, build_table
from detector.pricing import DayTokens, price_day
from detector.rules import RuleBook, Rules, rule_arrays
from detector.score import Evidence

TODAY = date(2026, 11, 12)
"""The judged day, a Thursday."""
WINDOW = 30
TOKENS_PER_DOLLAR = 10_000
NO_FLOORS = Rules(min_excess_micro_usd=0, min_excess_percent=0, scale_floor_percent=0,
                  scale_floor_micro_usd=0)  # fmt: skip


def ago(days):
    return TODAY - timedelta(days=days)


def spend(tenant, dollars, *, feature="chat", model="gpt-4o", last=TODAY, given=False):
    """One cost a day, the last one on ``last``; None is use of unknown cost, ... no row at all."""
    first = last - timedelta(days=len(dollars) - 1)
    key = SeriesKey(tenant, feature, model)
    return [
        _cost(first + timedelta(days=step), key, amount, given)
        for step, amount in enumerate(dollars)
        if amount is not ...
    ]


def _cost(day, key, dollars, given):
    micro_usd = None if dollars is None else round(dollars * MICRO)
    tokens = 7_000 if dollars is None else max(0, round(dollars * TOKENS_PER_DOLLAR))
    return CostDay(day, key, micro_usd, 1, 0, tokens, tokens // 10, given=given)


def steady(days=WINDOW):
    """Return about $100 a day: mean 100, sample sd 1.44 over 30 days."""
    return [(98, 101, 99, 102, 100)[step % 5] for step in range(days)]


def weekly(days=WINDOW):
    """Return $200 on the working days before today and $20 at weekends."""
    return [20 if ago(days - step).weekday() > 4 else 200 for step in range(days)]


def acme(today=100, **changes):
    return spend("acme", [*steady(), today], **changes)


def bolt(today=200, **changes):
    return spend("bolt", [*weekly(), today], **changes)


def corp(today=50, **changes):
    return spend("corp", [52, 48, 50, 50, today], **changes)


def history_of(*costs, first=None, last=TODAY):
    """Lay rows out over the window before ``last``."""
    rows = list(chain(*costs))
    return build_history(rows, first or last - timedelta(days=WINDOW), last)


def fleet(**today):
    """All three tenants, with today's spend of some."""
    return history_of(*(make(today[make.__name__]) if make.__name__ in today else make()
                        for make in (acme, bolt, corp)))  # fmt: skip


def unpulled(history, *days):
    """Return the history as if nothing had been pulled for some days: no rows, and not zero."""
    gone = np.isin(np.array([day.toordinal() for day in history.days]),
                   [day.toordinal() for day in days])  # fmt: skip
    part = {name: np.where(gone, 0, getattr(history, name))
            for name in ("cost", "prompt", "completion", "cached")}  # fmt: skip
    return history._replace(pulled=history.pulled & ~gone, **part)


def partial(history, *days):
    """Return the history as if some days had been pulled in part."""
    flags = [
        flag and day not in days for flag, day in zip(history.whole, history.days, strict=True)
    ]
    return history._replace(whole=np.array(flags, dtype=np.bool_))


def book(**rules):
    return RuleBook(everyone=Rules(**rules))


def judge(history, *lessons, prices=None, **rules):
    return detect(history, book(**rules), Context(lessons=lessons, prices=prices))


def spikes(judgement):
    return [f.tenant for f in judgement.findings if f.kind is FindingKind.SPEND_SPIKE]


def drops(judgement):
    return [f.tenant for f in judgement.findings if f.kind is FindingKind.SPEND_DROP]


def evidence(rows, usable=None, **rules):
    """Return what a method looks at: a row of dollars for each tenant, the last one judged."""
    columns = len(rows[0]) if len(rows) else WINDOW + 1
    total = np.array(rows, dtype=np.float64).reshape(len(rows), columns)
    names = [f"t{index:03}" for index in range(len(rows))]
    days = total.shape[1]
    history = history_of(spend("nobody", [1] * days), first=ago(days - 1))
    keys = tuple(SeriesKey(name) for name in names)
    usable = np.ones(total.shape, dtype=np.bool_) if usable is None else np.array(usable)
    usable[:, -1] = False
    history = history._replace(
        keys=keys,
        unknown=np.zeros(total.shape, dtype=np.bool_),
        first_days=dict.fromkeys(names, history.days[0]),
    )
    arrays = rule_arrays(book(**rules), names, (), TODAY)
    return Evidence(history, group_tenants(keys), total, total, usable, arrays, usable)


def leave_out(tenant, *days, reason="dismissed as expected"):
    return Lesson(tenant, Effect.LEAVE_OUT, reason, days=frozenset(days))


def restart(tenant, day):
    return Lesson(tenant, Effect.RESTART, "dismissed as the new normal", from_day=day)


def raise_floor(tenant, dollars, until):
    return Lesson(tenant, Effect.RAISE_FLOOR, "dismissed as a false alarm", until_day=until,
                  floor_micro_usd=dollars * MICRO)  # fmt: skip


def price(day, per_million, model="gpt-4o", **rates):
    """Return a price of ``per_million`` dollars for input and output alike."""
    both = {"input": Decimal(per_million), "output": Decimal(per_million), **rates}
    return Price(model, "global", day, both)


def prices(*found):
    return build_table(PriceList(found))


def priced(table, tenant, tokens, *, feature="chat", model="gpt-4o", last=TODAY):
    """Return one priced day for each count of prompt tokens, the last one on ``last``."""
    first = last - timedelta(days=len(tokens) - 1)
    key = SeriesKey(tenant, feature, model)
    return [
        price_day(table, first + timedelta(days=step), key,
                  DayTokens(requests=1, prompt_tokens=count, completion_tokens=0))
        for step, count in enumerate(tokens)
    ]  # fmt: skip
