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
from spendwatch.db_engines import WRITES, connect, sqlite_file

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
    engine = connect(url, PERSON_WAIT_MS)
    with translated(url):
        current, head = schema_of(engine), _script(MIGRATIONS).get_current_head()
    if current != head:
        raise DatabaseVersionError(
            f"the database's schema is {current}, and this spendwatch needs {head}"
        )
    return engine


def upgrade(engine: Engine, migrations: Path = MIGRATIONS, guard: Guard = _unguarded) -> None:
    """Run the migrations that are missing; refuse a schema this program does not know."""
    script = _script(migrations)
    current, head = schema_of(engine), script.get_current_head()
    if current == head:
        return
    if current is not None and current not in {rev.revision for rev in script.walk_revisions()}:
        raise DatabaseVersionError(
            f"the database's schema ({current}) is newer than this spendwatch; "
            "install the newer version, or restore a backup made with this one"
        )
    with guard(engine, current) if current else nullcontext():
        _migrate(engine, _config(migrations))


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return config


def _script(migrations: Path) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(migrations))


def schema_of(engine: Engine) -> str | None:
    """Return the revision of the schema; None where there is none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _migrate(engine: Engine, config: Config) -> None:
    """Run all that is missing in one transaction: all of it or none of it."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
