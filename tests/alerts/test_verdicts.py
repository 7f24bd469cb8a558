from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Teaching, Verdict
from alerts.verdicts import covered, describe_lesson, lesson, preview
from detector.model import MICRO, Effect
from tests.builders import NOW, an_alert, budget, drop, november, spike

TEACHING = Teaching()


def two_days(first=spike, **numbers):
    alert = an_alert(first(november(12), **numbers))
    return replace(alert, abnormal=(*alert.abnormal, replace(alert.abnormal[0], day=november(13))))


def taught(verdict, alert=None, name="contoso"):
    return describe_lesson(lesson(alert or two_days(), verdict, NOW, TEACHING), name)


@pytest.mark.parametrize("verdict", [Verdict.REAL, Verdict.EXPECTED, Verdict.DATA_ERROR])
def test_fault_36_an_answered_spike_stays_out_of_the_baseline(verdict):
    learned = lesson(two_days(), verdict, NOW, TEACHING)
    assert learned.effect is Effect.LEAVE_OUT
    assert learned.days == {november(12), november(13)}
    assert learned.reason == f"dismissed as {verdict.replace('data_', 'a data ')}"


def test_a_new_normal_starts_the_baseline_again_on_its_first_day():
    learned = lesson(two_days(), Verdict.NEW_NORMAL, NOW, TEACHING)
    assert (learned.effect, learned.from_day) == (Effect.RESTART, november(12))
    assert taught(Verdict.NEW_NORMAL) == "contoso's baseline starts again on 12 Nov"


@pytest.mark.parametrize(("excess", "floor"), [(48, 60), (47, 59), (100, 125)])
def test_a_false_alarm_raises_the_floor_to_whole_dollars(excess, floor):
    alert = an_alert(spike(actual=331 + excess))
    learned = lesson(alert, Verdict.FALSE_ALARM, NOW, TEACHING)
    assert learned.floor_micro_usd == floor * MICRO
    assert learned.until_day == november(13, 12)


def test_the_largest_day_of_the_alert_sets_the_floor():
    alert = an_alert(spike(actual=431))
    small = replace(alert.abnormal[0], day=november(13), excess_micro_usd=MICRO)
    longer = replace(alert, abnormal=(*alert.abnormal, small))
    assert lesson(longer, Verdict.FALSE_ALARM, NOW, TEACHING).floor_micro_usd == 125 * MICRO


def test_a_drop_teaches_by_its_size_not_its_sign():
    learned = lesson(an_alert(drop(actual=231)), Verdict.FALSE_ALARM, NOW, TEACHING)
    assert learned.floor_micro_usd == 125 * MICRO


def test_a_budget_alert_teaches_no_baseline():
    assert lesson(an_alert(budget()), Verdict.EXPECTED, NOW, TEACHING) is None


def test_a_withdrawn_alert_teaches_nothing():
    gone = replace(an_alert(), abnormal=())
    assert lesson(gone, Verdict.EXPECTED, NOW, TEACHING) is None


def test_what_is_taught_is_said_as_people_speak():
    assert taught(Verdict.EXPECTED) == "12 and 13 Nov will stay out of contoso's baseline"
    assert taught(Verdict.DATA_ERROR).endswith("contoso's baseline until pulled again")
    small = two_days(actual=379)
    assert taught(Verdict.FALSE_ALARM, small) == "contoso's floor rises to $60 until 13 Dec"


def test_fault_92_a_hostile_name_in_a_lesson_is_inert():
    assert "\x1b" not in taught(Verdict.EXPECTED, name="con\x1b[31mtoso\n")


# before it is chosen


def past(number, day, excess=100, tenant="acme", finding=spike):
    """Another alert, of one day."""
    sides = {"actual": 331 + excess} if finding is spike else {"actual": 331 - excess}
    return an_alert(finding(november(day), tenant, **sides), number=number)


def covers(verdict, *others, alert=None):
    found = covered(alert or past(12, 12), verdict, others, NOW, TEACHING)
    return [each.number for each in found]


def test_a_false_alarm_would_have_covered_what_is_below_its_floor():
    others = (past(1, 2, 124), past(2, 3, 125), past(3, 4, 90), past(4, 5, 900))
    assert covers(Verdict.FALSE_ALARM, *others) == [1, 3]


def test_the_largest_day_of_another_alert_decides_whether_it_was_covered():
    long = past(1, 2, 90)
    worst = replace(long.abnormal[0], day=november(3), excess_micro_usd=200 * MICRO)
    assert covers(Verdict.FALSE_ALARM, replace(long, abnormal=(*long.abnormal, worst))) == []


def test_a_new_normal_would_have_covered_what_began_on_its_first_day_or_later():
    assert covers(Verdict.NEW_NORMAL, past(1, 11), past(2, 12), past(3, 13, 900)) == [2, 3]


@pytest.mark.parametrize("verdict", [Verdict.REAL, Verdict.EXPECTED, Verdict.DATA_ERROR])
def test_the_other_verdicts_are_about_their_own_days_alone(verdict):
    assert covers(verdict, past(1, 11, 10), past(2, 13, 10)) == []


def test_only_recent_alerts_of_the_same_tenant_and_kind_count():
    strangers = (
        past(1, 11, 10, tenant="bolt"),
        past(2, 11, 10, finding=drop),
        an_alert(spike(november(14, 8)), number=3),
        replace(past(4, 11), abnormal=()),
    )
    alert = past(12, 12)
    seen = preview(alert, Verdict.FALSE_ALARM, (*strangers, alert), NOW, TEACHING, "Acme")
    assert (seen.covered, seen.others) == ((), 0)
    assert preview(alert, Verdict.REAL, [past(5, 15, 9)], NOW, TEACHING, "Acme").others == 1
    old = an_alert(spike(november(15, 8), actual=340), number=6)
    assert [each.number for each in covered(alert, Verdict.FALSE_ALARM, [old], NOW, TEACHING)] == [
        6
    ]


def test_a_preview_says_what_it_means_and_what_exactly_it_does():
    seen = preview(past(12, 12, 48), Verdict.FALSE_ALARM, [], NOW, TEACHING, "contoso")
    assert seen.meaning == "nobody needed to know"
    assert seen.effect == "contoso's floor rises to $60 until 13 Dec"


@pytest.mark.parametrize("verdict", Verdict)
def test_a_kind_without_a_baseline_is_previewed_as_teaching_nothing(verdict):
    others = (replace(an_alert(budget(50)), number=1),)
    seen = preview(an_alert(budget()), verdict, others, NOW, TEACHING, "Acme")
    assert (seen.effect, seen.covered) == ("kept on record, teaches nothing", ())
    assert seen.others == 1
