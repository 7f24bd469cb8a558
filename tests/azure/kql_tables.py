"""A few hand-made rows, and our queries over them by duckdb-kql alone.

What duckdb-kql lacks is put into its words here, never left out of a query: ``ingestion_time()`` is
a column, and a key of a bag that is a parameter becomes the literal it is bound to.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import duckdb_kql

from detector.sources.kql_text import between, shipped
from tests.azure.kql_files import SCHEMA, values_of

DAY = datetime(2026, 11, 3, tzinfo=UTC)
ARRIVED = "_arrived"
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
        for table, columns in json.loads(SCHEMA.read_text()).items():
            listed = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in columns.items())
            self.connection.execute(f'CREATE TABLE "{table}" ({listed}, {ARRIVED} TIMESTAMP)')

    def put(self, table: str, row: dict[str, Any]) -> None:
        """Add a row; lists and dicts are stored as JSON."""
        names = ", ".join(f'"{name}"' for name in row)
        values = [_stored(value) for value in row.values()]
        self.connection.execute(
            f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(row))})', values
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
        text = between(shipped(name, **bound), begin, begin + timedelta(days=days))
        relation = duckdb_kql.kql(self.connection, _in_its_words(text, bound))
        rows = relation.fetchall()
        return [dict(zip(relation.columns, row, strict=True)) for row in rows]


def _later(at: datetime) -> datetime:
    return at + timedelta(minutes=5)


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _in_its_words(text: str, bound: dict[str, Any]) -> str:
    def with_key(found: re.Match[str]) -> str:
        key = bound[found[2]]
        return f'tostring({found[1]}["{key}"])' if key else '""'

    text = re.sub(r"\bdimension_value\((Properties|customDimensions), (\w+)\)", with_key, text)
    return text.replace("ingestion_time()", ARRIVED)
