"""A parsed query made ready for duckdb-kql: ingestion_time(), keys that are no literals, bins.

``ingestion_time()`` is a property of a row that no operator lists. Here it is a hidden column that
each pipeline reads from its table and that is taken away at the pipeline's end, and ``*`` of
arg_max never returns it because it is what is maximised.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from duckdb_kql import ir
from duckdb_kql.schema import output_columns
from duckdb_kql.translate.naming import expression_name

from tests.azure.engine_dialect import BIN_TIME, MEMBER
from tests.azure.engine_fold import compared, folded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from duckdb_kql.engine import Schema

INGESTED = "$ingested"
_EXTREMES = {"arg_max": "max_", "arg_min": "min_"}
_UNNAMED = "$IngestionTime"


def in_known_words(query: ir.Query, schema: Schema) -> ir.Query:
    """Return the query in words that duckdb-kql knows; the schema tells which names are columns."""
    columns = frozenset(_made(query)).union(*schema.values())
    changed: ir.Query = _mapped(query, lambda node: _in_known_words(node, columns))
    return changed


def _made(query: ir.Query) -> Iterator[str]:
    """Every name that the query itself gives a column."""
    for node in nodes(query):
        if isinstance(node, ir.NamedExpr) and node.name:
            yield node.name
        elif isinstance(node, ir.DataTable):
            yield from (name for name, _ in node.columns)


def nodes(node: Any, *, into_queries: bool = True) -> Iterator[Any]:
    """Every part of a parsed query, or of an operator without the queries nested in it."""
    yield node
    for part in _parts(node):
        if into_queries or not isinstance(part, ir.Query):
            yield from nodes(part, into_queries=into_queries)


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, (list, tuple)):
        yield from node
    elif _is_node(node):
        yield from (getattr(node, each.name) for each in dataclasses.fields(node))


def _is_node(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _mapped(node: Any, change: Callable[[Any], Any], done: dict[int, Any] | None = None) -> Any:
    """Rebuild the tree from its leaves up, each node as ``change`` gives it back.

    A part that is reached twice stays one part: duckdb-kql works it out once for that.
    """
    known = {} if done is None else done
    if isinstance(node, (list, tuple)):
        return type(node)(_mapped(each, change, known) for each in node)
    if not _is_node(node):
        return node
    if id(node) not in known:
        parts = {
            each.name: _mapped(getattr(node, each.name), change, known)
            for each in dataclasses.fields(node)
        }
        known[id(node)] = change(dataclasses.replace(node, **parts))
    return known[id(node)]


def _in_known_words(node: Any, columns: Collection[str]) -> Any:
    if isinstance(node, ir.FunctionCall):
        return _call(node, columns)
    if isinstance(node, ir.BinaryOp):
        return compared(node, columns)
    if isinstance(node, ir.PathAccess):
        return _path(node)
    if isinstance(node, ir.NamedExpr):
        return _named(node)
    if isinstance(node, ir.Query):
        return dataclasses.replace(node, operators=list(_operators(node.operators)))
    return node


def _call(call: ir.FunctionCall, columns: Collection[str]) -> ir.Expr:
    name = call.name.lower()
    if name == "ingestion_time" and not call.args:
        return ir.ColumnRef(INGESTED)
    if name in ("bin", "floor") and len(call.args) == 2 and _is_span(call.args[1]):
        return ir.FunctionCall(BIN_TIME, call.args)
    return folded(call, columns)


def _named(named: ir.NamedExpr) -> ir.NamedExpr:
    """Give ingestion_time() the name it has in Kusto where the query gives none."""
    call = named.expr
    several = isinstance(call, ir.FunctionCall) and call.name.lower() in _EXTREMES
    name = None if named.name or several else expression_name(call)
    if name is None or INGESTED not in name:
        return named
    return dataclasses.replace(named, name=name.replace(INGESTED, _UNNAMED))


def _is_span(expr: Any) -> bool:
    """Whether an expression is a length of time that is worked out, as ``n * 1m`` is."""
    if isinstance(expr, ir.LetRef):
        return _is_span(expr.value)
    if not isinstance(expr, ir.BinaryOp):
        return False
    spans = (part for part in nodes(_resolved(expr)) if isinstance(part, ir.Literal))
    return any(each.kind == "timespan" for each in spans)


def _resolved(expr: Any) -> Any:
    return _mapped(expr, lambda node: node.value if isinstance(node, ir.LetRef) else node)


def _path(path: ir.PathAccess) -> ir.Expr:
    """``d[key]`` by name or position as the key's type says; a literal position stays one."""
    base: ir.Expr = path.base
    for step in path.steps:
        base = _step(base, step)
    return base


