from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError

from detector.columns import UtcDateTime

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
TABLE = Table(
    "moment", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime)
)


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    TABLE.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    "moment",
    [NOON, NOON.replace(microsecond=1), NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))],
)
def test_a_moment_of_any_zone_comes_back_as_the_same_moment_in_utc(connection, moment):
    connection.execute(insert(TABLE).values(at=moment))
    found = connection.execute(select(TABLE.c.at)).scalar_one()
    assert (found, found.tzinfo) == (moment, UTC)


def test_no_moment_stays_none(connection):
    connection.execute(insert(TABLE).values(at=None))
    assert connection.execute(select(TABLE.c.at)).scalar_one() is None


def test_a_time_without_a_zone_is_refused(connection):
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(StatementError, match="without a time zone cannot be stored: 2026-11-12T12"):
        connection.execute(insert(TABLE).values(at=naive))


def test_a_moment_a_database_gives_in_another_zone_is_turned_to_utc():
    there = NOON.astimezone(timezone(timedelta(hours=-8)))
    found = UtcDateTime().process_result_value(there, postgresql.dialect())
    assert (found, found.tzinfo) == (NOON, UTC)


def test_moments_compare_in_the_database_as_they_do_outside(connection):
    for hour in (9, 12, 15):
        connection.execute(insert(TABLE).values(at=NOON.replace(hour=hour)))
    later = select(TABLE.c.at).where(TABLE.c.at > NOON)
    assert connection.execute(later).scalars().all() == [NOON.replace(hour=15)]
