"""The composition root: the one place where settings, clock, database and adapters meet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from alerts.channels.console import ConsoleChannel, FileChannel
from detector.model import Grain
from detector.sources.sample import SampleSource
from spendwatch import conversion
from spendwatch.azure import AzureAccount
from spendwatch.db import WAIT_MS
from spendwatch.db_backup import careful
from spendwatch.db_upgrade import open_as_is, open_database
from spendwatch.directory import CurrentDirectory
from spendwatch.logs import logger
from spendwatch.price_files import load_price_table
from spendwatch.settings import ConfigError
from spendwatch.settings_azure import AzureSource
from spendwatch.settings_environment import BOT_TOKEN
from spendwatch.settings_outbound import WebhookReceiver, signing_keys
from spendwatch.settings_sections import CsvFileSource as CsvFileSettings
from spendwatch.settings_slack import SlackReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path
    from typing import TextIO

    from sqlalchemy import Engine

    from alerts.channels.base import Channel
    from alerts.channels.slack_account import SlackAccount
    from detector.price_table import PriceTable
    from detector.rules import RuleBook
    from detector.sources.base import UsageSource
    from spendwatch.directory import Directory
    from spendwatch.settings import Settings, Source
    from spendwatch.settings_sections import SampleSource as SampleSettings

    LocalSource = CsvFileSettings | SampleSettings


def system_clock() -> datetime:
    """Return the time now; the only place that asks the machine."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one clock everybody else is handed


@dataclass(frozen=True, slots=True)
class App:
    """Everything a job needs, put together once."""

    settings: Settings
    engine: Engine
    prices: PriceTable
    current_directory: Callable[[], Directory]
    book: RuleBook
    clock: Callable[[], datetime]
    azure: AzureAccount

    @property
    def directory(self) -> Directory:
        """Who is who, as of now."""
        return self.current_directory()

    @property
    def source_names(self) -> tuple[str, ...]:
        """The sources in service."""
        return tuple(source.name for source in self.settings.sources)

    def last_settled_day(self, at: datetime | None = None) -> date:
        """Return the newest day that is over, and settled, for every time zone; by default now."""
        settled_at = (at or self.clock()) - timedelta(hours=self.settings.service.settle_hours)
        zones = self.directory.every_zone()
        return min(settled_at.astimezone(zone).date() for zone in zones) - timedelta(days=1)

    def settled_at(self, day: date) -> datetime:
        """Return when a day was over, and settled, for every time zone."""
        midnight = datetime.combine(day + timedelta(days=1), time())
        ends = (midnight.replace(tzinfo=zone) for zone in self.directory.every_zone())
        return max(ends).astimezone(UTC) + timedelta(hours=self.settings.service.settle_hours)

    def final_at(self, day: date) -> datetime:
        """Return from when on a day counts as final: late rows are not expected any more."""
        service = self.settings.service
        return self.settled_at(day) + timedelta(hours=service.final_hours - service.settle_hours)

    def is_final(self, day: date) -> bool:
        """Whether late rows for a day are not expected any more."""
        return self.clock() >= self.final_at(day)

    def usage_sources(self) -> tuple[UsageSource, ...]:
        """Build the adapters of all configured sources, for one pull of each."""
        return tuple(self._build(source) for source in self.settings.sources)

    def _build(self, settings: Source) -> UsageSource:
        if isinstance(settings, AzureSource):
            return self.azure.source(settings, self.directory.every_zone())
        return build_source(settings, self.clock())


def build_source(settings: LocalSource, now: datetime) -> UsageSource:
    """Build the adapter for a configured source that is on this machine."""
    if isinstance(settings, CsvFileSettings):
        # 35 MB that whoever reads no files need not hold.
        from detector.sources.csv_file import CsvFileSource

        return CsvFileSource(
            name=settings.name,
            path=settings.path,
            columns=settings.columns.mapped,
            latest_day=now.date(),
            grain=Grain(settings.grain),
            scope=settings.scope,
        )
    last_day = settings.last_day or now.date()
    return SampleSource(settings.name, settings.seed, settings.first_day, last_day, now)


