"""Slack put together: one account, who may answer, the desk, and what listens for it."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from spendwatch.db import PERSON_WAIT_MS, connect_again
from spendwatch.jobs import keeping_shown
from spendwatch.slack.allowing import Allowed
from spendwatch.slack.connection import PATIENT
from spendwatch.slack.desk import Desk
from spendwatch.slack.listening import Listener
from spendwatch.slack.noting import SlackNotes
from spendwatch.slack.taking import Hands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import FilteringBoundLogger

    from alerts.channels.base import Channel
    from alerts.channels.slack_account import SlackAccount
    from spendwatch.app import App
    from spendwatch.slack.connection import Waits


def build_desk(
    app: App,
    account: SlackAccount,
    channels: Mapping[str, Channel],
    log: FilteringBoundLogger,
) -> Desk:
    """Put together who takes what people do in Slack."""
    patient = replace(app, engine=connect_again(app.engine, wait_ms=PERSON_WAIT_MS))
    slack = app.settings.slack
    owners = {each.id: each.owner for each in app.settings.tenants if each.owner}
    allowed = Allowed(account, slack.may_answer, owners, monotonic, slack.workspace)
    return Desk(patient, account, keeping_shown(patient, channels), allowed, log)


def build_hands(desk: Desk, log: FilteringBoundLogger) -> Hands | None:
    """Put together who takes what Slack posts; None where it has no secret to sign that with."""
    if not desk.app.settings.slack.signing_secrets:
        return None
    hands = Hands(desk.receive, log)
    hands.show(desk.allowed.warm_up)
    return hands


def build_notes(
    app: App, account: SlackAccount, listener: Listener | None, log: FilteringBoundLogger
) -> SlackNotes:
    """Put together what notes how Slack stands."""
    return SlackNotes(app.engine, account, listener, app.clock, log)


def build_listener(
    desk: Desk, log: FilteringBoundLogger, waits: Waits = PATIENT
) -> Listener | None:
    """Put together what listens; None where there is no token for that."""
    slack = desk.app.settings.slack
    token = slack.app_token.get_secret_value()
    if not token:
        return None

    def note_app(app: str) -> None:
        desk.allowed.app = app

    return Listener(
        token,
        slack.base_url,
        Hands(desk.receive, log),
        log,
        on_app=note_app,
        at_first=desk.allowed.warm_up,
        waits=waits,
    )
