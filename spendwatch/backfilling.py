"""History: past days pulled, as far as they are not known for good yet, and judged silently.

Both go on where they stopped, whatever stopped them: days are committed one by one, newest first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import select

from detector.day_windows import windows_of
from detector.history import consecutive_days
from detector.pulls import first_day_of_use
from detector.sources.base import WatchedSource, Window
from detector.tables import JUDGED_DAY, SOURCE_DAY
from spendwatch.db import reading
from spendwatch.ingest import pull_windows
from spendwatch.jobs import LONGEST_STRETCH, wake_up
from spendwatch.judging import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from detector.sources.base import UsageSource
    from spendwatch.app import App
    from spendwatch.judging import Judged
    from spendwatch.pull_report import PullReport

OnStep = Callable[[str], None]


def days_to_backfill(app: App, source: UsageSource, window: Window) -> tuple[date, ...]:
    """Return the days of a window that are not known for good; both ends of it are given.

    Of a watched source a day that was whole when it was final is: were rows to arrive for it
    still, the source would say so. Of any other source every day is asked for again.
    """
    days = consecutive_days(*_ends(window))
    if not isinstance(source, WatchedSource):
        return days
    with reading(app.engine) as session:
        rows = session.connection().execute(
            select(SOURCE_DAY.c.day, SOURCE_DAY.c.pulled_at).where(
                SOURCE_DAY.c.source == source.name, SOURCE_DAY.c.whole, SOURCE_DAY.c.rows > 0
            )
        )
        known = {row.day for row in rows if row.pulled_at >= app.final_at(row.day)}
    return tuple(day for day in days if day not in known)


def pull_history(
    app: App,
    source: UsageSource,
    days: Iterable[date],
    *,
    reprice: bool = False,
    on_step: OnStep = lambda _words: None,
) -> PullReport:
    """Pull these days; every day is one step, whether it held usage or not."""
    asked = sorted(days)
    waiting = dict.fromkeys(asked)

    def on_day(day: date, _rows: int) -> None:
        if day in waiting:
            del waiting[day]
            on_step(day.isoformat())

    watched = isinstance(source, WatchedSource)
    stretches = windows_of(asked, LONGEST_STRETCH) if watched else (Window(asked[0], asked[-1]),)
    report = pull_windows(app, source, stretches, reprice=reprice, on_day=on_day)
    for day in waiting:
        on_step(day.isoformat())
    return report


def days_to_judge(app: App, window: Window) -> tuple[date, ...]:
    """Return the days of a window that were never judged, and will not be by the service.

    Those are the days before the newest one that was judged for people to hear of; where none was,
    all days up to the newest that is settled.
    """
    table = JUDGED_DAY.c
    with reading(app.engine) as session:
        rows = session.connection().execute(select(table.day, table.silently)).all()
        begun = first_day_of_use(session)
    judged = {row.day for row in rows}
    told = max((row.day for row in rows if not row.silently), default=None)
    first, last = _ends(window)
    return tuple(
        day
        for day in consecutive_days(first, min(last, app.last_settled_day()))
        if day not in judged and begun and day >= begun and (told is None or day < told)
    )


def judge_history(
    app: App, days: Iterable[date], on_step: OnStep = lambda _words: None
) -> Iterator[Judged]:
    """Judge past days in their order and in silence; what is open today speaks after the last.

    The newest settled day is today's news: it is judged as any other.
    """
    newest = app.last_settled_day()
    for day in sorted(days):
        on_step(f"judging {day}")
        yield judge(app, day, history=day < newest)
        if day == newest:
            wake_up(app)


def _ends(window: Window) -> tuple[date, date]:
    if window.first_day is None or window.last_day is None:
        raise ValueError("history has a first and a last day")
    return window.first_day, window.last_day
