"""A few hand-made rows, and our queries over them by the engine that the local service runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from detector.sources.kql_text import between, shipped
from tests.azure.engine import SCHEMA, Engine
from tests.azure.kql_files import values_of

DAY = datetime(2026, 11, 3, tzinfo=UTC)
ARRIVED = "_ingested"
_TYPES = {
    "string": "VARCHAR DEFAULT ''",  # a text is never null in Kusto
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
}


class Tables:
    """The tables of a workspace, empty at first."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.engine = Engine(self.connection)
        for table, columns in SCHEMA.items():
            listed = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in columns.items())
            self.connection.execute(f"CREATE TABLE stored_{table} ({listed}, {ARRIVED} TIMESTAMP)")

    def put(self, table: str, row: dict[str, Any]) -> None:
        """Add a row; lists and dicts are stored as JSON."""
        names = ", ".join(f'"{name}"' for name in row)
        values = [_stored(value) for value in row.values()]
        self.connection.execute(
            f"INSERT INTO stored_{table} ({names}) VALUES ({', '.join('?' * len(row))})", values
        )

    def call(self, correlation: str, at: datetime = DAY, **columns: Any) -> None:
        """Log a call of the gateway that went well, but for what ``columns`` say."""
        usual = {"IsRequestSuccess": True, "ApiId": "openai", "Cache": "none", ARRIVED: _later(at)}
        self.put(
            "ApiManagementGatewayLogs",
            {"CorrelationId": correlation, "TimeGenerated": at} | usual | columns,
        )

    def answer(self, correlation: str, at: datetime = DAY, **columns: Any) -> None:
        """Log a row of a call's answer, 10 tokens asked and 5 answered but for ``columns``."""
        usual = {
            "SequenceNumber": 0,
            "RequestId": "r",
            "ModelName": "gpt-4o-2024-11-20",
            "DeploymentName": "chat",
            "PromptTokens": 10,
            "CompletionTokens": 5,
            "TotalTokens": 15,
            "IsStreamCompletion": False,
            ARRIVED: _later(at),
        }
        self.put(
            "ApiManagementGatewayLlmLog",
            {"CorrelationId": correlation, "TimeGenerated": at} | usual | columns,
        )

    def ask(self, name: str, begin: datetime = DAY, days: float = 1, **values: Any) -> list[Any]:
        """Ask a query that ships; parameters not named are switched off."""
        bound = values_of(name) | values
        end = begin + timedelta(days=days)
        (table,) = self.engine.run(between(shipped(name, **bound), begin, end), begin, end)[
            "tables"
        ]
        columns = table["columns"]
        return [
            {
                each["name"]: _read(each["type"], cell)
                for each, cell in zip(columns, row, strict=True)
            }
            for row in table["rows"]
        ]


def _later(at: datetime) -> datetime:
    return at + timedelta(minutes=5)


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _read(kind: str, cell: Any) -> Any:
    moment = kind == "datetime" and cell is not None
    return datetime.fromisoformat(cell).replace(tzinfo=None) if moment else cell
