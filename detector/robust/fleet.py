"""All tenants of a day: who may be judged, and what all others are to each of them.

They are looked at some at a time: a part stays in the processor's cache, and memory holds no more
of it than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detector.model import UNATTRIBUTED
from detector.robust.levels import Spread, scale_of
from detector.robust.situation import LEAST_ACTIVE, Others, survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.robust.situation import Flags, Integers, Situation
    from detector.robust.windows import Floats
    from detector.score import Evidence

CROWD_SD = 2.5
"""Who lies so far from its level makes up a crowd."""
AT_ONCE = 1024
"""Tenants that are looked at together."""


class Glance(NamedTuple):
    """What of every tenant is needed to see who may be judged; every array has shape (T,).

    Attributes
    ----------
    today, usual, mean, sd : ndarray of float64
        Dollars, see :class:`detector.robust.situation.Situation`.
    apart : ndarray of float64
        Residual of the judged day; NaN where there is none.
    own_spread, second : ndarray of float64
        See :class:`detector.robust.levels.Spread`.
    spread_days : ndarray of int64
    rose, fell : ndarray of float64
        Dollars by which the feature that moved most did.
    active : ndarray of bool
        Whether it is used on enough days to fall.
    tells_tokens : ndarray of bool
    """

    today: Floats
    usual: Floats
    mean: Floats
    sd: Floats
    apart: Floats
    own_spread: Floats
    second: Floats
    spread_days: Integers
    rose: Floats
    fell: Floats
    active: Flags
    tells_tokens: Flags

    @property
    def spread(self) -> Spread:
        """Return how the residuals of every tenant are spread."""
        return Spread(self.own_spread, self.second, self.spread_days)


def glance_at(evidence: Evidence) -> Glance:
    """Look at every tenant.

    Parameters
    ----------
    evidence : Evidence
        T at least 1.

    Returns
    -------
    Glance
    """
    glances = [_glance(survey(evidence.of(part))) for part in parts_of(len(evidence.total))]
    return Glance(*map(np.concatenate, zip(*glances, strict=True)))


def parts_of(tenants: int) -> Iterator[range]:
    """Give the tenants some at a time.

    Examples
    --------
    >>> [len(part) for part in parts_of(1030)]
    [1024, 6]
    """
    for start in range(0, tenants, AT_ONCE):
        yield range(start, min(start + AT_ONCE, tenants))


def _glance(now: Situation) -> Glance:
    used, days = now.active()
    return Glance(
        now.total[:, -1],
        now.usual,
        now.mean,
        now.sd,
        now.apart[:, -1],
        *now.spread,
        now.change[now.extreme(1)],
        -now.change[now.extreme(-1)],
        used >= LEAST_ACTIVE * days,
        now.tells_tokens(),
    )


def others_of(evidence: Evidence, seen: Glance) -> Others:
    """Say what all others are to each tenant, as if nobody had answered.

    Parameters
    ----------
    evidence : Evidence
    seen : Glance
        Of that evidence.

    Returns
    -------
    Others
    """
    answered = np.flatnonzero((evidence.unanswered != evidence.usable).any(axis=1))
    then = _unanswered(evidence, seen, answered)
    fleet = then.spread.median()
    deviation = then.apart / scale_of(then.spread, fleet).sd
    tenants = evidence.groups.tenants
    at = tenants.index(UNATTRIBUTED) if UNATTRIBUTED in tenants else None
    return Others(
        known=_of_others(~np.isnan(deviation)),
        rising=_of_others(deviation > CROWD_SD),
        falling=_of_others(deviation < -CROWD_SD),
        usual=_of_others(then.usual),
        spread=_spreads(then.spread, seen.spread, answered, fleet),
        appeared=0.0 if at is None else float(seen.today[at] - then.usual[at]),
    )


def _spreads(then: Spread, now: Spread, answered: Integers, fleet: float) -> Floats:
    """Give each tenant the median of all spreads, its own with the answers about it."""
    found = np.full(len(then.own), fleet)
    for tenant in answered:
        own, days = then.own.copy(), then.days.copy()
        own[tenant], days[tenant] = now.own[tenant], now.days[tenant]
        found[tenant] = then._replace(own=own, days=days).median()
    return found


def _of_others(values: Floats | Flags) -> Floats:
    """Sum up, for each tenant, what the others have."""
    left: Floats = values.sum() - values.astype(np.float64)
    return left


def _unanswered(evidence: Evidence, seen: Glance, answered: Integers) -> Glance:
    """Look again at those whose days an answer left out, with all of them."""
    if not answered.size:
        return seen
    then = _glance(survey(evidence._replace(usable=evidence.unanswered).of(answered.tolist())))
    copies: map[Any] = map(np.copy, seen)
    found = Glance(*copies)
    for part, other in zip(found, then, strict=True):
        part[answered] = other
    return found
