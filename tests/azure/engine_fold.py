"""Expressions of literals alone, worked out before they become SQL.

Parameters of a query are literals, and its functions take them apart again and again. Written out,
that is half a megabyte of SQL which DuckDB plans for a second and computes for every row; what is
worked out here is what Kusto's own optimizer works out too. Nothing changes but the time it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckdb_kql import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


def folded(call: ir.FunctionCall, columns: Collection[str]) -> ir.Expr:
    """Work the call out where its arguments are literals, or names bound to one.

    A bound name that some column also has is left alone: there the column would win.
    """
    name = call.name.lower()
    args = [literal_of(each, columns) for each in call.args]
    if name in ("iff", "iif") and args[0] is not None and len(args) == 3:
        return call.args[1] if args[0].value else call.args[2]
    texts = [each.value for each in args if each is not None and each.kind == "string"]
    fold = _OF_TEXTS.get(name)
    if fold is None or len(texts) != len(args) or not texts:
        return call
    return fold([str(each) for each in texts])


def compared(pair: ir.BinaryOp, columns: Collection[str]) -> ir.Expr:
    """Work out whether two literal texts are equal."""
    sides = [literal_of(each, columns) for each in (pair.left, pair.right)]
    texts = [each.value for each in sides if each is not None and each.kind == "string"]
    if pair.op not in ("==", "!=") or len(texts) != 2:
        return pair
    return ir.Literal((texts[0] == texts[1]) is (pair.op == "=="), "bool")


def literal_of(expr: ir.Expr, columns: Collection[str]) -> ir.Literal | None:
    """Return the literal that an expression is, or None."""
    if isinstance(expr, ir.LetRef):
        return None if expr.name in columns else literal_of(expr.value, columns)
    return expr if isinstance(expr, ir.Literal) else None


def _text(value: str) -> ir.Literal:
    return ir.Literal(value, "string")


_OF_TEXTS: dict[str, Callable[[Sequence[str]], ir.Literal]] = {
    "strcat": lambda texts: _text("".join(texts)),
    "tostring": lambda texts: _text(texts[0]),
    "tolower": lambda texts: _text(texts[0].lower()),
    "toupper": lambda texts: _text(texts[0].upper()),
    "replace_string": lambda texts: _text(texts[0].replace(texts[1], texts[2])),
    "strlen": lambda texts: ir.Literal(len(texts[0]), "long"),
    "isempty": lambda texts: ir.Literal(texts[0] == "", "bool"),
    "isnotempty": lambda texts: ir.Literal(texts[0] != "", "bool"),
}
