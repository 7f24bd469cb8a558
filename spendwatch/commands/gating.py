"""A gate for continuous integration: a change of settings must not page more, nor find less."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.names import safe_name
from detector.model import normalise_tenant
from spendwatch.exits import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from spendwatch.commands.replays import Replayed

COLUMNS = ("tenant", "start", "end")
LATE = timedelta(days=1)
"""An incident is found until the day after it ended."""
MAX_PAGES, MUST_FIND = "max-pages", "must-find"


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that has to be found."""

    tenant: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Gate:
    """What a replay must keep to; ``max_pages`` are for each tenant and month."""

    max_pages: float | None = None
    must_find: tuple[Incident, ...] = ()

    def broken_by(
        self, replayed: Replayed, canonical: Callable[[str], str] = lambda tenant: tenant
    ) -> list[str]:
        """Say what a replay does not keep to; empty where it passes."""
        said = []
        if self.max_pages is not None and replayed.rate > self.max_pages:
            said.append(
                f"{replayed.rate:.3f} pages per tenant-month are more than {self.max_pages:g}"
            )
        missed = [
            each
            for each in self.must_find
            if not replayed.alerts_on(canonical(each.tenant), each.start, each.end + LATE)
        ]
        said += [
            f"not found: {safe_name(each.tenant)}, {each.start} to {each.end}" for each in missed
        ]
        return said


def read_gate(text: str) -> Gate:
    """Read ``max-pages=0.1,must-find=FILE``; raises UsageProblem."""
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    if not parts.keys() <= {MAX_PAGES, MUST_FIND} or not all(parts.values()):
        raise UsageProblem(
            f"--gate {text}: must be {MAX_PAGES}=NUMBER, {MUST_FIND}=FILE, or both with a comma"
        )
    most, found = parts.get(MAX_PAGES), parts.get(MUST_FIND)
    return Gate(
        None if most is None else _number(most), () if found is None else _incidents(Path(found))
    )


def _number(text: str) -> float:
    try:
        most = float(text)
    except ValueError:
        most = -1.0
    if not 0 <= most < float("inf"):
        raise UsageProblem(f"--gate {MAX_PAGES}={text}: must be a number, 0 or more")
    return most


def _incidents(path: Path) -> tuple[Incident, ...]:
    """Read a CSV file with the columns tenant, start and end; others are not looked at."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise UsageProblem(f"{path} lacks the columns {', '.join(lacking)}")
            return tuple(_incident(path, line, row) for line, row in enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from error


def _incident(path: Path, line: int, row: dict[str, str | None]) -> Incident:
    tenant, start, end = ((row[name] or "").strip() for name in COLUMNS)
    try:
        found = Incident(
            normalise_tenant(tenant), date.fromisoformat(start), date.fromisoformat(end)
        )
    except ValueError:
        raise UsageProblem(
            f"{path}:{line}: start and end must be days like 2026-11-12, not {start!r} and {end!r}"
        ) from None
    if not tenant or found.end < found.start:
        raise UsageProblem(
            f"{path}:{line}: needs a tenant, and an end that is not before the start"
        )
    return found
