"""When something ends, as people type it: a moment in the service's time zone, or a length."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from alerts.numbers import moment, short_day
from spendwatch.exits import EARLIEST_YEAR, LATEST_YEAR, UsageProblem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_LENGTH = re.compile(r"(\d{1,4})\s*([mhdw])", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d\d", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_end(
    until: str, lasting: str, zone: ZoneInfo, now: datetime, mark: str = "--"
) -> datetime:
    """Return when something ends, as ``--until`` or ``--for`` says.

    Parameters
    ----------
    until : str
        A moment, see :func:`parse_moment`; empty where it was not given.
    lasting : str
        A length, see :func:`parse_duration`; empty where it was not given.
    zone : ZoneInfo
        The service's.
    now : datetime
        UTC-aware.
    mark : str
        What stands before the names of the two where they are typed.

    Returns
    -------
    datetime
        UTC-aware, after ``now``.

    Raises
    ------
    UsageProblem
        Not exactly one of the two was given, it cannot be read, or it is over.
    """
    if bool(until.strip()) == bool(lasting.strip()):
        example = f"{mark}until {now.astimezone(zone):%Y-%m-%d}T18:00"
        raise UsageProblem(f"say when it ends: either {example} or {mark}for 4h")
    if lasting.strip():
        return now + parse_duration(lasting)
    end = parse_moment(until, zone, now)
    if end <= now:
        over = f"{mark}until {until.strip()} is over: {end_words(end, zone)}"
        raise UsageProblem(f"{over}; it must lie in the future")
    return end


def parse_duration(text: str) -> timedelta:
    """Return a length of time; a day is 24 hours, whatever the clocks do.

    Parameters
    ----------
    text : str
        A number of minutes, hours, days or weeks: ``30m``, ``4h``, ``2d``, ``1w``.

    Raises
    ------
    UsageProblem
        It cannot be read, or is nothing.

    Examples
    --------
    >>> parse_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    found = _LENGTH.fullmatch(text.strip().lower())
    if found is None or not int(found[1]):
        raise UsageProblem(f"{text!r} is no length of time; write it like 30m, 4h, 2d or 1w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return a moment in UTC.

    Parameters
    ----------
    text : str
        ``2026-11-25T09:00``, with an offset or in ``zone``; ``2026-11-25`` is its midnight;
        ``09:00`` is when the clock shows that next.
    zone : ZoneInfo
        A time that its clocks leave out comes as much later; of one they show twice, the first.
    now : datetime
        UTC-aware.

    Raises
    ------
    UsageProblem
        It cannot be read, or lies in no year that usage can have.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> parse_moment("2026-03-29T02:30", ZoneInfo("Europe/Berlin"), now).isoformat()
    '2026-03-29T01:30:00+00:00'
    """
    plain = text.strip()
    try:
        if _CLOCK.fullmatch(plain):
            return _next(time.fromisoformat(plain.zfill(5)), zone, now)
        named = datetime.fromisoformat(plain)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is no moment; write it like {now.astimezone(zone):%Y-%m-%d}T09:00, "
            f"in {zone.key} or with an offset like +01:00"
        ) from None
    if not EARLIEST_YEAR <= named.year <= LATEST_YEAR:
        raise UsageProblem(f"{text!r}: the year must lie between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return (named if named.tzinfo else named.replace(tzinfo=zone)).astimezone(UTC)


def end_words(end: datetime, zone: ZoneInfo) -> str:
    """Return a moment as the clocks of a zone show it, and in UTC.

    Parameters
    ----------
    end : datetime
        UTC-aware.
    zone : ZoneInfo

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> end_words(datetime(2026, 11, 25, 8, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    '25 Nov 2026 09:00 in Europe/Berlin (25 Nov 08:00 UTC)'
    """
    local = end.astimezone(zone)
    there = f"{short_day(local.date())} {local:%Y %H:%M}"
    return f"{there} UTC" if zone.key == "UTC" else f"{there} in {zone.key} ({moment(end)})"


def local_words(at: datetime, zone: ZoneInfo) -> str:
    """Return a moment as the clocks of a zone show it, where the zone is named elsewhere.

    Parameters
    ----------
    at : datetime
        UTC-aware.
    zone : ZoneInfo

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> local_words(datetime(2026, 11, 25, 8, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    '25 Nov 09:00'
    """
    local = at.astimezone(zone)
    return f"{short_day(local.date())} {local:%H:%M}"


def _next(clock: time, zone: ZoneInfo, now: datetime) -> datetime:
    today = now.astimezone(zone).date()
    on = [
        datetime.combine(day, clock, zone).astimezone(UTC)
        for day in (today, today + timedelta(days=1))
    ]
    return next(at for at in on if at > now)
