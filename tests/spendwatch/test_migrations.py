from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlmodel import SQLModel

from spendwatch.db import reading, writing
from spendwatch.db_upgrade import MIGRATIONS, open_database, upgrade

ROOT = Path(__file__).parents[2]
HALF_WAY = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = depends_on = None


def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO tenant_name VALUES ('acme', 'Acme')")
    {then}
"""


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'spendwatch.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def next_migration(tmp_path):
    """A copy of the migrations with one more; ``then`` is what it does at its end."""

    def write(then):
        folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations", dirs_exist_ok=True)
        words = HALF_WAY.format(revision="next", down=head(MIGRATIONS), then=then)
        (folder / "versions" / "next.py").write_text(words)
        return folder

    return write


def head(migrations):
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return ScriptDirectory.from_config(config).get_current_head()


def migrate(engine, to, move=command.upgrade):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        move(config, to)


def revision(engine):
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_the_migrations_lead_to_the_tables_as_they_are_declared(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_database_is_brought_to_the_newest_revision(engine):
    assert revision(engine) == head(MIGRATIONS)


def test_fault_107_a_migration_that_fails_half_way_leaves_nothing_behind(engine, next_migration):
    with pytest.raises(ZeroDivisionError):
        upgrade(engine, next_migration("1 / 0"))

    assert not inspect(engine).has_table("half")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM tenant_name").scalar() == 0
    assert revision(engine) == head(MIGRATIONS)


def test_fault_107_what_failed_half_way_is_finished_by_the_next_start(engine, next_migration):
    with pytest.raises(ZeroDivisionError):
        upgrade(engine, next_migration("1 / 0"))
    upgrade(engine, next_migration("pass"))

    assert inspect(engine).has_table("half")
    assert revision(engine) == "next"


def test_an_old_database_keeps_its_data_through_an_upgrade(engine, next_migration):
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO tenant_name VALUES ('bolt', 'Bolt')")
    upgrade(engine, next_migration("pass"))
    with engine.connect() as connection:
        names = connection.exec_driver_sql("SELECT tenant FROM tenant_name ORDER BY 1").scalars()
        assert names.all() == ["acme", "bolt"]


def test_slots_stored_before_their_days_were_noted_count_as_whole_and_summed(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    migrate(engine, "0001")
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO series VALUES (1, 'gateway', 'acme', '', '', '', '', '2026-11-12')",
            "INSERT INTO usage_slot VALUES ('2026-11-12 23:00:00', 1, 0, 'hour', 1, 0, 1, 1, 1, "
            "NULL, 0)",
        ):
            connection.exec_driver_sql(statement)
    upgrade(engine)
    with engine.connect() as connection:
        days = connection.exec_driver_sql("SELECT * FROM slot_day").all()
    assert days == [("gateway", "2026-11-12", 1, 1)]
    engine.dispose()


def test_every_table_goes_when_the_first_migration_is_undone(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'undone.db'}")
    migrate(engine, "head")
    migrate(engine, "base", command.downgrade)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


KILLED = """
import os, signal, sys
from pathlib import Path
from spendwatch.db import open_engine
from spendwatch.db_upgrade import upgrade

upgrade(open_engine(sys.argv[1]), Path(sys.argv[2]))
"""


def test_fault_107_a_process_killed_in_a_migration_is_finished_by_the_next(
    database_url, next_migration
):
    engine = open_database(database_url)
    with writing(engine) as session:
        session.connection().exec_driver_sql("INSERT INTO tenant_name VALUES ('bolt', 'Bolt')")
    deadly = next_migration("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    command = [sys.executable, "-c", KILLED, database_url, str(deadly)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert revision(engine) == head(MIGRATIONS)
    assert not inspect(engine).has_table("half")

    upgrade(engine, next_migration("pass"))
    assert (revision(engine), inspect(engine).has_table("half")) == ("next", True)
    with reading(engine) as session:
        names = session.connection().exec_driver_sql("SELECT tenant FROM tenant_name ORDER BY 1")
        assert names.scalars().all() == ["acme", "bolt"]
    engine.dispose()
