"""A picture of a tenant's last days: what each cost, what is usual, which one the alert is about.

It is drawn twice as large as it is sent, and is sent twice as large as Slack shows it, so that it
is sharp on any screen. It brings its own light card, and is readable on a light and on a dark page.
A day without data is never drawn as one that cost nothing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from alerts.numbers import count, day_list, exact_money, full_day, money, short_day
from alerts.render.chart_scale import axis_ticks, largest, named_days

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

WIDTH, HEIGHT = 1_200, 480
_LARGER = 2
_CARD, _EDGE, _GRID = "#F8F9FB", "#CDD3DB", "#E1E5EA"
_INK, _GREY = "#1F2328", "#57606A"
_GAP, _GAP_EDGE = "#ECEEF1", "#B9C1CB"
_BAR, _MARKED, _CAP = "#5B7FA8", "#D1450B", "#24292F"
_USUAL, _USUAL_EDGE = "#D5EBDD", "#7DB896"
_SIZE, _TITLE_SIZE = 22, 30
_MARGIN, _TITLE_TOP, _LEGEND_Y = 36, 26, 92
_TOP, _BOTTOM, _RIGHT = 130, 414, WIDTH - 36
_THIN, _DASH, _SWATCH = 2, 12, 26
_KEY = _SWATCH + 40
_STUB, _HATCH = 4, 14
_TITLE_LENGTH, _NAME_LENGTH, _SMALLEST = 70, 24, 12
_UNKNOWN_LISTED = 6


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows.

    Attributes
    ----------
    title : str
        Plain ASCII.
    days : tuple of date
        Ascending, at least one; a day that is left out is a gap.
    micro_usd : tuple of int or None
        What each of them cost; None is a gap, as it is not known.
    marked : date
        The day that the alert is about.
    low_micro_usd, high_micro_usd : int or None
        What is usual; None where nothing is.
    cap_micro_usd : int or None
        A line that should not be crossed; None where there is none.
    cap_name : str
        What that line is.
    """

    title: str
    days: tuple[date, ...]
    micro_usd: tuple[int | None, ...]
    marked: date
    low_micro_usd: int | None = None
    high_micro_usd: int | None = None
    cap_micro_usd: int | None = None
    cap_name: str = "cap"

    @property
    def known(self) -> dict[date, int]:
        """The days whose cost is known."""
        pairs = zip(self.days, self.micro_usd, strict=True)
        return {day: cost for day, cost in pairs if cost is not None}

    @property
    def unknown(self) -> list[date]:
        """The days from the first to the last whose cost is not known."""
        many = (self.days[-1] - self.days[0]).days + 1
        every = (self.days[0] + timedelta(days=place) for place in range(many))
        return [day for day in every if day not in self.known]

    @property
    def usual(self) -> tuple[int, int] | None:
        """What is usual, from and to."""
        low, high = self.low_micro_usd, self.high_micro_usd
        return (low, high) if low is not None and high is not None else None


def draw_chart(chart: Chart) -> bytes:
    """Return the chart as a PNG of 1,200 by 480 pixels.

    Parameters
    ----------
    chart : Chart

    Returns
    -------
    bytes
        The same for the same chart.
    """
    pen = _Pen(chart)
    pen.draw()
    picture = io.BytesIO()
    small = pen.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    small.quantize(256, Image.Quantize.FASTOCTREE).save(picture, "PNG", optimize=True)
    return picture.getvalue()


def alt_text(chart: Chart) -> str:
    """Return what the chart shows in words, for whoever does not see it.

    Parameters
    ----------
    chart : Chart

    Examples
    --------
    >>> from datetime import date
    >>> days = (date(2026, 11, 11), date(2026, 11, 12))
    >>> alt_text(Chart("", days, (331_000_000, 1_284_000_000), days[1], 240_000_000, 420_000_000))
    'Daily cost from 11 Nov to 12 Nov: $1,284 on Thu 12 Nov; usual $240-$420; other days $331.'
    """
    first, last = short_day(chart.days[0]), short_day(chart.days[-1])
    return f"Daily cost from {first} to {last}: {'; '.join(_said(chart))}."


