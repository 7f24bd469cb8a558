from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.declaring import (
    AnnouncementRefused,
    check_plan,
    check_silence,
    end_plan,
    end_silence,
    planned_lesson,
    preview,
)
from alerts.holds import ToldNews
from detector.model import Effect, FindingKind, Severity
from tests.alerts.test_holds import HOUR, plan, silence
from tests.builders import DAY, NOW, november

ONE = timedelta(days=1)
SPIKE, STALE = FindingKind.SPEND_SPIKE, FindingKind.SOURCE_STALE


def test_a_silence_of_one_tenant_for_a_while_is_accepted():
    check_silence(silence(), NOW)
    check_silence(silence("", SPIKE, end=90 * ONE), NOW)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (silence(tenant=""), "names a tenant, a kind or a severity"),
        (silence(comment=" "), "say why"),
        (silence(comment="x" * 201), "the comment has 201 characters; at most 200 are kept"),
        (silence(end=timedelta(0)), "ends in the future; 13 Nov 06:10 UTC is over"),
        (silence(begin=2 * HOUR), "ends after it begins; 13 Nov 07:10 UTC is before that"),
        (silence(begin=HOUR), "ends after it begins"),
        (silence(end=90 * ONE + HOUR), "at most 90 days from now, on 11 Feb 06:10 UTC"),
    ],
)
def test_fault_83_a_silence_that_makes_no_sense_is_refused(refused, words):
    with pytest.raises(AnnouncementRefused, match=words):
        check_silence(refused, NOW)


def test_a_plan_from_today_on_is_accepted():
    check_plan(plan(), DAY)
    check_plan(plan(DAY, DAY + 91 * ONE), DAY)
    check_plan(plan(DAY + 366 * ONE), DAY)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (plan(DAY - ONE), "Wed 11 Nov is over: answer its alert .* --verdict expected"),
        (plan(comment=""), "say why"),
        (plan(tenant="acme*"), "for one tenant"),
        (plan(DAY, DAY - ONE), "the last day, 2026-11-11, is before the first, 2026-11-12"),
        (plan(DAY, DAY + 92 * ONE), "at most 92 days, not 93"),
        (plan(DAY + 367 * ONE), "more than 366 days ahead; is the year right?"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(refused, words):
    with pytest.raises(AnnouncementRefused, match=words):
        check_plan(refused, DAY)


def test_an_ended_silence_is_over_now_and_says_who_ended_it():
    ended = end_silence(silence(), "bob", NOW)
    assert (ended.ends_at, ended.ended_by) == (NOW, "bob")
    assert not ended.holds(NOW)


def test_a_silence_that_is_over_cannot_be_ended_again():
    ended = end_silence(silence(), "bob", NOW)
    with pytest.raises(AnnouncementRefused, match="S-3 is over since 13 Nov 06:10 UTC, by bob"):
        end_silence(ended, "carol", NOW)
    with pytest.raises(AnnouncementRefused, match=r"S-3 is over since 13 Nov 07:10 UTC$"):
        end_silence(silence(), "bob", NOW + HOUR)


def test_an_ended_plan_keeps_its_days_up_to_today():
    ended = end_plan(plan(november(10), november(20)), "bob", november(12))
    assert (ended.last_day, ended.ended_by) == (november(12), "bob")
    assert not ended.over(november(12))


def test_a_plan_that_has_not_begun_loses_all_its_days():
    ended = end_plan(plan(november(20), november(22)), "bob", november(12))
    assert ended.last_day == november(19)
    assert ended.over(november(12))
    assert planned_lesson(ended) is None


def test_a_plan_is_ended_once_and_not_after_its_last_day():
    ended = end_plan(plan(november(20), november(22)), "bob", november(12))
    with pytest.raises(AnnouncementRefused, match="P-2 was ended already, by bob"):
        end_plan(ended, "carol", november(12))
    with pytest.raises(AnnouncementRefused, match="P-2 is over since Thu 12 Nov"):
        end_plan(plan(), "carol", november(13))


@given(st.integers(1, 20), st.integers(0, 9), st.integers(1, 28))
def test_ending_a_plan_only_ever_takes_days_to_come(first, more, today):
    planned = plan(november(first), november(first) + timedelta(days=more))
    if planned.over(november(today)):
        return
    left, days = (
        getattr(planned_lesson(each), "days", frozenset())
        for each in (end_plan(planned, "bob", november(today)), planned)
    )
    assert left == {day for day in days if day <= november(today)}


def test_planned_days_stay_out_of_the_baseline_whatever_they_cost():
    taught = planned_lesson(plan(november(24), november(26)))
    assert (taught.tenant, taught.effect) == ("acme", Effect.LEAVE_OUT)
    assert taught.reason == "planned: migration"
    assert taught.days == {november(24), november(25), november(26)}
    assert planned_lesson(plan(comment="")).reason == "planned"


def test_a_comment_cannot_steer_the_terminal_of_who_reads_the_reason():
    assert planned_lesson(plan(comment="a\x1b[31mb")).reason == "planned: ab"


def news(number, tenant="acme", kind=SPIKE):
    return ToldNews(number, tenant, kind, Severity.CRITICAL)


def test_a_preview_counts_what_would_have_been_held_back_by_kind():
    told = [news(14), news(13, "bolt"), news(14), news(12, kind=STALE)]
    seen = preview(silence(), told)
    assert (seen.told, seen.kinds) == (4, {SPIKE: 2, STALE: 1})
    assert [each.alert_number for each in seen.alerts] == [14, 12]


def test_a_preview_does_not_ask_when_the_silence_is_in_force():
    over = replace(silence(), ends_at=NOW - 100 * ONE)
    assert len(preview(over, [news(14)]).held) == 1


def test_a_preview_of_nothing_holds_nothing_back():
    assert preview(silence(), []).held == ()
