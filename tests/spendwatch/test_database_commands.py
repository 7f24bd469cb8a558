"""`spendwatch db` as a person calls it: words, exit codes, JSON."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from spendwatch.db_engines import ONE_WRITER, connect
from spendwatch.db_upgrade import newest_schema
from spendwatch.leading import leading
from tests.fakes import FakeClock
from tests.spendwatch.filled import ALERTS, fill, open_filled
from tests.spendwatch.installations import CONFIG, Installation
from tests.spendwatch.test_migrations import migrate

ROOT = Path(__file__).parents[2]
HEAD = newest_schema()
SECRET = "hunter2"  # noqa: S105 - a made-up one that must not be shown


@pytest.fixture
def place(tmp_path):
    """An installation whose database holds something of everything."""
    place = Installation(tmp_path)
    app = place.app()
    fill(app.engine)
    app.engine.dispose()
    return place


@pytest.fixture
def file(tmp_path):
    return tmp_path / "spendwatch.db"


@pytest.fixture
def server():
    from tests.postgresql import new_database

    with new_database() as url:
        yield url


def backups(place):
    folder = place.folder / "data" / "backups"
    return sorted(folder.iterdir()) if folder.exists() else []


def make_older(place, file):
    """Give an installation the database of an older program, with a row in it."""
    file.unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{file}")
    migrate(engine, "0003")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO tenant_name VALUES ('acme', 'Acme')")
    engine.dispose()
    assert backups(place) == []


def start(place, *arguments):
    """Run a command in a process of its own, whose connections end with it."""
    command = [sys.executable, "-m", "spendwatch.cli", *arguments, "--config", str(place.config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def query(file, sql):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchone()[0]


def test_an_upgrade_says_from_where_to_where_and_where_the_backup_is(tmp_path, file, capsys):
    place = Installation(tmp_path)
    make_older(place, file)
    assert place.run("db", "upgrade") == 0
    (backup,) = backups(place)
    assert backup.name.endswith("-before-upgrade.db")
    said = capsys.readouterr().out
    assert f"backup: {backup}" in said
    assert f"the schema is {HEAD} now; it was 0003" in said
    assert query(backup, "SELECT version_num FROM alembic_version") == "0003"
    assert query(backup, "SELECT name FROM tenant_name") == "Acme"


def test_an_upgrade_of_what_is_up_to_date_does_nothing(place, capsys):
    facts = place.json(capsys, "db", "upgrade")
    assert (facts["from"], facts["to"], facts["backups"]) == (HEAD, HEAD, [])
    assert place.run("db", "upgrade") == 0
    assert "nothing to do" in capsys.readouterr().out


def test_any_command_makes_a_backup_before_it_upgrades_and_says_where(tmp_path, file, capsys):
    place = Installation(tmp_path)
    make_older(place, file)
    assert place.run("alerts", "list") == 0
    (backup,) = backups(place)
    assert str(backup) in capsys.readouterr().err
    assert place.run("alerts", "list") == 0
    assert backups(place) == [backup]


def test_an_older_database_without_a_row_needs_no_backup(tmp_path, file):
    place = Installation(tmp_path)
    make_older(place, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM tenant_name")
    assert place.run("db", "upgrade") == 0
    assert backups(place) == []


def test_without_room_for_its_backup_no_upgrade_is_made(tmp_path, file, capsys):
    place = Installation(tmp_path)
    make_older(place, file)
    (tmp_path / "data").write_text("a file where the folder should be")
    assert place.run("db", "upgrade") == 1
    assert "no backup was made" in capsys.readouterr().err
    assert query(file, "SELECT version_num FROM alembic_version") == "0003"


def test_an_upgrade_of_postgresql_is_backed_up_too(tmp_path, server, capsys):
    place = Installation(tmp_path, CONFIG.replace("sqlite:///spendwatch.db", server))
    engine = connect(server, 5_000)
    migrate(engine, "0003")
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.exec_driver_sql("INSERT INTO tenant_name VALUES ('acme', 'Acme')")
    engine.dispose()
    facts = place.json(capsys, "db", "upgrade")
    assert (facts["from"], facts["to"]) == ("0003", HEAD)
    assert query(facts["backups"][0], "SELECT name FROM tenant_name") == "Acme"
    assert query(facts["backups"][0], "SELECT version_num FROM alembic_version") == "0003"


def test_a_check_prints_the_rows_of_every_table_and_that_all_is_well(place, capsys):
    assert place.run("db", "check", "--full") == 0
    said = capsys.readouterr().out
    assert "no problems" in said
    assert f"schema {HEAD}" in said
    assert any(line.split() == ["alert", str(ALERTS)] for line in said.splitlines())
    facts = place.json(capsys, "db", "check")
    assert (facts["ok"], facts["rows"]["alert"]) == (True, ALERTS)


def test_a_check_that_finds_something_leaves_with_1_and_says_what(place, file, capsys):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM series")
    assert place.run("db", "check") == 1
    said = capsys.readouterr().out
    assert "problem: cost_day: 3 rows with no series behind series_id" in said
    assert "`spendwatch db restore FILE`" in said
    assert place.run("db", "check", "--json") == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_check_of_an_older_database_leaves_it_as_it_is(tmp_path, file, capsys):
    place = Installation(tmp_path)
    make_older(place, file)
    assert place.run("db", "check") == 0
    assert f"schema 0003, older than {HEAD}" in capsys.readouterr().out
    assert query(file, "SELECT version_num FROM alembic_version") == "0003"


@pytest.mark.parametrize("command", [("check",), ("backup",), ("copy", "--to", "sqlite:///b.db")])
def test_a_database_that_is_not_there_is_not_made_to_be_looked_at(tmp_path, file, capsys, command):
    assert Installation(tmp_path).run("db", *command) == 1
    assert "there is no database at" in capsys.readouterr().err
    assert not file.exists()


def test_a_backup_goes_into_its_folder_or_where_it_is_told(place, tmp_path, capsys):
    facts = place.json(capsys, "db", "backup")
    assert [str(each) for each in backups(place)] == [facts["backup"]]
    assert place.run("db", "backup", "--to", str(tmp_path / "mine.db")) == 0
    assert f"backup: {tmp_path / 'mine.db'}" in capsys.readouterr().out
    assert query(tmp_path / "mine.db", "SELECT count(*) FROM alert") == ALERTS
    assert place.run("db", "backup", "--to", str(tmp_path / "mine.db")) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_restore_says_what_the_database_holds_now(place, tmp_path, file, capsys):
    assert place.run("db", "backup", "--to", str(tmp_path / "mine.db")) == 0
    file.write_bytes(os.urandom(100_000))
    assert place.run("alerts", "list") == 1
    assert "spendwatch db restore FILE" in capsys.readouterr().err
    assert place.run("db", "restore", str(tmp_path / "mine.db")) == 0
    said = capsys.readouterr().out
    assert "newest judged day 2026-11-12, 10 alerts, 2 replies" in said
    assert "what was there is kept as" in said
    assert place.run("alerts", "list") == 0


def test_a_restore_of_an_older_backup_says_that_it_was_upgraded(place, tmp_path, file, capsys):
    other = Installation(tmp_path)
    make_older(other, tmp_path / "older.db")
    facts = place.json(capsys, "db", "restore", str(tmp_path / "older.db"))
    assert (facts["made_with"], facts["schema"]) == ("0003", HEAD)
    assert place.run("db", "restore", str(tmp_path / "older.db")) == 0
    assert f"its schema 0003 was brought to {HEAD}" in capsys.readouterr().out


def test_what_cannot_be_restored_leaves_with_1(place, tmp_path, capsys):
    assert place.run("db", "restore", str(tmp_path / "none.db")) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_an_installation_moves_to_postgresql_and_back(place, tmp_path, server, capsys):
    assert place.run("db", "copy", "--to", server) == 0
    said = capsys.readouterr().out
    assert "every row is the same" in said
    assert any(
        line.split()[:5] == ["cost_day:", "sum", "of", "micro_usd", "6,500"]
        for line in said.splitlines()
    )
    moved = tmp_path / "moved"
    moved.mkdir()
    there = Installation(moved, CONFIG.replace("sqlite:///spendwatch.db", server))
    assert len(json.loads(start(there, "alerts", "list", "--all", "--json").stdout)) == ALERTS
    facts = there.json(capsys, "db", "copy", "--to", f"sqlite:///{tmp_path / 'back.db'}")
    assert (facts["ok"], facts["differences"]) == (True, [])
    assert query(tmp_path / "back.db", "SELECT count(*) FROM alert") == ALERTS


def test_where_to_may_be_told_by_a_variable(place, server, monkeypatch, capsys):
    monkeypatch.setenv("SPENDWATCH_COPY_TO", server)
    assert place.json(capsys, "db", "copy")["ok"] is True


def test_a_password_is_never_shown(place, capsys):
    url = f"postgresql://watch:{SECRET}@127.0.0.1:1/spend?connect_timeout=1"
    assert place.run("db", "copy", "--to", url) == 75
    assert place.run("db", "copy", "--to", url, "--json") == 75
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert "watch:***@127.0.0.1:1/spend" in told.err


@pytest.mark.parametrize("to", [f"mysql://u:{SECRET}@h/d", "elsewhere.db", "sqlite:///:memory:"])
def test_what_is_no_address_is_refused_without_being_repeated(place, capsys, to):
    assert place.run("db", "copy", "--to", to) == 2
    told = capsys.readouterr().err
    assert "--to (or SPENDWATCH_COPY_TO): must be the address of a SQLite file" in told
    assert to not in told


def test_an_installation_is_not_copied_onto_itself_or_over_another(place, tmp_path, file, capsys):
    assert place.run("db", "copy", "--to", f"sqlite:///{file}") == 2
    assert "is the database of this installation" in capsys.readouterr().err
    open_filled(f"sqlite:///{tmp_path / 'other.db'}").dispose()
    assert place.run("db", "copy", "--to", f"sqlite:///{tmp_path / 'other.db'}") == 1
    assert "is not empty" in capsys.readouterr().err


def test_nothing_is_copied_or_restored_while_the_service_runs(place, tmp_path, capsys):
    assert place.run("db", "backup", "--to", str(tmp_path / "mine.db")) == 0
    app = place.app()
    with leading(app.engine, "run", FakeClock()):
        assert place.run("db", "copy", "--to", f"sqlite:///{tmp_path / 'b.db'}") == 75
        assert "`spendwatch run`" in capsys.readouterr().err
        assert place.run("db", "restore", str(tmp_path / "mine.db")) == 75
        assert place.run("db", "backup") == 0
        assert place.run("db", "check") == 0
    app.engine.dispose()


def test_fault_103_an_answer_that_meets_a_lock_is_not_saved_says_so_and_can_be_given_again(
    place, file, capsys
):
    with closing(sqlite3.connect(file, isolation_level=None)) as backup_tool:
        backup_tool.execute("BEGIN IMMEDIATE")
        assert place.run("alerts", "ack", "3", "--as", "carol") == 75
        assert "not saved, try again" in capsys.readouterr().err
        assert place.run("alerts", "show", "3") == 0
        backup_tool.execute("ROLLBACK")
    assert query(file, "SELECT count(*) FROM reply WHERE actor = 'carol'") == 0
    assert place.run("alerts", "ack", "3", "--as", "carol") == 0
    assert query(file, "SELECT count(*) FROM reply WHERE actor = 'carol'") == 1


def test_fault_103_a_lock_on_postgresql_is_met_in_the_same_way(tmp_path, server):
    place = Installation(tmp_path, CONFIG.replace("sqlite:///spendwatch.db", server))
    app = place.app()
    fill(app.engine)
    app.engine.dispose()
    with psycopg.connect(server) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({ONE_WRITER})")
        done = start(place, "alerts", "ack", "3", "--as", "carol")
        assert (done.returncode, "not saved, try again" in done.stderr) == (75, True)
    assert start(place, "alerts", "ack", "3", "--as", "carol").returncode == 0
