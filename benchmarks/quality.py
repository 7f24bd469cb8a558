"""What `robust` is worth, and why: ``python -m benchmarks.quality [--usage FILE --labels FILE]``.

Prints tables in Markdown. The *frontier*: precision, recall and pages for bars from -2 to 2.
The *ablation*: how much F1 is lost without each term of its points, without groups of them, and
without some of its rules. Where points begin is then moved, for the reasons concerned, until there
are as many pages as before: without a term all sums shrink, and at the old bar that alone would
look like a loss (``--same-bar`` moves nothing). A world is made where no files are named; ``--svg``
draws the frontier.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.drawing import Line, draw_frontier
from benchmarks.panels import CLASSIC, ROBUST, Panel, add_panel_options, alerts_of, panels
from benchmarks.recording import Recording, Table, record, without
from benchmarks.scoring import Alert, Quality, open_pages
from detector.robust.points import REASONS, VOLUME, Reason
from spendwatch.output import progress

BARS = tuple(np.linspace(-2.0, 2.0, 9).tolist())
SEARCH = (-30.0, 30.0)
"""No sum of points is outside."""
STEPS = 40
NEVER = Reason(-1000.0, {})
RISES, DROPS = ("volume", "mix", "prompt"), {"drop": REASONS["drop"]}
FAMILIES = {
    "shares of features": ("share", "share_tail"),
    "the tenant as a whole": ("broad", "total_tail", "long_z"),
    "the feature's own past": ("prompt", "record", "active"),
    "yesterday and three days": ("before", "three", "fall_before"),
    "the fleet": ("others_falling", "unattributed"),
    "dollars": ("usd", "mix_usd"),
}


class Studied(NamedTuple):
    """A panel, what was weighed over it, and what it is worth as shipped."""

    panel: Panel
    recording: Recording
    alerts: set[Alert]
    whole: Quality
    core: Quality

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return count_pages(self.alerts)


class Ablation(NamedTuple):
    """What is left out: what is weighed without it, the points without it, and whose bar moves."""

    name: str
    weigh: Callable[[Studied], Recording]
    table: Table
    moved: Iterable[str] = tuple(REASONS)


def study(panel: Panel) -> Studied:
    """Weigh a panel as shipped."""
    recording = record(panel)
    alerts = recording.alerts(REASONS, 0.0)
    return Studied(panel, recording, alerts, *panel.quality(alerts))


def count_pages(alerts: Iterable[Alert]) -> int:
    """Count the pages of alerting days."""
    days = defaultdict(list)
    for tenant, day in alerts:
        days[tenant].append(day)
    return sum(len(open_pages(own)) for own in days.values())


def with_pages(pages: int, recording: Recording, ablation: Ablation) -> Table:
    """Move where points begin until there are no more pages than so many."""
    low, high = SEARCH
    for _ in range(STEPS):
        middle = (low + high) / 2
        if count_pages(recording.alerts(_shifted(ablation, middle), 0.0)) > pages:
            high = middle
        else:
            low = middle
    return _shifted(ablation, low)


def _shifted(ablation: Ablation, by: float) -> Table:
    return {
        name: replace(reason, start=reason.start + by) if name in ablation.moved else reason
        for name, reason in ablation.table.items()
    }


def single_terms() -> list[Ablation]:
    """Leave out each term of each reason."""
    return [
        _less(f"{reason}: {term}", (term,), (reason,))
        for reason, own in REASONS.items()
        for term in own.terms
    ]


def rules_and_families() -> list[Ablation]:
    """Leave out terms that belong together, and whole rules."""
    return [
        *(_less(name, terms, REASONS) for name, terms in FAMILIES.items()),
        Ablation("a reason of their own for model mixes", _as_it_is, {**REASONS, "mix": VOLUME}),
        Ablation("one for prompt lengths", _as_it_is, {**REASONS, "prompt": VOLUME}),
        Ablation("both: all rises are volume", _as_it_is, dict.fromkeys(RISES, VOLUME) | DROPS),
        Ablation("drops", _as_it_is, {**REASONS, "drop": NEVER}),
        Ablation("features (a tenant is one)", _without_features, REASONS),
        Ablation("floors ($5, 25 %)", _without_floors, REASONS),
    ]


def _less(name: str, terms: Iterable[str], reasons: Iterable[str]) -> Ablation:
    """Leave terms of some reasons out."""
    gone = frozenset(terms)
    concerned = [reason for reason in reasons if gone & REASONS[reason].terms.keys()]
    return Ablation(name, _as_it_is, without(dict.fromkeys(concerned, gone)), concerned)


def _as_it_is(studied: Studied) -> Recording:
    return studied.recording


def _without_features(studied: Studied) -> Recording:
    """Weigh tenants alone: rows of their features are one feature's, with its models apart."""
    history = studied.panel.history
    keys = tuple(key._replace(feature="") for key in history.keys)
    return record(replace(studied.panel, history=history._replace(keys=keys)))


