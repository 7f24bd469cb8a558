"""Each verdict changes the days it should and no other, and an undo takes all of it back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.model import Verb, Verdict
from detector.rules import ROBUST_DAYS
from spendwatch.judging import judge
from tests.spendwatch.taught import HEADER, LAST, SPIKE, Company, day, differences, rows_of

WINDOW = ROBUST_DAYS
"""Days after the spike of which the baseline reaches back to it."""
NAMED = 28
"""Days after it on which the message names it: what is usual is the median of so many."""
SPREAD = 30
"""Days after it on which it moves the spread; later it can only move points."""
AGAIN = SPIKE + 10
"""Search rises again, by more than a false alarm of the spike would cover."""


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """The spike is told, nobody has answered, and all later days are there to be judged."""
    folder = tmp_path_factory.mktemp("company")
    rises = {(AGAIN, "acme", "search"): 20, (AGAIN, "bolt", "mail"): 30}
    company = Company(folder, times=rises).begin()
    assert company.read().count("acme: $331") == 1
    company.go_on()
    return company


@pytest.fixture(scope="module")
def unanswered(company):
    return company.judged()


@pytest.fixture
def twin(company, tmp_path):
    """The same company on the morning after the spike, before anybody has answered."""
    return company.twin(tmp_path / "twin")


def dismissed(twin, verdict, until=None, steps=range(SPIKE - 1, LAST + 1)):
    """Answer on the morning after the spike, and judge everything again."""
    later = twin.now
    twin.now -= timedelta(days=LAST - SPIKE)
    lesson = twin.answer(1, Verb.DISMISS, verdict, until)
    twin.now = later
    return lesson, twin.judged(steps)


def require_undone(twin, unanswered):
    twin.now -= timedelta(days=LAST - SPIKE)
    twin.answer(1, Verb.UNDO)
    assert differences(unanswered, twin.judged(range(SPIKE - 1, LAST + 1, 5))) == {}


def require_moved(changed, first, last, surely):
    """Of acme alone: on each day up to ``surely``, and on none after ``last``."""
    assert changed.keys() == {"acme"}
    assert set(days(first, surely)) <= set(changed["acme"]) <= set(days(first, last))


def left_out(found):
    return {each.day: each.reason for each in found.baseline.left_out}


def days(first, last):
    return list(range(first, last + 1))


def test_every_tenant_is_judged_on_every_day(unanswered):
    assert {len(found) for found in unanswered.values()} == {7}
    assert not any(found.baseline.left_out for day in unanswered.values() for found in day.values())


def test_a_real_spike_stays_out_of_every_baseline_that_reaches_back_to_it(twin, unanswered):
    _, taught = dismissed(twin, Verdict.REAL)
    changed = differences(unanswered, taught)
    require_moved(changed, SPIKE + 1, SPIKE + WINDOW, surely=SPIKE + SPREAD)
    for step in days(SPIKE + 1, SPIKE + NAMED):
        assert left_out(taught[step]["acme"]) == {day(SPIKE): "dismissed as real"}
    assert left_out(taught[SPIKE + NAMED + 1]["acme"]) == {}
    assert taught[AGAIN]["acme"].score > unanswered[AGAIN]["acme"].score
    require_undone(twin, unanswered)


def test_what_was_expected_until_a_day_stays_out_up_to_that_day_and_no_longer(twin, unanswered):
    until = SPIKE + 2
    _, taught = dismissed(twin, Verdict.EXPECTED, day(until))
    changed = differences(unanswered, taught)
    require_moved(changed, SPIKE + 1, until + WINDOW, surely=until + SPREAD)
    expected = dict.fromkeys(map(day, days(SPIKE, until)), "dismissed as expected")
    assert left_out(taught[until + 1]["acme"]) == expected
    assert left_out(taught[until + NAMED]["acme"]) == {day(until): "dismissed as expected"}
    require_undone(twin, unanswered)


def test_a_new_normal_starts_again_on_its_day_and_nothing_before_counts(twin, unanswered):
    _, taught = dismissed(twin, Verdict.NEW_NORMAL)
    changed = differences(unanswered, taught)
    require_moved(changed, SPIKE + 1, SPIKE + WINDOW - 1, surely=SPIKE + SPREAD - 1)
    few = days(SPIKE + 1, SPIKE + 13)
    assert [step for step in few if "acme" in taught[step]] == [AGAIN]
    # Until there are 14 days again only a guard in dollars judges it.
    assert taught[AGAIN]["acme"].rule == "young tenant"
    before = map(day, days(SPIKE + 14 - NAMED, SPIKE - 1))
    named = dict.fromkeys(before, "dismissed as the new normal")
    assert left_out(taught[SPIKE + 14]["acme"]) == named
    assert taught[SPIKE + 14]["acme"].baseline.used_days == 14
    require_undone(twin, unanswered)


def test_a_false_alarm_covers_what_is_below_its_floor_for_its_time_and_nothing_else(
    twin, unanswered
):
    lesson, taught = dismissed(twin, Verdict.FALSE_ALARM)
    last = SPIKE + 31
    assert lesson.until_day == day(last)
    covered = [step for step in days(SPIKE + 1, last) if step != AGAIN]
    assert differences(unanswered, taught) == {"acme": covered}
    assert [step for step in taught if "acme" not in taught[step]] == covered
    assert left_out(taught[AGAIN]["acme"]) == {}
    require_undone(twin, unanswered)


def test_a_data_error_stays_out_until_its_day_is_pulled_again(twin, unanswered):
    looked_at = [*days(SPIKE - 1, SPIKE + 4), *days(SPIKE + WINDOW - 1, LAST)]
    _, taught = dismissed(twin, Verdict.DATA_ERROR, steps=looked_at)
    changed = differences(unanswered, taught)
    require_moved(changed, SPIKE + 1, SPIKE + WINDOW, surely=SPIKE + 4)
    assert left_out(taught[SPIKE + 1]["acme"]) == {day(SPIKE): "dismissed as a data error"}
    require_undone(twin, unanswered)


def test_a_day_pulled_again_counts_again_as_if_it_had_never_been_an_error(company, twin, tmp_path):
    never = company.twin(tmp_path / "never")
    dismissed(twin, Verdict.DATA_ERROR, steps=())
    for place in (twin, never):
        mended = rows_of(SPIKE, place.noise, {(SPIKE, "acme", "search"): 2})
        place.write_day(day(SPIKE), mended, HEADER)
        place.pull(SPIKE, SPIKE)
    steps = days(SPIKE - 1, SPIKE + 9)
    assert twin.judged(steps) == never.judged(steps)


def test_an_answer_moves_no_alert_of_anybody_else(company, tmp_path):
    """The days after it are judged for good, with all that writes."""
    told = {}
    for verdict in (None, Verdict.REAL):
        place = company.twin(tmp_path / str(verdict))
        place.now -= timedelta(days=LAST - SPIKE)
        if verdict:
            place.answer(1, Verb.DISMISS, verdict)
        for step in days(SPIKE + 1, AGAIN + 1):
            place.now += timedelta(days=1)
            judge(place.app(), day(step))
        told[verdict] = place.alerts()
    assert [a.tenant for a in told[None]] == [a.tenant for a in told[Verdict.REAL]]
    assert others(told[None]) == others(told[Verdict.REAL]) != []
    assert told[None] != told[Verdict.REAL]


def others(alerts):
    return [alert for alert in alerts if alert.tenant != "acme"]
