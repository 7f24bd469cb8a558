from __future__ import annotations

import pytest

from alerts.model import AlertState, Change, Reason
from alerts.policy import decide
from tests.builders import an_alert

OPEN, ACKNOWLEDGED = AlertState.OPEN, AlertState.ACKNOWLEDGED
DISMISSED, RESOLVED = AlertState.DISMISSED, AlertState.RESOLVED


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
        (ACKNOWLEDGED, Change.WORSE, True, Reason.WORSE),
        (DISMISSED, Change.UPDATED, False, Reason.DISMISSED),
        (DISMISSED, Change.REVISED, False, Reason.DISMISSED),
        (DISMISSED, Change.RESOLVED, False, Reason.DISMISSED),
        (DISMISSED, Change.WITHDRAWN, False, Reason.DISMISSED),
        (DISMISSED, Change.WORSE, True, Reason.WORSE),
    ],
)
def test_each_change_is_told_or_held_back_with_its_reason(state, change, told, reason):
    ended = change in (Change.RESOLVED, Change.WITHDRAWN)
    assert decide(an_alert(state=state, ended=ended), change) == (told, reason)


def test_an_end_is_not_told_where_the_beginning_was_not():
    silent = an_alert(state=RESOLVED, ended=True, announced=False)
    assert decide(silent, Change.RESOLVED) == (False, Reason.ALREADY_TOLD)


def test_fault_42_a_cap_that_only_changed_does_not_resolve_aloud():
    ended = an_alert(state=RESOLVED, ended=True)
    assert decide(ended, Change.RESOLVED, replaced=True) == (False, Reason.REPLACED)
