"""The triggers that remove the vector of a day with any change to its rows, in either database."""

from __future__ import annotations

_CHANGES = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}


def create_triggers(dialect: str) -> tuple[str, ...]:
    """Return the statements that create them, for ``sqlite`` or ``postgresql``.

    SQLite looks at each row that changed, PostgreSQL once at all rows of a statement.
    """
    if dialect == "sqlite":
        return tuple(_of_rows(change, sides) for change, sides in _CHANGES.items())
    return tuple(
        statement for change, sides in _CHANGES.items() for statement in _of_all(change, sides)
    )


def drop_triggers(dialect: str) -> tuple[str, ...]:
    """Return the statements that drop them."""
    if dialect == "sqlite":
        return tuple(f"DROP TRIGGER cost_day_{change}" for change in _CHANGES)
    return tuple(f"DROP FUNCTION forget_vector_on_{change}() CASCADE" for change in _CHANGES)


def _of_rows(change: str, sides: tuple[str, ...]) -> str:
    forget = " ".join(f"DELETE FROM day_vector WHERE day = {side}.day;" for side in sides)  # noqa: S608 - no word of it comes from outside
    return (
        f"CREATE TRIGGER IF NOT EXISTS cost_day_{change} AFTER {change} ON cost_day "
        f"BEGIN {forget} END"
    )


def _of_all(change: str, sides: tuple[str, ...]) -> tuple[str, str]:
    touched = " UNION ".join(f"SELECT day FROM {side.lower()}_rows" for side in sides)  # noqa: S608 - no word of it comes from outside
    tables = " ".join(f"{side} TABLE AS {side.lower()}_rows" for side in sides)
    forget = f"DELETE FROM day_vector WHERE day IN ({touched}); RETURN NULL;"  # noqa: S608 - no word of it comes from outside
    return (
        f"CREATE OR REPLACE FUNCTION forget_vector_on_{change}() RETURNS trigger "
        f"LANGUAGE plpgsql AS $$ BEGIN {forget} END $$",
        f"CREATE OR REPLACE TRIGGER cost_day_{change} AFTER {change} ON cost_day "
        f"REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION forget_vector_on_{change}()",
    )
