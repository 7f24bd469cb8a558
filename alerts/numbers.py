"""Numbers, dates and times as people write them; English, whatever the locale."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from detector.model import MICRO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CENTS = Decimal("0.01")
_WHOLE_FROM = Decimal(100)
_ONE_DECIMAL_BELOW = Decimal(10)
_SPAN_FROM = 3
_MILLION = 1_000_000
_MINUTE = timedelta(minutes=1)


def money(micro_usd: int, *, signed: bool = False) -> str:
    """Return an amount in dollars: no cents from $100 on or where they are zero.

    Parameters
    ----------
    micro_usd : int
        Micro-dollars.
    signed : bool
        Write a plus too.

    Returns
    -------
    str
        Rounded half to even; an amount that rounds to no cent but is not zero says so.

    Examples
    --------
    >>> money(1_284_000_000), money(12_400_000), money(953_000_000, signed=True)
    ('$1,284', '$12.40', '+$953')
    >>> money(-120_000_000), money(53_000_000), money(400), money(0)
    ('-$120', '$53', 'under $0.01', '$0')
    """
    dollars = _rounded(abs(Decimal(micro_usd)) / MICRO, _CENTS)
    sign = "-" if micro_usd < 0 else "+" if signed and micro_usd > 0 else ""
    if not dollars:
        return "under $0.01" if micro_usd else "$0"
    if dollars >= _WHOLE_FROM or not dollars % 1:
        return f"{sign}${_rounded(dollars, Decimal(1)):,}"
    return f"{sign}${dollars}"


def exact_money(micro_usd: int) -> str:
    """Return an amount that a person set: with its cents, where it has some.

    Parameters
    ----------
    micro_usd : int
        Micro-dollars.

    Examples
    --------
    >>> exact_money(650_500_000), exact_money(9_000_000_000), exact_money(400)
    ('$650.50', '$9,000', 'under $0.01')
    """
    dollars = _rounded(Decimal(micro_usd) / MICRO, _CENTS)
    return f"${dollars:,}" if dollars % 1 else money(micro_usd)


def times(actual: int, expected: int) -> str:
    """Return how many times one amount is another; empty where that says nothing.

    Examples
    --------
    >>> times(1284, 331), times(5000, 331), times(5, 0)
    ('3.9x', '15x', '')
    """
    return f"{_short(Decimal(actual) / expected)}x" if expected > 0 else ""


def percent(part: float, whole: float = 1) -> str:
    """Return a share in percent; empty where the whole is zero.

    Examples
    --------
    >>> percent(0.083), percent(7_380, 9_000), percent(0), percent(1, 2_000)
    ('8.3 %', '82 %', '0 %', 'under 0.1 %')
    """
    if not whole:
        return ""
    share = Decimal(str(part)) * 100 / Decimal(str(whole))
    return "under 0.1 %" if 0 < share < Decimal("0.1") else f"{_short(share)} %"


def count(number: float, thing: str) -> str:
    """Return a number of things, in the plural where it is not one.

    Examples
    --------
    >>> count(1, "tenant"), count(1_200, "row"), count(1_250_000, "token")
    ('1 tenant', '1,200 rows', '1.25 million tokens')
    """
    plural = thing if number == 1 else f"{thing}s"
    if number < _MILLION:
        return f"{number:,} {plural}"
    millions = _rounded(Decimal(str(number)) / _MILLION, _CENTS)
    return f"{millions.normalize():,f} million {plural}"


def length(passed: timedelta) -> str:
    """Return a length of time in its two largest units, rounded down.

    Examples
    --------
    >>> from datetime import timedelta
    >>> [length(timedelta(minutes=each)) for each in (0, 12, 60, 200, 3000)]
    ['under a minute', '12 min', '1 h', '3 h 20 min', '2 d 2 h']
    """
    minutes = passed // _MINUTE
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        f"{each} {unit}" for each, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if each
    ]
    return " ".join(parts[:2]) or "under a minute"


def short_day(day: date) -> str:
    """Return a day without its year.

    Examples
    --------
    >>> from datetime import date
    >>> short_day(date(2026, 11, 2)), full_day(date(2026, 11, 2))
    ('2 Nov', 'Mon 2 Nov')
    """
    return f"{day.day} {_MONTHS[day.month - 1]}"


def full_day(day: date) -> str:
    """Return a day with its weekday; see :func:`short_day`."""
    return f"{_WEEKDAYS[day.weekday()]} {short_day(day)}"


def day_list(days: Sequence[date]) -> str:
    """Return days as a sentence would: neighbours as a span, a month named once.

    Parameters
    ----------
    days : sequence of date
        Ascending; may be empty.

    Examples
    --------
    >>> from datetime import date
    >>> day_list([date(2026, 11, 12), date(2026, 11, 13)])
    '12 and 13 Nov'
    >>> day_list([date(2026, 11, day) for day in (2, 12, 13, 14)])
    '2 and 12 to 14 Nov'
    >>> day_list([date(2026, 10, 31), date(2026, 11, 1)])
    '31 Oct and 1 Nov'
    """
    words = [_span(run) for run in _runs(days)]
    months = {(day.year, day.month) for day in days}
    if len(months) == 1:
        month = f" {_MONTHS[days[0].month - 1]}"
        words = [word.replace(month, "") for word in words]
    else:
        month = ""
    joined = ", ".join(words[:-1])
    return (f"{joined} and {words[-1]}" if joined else "".join(words)) + month


def moment(at: datetime) -> str:
    """Return a moment to the minute; ``at`` is UTC-aware.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> moment(datetime(2026, 11, 13, 6, 5, tzinfo=UTC))
    '13 Nov 06:05 UTC'
    """
    return f"{short_day(at.date())} {at.hour:02}:{at.minute:02} UTC"


def _rounded(number: Decimal, unit: Decimal) -> Decimal:
    return number.quantize(unit, rounding=ROUND_HALF_EVEN)


def _short(number: Decimal) -> str:
    """One decimal below ten (none where it is zero), whole from there on."""
    tenths = _rounded(number, Decimal("0.1"))
    if abs(tenths) < _ONE_DECIMAL_BELOW and tenths % 1:
        return str(tenths)
    return f"{_rounded(number, Decimal(1)) + 0:,}"


def _runs(days: Sequence[date]) -> list[list[date]]:
    """Cut days into runs of three or more neighbours; others stand alone."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [
        part
        for run in runs
        for part in ([run] if len(run) >= _SPAN_FROM else [[day] for day in run])
    ]


def _span(run: list[date]) -> str:
    if len(run) == 1:
        return short_day(run[0])
    return f"{short_day(run[0])} to {short_day(run[-1])}"
