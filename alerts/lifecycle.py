"""The life of an alert: what a day's judgement and a person's answer do to it.

Everything here is a pure function of an alert and what happened; nothing is stored or sent.

Errors
------
ReplyRefused
    The answer does not fit the alert's state; the message says why.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.model import AbnormalDay, Alert, AlertState, Change, Verb
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from alerts.model import AlertRules, Verdict
    from detector.model import Finding

EVENTS = frozenset({FindingKind.PRICE_CHANGE})
"""Kinds that happen once and are over at once."""
BUDGETS = frozenset({FindingKind.BUDGET_THRESHOLD, FindingKind.BUDGET_FORECAST})
"""Kinds whose newest day says everything, and whose magnitude is a threshold in percent."""
_PATIENT = frozenset({FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP, FindingKind.ATTRIBUTION_GAP})
_TOLD_ONCE = EVENTS | {FindingKind.SOURCE_STALE, FindingKind.SOURCE_FAILING}


class ReplyRefused(Exception):  # noqa: N818 - it names what happened to the reply, as people say it
    """The answer does not fit; the message says why and what would."""


def fingerprint(finding: Finding, first_day: date) -> str:
    """Return what tells one alert from another: kind, tenant, subject and period; never a value.

    Parameters
    ----------
    finding : Finding
    first_day : date
        First abnormal day of the episode; used where the kind has no period of its own.

    Returns
    -------
    str
        Four parts joined by colons; a colon inside a part is quoted, so no two alerts share one.

    Examples
    --------
    >>> from datetime import date
    >>> from detector.model import Finding, FindingKind, Severity
    >>> day = date(2026, 11, 12)
    >>> spike = Finding(FindingKind.SPEND_SPIKE, day, Severity.WARNING, tenant="contoso")
    >>> fingerprint(spike, day)
    'spend spike:contoso::2026-11-12'
    """
    parts = (finding.kind, finding.tenant, finding.subject, finding.period or first_day.isoformat())
    return ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)


def match(finding: Finding, alerts: Iterable[Alert], rules: AlertRules) -> Alert | None:
    """Return the alert a finding belongs to, or None where it opens a new one.

    Parameters
    ----------
    finding : Finding
    alerts : iterable of Alert
        Those of the finding's kind, tenant and subject, in force or ended.
    rules : AlertRules

    Returns
    -------
    Alert or None
        With a period of its own the very same period only. Otherwise, in this order: the alert
        that holds the day, the one in force it continues, the ended one whose span the day lies in.
    """
    key = fingerprint(finding, finding.day)
    ranked = [
        (rank, alert.abnormal[0].day.toordinal() if alert.abnormal else 0, index, alert)
        for index, alert in enumerate(alerts)
        if (rank := _kinship(alert, finding, key, rules)) > 0
    ]
    return max(ranked)[-1] if ranked else None


def open_alert(finding: Finding, now: datetime) -> Alert:
    """Return the new alert of a finding, as told; a one-off event is over from its start.

    Parameters
    ----------
    finding : Finding
    now : datetime
        UTC-aware.

    Returns
    -------
    Alert
        With number 0: the store gives the number.
    """
    event = finding.kind in EVENTS
    return Alert(
        number=0,
        fingerprint=fingerprint(finding, finding.day),
        state=AlertState.RESOLVED if event else AlertState.OPEN,
        finding=finding,
        abnormal=(_abnormal(finding, told_micro_usd=finding.excess_micro_usd),),
        opened_at=now,
        updated_at=now,
        judged_day=finding.day,
        told_magnitude=finding.magnitude,
        ended=event,
    )


def observe(
    alert: Alert, finding: Finding | None, day: date, now: datetime, rules: AlertRules
) -> tuple[Alert, Change]:
    """Return the alert after one day's judgement, and what that changed for people.

    Judging a day again with the same outcome changes nothing, however often; judging an older
    day again never undoes what newer days said.

    Parameters
    ----------
    alert : Alert
    finding : Finding or None
        What was found on ``day`` and belongs to this alert; None means the day was judged normal.
    day : date
        The judged day.
    now : datetime
        UTC-aware.
    rules : AlertRules

    Returns
    -------
    tuple of (Alert, Change)
        ``UNCHANGED`` also where only the count of normal days moved.
    """
    if finding is None:
        after, change = _observe_normal(alert, day, rules)
    else:
        after, change = _observe_finding(alert, finding, rules)
    if change is not Change.UNCHANGED:
        after = replace(after, revision=alert.revision + 1, updated_at=now)
    return after, change


def mark_told(alert: Alert, finding: Finding) -> Alert:
    """Return the alert with ``finding`` as what people know of it.

    Parameters
    ----------
    alert : Alert
    finding : Finding
        The finding the message was about.

    Returns
    -------
    Alert
        A later finding is measured against this one.
    """
    abnormal = tuple(
        replace(judged, told_micro_usd=judged.excess_micro_usd)
        if judged.day == finding.day
        else judged
        for judged in alert.abnormal
    )
    newest = finding.day == alert.finding.day
    told = finding.magnitude if newest else max(alert.told_magnitude, finding.magnitude)
    return replace(alert, abnormal=abnormal, told_magnitude=told, announced=True)


def reply(alert: Alert, verb: Verb, verdict: Verdict | None, now: datetime) -> Alert:
    """Return the alert after a person's answer.

    What the person has seen counts as told: it must get worse than that to speak again.

    Parameters
    ----------
    alert : Alert
    verb : Verb
    verdict : Verdict or None
        Needed by a dismissal, and only there.
    now : datetime
        UTC-aware.

    Returns
    -------
    Alert

    Raises
    ------
    ReplyRefused
        The alert cannot be acknowledged any more, or the verdict is missing or out of place.
    """
    if (verdict is None) == (verb is Verb.DISMISS):
        raise ReplyRefused(
            "a dismissal needs a verdict: real, expected, new_normal, false_alarm or data_error"
            if verb is Verb.DISMISS
            else "only a dismissal carries a verdict; to acknowledge, leave it out"
        )
    if verb is Verb.ACKNOWLEDGE and alert.state is not AlertState.OPEN:
        raise ReplyRefused(f"A-{alert.number} is already {alert.state}")
    return replace(
        alert,
        state=AlertState.DISMISSED if verb is Verb.DISMISS else AlertState.ACKNOWLEDGED,
        told_magnitude=max(alert.told_magnitude, alert.finding.magnitude),
        updated_at=now,
        revision=alert.revision + 1,
    )


def _kinship(alert: Alert, finding: Finding, key: str, rules: AlertRules) -> int:
    """How closely a finding belongs to an alert: 0 is not at all."""
    day = finding.day
    if alert.fingerprint == key or (not finding.period and alert.on(day)):
        return 3
    if finding.period or not alert.abnormal:
        return 0
    first = alert.abnormal[0].day
    if not alert.ended and (first - day).days <= _patience(alert, rules):
        return 2
    return 1 if alert.ended and first <= day <= alert.judged_day else 0


def _observe_finding(alert: Alert, finding: Finding, rules: AlertRules) -> tuple[Alert, Change]:
    """Take a day on which the condition holds."""
    if alert.kind in BUDGETS and finding.day < alert.judged_day:
        return alert, Change.UNCHANGED
    known = alert.on(finding.day)
    returned = _returns(alert, finding)
    after = _with_finding(alert, finding, known)
    if returned:
        after = _reopened(after)
    if after == alert:
        return alert, Change.UNCHANGED
    if _is_worse(alert, finding, rules):
        return after, Change.WORSE
    if alert.kind not in BUDGETS and (returned or _is_revised(known, finding, rules)):
        return after, Change.REVISED
    return after, Change.UPDATED


def _observe_normal(alert: Alert, day: date, rules: AlertRules) -> tuple[Alert, Change]:
    """Take a day on which the condition does not hold."""
    if alert.kind in EVENTS or (alert.kind in BUDGETS and day < alert.judged_day):
        return alert, Change.UNCHANGED
    if alert.kind not in BUDGETS and alert.on(day):
        return _taken_back(alert, day, rules)
    if alert.ended or (alert.kind not in BUDGETS and day <= alert.judged_day):
        return alert, Change.UNCHANGED
    return _counted(replace(alert, judged_day=day), rules)


def _taken_back(alert: Alert, day: date, rules: AlertRules) -> tuple[Alert, Change]:
    """Take back a day that, judged again, is not abnormal after all."""
    if alert.state is AlertState.DISMISSED:
        # The answer stands on this day, and may itself be why the day is no finding any more.
        return alert, Change.UNCHANGED
    rest = tuple(judged for judged in alert.abnormal if judged.day != day)
    if not rest:
        return _ended(replace(alert, abnormal=(), normal_days=0)), Change.WITHDRAWN
    finding = _as_of(alert.finding, rest[-1]) if alert.finding.day == day else alert.finding
    after = replace(alert, abnormal=rest, finding=finding)
    if alert.ended or day < rest[-1].day:
        return after, Change.UPDATED
    after, change = _counted(after, rules)
    return after, change if change is Change.RESOLVED else Change.UPDATED


def _counted(alert: Alert, rules: AlertRules) -> tuple[Alert, Change]:
    """Count one more normal day; enough of them end the alert."""
    after = replace(alert, normal_days=alert.normal_days + 1)
    if after.normal_days < _patience(alert, rules):
        return after, Change.UNCHANGED
    return _ended(after), Change.RESOLVED


def _patience(alert: Alert, rules: AlertRules) -> int:
    """How many normal days end an alert of this kind."""
    return rules.normal_days if alert.kind in _PATIENT else 1


def _ended(alert: Alert) -> Alert:
    """End it; what was dismissed stays dismissed."""
    dismissed = alert.state is AlertState.DISMISSED
    return replace(alert, ended=True, state=alert.state if dismissed else AlertState.RESOLVED)


def _returns(alert: Alert, finding: Finding) -> bool:
    """Whether a condition that was said to be over holds after all."""
    if not alert.ended or alert.kind in EVENTS:
        return False
    return alert.kind in BUDGETS or not alert.abnormal or finding.day > alert.abnormal[-1].day


def _reopened(alert: Alert) -> Alert:
    """Put it in force again; what was dismissed stays dismissed."""
    dismissed = alert.state is AlertState.DISMISSED
    state = alert.state if dismissed else AlertState.OPEN
    return replace(alert, ended=False, announced=False, state=state)


def _with_finding(alert: Alert, finding: Finding, known: AbnormalDay | None) -> Alert:
    """File a day's finding where it belongs."""
    told = known.told_micro_usd if known else 0
    fresh = _abnormal(finding, told_micro_usd=told)
    others = [judged for judged in alert.abnormal if judged.day != finding.day]
    newest = not others or finding.day > others[-1].day
    return replace(
        alert,
        finding=finding if newest else alert.finding,
        abnormal=tuple(sorted((*others, fresh), key=lambda judged: judged.day)),
        judged_day=max(alert.judged_day, finding.day),
        normal_days=_normal_after(alert, finding) if newest and not known else alert.normal_days,
    )