def _step(base: ir.Expr, step: ir.PathStep) -> ir.Expr:
    key = step.index
    if step.name == "":
        return ir.Literal(None, "dynamic")
    if key is None or _is_number(key):
        if isinstance(base, ir.PathAccess):
            return ir.PathAccess(base.base, (*base.steps, step))
        return ir.PathAccess(base, (step,))
    if isinstance(key, ir.Literal) and isinstance(key.value, str):
        return _step(base, ir.PathStep(name=key.value))
    return ir.FunctionCall(MEMBER, (base, key))


def _is_number(key: Any) -> bool:
    value = key.operand if isinstance(key, ir.UnaryOp) else key
    return isinstance(value, ir.Literal) and isinstance(value.value, int)


def _operators(operators: list[ir.Operator]) -> Iterator[ir.Operator]:
    for operator in operators:
        if isinstance(operator, ir.Summarize):
            yield from _summarize(operator)
        else:
            yield operator


def _summarize(operator: ir.Summarize) -> Iterator[ir.Operator]:
    """Name what an arg_max of no plain column maximises, as Kusto does, and work it out first."""
    before: list[ir.NamedExpr] = []
    aggregates = tuple(_extreme(each, before) for each in operator.aggregates)
    if before:
        yield ir.Extend(tuple(before))
    yield dataclasses.replace(operator, aggregates=aggregates)


def _extreme(named: ir.NamedExpr, before: list[ir.NamedExpr]) -> ir.NamedExpr:
    call = named.expr
    if not isinstance(call, ir.FunctionCall) or call.name.lower() not in _EXTREMES:
        return named
    first, *others = call.args
    computed = not isinstance(first, ir.ColumnRef)
    if computed:
        before.append(ir.NamedExpr(first, f"$best{len(before)}"))
        first = ir.ColumnRef(f"$best{len(before) - 1}")
    given = _EXTREMES[call.name.lower()] if computed else first.name.replace(INGESTED, _UNNAMED)
    return ir.NamedExpr(dataclasses.replace(call, args=(first, *others)), named.name or given)


def without_hidden(query: ir.Query, schema: Schema) -> ir.Query:
    """Take the hidden column away at the end of every pipeline it reaches; the schema lists it."""
    scope = dict(schema)
    lets: list[Any] = []
    for name, bound in query.lets:
        kept = without_hidden(bound, scope) if isinstance(bound, ir.Query) else bound
        lets.append((name, kept))
        if isinstance(kept, ir.Query):
            scope[name] = output_columns(kept, scope)
    operators = [_in_scope(each, scope, {}) for each in query.operators]
    found = ir.Query(query.source, operators, lets, list(query.parameters))
    if INGESTED in output_columns(found, scope):
        found.operators.append(ir.ProjectAway((INGESTED,)))
    return found


def _in_scope(part: Any, scope: Schema, done: dict[int, Any]) -> Any:
    if isinstance(part, ir.Query):
        return without_hidden(part, scope)
    if isinstance(part, (list, tuple)):
        return type(part)(_in_scope(each, scope, done) for each in part)
    if not _is_node(part):
        return part
    if id(part) not in done:
        parts = {
            each.name: _in_scope(getattr(part, each.name), scope, done)
            for each in dataclasses.fields(part)
        }
        done[id(part)] = dataclasses.replace(part, **parts)
    return done[id(part)]
