"""A tenant's days around an alert as SVG, which takes its colours from the page that it is in.

Whatever a colour says is said by a shape too: an alerting day has a triangle above it, a day that
was left out is hollow, a day without data is a cross on the axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.numbers import count, day_list, full_day, money, short_day
from alerts.render.chart_scale import axis_ticks, largest, named_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

WIDTH, HEIGHT = 360, 172
_RIGHT, _TOP, _BOTTOM = 354, 26, 142
_BAR_SHARE = 0.72
_STUB = 1.0
_MARK, _CROSS = 3.0, 1.8
_LETTER = 6.3
"""About as wide as a letter of a label is."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What the judged day was compared with.

    Attributes
    ----------
    since : date
        The oldest day of it.
    low_micro_usd, high_micro_usd : int
        The lowest and the highest of its days.
    """

    since: date
    low_micro_usd: int
    high_micro_usd: int


@dataclass(frozen=True, slots=True)
class DayChart:
    """What is drawn.

    Attributes
    ----------
    days : tuple of date
        Consecutive, oldest first, at least one.
    micro_usd : tuple of int or None
        What each of them cost; None is not known.
    judged : date
        The day that the alert is about; one of ``days``.
    alerting : frozenset of date
    left_out : frozenset of date
        Days that the judged one was not compared with.
    expected_micro_usd : int or None
        What was expected of the judged day.
    compared : Compared or None
        None where there was nothing to compare with.
    """

    days: tuple[date, ...]
    micro_usd: tuple[int | None, ...]
    judged: date
    alerting: frozenset[date] = frozenset()
    left_out: frozenset[date] = frozenset()
    expected_micro_usd: int | None = None
    compared: Compared | None = None

    @property
    def known(self) -> dict[date, int]:
        """The days whose cost is known."""
        pairs = zip(self.days, self.micro_usd, strict=True)
        return {day: cost for day, cost in pairs if cost is not None}


def draw_svg(chart: DayChart) -> str:
    """Return the chart as an ``svg`` element; numbers and days are all the text that is in it.

    Parameters
    ----------
    chart : DayChart

    Returns
    -------
    str
        The same for the same chart.
    """
    return "".join(_Pen(chart).elements())


def describe(chart: DayChart) -> str:
    """Return what the chart shows in words, for whoever does not see it.

    Parameters
    ----------
    chart : DayChart

    Examples
    --------
    >>> from datetime import date
    >>> days = (date(2026, 11, 11), date(2026, 11, 12))
    >>> compared = Compared(days[0], 240_000_000, 420_000_000)
    >>> describe(DayChart(days, (331_000_000, 1_284_000_000), days[1], frozenset(days[1:]),
    ...     expected_micro_usd=330_000_000, compared=compared))
    'Daily cost, 11 Nov to 12 Nov: $1,284 on Thu 12 Nov, expected $330; compared with $240 to $420 a day; alerting: 12 Nov.'
    """  # noqa: E501 - an example is one line as it is said
    return f"Daily cost, {short_day(chart.days[0])} to {short_day(chart.days[-1])}: " + (
        f"{'; '.join(_said(chart))}."
    )


def _said(chart: DayChart) -> Iterator[str]:
    known = chart.known
    cost = money(known[chart.judged]) if chart.judged in known else "no known cost"
    expected = chart.expected_micro_usd
    usual = "" if expected is None else f", expected {money(expected)}"
    yield f"{cost} on {full_day(chart.judged)}{usual}"
    if chart.compared:
        low, high = chart.compared.low_micro_usd, chart.compared.high_micro_usd
        yield f"compared with {money(low)} to {money(high)} a day"
    if chart.alerting:
        yield f"alerting: {day_list(sorted(chart.alerting))}"
    if chart.left_out:
        yield f"left out: {day_list(sorted(chart.left_out))}"
    missing = len(chart.days) - len(known)
    if missing:
        yield f"no data for {count(missing, 'day')}"


class _Pen:
    """Draws one chart."""

    def __init__(self, chart: DayChart) -> None:
        self.chart = chart
        highest = chart.compared.high_micro_usd if chart.compared else None
        amounts = (*chart.micro_usd, chart.expected_micro_usd, highest)
        self._ticks = axis_ticks(largest(amounts, None))
        self._left = round(_LETTER * max(len(money(tick)) for tick in self._ticks)) + 8
        self._slot = (_RIGHT - self._left) / len(chart.days)

    def elements(self) -> Iterator[str]:
        """Give everything, from the back to the front."""
        yield f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{describe(self.chart)}">'
        yield from self._grid()
        yield from self._usual()
        yield from self._bars()
        yield from self._labels()
        yield "</svg>"

    def _grid(self) -> Iterator[str]:
        lines = (f"M{self._left} {self._y(tick)}H{_RIGHT}" for tick in self._ticks)
        yield _path("grid", lines)
        for tick in self._ticks:
            yield _text("tick", self._left - 5, float(self._y(tick)) + 3.5, money(tick))

    def _usual(self) -> Iterator[str]:
        """Draw the band of what was compared, as far back as that goes, and what was expected."""
        compared, end = self.chart.compared, self._x(self.chart.judged, 1.0)
        start = self._x(max(compared.since, self.chart.days[0])) if compared else float(self._left)
        if compared:
            low, high = self._y(compared.low_micro_usd), self._y(compared.high_micro_usd)
            yield _path("band", [f"M{start:.1f} {low}V{high}H{end:.1f}V{low}z"])
        if self.chart.expected_micro_usd is not None:
            level = self._y(self.chart.expected_micro_usd)
            yield _path("level", [f"M{start:.1f} {level}H{end:.1f}"])

    def _bars(self) -> Iterator[str]:
        chart, known = self.chart, self.chart.known
        hollow, alerting = chart.left_out & known.keys(), chart.alerting & known.keys()
        plain = known.keys() - hollow - alerting
        yield _path("bar", (self._bar(day) for day in sorted(plain) if day <= chart.judged))
        yield _path("bar later", (self._bar(day) for day in sorted(plain) if day > chart.judged))
        yield _path("bar alerting", (self._bar(day) for day in sorted(alerting - hollow)))
        yield _path("bar hollow", (self._bar(day) for day in sorted(hollow)))
        yield _path("mark", (self._triangle(day) for day in sorted(chart.alerting)))
        yield _path("cross", (self._cross(day) for day in chart.days if day not in known))

    def _bar(self, day: date) -> str:
        left = self._x(day, (1 - _BAR_SHARE) / 2)
        # A day that cost nothing is a stub on the axis: it was seen, unlike one without data.
        top = min(float(self._y(self.chart.known[day])), _BOTTOM - _STUB)
        return f"M{left:.1f} {_BOTTOM}V{top:.1f}h{self._slot * _BAR_SHARE:.1f}V{_BOTTOM}z"

    def _triangle(self, day: date) -> str:
        tip = float(self._y(self.chart.known.get(day, 0))) - 1.5
        return f"M{self._x(day, 0.5):.1f} {tip:.1f}l-{_MARK} -{2 * _MARK}h{2 * _MARK}z"

    def _cross(self, day: date) -> str:
        x, y, size = self._x(day, 0.5), _BOTTOM - 4, _CROSS
        return (
            f"M{x - size:.1f} {y - size}l{2 * size} {2 * size}m0 -{2 * size}l-{2 * size} {2 * size}"
        )

    def _labels(self) -> Iterator[str]:
        """Name the judged day with its cost, and those others that have room beside it."""
        judged, days = self.chart.judged, self.chart.days
        cost = self.chart.known.get(judged)
        if cost is not None:
            y = float(self._y(cost)) - 2 * _MARK - 4
            yield self._centred("amount", judged, y, money(cost))
        yield self._centred("judged", judged, _BOTTOM + 13, short_day(judged))
        taken = [judged]
        for day in named_days(days[0], days[-1]):
            if all(self._apart(day, other) for other in taken):
                taken.append(day)
                yield self._centred("day", day, _BOTTOM + 13, short_day(day))

    def _apart(self, day: date, other: date) -> bool:
        words, others = short_day(day), short_day(other)
        room = _LETTER * (len(words) + len(others) + 2) / 2
        return abs(self._middle(day, words) - self._middle(other, others)) > room

    def _centred(self, name: str, day: date, y: float, words: str) -> str:
        return _text(name, self._middle(day, words), y, words)

    def _middle(self, day: date, words: str) -> float:
        """Return where words stand that are about a day: below it, and within the chart."""
        half = _LETTER * len(words) / 2
        return min(max(self._x(day, 0.5), self._left + half), _RIGHT - half)

    def _x(self, day: date, share: float = 0.0) -> float:
        return self._left + self._slot * ((day - self.chart.days[0]).days + share)

    def _y(self, micro_usd: int) -> str:
        share = min(max(micro_usd / self._ticks[-1], 0.0), 1.0)
        return f"{_BOTTOM - share * (_BOTTOM - _TOP):.1f}"


def _path(name: str, parts: Iterable[str]) -> str:
    drawn = "".join(parts)
    return f'<path class="{name}" d="{drawn}"/>' if drawn else ""


def _text(name: str, x: float, y: float, words: str) -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}">{words}</text>'
