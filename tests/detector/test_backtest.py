from functools import partial

import pytest

from detector.backtest import replay
from detector.detect import Context, detect
from detector.model import FindingKind
from detector.rules import RuleBook
from tests.detector.histories import (
    TODAY,
    acme,
    ago,
    bolt,
    book,
    fleet,
    history_of,
    judge,
    leave_out,
    spend,
    spikes,
)


def replayed(history, first, last=TODAY, rules=None, context=None):
    judge = partial(detect, context=context)
    return list(replay(history, rules or book(), first=first, last=last, judge=judge))


def test_every_day_is_judged_once_in_order():
    judgements = replayed(fleet(), ago(9))
    assert [judgement.day for judgement in judgements] == [ago(days) for days in range(9, -1, -1)]


@pytest.mark.parametrize(
    ("first", "last", "days"), [(40, 29, 2), (1, -9, 2), (-1, -2, 0), (1, 2, 0)]
)
def test_days_outside_the_history_are_not_judged(first, last, days):
    assert len(replayed(fleet(), ago(first), ago(last))) == days


def test_the_replay_of_the_judged_day_is_its_judgement():
    history = fleet(acme=900, corp=700)
    assert replayed(history, TODAY) == [judge(history)]


def test_a_spike_is_found_on_its_day_and_on_no_other():
    history = history_of(spend("acme", [*[100] * 25, 900, *[100] * 5]), bolt())
    found = {j.day: spikes(j) for j in replayed(history, ago(20)) if j.findings}
    assert found == {ago(5): ["acme"]}


def test_a_judgement_sees_its_own_window_and_no_more():
    rows = spend("acme", [*[9000] * 10, *[100] * 15, 190])
    history = history_of(rows)
    (short,) = replayed(history, TODAY, rules=RuleBook(window_days=15))
    (long,) = replayed(history, TODAY, rules=RuleBook(window_days=25))
    assert short.findings[0].baseline.window_days == 15
    assert [finding.kind for finding in long.findings] == []


def test_a_tenant_that_comes_later_is_not_there_before():
    history = history_of(acme(), spend("dawn", [80, 80]))
    found = {j.day: [f.rule for f in j.findings] for j in replayed(history, ago(5))}
    assert found[ago(1)] == ["first spend"]
    assert sum(map(len, found.values())) == 1


def test_a_feature_that_comes_later_is_no_driver_before():
    history = history_of(
        spend("acme", [*[100] * 29, 900, 100]), spend("acme", [5], feature="later")
    )
    (judgement,) = replayed(history, ago(1), ago(1))
    assert [driver.feature for driver in judgement.findings[0].drivers] == ["chat"]


def test_what_answers_taught_holds_for_every_day():
    history = history_of(spend("acme", [*[100] * 25, 900, 100, 100, 300, 300, 300]))
    context = Context(lessons=(leave_out("acme", ago(5), ago(2), ago(1)),))
    kinds = [[f.kind for f in j.findings] for j in replayed(history, ago(2), context=context)]
    assert kinds == [[FindingKind.SPEND_SPIKE]] * 3
    assert [j.findings for j in replayed(history, ago(2))] == [()] * 3
