"""How often alerts were right, counted from the answers alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from alerts.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from alerts.model import Alert

TOO_WIDE = 0.3
"""A precision whose interval is wider than this rests on too few answers."""
_IN_95_PERCENT = 1.959963984540054
"""So many standard deviations around the mean hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An alert that somebody knows of, and what came of it.

    Attributes
    ----------
    alert : Alert
    tenant : str
        As it is known by now; empty where the alert concerns the installation.
    method : str
        The method that judged its first day; empty where its kind has none, or that is not known.
    told_at : datetime
        When a message of it first arrived; where none did, when it was opened.
    answered_at : datetime or None
        When its first answer was given of those that were not undone.
    verdict : Verdict or None
        Of the newest dismissal that was not undone.
    """

    alert: Alert
    tenant: str
    method: str
    told_at: datetime
    answered_at: datetime | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What some alerts came to.

    Attributes
    ----------
    told : int
        Alerts that somebody knows of.
    answered : int
        Those with an answer, be it only that somebody is on it.
    verdicts : mapping of Verdict to int
        How many were dismissed as what; those without are not in it.
    answered_in : timedelta or None
        Median time from being told to the first answer; None where none was answered.
    caught_micro_usd : int
        What alerts answered ``real`` cost above what was expected, all their days together.
    """

    told: int
    answered: int
    verdicts: Mapping[Verdict, int]
    answered_in: timedelta | None
    caught_micro_usd: int

    @property
    def real(self) -> int:
        """How many were true incidents."""
        return self.verdicts.get(Verdict.REAL, 0)

    @property
    def noise(self) -> int:
        """How many were false alarms."""
        return self.verdicts.get(Verdict.FALSE_ALARM, 0)

    @property
    def counted(self) -> int:
        """How many answers precision rests on: the other verdicts call an alert neither."""
        return self.real + self.noise

    @property
    def without_verdict(self) -> int:
        """How many were answered, but not with what they were."""
        return self.answered - sum(self.verdicts.values())

    @property
    def precision(self) -> float | None:
        """The share of real ones among real and noise; None where there is neither."""
        return self.real / self.counted if self.counted else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where precision lies with 95 % confidence; None where there is none."""
        return wilson(self.real, self.counted) if self.counted else None


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count what alerts came to.

    Parameters
    ----------
    outcomes : iterable of Outcome
        May be empty.

    Returns
    -------
    Tally
    """
    outcomes = tuple(outcomes)
    # Who answers from a list may be quicker than the message.
    waited = [
        max(0.0, (each.answered_at - each.told_at).total_seconds())
        for each in outcomes
        if each.answered_at
    ]
    return Tally(
        told=len(outcomes),
        answered=len(waited),
        verdicts=Counter(each.verdict for each in outcomes if each.verdict),
        answered_in=timedelta(seconds=median(waited)) if waited else None,
        caught_micro_usd=sum(map(_caught, outcomes)),
    )


def tally_by(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], tuple[str, ...]]
) -> dict[tuple[str, ...], Tally]:
    """Count by group, those with most noise first, then those told most often.

    Parameters
    ----------
    outcomes : iterable of Outcome
    key : callable
        Gives the group of an outcome.

    Returns
    -------
    dict of tuple of str to Tally
    """
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for each in outcomes:
        groups[key(each)].append(each)
    tallies = {group: tally(members) for group, members in groups.items()}
    ranked = sorted(tallies, key=lambda group: (-tallies[group].noise, -tallies[group].told, group))
    return {group: tallies[group] for group in ranked}


def wilson(real: int, counted: int) -> tuple[float, float]:
    """Return the interval in which a share lies with 95 % confidence.

    It holds for few answers too, where the usual interval around the share is far too narrow.

    Parameters
    ----------
    real : int
        0 to ``counted``.
    counted : int
        At least 1.

    Returns
    -------
    tuple of float
        Lowest and highest share, from 0 to 1.

    References
    ----------
    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of
    the American Statistical Association 22 (1927).

    Examples
    --------
    >>> [round(bound, 2) for bound in wilson(2, 3)]
    [0.21, 0.94]
    """
    share, z = real / counted, _IN_95_PERCENT
    shrink = 1 + z**2 / counted
    centre = (share + z**2 / (2 * counted)) / shrink
    reach = z / shrink * math.sqrt(share * (1 - share) / counted + z**2 / (4 * counted**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def _caught(outcome: Outcome) -> int:
    if outcome.verdict is not Verdict.REAL:
        return 0
    return sum(max(0, judged.excess_micro_usd) for judged in outcome.alert.abnormal)
