from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from alerts.holds import QuietHours
from alerts.model import AlertState, Change, Reason
from alerts.policy import Situation, decide
from tests.builders import NOW, an_alert

OPEN, ACKNOWLEDGED = AlertState.OPEN, AlertState.ACKNOWLEDGED
DISMISSED, RESOLVED = AlertState.DISMISSED, AlertState.RESOLVED
SNOOZED = AlertState.SNOOZED


def ruled(alert, change, **more):
    ruling = decide(alert, change, Situation(NOW), **more)
    return ruling.told, ruling.reason


@pytest.mark.parametrize(
    ("state", "change", "told", "reason"),
    [
        (OPEN, Change.OPENED, True, Reason.NEW),
        (OPEN, Change.WORSE, True, Reason.WORSE),
        (OPEN, Change.REVISED, True, Reason.REVISED),
        (OPEN, Change.UPDATED, False, Reason.ALREADY_TOLD),
        (OPEN, Change.UNCHANGED, False, Reason.ALREADY_TOLD),
        (RESOLVED, Change.RESOLVED, True, Reason.RESOLVED),
        (RESOLVED, Change.WITHDRAWN, True, Reason.REVISED),
        (RESOLVED, Change.REVISED, True, Reason.REVISED),
        (ACKNOWLEDGED, Change.UPDATED, False, Reason.ACKNOWLEDGED),
        (ACKNOWLEDGED, Change.REVISED, False, Reason.ACKNOWLEDGED),
        (SNOOZED, Change.UPDATED, False, Reason.SNOOZED),
        (DISMISSED, Change.UPDATED, False, Reason.DISMISSED),
        (DISMISSED, Change.REVISED, False, Reason.DISMISSED),
        (DISMISSED, Change.RESOLVED, False, Reason.DISMISSED),
        (DISMISSED, Change.WITHDRAWN, False, Reason.DISMISSED),
    ],
)
def test_each_change_is_told_or_held_back_with_its_reason(state, change, told, reason):
    ended = change in (Change.RESOLVED, Change.WITHDRAWN)
    assert ruled(an_alert(state=state, ended=ended), change) == (told, reason)


def test_an_end_is_not_told_where_the_beginning_was_not():
    silent = an_alert(state=RESOLVED, ended=True, announced=False)
    assert ruled(silent, Change.RESOLVED) == (False, Reason.ALREADY_TOLD)


def test_fault_42_a_cap_that_only_changed_does_not_resolve_aloud():
    ended = an_alert(state=RESOLVED, ended=True)
    assert ruled(ended, Change.REPLACED) == (False, Reason.REPLACED)


@pytest.mark.parametrize(
    ("change", "told"),
    [(Change.OPENED, True), (Change.WORSE, True), (Change.REMINDED, False),
     (Change.RESOLVED, False), (Change.WITHDRAWN, False)],
)  # fmt: skip
def test_in_quiet_hours_critical_news_speaks_and_its_end_waits(change, told):
    night = QuietHours(time(0), time(12), ZoneInfo("UTC"))
    ended = change in (Change.RESOLVED, Change.WITHDRAWN)
    alert = an_alert(state=RESOLVED if ended else OPEN, ended=ended)
    ruling = decide(alert, change, Situation(NOW, quiet_hours={"ops": night}), receiver="ops")
    assert ruling.told is told
