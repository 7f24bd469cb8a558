from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from spendwatch.db import DatabaseDamagedError, DatabaseError, DatabaseVersionError
from spendwatch.db_check import check_database, refuse_damaged
from spendwatch.db_engines import connect
from tests.spendwatch.filled import ALERTS, COSTS, break_a_page, open_filled


@pytest.fixture
def filled(database_url):
    engine = open_filled(database_url)
    yield engine
    engine.dispose()


def execute(engine, *statements):
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            for statement in statements:
                connection.exec_driver_sql(statement)


def drop_keys(engine):
    """Have the database accept rows that refer to nothing, as a broken one would hold them."""
    if engine.dialect.name == "postgresql":
        for table, name in (("cost_day", "series_id"), ("notification", "alert_number")):
            execute(engine, f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            assert name
        return
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")


def test_a_sound_database_has_no_problems_and_its_rows_are_counted(filled):
    for full in (False, True):
        checked = check_database(filled, full=full)
        assert checked.problems == ()
        assert (checked.rows["alert"], checked.rows["cost_day"]) == (ALERTS, COSTS)
        assert checked.schema == checked.newest


def test_rows_that_refer_to_nothing_are_counted_and_named(filled):
    drop_keys(filled)
    execute(
        filled,
        "UPDATE cost_day SET series_id = series_id + 1000",
        "UPDATE notification SET alert_number = 999 WHERE number = 1",
    )
    assert sorted(check_database(filled).problems) == [
        f"cost_day: {COSTS} rows with no series behind series_id",
        "notification: 1 row with no alert behind alert_number",
    ]


def test_a_database_without_tables_is_told_apart(database_url):
    engine = connect(database_url, 1)
    with pytest.raises(DatabaseError, match="holds no tables of spendwatch yet"):
        check_database(engine)
    engine.dispose()


def test_a_newer_schema_is_refused(filled):
    execute(filled, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseVersionError, match=r"\(9999\) is newer"):
        check_database(filled)


def test_fault_105_an_index_that_lost_a_row_is_found(tmp_path):
    path = tmp_path / "spendwatch.db"
    engine = open_filled(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA writable_schema=ON")
        raw.execute("CREATE TABLE shadow AS SELECT * FROM alert LIMIT 0")
        wrong = "CREATE INDEX ix_alert_state ON alert (tenant)"
        raw.execute("UPDATE sqlite_master SET sql=? WHERE name='ix_alert_state'", [wrong])
    engine.dispose()
    assert any("ix_alert_state" in words for words in check_database(engine, full=True).problems)
    engine.dispose()


def test_fault_105_pages_too_broken_to_be_looked_through_are_a_problem(tmp_path):
    engine = open_filled(f"sqlite:///{tmp_path / 'spendwatch.db'}")
    engine.dispose()
    break_a_page(tmp_path / "spendwatch.db")
    assert check_database(engine).problems
    with pytest.raises(DatabaseDamagedError, match=r"spendwatch\.db cannot be used: .* db restore"):
        refuse_damaged(engine)
    engine.dispose()
