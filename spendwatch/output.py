"""What commands print: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from alerts.names import safe_name
from spendwatch.logs import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH_OF_A_FILE = 140
"""Columns of a table that goes to a file or a pipe."""


def print_json(value: object) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(json.dumps(value, default=_plain, indent=2, ensure_ascii=True) + "\n")


def print_line(words: str = "") -> None:
    """Print one line; what the terminal's encoding lacks is replaced, never a crash."""
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(words.encode(encoding, "replace").decode(encoding) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    *,
    words: int = 1,
    indent: int = 0,
) -> None:
    """Print rows under headings; the first ``words`` columns stand left, the numbers right.

    Cells are data: nothing in them is read as markup, and nothing can steer the terminal.
    """
    table = Table(
        title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < words else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe_name(cell, limit=80) if cell else "") for cell in row))
    _console().print(Padding(table, (0, 0, 0, indent), expand=False))


def _console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        width=None if terminal else WIDTH_OF_A_FILE,
        safe_box=True,
        highlight=False,
        legacy_windows=False,
    )


class Step(Protocol):
    """Says that another step is done, or that so many are by now."""

    def __call__(self, words: str, done: int | None = None) -> None:
        """Show how far it is; ``words`` say what was done last."""


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Step]:
    """Show how far long work is: a bar on a terminal, a log line every tenth otherwise."""
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(label, total=total, words="")

            def step(words: str, done: int | None = None) -> None:
                bar.update(task, words=words, advance=1 if done is None else None, completed=done)

            yield step
        return
    yield _LoggedProgress(label, total).step


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
        console=Console(stderr=True),
    )


class _LoggedProgress:
    """Writes a log line whenever another tenth, or another hundred steps, are done."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label, self.total, self.done = label, total, 0
        self.every = max(1, total // 10) if total else 100

    def step(self, words: str, done: int | None = None) -> None:
        before = self.done // self.every
        self.done = self.done + 1 if done is None else done
        if self.done // self.every > before:
            logger().info("progress_made", work=self.label, done=self.done, of=self.total, at=words)


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it does."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    return str(value)
