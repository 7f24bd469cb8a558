"""What duckdb-kql lacks of Kusto: functions it does not know, and strings that are never null.

The stand-in is extended, never the query bent. Functions are new rows of duckdb-kql's registries,
which are data for that purpose. Two of its renderers are replaced because no row can say it:

- ``join``: Kusto has no null string; the side of an outer join that found nothing holds "".
- ``arg_max``: one row wins, also between rows of equal rank; asked column by column, DuckDB may
  take them from two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckdb_kql import translate
from duckdb_kql.schema import join_output_columns
from duckdb_kql.translate import functions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb_kql import ir

MEMBER = "kql_member"
BIN_TIME = "kql_bin_time"
FILLED = "CASE WHEN typeof({0}) = 'VARCHAR' AND {0} IS NULL THEN '' ELSE {0} END"
# DuckDB takes an empty name for a mistake in a path; in Kusto it names nothing.
_KEY = """'$."' || replace(nullif(CAST({1} AS VARCHAR), ''), '"', '\\"') || '"'"""
_POSITION = (
    "'$[' || CASE WHEN TRY_CAST({1} AS BIGINT) < 0 THEN '#' ELSE '' END "
    "|| CAST(TRY_CAST({1} AS BIGINT) AS VARCHAR) || ']'"
)
_OUTER = frozenset({"leftouter", "rightouter", "fullouter"})

SCALARS = (
    # `d[key]` where the key is no literal: a name or a position, as its type says.
    functions.FunctionSpec(
        MEMBER,
        "template",
        f"json_extract({{0}}, CASE typeof({{1}}) WHEN 'VARCHAR' THEN {_KEY} ELSE {_POSITION} END)",
        (2,),
    ),
    # `bin(time, n * 1m)`: whole microseconds, from the epoch.
    functions.FunctionSpec(
        BIN_TIME,
        "template",
        "make_timestamp(epoch_us({0}) - ((epoch_us({0}) % epoch_us({1})) + epoch_us({1})) "
        "% epoch_us({1}))",
        (2,),
    ),
    functions.FunctionSpec(
        "bag_keys", "template", "to_json(json_keys({0}))", (1,), note="null of no bag"
    ),
    functions.FunctionSpec(
        "bag_has_key", "template", "coalesce(list_contains(json_keys({0}), {1}), false)", (2,)
    ),
)


def _if(name: str, inner: str, **naming: bool) -> functions.AggregateSpec:
    template = FILLED.format(f"({inner} FILTER (WHERE {{1}}))")
    return functions.AggregateSpec(name, template, (2,), **naming)


AGGREGATES = (
    _if("take_anyif", "any_value({0})", name_is_argument=True),
    _if("anyif", "any_value({0})"),
    _if("maxif", "max({0})"),
    _if("minif", "min({0})"),
    functions.AggregateSpec("count_distinct", "count(DISTINCT {0})", (1,)),
)


def filled(column: str) -> str:
    """SQL of a column in which no string is null."""
    return FILLED.format(translate.quote_ident(column))


def _render_join(op: ir.Join, prev: str, left: list[str], right_sql: str, right: list[str]) -> str:
    body = _JOIN(op, prev, left, right_sql, right)
    if op.kind not in _OUTER:
        return body
    names = join_output_columns(left, right, op.kind)
    columns = ", ".join(f"{filled(name)} AS {translate.quote_ident(name)}" for name in names)
    return f"SELECT {columns} FROM ({body})"


def _render_arg_max(
    agg: ir.NamedExpr, keys: list[str], cols: list[str] | None
) -> list[tuple[str, str]] | None:
    targets = translate.arg_max_targets(agg, keys, cols)
    names = translate.arg_max_names(agg, keys, cols)
    if targets is None or names is None:
        return None
    extreme, best, picked = targets
    order = translate.render_expr(best)
    winner = _winner(extreme, order, [translate.render_expr(each) for each in picked])
    values = [f"({winner})['c{number}']" for number in range(len(picked))]
    return [(names[0], f"{extreme}({order})"), *zip(names[1:], values, strict=True)]


def _winner(extreme: str, order: str, values: Sequence[str]) -> str:
    """SQL of the whole row that wins: written once for all columns, so worked out once."""
    row = "{" + ", ".join(f"'c{number}': {value}" for number, value in enumerate(values)) + "}"
    return f"coalesce(arg_{extreme}({row}, {order}), any_value({row}))"


_JOIN = translate.render_join


def install() -> None:
    """Teach this process's duckdb-kql; doing so twice is doing so once."""
    functions.SCALAR_FUNCTIONS.update({each.name: each for each in SCALARS})
    functions.AGGREGATE_FUNCTIONS.update({each.name: each for each in AGGREGATES})
    translate.render_join = _render_join
    translate._render_arg_max = _render_arg_max
