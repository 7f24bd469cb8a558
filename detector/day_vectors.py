"""The ledger's days as arrays, one row each: a judgement reads months, and rows are slow to read.

The rows of ``cost_day`` stay the truth: a vector is made from them and goes with the first change
to one of them, see :class:`detector.tables.DayVectorRow`. Whoever reads a day that has none reads
its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import bindparam, func, insert, select

from detector.fetching import columns_of
from detector.history import DayCells, day_cells
from detector.tables import COST_DAY, DAY_VECTOR, SOURCE_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray
    from sqlalchemy import Row
    from sqlmodel import Session

_NARROW, _WIDE = np.dtype("<u4"), np.dtype("<i8")
"""Numbers stand in four bytes where all of a day fit, else in eight; their order is the same."""
_UNKNOWN, _GIVEN = 1, 2


def cells_of_days(session: Session, days: Iterable[date]) -> Iterator[DayCells]:
    """Read the cells of each day, by the ids of their series; from its rows where need be."""
    statement = select(DAY_VECTOR).where(DAY_VECTOR.c.day == bindparam("b_day"))
    for day in days:
        row = session.connection().execute(statement, {"b_day": day}).first()
        yield _cells(session, day) if row is None else _decoded(row)


def without_vector(session: Session, days: Sequence[date]) -> tuple[date, ...]:
    """Return which of these days some source told rows of, and have no vector; ascending."""
    table = SOURCE_DAY.c
    held = select(table.day).where(table.day.in_(days), table.rows > 0).distinct()
    missing = held.where(table.day.not_in(select(DAY_VECTOR.c.day)))
    return tuple(sorted(session.connection().execute(missing).scalars()))


def keep_vector(session: Session, day: date) -> None:
    """Make the vector of a day from its rows; nothing may change them in the same moment."""
    known = select(func.count()).where(DAY_VECTOR.c.day == day)
    if not session.connection().execute(known).scalar():
        store_vector(session, day, _cells(session, day))


def store_vector(session: Session, day: date, cells: DayCells) -> None:
    """Keep the cells of a day, by the ids of their series."""
    session.connection().execute(insert(DAY_VECTOR), [_encoded(day, cells)])


def _cells(session: Session, day: date) -> DayCells:
    table = COST_DAY.c
    known = (func.coalesce(column, 0) for column in (
        table.micro_usd, table.prompt_tokens, table.completion_tokens, table.cached_tokens,
    ))  # fmt: skip
    columns = (table.series_id, *known, table.micro_usd.is_(None), table.given)
    statement = select(*columns).where(table.day == day)
    # As numbers a row weighs a tenth of what it weighs as Python objects: never hold them all.
    parts = [day_cells(()), *map(day_cells, columns_of(session, statement))]
    return DayCells(*map(np.concatenate, zip(*parts, strict=True)))


def _encoded(day: date, cells: DayCells) -> dict[str, Any]:
    """Write cells as bytes, little end first."""
    flags = cells.unknown * _UNKNOWN + cells.given * _GIVEN
    return {
        "day": day,
        "series_ids": _to_bytes(cells.rows),
        "cost": _to_bytes(cells.cost),
        "prompt": _to_bytes(cells.prompt),
        "completion": _to_bytes(cells.completion),
        "cached": _to_bytes(cells.cached),
        "flags": flags.astype(np.uint8).tobytes(),
    }


def _to_bytes(numbers: NDArray[np.int64]) -> bytes:
    least, most = numbers.min(initial=0), numbers.max(initial=0)
    narrow = least >= 0 and most <= np.iinfo(_NARROW).max
    return numbers.astype(_NARROW if narrow else _WIDE).tobytes()


def _decoded(row: Row[Any]) -> DayCells:
    flags = np.frombuffer(row.flags, dtype=np.uint8)
    series_ids, cost, prompt, completion, cached = (
        _from_bytes(kept, len(flags))
        for kept in (row.series_ids, row.cost, row.prompt, row.completion, row.cached)
    )
    unknown, given = (flags & _UNKNOWN) > 0, (flags & _GIVEN) > 0
    return DayCells(series_ids, cost, prompt, completion, cached, unknown, given)


def _from_bytes(kept: bytes, count: int) -> NDArray[np.int64]:
    kind = _NARROW if len(kept) == count * _NARROW.itemsize else _WIDE
    return np.frombuffer(kept, dtype=kind).astype(np.int64)
