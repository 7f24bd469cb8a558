"""`spendwatch demo`: the whole loop on made-up usage, as it would have gone in November 2026."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from alerts import store
from alerts.model import AlertState, Verb, Verdict
from alerts.numbers import full_day, money
from alerts.replies import answer
from detector import ledger
from detector.history import consecutive_days
from detector.model import FindingKind
from detector.sources.base import Window
from spendwatch import conversion
from spendwatch.app import App, build_app, build_channels
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem
from spendwatch.ingest import pull
from spendwatch.jobs import run_cycle
from spendwatch.judging import assess, display_names
from spendwatch.output import print_json, print_line, print_table, progress
from spendwatch.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alerts.channels.base import Channel
    from detector.model import Finding

FIRST_DAY = date(2026, 6, 1)
QUIET_UNTIL = date(2026, 11, 10)
ANSWERED_AFTER = date(2026, 11, 16)
LAST_DAY = date(2026, 11, 18)
HERO = "contoso"
SEED = 7


@dataclass(slots=True)
class StoryClock:
    """A clock that stands at ten past eight (UTC) on the morning after the day being told."""

    day: date = QUIET_UNTIL

    def __call__(self) -> datetime:
        """Return the time of the story."""
        return datetime.combine(self.day + timedelta(days=1), time(8, 10), UTC)


def run(folder: Path, config: Path, *, as_json: bool) -> None:
    """Tell the story; a second run finds everything done and tells nothing twice."""
    clock = StoryClock()
    overrides = {
        "SPENDWATCH_SERVICE__DATABASE_URL": f"sqlite:///{folder.absolute() / 'spendwatch.db'}",
        "SPENDWATCH_SERVICE__DATA_DIR": str(folder.absolute()),
    }
    app = build_app(load_settings(config, dict(os.environ) | overrides), clock)
    _require_the_story(app, config)
    story = _Story(app, clock, build_channels(app, sys.stderr if as_json else sys.stdout), as_json)
    story.spend()
    story.days(QUIET_UNTIL, ANSWERED_AFTER)
    story.answer()
    story.days(ANSWERED_AFTER, LAST_DAY)
    story.effect()
    story.end(folder)


def _require_the_story(app: App, config: Path) -> None:
    """Refuse settings whose usage is not the one the story is about."""
    sources = [(source.kind, getattr(source, "seed", None)) for source in app.settings.sources]
    if sources != [("sample", SEED)] or HERO not in app.directory.names:
        raise UsageProblem(
            f"the demo tells its story on the shipped settings: one source of kind sample with "
            f"seed {SEED}, and the tenant {HERO}; {config} is different. Name the shipped file "
            "with --config"
        )


@dataclass(slots=True)
class _Story:
    app: App
    clock: StoryClock
    channels: Mapping[str, Channel]
    as_json: bool
    told: int = 0

    def say(self, words: str = "") -> None:
        if not self.as_json:
            print_line(words)

    def spend(self) -> None:
        """Months of token use become priced spend."""
        self.say("1. Five months of token use become priced spend")
        (source,) = self.app.usage_sources()
        days = consecutive_days(FIRST_DAY, QUIET_UNTIL)
        with progress("   pulling and pricing", len(days)) as step:
            pull(
                self.app,
                source,
                Window(FIRST_DAY, QUIET_UNTIL),
                on_day=lambda day, _rows: step(day.isoformat()),
            )
        with reading(self.app.engine) as session:
            sums = ledger.sum_costs(session, FIRST_DAY, QUIET_UNTIL, ("tenant",))
            names = display_names(self.app, session)
        total = sum(each.micro_usd for each in sums)
        tokens = sum(each.prompt_tokens + each.completion_tokens for each in sums)
        self.say(
            f"   {len(sums)} tenants, {tokens / 1e9:,.1f} billion tokens, {money(total)}; "
            "the dearest:"
        )
        dearest = sorted(sums, key=lambda each: -each.micro_usd)[:5]
        if not self.as_json:
            print_table(
                ["tenant", "cost"],
                [
                    [names.get(each.group[0], each.group[0]), money(each.micro_usd)]
                    for each in dearest
                ],
                indent=3,
            )

    def days(self, after: date, last: date) -> None:
        """Day after day is judged; what matters is told, once."""
        self.say()
        self.say(f"{2 if after == QUIET_UNTIL else 4}. Every morning the day before is judged")
        for day in consecutive_days(after + timedelta(days=1), last):
            self.clock.day = day
            self.say()
            self.say(f"--- {full_day(day)} ---")
            cycle = run_cycle(self.app, self.channels, day)
            self.told += cycle.delivered.sent
            if not cycle.delivered.sent:
                self.say("(nothing new to tell)")

    def answer(self) -> None:
        """Somebody answers an alert; the answer teaches."""
        with reading(self.app.engine) as session:
            mine = store.list_alerts(session, tenant=HERO, kind=FindingKind.SPEND_SPIKE)
        first = min(mine, key=lambda alert: alert.number)
        self.say()
        self.say(f"3. Somebody answers A-{first.number}: it was a load test, and will not be back")
        command = f'alerts dismiss {first.number} --verdict expected --note "load test"'
        self.say(f"   $ spendwatch {command}")
        with writing(self.app.engine) as session:
            answered = answer(
                session, first.number, Verb.DISMISS, Verdict.EXPECTED, "load test",
                "the demo", self.clock(), conversion.teaching(self.app.settings),
            )  # fmt: skip
        self.say(f"   {answered.words}")

    def effect(self) -> None:
        """Judge the same day with and without the answer."""
        day = ANSWERED_AFTER + timedelta(days=1)
        self.say()
        self.say(f"5. What the answer changed: {HERO} on {full_day(day)}")
        with reading(self.app.engine) as session:
            heeded = _spike(assess(self.app, session, day).findings)
            unheeded = _spike(assess(self.app, session, day, heed_answers=False).findings)
        self.say(f"   with the answer:    {_words(heeded)}")
        self.say(f"   without the answer: {_words(unheeded)}")

    def end(self, folder: Path) -> None:
        with reading(self.app.engine) as session:
            alerts = store.list_alerts(session)
        open_now = sum(alert.state is AlertState.OPEN and not alert.ended for alert in alerts)
        if self.as_json:
            print_json(
                {"folder": str(folder), "alerts": len(alerts), "open": open_now, "told": self.told}
            )
            return
        self.say()
        again = "" if self.told else " (this is not the first run: all of it was told before)"
        self.say(f"{self.told} messages told{again}; {len(alerts)} alerts, {open_now} open now.")
        self.say(f"Everything is kept in {folder}. Run it again: nothing is told twice.")


def _spike(findings: tuple[Finding, ...]) -> Finding | None:
    return next(
        (each for each in findings if each.tenant == HERO and each.kind is FindingKind.SPEND_SPIKE),
        None,
    )


def _words(finding: Finding | None) -> str:
    if finding is None or finding.baseline is None:
        return "not abnormal: the load test would have hidden it"
    base = finding.baseline
    return (
        f"{money(finding.actual_micro_usd or 0)} is abnormal, z {finding.score:.1f} over the usual "
        f"{money(base.mean_micro_usd)} ({base.used_days} of {base.window_days} days used)"
    )
