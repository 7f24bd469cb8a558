"""The home page as Slack shows it: what waits for a person, and how their tenants stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts.letters import cut, one_line
from alerts.numbers import count, moment
from alerts.render.slack_parts import bullets, header, paragraph, rich, section, words
from alerts.render.slack_views import alert_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from alerts.home import BudgetEntry, HomePage

    Block = dict[str, Any]

_ALERTS, _SHOWN = 40, 20
_NAME, _TEXT = 100, 300
_CELLS = 10
_WHEN = "{date_short_pretty} at {time}"


def home_view(page: HomePage) -> dict[str, Any]:
    """Return the home page for ``views.publish``.

    Parameters
    ----------
    page : HomePage

    Returns
    -------
    dict
        At most 100 blocks: of long lists the beginning, and how many more there are.
    """
    return {"type": "home", "blocks": [*_alerts(page), *_budgets(page), *_held(page), *_end(page)]}


def spent_bar(share: float) -> str:
    """Return a share as a bar of ten cells; a full one is full, whatever is above it.

    Parameters
    ----------
    share : float

    Examples
    --------
    >>> spent_bar(0.82), spent_bar(0.001), spent_bar(3.0)
    ('■■■■■■■■□□', '□□□□□□□□□□', '■■■■■■■■■■')
    """
    full = min(max(int(share * _CELLS), 0), _CELLS)
    return "■" * full + "□" * (_CELLS - full)


def _alerts(page: HomePage) -> Iterator[Block]:
    yield header("Your alerts")
    if not page.alerts:
        yield paragraph("Nothing waits for you. What needs an answer will appear here.")
    yield from alert_rows(page.alerts, _ALERTS)


def _budgets(page: HomePage) -> Iterator[Block]:
    yield header("Your budgets")
    if page.budgets:
        items = [_budget(each) for each in page.budgets[:_SHOWN]]
        yield rich(bullets([*items, *_rest(page.budgets, "budget")]))
    else:
        yield paragraph("None of your tenants has a budget yet.")


def _budget(budget: BudgetEntry) -> list[Block]:
    name = words(cut(one_line(budget.name), _NAME) or "(no name)", bold=True)
    said = cut(one_line(budget.words), _TEXT)
    if budget.spent_share is None:
        return [name, words(f" {said}")]
    return [name, words(f" {spent_bar(budget.spent_share)} {said}")]


def _held(page: HomePage) -> Iterator[Block]:
    """Say what will not be told, so that no silence is forgotten."""
    for title, kind, texts in (
        ("Silences in force", "silence", page.silences),
        ("Planned events", "planned event", page.plans),
    ):
        if texts:
            items = [[words(cut(one_line(each), _TEXT) or " ")] for each in texts[:_SHOWN]]
            yield header(title)
            yield rich(bullets([*items, *_rest(texts, kind)]))


def _rest(things: Sequence[Any], kind: str) -> list[list[Block]]:
    more = len(things) - _SHOWN
    return [[words(f"and {count(more, f'more {kind}')}")]] if more > 0 else []


def _end(page: HomePage) -> Iterator[Block]:
    yield {"type": "divider"}
    yield paragraph(page.health)
    yield rich(section(words("drawn "), _when(page.drawn_at)))


def _when(at: datetime) -> Block:
    """Return a moment that each reader sees in their own time."""
    seconds = int(at.timestamp())
    return {"type": "date", "timestamp": seconds, "format": _WHEN, "fallback": moment(at)}
