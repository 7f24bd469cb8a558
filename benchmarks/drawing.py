"""The frontier as a picture: pages of a tenant and month against recall, and against precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from benchmarks.scoring import Quality

WIDTH, SIDE, HIGH = 720, 280, 200
TOP, EDGE, LINE = 36, 44, 18
BOTTOM, STEPS = TOP + HIGH, 5
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
INK = "#57606a"
"""Readable on a white page and on a dark one, as are the colours."""


class Line(NamedTuple):
    """What is known of one panel: the quality at each bar, and that of `classic`."""

    name: str
    bars: Sequence[float]
    found: Sequence[Quality]
    classic: Quality


def draw_frontier(lines: Sequence[Line]) -> str:
    """Return an SVG with both pictures side by side."""
    pages = max(quality.pages for line in lines for quality in line.found)
    most = max(1, math.ceil(10 * pages)) / 10
    height = BOTTOM + LINE * (len(lines) + 4)
    body = [
        part
        for left, title, share in (
            (EDGE, "recall", lambda quality: quality.recall),
            (EDGE + SIDE + 2 * EDGE, "precision", lambda quality: quality.precision),
        )
        for part in _panel(left, title, share, lines, most)
    ]
    body += _legend(lines)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
    )
    return "\n".join(
        [opening, "<title>Recall and precision against pages</title>", *body, "</svg>\n"]
    )


def _panel(
    left: int, title: str, share: Callable[[Quality], float], lines: Sequence[Line], most: float
) -> Iterator[str]:
    yield from _axes(left, title, most)
    for line, colour in zip(lines, COLOURS, strict=False):
        spots = [
            (left + SIDE * quality.pages / most, BOTTOM - HIGH * share(quality))
            for quality in line.found
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for bar, (x, y) in zip(line.bars, spots, strict=True):
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 if bar else 5}" fill="{colour}">'
                f"<title>bar {bar:g}</title></circle>"
            )


def _axes(left: int, title: str, most: float) -> Iterator[str]:
    yield f'<text x="{left}" y="{TOP - 10}">{title}</text>'
    for step in range(STEPS + 1):
        y = BOTTOM - HIGH * step / STEPS
        yield f'<path d="M{left} {y:.0f}h{SIDE}" stroke="{INK}" stroke-opacity="0.25"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{step / STEPS:.1f}</text>'
        at = f'x="{left + SIDE * step / STEPS:.0f}" y="{BOTTOM + LINE}"'
        yield f'<text {at} text-anchor="middle">{most * step / STEPS:g}</text>'


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    y = BOTTOM + 2 * LINE + 6
    said = "pages of a tenant in a month; a dot is a bar from -2 (right) to 2, the large one is 0"
    yield f'<text x="{EDGE}" y="{y}">{said}</text>'
    for line, colour in zip(lines, COLOURS, strict=False):
        y += LINE
        said = (
            f"{line.name} (classic: {line.classic.pages:.2f} pages, recall "
            f"{line.classic.recall:.2f}, precision {line.classic.precision:.2f})"
        )
        yield f'<text x="{EDGE}" y="{y}" fill="{colour}">{escape(said)}</text>'
