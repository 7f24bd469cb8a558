from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendwatch.rotation import Backup, named, to_remove

NOW = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)  # a Tuesday
SECONDS = st.integers(-40 * 86_400, 400 * 86_400)


def ago(days, hours=0, *, before_upgrade=False):
    return Backup(NOW - timedelta(days=days, hours=hours), before_upgrade)


def kept(backups):
    gone = set(to_remove(backups, NOW))
    return sorted((NOW - backup.made_at).days for backup in backups if backup not in gone)


def test_of_a_year_of_nights_seven_days_and_four_weeks_are_kept():
    # Mondays begin a week: the three earlier ones end on the Sundays 2, 9 and 16 days ago.
    assert kept([ago(days) for days in range(365)]) == [0, 1, 2, 3, 4, 5, 6, 9, 16]


def test_of_one_day_the_newest_is_kept():
    assert to_remove([ago(0), ago(0, 1), ago(0, 2)], NOW) == (ago(0, 2), ago(0, 1))


def test_days_without_a_backup_do_not_count():
    assert kept([ago(days) for days in range(0, 700, 100)]) == [0, 100, 200, 300, 400, 500, 600]


@pytest.mark.parametrize(("days", "stays"), [(30, True), (31, False)])
def test_what_was_made_before_an_upgrade_is_kept_for_30_days(days, stays):
    many = [ago(day) for day in range(60)]
    old = ago(days, before_upgrade=True)
    assert (old not in to_remove([*many, old], NOW)) is stays


def test_what_claims_to_be_from_the_future_is_left_alone_and_counts_for_nothing():
    future = [ago(-days) for days in range(1, 20)]
    assert to_remove([*future, ago(0), ago(1)], NOW) == ()


def test_no_backups_are_no_trouble():
    assert to_remove([], NOW) == ()


@given(st.lists(st.tuples(SECONDS, st.booleans()), max_size=60))
def test_the_newest_always_stays_and_a_second_look_finds_nothing_more(made):
    backups = {Backup(NOW - timedelta(seconds=age), before) for age, before in made}
    gone = set(to_remove(backups, NOW))
    assert gone <= backups
    assert not gone or max(backups) not in gone
    assert to_remove(backups - gone, NOW) == ()


@given(st.integers(0, 4_000_000_000), st.booleans())
def test_a_name_tells_what_it_was_made_of(seconds, before_upgrade):
    backup = Backup(datetime.fromtimestamp(seconds, UTC), before_upgrade)
    assert named(backup.name) == backup


@pytest.mark.parametrize(
    "name",
    ["spendwatch.db", "spendwatch-20261124T061000Z.db.part", "spendwatch-20261324T061000Z.db", ""],
)
def test_any_other_name_is_none_of_ours(name):
    assert named(name) is None
