"""The days of an alert: which findings belong to it, and what a judged day does to it.

Pure functions of an alert and what was found; nothing here knows of people or their answers.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.model import AbnormalDay, Alert, AlertState, Change
from detector.model import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from alerts.model import AlertRules
    from detector.model import Finding

EVENTS = frozenset({FindingKind.PRICE_CHANGE})
"""Kinds that happen once and are over at once."""
BUDGETS = frozenset({FindingKind.BUDGET_THRESHOLD, FindingKind.BUDGET_FORECAST})
"""Kinds whose newest day says everything, and whose magnitude is a threshold in percent."""
_PATIENT = frozenset({FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP, FindingKind.ATTRIBUTION_GAP})
_TOLD_ONCE = EVENTS | {FindingKind.SOURCE_STALE, FindingKind.SOURCE_FAILING}


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
    alike = tuple(alerts)
    if not alike:
        return None
    key = fingerprint(finding, finding.day)
    ranked = [
        (rank, alert.abnormal[0].day.toordinal() if alert.abnormal else 0, index, alert)
        for index, alert in enumerate(alike)
        if (rank := _kinship(alert, finding, key, rules)) > 0
    ]
    return max(ranked)[-1] if ranked else None


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


def observe_finding(alert: Alert, finding: Finding, rules: AlertRules) -> tuple[Alert, Change]:
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
    if is_worse(alert, finding, rules):
        return after, Change.WORSE
    if alert.kind not in BUDGETS and (returned or _is_revised(known, finding, rules)):
        return after, Change.REVISED
    return after, Change.UPDATED


def observe_normal(alert: Alert, day: date, rules: AlertRules) -> tuple[Alert, Change]:
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
    before = alert.abnormal[-1].normal_before
    after, change = _counted(replace(after, normal_days=before + alert.normal_days), rules)
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
    state = alert.state if dismissed else AlertState.RESOLVED
    return replace(alert, ended=True, state=state, snoozed_until=None)


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
    magnitude = alert.told_magnitude
    if told_early(alert, finding.day):
        # Whoever heard of a day that ran expects it to grow, and finds how far where it was told.
        told, magnitude = finding.excess_micro_usd, max(magnitude, finding.magnitude)
    others = [judged for judged in alert.abnormal if judged.day != finding.day]
    newest = not others or finding.day > others[-1].day
    counted = alert.normal_days if newest else 0
    fresh = replace(
        abnormal_day(finding, told_micro_usd=told),
        normal_before=known.normal_before if known else counted,
    )
    return replace(
        alert,
        finding=finding if newest else alert.finding,
        abnormal=tuple(sorted((*others, fresh), key=lambda judged: judged.day)),
        judged_day=max(alert.judged_day, finding.day),
        told_magnitude=magnitude,
        normal_days=_normal_after(alert, finding) if newest and not known else alert.normal_days,
    )


def _normal_after(alert: Alert, finding: Finding) -> int:
    """How many of the normal days counted lie after a newly abnormal day."""
    return max(0, min(alert.normal_days - 1, (alert.judged_day - finding.day).days))


def abnormal_day(finding: Finding, *, told_micro_usd: int) -> AbnormalDay:
    """Take the numbers of a finding's day."""
    bar, floor = (finding.facts.get(key) for key in ("quiet_bar", "quiet_micro_usd"))
    return AbnormalDay(
        day=finding.day,
        severity=finding.severity,
        magnitude=finding.magnitude,
        actual_micro_usd=finding.actual_micro_usd,
        excess_micro_usd=finding.excess_micro_usd,
        told_micro_usd=told_micro_usd,
        method=str(finding.facts.get("method", "")),
        quiet_bar=None if bar is None else float(bar),
        quiet_micro_usd=None if floor is None else int(floor),
        early=finding.early,
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
        early=judged.early,
    )


def is_worse(alert: Alert, finding: Finding, rules: AlertRules) -> bool:
    """Whether a finding is so much worse than what was told that it must be told again."""
    level = worse_from(alert, rules)
    return level is not None and finding.magnitude >= level and not told_early(alert, finding.day)


def told_early(alert: Alert, day: date) -> bool:
    """Whether people were told of a day while it ran, and it is not judged for good yet.

    Parameters
    ----------
    alert : Alert
    day : date
    """
    known = alert.on(day)
    return known is not None and known.early and known.told_micro_usd != 0


def worse_from(alert: Alert, rules: AlertRules) -> int | None:
    """Return the magnitude from which an alert is told as worse; None where none ever is.

    Parameters
    ----------
    alert : Alert
    rules : AlertRules

    Returns
    -------
    int or None
        Of a budget one percent more than was told: the next threshold is at least that.
    """
    told = alert.told_magnitude
    if alert.kind in _TOLD_ONCE or told <= 0:
        return None
    factor = 1.0 if alert.kind in BUDGETS else rules.worse_factor
    return max(told + 1, math.ceil(factor * told))


def revised(alert: Alert, rules: AlertRules) -> Finding | None:
    """Return the newest day whose cost differs from what was told of it, as far as it is known.

    Parameters
    ----------
    alert : Alert
    rules : AlertRules
    """
    for judged in reversed(alert.abnormal):
        of_it = alert.finding if judged.day == alert.finding.day else _as_of(alert.finding, judged)
        if judged.told_micro_usd and _is_revised(judged, of_it, rules):
            return of_it
    return None


def _is_revised(known: AbnormalDay | None, finding: Finding, rules: AlertRules) -> bool:
    """Whether a day judged again differs from what was known by more than the tolerance."""
    if known is None or known.early:
        return False  # a day that ran was bound to grow
    # Of a day that was kept in silence nobody knows the number: it is measured against itself.
    before = known.told_micro_usd or known.excess_micro_usd
    moved = abs(finding.excess_micro_usd - before)
    tolerance = max(rules.revised_share * abs(before), rules.revised_micro_usd)
    return moved > tolerance or finding.severity is not known.severity
