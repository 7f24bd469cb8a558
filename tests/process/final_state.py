"""Everything an installation holds in the end, in a form that can be compared row for row.

What may differ from an undisturbed run because something was done again, later, is named here and
nowhere else, each with its reason; docs/reliability.md repeats the list.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlmodel import SQLModel

import alerts.tables  # noqa: F401 # declares its tables when imported
import detector.tables  # noqa: F401 # the same
import spendwatch.tables  # noqa: F401 # the same
from spendwatch.db_rows import DERIVED

if TYPE_CHECKING:
    from pathlib import Path

    Row = dict[str, Any]
    State = dict[str, list[Row]]

A_RETRY_MAY_CHANGE = {
    ("leader", "boot_id"): "each start has its own",
    ("leader", "pid"): "each process has its own",
    ("leader", "since"): "when the last start was",
    ("leader", "died_at"): "one that was killed leaves when it was last heard of",
    ("pull", "id"): "a pull that was killed leaves its row, without an end, and is made again",
    ("pull", "first_day"): "what was recorded before the kill need not be asked for again",
    ("pull", "rows"): "the same",
    ("notification", "attempts"): "counts the claims, that of a killed process among them",
    ("notification", "claimed_at"): "the newest claim",
    ("notification", "sent_at"): "what was claimed and not sent goes out with the next start",
    ("judged_day", "judged_at"): "a start judges the newest day once more",
    ("job_run", "started_at"): "a killed job is tried again an hour later",
    ("job_run", "ended_at"): "the same",
}
NUMBERED = {
    "series": "id",
    "alert": "number",
    "decision": "number",
    "reply": "number",
    "notification": "number",
    "rejected_row": "id",
    "pull": "id",
}
"""A sequence of PostgreSQL leaves a number out where a transaction was rolled back."""
REFERENCES = {"series_id": "series", "alert_number": "alert", "pull_id": "pull", "undoes": "reply"}
_NAMES_AN_ALERT = re.compile(r"(\bA-|\balerts (?:ack|dismiss|snooze|show) )(\d+)")
_COMPLETE = re.compile(r'^== (\S+) ("(?:[^"\\]|\\.)*") to .*\n(?:[^=\n].*\n)+\n', re.MULTILINE)


def read_state(url: str) -> State:
    """Read every table, with what may differ taken out."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        state = {
            table.name: [
                row._asdict()
                for row in connection.execute(table.select().order_by(*table.primary_key))
            ]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in DERIVED
        }
    engine.dispose()
    sequences = NUMBERED if engine.dialect.name == "postgresql" else {}
    ranks = {
        table: {row[column]: rank for rank, row in enumerate(state[table], 1)}
        for table, column in sequences.items()
    }
    state["pull"], ranks["pull"] = _pulls_made_once(state["pull"])
    for table, rows in state.items():
        for row in rows:
            _take_out(table, row, ranks)
    return state


def _pulls_made_once(rows: list[Row]) -> tuple[list[Row], dict[int, int]]:
    """Return the pulls that ended, each once, and their ranks by number."""
    kept: dict[tuple[Any, ...], Row] = {}
    ranks: dict[int, int] = {}
    for row in (row for row in rows if row["ended_at"] is not None):
        asked = row["source"], row["started_at"], row["last_day"]
        kept.setdefault(asked, row)
        ranks[row["id"]] = list(kept).index(asked) + 1
    return list(kept.values()), ranks


def _take_out(table: str, row: Row, ranks: dict[str, dict[int, int]]) -> None:
    for column in row:
        if table in ranks and column == NUMBERED[table]:
            row[column] = ranks[table][row[column]]
        elif REFERENCES.get(column) in ranks and row[column] is not None:
            row[column] = ranks[REFERENCES[column]][row[column]]
        elif (table, column) in A_RETRY_MAY_CHANGE:
            row[column] = None
    if table == "notification" and "alert" in ranks:
        row["message"] = _renumbered(row["message"], ranks["alert"])


def _renumbered(message: Row, alerts: dict[int, int]) -> Row:
    """Name alerts in a message by their rank."""
    words = json.dumps(message)
    named: Row = json.loads(_NAMES_AN_ALERT.sub(lambda at: f"{at[1]}{alerts[int(at[2])]}", words))
    return named | {"about": [alerts[number] for number in named["about"]]}


def differences(expected: State, found: State) -> list[str]:
    """Say in which rows two states differ."""
    told = []
    for table, rows in expected.items():
        others = found[table]
        if len(rows) != len(others):
            told.append(f"{table}: {len(others)} rows instead of {len(rows)}")
            continue
        for row, other in zip(rows, others, strict=True):
            told += [
                f"{table} {dict(list(other.items())[:3])}: {column} is {other[column]!r} instead "
                f"of {row[column]!r}"
                for column in row
                if row[column] != other[column]
            ]
    return told


def told_keys(folder: Path) -> Counter[str]:
    """Count the messages that stand whole in the receivers' files, by their key."""
    found: Counter[str] = Counter()
    for file in sorted((folder / "told").glob("*.txt")):
        found += Counter(json.loads(at[2]) for at in _COMPLETE.finditer(file.read_text()))
    return found


def told_wrongly(folder: Path, state: State) -> list[str]:
    """Say which notifications do not stand in the files exactly once."""
    keys = told_keys(folder)
    expected = Counter(row["key"] for row in state["notification"])
    return [
        f"{key} was told {keys[key]} times"
        for key in sorted(keys | expected)
        if keys[key] != expected[key]
    ]
