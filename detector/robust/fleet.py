"""All tenants of a day: who may be judged, and what all others are to each of them.

They are looked at some at a time: a part stays in the processor's cache, and memory holds no more
of it than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detector.model import UNATTRIBUTED
from detector.robust.situation import LEAST_ACTIVE, USUAL_FLOOR_USD, Others, survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detector.robust.situation import Flags, Integers, Situation
    from detector.robust.windows import Floats
    from detector.score import Evidence

FALLEN = 1 / 3
"""Below this part of its usual day a tenant has fallen: many that do so at once are an outage."""
AT_ONCE = 1024
"""Tenants that are looked at together."""


class Glance(NamedTuple):
    """What of every tenant is needed to see who may be judged; every array has shape (T,).

    Attributes
    ----------
    today, usual, mean, sd : ndarray of float64
        Dollars, see :class:`detector.robust.situation.Situation`.
    rose, fell : ndarray of float64
        Dollars by which the feature that moved most did.
    active : ndarray of bool
        Whether it is used on enough days to fall.
    """

    today: Floats
    usual: Floats
    mean: Floats
    sd: Floats
    rose: Floats
    fell: Floats
    active: Flags


def glance_at(evidence: Evidence) -> Glance:
    """Look at every tenant.

    Parameters
    ----------
    evidence : Evidence
        T at least 1, with the rates of its series.

    Returns
    -------
    Glance
    """
    glances = [glance(survey(evidence.of(part))) for part in parts_of(len(evidence.total))]
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


def glance(now: Situation) -> Glance:
    """Look at some tenants."""
    used, days = now.active()
    return Glance(
        now.total[:, -1],
        now.usual,
        now.mean,
        now.sd,
        now.change[now.rose_most],
        -now.change[now.fell_most],
        used >= LEAST_ACTIVE * days,
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
    then = _unanswered(evidence, seen)
    active = then.active & (then.usual >= USUAL_FLOOR_USD)
    tenants = evidence.groups.tenants
    at = tenants.index(UNATTRIBUTED) if UNATTRIBUTED in tenants else None
    return Others(
        active=_of_others(active),
        fallen=_of_others(active & (then.today < FALLEN * then.usual)),
        usual=_of_others(then.usual),
        appeared=0.0 if at is None else float(seen.today[at] - then.usual[at]),
    )


def _of_others(values: Floats | Flags) -> Floats:
    """Sum up, for each tenant, what the others have."""
    left: Floats = values.sum() - values.astype(np.float64)
    return left


def _unanswered(evidence: Evidence, seen: Glance) -> Glance:
    """Look again at those whose days an answer left out, with all of them."""
    answered: Integers = np.flatnonzero((evidence.unanswered != evidence.usable).any(axis=1))
    if not answered.size:
        return seen
    then = glance(survey(evidence._replace(usable=evidence.unanswered).of(answered.tolist())))
    copies: map[Any] = map(np.copy, seen)
    found = Glance(*copies)
    for part, other in zip(found, then, strict=True):
        part[answered] = other
    return found
