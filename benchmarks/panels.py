"""Usage whose incidents are known, as the benchmarks of detection read it.

Files of your own, or one of the worlds of ``benchmarks/worlds.py``. Each option may be given for
several panels, in the same order for all of them.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import zip_longest
from pathlib import Path

from benchmarks.scoring import Alert, Quality, Truth, read_events, read_steady, score
from benchmarks.worlds import (
    CLASSES,
    DAYS,
    LABELS,
    QUIET_DAYS,
    TENANTS,
    USAGE,
    make_world,
    write_world,
)
from detector.backtest import replay
from detector.detect import SPEND_KINDS, Context, detect
from detector.groups import group_tenants
from detector.history import History
from detector.model import Judgement
from detector.price_table import PriceTable
from detector.rules import RuleBook, Rules
from spendwatch.commands.replay_past import FilePast
from spendwatch.output import progress
from spendwatch.price_files import load_price_table

ROBUST = RuleBook(method="robust")
CLASSIC = RuleBook(
    method="classic",
    everyone=Rules(direction="up", first_spend_micro_usd=None, young_guard_micro_usd=None),
)
"""Its z-score alone; by their first spend and as young tenants it would tell of many more."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What was used, what happened, and which tenants are steady (nobody where untold)."""

    name: str
    history: History
    prices: PriceTable | None
    truth: Truth
    steady: frozenset[str]

    def judge(self, book: RuleBook) -> Iterator[Judgement]:
        """Judge the days as they would have been judged then."""
        first, last = self.truth.first, self.truth.last
        days = replay(self.history, book, first=first, last=last, judge=self._judge)
        with progress(f"{book.method} on {self.name}", (last - first).days + 1) as step:
            for judgement in days:
                step(judgement.day.isoformat())
                yield judgement

    def _judge(self, history: History, book: RuleBook) -> Judgement:
        return detect(history, book, Context(prices=self.prices))

    def quality(self, alerts: Iterable[Alert]) -> tuple[Quality, Quality]:
        """Hold alerts against all incidents, and against the core of them."""
        told = set(alerts)
        core = {alert for alert in told if alert[0] in self.steady}
        return score(told, self.truth), score(core, self.truth.core(self.steady))


def alerts_of(judgements: Iterable[Judgement]) -> set[Alert]:
    """Return whom spikes and drops were told of, and when."""
    return {
        (finding.tenant, judgement.day)
        for judgement in judgements
        for finding in judgement.findings
        if finding.kind in SPEND_KINDS
    }


def add_panel_options(parser: ArgumentParser) -> None:
    """Ask which panels; without any a world is made."""
    for option, text in (
        ("usage", "usage, CSV or Parquet; without it a world is made"),
        ("labels", "what happened: event_id,tenant,kind,label,start,end,grace_end,tier"),
        ("core", "which tenants are steady: tenant,class"),
        ("name", "what the tables call it"),
    ):
        kind = str if option == "name" else Path
        parser.add_argument(f"--{option}", type=kind, action="append", default=[], help=text)
    for option, name in (("from", "first"), ("to", "last")):
        parser.add_argument(
            f"--{option}", dest=name, type=date.fromisoformat, action="append", default=[],
            help=f"{name} judged day",
        )  # fmt: skip
    parser.add_argument("--seed", type=int, action="append", default=[], help="of a world to make")
    parser.add_argument("--tenants", type=int, default=TENANTS, help="of such a world")


def panels(asked: Namespace) -> list[Panel]:
    """Read the panels and make the worlds that were asked for; one world where none was."""
    if len(asked.usage) != len(asked.labels):
        raise SystemExit("each --usage needs its --labels")
    options = (asked.usage, asked.labels, asked.core, asked.name, asked.first, asked.last)
    if any(len(each) > len(asked.usage) for each in options):
        raise SystemExit("there are more options than --usage")
    worlds = asked.seed if asked.seed or asked.usage else [1]
    read = [read_panel(*each) for each in zip_longest(*options)]
    return read + [made_panel(seed, asked.tenants) for seed in worlds]


def made_panel(seed: int, tenants: int, days: int = DAYS) -> Panel:
    """Make a world, write it as others are written, and read it again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(make_world(seed, tenants, days), folder)
        return read_panel(
            folder / USAGE, folder / LABELS, folder / CLASSES, f"world {seed}", None, None
        )


def read_panel(
    usage: Path, labels: Path, core: Path | None, name: str | None, first: date | None,
    last: date | None,
) -> Panel:  # fmt: skip
    """Read a panel; its first five weeks are not judged unless they are asked for."""
    prices = load_price_table()
    past = FilePast(usage)
    history = past.read(*past.days())
    tenants = len(group_tenants(history.keys).tenants)
    begin = first or history.days[0] + timedelta(days=QUIET_DAYS)
    truth = Truth(read_events(labels), tenants, begin, last or history.days[-1])
    steady = read_steady(core) if core else frozenset()
    return Panel(name or usage.stem, history, prices, truth, steady)