def _said(chart: Chart) -> Iterator[str]:
    marked = chart.known.get(chart.marked)
    said = "no data" if marked is None else money(marked)
    yield f"{said} on {full_day(chart.marked)}"
    if chart.usual:
        yield _usual_words(chart.usual)
    others = [cost for day, cost in chart.known.items() if day != chart.marked]
    if others:
        yield f"other days {_span(min(others), max(others))}"
    unknown = chart.unknown
    if unknown:
        which = f": {day_list(unknown)}" if len(unknown) <= _UNKNOWN_LISTED else ""
        yield f"no data for {count(len(unknown), 'day')}{which}"
    if chart.cap_micro_usd is not None:
        yield f"{chart.cap_name} {exact_money(chart.cap_micro_usd)}"


def _span(low: int, high: int) -> str:
    return money(low) if money(low) == money(high) else f"{money(low)}-{money(high)}"


def _usual_words(usual: tuple[int, int]) -> str:
    return f"usual {_span(*usual)}"


class _Key(NamedTuple):
    """One entry of the legend: a patch, or a dashed line where it has no edge."""

    words: str
    colour: str
    edge: str | None


class _Pen:
    """Draws one chart, in the pixels of the picture that is sent."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.image = Image.new("RGBA", (WIDTH * _LARGER, HEIGHT * _LARGER))
        self._draw = ImageDraw.Draw(self.image)
        self._fonts: dict[int, Font] = {}
        usual = chart.usual or ()
        self._ticks = axis_ticks(largest([*chart.known.values(), *usual], chart.cap_micro_usd))
        widest = max(self._width(money(tick)) for tick in self._ticks)
        self._left = _MARGIN + widest + 14
        self._slots = (chart.days[-1] - chart.days[0]).days + 1

    def draw(self) -> None:
        """Draw everything, from the back to the front."""
        self._box((1, 1, WIDTH - 2, HEIGHT - 2), _CARD, radius=24, edge=_EDGE)
        self._text(
            (_MARGIN, _TITLE_TOP), _short(self.chart.title, _TITLE_LENGTH), _INK, size=_TITLE_SIZE
        )
        self._legend()
        self._grid()
        self._usual()
        self._gaps()
        self._bars()
        self._cap()
        self._name_days()
        self._name_marked()

    def _legend(self) -> None:
        keys = list(_keys(self.chart, self._ticks[-1]))
        room = WIDTH - 2 * _MARGIN
        wide = sum(self._width(key.words) + _KEY for key in keys)
        size = max(min(_SIZE, int(_SIZE * room / wide)), _SMALLEST)
        x = float(_MARGIN)
        for key in keys:
            self._patch(x, key)
            self._text((x + _SWATCH + 10, _LEGEND_Y), key.words, _GREY, anchor="lm", size=size)
            x += self._width(key.words, size) + _KEY * size / _SIZE

    def _patch(self, x: float, key: _Key) -> None:
        if key.edge is None:
            self._dashes(x, x + _SWATCH, _LEGEND_Y)
            return
        box = (x, _LEGEND_Y - 9, x + _SWATCH, _LEGEND_Y + 9)
        self._box(box, key.colour, radius=4, edge=key.edge)
        if key.colour == _GAP:
            self._hatch(*box)

    def _grid(self) -> None:
        for tick in self._ticks:
            y = self._y(tick)
            self._line((self._left, y, _RIGHT, y), _GRID if tick else _GREY)
            self._text((self._left - 14, y), money(tick), _GREY, anchor="rm")

    def _usual(self) -> None:
        if self.chart.usual:
            low, high = map(self._y, self.chart.usual)
            self._box((self._left, high, _RIGHT, max(low, high + _THIN)), _USUAL)
            for y in (low, high):
                self._line((self._left, y, _RIGHT, y), _USUAL_EDGE)

    def _gaps(self) -> None:
        for day in self.chart.unknown:
            left, right = self._slot(day, 1.0)
            self._box((left, _TOP, right, _BOTTOM - _THIN), _GAP)
            self._hatch(left, _TOP, right, _BOTTOM - _THIN)

    def _hatch(self, left: float, top: float, right: float, bottom: float) -> None:
        """Draw slanted lines within a box, such that they go on in the box beside it."""
        first = int(left + top) // _HATCH + 1
        for line in range(first * _HATCH, int(right + bottom), _HATCH):
            begin, end = max(left, line - bottom), min(right, line - top)
            self._line((begin, line - begin, end, line - end), _GAP_EDGE)

    def _bars(self) -> None:
        for day, cost in self.chart.known.items():
            left, right = self._slot(day, 0.68)
            # A day that cost nothing is a stub on the axis: it was seen, unlike a gap.
            top = min(self._y(cost), _BOTTOM - _STUB)
            colour = _MARKED if day == self.chart.marked else _BAR
            self._box((left, top, right, _BOTTOM), colour, radius=4, standing=True)

    def _cap(self) -> None:
        cap = self.chart.cap_micro_usd
        if cap is not None and cap <= self._ticks[-1]:
            self._dashes(self._left, _RIGHT, self._y(cap))

    def _name_days(self) -> None:
        """Name some days below the axis, the marked one always."""
        taken = [self._name_day(self.chart.marked, _MARKED)]
        for day in named_days(self.chart.days[0], self.chart.days[-1]):
            half = self._width(short_day(day)) / 2 + 12
            if all(abs(self._middle(day) - middle) > half + other for middle, other in taken):
                taken.append(self._name_day(day, _GREY))

    def _name_day(self, day: date, colour: str) -> tuple[float, float]:
        words, middle = short_day(day), self._middle(day)
        half = self._width(words) / 2
        middle = min(max(middle, self._left + half), _RIGHT - half)
        self._text((middle, _BOTTOM + 14), words, colour, anchor="ma")
        return middle, half

    def _name_marked(self) -> None:
        cost = self.chart.known.get(self.chart.marked)
        words = "no data" if cost is None else money(cost)
        half = self._width(words) / 2
        middle = min(max(self._middle(self.chart.marked), self._left + half), _RIGHT - half)
        top = self._y(cost or 0) - 8
        self._text((middle, top), words, _MARKED, anchor="md", halo=4)

    def _y(self, micro_usd: int) -> float:
        share = min(max(micro_usd / self._ticks[-1], 0.0), 1.0)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def _middle(self, day: date) -> float:
        left, right = self._slot(day, 1.0)
        return (left + right) / 2

    def _slot(self, day: date, share: float) -> tuple[float, float]:
        """Return from where to where a day reaches, or the middle share of it."""
        width = (_RIGHT - self._left) / self._slots
        place = min(max((day - self.chart.days[0]).days, 0), self._slots - 1)
        left = self._left + width * (place + (1 - share) / 2)
        return left, left + width * share

    def _font(self, size: int) -> Font:
        if size not in self._fonts:
            self._fonts[size] = ImageFont.load_default(size * _LARGER)
        return self._fonts[size]

    def _width(self, words: str, size: int = _SIZE) -> float:
        return self._font(size).getlength(words) / _LARGER

    def _text(
        self,
        at: tuple[float, float],
        words: str,
        colour: str,
        *,
        anchor: str = "la",
        size: int = _SIZE,
        halo: int = 0,
    ) -> None:
        self._draw.text(
            (at[0] * _LARGER, at[1] * _LARGER),
            words,
            fill=colour,
            font=self._font(size),
            anchor=anchor,
            stroke_width=halo * _LARGER,
            stroke_fill=_CARD,
        )

    def _box(
        self,
        box: tuple[float, float, float, float],
        colour: str,
        radius: int = 0,
        edge: str | None = None,
        *,
        standing: bool = False,
    ) -> None:
        left, top, right, bottom = (side * _LARGER for side in box)
        self._draw.rounded_rectangle(
            (left, top, right, bottom),
            radius * _LARGER,
            fill=colour,
            outline=edge,
            width=_LARGER,
            corners=(True, True, not standing, not standing),
        )

    def _line(self, ends: tuple[float, float, float, float], colour: str) -> None:
        self._draw.line([each * _LARGER for each in ends], fill=colour, width=_THIN)

    def _dashes(self, left: float, right: float, y: float) -> None:
        x = left
        while x < right:
            self._box((x, y - 1, min(x + _DASH, right), y + 1), _CAP)
            x += _DASH + _DASH / 2


def _keys(chart: Chart, top: int) -> Iterator[_Key]:
    """Say what the colours mean, of what is there."""
    yield _Key("daily cost", _BAR, _BAR)
    yield _Key("alert", _MARKED, _MARKED)
    if chart.usual:
        yield _Key(_usual_words(chart.usual), _USUAL, _USUAL_EDGE)
    if chart.unknown:
        yield _Key("no data", _GAP, _GAP_EDGE)
    if chart.cap_micro_usd is not None:
        far = ", above this chart" if chart.cap_micro_usd > top else ""
        name = _short(chart.cap_name, _NAME_LENGTH)
        yield _Key(f"{name} {exact_money(chart.cap_micro_usd)}{far}", _CAP, None)


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 3]}..."
