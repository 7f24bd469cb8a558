"""Judges the rows of one block: what may be summed, and what is refused and why.

Whole columns are checked at once; only a bad row is looked at by itself, so that its rejection
tells everything that is wrong with it.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detector.model import Grain, Rejection
from detector.sources.arrow import pa, pc
from detector.sources.base import SourceError
from detector.sources.csv_cells import (
    COST,
    DAY_S,
    MAX_TEXT,
    as_mask,
    as_text,
    parse_costs,
    parse_counts,
    parse_days,
    parse_moments,
    too_long,
)
from detector.sources.csv_columns import COUNT_COLUMNS, TEXT_COLUMNS, TIME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from detector.sources.base import Window
    from detector.sources.csv_blocks import Block

    Mask = NDArray[np.bool_]

MAX_SHOWN = 200
FIRST_DAY = date(2000, 1, 1)
SLOT_S = {Grain.QUARTER_HOUR: 900, Grain.HOUR: 3600}


class Problem(NamedTuple):
    """What is wrong with some rows: the columns a person must look at, and why."""

    columns: tuple[str, ...]
    rows: Mask
    reason: str


class Rules(NamedTuple):
    """What the rows of a file are held against."""

    source: str
    window: Window
    latest_day: date
    grain: Grain
    scope: str


def check_rows(block: Block, rules: Rules) -> tuple[Any, list[Rejection]]:
    """Give the rows to be summed as a table, and a rejection for each row that has a problem."""
    times, time_problems = _times(block, rules)
    misdated = _any([problem.rows for problem in time_problems], len(times))
    looked_at = np.flatnonzero(misdated | _in_window(times, rules.window))
    block = _take(block, looked_at)
    problems = [problem._replace(rows=problem.rows[looked_at]) for problem in time_problems]
    table, cell_problems = _values(block, times[looked_at], rules)
    problems += cell_problems
    refused = _any([problem.rows for problem in problems], table.num_rows)
    remarks = _total_problems(block, table, refused)
    rejections = [
        *_explain(block, rules.source, problems, kept=False),
        *_explain(block, rules.source, remarks, kept=True),
    ]
    return table.filter(pa.array(~refused)), rejections


def _times(block: Block, rules: Rules) -> tuple[NDArray[np.int64], list[Problem]]:
    """Give the start of each row's day or slot in seconds since 1970, and what is misdated."""
    name = next(name for name in TIME_COLUMNS if name in block.cells)
    slotted = name == "start_at"
    parse = parse_moments if slotted else parse_days
    seconds, bad = parse(_castable(block, name))
    times: NDArray[np.int64] = pc.fill_null(seconds, 0).to_numpy(zero_copy_only=False)
    slot_s = SLOT_S[rules.grain] if slotted else DAY_S
    times = times - times % slot_s
    form = "a time like 2026-11-22T14:15:00Z" if slotted else "a calendar day like 2026-11-22"
    early = ~bad & (times < _seconds(FIRST_DAY))
    late = ~bad & (times >= _seconds(rules.latest_day) + 2 * DAY_S)
    return times, [
        Problem((name,), bad, f"{name} is not {form}"),
        Problem((name,), early, f"{name} lies before {FIRST_DAY}"),
        Problem(
            (name,), late, f"{name} lies in the future: the last day known is {rules.latest_day}"
        ),
    ]


def _seconds(day: date) -> int:
    """Give midnight UTC of a day in seconds since 1970."""
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_S


def _in_window(times: NDArray[np.int64], window: Window) -> Mask:
    """Tell the rows that start on a UTC date of the window."""
    inside = np.ones(len(times), np.bool_)
    if window.first_day is not None:
        inside &= times >= _seconds(window.first_day)
    if window.last_day is not None:
        inside &= times < _seconds(window.last_day) + DAY_S
    return inside


def _take(block: Block, rows: NDArray[np.int64]) -> Block:
    """Keep some rows of a block."""
    if len(rows) == len(block.positions):
        return block
    cells = {name: column.take(pa.array(rows)) for name, column in block.cells.items()}
    return block._replace(cells=cells, positions=block.positions[rows])


def _castable(block: Block, name: str) -> Any:
    """Give a column that holds single values; lists and the like can be no cell."""
    column = block.cells[name]
    if pa.types.is_nested(column.type):
        raise SourceError(
            f"{block.file}: the column of {name} holds {column.type}, not text or numbers"
        )
    return column


