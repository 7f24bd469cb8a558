"""Which setting would have kept noise from being told, and nothing that was real."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alerts.model import Verdict
from alerts.names import safe_name
from alerts.numbers import count
from alerts.verdicts import TEACHING
from detector.model import MICRO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from alerts.model import AbnormalDay
    from alerts.precision import Outcome

LEAST_NOISE = 2
"""One alert answered as noise is no evidence."""
MOSTLY_NOISE = 0.8
"""Of the alerts that a setting would silence so many must have been answered as noise."""
SHARED_BY = 3
"""What so many tenants need is suggested for everybody."""
_STEP = 0.5
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Lever:
    """A setting that silences days from below, and what of a day it is held against.

    Attributes
    ----------
    setting : str
        Its name in the settings.
    method : str
        The only method that looks at it; empty where each does.
    most : float
        The highest value that can be set.
    quiet : callable
        Gives what a day holds against it; None where no value silences the day.
    silences : callable
        Whether a day that holds the first number against it is silenced by the second.
    next_value : callable
        Gives the smallest value worth setting that silences what holds so much against it.
    digits : int
        Decimals that a value has.
    """

    setting: str
    method: str
    most: float
    quiet: Callable[[AbnormalDay], float | None]
    silences: Callable[[float, float], bool]
    next_value: Callable[[float], float]
    digits: int = 0

    def height(self, day: AbnormalDay) -> float:
        """Return what a day holds against it; infinite where no value silences the day."""
        quiet = self.quiet(day) if self.method in ("", day.method) else None
        return math.inf if quiet is None else quiet

    def written(self, value: float) -> str:
        """Return a value as the settings write it."""
        return f"{value:.{self.digits}f}"


def next_step(quiet: float) -> float:
    """Return the next half from a bar on.

    Examples
    --------
    >>> next_step(0.2), next_step(0.5), next_step(-0.7)
    (0.5, 0.5, -0.5)
    """
    return math.ceil(quiet / _STEP) * _STEP


def next_amount(quiet: float) -> float:
    """Return the next amount above some dollars that has two digits; whole dollars below ten.

    Examples
    --------
    >>> next_amount(43.2), next_amount(44), next_amount(428.0), next_amount(0.3)
    (44.0, 45.0, 430.0, 1.0)
    """
    unit: float = 10.0 ** max(0, math.floor(math.log10(max(quiet, 1))) - 1)
    return (math.floor(quiet / unit) + 1) * unit


def _dollars(day: AbnormalDay) -> float | None:
    return None if day.quiet_micro_usd is None else day.quiet_micro_usd / MICRO


def _bar(day: AbnormalDay) -> float | None:
    return day.quiet_bar


LEVERS = (
    Lever("bar", "robust", 20, _bar, operator.le, next_step, 1),
    Lever("z", "classic", 100, _bar, operator.le, next_step, 1),
    Lever("min_excess_usd", "", 10**9, _dollars, operator.lt, next_amount),
)
"""In the order in which they are preferred: dollars say nothing of how odd a day was."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings as they are, by their names.

    Attributes
    ----------
    method : str
        The method that judges.
    everyone : mapping of str to float
        Of whoever has no setting of its own; dollars are dollars.
    tenants : mapping of str to mapping of str to float
        Settings of single tenants, where they have some of their own.
    """

    method: str
    everyone: Mapping[str, float]
    tenants: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def value(self, tenant: str, setting: str) -> float:
        """Return what holds for a tenant."""
        own: float | None = self.tenants.get(tenant, {}).get(setting)
        return self.everyone[setting] if own is None else own


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A setting that would have silenced noise, with its evidence.

    Attributes
    ----------
    lever : Lever
    value, now : float
        What is suggested, and what is in force.
    tenant : str
        Whom it is for; empty for everybody without such a setting of their own.
    silenced : tuple of Outcome
        The alerts that would not have been told.
    noise_told : int
        How many alerts answered as noise the settings in force would still tell.
    kept : int
        How many alerts answered ``real`` would still have been told, on the very same day.
    """

    lever: Lever
    value: float
    now: float
    tenant: str
    silenced: tuple[Outcome, ...]
    noise_told: int
    kept: int

    @property
    def noise(self) -> int:
        """How many of the silenced alerts were answered as noise."""
        return _noise(self.silenced)

    @property
    def silences_half(self) -> bool:
        """Whether it silences half of that noise or more."""
        return 2 * self.noise >= self.noise_told


def suggest(outcomes: Iterable[Outcome], in_force: InForce) -> tuple[Suggestion, ...]:
    """Return what would have kept noise from being told, and no alert answered ``real``.

    Parameters
    ----------
    outcomes : iterable of Outcome
        Those of spend spikes and drops count, of the method in force; an alert is silenced where
        all of its days are.
    in_force : InForce

    Returns
    -------
    tuple of Suggestion
        The smallest change that silences at least half of the noise, or as much as can be: at
        least two alerts, and mostly noise. What three tenants need is suggested for everybody
        first; one for a tenant is left out where that one does as much.
    """
    by_tenant: dict[str, list[_Told]] = defaultdict(list)
    for each in outcomes:
        days = _days_told(each, in_force) if each.alert.kind in TEACHING else ()
        if days:
            by_tenant[each.tenant].append(_Told(each, days))
    alone = [
        best
        for tenant, mine in sorted(by_tenant.items())
        if (best := _best(mine, tenant, in_force)) is not None
    ]
    shared = tuple(_shared(by_tenant, alone, in_force))
    most = {each.lever.setting: each.value for each in shared}
    rest = (
        each
        for each in alone
        if _has_own(in_force, each.tenant, each.lever)
        or each.value > most.get(each.lever.setting, -math.inf)
    )
    return (*shared, *rest)


