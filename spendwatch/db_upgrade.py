"""The schema: brought up to date under the lock, after a backup, or refused."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from spendwatch.db import (
    PERSON_WAIT_MS,
    WAIT_MS,
    DatabaseError,
    DatabaseVersionError,
    open_engine,
    translated,
)
from spendwatch.db_engines import WRITES, sqlite_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    Guard = Callable[[Engine, str], AbstractContextManager[object]]

MIGRATIONS = Path(__file__).parent / "migrations"


def _unguarded(_engine: Engine, _before: str) -> AbstractContextManager[object]:
    return nullcontext()


def open_database(url: str, *, wait_ms: int = WAIT_MS, guard: Guard = _unguarded) -> Engine:
    """Open the database at ``url`` and bring its schema up to date.

    ``guard`` is entered around the migration of a database that holds something already.
    """
    engine = open_engine(url, wait_ms=wait_ms)
    with translated(url):
        upgrade(engine, guard=guard)
    return engine


def open_as_is(url: str) -> Engine:
    """Open a database for looking at it; refuse one that is not there, or of another schema."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise DatabaseError(f"there is no database {file} so far: nothing has run yet")
    engine = open_engine(url, wait_ms=PERSON_WAIT_MS)
    with translated(url):
        current = schema_of(engine)
    if current != newest_schema():
        raise DatabaseVersionError(
            f"the database's schema is {current}, and this spendwatch needs {newest_schema()}"
        )
    return engine


def upgrade(
    engine: Engine, migrations: Path = MIGRATIONS, guard: Guard = _unguarded, to: str = ""
) -> None:
    """Run the migrations that are missing; refuse a schema this program does not know.

    ``to`` is the revision to stop at, by default the newest.
    """
    config = _config(migrations)
    script = ScriptDirectory.from_config(config)
    current, wanted = schema_of(engine), to or script.get_current_head()
    if current == wanted:
        return
    if current is not None:
        refuse_unknown(current, migrations)
    with guard(engine, current) if current else nullcontext():
        _migrate(engine, config, wanted or "head")


def refuse_unknown(revision: str, migrations: Path = MIGRATIONS) -> None:
    """Refuse a schema that a newer program made; raises DatabaseVersionError."""
    script = ScriptDirectory.from_config(_config(migrations))
    if revision not in {known.revision for known in script.walk_revisions()}:
        raise DatabaseVersionError(
            f"the database's schema ({revision}) is newer than this spendwatch; "
            "install the newer version, or restore a backup made with this one"
        )


def newest_schema() -> str:
    """Return the revision that this program works with."""
    return ScriptDirectory.from_config(_config(MIGRATIONS)).get_current_head() or ""


def schema_of(engine: Engine) -> str | None:
    """Return the revision of the schema; None where there is none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return config


def _migrate(engine: Engine, config: Config, to: str) -> None:
    """Run all that is missing in one transaction: all of it or none of it."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, to)