def _normal_after(alert: Alert, finding: Finding) -> int:
    """How many of the normal days counted lie after a newly abnormal day."""
    return max(0, min(alert.normal_days - 1, (alert.judged_day - finding.day).days))


def _abnormal(finding: Finding, *, told_micro_usd: int) -> AbnormalDay:
    """Take the numbers of a finding's day."""
    return AbnormalDay(
        day=finding.day,
        severity=finding.severity,
        magnitude=finding.magnitude,
        actual_micro_usd=finding.actual_micro_usd,
        excess_micro_usd=finding.excess_micro_usd,
        told_micro_usd=told_micro_usd,
    )


def _as_of(finding: Finding, judged: AbnormalDay) -> Finding:
    """Restate the finding as far as an earlier day is still known."""
    actual = judged.actual_micro_usd
    return replace(
        finding,
        day=judged.day,
        severity=judged.severity,
        magnitude=judged.magnitude,
        actual_micro_usd=actual,
        expected_micro_usd=None if actual is None else actual - judged.excess_micro_usd,
        score=None,
        baseline=None,
        drivers=(),
    )


def _is_worse(alert: Alert, finding: Finding, rules: AlertRules) -> bool:
    """Whether a finding is so much worse than what was told that it must be told again."""
    if alert.kind in _TOLD_ONCE or finding.magnitude <= alert.told_magnitude:
        return False
    return alert.kind in BUDGETS or (finding.magnitude >= rules.worse_factor * alert.told_magnitude)


def _is_revised(known: AbnormalDay | None, finding: Finding, rules: AlertRules) -> bool:
    """Whether a day judged again differs from what was known by more than the tolerance."""
    if known is None:
        return False
    # Of a day that was kept in silence nobody knows the number: it is measured against itself.
    before = known.told_micro_usd or known.excess_micro_usd
    moved = abs(finding.excess_micro_usd - before)
    tolerance = max(rules.revised_share * abs(before), rules.revised_micro_usd)
    return moved > tolerance or finding.severity is not known.severity
