"""How each receiver is reached: the channels, put together from the settings."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from alerts.channels.console import ConsoleChannel, FileChannel
from alerts.model import Reason
from spendwatch.charts import chart_of
from spendwatch.logs import logger
from spendwatch.mail_links import links_of
from spendwatch.settings import ConfigError
from spendwatch.settings_environment import BOT_TOKEN, MAIL_PASSWORD
from spendwatch.settings_mail import EmailReceiver
from spendwatch.settings_outbound import WebhookReceiver, signing_keys
from spendwatch.settings_sections import ConsoleReceiver
from spendwatch.settings_slack import SlackReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from alerts.channels.base import Channel
    from alerts.channels.mail import Carrier
    from alerts.channels.slack_account import SlackAccount
    from alerts.channels.smtp import SmtpAccount
    from alerts.notice import Notification, Picture
    from spendwatch.app import App
    from spendwatch.settings import Settings
    from spendwatch.settings_mail import EmailSettings

WITH_CHART = frozenset({Reason.NEW, Reason.WORSE, Reason.REVISED, Reason.REMINDER})
"""What is shown with the days before it."""


def build_channels(
    app: App, terminal: TextIO, slack: SlackAccount | None = None
) -> Mapping[str, Channel]:
    """Build the channel of every receiver; raises ConfigError where one lacks what it needs."""
    screen = ConsoleChannel(terminal, app.clock, colour=terminal.isatty())
    slack = slack or slack_of(app.settings)
    mail = mail_of(app)
    found: dict[str, Channel] = {}
    for receiver in app.settings.receivers:
        if isinstance(receiver, SlackReceiver) and slack:
            found[receiver.name] = build_conversation(app.settings, slack, receiver)
        elif isinstance(receiver, EmailReceiver) and mail:
            found[receiver.name] = build_mailing(app, mail, receiver)
        elif isinstance(receiver, WebhookReceiver):
            found[receiver.name] = build_webhook(app, receiver)
        elif isinstance(receiver, ConsoleReceiver):
            found[receiver.name] = (
                FileChannel(receiver.path, app.clock) if receiver.path else screen
            )
    return found


def build_webhook(app: App, receiver: WebhookReceiver) -> Channel:
    """Build the channel of one program; raises ConfigError where it cannot be called."""
    # Parts of TLS that whoever calls nobody need not wait for.
    from alerts.channels.webhook import WebhookChannel
    from spendwatch.outbound import build_outbound

    keys = signing_keys(app.settings.outbound.signing_secret.get_secret_value())
    return WebhookChannel(build_outbound(app.settings), receiver.url, keys, app.clock)


def mail_of(app: App) -> Carrier | None:
    """Return what hands mails in; None where no receiver is an address."""
    mails = any(isinstance(each, EmailReceiver) for each in app.settings.receivers)
    azure = app.settings.email.transport == "azure"
    return _azure_mail(app) if mails and azure else smtp_of(app.settings)


def smtp_of(settings: Settings) -> SmtpAccount | None:
    """Return what hands mails in by SMTP; None where nothing does. Raises ConfigError."""
    mails = any(isinstance(each, EmailReceiver) for each in settings.receivers)
    return build_smtp(settings.email) if mails and settings.email.transport == "smtp" else None


def build_smtp(email: EmailSettings) -> SmtpAccount:
    """Build what hands mails in by SMTP; raises ConfigError where a password is missing."""
    from alerts.channels.smtp import Server, SmtpAccount

    password = email.password.get_secret_value()
    if email.user and not password:
        words = f"is required: {email.user} is to log in at {email.host} (email.user)"
        raise ConfigError((f"environment: {MAIL_PASSWORD}: {words}",))
    server = Server(
        host=email.host,
        port=email.port,
        security=email.security,
        user=email.user,
        password=password,
        timeout_s=email.timeout_s,
        ca_file=str(email.ca_file or ""),
    )
    return SmtpAccount(server, monotonic)


def _azure_mail(app: App) -> Carrier:
    # 0.2 seconds of imports that whoever mails otherwise need not wait for.
    from alerts.channels.azure_mail import AzureMailAccount

    email = app.settings.email
    return AzureMailAccount(
        email.endpoint,
        email.access_key.get_secret_value() or app.azure.credential(),
        monotonic,
        timeout_s=email.timeout_s,
        a_minute=email.a_minute,
    )


def build_mailing(app: App, carrier: Carrier, receiver: EmailReceiver) -> Channel:
    """Build the channel of one receiver that is addresses."""
    from alerts.channels.mail import MailChannel

    email = app.settings.email
    return MailChannel(
        carrier,
        receiver.addresses,
        email.sender,
        email.domain,
        app.clock,
        links=links_of(app.settings),
        draw=partial(_chart_in_mail, app),
    )


def _chart_in_mail(app: App, notification: Notification) -> Picture | None:
    """Draw what one alert is about; news without its chart is better than none."""
    if notification.alert_number is None or notification.reason not in WITH_CHART:
        return None
    try:
        return chart_of(app, notification)
    except Exception as error:  # noqa: BLE001 - a picture that cannot be drawn stops no mail
        logger().exception("chart_not_drawn", alert=notification.alert_number, error=str(error))
        return None


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
