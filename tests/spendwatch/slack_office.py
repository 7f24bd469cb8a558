"""An installation whose receiver is a conversation of the local Slack, with its real listener."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import structlog

from alerts import store
from alerts.delivery import deliver
from alerts.intake import take_in
from spendwatch import conversion
from spendwatch.channels import build_channels, slack_of
from spendwatch.db import reading, writing
from spendwatch.slack.connection import PATIENT
from spendwatch.slack.serving import build_desk, build_listener
from tests.builders import DAY, NOW, a_telling, judgement, spike
from tests.spendwatch.installations import Installation

CONFIG = """
[service]
database_url = "{url}"
min_free_mb = 0

[[receivers]]
kind = "slack"
name = "ops"
conversation = "{conversation}"
digest = "off"

[alerts]
receiver = "ops"

[detection]
method = "classic"

[slack]
base_url = "{base_url}"
may_answer = {may_answer}
lookup_after_s = 0
post_apart_s = 0
edit_apart_s = 0

[[tenants]]
id = "acme"
name = "Acme"
owner = "U0BEN"
"""


class Office:
    """Alerts are told in Slack; people answer there; the ledger is looked into."""

    def __init__(
        self,
        folder,
        slack,
        *,
        may_answer=None,
        url="sqlite:///spendwatch.db",
        extra="",
        waits=PATIENT,
        environ=None,
    ):
        self.slack = slack
        slack.configure(burst=10_000)
        text = CONFIG.format(
            conversation=slack.channel,
            base_url=slack.base_url,
            may_answer=str(may_answer or [slack.ana]).replace("'", '"'),
            url=url,
        )
        place = Installation(folder, text, extra)
        place.now = NOW
        self.place = place
        environ = {
            "SPENDWATCH_SLACK__BOT_TOKEN": slack.bot_token,
            "SPENDWATCH_SLACK__APP_TOKEN": slack.app_token,
            **(environ or {}),
        }
        self.app = place.app(environ)
        self.account = slack_of(self.app.settings)
        self.channels = build_channels(self.app, io.StringIO(), self.account)
        self.log = structlog.testing.LogCapture()
        log = structlog.wrap_logger(None, processors=[self.log])
        self.desk = build_desk(self.app, self.account, self.channels, log)
        self.listener = build_listener(self.desk, log, waits)

    def tell(self, *findings, day=DAY):
        """Judge a day and post what there is to tell."""
        with writing(self.app.engine) as session:
            take_in(session, judgement(*(findings or (spike(),)), day=day), self.telling())
        self.deliver()

    def tell_nothing(self, day):
        """Judge a day on which nothing was found."""
        with writing(self.app.engine) as session:
            take_in(session, judgement(day=day), self.telling())
        self.deliver()

    def telling(self):
        rules = conversion.alert_rules(self.app.settings)
        return a_telling(self.place.now, {"": "ops"}, rules, threaded=frozenset({"ops"}))

    def deliver(self):
        return deliver(partial(writing, self.app.engine), self.channels, self.app.clock)

    def wait(self, **time):
        self.place.now += timedelta(**time)

    @property
    def root(self):
        """The first message."""
        return self.slack.posted()[0]

    def press(self, action, **more):
        """Press a button of the first message, as Ana unless it is said otherwise."""
        return self.slack.press(self.slack.channel, self.root.ts, action, **more)

    def alert(self, number=1):
        with reading(self.app.engine) as session:
            return store.get_alert(session, number)

    def replies(self, number=1):
        with reading(self.app.engine) as session:
            return store.replies_of(session, number)

    def buttons(self):
        """The ids of what the first message offers now."""
        (row,) = [block for block in self.root.blocks if block["type"] == "actions"]
        return [element["action_id"] for element in row["elements"]]

    def said_to(self, user):
        return [each.text for each in self.slack.ephemerals(user)]

    def events(self):
        return [each["event"] for each in self.log.entries]


@contextmanager
def listening(folder, slack, **options):
    """Have an office whose listener is connected."""
    office = Office(folder, slack, **options)
    office.listener.start()
    slack.wait_until(lambda local: local.connections())
    try:
        yield office
    finally:
        office.listener.stop()
        office.desk.app.engine.dispose()
        office.app.engine.dispose()
