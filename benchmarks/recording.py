"""All that `robust` weighs over the days of a panel, so that other points can be tried in no time.

One replay keeps the evidence of everybody who rose or fell by more than the floors. What they earn
by another table of points, and who is told above another bar, then follows without judging again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.panels import ROBUST, Panel
from benchmarks.scoring import Alert
from detector import detect
from detector.baseline import moments
from detector.robust.fleet import glance_at, others_of
from detector.robust.method import weigh, with_rates
from detector.robust.points import REASONS, Reason
from detector.robust.score import Judged
from detector.rules import RuleBook
from detector.score import COST_ONLY, FIRST_SPEND, YOUNG_TENANT, Evidence, by_dollars_alone
from spendwatch.output import progress

Floats = NDArray[np.float64]
Table = Mapping[str, Reason]


class Candidates(NamedTuple):
    """Everybody who could have been told of, N of them, whatever the bar.

    Attributes
    ----------
    alerts : tuple of (str, date)
        Tenant and day.
    reasons : ndarray of str, shape (N,)
    evidence : mapping of str to ndarray of float64, shape (N,)
    """

    alerts: tuple[Alert, ...]
    reasons: NDArray[np.str_]
    evidence: Mapping[str, Floats]

    def points(self, table: Table) -> Floats:
        """Return what they earn by a table of points."""
        earned = np.full(len(self.alerts), -np.inf)
        for name, reason in table.items():
            mine = self.reasons == name
            if mine.any():
                earned[mine] = reason.points(self.evidence)[mine]
        return earned


class Recording(NamedTuple):
    """What one replay kept; ``others`` are told of by rules that know no points."""

    rises: Candidates
    drops: Candidates
    others: frozenset[Alert]

    def alerts(self, table: Table, bar: float) -> set[Alert]:
        """Return who is told of by a table of points, above a bar."""
        return set(self.others) | {
            alert
            for part in (self.rises, self.drops)
            for alert, points in zip(part.alerts, part.points(table), strict=True)
            if points > bar
        }


def record(panel: Panel, book: RuleBook = ROBUST) -> Recording:
    """Judge every day of a panel, and keep what was weighed."""
    history, truth = panel.history, panel.truth
    context = detect.Context(prices=panel.prices)
    columns = [at for at, day in enumerate(history.days) if truth.first <= day <= truth.last]
    kept: tuple[list[_Part], list[_Part]] = ([], [])
    others: set[Alert] = set()
    with progress(f"weighing {panel.name}", len(columns)) as step:
        for column in columns:
            window = history.window(column, book.history_days + 1)
            weighed = detect.weigh(window, book, context)
            tenants, day = weighed.evidence.groups.tenants, history.days[column]
            for parts, judged in zip(kept, _judged(weighed.evidence), strict=True):
                names = (tenants[tenant] for tenant in judged.tenants)
                parts.append(_Part([(name, day) for name in names], judged))
            apart = np.isin(weighed.scores.rule, (COST_ONLY, FIRST_SPEND, YOUNG_TENANT))
            others |= {(tenants[tenant], day) for tenant in np.flatnonzero(apart)}
            step(day.isoformat())
    rises, drops = (_joined(parts) for parts in kept)
    return Recording(rises, drops, frozenset(others))


def _judged(evidence: Evidence) -> tuple[Judged, Judged]:
    """Return all rises and drops that were given points."""
    evidence = with_rates(evidence)
    seen = glance_at(evidence)
    past = moments(evidence.total[:, :-1], evidence.usable[:, :-1])
    by = by_dollars_alone(evidence, past)
    weighed = weigh(evidence, others_of(evidence, seen), seen, by)
    return weighed.rises, weighed.drops


class _Part(NamedTuple):
    alerts: list[Alert]
    judged: Judged


def _joined(parts: list[_Part]) -> Candidates:
    evidence: dict[str, list[Floats]] = defaultdict(list)
    for part in parts:
        for name, values in part.judged.evidence.items():
            evidence[name].append(values)
    return Candidates(
        tuple(alert for part in parts for alert in part.alerts),
        np.array([reason for part in parts for reason in part.judged.reasons], dtype=np.str_),
        {name: np.concatenate(values) for name, values in evidence.items()},
    )


def without(names: Mapping[str, frozenset[str]], table: Table = REASONS) -> Table:
    """Return the table of points without some terms of some reasons."""
    return {
        reason: Reason(
            own.start,
            {
                name: term
                for name, term in own.terms.items()
                if name not in names.get(reason, frozenset())
            },
        )
        for reason, own in table.items()
    }
