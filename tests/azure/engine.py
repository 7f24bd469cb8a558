"""Runs KQL over DuckDB and answers as the Log Analytics query API does.

A table ``T`` of the workspace is stored as ``stored_T`` with those columns that hold something and
``_ingested``, when the row could first be queried; every other column of the table's documented
schema is there and empty. A query sees the rows that had been ingested by ``clock`` and whose time
lies in the window asked for. The window includes its end: what cuts it half open is the query.

    engine = Engine(connection)
    engine.clock = datetime(2026, 11, 3, 4)
    body = engine.run("ApiManagementGatewayLogs | count", begin, end)

Errors
------
EngineError
    The query cannot be answered, in the words of the API; ``body()`` is what goes over the wire.
StandInLacksError
    The query is good KQL as far as we know, and this stand-in cannot run it: extend it.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb_kql import KqlError, KqlSchemaError, KqlSyntaxError, ir
from duckdb_kql.lower import lower
from duckdb_kql.schema import _operator_columns
from duckdb_kql.translate import to_sql

from tests.azure.engine_dialect import install
from tests.azure.engine_json import DUCKDB_TYPES, kusto_type, writer
from tests.azure.engine_rewrite import INGESTED, in_known_words, nodes, without_hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from duckdb_kql.engine import Schema

SCHEMA = json.loads((Path(__file__).parent / "log_analytics_schema.json").read_text())
MOST_ROWS = 500_000
MOST_BYTES = 100 * 1024 * 1024
TIME_COLUMNS = ("TimeGenerated", "timestamp")
install()


class EngineError(Exception):
    """The API refuses a query: ``code`` over ``innercode``, and the innermost sentence."""

    def __init__(self, code: str, innercode: str, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.code, self.innercode, self.message, self.cause = code, innercode, message, cause

    def body(self) -> dict[str, Any]:
        """Return the JSON of the answer, status 400."""
        inner: dict[str, Any] = {"code": self.innercode, "message": _SENTENCES[self.innercode]}
        inner["innererror"] = {"code": self.cause, "message": self.message}
        return {
            "error": {
                "message": "The request had some invalid properties",
                "code": self.code,
                "correlationId": "00000000-0000-0000-0000-000000000000",
                "innererror": inner,
            }
        }


class StandInLacksError(Exception):
    """The stand-in cannot run what Kusto can; nothing the API would ever say."""


_SENTENCES = {
    "SemanticError": "A semantic error occurred.",
    "SyntaxError": "A recognition error occurred in the query.",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """How a workspace differs from the documented one.

    Attributes
    ----------
    missing : frozenset of str
        Tables it does not know.
    empty : frozenset of str
        Tables it knows and that hold no row.
    renamed : mapping of str to mapping of str to str
        By table, the columns that have another name.
    diagnostics_only : bool
        The diagnostic setting is not resource specific: the gateway's rows stand in
        AzureDiagnostics and its own tables are empty.
    most_rows, most_bytes : int
        Where an answer is cut off and called partial.
    """

    missing: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    diagnostics_only: bool = False
    most_rows: int = MOST_ROWS
    most_bytes: int = MOST_BYTES

    def tables(self) -> dict[str, dict[str, str]]:
        """Every table it knows: the columns and their types."""
        return {
            table: {self.column(table, name): kind for name, kind in columns.items()}
            for table, columns in SCHEMA.items()
            if table not in self.missing
        }

    def column(self, table: str, name: str) -> str:
        """What a documented column is called here."""
        return self.renamed.get(table, {}).get(name, name)

    def holds(self, table: str) -> bool:
        """Whether rows that were written to the table can be read from it."""
        if table in self.empty:
            return False
        gateway = table.startswith("ApiManagementGateway")
        diagnostics = table == "AzureDiagnostics"
        return not (gateway if self.diagnostics_only else diagnostics)


class Engine:
    """One workspace (or resource); may be asked by several threads at once.

    Parameters
    ----------
    connection : duckdb connection
        Holds the ``stored_*`` tables.
    workspace : Workspace
        What it knows; may be set at any moment, as when a switch of the portal is turned.
    clock : datetime or None
        Rows ingested later are not there yet; None is the end of time. May be set at any moment.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        workspace: Workspace | None = None,
        clock: datetime | None = None,
    ) -> None:
        self.clock = clock
        self._connection = connection
        self.workspace = workspace or Workspace()

    def run(
        self, text: str, begin: datetime | None = None, end: datetime | None = None
    ) -> dict[str, Any]:
        """Answer a query for a window of time; raises EngineError and StandInLacksError."""
        tables = self.workspace.tables()
        query = _translated(text, tables)
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone='UTC'")
            for name in sorted(query.tables & tables.keys()):
                cursor.execute(self._view(cursor, name, tables[name], begin, end))
            return self._answer(cursor, query.sql)
        finally:
            cursor.close()

    def _view(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: str,
        columns: Mapping[str, str],
        begin: datetime | None,
        end: datetime | None,
    ) -> str:
        stored = _stored_columns(cursor, table)
        documented = SCHEMA[table]
        wanted = [
            _selected(name, kind, self.workspace.column(table, name), name in stored)
            for name, kind in documented.items()
        ]
        wanted.append(f'{"_ingested" if stored else "NULL::TIMESTAMP"} AS "{INGESTED}"')
        rows = f"stored_{table}" if stored else "(SELECT 1)"
        visible = " AND ".join(self._conditions(table, bool(stored), begin, end)) or "true"
        return (
            f'CREATE OR REPLACE TEMP VIEW "{table}" AS '
            f"SELECT {', '.join(wanted)} FROM {rows} WHERE {visible}"
        )

    def _conditions(
        self, table: str, stored: bool, begin: datetime | None, end: datetime | None
    ) -> Iterator[str]:
        if not stored or not self.workspace.holds(table):
            yield "false"
            return
        time = next(name for name in TIME_COLUMNS if name in SCHEMA[table])
        bounds = ((time, ">=", begin), (time, "<=", end), ("_ingested", "<=", self.clock))
        for column, relation, bound in bounds:
            if bound is not None:
                yield f"{column} {relation} TIMESTAMPTZ '{bound.isoformat()}' AT TIME ZONE 'UTC'"

    def _answer(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
        try:
            cursor.execute(sql)
        except duckdb.Error as error:
            raise StandInLacksError(f"{error}\n{sql}") from error
        columns = [(name, kusto_type(str(kind))) for name, kind, *_ in cursor.description]
        writers = [writer(kind) for _, kind in columns]
        found = cursor.fetchmany(self.workspace.most_rows + 1)
        rows = [[write(cell) for write, cell in zip(writers, row, strict=True)] for row in found]
        return self._cut(
            {
                "name": "PrimaryResult",
                "columns": [{"name": name, "type": kind} for name, kind in columns],
                "rows": rows,
            }
        )

    def _cut(self, table: dict[str, Any]) -> dict[str, Any]:
        """Keep as many rows as the API returns, and say so where that is not all."""
        rows, most = table["rows"], self.workspace.most_rows
        size = len(json.dumps(rows))
        if len(rows) <= most and size <= self.workspace.most_bytes:
            return {"tables": [table]}
        share = min(1.0, self.workspace.most_bytes / size)
        table["rows"] = rows[: min(most, int(len(rows) * share))]
        return {"tables": [table], "error": _TOO_LARGE}


_TOO_LARGE = {
    "code": "PartialError",
    "message": "There were some errors when processing your query.",
    "details": [
        {
            "code": "EngineError",
            "message": "Something went wrong processing your query on the server.",
            "innererror": {
                "code": "-2133196797",
                "message": "The results of this query exceed the set limit of records or bytes "
                "(E_QUERY_RESULT_SET_TOO_LARGE).",
                "severity": 2,
                "severityName": "Error",
            },
        }
    ],
}


@dataclass(frozen=True, slots=True)
class _Query:
    sql: str
    tables: frozenset[str]


_BOUND_MOMENT = re.compile(
    r"^let (?P<name>\w+) = datetime\((?P<moment>[0-9][0-9TZ:.-]*)\);", re.MULTILINE
)
_TRANSLATING = threading.Lock()
_MOMENT_OF = "1911-11-11T11:11:{:02d}.1234567Z"


def _translated(text: str, tables: Mapping[str, Mapping[str, str]]) -> _Query:
    """Translate once what differs in the moments it binds alone: it takes half a second."""
    moments: list[str] = []

    def stand_in(found: re.Match[str]) -> str:
        moments.append(found["moment"])
        return f"let {found['name']} = datetime({_MOMENT_OF.format(len(moments) % 60)});"

    form = _BOUND_MOMENT.sub(stand_in, text)
    with _TRANSLATING:
        query = _parsed(form, tuple((name, *columns) for name, columns in tables.items()))
    sql = query.sql
    for number, moment in enumerate(moments, 1):
        sql = sql.replace(f"'{_MOMENT_OF.format(number % 60)}'", f"'{moment}'")
    return _Query(sql, query.tables)


@lru_cache(maxsize=256)
def _parsed(text: str, tables: tuple[tuple[str, ...], ...]) -> _Query:
    schema = {name: [*columns, INGESTED] for name, *columns in tables}
    try:
        query = in_known_words(lower(text), schema)
    except KqlSyntaxError as error:
        message = f"Query could not be parsed: {error}"
        raise EngineError("BadArgumentError", "SyntaxError", message, "SYN0002") from error
    except KqlError as error:
        raise StandInLacksError(str(error)) from error
    try:
        _check_names(query, schema)
        ready = without_hidden(query, schema)
        return _Query(str(to_sql(ready, schema)), _tables_read(ready))
    except KqlSchemaError as error:
        raise _unresolved("query", error.name) from error
    except KqlError as error:
        raise StandInLacksError(str(error)) from error


def _check_names(query: ir.Query, schema: Schema, operator: str = "") -> list[str]:
    """Resolve every table and column as Kusto does, exactly; return the columns that come out."""
    scope = dict(schema)
    for name, bound in query.lets:
        if isinstance(bound, ir.Query):
            scope[name] = _check_names(bound, scope)
    columns = _source_columns(query.source, scope, operator)
    for each in query.operators:
        name = type(each).__name__.lower()
        for nested in _queries_in(each):
            _check_names(nested, scope, name)
        unknown = [ref for ref in _columns_in(each) if ref not in columns and ref[0] != "$"]
        if unknown:
            raise _unresolved(name, unknown[0])
        columns = _operator_columns(each, columns, scope)
    return columns


def _source_columns(source: ir.Source, scope: Schema, operator: str) -> list[str]:
    from duckdb_kql.schema import _source_columns as columns_of

    if isinstance(source, ir.TableRef) and source.name not in scope:
        raise _unresolved(operator or "where", source.name)
    return list(columns_of(source, scope))


def _columns_in(operator: ir.Operator) -> list[str]:
    parts = nodes(operator, into_queries=False)
    return [part.name for part in parts if isinstance(part, ir.ColumnRef)]


def _queries_in(operator: ir.Operator) -> Iterator[ir.Query]:
    for part in nodes(operator, into_queries=False):
        for name in getattr(part, "__dataclass_fields__", ()):
            value = getattr(part, name)
            found = value if isinstance(value, (list, tuple)) else [value]
            yield from (each for each in found if isinstance(each, ir.Query))


def _unresolved(operator: str, name: str) -> EngineError:
    message = f"'{operator}' operator: Failed to resolve table or column expression named '{name}'"
    return EngineError("BadArgumentError", "SemanticError", message, "SEM0100")


def _tables_read(query: ir.Query) -> frozenset[str]:
    return frozenset(part.name for part in nodes(query) if isinstance(part, ir.TableRef))


def _stored_columns(cursor: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    found = cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = ?",
        [f"stored_{table}"],
    )
    return {name for (name,) in found.fetchall()}


def _selected(name: str, kind: str, shown: str, stored: bool) -> str:
    empty = "''" if kind == "string" else "NULL"
    value = f'"{name}"' if stored else empty
    return f'{value}::{DUCKDB_TYPES[kind]} AS "{shown}"'
