"""A day's judgement into alerts, decisions and notifications, within the caller's transaction.

A day taken in again changes nothing, so nothing is told twice.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from alerts import store
from alerts.episode import fingerprint, match
from alerts.lifecycle import observe, open_alert
from alerts.model import Change
from alerts.taken import Taken
from alerts.telling import condition, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlmodel import Session

    from alerts.model import Alert
    from alerts.taken import Telling, Told
    from alerts.telling import Condition
    from detector.model import Finding, FindingKind, Judgement


def take_in(session: Session, judgement: Judgement, telling: Telling) -> Told:
    """Take one day's judgement in."""
    findings = _worst_of_each(judgement.findings)
    periods = {fingerprint(each, each.day) for each in findings if each.period}
    known = store.alerts_touching(session, judgement.day, periods)
    observed = list(_observed(known, findings, judgement, telling))
    return tell(session, observed, judgement.day, telling)


def _worst_of_each(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep one finding a condition: the highest of several thresholds crossed at once."""
    worst: dict[tuple[FindingKind, str, str, str], Finding] = {}
    for finding in findings:
        key = (*condition(finding), finding.period)
        if key not in worst or finding.magnitude > worst[key].magnitude:
            worst[key] = finding
    return tuple(worst.values())


def _observed(
    known: Sequence[Alert],
    findings: Sequence[Finding],
    judgement: Judgement,
    telling: Telling,
) -> Iterator[Taken]:
    """Show each alert its finding, or that the day was judged without one."""
    now, rules = telling.situation.now, telling.rules
    alike: dict[Condition, list[Alert]] = defaultdict(list)
    for alert in known:
        alike[condition(alert.finding)].append(alert)
    met: set[int] = set()
    # Where the condition holds, the day is a normal one for none of its alerts.
    holds = {condition(finding) for finding in findings if not finding.period}
    for finding in findings:
        before = match(finding, alike[condition(finding)], rules)
        if before is None:
            yield Taken(None, open_alert(finding, now), finding, Change.OPENED)
            continue
        met.add(before.number)
        after, change = observe(before, finding, judgement.day, now, rules)
        yield Taken(before, after, finding, change)
    for alert in known:
        if alert.number in met or condition(alert.finding) in holds:
            continue
        if judgement.judged(alert.kind, alert.tenant):
            after, change = observe(alert, None, judgement.day, now, rules)
            yield Taken(alert, after, None, change)
