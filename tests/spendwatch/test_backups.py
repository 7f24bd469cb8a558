from __future__ import annotations

import os
from datetime import timedelta

import pytest

from spendwatch.backups import Why, rotate, write_backup
from spendwatch.rotation import Backup
from tests.spendwatch.apps import NOW, an_app


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def make(folder, *days, before_upgrade=False):
    for day in days:
        (folder / Backup(NOW - timedelta(days=day), before_upgrade).name).write_text("a backup")


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_backup_goes_into_the_folder_of_the_settings(tmp_path, capsys):
    app = an_app(tmp_path)
    file = write_backup(app, NOW, Why.NIGHTLY)
    assert file == tmp_path / "data/backups" / Backup(NOW).name
    assert '"why": "nightly"' in capsys.readouterr().err
    app.engine.dispose()


def test_old_backups_go_and_everything_else_stays(folder):
    make(folder, *range(40))
    (folder / "spendwatch-of-last-year.db").write_text("named by hand")
    removed = rotate(folder, NOW)
    assert len(removed) == 40 - 9
    assert len(names(folder)) == 9 + 1
    assert "spendwatch-of-last-year.db" in names(folder)
    assert rotate(folder, NOW) == ()


def test_what_a_killed_backup_left_is_removed_after_a_day(folder):
    for name, age in ((".spendwatch-x.db.7.part", 25), (".spendwatch-y.db.8.part-wal", 1)):
        (folder / name).write_text("half")
        at = (NOW - timedelta(hours=age)).timestamp()
        os.utime(folder / name, (at, at))
    assert [file.name for file in rotate(folder, NOW)] == [".spendwatch-x.db.7.part"]
    assert names(folder) == [".spendwatch-y.db.8.part-wal"]


def test_without_a_folder_there_is_nothing_to_remove(tmp_path):
    assert rotate(tmp_path / "none", NOW) == ()
