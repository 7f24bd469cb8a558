from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from alerts import store
from alerts.intake import take_in
from alerts.model import AlertRules, AlertState, Change, Reason, Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from alerts.tables import NotificationRow
from detector.model import EVERYONE, MICRO, FindingKind
from spendwatch.db import reading, writing
from tests.builders import (
    DAY,
    NOW,
    a_telling,
    budget,
    judgement,
    november,
    one_of_each,
    price_change,
    source_stale,
    spike,
    unpriced_model,
)

RECEIVERS = {"": "ops", "bolt": "bolt-team"}
RULES = AlertRules()


def take(database, *findings, day=DAY, unjudged=(), **more):
    judged = judgement(*findings, day=day, unjudged=unjudged)
    with writing(database) as session:
        return take_in(session, judged, a_telling(**more))


def reply(database, verb, verdict=None, number=1):
    with writing(database) as session:
        return answer(session, number, Answer(verb, "alice", verdict), NOW, Teaching())


def titles(database):
    with reading(database) as session:
        rows = session.exec(select(NotificationRow).order_by(NotificationRow.number))
        return [row.message["title"] for row in rows]


def alerts(database):
    with reading(database) as session:
        return store.list_alerts(session)


def decisions(database, number=1):
    with reading(database) as session:
        found = store.decisions_of(session, number)
        return [(each.day.day, each.change, each.reason, each.notified) for each in found]


def test_a_finding_becomes_an_alert_a_decision_and_a_notification(database):
    intake = take(database, spike())
    assert (intake.told, intake.changes) == (1, {Change.OPENED: 1})
    assert decisions(database) == [(12, Change.OPENED, Reason.NEW, True)]
    with reading(database) as session:
        (row,) = session.exec(select(NotificationRow))
    assert (row.key, row.state) == ("spend spike:acme::2026-11-12:1:ops", "new")
    assert row.message["actions"][0]["command"] == "spendwatch alerts ack 1"


def test_every_kind_is_taken_in_at_once(database):
    intake = take(database, *one_of_each(), group_above=len(FindingKind))
    assert intake.told == len(FindingKind)
    assert sorted(alert.number for alert in alerts(database)) == list(range(1, 11))


def test_a_day_taken_in_twice_tells_nothing_twice(database):
    take(database, *one_of_each(), group_above=len(FindingKind))
    before = alerts(database)
    assert take(database, *one_of_each()).taken == ()
    assert alerts(database) == before
    assert len(titles(database)) == len(FindingKind)


def test_each_tenant_has_its_receiver(database):
    take(database, spike(), spike(tenant="bolt"))
    with reading(database) as session:
        found = {row.alert_number: row.receiver for row in session.exec(select(NotificationRow))}
    assert sorted(found.values()) == ["bolt-team", "ops"]


def test_fault_39_ten_abnormal_days_are_one_alert_with_one_message(database):
    intakes = [take(database, spike(november(day)), day=november(day)) for day in range(2, 12)]
    assert [intake.told for intake in intakes] == [1] + [0] * 9
    assert intakes[-1].held_back == {Reason.ALREADY_TOLD: 1}
    assert len(alerts(database)[0].days) == 10


def test_an_acknowledged_alert_is_quiet_until_it_gets_worse_or_ends(database):
    take(database, spike(actual=431))
    reply(database, Verb.ACKNOWLEDGE)
    quiet = take(database, spike(november(13), actual=471), day=november(13))
    assert quiet.held_back == {Reason.ACKNOWLEDGED: 1}
    assert take(database, spike(november(14), actual=900), day=november(14)).told == 1
    take(database, day=november(15))
    assert take(database, day=november(16)).told == 1
    assert titles(database)[-1] == "Acme: resolved, spend is normal again"


def test_a_dismissed_alert_ends_in_silence(database):
    take(database, spike())
    reply(database, Verb.DISMISS, Verdict.EXPECTED)
    take(database, spike(november(13)), day=november(13))
    take(database, day=november(14))
    over = take(database, day=november(15))
    assert over.held_back == {Reason.DISMISSED: 1}
    assert alerts(database)[0].state is AlertState.DISMISSED
    assert len(titles(database)) == 1


def test_a_dismissed_alert_speaks_when_it_gets_worse(database):
    take(database, spike(actual=431))
    reply(database, Verb.DISMISS, Verdict.EXPECTED)
    assert take(database, spike(november(13), actual=480), day=november(13)).told == 0
    assert take(database, spike(november(14), actual=481), day=november(14)).told == 1


def test_a_resolved_alert_and_a_new_spike_are_two_alerts(database):
    take(database, spike())
    for day in (13, 14):
        take(database, day=november(day))
    take(database, spike(november(20)), day=november(20))
    assert [alert.state for alert in alerts(database)] == [AlertState.OPEN, AlertState.RESOLVED]


def test_fault_22_a_revised_day_is_told_once_with_both_numbers(database):
    take(database, spike(actual=431))
    revised = take(database, spike(actual=461))
    assert revised.changes == {Change.REVISED: 1}
    assert take(database, spike(actual=461)).taken == ()
    with reading(database) as session:
        message = session.exec(select(NotificationRow)).all()[-1].message
    assert message["title"].startswith("Acme: revised, $461")
    assert message["lines"][0]["text"] == "$431, now $461: 12 Nov was judged again"