def build_channels(
    app: App, terminal: TextIO, slack: SlackAccount | None = None
) -> Mapping[str, Channel]:
    """Build the channel of every receiver; raises ConfigError where one lacks what it needs."""
    screen = ConsoleChannel(terminal, app.clock, colour=terminal.isatty())
    found: dict[str, Channel] = {}
    for receiver in app.settings.receivers:
        if isinstance(receiver, SlackReceiver):
            slack = slack or build_slack(app.settings)
            found[receiver.name] = build_conversation(app.settings, slack, receiver)
        elif isinstance(receiver, WebhookReceiver):
            found[receiver.name] = build_webhook(app, receiver)
        else:
            found[receiver.name] = (
                FileChannel(receiver.path, app.clock) if receiver.path else screen
            )
    return found


def slack_of(settings: Settings) -> SlackAccount | None:
    """Return what calls Slack; None where no receiver is there."""
    if any(isinstance(each, SlackReceiver) for each in settings.receivers):
        return build_slack(settings)
    return None


def build_slack(settings: Settings) -> SlackAccount:
    """Build what calls Slack; raises ConfigError where there is no token."""
    # Half a second of imports that whoever has no Slack need not wait for.
    from alerts.channels.slack_account import Pace, SlackAccount

    slack = settings.slack
    token = slack.bot_token.get_secret_value()
    if not token:
        words = "is required: a receiver is in Slack, and this is the app's token (xoxb-...)"
        raise ConfigError((f"environment: {BOT_TOKEN}: {words}",))
    pace = Pace(
        post_apart_s=slack.post_apart_s,
        posts_a_minute=slack.posts_a_minute,
        edits_a_minute=slack.edits_a_minute,
        looks_a_minute=slack.looks_a_minute,
    )
    return SlackAccount(
        token,
        slack.base_url,
        monotonic,
        timeout_s=slack.timeout_s,
        pace=pace,
        probe_s=slack.probe_s,
    )


def build_conversation(
    settings: Settings, account: SlackAccount, receiver: SlackReceiver
) -> Channel:
    """Build the channel of one conversation."""
    from alerts.channels.slack import SlackChannel

    return SlackChannel(
        account,
        receiver.conversation,
        settles=timedelta(seconds=settings.slack.lookup_after_s),
        on_fault=lambda words: logger().error("slack_fault", receiver=receiver.name, error=words),
    )


def build_webhook(app: App, receiver: WebhookReceiver) -> Channel:
    """Build the channel of one program; raises ConfigError where it cannot be called."""
    # Parts of TLS that whoever calls nobody need not wait for.
    from alerts.channels.webhook import WebhookChannel
    from spendwatch.outbound import build_outbound

    keys = signing_keys(app.settings.outbound.signing_secret.get_secret_value())
    return WebhookChannel(build_outbound(app.settings), receiver.url, keys, app.clock)


def build_app(
    settings: Settings, clock: Callable[[], datetime] = system_clock, *, wait_ms: int = WAIT_MS
) -> App:
    """Put the service together; opens (and upgrades) the database and reads the prices."""
    url = settings.service.database_url
    guard = careful(settings.service.backup_dir, clock, _say_backup)
    return _build(settings, clock, partial(open_database, url, wait_ms=wait_ms, guard=guard))


def build_app_as_is(settings: Settings, clock: Callable[[], datetime] = system_clock) -> App:
    """Put together what only looks: the database is neither made nor upgraded."""
    return _build(settings, clock, partial(open_as_is, settings.service.database_url))


def _build(settings: Settings, clock: Callable[[], datetime], opened: Callable[[], Engine]) -> App:
    prices = load_price_table(
        settings.prices.file,
        agreed=conversion.agreed_prices(settings),
        exchange_rates=conversion.exchange_rates(settings),
        currency=settings.service.currency,
    )
    azure = AzureAccount(settings, clock)
    return App(
        settings=settings,
        engine=opened(),
        prices=prices,
        current_directory=CurrentDirectory(settings, azure.cost_centres, monotonic),
        book=conversion.rule_book(settings),
        clock=clock,
        azure=azure,
    )


def _say_backup(file: Path) -> None:
    logger().info("backup_written", path=str(file), why="before an upgrade of the database")
