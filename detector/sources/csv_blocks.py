"""Reads CSV and Parquet files block by block, each row with the place a person looks for it."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from detector.sources.arrow import pa, pc
from detector.sources.base import SourceError
from detector.sources.csv_columns import find_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SUFFIXES = (".csv", ".csv.gz", ".parquet")
BLOCK_BYTES = 4_000_000
OPEN_QUOTE_BYTES = 4 * BLOCK_BYTES
"""So much without one whole record can only be a quote that was left open."""
BATCH_ROWS = 32_768


class TornRow(NamedTuple):
    """A row that could not be split into its cells."""

    where: str
    reason: str
    text: str


class Block(NamedTuple):
    """Some rows of a file: cells by our column names, as long as ``positions``."""

    file: str
    unit: str
    cells: dict[str, Any]
    positions: Ints
    torn: list[TornRow]
    read_share: float

    def where(self, index: int) -> str:
        """Say where a row stands: the file, and its line (CSV) or row (Parquet)."""
        return f"{self.file} {self.unit} {self.positions[index]}"


def read_blocks(path: Path, mapping: Mapping[str, str]) -> Iterator[Block]:
    """Read one file in bounded memory; raises SourceError when it cannot be read at all."""
    with _told_by_path(path):
        if path.name.casefold().endswith(".parquet"):
            yield from _read_parquet(path, mapping)
        else:
            yield from _read_csv(path, mapping)


@contextmanager
def _told_by_path(path: Path) -> Iterator[None]:
    """Turn whatever a reader raises into a SourceError that names the file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, pa.ArrowException) as error:
        message = (
            f"{path}: the file is damaged or no {path.suffix[1:]} file ({error}); export it again"
        )
        raise SourceError(message) from error
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error}); check that it is there, is whole and may be read",
            retryable=True,
        ) from error


def _read_parquet(path: Path, mapping: Mapping[str, str]) -> Iterator[Block]:
    """Stream the record batches of a Parquet file, whatever the size of its row groups."""
    # A buffered stream reads page by page; without it a whole column of a row group is held.
    with pa.parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as parquet:
        names = parquet.schema_arrow.names
        columns = find_columns(path.name, names, mapping)
        total, done = parquet.metadata.num_rows, 0
        wanted = [names[at] for at in columns.values()]
        for batch in parquet.iter_batches(BATCH_ROWS, columns=wanted):
            cells = {name: batch.column(names[at]) for name, at in columns.items()}
            rows = np.arange(done + 1, done + 1 + batch.num_rows)
            done += batch.num_rows
            yield Block(path.name, "row", cells, rows, [], done / total)


def _read_csv(path: Path, mapping: Mapping[str, str]) -> Iterator[Block]:
    """Stream a CSV file in blocks of whole records."""
    size = path.stat().st_size
    packed = path.name.casefold().endswith(".gz")
    with path.open("rb") as raw, gzip.open(raw) if packed else nullcontext(raw) as opened:
        stream = cast("BufferedIOBase", opened)
        header = _read_header(path.name, stream)
        columns = find_columns(path.name, header, mapping)
        for data, lines in _whole_records(path.name, stream):
            yield _parse(path.name, data, columns, len(header), lines, raw.tell() / size)


def _read_header(file: str, stream: BufferedIOBase) -> list[str]:
    """Read the first line as column names."""
    line = stream.readline(BLOCK_BYTES)
    if not line.strip():
        raise SourceError(f"{file}: the first line is empty; it must hold the column names")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: the header is not UTF-8; save it as CSV UTF-8") from error
    if "\0" in text or "\r" in text.rstrip("\r\n"):
        raise SourceError(f"{file}: not a CSV file in UTF-8 with line ends LF or CRLF")
    return next(csv.reader(io.StringIO(text)))


def _whole_records(file: str, stream: BufferedIOBase) -> Iterator[tuple[bytes, Ints]]:
    """Cut the stream after whole records; give the bytes and the line each record starts on."""
    rest, line = b"", 2
    while chunk := stream.read(BLOCK_BYTES):
        data = rest + chunk
        newlines, closing = _record_ends(data)
        if closing.size:
            cut = int(newlines[closing[-1]]) + 1
            yield data[:cut], _starts(closing) + line
            rest, line = data[cut:], line + int(closing[-1]) + 1
        else:
            rest = data
        if len(rest) > OPEN_QUOTE_BYTES:
            raise SourceError(f"{file} line {line}: a quote is opened and never closed")
    if rest:
        yield rest + b"\n", _starts(_record_ends(rest + b"\n")[1]) + line


def _starts(closing: Ints) -> Ints:
    """Count the lines before each record, from the lines that close one."""
    return np.concatenate(([0], closing[:-1] + 1))


def _record_ends(
    data: bytes,
) -> tuple[Ints, Ints]:
    """Find the line ends, and which of them close a record: those outside quotes."""
    codes = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(codes == ord("\n"))
    if b'"' not in data:
        return newlines, np.arange(len(newlines))
    quotes = np.flatnonzero(codes == ord('"'))
    return newlines, np.flatnonzero(np.searchsorted(quotes, newlines) % 2 == 0)


def _parse(
    file: str,
    data: bytes,
    columns: Mapping[str, int],
    width: int,
    lines: Ints,
    read_share: float,
) -> Block:
    """Split a block of whole records into cells; rows that do not fit the header are torn."""
    refused: list[Any] = []

    def refuse(row: Any) -> str:
        refused.append(row)
        return "skip"

    names = [str(at) for at in range(width)]
    wanted = [str(at) for at in columns.values()]
    table = pa.csv.read_csv(
        pa.BufferReader(data),
        pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        pa.csv.ParseOptions(
            invalid_row_handler=refuse, newlines_in_values=True, ignore_empty_lines=False
        ),
        pa.csv.ConvertOptions(
            # Bytes, so that one cell that is not UTF-8 does not refuse the whole block.
            column_types=dict.fromkeys(wanted, pa.binary()),
            include_columns=wanted,
            strings_can_be_null=False,
        ),
    )
    kept, torn_at = _split_lines(lines, table.num_rows, [row.number - 1 for row in refused])
    torn = [
        TornRow(f"{file} line {at}", _torn_reason(row), row.text)
        for row, at in zip(refused, torn_at, strict=True)
        if row.text.strip()
    ]
    filled = _filled(table)
    table = table.filter(pa.array(filled))
    cells = {name: table.column(str(at)).combine_chunks() for name, at in columns.items()}
    return Block(file, "line", cells, kept[filled], torn, read_share)


def _split_lines(lines: Ints, rows: int, refused: list[int]) -> tuple[Ints, Ints]:
    """Give the lines of the rows that were split and of those that were refused."""
    records = rows + len(refused)
    if records != len(lines):  # a stray quote: the parser and we disagree where records end
        lines = np.arange(records) + lines[0]
    return np.delete(lines, refused), lines[np.array(refused, np.int64)]


def _torn_reason(row: Any) -> str:
    """Say what is wrong with a row that does not fit the header."""
    reason = f"{row.actual_columns} cells where the header has {row.expected_columns}"
    return f"{reason}; is a quote left open?" if "\n" in row.text.strip() else reason


def _filled(table: Any) -> NDArray[np.bool_]:
    """Tell the rows that hold anything at all from blank lines."""
    filled = np.zeros(table.num_rows, np.bool_)
    for column in table.columns:
        filled |= pc.binary_length(column).to_numpy() > 0
    return filled
