from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Teaching, Verdict
from alerts.verdicts import describe_lesson, lesson
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
