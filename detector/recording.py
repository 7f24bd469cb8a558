"""Writing the ledger: one source's day at a time, idempotent, with versions.

A whole answer of a source for a day replaces everything that source said of the day before: keys
that are no longer there get a zero version, so use that was attributed late never counts twice.
A partial answer removes nothing. What did not change is not written again, so any answer can be
recorded any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, bindparam, insert, literal, select, update

from detector.columns import UtcDateTime
from detector.model import CostDay, SeriesKey
from detector.tables import COST_DAY, COST_REVISION, SERIES, SOURCE_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date, datetime

    from sqlmodel import Session

MEASURES = (
    "micro_usd",
    "requests",
    "requests_without_usage",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "estimated",
    "shadow",
    "upper_bound",
    "given",
)
_NUMBERS = 6
"""How many of the measures are numbers; the others are flags."""
Measures = tuple[Any, ...]
"""What is kept of one series and day, in the order of :data:`MEASURES`."""
NO_USE: Measures = (0,) * _NUMBERS + (False,) * (len(MEASURES) - _NUMBERS)

measures_of = attrgetter(*MEASURES)


@dataclass(frozen=True, slots=True)
class Slice:
    """What is being recorded: one source's local day, and why.

    What a ``whole`` answer does not tell of is removed, and so is what is not in one that is
    ``all_so_far``, whole or not: sums of the slots that are stored, or a day that still runs.
    ``cause`` stands on the revisions it makes: ``pull`` or ``price``. What was recorded before
    ``settled_at`` was provisional: a day that grows is no revision.
    """

    source: str
    day: date
    whole: bool = True
    all_so_far: bool = False
    cause: str = "pull"
    settled_at: datetime | None = None

    @property
    def replaces(self) -> bool:
        """Whether what it does not tell of is removed."""
        return self.whole or self.all_so_far


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a slice changed, in series; ``rows`` have use on the day now."""

    added: int = 0
    revised: int = 0
    zeroed: int = 0
    rows: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything in the ledger is different now."""
        return bool(self.added or self.revised or self.zeroed)


class SeriesIndex:
    """The ids of one source's series; keep it over many slices and it is read once.

    After a transaction that was rolled back it must be built anew.
    """

    def __init__(self, session: Session, source: str) -> None:
        self.source = source
        self._ids: dict[SeriesKey, int] = {}
        self._first_days: dict[SeriesKey, date] = {}
        self._newest = 0
        self._read(session)

    def ids(self, session: Session, days: Mapping[SeriesKey, date]) -> list[int]:
        """Return the id of each key, which has use on its day; creates what is missing."""
        missing = [key for key in days if key not in self._ids]
        if missing:
            self._read(session)  # another process may have created them meanwhile
            self._create(session, {key: days[key] for key in missing if key not in self._ids})
        self._move_back(
            session, {key: day for key, day in days.items() if day < self._first_days[key]}
        )
        return [self._ids[key] for key in days]

    def _create(self, session: Session, days: Mapping[SeriesKey, date]) -> None:
        if not days:
            return
        rows = [series_columns(key, self.source) | {"first_day": day} for key, day in days.items()]
        session.connection().execute(insert(SERIES), rows)
        self._read(session)

    def _move_back(self, session: Session, days: Mapping[SeriesKey, date]) -> None:
        if not days:
            return
        day = bindparam("b_day", type_=Date)
        statement = (
            update(SERIES)
            .where(SERIES.c.id == bindparam("b_id"), SERIES.c.first_day > day)
            .values(first_day=day)
        )
        moved = [{"b_id": self._ids[key], "b_day": day} for key, day in days.items()]
        session.connection().execute(statement, moved)
        self._first_days.update(days)

    def _read(self, session: Session) -> None:
        """Read the series that were created since the last time."""
        table = SERIES.c
        statement = select(
            table.id, table.first_day,
            table.tenant, table.feature, table.model, table.deployment, table.scope,
        ).where(table.source == self.source, table.id > self._newest)  # fmt: skip
        for number, first_day, *parts in session.connection().execute(statement).all():
            key = SeriesKey(*parts)
            self._ids[key] = number
            self._first_days[key] = first_day
            self._newest = max(self._newest, number)


def series_columns(key: SeriesKey, source: str) -> dict[str, Any]:
    """Spell a key as columns of the series table."""
    return {
        "source": source,
        "tenant": key.tenant,
        "feature": key.feature,
        "model": key.model,
        "deployment": key.deployment,
        "scope": key.scope,
    }


def record_slice(
    session: Session,
    part: Slice,
    costs: Iterable[CostDay],
    *,
    now: datetime,
    index: SeriesIndex | None = None,
) -> Recorded:
    """Record one source's day (one cost for each key), keeping what it replaces as revisions."""
    index = index or SeriesIndex(session, part.source)
    told = list(costs)
    ids = index.ids(session, dict.fromkeys([cost.key for cost in told], part.day))
    fresh = dict(zip(ids, map(measures_of, told), strict=True))
    recorded = revise(session, part, fresh, now=now)
    mark_pulled(session, part, recorded.rows, changed=recorded.changed, now=now)
    return recorded


def revise(
    session: Session, part: Slice, fresh: Mapping[int, Measures], *, now: datetime
) -> Recorded:
    """Bring the stored day in line with ``fresh`` (measures by series id)."""
    stored = _stored(session, part)
    added = {key: values for key, values in fresh.items() if key not in stored}
    revised = {key: fresh[key] for key in fresh if key in stored and stored[key] != fresh[key]}
    untold = [key for key in stored if key not in fresh and _has_use(stored[key])]
    zeroed = dict.fromkeys(untold if part.replaces else (), NO_USE)
    changes, kept = revised | zeroed, not _is_provisional(session, part)
    if kept:
        _keep_revisions(session, part, changes, now)
    _update(session, part.day, changes, now, versions=int(kept))
    _insert(session, part.day, added, now)
    rows = len(fresh) if part.replaces else len(fresh) + len(untold)
    return Recorded(len(added), len(revised), len(zeroed), rows)


