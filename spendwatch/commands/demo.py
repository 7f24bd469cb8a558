"""`spendwatch demo`: the whole loop on made-up usage, as it would have gone in November 2026."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from alerts import store
from alerts.announcements import add_planned_event, list_planned_events
from alerts.holds import PlannedEvent
from alerts.messages import alert_message
from alerts.model import AlertState, Change, Verb, Verdict
from alerts.numbers import full_day, money
from alerts.phrases import against
from alerts.render.text import render_text
from alerts.replies import Answer, answer
from detector import ledger
from detector.history import consecutive_days
from detector.model import MICRO, FindingKind
from detector.pulls import newest_judged_day
from detector.sources.base import Window
from spendwatch import conversion
from spendwatch.app import App, build_app
from spendwatch.channels import build_channels
from spendwatch.commands.explaining import print_explained
from spendwatch.commands.storytelling import tell_story
from spendwatch.db import reading, writing
from spendwatch.digests import compose
from spendwatch.exits import UsageProblem
from spendwatch.explanations import explain_day
from spendwatch.ingest import pull
from spendwatch.jobs import run_cycle, tell
from spendwatch.judging import assess
from spendwatch.output import print_json, print_line, print_table, progress
from spendwatch.running_days import judge_running_days, pull_running_days
from spendwatch.settings import load_settings
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alerts.channels.base import Channel
    from alerts.model import Alert, Reply
    from detector.model import Finding

FIRST_DAY = date(2026, 6, 1)
QUIET_UNTIL = date(2026, 11, 10)
ANSWERED_AFTER = date(2026, 11, 16)
TAUGHT = date(2026, 11, 17)
ACKNOWLEDGED = date(2026, 11, 18)
WORSE = date(2026, 11, 19)
LAST_DAY = date(2026, 11, 20)
EXPLODES = date(2026, 11, 21)
HERO, DROPPED, WORSENED, PLANNED = "contoso", "northwind", "tailspin", "proseware"
EXPLODING = "relecloud"
CEILING_MICRO_USD = 400 * MICRO
SEED = 7
ONE_DAY = timedelta(days=1)
ACTOR = "the demo"
DATABASE = "SPENDWATCH_SERVICE__DATABASE_URL"


@dataclass(slots=True)
class StoryClock:
    """A clock that stands at ten past eight (UTC) on the morning after the day being told.

    Or at ``during``, while a day runs.
    """

    day: date = QUIET_UNTIL
    during: datetime | None = None

    def __call__(self) -> datetime:
        """Return the time of the story."""
        return self.during or datetime.combine(self.day + timedelta(days=1), time(8, 10), UTC)


def run(folder: Path, config: Path, *, as_json: bool) -> None:
    """Tell the story; a second run finds everything done and tells nothing twice."""
    clock = StoryClock()
    overrides = {
        DATABASE: f"sqlite:///{folder.absolute() / 'spendwatch.db'}",
        "SPENDWATCH_SERVICE__DATA_DIR": str(folder.absolute()),
    }
    app = build_app(load_settings(config, dict(os.environ) | overrides), clock)
    _require_the_story(app, config)
    story = _Story(app, clock, build_channels(app, sys.stderr if as_json else sys.stdout), as_json)
    for act in ACTS:
        act(story)
    story.end(folder)
    story.go_on(config, overrides[DATABASE])


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
    """What every act needs."""

    app: App
    clock: StoryClock
    channels: Mapping[str, Channel]
    as_json: bool
    told: int = 0
    act: int = 0

    def heading(self, words: str) -> None:
        """Begin the next act."""
        self.act += 1
        self.say(f"{self.act}. {words}" if self.act == 1 else f"\n{self.act}. {words}")

    def say(self, words: str = "") -> None:
        if not self.as_json:
            print_line(words)

    def spend(self) -> None:
        """Months of token use become priced spend."""
        self.heading("Five months of token use become priced spend")
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

    def mornings(self, first: date, last: date) -> None:
        """Day after day is judged; what matters is told, once."""
        for day in consecutive_days(first, last):
            self.clock.day = day
            self.say()
            self.say(f"--- {full_day(day)} ---")
            cycle = run_cycle(self.app, self.channels, day)
            self.told += cycle.delivered.sent
            if not cycle.delivered.sent:
                self.say("(nothing new to tell)")

    def afternoon(self, day: date) -> None:
        """Half past two: what is known of the day is judged; a day lived before is left alone."""
        self.clock.day, self.clock.during = day, datetime.combine(day, time(14, 30), UTC)
        self.say(f"\n--- {full_day(day)}, {self.clock.during:%H:%M} UTC ---")
        with reading(self.app.engine) as session:
            lived = newest_judged_day(session) == day
        for source in () if lived else self.app.usage_sources():
            pull_running_days(self.app, source)
        list(judge_running_days(self.app))
        sent = tell(self.app, self.channels).sent
        self.told += sent
        self.clock.during = None
        if not sent:
            self.say("(nothing new to tell)")

    def answer(self, alert: Alert, given: Answer, command: str) -> None:
        """Answer an alert, unless an earlier run of the demo has."""
        self.say(f"   $ spendwatch alerts {command.replace('N', str(alert.number), 1)}")
        with writing(self.app.engine) as session:
            if _was_given(given, store.replies_of(session, alert.number)):
                self.say(f"   A-{alert.number} was answered by an earlier run")
                return
            teaching = conversion.teaching(self.app.settings)
            words = answer(session, alert.number, given, self.clock(), teaching).words
        self.say(f"   {words}")

    def newest(self, tenant: str, kind: FindingKind) -> Alert:
        """Return the newest alert of a tenant that had begun by now."""
        with reading(self.app.engine) as session:
            alerts = store.list_alerts(session, tenant=tenant, kind=kind)
        return next(alert for alert in alerts if min(alert.days) <= self.clock.day)

    def open_alerts(self) -> list[Alert]:
        """Return the alerts that had begun by now and nobody has answered, oldest first."""
        with reading(self.app.engine) as session:
            alerts = store.list_alerts(session, states=[AlertState.OPEN])
        return [alert for alert in reversed(alerts) if min(alert.days) <= self.clock.day]

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

    def go_on(self, config: Path, database_url: str) -> None:
        """Say how the commands that the messages name reach what the demo has stored."""
        program = _program()
        self.say("\nAnswer them yourself, where the demo ended:")
        self.say(f"   $ export {DATABASE}={shlex.quote(database_url)}")
        if config.absolute() != Path.cwd() / "config.toml":
            self.say(f"   $ export SPENDWATCH_CONFIG={shlex.quote(str(config.absolute()))}")
        self.say(f"   $ {program} alerts list")
        newest = max(self.open_alerts(), key=lambda alert: alert.number, default=None)
        if newest is not None:
            self.say(f"   $ {program} alerts dismiss {newest.number}")


def _judge_the_first_days(story: _Story) -> None:
    story.heading("Every morning the day before is judged")
    story.mornings(QUIET_UNTIL + ONE_DAY, ANSWERED_AFTER)


def _explain_the_spike(story: _Story) -> None:
    spike = story.newest(HERO, FindingKind.SPEND_SPIKE)
    story.heading("Why was it told? From tokens and prices to the verdict, and what would turn it")
    story.say(f"   $ spendwatch explain {spike.number}")
    if not story.as_json:
        with reading(story.app.engine) as session:
            found = explain_day(story.app, session, HERO, min(spike.days))
        print_explained(found, indent=3)


def _answer_alerts(story: _Story) -> None:
    story.heading("People answer: one alert is explained, one sleeps, somebody is on the others")
    spike = story.newest(HERO, FindingKind.SPEND_SPIKE)
    expected = Answer(Verb.DISMISS, ACTOR, verdict=Verdict.EXPECTED, note="load test")
    story.answer(spike, expected, 'dismiss N --verdict expected --note "load test"')
    drop = story.newest(DROPPED, FindingKind.SPEND_DROP)
    until = story.clock() + 2 * ONE_DAY
    story.answer(drop, Answer(Verb.SNOOZE, ACTOR, until=until), "snooze N --for 2d")
    for alert in story.open_alerts():
        story.answer(alert, Answer(Verb.ACKNOWLEDGE, ACTOR), "ack N")


def _show_what_was_taught(story: _Story) -> None:
    story.heading("The answer taught: the next, smaller spike of the same tenant is found")
    story.mornings(TAUGHT, TAUGHT)
    with reading(story.app.engine) as session:
        heeded = _spike(assess(story.app, session, TAUGHT).findings)
        unheeded = _spike(assess(story.app, session, TAUGHT, heed_answers=False).findings)
    story.say(f"   with the answer:    {_words(heeded)}")
    story.say(f"   without the answer: {_words(unheeded)}")
    story.answer(
        story.newest(HERO, FindingKind.SPEND_SPIKE), Answer(Verb.ACKNOWLEDGE, ACTOR), "ack N"
    )


def _end_the_snooze(story: _Story) -> None:
    story.heading("The snooze ends, and a new spike begins")
    story.mornings(ACKNOWLEDGED, ACKNOWLEDGED)
    drop = story.newest(DROPPED, FindingKind.SPEND_DROP)
    story.say("Somebody is on both:")
    for alert in (drop, story.newest(WORSENED, FindingKind.SPEND_SPIKE)):
        story.answer(alert, Answer(Verb.ACKNOWLEDGE, ACTOR), "ack N")


def _plan_a_batch(story: _Story) -> None:
    story.heading(f"A batch is announced beforehand: up to $400 a day for {PLANNED}")
    first, last = WORSE, LAST_DAY
    story.say(
        f"   $ spendwatch planned add --tenant {PLANNED} --from {first} --to {last} "
        "--ceiling 400 --comment batch"
    )
    plan = PlannedEvent("", PLANNED, first, last, CEILING_MICRO_USD, "batch", ACTOR)
    with writing(story.app.engine) as session:
        if not any(each.author == ACTOR for each in list_planned_events(session)):
            add_planned_event(session, plan, story.clock())


def _wake_the_worsened(story: _Story) -> None:
    story.heading("What was acknowledged gets worse and speaks again; what was planned is quiet")
    story.mornings(WORSE, WORSE)
    planned = story.newest(PLANNED, FindingKind.SPEND_SPIKE)
    story.say(f"   $ spendwatch alerts why {planned.number}")
    if not story.as_json:
        tell_story(story.app, planned.number, indent="   ")


def _exceed_the_plan(story: _Story) -> None:
    spike = story.newest(WORSENED, FindingKind.SPEND_SPIKE)
    real = Answer(Verb.DISMISS, ACTOR, verdict=Verdict.REAL, note="retries without end")
    story.answer(spike, real, 'dismiss N --verdict real --note "retries without end"')
    story.heading("The next day the batch costs more than was announced")
    story.mornings(LAST_DAY, LAST_DAY)


def _show_the_digest(story: _Story) -> None:
    story.heading("What need not wake anybody comes as a digest")
    story.say("   $ spendwatch digest --receiver finops")
    receiver = story.app.directory.routes.default
    with reading(story.app.engine) as session:
        (digest,) = compose(story.app, session, [receiver], story.clock())
    story.say(render_text(digest.message, colour=sys.stdout.isatty()))


def _tell_early(story: _Story) -> None:
    story.heading("A loop begins in the morning, and is told while its day still runs")
    story.afternoon(EXPLODES)
    story.say("The finished day is judged for good: it is the same alert, and nobody is told twice")
    story.mornings(EXPLODES, EXPLODES)
    alert = story.newest(EXPLODING, FindingKind.SPEND_SPIKE)
    story.say(f"   A-{alert.number} by now: {alert_message(alert, Change.UNCHANGED, {}).title}")


ACTS = (
    lambda story: story.spend(),
    _judge_the_first_days,
    _explain_the_spike,
    _answer_alerts,
    _show_what_was_taught,
    _end_the_snooze,
    _plan_a_batch,
    _wake_the_worsened,
    _exceed_the_plan,
    _show_the_digest,
    _tell_early,
)


def _program() -> str:
    """Return what to type for spendwatch here: its name, or where it was started from."""
    started = Path(sys.argv[0])
    if shutil.which(started.name) or started.suffix == ".py":
        return "spendwatch"
    here = started.is_relative_to(Path.cwd())
    return shlex.quote(str(started.relative_to(Path.cwd()) if here else started))


def _was_given(given: Answer, replies: Iterable[Reply]) -> bool:
    return any((each.actor, each.verb) == (given.actor, given.verb) for each in replies)


def _spike(findings: tuple[Finding, ...]) -> Finding | None:
    return next(
        (each for each in findings if each.tenant == HERO and each.kind is FindingKind.SPEND_SPIKE),
        None,
    )


def _words(finding: Finding | None) -> str:
    if finding is None:
        return "not abnormal: the load test would have hidden it"
    return f"{money(finding.actual_micro_usd or 0)} is abnormal; {against(finding)}"
