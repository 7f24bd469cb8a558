"""Which column of a file is which of ours: names are matched, never guessed."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

from detector.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIME_COLUMNS = ("start_at", "date", "day")
"""In the order in which they are taken where a file has several: the finest first."""
TEXT_COLUMNS = ("tenant", "feature", "model", "deployment", "scope")
TOKEN_COLUMNS = ("prompt_tokens", "completion_tokens", "cached_tokens")
COUNT_COLUMNS = ("requests", "requests_without_usage", *TOKEN_COLUMNS, "total_tokens")
COLUMNS = (*TIME_COLUMNS, *TEXT_COLUMNS, *COUNT_COLUMNS, "cost_usd")


def find_columns(file: str, header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Give where each of our columns stands in ``header``; SourceError tells all that is wrong."""
    found = [name.strip().casefold() for name in header]
    wanted = {name: mapping.get(name, name).strip().casefold() for name in COLUMNS}
    problems = [
        *_mapping_problems(mapping, found),
        *(f"the column {name!r} is there twice" for name in _doubled(found, wanted)),
    ]
    present = {name: found.index(column) for name, column in wanted.items() if column in found}
    present = _with_one_time(present, mapping)
    if not problems:
        problems = _missing(present, found)
    if problems:
        listed = ", ".join(name.strip() or "''" for name in header)
        raise SourceError(f"{file}: {'; '.join(problems)}. Columns found: {listed}")
    return present


def _mapping_problems(mapping: Mapping[str, str], found: Sequence[str]) -> list[str]:
    """Say which mapped names are not ours, and which mapped columns the file lacks."""
    unknown = [
        f"{name!r} is not a column we know{nearest(name, COLUMNS)}"
        for name in mapping
        if name not in COLUMNS
    ]
    absent = [
        f"the column {column!r} mapped to {name} is not in the file"
        f"{nearest(column.strip().casefold(), found)}"
        for name, column in mapping.items()
        if column.strip().casefold() not in found
    ]
    return unknown + absent


def _doubled(found: Sequence[str], wanted: Mapping[str, str]) -> list[str]:
    """List the columns we would read that appear more than once."""
    counts = Counter(found)
    return sorted({column for column in wanted.values() if counts[column] > 1})


def _with_one_time(present: dict[str, int], mapping: Mapping[str, str]) -> dict[str, int]:
    """Keep one time column: a mapped one before the others, the finest before the coarser."""
    times = [name for name in TIME_COLUMNS if name in present]
    times.sort(key=lambda name: name not in mapping)
    return {name: at for name, at in present.items() if name not in times[1:]}


def _missing(present: Mapping[str, int], found: Sequence[str]) -> list[str]:
    """Say which columns are missing without which no row could be kept."""
    problems = []
    if not any(name in present for name in TIME_COLUMNS):
        problems.append(f"no column date, day or start_at{nearest('date', found)}")
    if "tenant" not in present:
        problems.append(f"no column tenant{nearest('tenant', found)}")
    if "cost_usd" not in present:
        problems += [
            f"no column {name} (and no cost_usd){nearest(name, found)}"
            for name in ("prompt_tokens", "completion_tokens")
            if name not in present
        ]
    if problems and len(found) == 1 and any(mark in found[0] for mark in ";\t|"):
        problems.append("the cells must be separated by commas")
    return problems


def nearest(name: str, among: Sequence[str]) -> str:
    """Name the candidate that looks most like ``name``, as the end of a sentence."""
    close = get_close_matches(name, [other for other in among if other], n=1, cutoff=0.5)
    return f" (nearest: {close[0]!r})" if close else ""
