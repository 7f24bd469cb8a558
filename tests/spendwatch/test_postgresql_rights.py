"""A role with its own database and nothing more, as docs/postgresql.md makes it."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from spendwatch.db import DatabaseError, writing
from spendwatch.db_backup import back_up
from spendwatch.db_check import check_database
from spendwatch.db_engines import connect
from spendwatch.db_upgrade import open_database
from tests.builders import NOW
from tests.postgresql import server
from tests.spendwatch.filled import open_filled


@pytest.fixture
def role():
    """The address of an empty database whose owner may do nothing else."""
    name = f"r{uuid4().hex[:12]}"
    with psycopg.connect(server().get_uri(), autocommit=True) as administrator:
        administrator.execute(f"CREATE ROLE {name} LOGIN")
        administrator.execute(
            f"CREATE DATABASE {name} OWNER {name} ENCODING 'UTF8' TEMPLATE template0"
        )
        administrator.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        address = make_url(server().get_uri()).set(username=name, database=name)
        yield address.render_as_string(hide_password=False)
        administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
        administrator.execute(f"DROP ROLE {name}")


def test_the_owner_of_its_database_needs_no_other_right(role, tmp_path):
    engine = open_filled(role)
    assert check_database(engine).problems == ()
    assert back_up(engine, tmp_path, NOW).is_file()
    engine.dispose()


def as_administrator(role, statement):
    with psycopg.connect(server().get_uri(), dbname=make_url(role).database) as administrator:
        administrator.execute(statement)


def test_a_right_that_is_missing_is_told_in_words(role):
    open_database(role).dispose()
    as_administrator(role, "ALTER TABLE tenant_name OWNER TO CURRENT_USER")
    engine = connect(role, 1_000)
    with (
        pytest.raises(DatabaseError, match="cannot be used: permission denied for table tenant"),
        writing(engine) as session,
    ):
        session.connection().exec_driver_sql("INSERT INTO tenant_name VALUES ('a', 'A')")
    engine.dispose()


def test_fault_104_a_server_that_only_reads_is_told_in_words(role):
    open_database(role).dispose()
    name = make_url(role).database
    as_administrator(role, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    engine = connect(role, 1_000)
    with (
        pytest.raises(DatabaseError, match=r"is read-only .*: nothing was stored"),
        writing(engine) as session,
    ):
        session.connection().exec_driver_sql("INSERT INTO tenant_name VALUES ('a', 'A')")
    engine.dispose()
