"""What came of alerts, read from what was told and what was answered."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, update

from alerts.intake import take_in
from alerts.model import Teaching, Verb, Verdict
from alerts.outcomes import read_outcomes
from alerts.replies import Answer, answer
from alerts.tables import NotificationRow
from spendwatch.db import reading, writing
from tests.builders import (
    DAY,
    NOW,
    a_telling,
    budget,
    judgement,
    november,
    spike,
)

HOUR = timedelta(hours=1)
ROBUST = {"method": "robust", "quiet_bar": 0.4, "quiet_micro_usd": 44}


def told(database, *findings, **changes):
    with writing(database) as session:
        day = findings[0].day
        take_in(session, judgement(*findings, day=day), a_telling(**changes))


def arrived(database, *, at):
    with writing(database) as session:
        session.exec(
            update(NotificationRow).where(col(NotificationRow.sent_at).is_(None)).values(sent_at=at)
        )


def give(database, verb, verdict=None, *, at, number=1):
    with writing(database) as session:
        answer(session, number, Answer(verb, "ana", verdict), at, Teaching())


def read(database, since=DAY, methods=(), **changes):
    with reading(database) as session:
        return read_outcomes(session, since, dict(methods), **changes)


def test_an_alert_was_told_when_its_first_message_arrived(database):
    told(database, spike())
    (written,) = read(database)
    assert (written.told_at, written.answered_at, written.verdict) == (NOW, None, None)
    arrived(database, at=NOW + HOUR)
    told(database, spike(november(13), actual=9_000), now=NOW + 24 * HOUR)
    arrived(database, at=NOW + 25 * HOUR)
    (found,) = read(database)
    assert found.told_at == NOW + HOUR


def test_what_one_message_told_of_many_was_told_of_each(database):
    names = ("acme", "bolt", "corp")
    told(database, *(spike(tenant=name) for name in names), group_above=1, receivers={"": "ops"})
    arrived(database, at=NOW + HOUR)
    assert [(each.tenant, each.told_at) for each in read(database)] == [
        (name, NOW + HOUR) for name in names
    ]


def test_the_first_answer_counts_for_the_time_and_the_newest_verdict_for_what_it_was(database):
    told(database, spike())
    give(database, Verb.ACKNOWLEDGE, at=NOW + HOUR)
    give(database, Verb.DISMISS, Verdict.EXPECTED, at=NOW + 2 * HOUR)
    give(database, Verb.DISMISS, Verdict.FALSE_ALARM, at=NOW + 3 * HOUR)
    (found,) = read(database)
    assert (found.answered_at, found.verdict) == (NOW + HOUR, Verdict.FALSE_ALARM)
    give(database, Verb.UNDO, at=NOW + 4 * HOUR)
    (found,) = read(database)
    assert (found.answered_at, found.verdict) == (NOW + HOUR, Verdict.EXPECTED)


def test_an_answer_that_was_undone_was_never_given(database):
    told(database, spike())
    give(database, Verb.DISMISS, Verdict.FALSE_ALARM, at=NOW + HOUR)
    give(database, Verb.UNDO, at=NOW + 2 * HOUR)
    (found,) = read(database)
    assert (found.answered_at, found.verdict) == (None, None)


def test_what_nobody_was_told_of_counts_only_once_it_is_answered(database):
    told(database, spike(), learning_until=november(30))
    assert read(database) == ()
    give(database, Verb.DISMISS, Verdict.REAL, at=NOW + HOUR)
    (found,) = read(database)
    assert (found.told_at, found.verdict) == (NOW, Verdict.REAL)


def test_alerts_that_began_before_do_not_count_however_long_they_last(database):
    told(database, spike())
    told(database, spike(november(13)), spike(november(13), tenant="bolt"))
    assert [each.tenant for each in read(database, november(13))] == ["bolt"]
    assert [each.tenant for each in read(database)] == ["acme", "bolt"]
    assert read(database, november(14)) == ()


def test_the_method_is_the_one_that_found_it_else_the_one_that_judged_the_day(database):
    told(database, spike(facts=ROBUST), spike(tenant="bolt"), budget())
    by_day = {DAY: "classic"}
    assert [(each.tenant, each.method) for each in read(database, methods=by_day)] == [
        ("acme", "robust"), ("bolt", "classic"), ("acme", ""),
    ]  # fmt: skip
    assert [each.method for each in read(database)] == ["robust", "", ""]


def test_a_withdrawn_alert_began_on_the_last_day_that_is_known(database):
    told(database, spike(facts=ROBUST))
    with writing(database) as session:
        take_in(session, judgement(day=DAY), a_telling())
    (found,) = read(database)
    assert (found.alert.abnormal, found.method) == ((), "robust")


def test_a_tenant_is_known_by_the_name_it_has_now(database):
    told(database, spike(tenant="acme-prod"))
    (found,) = read(database, canonical=lambda tenant: tenant.removesuffix("-prod"))
    assert found.tenant == "acme"


def test_the_numbers_of_each_day_are_kept_with_it(database):
    told(database, spike(facts=ROBUST))
    told(database, spike(november(13), facts=ROBUST | {"quiet_bar": 2.5}))
    (found,) = read(database)
    assert [(day.method, day.quiet_bar, day.quiet_micro_usd) for day in found.alert.abnormal] == [
        ("robust", 0.4, 44), ("robust", 2.5, 44),
    ]  # fmt: skip