def _values(block: Block, times: NDArray[np.int64], rules: Rules) -> tuple[Any, list[Problem]]:
    """Read every column but the time; a cell that cannot be read is null and told."""
    slot_s = SLOT_S[rules.grain] if "start_at" in block.cells else DAY_S
    columns = {"start_s": pa.array(times), "slot_s": pa.repeat(slot_s, len(times))}
    problems = []
    for name in TEXT_COLUMNS:
        columns[name], found = _texts(block, name)
        problems += found
    columns["scope"] = pc.if_else(pc.equal(columns["scope"], ""), rules.scope, columns["scope"])
    for name in (*COUNT_COLUMNS[:-1], "cost_usd"):
        columns[name], found = _numbers(block, name)
        problems += found
    columns["given"] = columns["cost_usd"].is_valid()
    problems += _whole_row_problems(block, columns)
    for name in ("requests", "requests_without_usage"):
        columns[name] = pc.fill_null(columns[name], 0)
    return pa.table(columns), problems


def _texts(block: Block, name: str) -> tuple[Any, list[Problem]]:
    """Read a column of text; a file without it says "" for all rows."""
    if name not in block.cells:
        return pa.repeat("", len(block.positions)), []
    text, bad = as_text(_castable(block, name))
    return text, [
        Problem((name,), bad, f"{name} is not UTF-8 text"),
        Problem((name,), too_long(text), f"{name} is longer than {MAX_TEXT} characters"),
    ]


def _numbers(block: Block, name: str) -> tuple[Any, list[Problem]]:
    """Read a column of counts or dollars; a file without it knows none."""
    if name not in block.cells:
        return pa.nulls(len(block.positions), COST if name == "cost_usd" else pa.int64()), []
    if name == "cost_usd":
        numbers, bad = parse_costs(_castable(block, name))
        return numbers, [Problem((name,), bad, f"{name} is not a number of dollars up to 10^9")]
    numbers, bad = parse_counts(_castable(block, name))
    return numbers, [Problem((name,), bad, f"{name} is not a whole number from 0 to 10^15")]


def _whole_row_problems(block: Block, columns: dict[str, Any]) -> list[Problem]:
    """Tell the rows whose cells are each fine and together say too little or too much."""
    priced = ~_blank(block, "cost_usd")
    problems = [
        Problem((name,), ~priced & _blank(block, name), f"{name} is empty and there is no cost_usd")
        for name in ("prompt_tokens", "completion_tokens")
    ]
    more = as_mask(pc.greater(columns["cached_tokens"], columns["prompt_tokens"]))
    both = ("cached_tokens", "prompt_tokens")
    return [*problems, Problem(both, more, "cached_tokens are more than prompt_tokens")]


def _blank(block: Block, name: str) -> Mask:
    """Tell the rows that leave a cell empty, or all of them where the file has no such column."""
    if name not in block.cells:
        return np.ones(len(block.positions), np.bool_)
    column = block.cells[name]
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return as_mask(column.is_null())
    text, bad = as_text(column)
    return as_mask(pc.equal(text, "")) & ~bad


def _total_problems(block: Block, table: Any, refused: Mask) -> list[Problem]:
    """Remark on totals that are not the sum of their parts; the parts are what counts."""
    if "total_tokens" not in block.cells:
        return []
    total, bad = parse_counts(_castable(block, "total_tokens"))
    parts = pc.add(table.column("prompt_tokens"), table.column("completion_tokens"))
    differs = (as_mask(pc.not_equal(total, parts)) | (bad & as_mask(parts.is_valid()))) & ~refused
    reason = "total_tokens is not prompt_tokens + completion_tokens; the two parts were used"
    return [Problem(("total_tokens", "prompt_tokens", "completion_tokens"), differs, reason)]


def _explain(
    block: Block, source: str, problems: list[Problem], *, kept: bool
) -> Iterator[Rejection]:
    """Tell each row that has a problem with everything that is wrong with it."""
    bad = _any([problem.rows for problem in problems], len(block.positions))
    for row in np.flatnonzero(bad).tolist():
        found = [problem for problem in problems if problem.rows[row]]
        columns = dict.fromkeys(name for problem in found for name in problem.columns)
        text = ", ".join(f"{name}={_shown(block, name, row)}" for name in columns)
        reason = "; ".join(problem.reason for problem in found)
        yield Rejection(source, block.where(row), reason, text[:MAX_SHOWN], kept)


def _shown(block: Block, name: str, row: int) -> str:
    """Give one cell as a person would read it in the file."""
    if name not in block.cells:
        return ""
    cell = block.cells[name][row].as_py()
    if isinstance(cell, bytes):
        return cell.decode(errors="replace")
    return "" if cell is None else str(cell)


def _any(masks: list[Mask], count: int) -> Mask:
    """Tell the rows that any of the masks tells."""
    found = np.zeros(count, np.bool_)
    for mask in masks:
        found |= mask
    return found