@dataclass(frozen=True, slots=True)
class _Told:
    """An alert with the days that the settings in force would still tell."""

    outcome: Outcome
    days: tuple[AbnormalDay, ...]


def _days_told(outcome: Outcome, in_force: InForce) -> tuple[AbnormalDay, ...]:
    levers = [lever for lever in LEVERS if lever.method in ("", in_force.method)]
    return tuple(
        day
        for day in outcome.alert.abnormal
        if not any(
            lever.silences(lever.height(day), in_force.value(outcome.tenant, lever.setting))
            for lever in levers
        )
    )


def _best(mine: Sequence[_Told], tenant: str, in_force: InForce) -> Suggestion | None:
    """Pick the first lever that silences half of a tenant's noise, else the one with most."""
    found = [
        suggestion
        for lever in LEVERS
        if (suggestion := _pull(lever, mine, tenant, in_force)) is not None
    ]
    enough = [each for each in found if each.silences_half]
    return enough[0] if enough else max(found, key=lambda each: each.noise, default=None)


def _shared(
    by_tenant: Mapping[str, Sequence[_Told]], alone: Sequence[Suggestion], in_force: InForce
) -> Iterator[Suggestion]:
    """Find what would do for everybody, where enough tenants need it."""
    for lever in LEVERS:
        needed = [each for each in alone if each.lever is lever]
        if sum(not _has_own(in_force, each.tenant, lever) for each in needed) < SHARED_BY:
            continue
        pooled = [
            each
            for tenant, mine in by_tenant.items()
            if not _has_own(in_force, tenant, lever)
            for each in mine
        ]
        pooled.sort(key=lambda each: each.outcome.alert.number)
        found = _pull(lever, pooled, "", in_force)
        if found and len({each.tenant for each in found.silenced if _is_noise(each)}) >= SHARED_BY:
            yield found


def _has_own(in_force: InForce, tenant: str, lever: Lever) -> bool:
    return lever.setting in in_force.tenants.get(tenant, {})


def _pull(lever: Lever, mine: Sequence[_Told], tenant: str, in_force: InForce) -> Suggestion | None:
    """Try one lever; the values worth trying are those that just silence one more alert."""
    if lever.method not in ("", in_force.method):
        return None
    now = in_force.value(tenant, lever.setting)
    stays = _must_stay(lever, mine)
    told = [(each.outcome, _height(lever, each, in_force.method)) for each in mine]
    worth = {
        lever.next_value(height)
        for each, height in told
        if _is_noise(each) and math.isfinite(height)
    }
    noise, found = _noise(each for each, _ in told), None
    for value in sorted(worth):
        if value > lever.most or any(lever.silences(height, value) for height in stays):
            break
        gone = tuple(each for each, height in told if lever.silences(height, value))
        if _noise(gone) >= max(LEAST_NOISE, MOSTLY_NOISE * len(gone)):
            found = Suggestion(lever, value, now, tenant, gone, noise, len(stays))
        if found and found.silences_half:
            break
    return found


def _must_stay(lever: Lever, mine: Iterable[_Told]) -> list[float]:
    """Return what the first days of alerts answered ``real`` hold against a lever."""
    stays = []
    for told in mine:
        outcome, first = told.outcome, told.days[0]
        method = outcome.method or lever.method
        if outcome.verdict is Verdict.REAL and lever.method in ("", method):
            # Where nothing was kept of it, any value might silence it.
            stays.append(lever.height(first) if first.method else -math.inf)
    return stays


def _height(lever: Lever, told: _Told, method: str) -> float:
    """Return what silences every day of an alert; infinite where nothing is known to do so."""
    return max(lever.height(day) if day.method == method else math.inf for day in told.days)


def _is_noise(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.FALSE_ALARM


def _noise(outcomes: Iterable[Outcome]) -> int:
    return sum(map(_is_noise, outcomes))


def suggestion_words(suggestion: Suggestion, names: Mapping[str, str]) -> str:
    """Return a suggestion with its evidence in one sentence.

    Parameters
    ----------
    suggestion : Suggestion
    names : mapping of str to str
        Display names by tenant.
    """
    lever, gone = suggestion.lever, suggestion.silenced
    tenants = sorted({each.tenant for each in gone})
    whom = count(len(tenants), "tenant")
    if suggestion.tenant:
        whom = safe_name(names.get(suggestion.tenant, suggestion.tenant))
    as_noise = "all" if suggestion.noise == len(gone) else f"{suggestion.noise} of them"
    named = ", ".join(f"A-{each.alert.number}" for each in gone[:_NAMED])
    more = ", ..." if len(gone) > _NAMED else ""
    kept = count(suggestion.kept, "page")
    stays = f"{kept} answered as real would still be told" if suggestion.kept else "none was real"
    value = lever.written(suggestion.value)
    return (
        f"with {lever.setting} {value}, not {suggestion.now:g}, {whom} would have had "
        f"{count(len(gone), 'page')} fewer, {as_noise} answered as noise ({named}{more}); {stays}"
    )
