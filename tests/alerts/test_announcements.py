from __future__ import annotations

from datetime import timedelta

import pytest

from alerts import announcements, store
from alerts.declaring import AlreadyOver, AnnouncementRefused
from alerts.holds import ToldNews
from alerts.intake import take_in
from alerts.model import Change, Reason
from detector.model import MICRO, FindingKind, Severity
from spendwatch.db import reading, writing
from tests.alerts.test_holds import HOUR, plan, silence
from tests.builders import DAY, NOW, a_telling, judgement, november, source_stale, spike

LATER = NOW + 2 * HOUR
FULL = silence("acme*", FindingKind.SPEND_SPIKE, Severity.WARNING)


def added(database, *announced):
    with writing(database) as session:
        return [announcements.add_silence(session, each, NOW) for each in announced]


def planned(database, *announced):
    with writing(database) as session:
        return [announcements.add_planned_event(session, each, NOW) for each in announced]


def test_silences_are_numbered_and_kept_as_they_were_given(database):
    first, second = added(database, FULL, silence())
    assert (first.reference, second.reference) == ("S-1", "S-2")
    with reading(database) as session:
        assert announcements.list_silences(session) == (first, second)


def test_a_silence_that_begins_at_once_begins_now(database):
    added(database, silence(begin=None))
    with reading(database) as session:
        (kept,) = announcements.list_silences(session)
    assert kept.starts_at == NOW


def test_fault_83_a_silence_expires_by_itself(database):
    added(database, silence(begin=HOUR, end=2 * HOUR), silence(end=HOUR))
    with reading(database) as session:
        in_force = [
            [each.reference for each in announcements.list_silences(session, in_force_at=at)]
            for at in (NOW, NOW + HOUR, LATER)
        ]
    assert in_force == [["S-2"], ["S-1"], []]


def test_an_ended_silence_is_not_in_force_and_stays_on_record(database):
    added(database, silence())
    with writing(database) as session:
        announcements.end_silence(session, 1, "bob", NOW)
    with reading(database) as session:
        assert announcements.list_silences(session, in_force_at=NOW) == ()
        (kept,) = announcements.list_silences(session)
    assert (kept.ends_at, kept.ended_by, kept.author) == (NOW, "bob", "alice")


@pytest.mark.parametrize(
    ("end", "number", "at", "refusal", "words"),
    [
        (announcements.end_silence, 9, NOW, AnnouncementRefused, "no silence S-9"),
        (announcements.end_silence, 1, LATER, AlreadyOver, "S-1 is over"),
        (announcements.end_planned_event, 9, DAY, AnnouncementRefused, "no planned event P-9"),
        (announcements.end_planned_event, 1, DAY, AlreadyOver, "P-1 is over"),
    ],
)
def test_what_is_not_there_or_over_cannot_be_ended(database, end, number, at, refusal, words):
    added(database, silence())
    planned(database, plan())
    with pytest.raises(AnnouncementRefused, match=words) as caught, writing(database) as session:
        end(session, number, "bob", at)
    assert caught.type is refusal


def test_planned_events_are_numbered_and_kept_past_ones_too(database):
    past = planned(database, plan(november(1)), plan(DAY, november(14)))
    assert [each.reference for each in past] == ["P-1", "P-2"]
    with reading(database) as session:
        assert announcements.list_planned_events(session) == tuple(past)


def test_an_ended_plan_stays_on_record_with_its_last_judged_day(database):
    planned(database, plan(DAY, november(20)))
    with writing(database) as session:
        announcements.end_planned_event(session, 1, "bob", november(15))
    with reading(database) as session:
        (kept,) = announcements.list_planned_events(session)
    assert (kept.last_day, kept.ended_by) == (november(15), "bob")


def told_numbers(database, since):
    with reading(database) as session:
        return [each.alert_number for each in announcements.told_since(session, since)]


def test_only_what_was_told_lately_is_previewed_newest_first(database):
    with writing(database) as session:
        take_in(session, judgement(spike()), a_telling(NOW))
        later = november(13)
        both = judgement(spike(later, "bolt"), spike(later, "corp"), day=later)
        take_in(session, both, a_telling(LATER, silences=(silence("corp", end=9 * HOUR),)))
    assert told_numbers(database, NOW) == [2, 1]
    assert told_numbers(database, NOW + timedelta.resolution) == [2]
    assert told_numbers(database, LATER + timedelta.resolution) == []


def test_what_was_told_in_one_message_with_others_is_previewed_one_by_one(database):
    with writing(database) as session:
        group = judgement(spike(), spike(tenant="corp"))
        take_in(session, group, a_telling(NOW, group_above=1))
    assert sorted(told_numbers(database, NOW)) == [1, 2]


def test_a_preview_reads_the_alert_as_it_is_stored(database):
    with writing(database) as session:
        take_in(session, judgement(spike(actual=400)), a_telling(NOW))
    with reading(database) as session:
        (told,) = announcements.told_since(session, NOW)
    assert told == ToldNews(1, "acme", FindingKind.SPEND_SPIKE, Severity.WARNING, 400 * MICRO)


def test_a_preview_counts_an_alert_with_its_dearest_day(database):
    with writing(database) as session:
        for day, cost in ((DAY, 900), (november(13), 400)):
            take_in(session, judgement(spike(day, actual=cost), day=day), a_telling(NOW))
        told = announcements.told_since(session, NOW)
    assert {each.micro_usd for each in told} == {900 * MICRO}


def test_a_preview_counts_a_withdrawn_alert_with_what_was_told_of_it(database):
    with writing(database) as session:
        take_in(session, judgement(spike(actual=400)), a_telling(NOW))
        take_in(session, judgement(), a_telling(NOW))
        told = announcements.told_since(session, NOW)
    assert [each.micro_usd for each in told] == [400 * MICRO] * 2


def test_what_is_about_no_spend_is_previewed_as_costing_nothing(database):
    with writing(database) as session:
        take_in(session, judgement(source_stale()), a_telling(NOW))
        (told,) = announcements.told_since(session, NOW)
    assert told.micro_usd == 0


def test_a_decision_names_the_silence_that_held_it_back(database):
    with writing(database) as session:
        take_in(session, judgement(spike()), a_telling(NOW, silences=(silence(),)))
        (decision,) = store.decisions_of(session, 1)
    assert (decision.change, decision.reason, decision.notified) == (
        Change.OPENED,
        Reason.SILENCED,
        False,
    )
    assert decision.detail == "S-3 by alice, until 13 Nov 07:10 UTC: migration"