def test_fault_22_a_day_that_turns_out_normal_is_withdrawn_openly(database):
    take(database, spike(actual=80, expected=20))
    withdrawn = take(database, spent={"acme": 20 * MICRO})
    assert withdrawn.changes == {Change.WITHDRAWN: 1}
    assert titles(database)[-1] == "Acme: withdrawn, Thu 12 Nov was $80, now $20"
    assert take(database).taken == ()


def test_a_message_about_an_older_day_shows_that_day(database):
    take(database, spike(actual=431))
    take(database, spike(november(13), actual=441), day=november(13))
    take(database, spike(actual=461))
    assert titles(database)[-1].startswith("Acme: revised, $461 on Thu 12 Nov")
    assert alerts(database)[0].finding.day == november(13)


def test_fault_23_what_was_not_judged_is_left_alone(database):
    take(database, spike(), source_stale())
    take(database, source_stale(november(13)), day=november(13), unjudged=silent())
    take(database, source_stale(november(14)), day=november(14), unjudged=silent())
    found = {alert.kind: alert for alert in alerts(database)}
    assert found[FindingKind.SPEND_SPIKE].normal_days == 0
    assert len(found[FindingKind.SOURCE_STALE].days) == 3
    assert len(titles(database)) == 2


def silent():
    return [(FindingKind.SPEND_SPIKE, EVERYONE), (FindingKind.SPEND_DROP, EVERYONE)]


def test_a_condition_unjudged_for_one_tenant_goes_on_for_the_others(database):
    take(database, spike(), spike(tenant="bolt"))
    take(database, day=november(13), unjudged=[(FindingKind.SPEND_SPIKE, "acme")])
    normal = {alert.tenant: alert.normal_days for alert in alerts(database)}
    assert normal == {"acme": 0, "bolt": 1}


def test_fault_43_of_several_thresholds_only_the_highest_is_told(database):
    intake = take(database, budget(50), budget(100), budget(80))
    assert (intake.told, alerts(database)[0].finding.magnitude) == (1, 100)


def test_fault_42_a_raised_cap_resolves_the_alert(database):
    take(database, budget(100, cap=9_000))
    raised = take(database, day=november(13))
    assert raised.changes == {Change.RESOLVED: 1}
    assert titles(database)[-1].startswith("Acme: resolved, below the threshold again")


def test_fault_42_a_lowered_cap_alerts_once_and_the_old_alert_ends_unsaid(database):
    take(database, budget(80, cap=9_000))
    lowered = take(database, budget(100, november(13), cap=7_000), day=november(13))
    assert (lowered.told, lowered.held_back) == (1, {Reason.REPLACED: 1})
    assert [alert.state for alert in alerts(database)] == [AlertState.OPEN, AlertState.RESOLVED]


def test_what_was_forecast_and_is_spent_by_now_is_not_told_as_good_news(database):
    coming = budget(100, kind=FindingKind.BUDGET_FORECAST)
    take(database, coming, budget(80))
    spent = take(database, budget(100, november(13)), day=november(13))
    assert spent.changes == {Change.WORSE: 1, Change.REPLACED: 1}
    assert (spent.told, spent.held_back) == (1, {Reason.REPLACED: 1})


def test_a_forecast_below_its_threshold_again_is_told_whatever_is_spent(database):
    take(database, budget(100, kind=FindingKind.BUDGET_FORECAST), budget(80))
    take(database, budget(80, november(13)), day=november(13))
    assert titles(database)[-1] == "Acme: resolved, the forecast is below the threshold again"


def test_fault_45_a_refund_resolves_and_the_same_threshold_is_not_told_again(database):
    take(database, budget(80))
    assert take(database, day=november(13)).told == 1
    assert take(database, budget(80, november(14)), day=november(14)).told == 0
    assert take(database, day=november(15)).held_back == {Reason.ALREADY_TOLD: 1}
    assert take(database, budget(100, november(16)), day=november(16)).told == 1
    assert len(alerts(database)) == 1


def test_two_findings_of_one_kind_and_tenant_are_told_apart_by_subject(database):
    take(database, budget(80), budget(80, feature="chat"), unpriced_model())
    assert len(alerts(database)) == 3


def test_a_price_change_needs_no_end(database):
    take(database, price_change())
    assert take(database).taken == ()
    assert take(database, day=november(13)).taken == ()
    assert len(titles(database)) == 1


def test_an_intake_that_fails_leaves_nothing_behind(database):
    with pytest.raises(AttributeError), writing(database) as session:
        take_in(session, judgement(spike()), a_telling(owners=None))
    assert alerts(database) == ()


def test_many_findings_of_one_run_are_taken_in_and_ended_together(database):
    findings = [spike(tenant=f"tenant-{number}") for number in range(600)]
    assert take(database, *findings, group_above=600).told == 600
    assert take(database, *findings).taken == ()
    ended = [take(database, day=DAY + timedelta(days=days)) for days in (1, 2)]
    assert ended[1].changes == {Change.RESOLVED: 600}