def _is_provisional(session: Session, part: Slice) -> bool:
    """Whether the source answered for the day only before that was settled."""
    if part.settled_at is None:
        return False
    mine = (SOURCE_DAY.c.source == part.source, SOURCE_DAY.c.day == part.day)
    pulled_at = session.connection().execute(select(SOURCE_DAY.c.pulled_at).where(*mine)).scalar()
    return pulled_at is not None and pulled_at < part.settled_at


def mark_pulled(session: Session, part: Slice, rows: int, *, changed: bool, now: datetime) -> None:
    """Note that the source answered for the day, and whether the answer was news.

    A day that has become whole is news too: only now can it be said what did not happen.
    """
    connection = session.connection()
    mine = (SOURCE_DAY.c.source == part.source, SOURCE_DAY.c.day == part.day)
    was_whole = connection.execute(select(SOURCE_DAY.c.whole).where(*mine)).scalar()
    values: dict[str, Any] = {"rows": rows, "whole": part.whole, "pulled_at": now}
    if was_whole is None:
        new = {"source": part.source, "day": part.day, "changed_at": now} | values
        connection.execute(insert(SOURCE_DAY), [new])
        return
    if changed or (part.whole and not was_whole):
        values["changed_at"] = now
    connection.execute(update(SOURCE_DAY).where(*mine).values(**values))


def mark_asked(
    session: Session, source: str, days: Iterable[date], lacking: Collection[date], *, now: datetime
) -> None:
    """Note that the source was asked for days of which it never said anything yet, and when.

    Those it is ``lacking`` rows of were answered in part: they are not known to be empty.
    """
    rows = rows_by_day(session, source)
    for day in sorted(set(days)):
        if not rows.get(day):
            part = Slice(source, day, whole=day not in lacking)
            mark_pulled(session, part, 0, changed=day not in rows, now=now)


def rows_by_day(session: Session, source: str) -> dict[date, int]:
    """Return every day for which a source was ever pulled, with its rows."""
    table = SOURCE_DAY.c
    statement = select(table.day, table.rows).where(table.source == source)
    return {row.day: row.rows for row in session.connection().execute(statement)}


def partial_days(session: Session, first: date, last: date) -> tuple[date, ...]:
    """Return the days of a span that some source did not answer wholly, ascending."""
    table = SOURCE_DAY.c
    lacking = select(table.day).where(table.day >= first, table.day <= last, table.whole.is_(False))
    return tuple(sorted(set(session.connection().execute(lacking).scalars())))


def _stored(session: Session, part: Slice) -> dict[int, Measures]:
    statement = (
        select(COST_DAY.c.series_id, *(COST_DAY.c[name] for name in MEASURES))
        .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
        .where(COST_DAY.c.day == part.day, SERIES.c.source == part.source)
    )
    return {row[0]: row[1:] for row in session.connection().execute(statement).all()}


def _has_use(values: Measures) -> bool:
    """Whether there is any number, an unknown cost among them."""
    return values[0] is None or any(values[:_NUMBERS])


def _keep_revisions(
    session: Session, part: Slice, replaced: Collection[int], now: datetime
) -> None:
    """Copy what is about to be replaced, inside the database."""
    if not replaced:
        return
    same = ("series_id", "day", "version", "recorded_at", *MEASURES)
    old = select(
        *(COST_DAY.c[name] for name in same), literal(now, UtcDateTime), literal(part.cause)
    ).where(COST_DAY.c.day == part.day, COST_DAY.c.series_id == bindparam("b_id"))
    statement = insert(COST_REVISION).from_select([*same, "replaced_at", "cause"], old)
    session.connection().execute(statement, [{"b_id": key} for key in replaced])


def _update(
    session: Session, day: date, changes: Mapping[int, Measures], now: datetime, *, versions: int
) -> None:
    if not changes:
        return
    statement = (
        update(COST_DAY)
        .where(COST_DAY.c.day == day, COST_DAY.c.series_id == bindparam("b_id"))
        .values(version=COST_DAY.c.version + versions)
    )
    rows = [{"b_id": key, "recorded_at": now} | _columns(values) for key, values in changes.items()]
    session.connection().execute(statement, rows)


def _insert(session: Session, day: date, added: Mapping[int, Measures], now: datetime) -> None:
    if not added:
        return
    same = {"day": day, "version": 1, "recorded_at": now}
    rows = [{"series_id": key} | same | _columns(values) for key, values in added.items()]
    session.connection().execute(insert(COST_DAY), rows)


def _columns(values: Measures) -> dict[str, Any]:
    return dict(zip(MEASURES, values, strict=True))


def day_costs(
    session: Session, day: date, stored_as: Collection[str]
) -> tuple[tuple[str, CostDay], ...]:
    """Return what each source told of a tenant's day, by the ids it may be stored under."""
    table, names = COST_DAY.c, SeriesKey._fields
    key, measures = (SERIES.c[name] for name in names), (table[name] for name in MEASURES)
    statement = (
        select(SERIES.c.source, *key, *measures)
        .join(SERIES, SERIES.c.id == table.series_id)
        .where(table.day == day, SERIES.c.tenant.in_(sorted(stored_as)))
    )
    end = 1 + len(names)
    rows = (tuple(row) for row in session.connection().execute(statement))
    return tuple(
        (row[0], CostDay(day, SeriesKey(*row[1:end]), *row[end:]))
        for row in rows
        if row[end:] != NO_USE
    )
