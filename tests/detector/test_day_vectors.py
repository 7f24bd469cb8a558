"""Days as arrays: the same as the rows they were made from, and gone with any change of them."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import delete, func, insert, select, update

from detector import ledger
from detector.day_vectors import cells_of_days, keep_vector, without_vector
from detector.tables import COST_DAY, DAY_VECTOR
from spendwatch.db import reading, writing
from spendwatch.db_engines import WRITES
from spendwatch.db_upgrade import open_database
from tests.detector.ledgers import DAY, LATER, NEXT, cost, record

DAYS = (DAY, NEXT)


def keep(engine, *days):
    for day in days:
        with writing(engine) as session:
            keep_vector(session, day)


def kept(engine):
    with reading(engine) as session:
        return sorted(session.connection().execute(select(DAY_VECTOR.c.day)).scalars())


def missing(engine):
    with reading(engine) as session:
        return without_vector(session, DAYS)


def history(engine, **aliases):
    with reading(engine) as session:
        return ledger.history(session, DAY, NEXT, canonical=lambda name: aliases.get(name, name))


def same_history(one, other):
    return all(np.array_equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def fill(engine):
    record(engine, [
        cost(1_000, cached_tokens=7), cost(None, "bolt"), cost(5, "corp", given=True),
        cost(-9, "dune"), cost(2**40, "echo", prompt_tokens=2**35),
        cost(3, "fern", prompt_tokens=None, completion_tokens=None),
    ])  # fmt: skip
    record(engine, [cost(3_000, day=NEXT)], day=NEXT)


def test_vectors_say_what_the_rows_say(database):
    fill(database)
    from_rows = history(database)
    keep(database, *DAYS)
    assert kept(database) == list(DAYS)
    assert same_history(history(database), from_rows)
    assert from_rows.cost[:, 0].tolist() == [1_000, 0, 5, -9, 2**40, 3]
    assert from_rows.unknown[:, 0].tolist() == [False, True, False, False, False, False]


def test_series_that_share_a_key_add_up_from_vectors_too(database):
    record(database, [cost(1_000), cost(None, "acme gmbh", given=True)])
    record(database, [cost(20)], source="file")
    from_rows = history(database, **{"acme gmbh": "acme"})
    keep(database, DAY)
    found = history(database, **{"acme gmbh": "acme"})
    assert same_history(found, from_rows)
    assert (found.cost.tolist(), found.prompt.tolist()) == ([[1_020, 0]], [[3_000, 0]])
    assert (found.unknown[0, 0], found.given[0, 0]) == (True, True)


def test_a_day_that_was_told_of_and_has_no_vector_is_missing_one(database):
    fill(database)
    assert missing(database) == DAYS
    keep(database, DAY)
    assert missing(database) == (NEXT,)
    keep(database, DAY, NEXT)
    assert missing(database) == ()


def change(engine, statement):
    with writing(engine) as session:
        session.connection().execute(statement)


def other_row(day):
    same = [column for column in COST_DAY.c if column.name not in ("series_id", "day")]
    taken = select(func.max(COST_DAY.c.series_id)).where(COST_DAY.c.day == DAY).scalar_subquery()
    fresh = select(taken, COST_DAY.c.day, *same).where(COST_DAY.c.day == day)
    return insert(COST_DAY).from_select(["series_id", "day", *(each.name for each in same)], fresh)


@pytest.mark.parametrize(
    ("statement", "left"),
    [(update(COST_DAY).where(COST_DAY.c.day == DAY).values(micro_usd=1), [NEXT]),
     (update(COST_DAY).where(COST_DAY.c.micro_usd == 3_000).values(given=True), [DAY]),
     (delete(COST_DAY).where(COST_DAY.c.micro_usd.is_(None)), [NEXT]),
     (other_row(NEXT), [DAY]),
     (update(COST_DAY).where(COST_DAY.c.micro_usd == -7).values(given=True), list(DAYS))],
    ids=["changed", "a flag", "removed", "added", "nothing"],
)  # fmt: skip
def test_a_stale_vector_cannot_be_read_whoever_changes_a_row(database, statement, left):
    fill(database)
    keep(database, *DAYS)
    change(database, statement)
    assert kept(database) == left
    from_rows = history(database)
    change(database, delete(DAY_VECTOR))
    assert same_history(history(database), from_rows)


def test_a_migrated_database_has_the_triggers_too(database_url):
    engine = open_database(database_url)
    fill(engine)
    keep(engine, *DAYS)
    change(engine, delete(COST_DAY).where(COST_DAY.c.day == DAY))
    assert kept(engine) == [NEXT]
    engine.dispose()


def test_what_a_pull_revises_adds_or_takes_back_removes_the_vector(database):
    fill(database)
    keep(database, *DAYS)
    record(database, [cost(1_000)], now=LATER)
    assert kept(database) == [NEXT]
    keep(database, DAY)
    assert history(database).keys[0].tenant == "acme"
    assert len(history(database).keys) == 1


def test_what_is_pulled_again_and_is_the_same_keeps_the_vector(database):
    record(database, [cost(1_000)])
    keep(database, DAY)
    record(database, [cost(1_000)], now=LATER)
    assert kept(database) == [DAY]


def test_a_change_that_is_rolled_back_leaves_the_vector(database):
    fill(database)
    keep(database, *DAYS)
    with database.connect().execution_options(**{WRITES: True}) as connection:
        connection.execute(delete(COST_DAY))
        connection.rollback()
    assert kept(database) == list(DAYS)


def test_a_day_without_rows_has_no_cells(database):
    with reading(database) as session:
        (cells,) = cells_of_days(session, [DAY])
    assert [part.size for part in cells] == [0] * 7
