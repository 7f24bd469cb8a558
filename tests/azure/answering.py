"""Who answers the queries: an engine that runs them, or tables put there by a test."""

from __future__ import annotations

import importlib
from datetime import datetime
from typing import Any, Protocol, cast

from tests.azure.bodies import JSON


class Engine(Protocol):
    """Runs a query over the rows of a workspace.

    What it refuses it raises as an exception with a ``body()``: the JSON that goes out with 400.
    One that knows several workspaces has ``at(place)``, which gives the engine of one of them.
    """

    def run(self, query_text: str, begin: datetime, end: datetime) -> JSON:
        """Answer ``{"tables": [...]}``, perhaps with an ``error`` beside it."""


def load_engine(path: str, arguments: JSON) -> Engine:
    """Make the engine ``package.module:callable``."""
    module, _, name = path.partition(":")
    return cast("Engine", getattr(importlib.import_module(module), name)(**arguments))


def engine_at(engine: Engine, place: str) -> Engine:
    """Give the engine of a workspace, where there are several."""
    return cast("Engine", engine.at(place)) if hasattr(engine, "at") else engine


class CannedTables:
    """Answers with the tables that a test put there for queries which contain a text."""

    def __init__(self, most_rows: int = 500_000) -> None:
        self.most_rows = most_rows
        self._answers: list[tuple[str, JSON, str]] = []

    def put(self, match: str, columns: list[list[str]], rows: list[Any], time: str = "") -> None:
        """Answer with these rows from now on; those alone whose ``time`` lies in the window."""
        table = {
            "name": "PrimaryResult",
            "columns": [{"name": name, "type": kind} for name, kind in columns],
            "rows": rows,
        }
        self._answers.insert(0, (match, table, time))

    def run(self, query_text: str, begin: datetime, end: datetime) -> JSON:
        """Answer with what was put last; with an empty table where nothing was."""
        for match, table, time in self._answers:
            if match in query_text:
                return {"tables": [_cut(table, time, begin, end)]}
        return {"tables": [{"name": "PrimaryResult", "columns": [], "rows": []}]}


def _cut(table: JSON, time: str, begin: datetime, end: datetime) -> JSON:
    if not time:
        return table
    at = [column["name"] for column in table["columns"]].index(time)
    rows = [row for row in table["rows"] if begin <= datetime.fromisoformat(row[at]) < end]
    return {**table, "rows": rows}
