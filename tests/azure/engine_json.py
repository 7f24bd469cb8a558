"""Values and types as the Log Analytics query API writes them."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

KUSTO_TYPES = {
    "VARCHAR": "string",
    "TINYINT": "int",
    "SMALLINT": "int",
    "INTEGER": "int",
    "BIGINT": "long",
    "HUGEINT": "long",
    "FLOAT": "real",
    "DOUBLE": "real",
    "BOOLEAN": "bool",
    "TIMESTAMP": "datetime",
    "INTERVAL": "timespan",
    "JSON": "dynamic",
    "UUID": "guid",
}
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "timespan": "INTERVAL",
    "dynamic": "JSON",
    "guid": "UUID",
}


def kusto_type(duckdb_type: str) -> str:
    """Kusto's name of a DuckDB type; what is neither a scalar nor a decimal is dynamic."""
    if duckdb_type.startswith("DECIMAL"):
        return "decimal"
    return KUSTO_TYPES.get(duckdb_type, "dynamic")


def writer(kind: str) -> Callable[[Any], Any]:
    """How a column of this Kusto type is written; a string is never null."""
    if kind == "string":
        return lambda value: "" if value is None else value
    write = _WRITERS.get(kind, lambda value: value)
    return lambda value: None if value is None else write(value)


def _datetime(value: datetime) -> str:
    """ISO 8601 in UTC; a fraction, where there is one, has Kusto's seven digits."""
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{value.microsecond:06d}0Z" if value.microsecond else f"{text}Z"


def _timespan(value: timedelta) -> str:
    """``[-][d.]hh:mm:ss[.fffffff]``."""
    sign = "-" if value < timedelta(0) else ""
    span = abs(value)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    day = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds:06d}0" if span.microseconds else ""
    return f"{sign}{day}{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}"


def _real(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _dynamic(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=_inside)


def _inside(value: Any) -> Any:
    if isinstance(value, datetime):
        return _datetime(value)
    if isinstance(value, timedelta):
        return _timespan(value)
    return str(value)


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _datetime,
    "timespan": _timespan,
    "real": _real,
    "dynamic": _dynamic,
    "decimal": lambda value: str(Decimal(value)),
    "guid": lambda value: str(UUID(str(value))),
}
