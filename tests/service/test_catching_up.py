"""What is due is found in the database: after hours, days or months in which nothing ran."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from alerts import store
from alerts.model import AlertState, Reason
from detector.tables import JUDGED_DAY, PULL
from spendwatch.db import reading
from tests.service.serving import HOUR, ONE, serving
from tests.spendwatch.installations import CONFIG, FIRST, Installation

DAILY = CONFIG.replace('digest = "off"', 'digest = "daily"')


def day(step):
    return FIRST + timedelta(days=step)


def morning_after(step, hour=6):
    return datetime.combine(day(step + 1), time(hour), UTC)


@pytest.fixture
def steady(tmp_path):
    """35 steady days of acme at about $100; it is the morning after the last of them."""
    place = Installation(tmp_path, DAILY)
    place.write_days(35, 100)
    place.now = morning_after(34)
    return place


def spend(place, first, *costs):
    for step, cost in enumerate(costs, first):
        place.write_day(day(step), [f"acme,chat,gpt-4o,{cost}"])


def judged_days(place):
    with reading(place.app().engine) as session:
        days = select(JUDGED_DAY.c.day).order_by(JUDGED_DAY.c.day)
        return session.connection().execute(days).scalars().all()


def pulls(place):
    with reading(place.app().engine) as session:
        return session.connection().execute(select(PULL).order_by(PULL.c.id)).all()


def test_a_morning_is_pulled_judged_and_told_once_however_often_it_ticks(steady):
    spend(steady, 35, 400)
    steady.now = morning_after(35)
    with serving(steady) as service:
        for _ in range(4):
            service.wait(timedelta(minutes=5))
        assert service.times_told("acme: $400 on") == 1
        assert len(service.logged("day_judged")) == 1
        assert len(service.logged("usage_recorded")) == 1


def test_a_source_is_asked_again_for_late_rows_and_a_changed_day_is_judged_again(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 34, 900)
        service.wait(5 * HOUR)
        assert len(pulls(steady)) == 1
        service.wait(1 * HOUR)
        assert len(pulls(steady)) == 2
        assert "acme: $900 on" in service.told()


def test_the_next_day_is_judged_as_soon_as_it_is_settled_and_not_before(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 100)
        service.wait(morning_after(35, 1) - steady.now)
        assert judged_days(steady)[-1] == day(34)
        service.wait(1 * HOUR)
        assert judged_days(steady)[-1] == day(35)


def test_a_source_that_fails_is_asked_ever_later_and_then_judged_without(steady):
    with serving(steady) as service:
        service.tick()
    for file in steady.usage.iterdir():
        file.rename(steady.folder / file.name)
    steady.usage.rmdir()
    steady.now = morning_after(35, 2)
    with serving(steady) as service:
        started = steady.now
        for _ in range(59):
            service.wait(timedelta(minutes=1))
        tries = [(pull.started_at - started) // timedelta(minutes=1) for pull in pulls(steady)[1:]]
        assert tries == [1, 2, 4, 8, 16, 32]
        assert "source gateway" not in service.told()
        service.wait(timedelta(minutes=3))
        assert service.times_told("source gateway: cannot be read") == 1


@pytest.mark.parametrize("missed", [3, 60])
def test_fault_49_days_missed_are_judged_in_order_and_what_holds_is_told_once(steady, missed):
    with serving(steady) as service:
        service.tick()
    costs = [100] * missed
    costs[0] = 500  # it came and went
    costs[-2:] = [400, 410]  # it still lasts
    spend(steady, 35, *costs)
    steady.now = morning_after(34 + missed)
    with serving(steady) as service:
        service.tick()
        service.wait(timedelta(minutes=1))
        assert judged_days(steady) == [day(step) for step in range(34, 35 + missed)]
        told = service.told()
        assert service.times_told("acme: $410 on") + service.times_told("acme: $400 on") == 1
        assert f"{missed - 1} days judged late, as nothing ran" in told
        if missed > 3:
            assert "$500" not in told.split("digest")[0]
            service.wait(4 * HOUR)
            digest = service.told().partition("daily digest")[2]
            assert "A-1 acme: $500" in digest
            assert "judged late" in digest


def test_fault_49_three_hours_without_a_service_lose_nothing(steady):
    with serving(steady) as service:
        service.tick()
    spend(steady, 35, 400)
    steady.now = morning_after(35, 9)
    with serving(steady) as service:
        service.tick()
        assert service.times_told("acme: $400 on") == 1
        assert "judged late" not in service.told()


def test_what_was_told_before_and_ended_while_nothing_ran_is_told_to_be_over(steady):
    spend(steady, 35, 400)
    steady.now = morning_after(35)
    with serving(steady) as service:
        service.tick()
    spend(steady, 36, 100, 100, 100, 100)
    steady.now = morning_after(39)
    with serving(steady) as service:
        service.tick()
        assert service.times_told("resolved, spend is normal again") == 1
    with reading(steady.app().engine) as session:
        (alert,) = store.list_alerts(session)
        reasons = [each.reason for each in store.decisions_of(session, 1)]
    assert alert.state is AlertState.RESOLVED
    assert reasons[-2:] == [Reason.LATE, Reason.RESOLVED]


def test_a_digest_waits_for_the_days_that_are_still_to_be_judged(steady):
    with serving(steady) as service:
        service.tick()
    (steady.usage / f"{day(34)}.csv").rename(steady.folder / "kept.csv")
    steady.now = morning_after(36, 9)
    with serving(steady) as service:
        service.tick("judge", "deliver")
        assert "digest" not in service.told()
        service.tick()
        assert service.times_told("daily digest") == 1


def test_old_rows_go_once_a_day_and_alerts_never(steady):
    spend(steady, 35, 400)
    steady.now = morning_after(35)
    with serving(steady) as service:
        service.tick()
    steady.now += 420 * ONE
    with serving(steady) as service:
        service.tick("keep")
        (removed,) = service.logged("old_rows_removed")
        assert removed["rows"] >= 36
        service.tick("keep")
        assert len(service.logged("old_rows_removed")) == 1
    with reading(steady.app().engine) as session:
        assert [alert.number for alert in store.list_alerts(session)] == [1]


def test_fault_108_whoever_ends_while_it_catches_up_tells_nothing_of_it_yet(steady):
    with serving(steady) as service:
        service.tick()
    spend(steady, 35, 400, 400, 400, 400)
    steady.now = morning_after(38)
    with serving(steady) as service:
        service.tick("pull gateway")
        service.service.stopping = lambda: len(judged_days(steady)) > 2
        service.tick("judge")
        assert judged_days(steady) == [day(34), day(35), day(36)]
    with serving(steady) as service:
        service.tick()
        assert judged_days(steady)[-1] == day(38)
        assert service.told().count("[warning] acme: $400 on") == 1
        assert "judged late, as nothing ran" in service.told()


def test_a_pull_of_older_days_by_hand_is_no_answer_for_the_newest(steady):
    with serving(steady) as service:
        service.tick()
    spend(steady, 35, 400)
    steady.now = morning_after(35)
    assert steady.judge_with({}, day(30)).pulls
    with serving(steady) as service:
        service.tick()
        assert "silent" not in service.told()
        assert service.told().count("acme: $400 on") == 1
