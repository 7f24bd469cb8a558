"""Sums rows that share a key, day by day in bounded memory, with a file beside it if need be."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from detector.sources.arrow import pa, pc
from detector.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RUN_ROWS = 150_000
"""Rows held in memory before their sums go to the file."""
DAY_S = 86_400
MAX_SUM = 9e18
"""A little below what a 64-bit integer holds."""
MAX_DOLLARS = MAX_SUM / 1e6
_KEEP_UNKNOWN = pc.ScalarAggregateOptions(skip_nulls=False)


class DaySums:
    """Adds up the rows of each key and UTC day; what does not fit waits in a temporary file.

    Rows are collected into runs. A run whose sums are still many is ordered by day and written
    with one record batch a day, and a day is later read back from each run. Memory is bounded by
    one run and by the distinct keys of one day.

    Every table added has the same columns: the keys, ``start_s`` (seconds since 1970) the first
    of them, and numbers. A sum with an unknown (null) part is unknown.
    """

    def __init__(self, keys: tuple[str, ...], run_rows: int = RUN_ROWS) -> None:
        self._keys = list(keys)
        self._run_rows = run_rows
        self._pending: list[Any] = []
        self._pending_rows = 0
        self._totals: dict[str, float] = {}
        self._path: Path | None = None
        self._writer: Any = None
        self._batches: dict[int, list[int]] = {}
        self._written = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def add(self, table: Any) -> None:
        """Take rows in any order."""
        self._guard(table)
        self._pending.append(table)
        self._pending_rows += table.num_rows
        if self._pending_rows < self._run_rows:
            return
        run = self._sum(self._pending)
        if run.num_rows > self._run_rows // 2:
            self._write(run)
            run = run.slice(0, 0)
        self._pending, self._pending_rows = [run], run.num_rows

    def days(self) -> Iterator[tuple[int, Any]]:
        """Give each day (counted from 1970) with its sums ordered by key; ends the adding."""
        order = [(key, "ascending") for key in self._keys]
        held = dict(_by_day(self._sum(self._pending))) if self._pending else {}
        written = self._reopen()
        for day in sorted(held.keys() | self._batches.keys()):
            parts = (pa.table(written.get_batch(at)) for at in self._batches.get(day, ()))
            sums = self._sum_parts(chain(parts, [held[day]] if day in held else []))
            yield day, sums.sort_by(order)  # however the rows came, the answer is the same

    def _sum_parts(self, parts: Iterable[Any]) -> Any:
        """Sum the parts of one day, a run's worth of rows at a time."""
        waiting: list[Any] = []
        rows, limit = 0, self._run_rows
        for part in parts:
            waiting.append(part)
            rows += part.num_rows
            if rows > limit:
                waiting = [self._sum(waiting)]
                rows = waiting[0].num_rows
                limit = self._run_rows + rows
        return waiting[0] if len(waiting) == 1 else self._sum(waiting)

    def _sum(self, tables: list[Any]) -> Any:
        """Add up the rows of each key, ordered by start."""
        rows = pa.concat_tables(tables)
        numbers = [name for name in rows.column_names if name not in self._keys]
        sums = rows.group_by(self._keys, use_threads=False).aggregate(
            [(name, "sum", _KEEP_UNKNOWN) for name in numbers]
        )
        sums = sums.rename_columns({f"{name}_sum": name for name in numbers})
        sums = sums.select(rows.column_names)
        return sums.take(pc.sort_indices(sums.column("start_s"))).combine_chunks()

    def _write(self, run: Any) -> None:
        """Append a run to the file, one record batch a day."""
        if self._writer is None:
            self._path = Path(self._open.enter_context(_temporary_folder())) / "sums.arrow"
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(str(self._path), run.schema, options=options)
            self._open.callback(self._writer.close)
        for day, rows in _by_day(run):
            self._writer.write_table(rows)
            self._batches.setdefault(day, []).append(self._written)
            self._written += 1

    def _reopen(self) -> Any:
        """Close the file for writing and open it for reading; None where there is none."""
        if self._path is None:
            return None
        self._writer.close()
        file = self._open.enter_context(pa.OSFile(str(self._path)))
        return pa.ipc.open_file(file)

    def _guard(self, table: Any) -> None:
        """Refuse sums too large for an integer, which would silently turn negative."""
        for name in table.column_names:
            if name in self._keys:
                continue
            column = table.column(name)
            limit = MAX_DOLLARS if pa.types.is_decimal(column.type) else MAX_SUM
            size = pc.sum(pc.abs(column.cast(pa.float64()))).as_py() or 0.0
            self._totals[name] = self._totals.get(name, 0.0) + size
            if self._totals[name] > limit:
                raise SourceError(f"the sum of {name} is beyond {limit:.0e}; check the figures")


def _temporary_folder() -> TemporaryDirectory[str]:
    """Make a folder that goes with the sums."""
    try:
        return TemporaryDirectory(prefix="spendwatch-")
    except OSError as error:
        raise SourceError(
            f"so many rows need a folder for temporary files ({error}); set TMPDIR to one"
        ) from error


def _by_day(sums: Any) -> Iterator[tuple[int, Any]]:
    """Cut sums ordered by start into those of each day."""
    days = sums.column("start_s").to_numpy() // DAY_S
    cuts = np.flatnonzero(np.diff(days)) + 1
    for begin, end in pairwise([0, *cuts.tolist(), len(days)]):
        if end > begin:
            yield int(days[begin]), sums.slice(begin, end - begin)
