from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.declaring import (
    AlreadyOver,
    AnnouncementRefused,
    check_plan,
    check_silence,
    end_plan,
    end_silence,
    planned_lesson,
    preview,
)
from alerts.holds import ToldNews
from detector.model import MICRO, Effect, FindingKind, Severity
from tests.alerts.test_holds import HOUR, plan, silence
from tests.builders import DAY, NOW, november

ONE = timedelta(days=1)
SPIKE, STALE = FindingKind.SPEND_SPIKE, FindingKind.SOURCE_STALE


def test_a_silence_of_one_tenant_for_a_while_is_accepted():
    assert check_silence(silence(), NOW) is None
    assert check_silence(silence("", SPIKE, end=90 * ONE), NOW) is None


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
    assert check_plan(plan(), DAY) is None
    assert check_plan(plan(DAY, DAY + 91 * ONE), DAY) is None
    assert check_plan(plan(DAY + 366 * ONE), DAY) is None


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
    with pytest.raises(AlreadyOver, match="S-3 is over since 13 Nov 06:10 UTC, by bob"):
        end_silence(ended, "carol", NOW)
    with pytest.raises(AlreadyOver, match=r"S-3 is over since 13 Nov 07:10 UTC$"):
        end_silence(silence(), "bob", NOW + HOUR)


def test_an_ended_plan_keeps_its_days_up_to_the_last_judged_one():
    ended = end_plan(plan(november(10), november(20)), "bob", november(12))
    assert (ended.last_day, ended.ended_by) == (november(12), "bob")


@pytest.mark.parametrize("judged_day", [None, november(12), november(19)])
def test_a_plan_of_which_no_day_was_judged_loses_all_its_days(judged_day):
    ended = end_plan(plan(november(20), november(22)), "bob", judged_day)
    assert ended.last_day == november(19)
    assert ended.over(november(12))
    assert planned_lesson(ended) is None


def test_a_plan_is_ended_once_and_not_after_its_last_day_was_judged():
    ended = end_plan(plan(november(20), november(22)), "bob", november(12))
    with pytest.raises(AlreadyOver, match="P-2 was ended already, by bob"):
        end_plan(ended, "carol", november(12))
    with pytest.raises(AlreadyOver, match="P-2 is over: its last day, Thu 12 Nov, was judged"):
        end_plan(plan(november(11), november(12)), "carol", november(12))


@given(st.integers(1, 20), st.integers(0, 9), st.integers(1, 28))
def test_ending_a_plan_takes_the_days_that_were_not_judged_and_no_other(first, more, judged):
    planned = plan(november(first), november(first) + timedelta(days=more))
    if planned.last_day <= november(judged):
        with pytest.raises(AlreadyOver):
            end_plan(planned, "bob", november(judged))
        return
    left, days = (
        getattr(planned_lesson(each), "days", frozenset())
        for each in (end_plan(planned, "bob", november(judged)), planned)
    )
    assert left == {day for day in days if day <= november(judged)}


def test_planned_days_stay_out_of_the_baseline_whatever_they_cost():
    taught = planned_lesson(plan(november(24), november(26)))
    assert (taught.tenant, taught.effect) == ("acme", Effect.LEAVE_OUT)
    assert taught.reason == "planned: migration"
    assert taught.days == {november(24), november(25), november(26)}
    assert planned_lesson(plan(comment="")).reason == "planned"


def test_a_comment_cannot_steer_the_terminal_of_who_reads_the_reason():
    assert planned_lesson(plan(comment="a\x1b[31mb")).reason == "planned: ab"


def news(number, tenant="acme", kind=SPIKE, micro_usd=0):
    return ToldNews(number, tenant, kind, Severity.CRITICAL, micro_usd)


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


def test_a_preview_of_a_plan_holds_back_its_tenants_spikes_up_to_the_ceiling():
    cheap, dear = news(14, micro_usd=900 * MICRO), news(13, micro_usd=900 * MICRO + 1)
    others = [news(12, "bolt"), news(11, kind=STALE)]
    seen = preview(plan(november(24), ceiling=900), [cheap, dear, *others])
    assert (seen.told, seen.held) == (4, (cheap,))
