"""How a level follows a series: ``python -m benchmarks.level_picture FILE`` draws it as an SVG.

The series is drawn from a seed: quiet weekends, one day at five times its usual, and from day 70 on
half as much again. The band is what `robust` takes for ordinary on each day, 2 sd up and down.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drawing import COLOURS, INK
from detector.robust.levels import residuals, scale_of, spread_of

DAYS, HISTORY, SHOWN = 100, 62, 60
SPIKE, SHIFT = 55, 70
BAND_SD = 2.0
WIDTH, HEIGHT, EDGE, LINE = 720, 300, 48, 18
Floats = NDArray[np.float64]


class Followed(NamedTuple):
    """Dollars of the shown days, and what each was expected to be; all have shape (60,)."""

    dollars: Floats
    middle: Floats
    low: Floats
    high: Floats


def draw_days() -> Floats:
    """Draw what each day cost."""
    weekend = np.where(np.arange(DAYS) % 7 > 4, 0.45, 1.0)
    days: Floats = 100 * weekend * np.exp(np.random.default_rng(4).normal(0, 0.08, DAYS))
    days[SPIKE] *= 5
    days[SHIFT:] *= 1.5
    return days


def follow(dollars: Floats) -> Followed:
    """Judge each of the last 60 days by those before it, as the service does."""
    logs = np.log(dollars)
    middles, spreads = [], []
    for day in range(DAYS - SHOWN, DAYS):
        past = np.full(HISTORY, np.nan)
        known = logs[max(0, day + 1 - HISTORY) : day + 1]
        past[-len(known) :] = known
        apart = residuals(past[None], np.arange(day + 1 - HISTORY, day + 1) % 7)
        middles.append(logs[day] - apart[0, -1])
        spreads.append(scale_of(spread_of(apart)).sd[0])
    middle, reach = np.array(middles), BAND_SD * np.array(spreads)
    parts = (np.exp(middle), np.exp(middle - reach), np.exp(middle + reach))
    return Followed(dollars[-SHOWN:], *parts)


def draw(found: Followed) -> str:
    """Return the SVG, on a logarithmic scale."""
    blue, orange = COLOURS[:2]
    low, high = found.low.min() / 1.1, max(found.high.max(), found.dollars.max()) * 1.1

    def spots(values: Floats) -> list[str]:
        heights = np.log(values / low) / np.log(high / low)
        return [
            f"{EDGE + (WIDTH - 2 * EDGE) * at / (SHOWN - 1):.1f},"
            f"{HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * height:.1f}"
            for at, height in enumerate(heights)
        ]

    band = " ".join([*spots(found.high), *reversed(spots(found.low))])
    said = "what a day cost (dots), the level that was expected (line), 2 sd around it (band)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" font-family="sans-serif" font-size="12" fill="{INK}">',
            "<title>A level follows a series</title>",
            *_axis(low, high),
            f'<polygon points="{band}" fill="{blue}" fill-opacity="0.18"/>',
            f'<polyline points="{" ".join(spots(found.middle))}" fill="none" stroke="{blue}" '
            'stroke-width="2"/>',
            *_dots(spots(found.dollars), orange),
            f'<text x="{EDGE}" y="{LINE}">{said}</text>',
            f'<text x="{EDGE}" y="{HEIGHT - LINE}">60 days; a spike is not followed, '
            "a new level is within days</text>",
            "</svg>\n",
        ]
    )


def _axis(low: float, high: float) -> list[str]:
    lines = []
    for dollars in (each for each in (25, 50, 100, 200, 400, 800) if low < each < high):
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * np.log(dollars / low) / np.log(high / low)
        across = f"M{EDGE} {y:.0f}h{WIDTH - 2 * EDGE}"
        lines.append(f'<path d="{across}" stroke="{INK}" stroke-opacity="0.25"/>')
        lines.append(f'<text x="{EDGE - 6}" y="{y + 4:.0f}" text-anchor="end">${dollars}</text>')
    return lines


def _dots(spots: Sequence[str], colour: str) -> list[str]:
    places = (spot.split(",") for spot in spots)
    return [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(follow(draw_days())), encoding="utf-8")