def _without_floors(studied: Studied) -> Recording:
    none = replace(ROBUST.everyone, min_excess_micro_usd=0, min_excess_percent=0.0)
    return record(studied.panel, replace(ROBUST, everyone=none))


def ablate(studied: Studied, ablation: Ablation, *, same_bar: bool) -> tuple[float, float]:
    """Return the F1 and the core F1 that are lost."""
    recording, table = ablation.weigh(studied), ablation.table
    if not same_bar:
        table = with_pages(studied.pages, recording, ablation)
    whole, core = studied.panel.quality(recording.alerts(table, 0.0))
    return studied.whole.f1 - whole.f1, studied.core.f1 - core.f1


def ablation_table(
    studied: Sequence[Studied], parts: Sequence[Ablation], *, same_bar: bool
) -> Iterable[str]:
    """Give the lines of the table, the most useful part first."""
    rows = []
    with progress("leaving out", len(parts)) as step:
        for part in parts:
            step(part.name)
            rows.append((part.name, [ablate(each, part, same_bar=same_bar) for each in studied]))
    rows.sort(key=lambda row: -max(max(pair) for pair in row[1]))
    columns = [f"{each.panel.name} | clear" for each in studied]
    yield f"| F1 lost without | {' | '.join(columns)} |"
    yield "|---" * (1 + 2 * len(studied)) + "|"
    for name, lost in rows:
        yield f"| {name} | {' | '.join(short(value) for pair in lost for value in pair)} |"


def frontier_table(studied: Studied, classic: tuple[Quality, Quality]) -> Iterable[str]:
    """Give the lines of the table: how much is caught, for how many pages."""
    yield f"| {studied.panel.name} | precision | recall | F1 | clear | pages | delay |"
    yield "|---|---|---|---|---|---|---|"
    for bar in BARS:
        found = studied.panel.quality(studied.recording.alerts(REASONS, bar))
        yield _row(f"bar {bar:g}", *found)
    yield _row("`classic`", *classic)


def _row(name: str, whole: Quality, core: Quality) -> str:
    shares = (whole.precision, whole.recall, whole.f1, core.f1)
    parts = [name, *map(short, shares), short(whole.pages, 3), short(whole.delay_days)]
    return f"| {' | '.join(parts)} |"


def short(value: float, digits: int = 2) -> str:
    """Write a number without a leading zero, as the tables of the docs do."""
    text = f"{value:.{digits}f}"
    if not float(text):
        return "0"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def frontier(studied: Studied, classic: Quality) -> Line:
    """Give what is drawn of a panel."""
    found = [studied.panel.quality(studied.recording.alerts(REASONS, bar))[0] for bar in BARS]
    return Line(studied.panel.name, BARS, found, classic)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_panel_options(parser)
    parser.add_argument("--same-bar", action="store_true", help="do not move the bar")
    parser.add_argument("--svg", type=Path, help="draw the frontier into this file")
    asked = parser.parse_args()
    studied = [study(panel) for panel in panels(asked)]
    classic = [each.panel.quality(alerts_of(each.panel.judge(CLASSIC))) for each in studied]
    for each, other in zip(studied, classic, strict=True):
        print(*frontier_table(each, other), "", sep="\n")
    if asked.svg:
        lines = [frontier(each, other[0]) for each, other in zip(studied, classic, strict=True)]
        asked.svg.write_text(draw_frontier(lines), encoding="utf-8")
    for parts in (rules_and_families(), single_terms()):
        print(*ablation_table(studied, parts, same_bar=asked.same_bar), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
