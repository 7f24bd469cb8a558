"""What a replay finds of the alerts there were, by how people answered them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alerts.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from detector.model import FindingKind
    from spendwatch.commands.replay_past import Known
    from spendwatch.commands.replays import Episode, Replayed

NO_VERDICT, NO_ALERT = "no verdict", "no alert"
_WORDS = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}


@dataclass(frozen=True, slots=True)
class Tally:
    """How a replay does on the alerts of one answer.

    ``pages`` belong to an alert answered so; of the ``alerts`` answered so ``found`` are found.
    """

    answer: str
    pages: int
    alerts: int
    found: int


def answer_of(known: Known | None) -> str:
    """Return how an alert was dismissed, in words, or that there was none."""
    if known is None:
        return NO_ALERT
    return _WORDS[known.verdict] if known.verdict else NO_VERDICT


class Answers:
    """The alerts there were, and how they were answered; tenants as they are called now."""

    def __init__(self, known: Iterable[Known], canonical: Callable[[str], str]) -> None:
        self._of: dict[tuple[FindingKind, str], list[Known]] = defaultdict(list)
        for each in known:
            if each.alert.abnormal:
                self._of[each.alert.kind, canonical(each.alert.tenant)].append(each)

    def to(self, episode: Episode) -> Known | None:
        """Return the alert there was of the same tenant and kind, on one of the same days."""
        return next(iter(self._met(episode)), None)

    def tallies(self, replayed: Replayed) -> tuple[Tally, ...]:
        """Count pages, and the alerts of the replayed days, by their answers."""
        pages = Counter(answer_of(self.to(each)) for each in replayed.episodes if each.page)
        met = {each.alert.number for episode in replayed.episodes for each in self._met(episode)}
        known = self._within(replayed)
        alerts = Counter(map(answer_of, known))
        found = Counter(answer_of(each) for each in known if each.alert.number in met)
        return tuple(
            Tally(answer, pages[answer], alerts[answer], found[answer])
            for answer in (*_WORDS.values(), NO_VERDICT, NO_ALERT)
            if pages[answer] or alerts[answer]
        )

    def _met(self, episode: Episode) -> list[Known]:
        """Return the alerts between whose first and last day a day of the replayed one lies."""
        return [
            each
            for each in self._of.get(episode.condition, ())
            if any(each.alert.days[0] <= day <= each.alert.days[-1] for day in episode.days)
        ]

    def _within(self, replayed: Replayed) -> list[Known]:
        """Return the alerts with a day among the replayed ones."""
        return [
            each
            for known in self._of.values()
            for each in known
            if any(replayed.first <= day <= replayed.last for day in each.alert.days)
        ]
