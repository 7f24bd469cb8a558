"""`spendwatch db`: the schema brought up to date, the database checked, saved, restored, moved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from alerts.numbers import count
from spendwatch.app import system_clock
from spendwatch.commands.opening import open_settings
from spendwatch.db import DatabaseError, open_engine, translated, where
from spendwatch.db_backup import back_up, back_up_to, careful
from spendwatch.db_check import check_database
from spendwatch.db_copy import copy_database
from spendwatch.db_engines import sqlite_file
from spendwatch.db_restore import restore as restore_backup
from spendwatch.db_upgrade import newest_schema, open_database, schema_of
from spendwatch.exits import FAILED, UsageProblem
from spendwatch.leading import leading
from spendwatch.output import print_json, print_line, print_table, progress
from spendwatch.settings_types import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from spendwatch.db_check import Checked
    from spendwatch.db_copy import Copied
    from spendwatch.db_restore import Restored
    from spendwatch.settings import Settings


def upgrade(config: Path, *, as_json: bool) -> None:
    """Bring the schema up to date and say from where to where, and where the backup is."""
    settings = open_settings(config)
    url = settings.service.database_url
    with _opened(url) as engine, translated(url):
        before = schema_of(engine) or ""
    backups: list[Path] = []
    _open_upgraded(settings, backups).dispose()
    after = newest_schema()
    if as_json:
        names = [str(file) for file in backups]
        print_json({"database": where(url), "from": before, "to": after, "backups": names})
        return
    for file in backups:
        print_line(f"backup: {file}")
    if before == after:
        print_line(f"{where(url)}: the schema is {after} already, nothing to do")
    else:
        print_line(f"{where(url)}: the schema is {after} now; it was {before or 'none'}")


def check(config: Path, *, full: bool, as_json: bool) -> None:
    """Say whether the database is whole; leaves with 1 where it is not."""
    url = open_settings(config).service.database_url
    _require_file(url)
    with _opened(url) as engine:
        checked = check_database(engine, full=full)
    if as_json:
        print_json({"ok": not checked.problems, **asdict(checked)})
    else:
        _print_checked(checked)
    if checked.problems:
        raise SystemExit(FAILED)


def _print_checked(checked: Checked) -> None:
    rows = [[table, f"{many:,}"] for table, many in checked.rows.items()]
    print_table(("table", "rows"), [*rows, ["all", f"{sum(checked.rows.values()):,}"]])
    older = f", older than {checked.newest}: `spendwatch db upgrade`"
    print_line(f"schema {checked.schema}{'' if checked.schema == checked.newest else older}")
    for problem in checked.problems:
        print_line(f"  problem: {problem}")
    found = count(len(checked.problems), "problem") if checked.problems else "no problems"
    advice = "; `spendwatch db restore FILE` puts a backup in place" if checked.problems else ""
    print_line(f"{checked.database}: {found}{advice}")


def backup(config: Path, to: Path | None, *, as_json: bool) -> None:
    """Make a backup; never over a file that is there."""
    service = open_settings(config).service
    _require_file(service.database_url)
    if to is not None and to.exists():
        raise UsageProblem(f"--to {to}: is there already; name a new file")
    with _opened(service.database_url) as engine:
        if to is None:
            file = back_up(engine, service.backup_dir, system_clock())
        else:
            file = to
            back_up_to(engine, file)
    size = file.stat().st_size
    if as_json:
        print_json({"backup": str(file), "bytes": size})
    else:
        print_line(f"backup: {file} ({size:,} bytes); `spendwatch db restore` puts it in place")


def restore(config: Path, file: Path, *, as_json: bool) -> None:
    """Put a backup in place of the database and say what it holds."""
    service = open_settings(config).service
    url = service.database_url
    with progress("restore") as step:
        restored = restore_backup(url, file, service.backup_dir, system_clock(), step)
    if as_json:
        print_json(asdict(restored) | {"database": where(url), "backup": str(file)})
    else:
        _print_restored(url, file, restored)


def _print_restored(url: str, file: Path, restored: Restored) -> None:
    print_line(f"{where(url)}: restored from {file}")
    print_line(
        f"  newest judged day {restored.newest_judged_day or 'none'}, "
        f"{count(restored.alerts, 'alert')}, {restored.replies:,} replies"
    )
    if restored.made_with != restored.schema:
        print_line(f"  its schema {restored.made_with} was brought to {restored.schema}")
    if restored.kept_as:
        print_line(f"  what was there is kept as {restored.kept_as}")
    print_line("  the next `spendwatch once` pulls and judges the days since")


def copy(config: Path, to: str, *, as_json: bool) -> None:
    """Move everything into another database; leaves with 1 where the two are not alike."""
    settings = open_settings(config)
    url, target_url = settings.service.database_url, _read_url(to)
    if _same(url, target_url):
        raise UsageProblem("--to is the database of this installation: name another one")
    _require_file(url)
    source = _open_upgraded(settings, [])
    with (
        _disposed(source),
        leading(source, "db copy", system_clock),
        _opened(target_url) as target,
        progress("copy") as step,
    ):
        copied = copy_database(source, target, step)
    if as_json:
        print_json(
            {"from": where(url), "to": where(target_url), "ok": not copied.differences}
            | asdict(copied)
            | {"differences": copied.differences}
        )
    else:
        _print_copied(where(target_url), copied)
    if copied.differences:
        raise SystemExit(FAILED)


def _print_copied(target: str, copied: Copied) -> None:
    rows = [
        [name, f"{value:,}", f"{copied.there.get(name, 0):,}"]
        for name, value in copied.here.items()
    ]
    print_table(("what", "here", "there"), rows)
    for words in copied.differences:
        print_line(f"  differs: {words}")
    if copied.differences:
        print_line(f"{target}: is NOT the same; go on with the old database, empty this one")
        return
    print_line(f"{target}: every row is the same; name it as service.database_url, then start")


def _read_url(to: str) -> str:
    """Read the address of the other database; it may hold a password and is never repeated."""
    try:
        return database_url(to)
    except ValueError as error:
        raise UsageProblem(f"--to (or SPENDWATCH_COPY_TO): {error}") from None


def _same(url: str, other: str) -> bool:
    here, there = sqlite_file(url), sqlite_file(other)
    return here.resolve() == there.resolve() if here and there else url == other


def _require_file(url: str) -> None:
    """Refuse to make an empty database only to look at it; raises DatabaseError."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise DatabaseError(f"there is no database at {file} yet; `spendwatch once` makes one")


def _open_upgraded(settings: Settings, backups: list[Path]) -> Engine:
    guard = careful(settings.service.backup_dir, system_clock, backups.append)
    return open_database(settings.service.database_url, guard=guard)


@contextmanager
def _opened(url: str) -> Iterator[Engine]:
    with _disposed(open_engine(url)) as engine:
        yield engine


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()
