"""Who an id stands for, from a CSV file that may change while the service runs.

Errors
------
SourceError
    The file cannot be read, or says something that cannot be meant: with its line. Nothing of a
    broken file is used, and nothing of the version before it.
"""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

from detector.sources.answer_table import read_text
from detector.sources.base import SourceError
from detector.sources.carriers import MAX_ID, Identity
from detector.sources.csv_columns import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

COLUMNS = ("id", "tenant", "feature", "cost_centre")
MOST_TOLD = 10
"""Problems told at once: a person mends them and looks again."""


class IdentityFile:
    """The mapping of a carrier's ids; read again when the file has changed since the last call.

    ``needs`` is what every line must say beside the id: ``tenant``, or ``feature`` where the file
    maps features alone.
    """

    def __init__(self, path: Path, *, needs: str = "tenant") -> None:
        if needs not in ("tenant", "feature"):
            raise ValueError(f"a mapping is one of tenants or of features, not of {needs}")
        self._path = path
        self._needs = needs
        self._version: tuple[int, ...] = ()
        self._identities: Mapping[str, Identity] = {}

    def __call__(self) -> Mapping[str, Identity]:
        """Give the identities by id, as the file is now; raises SourceError."""
        try:
            with self._path.open("rb") as file:
                stat = os.fstat(file.fileno())
                version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                content = None if version == self._version else file.read()
        except OSError as error:
            raise SourceError(
                f"{self._path}: cannot be read: {error.strerror}; check the path and who may read "
                "it",
                retryable=True,
            ) from error
        if content is not None:
            self._identities = self._read(_decoded(self._path, content))
            self._version = version
        return self._identities

    def _read(self, text: str) -> Mapping[str, Identity]:
        """Read every line, or tell what is wrong with each that cannot be read."""
        lines = self._lines(text)
        _, header = next(lines, (1, []))
        names = [name.strip().casefold() for name in header]
        self._refuse([(1, problem) for problem in self._header_problems(names)])
        found: dict[str, Identity] = {}
        line_of: dict[str, int] = {}
        problems: list[tuple[int, str]] = []
        for line, cells in lines:
            row = {name: read_text(cell) for name, cell in zip(names, cells, strict=False)}
            row_id = row.get("id", "")
            wrong = self._row_problems(names, cells, row, line_of)
            problems += [(line, problem) for problem in wrong]
            line_of.setdefault(row_id, line)
            found[row_id] = Identity(*(row.get(name, "") for name in COLUMNS[1:]))
        self._refuse(problems)
        return found

    def _lines(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Give each line that is not blank with its number."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        before = 0
        try:
            for cells in reader:
                line, before = before + 1, reader.line_num
                if any(cell.strip() for cell in cells):
                    yield line, cells
        except csv.Error as error:
            self._refuse([(reader.line_num, f"is not CSV: {error}")])

    def _header_problems(self, names: Sequence[str]) -> list[str]:
        listed = ", ".join(COLUMNS)
        if not names:
            return [f"the file is empty; its first line names the columns: {listed}"]
        problems = [
            f"{name!r} is not a column of a mapping ({listed}){nearest(name, COLUMNS)}"
            for name in names
            if name not in COLUMNS
        ]
        problems += [
            f"the column {name!r} is there twice" for name in COLUMNS if names.count(name) > 1
        ]
        problems += [f"no column {name!r}" for name in ("id", self._needs) if name not in names]
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            problems.append("the cells must be separated by commas")
        return problems

    def _row_problems(
        self,
        names: Sequence[str],
        cells: Sequence[str],
        row: Mapping[str, str],
        line_of: Mapping[str, int],
    ) -> list[str]:
        if len(cells) != len(names):
            return [f"there are {len(cells)} cells and {len(names)} columns"]
        problems = [f"{name} is empty" for name in ("id", self._needs) if not row[name]]
        problems += [
            f"{name} is longer than {MAX_ID} characters"
            for name, cell in row.items()
            if len(cell) > MAX_ID
        ]
        if row["id"] and row["id"] in line_of:
            problems.append(f"the id {row['id']!r} stands in line {line_of[row['id']]} already")
        return problems

    def _refuse(self, problems: Sequence[tuple[int, str]]) -> None:
        """Raise what is wrong, all of it up to a number that a person can read."""
        if not problems:
            return
        told = "; ".join(f"line {line}: {problem}" for line, problem in problems[:MOST_TOLD])
        more = len(problems) - MOST_TOLD
        raise SourceError(f"{self._path}, {told}{f'; and {more} more' if more > 0 else ''}")


def _decoded(path: Path, content: bytes) -> str:
    """Give the text of a file, with or without a mark of its byte order."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}, line {line}: is not UTF-8 text; save the file as UTF-8"
        ) from None
