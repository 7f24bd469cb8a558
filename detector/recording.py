"""Writing the ledger: one source's day at a time, idempotent, with versions.

A whole answer of a source for a day replaces everything that source said of the day before: keys
that are no longer there get a zero version, so use that was attributed late never counts twice.
A partial answer removes nothing. What did not change is not written again, so any answer can be
recorded any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from detector.model import SeriesKey
from detector.tables import COST_DAY, COST_REVISION, SERIES, SOURCE_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from sqlmodel import Session

    from detector.model import CostDay

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
Measures = dict[str, Any]
_ZERO: Measures = dict.fromkeys(MEASURES[:6], 0) | dict.fromkeys(MEASURES[6:], False)


@dataclass(frozen=True, slots=True)
class Slice:
    """What is being recorded: one source's local day, and why.

    ``cause`` stands on the revisions it makes: ``pull`` or ``price``.
    """

    source: str
    day: date
    whole: bool = True
    cause: str = "pull"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a slice changed, in series."""

    added: int = 0
    revised: int = 0
    zeroed: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything in the ledger is different now."""
        return bool(self.added or self.revised or self.zeroed)


class SeriesIndex:
    """The ids of one source's series; keep it over many slices and it is read once."""

    def __init__(self, session: Session, source: str) -> None:
        self.source = source
        self._ids: dict[SeriesKey, int] = {}
        self._first_days: dict[SeriesKey, date] = {}
        self._read(session)

    def ids(self, session: Session, keys: Iterable[SeriesKey], day: date) -> list[int]:
        """Return the id of each key, creating what is missing and moving first days back."""
        wanted = list(keys)
        missing = [key for key in wanted if key not in self._ids]
        if missing:
            rows = [series_columns(key, self.source) | {"first_day": day} for key in missing]
            session.connection().execute(insert(SERIES), rows)
            self._read(session)
        earlier = [key for key in wanted if self._first_days[key] > day]
        if earlier:
            statement = update(SERIES).where(SERIES.c.id == bindparam("b_id"))
            moved = [{"b_id": self._ids[key], "first_day": day} for key in earlier]
            session.connection().execute(statement, moved)
            self._first_days.update(dict.fromkeys(earlier, day))
        return [self._ids[key] for key in wanted]

    def _read(self, session: Session) -> None:
        rows = session.connection().execute(select(SERIES).where(SERIES.c.source == self.source))
        for row in rows:
            key = SeriesKey(row.tenant, row.feature, row.model, row.deployment, row.scope)
            self._ids[key] = row.id
            self._first_days[key] = row.first_day


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
    """Record one source's day, keeping a revision of whatever it replaces."""
    index = index or SeriesIndex(session, part.source)
    given = list(costs)
    ids = index.ids(session, (cost.key for cost in given), part.day)
    fresh = {
        series_id: {name: getattr(cost, name) for name in MEASURES}
        for series_id, cost in zip(ids, given, strict=True)
    }
    recorded = revise(session, part, fresh, now=now)
    mark_pulled(session, part, len(fresh), changed=recorded.changed, now=now)
    return recorded


def revise(
    session: Session, part: Slice, fresh: Mapping[int, Measures], *, now: datetime
) -> Recorded:
    """Bring the stored day in line with ``fresh`` (measures by series id)."""
    stored = _stored(session, part)
    added = {key: fresh[key] for key in fresh if key not in stored}
    revised = {key: fresh[key] for key in fresh if key in stored and _differs(stored, fresh, key)}
    zeroed = _gone(stored, fresh) if part.whole else {}
    _keep_revisions(session, part, [stored[key] for key in (*revised, *zeroed)], now)
    _update(session, part.day, revised | zeroed, now)
    _insert(session, part.day, added, now)
    return Recorded(len(added), len(revised), len(zeroed))


def mark_pulled(session: Session, part: Slice, rows: int, *, changed: bool, now: datetime) -> None:
    """Note that the source answered for the day, and whether the answer was news."""
    connection = session.connection()
    mine = (SOURCE_DAY.c.source == part.source, SOURCE_DAY.c.day == part.day)
    values: dict[str, Any] = {"rows": rows, "whole": part.whole, "pulled_at": now}
    if changed:
        values["changed_at"] = now
    if not connection.execute(update(SOURCE_DAY).where(*mine).values(**values)).rowcount:
        new = {"source": part.source, "day": part.day, "changed_at": now} | values
        connection.execute(insert(SOURCE_DAY), [new])


def _stored(session: Session, part: Slice) -> dict[int, Measures]:
    statement = (
        select(COST_DAY)
        .join(SERIES, SERIES.c.id == COST_DAY.c.series_id)
        .where(COST_DAY.c.day == part.day, SERIES.c.source == part.source)
    )
    rows = session.connection().execute(statement).mappings()
    return {row["series_id"]: dict(row) for row in rows}


def _differs(stored: Mapping[int, Measures], fresh: Mapping[int, Measures], key: int) -> bool:
    return any(stored[key][name] != fresh[key][name] for name in MEASURES)


def _gone(stored: Mapping[int, Measures], fresh: Mapping[int, Measures]) -> dict[int, Measures]:
    missing = [key for key in stored if key not in fresh]
    return {
        key: _ZERO
        for key in missing
        if any(stored[key][name] for name in MEASURES[:6]) or stored[key]["micro_usd"] is None
    }


def _keep_revisions(session: Session, part: Slice, replaced: list[Measures], now: datetime) -> None:
    if replaced:
        more = {"replaced_at": now, "cause": part.cause}
        session.connection().execute(insert(COST_REVISION), [row | more for row in replaced])


def _update(session: Session, day: date, changes: Mapping[int, Measures], now: datetime) -> None:
    if not changes:
        return
    statement = (
        update(COST_DAY)
        .where(COST_DAY.c.day == day, COST_DAY.c.series_id == bindparam("b_id"))
        .values(version=COST_DAY.c.version + 1)
    )
    rows = [{"b_id": key, "recorded_at": now} | measures for key, measures in changes.items()]
    session.connection().execute(statement, rows)


def _insert(session: Session, day: date, added: Mapping[int, Measures], now: datetime) -> None:
    if not added:
        return
    same = {"day": day, "version": 1, "recorded_at": now}
    rows = [{"series_id": key} | same | measures for key, measures in added.items()]
    session.connection().execute(insert(COST_DAY), rows)
