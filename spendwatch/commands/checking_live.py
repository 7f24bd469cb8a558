"""What `spendwatch check --live` adds: whatever the settings name is asked whether it is there."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from alerts.channels.base import ChannelError
from alerts.channels.outbound_http import OutboundError
from alerts.numbers import count
from detector.sources.base import SourceError
from detector.sources.csv_file import list_files
from spendwatch.app import system_clock
from spendwatch.channels import build_smtp
from spendwatch.live import Mark, Seen
from spendwatch.outbound import authority_problems, build_outbound
from spendwatch.output import print_line
from spendwatch.secrecy import veiled
from spendwatch.settings import ConfigError
from spendwatch.settings_azure import AzureSource
from spendwatch.settings_mail import EmailReceiver
from spendwatch.settings_outbound import WebhookReceiver, host_of
from spendwatch.settings_sections import CsvFileSource
from spendwatch.settings_slack import SlackReceiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from detector.price_table import PriceTable
    from spendwatch.settings import Settings
    from spendwatch.settings_sections import SampleSource


def ask_all(settings: Settings, problems: Iterable[str], prices: PriceTable) -> Iterator[Seen]:
    """Ask each thing in turn, after what was found wrong on this machine; masks every token."""
    for problem in problems:
        about, _, words = problem.partition(": ")
        yield Seen(about, Mark.WRONG, words)
    for seen in _all(settings, prices):
        yield replace(seen, words=veiled(seen.words))


def _all(settings: Settings, prices: PriceTable) -> Iterator[Seen]:
    return chain(
        _sources(settings),
        _azure(settings, prices),
        _slack(settings),
        _mail(settings),
        _outbound(settings),
    )


def print_seen(seen: Seen) -> None:
    """Print one line."""
    print_line(f"  {seen.mark.value:<8} {seen.about:<28} {seen.words}")


def summary(found: Counter[Mark]) -> str:
    """Say in one line how it was."""
    if not found[Mark.WRONG] and not found[Mark.WARNING]:
        return "all is well, and nothing was posted"
    return f"{found[Mark.WRONG]} wrong, {count(found[Mark.WARNING], 'warning')}; nothing was posted"


def facts(found: Iterable[Seen]) -> list[dict[str, Any]]:
    """Give programs the same."""
    return [{"about": each.about, "mark": each.mark.value, "words": each.words} for each in found]


def _sources(settings: Settings) -> Iterator[Seen]:
    for source in settings.sources:
        if isinstance(source, AzureSource):
            continue
        # What is missing altogether was found before.
        if not isinstance(source, CsvFileSource) or source.path.exists():
            yield Seen(f"sources.{source.name}", *_source(source))


def _source(source: CsvFileSource | SampleSource) -> tuple[Mark, str]:
    if not isinstance(source, CsvFileSource):
        return Mark.OK, "made up here: it always answers"
    try:
        files = list_files(source.path)
    except SourceError as error:
        mark = Mark.WARNING if os.access(source.path, os.R_OK | os.X_OK) else Mark.WRONG
        return mark, str(error)
    closed = next((each for each in files if not os.access(each, os.R_OK)), None)
    if closed:
        return Mark.WRONG, f"{closed} cannot be read by this user"
    return Mark.OK, f"{source.path}: {count(len(files), 'file')}"


def _azure(settings: Settings, prices: PriceTable) -> Iterator[Seen]:
    if any(isinstance(each, AzureSource) for each in settings.sources):
        from spendwatch.azure_trying import ask_azure

        yield from ask_azure(settings, prices, system_clock)


def _slack(settings: Settings) -> Iterator[Seen]:
    if any(isinstance(each, SlackReceiver) for each in settings.receivers):
        # Half a second of imports that whoever has no Slack need not wait for.
        from spendwatch.slack.trying import ask_slack

        yield from ask_slack(settings)


def _mail(settings: Settings) -> Iterator[Seen]:
    """Connect and log in as a mail would; what Azure would take is known once one is sent."""
    if not any(isinstance(each, EmailReceiver) for each in settings.receivers):
        return
    if settings.email.transport == "azure":
        words = f"{settings.email.endpoint}: `spendwatch test-send` tries it with a mail"
        yield Seen("email", Mark.WARNING, words)
        return
    try:
        build_smtp(settings.email).try_out()
        yield Seen("email", Mark.OK, f"{settings.email.host} takes mail from us")
    except (ChannelError, ConfigError) as error:
        yield Seen("email", Mark.WRONG, str(error))


def _outbound(settings: Settings) -> Iterator[Seen]:
    """See whether what is called could be reached, without calling it."""
    called = [
        (f"receivers.{each.name}", each.url)
        for each in settings.receivers
        if isinstance(each, WebhookReceiver)
    ]
    if heartbeat := settings.outbound.heartbeat_url.get_secret_value():
        called.append(("outbound.heartbeat_url", heartbeat))
    if not called or authority_problems(settings):  # which was found before
        return
    http = build_outbound(settings)
    for about, url in called:
        try:
            http.reach(url)
        except OutboundError as error:
            yield Seen(about, Mark.WRONG, str(error))
        else:
            yield Seen(about, Mark.OK, f"{host_of(url)} is reached and trusted; nothing was sent")
