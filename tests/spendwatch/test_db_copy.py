"""Everything from one database into another: from each kind to each, and the proof of it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from alerts import store
from alerts.intake import take_in
from spendwatch.db import DatabaseError, reading, writing
from spendwatch.db_check import check_database
from spendwatch.db_copy import TargetHoldsRows, copy_database
from spendwatch.db_engines import connect
from spendwatch.db_upgrade import open_database
from tests.builders import a_telling, judgement, spike
from tests.detector.ledgers import current, revisions
from tests.spendwatch.filled import ALERTS, COSTS, REPLIES, open_filled


@pytest.fixture
def source(database_url):
    engine = open_filled(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'target.db'}"
        return
    from tests.postgresql import new_database

    with new_database() as url:
        yield url


@pytest.fixture
def target(target_url):
    engine = connect(target_url, 5_000)
    yield engine
    engine.dispose()


def all_alerts(engine):
    with reading(engine) as session:
        alerts = store.list_alerts(session)
        return alerts, [store.replies_of(session, alert.number) for alert in alerts]


def execute(engine, sql, *rows):
    with writing(engine) as session:
        return session.connection().execute(text(sql), *rows)


def test_what_is_copied_reads_as_it_did_before(source, target):
    copied = copy_database(source, target)
    assert copied.differences == []
    assert all_alerts(target) == all_alerts(source)
    assert current(target) == current(source)
    assert [row[:-1] for row in revisions(target)] == [row[:-1] for row in revisions(source)]
    assert check_database(target).problems == ()


def test_money_and_states_are_counted_on_both_sides(source, target):
    copied = copy_database(source, target)
    assert copied.here == copied.there
    assert copied.here["cost_day: rows"] == COSTS
    assert copied.here["cost_day: sum of micro_usd"] == 6_500
    assert copied.here["alert: rows"] == ALERTS
    assert copied.here["alert: dismissed"] == copied.here["alert: acknowledged"] == 1
    assert copied.here["reply: rows"] == REPLIES


def test_new_rows_are_numbered_after_those_that_were_copied(source, target):
    copy_database(source, target)
    with writing(target) as session:
        take_in(session, judgement(spike(tenant="newcomer")), a_telling())
    assert max(alert.number for alert in all_alerts(target)[0]) == ALERTS + 1


def test_nothing_is_copied_over_what_is_there(source, target):
    copy_database(source, target)
    before = all_alerts(target)
    with pytest.raises(TargetHoldsRows, match=r"is not empty \(its table .* holds .* rows\)"):
        copy_database(source, target)
    assert all_alerts(target) == before


def test_a_copy_that_fails_leaves_an_empty_database_that_can_be_filled_again(source, target):
    def stop(_table):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        copy_database(source, target, stop)
    assert sum(check_database(target).rows.values()) == 0
    assert copy_database(source, target).differences == []


def test_what_is_written_meanwhile_is_not_in_the_copy(source, target):
    def write_once(_table):
        if not written:
            written.append(execute(source, "INSERT INTO tenant_name VALUES ('late', 'Late')"))

    written = []
    assert copy_database(source, target, write_once).differences == []
    assert written
    with reading(target) as session:
        found = session.connection().execute(text("SELECT * FROM tenant_name WHERE tenant='late'"))
        assert found.all() == []


def test_a_database_without_tables_holds_nothing_to_copy(target_url, tmp_path):
    empty, target = connect(f"sqlite:///{tmp_path / 'empty.db'}", 1), connect(target_url, 1)
    with pytest.raises(DatabaseError, match="holds nothing to copy"):
        copy_database(empty, target)
    empty.dispose()
    target.dispose()


def test_text_that_postgresql_cannot_keep_is_named_with_its_table(tmp_path):
    from tests.postgresql import new_database

    source = open_database(f"sqlite:///{tmp_path / 'odd.db'}")
    execute(source, "INSERT INTO tenant_name VALUES ('a', :name)", [{"name": "a\0b"}])
    with new_database() as url:
        target = connect(url, 5_000)
        with pytest.raises(DatabaseError, match=r"table tenant_name: .*NUL"):
            copy_database(source, target)
        target.dispose()
    source.dispose()


def test_more_rows_than_fit_a_batch_are_all_copied(source, target):
    many = [{"tenant": f"tenant-{number}", "name": f"T {number}"} for number in range(12_345)]
    execute(source, "INSERT INTO tenant_name VALUES (:tenant, :name)", many)
    seen = []
    copied = copy_database(source, target, seen.append)
    assert copied.differences == []
    assert copied.there["tenant_name: rows"] >= 12_345
    assert seen.count("tenant_name") == 3


def test_a_difference_is_told_with_both_numbers(source, target):
    copied = copy_database(source, target)
    copied.there["cost_day: rows"] -= 1
    copied.unlike.append("cost_day")
    assert copied.differences == [
        f"cost_day: rows: {COSTS} here, {COSTS - 1} there",
        "cost_day: its rows are not the same",
    ]


def test_a_pooler_that_shares_connections_does_not_matter(tmp_path):
    from tests.pgbouncer import new_pooled_database

    source = open_filled(f"sqlite:///{tmp_path / 'spendwatch.db'}")
    with new_pooled_database() as url:
        target, back = connect(url, 5_000), connect(f"sqlite:///{tmp_path / 'back.db'}", 5_000)
        assert copy_database(source, target).differences == []
        assert copy_database(target, back).differences == []
        target.dispose()
    assert all_alerts(back) == all_alerts(source)
    back.dispose()
    source.dispose()
