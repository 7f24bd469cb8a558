"""Usage from CSV and Parquet files: one file, or a folder of them read as one answer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from detector.model import MICRO, Grain, Rejection, Usage
from detector.sources.arrow import pa, pc
from detector.sources.base import Coverage, SourceError
from detector.sources.csv_blocks import SUFFIXES, read_blocks
from detector.sources.csv_cells import DAY_S
from detector.sources.csv_columns import COUNT_COLUMNS, TEXT_COLUMNS
from detector.sources.csv_rows import SLOT_S, Rules, check_rows
from detector.sources.spill import DaySums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from detector.sources.base import Window

SLICE_ROWS = 10_000
KEYS = ("start_s", "slot_s", *TEXT_COLUMNS, "given")
_GRAINS = {DAY_S: Grain.DAY, **{seconds: grain for grain, seconds in SLOT_S.items()}}


class CsvFileSource:
    """Reads usage from files; the columns and their rules are in docs/sources.md.

    ``columns`` maps our column names to the file's; ``latest_day`` is the last day that can have
    use (one more is accepted, for time zones ahead of ours); ``grain`` is the length of the slots
    into which rows with a ``start_at`` are summed; ``scope`` is that of rows that name none;
    ``on_progress`` hears the rows read so far and the share of the bytes.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        columns: Mapping[str, str],
        latest_day: date,
        *,
        grain: Grain = Grain.HOUR,
        scope: str = "",
        on_progress: Callable[[int, float], None] | None = None,
    ) -> None:
        if grain not in SLOT_S:
            raise ValueError(
                f"rows with a start_at are summed by hour or quarter_hour, not {grain}"
            )
        self._name = name
        self._path = path
        self._columns = dict(columns)
        self._latest_day = latest_day
        self._grain = grain
        self._scope = scope
        self._on_progress = on_progress
        self._coverage = Coverage(None, None)

    @property
    def name(self) -> str:
        """The source's name in the settings."""
        return self._name

    def usage(self, window: Window) -> Iterator[Usage | Rejection]:
        """Stream the rejections while the files are read, then the sums day by day."""
        self._coverage = Coverage(None, None)
        rules = Rules(self._name, window, self._latest_day, self._grain, self._scope)
        days: list[int] = []
        with DaySums(KEYS) as sums:
            yield from self._read(rules, sums)
            for day, rows in sums.days():
                days.append(day)
                # In slices: a busy day as Python objects would weigh many times its sums.
                for begin in range(0, rows.num_rows, SLICE_ROWS):
                    yield from _usages(rows.slice(begin, SLICE_ROWS))
        if days:
            self._coverage = Coverage(_date(days[0]), _date(days[-1]))

    def coverage(self) -> Coverage:
        """Give the span of the rows accepted in the last window."""
        return self._coverage

    def _read(self, rules: Rules, sums: DaySums) -> Iterator[Rejection]:
        """Read all files into the sums; give what was refused."""
        files = list_files(self._path)
        sizes = [_size(file) for file in files]
        rows, before = 0, 0
        for file, size in zip(files, sizes, strict=True):
            for block in read_blocks(file, self._columns):
                for torn in block.torn:
                    yield Rejection(rules.source, torn.where, torn.reason, torn.text[:200])
                table, rejections = check_rows(block, rules)
                sums.add(table)
                yield from rejections
                rows += len(block.positions)
                if self._on_progress:
                    self._on_progress(rows, (before + size * block.read_share) / sum(sizes))
            before += size


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {error.strerror}", retryable=True) from error


def list_files(path: Path) -> list[Path]:
    """Give the file, or the files of a folder by name; SourceError where there is none."""
    if path.is_file():
        if not path.name.casefold().endswith(SUFFIXES):
            raise SourceError(f"{path}: not one of {', '.join(SUFFIXES)}")
        return [path]
    if not path.is_dir():
        raise SourceError(
            f"{path}: there is no such file or folder; check the path", retryable=True
        )
    try:
        names = sorted(path.iterdir())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}", retryable=True) from error
    files = [
        file
        for file in names
        if file.name.casefold().endswith(SUFFIXES) and not file.name.startswith(".")
    ]
    if not files:
        raise SourceError(f"{path}: the folder holds no {', '.join(SUFFIXES)} file", retryable=True)
    return files


def _usages(rows: Any) -> Iterator[Usage]:
    """Turn the sums of one day into usage."""
    columns = [
        _shared(rows, "start_s", lambda start: datetime.fromtimestamp(start, UTC)),
        _shared(rows, "slot_s", _GRAINS.__getitem__),
        *(_shared(rows, name, str) for name in TEXT_COLUMNS),
        *(rows.column(name).to_pylist() for name in COUNT_COLUMNS[:-1]),
        _micro_usd(rows.column("cost_usd")).to_pylist(),
    ]
    yield from map(Usage, *columns)


def _shared(rows: Any, name: str, convert: Callable[[Any], object]) -> Iterator[Any]:
    """Give a column of few distinct values: each is converted once, and equal cells are one."""
    encoded = rows.column(name).combine_chunks().dictionary_encode()
    values = [convert(value) for value in encoded.dictionary.to_pylist()]
    return map(values.__getitem__, encoded.indices.to_pylist())


def _micro_usd(dollars: Any) -> Any:
    """Round summed dollars to micro-dollars, half to even."""
    rounded = pc.round(dollars, ndigits=6, round_mode="half_to_even").cast(pa.decimal128(20, 6))
    return pc.multiply(rounded, pa.scalar(Decimal(MICRO))).cast(pa.int64())


def _date(day: int) -> date:
    """Give the date of a day counted from 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + day)
