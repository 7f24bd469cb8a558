from __future__ import annotations

from alerts.model import Change, Reason
from alerts.policy import Ruling
from alerts.taken import Taken, Told, held_back
from tests.builders import DAY, an_alert


def a_run(*rulings):
    """What one run did to alerts 1, 2, ...: told, or the reason that held it back."""
    return Told(DAY, tuple(taken(number, reason) for number, reason in enumerate(rulings, 1)))


def taken(number, reason):
    alert = an_alert(number=number)
    ruling = Ruling(told=reason is Reason.NEW, reason=reason)
    return Taken(alert, alert, alert.finding, Change.UPDATED, ruling)


def test_what_was_told_after_all_was_not_held_back():
    runs = [a_run(Reason.QUIET_HOURS, Reason.SILENCED), a_run(Reason.NEW)]
    assert held_back(runs) == {Reason.SILENCED: 1}


def test_what_is_held_back_after_it_was_told_counts():
    assert held_back([a_run(Reason.NEW), a_run(Reason.ALREADY_TOLD)]) == {Reason.ALREADY_TOLD: 1}


def test_what_was_told_with_others_was_told():
    run = a_run(Reason.GROUPED, Reason.GROUPED, Reason.LEARNING)
    assert held_back([run]) == run.held_back == {Reason.LEARNING: 1}
    assert [each.told for each in run.taken] == [True, True, False]
