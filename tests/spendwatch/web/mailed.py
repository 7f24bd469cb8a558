"""A budget owner with a mail in hand: a real mail from a real server, its links, and the pages."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlencode

from alerts import store
from spendwatch.channels import build_channels
from spendwatch.db import reading
from tests.mail.local import mail_server
from tests.spendwatch.installations import CONFIG, FIRST, Installation
from tests.spendwatch.web.served import Served

KEYS = "k" * 40
ENVIRON = {"SPENDWATCH_WEB__SIGNING_KEYS": KEYS}
PUBLIC = "https://spend.example"
ANN, BOB = "ann@example.com", "bob@example.com"
SETTINGS = """
[[receivers]]
kind = "email"
name = "people"
addresses = ["ann@example.com", "bob@example.com"]
digest = "off"

[email]
sender = "spendwatch@example.com"
host = "127.0.0.1"
port = {port}
security = "none"
answers = "link"

[web]
listen = "127.0.0.1:0"
public_url = "https://spend.example"
requests_a_minute = 100000

[[routes]]
tenant = "*"
receiver = "people"
"""
SECONDS = timedelta(seconds=30)


class Mailed:
    """An installation that has mailed its alerts, and serves the pages that they lead to."""

    def __init__(self, place, mail, served):
        self.place, self.mail, self.served = place, mail, served

    def link(self, recipient=ANN, kind="a", which=-1):
        """The path that a mail leads to."""
        mail = self.mail.to(recipient)[which]
        text = mail.get_body(("plain",)).get_content()
        (found,) = set(re.findall(rf"{PUBLIC}(/{kind}/[^\s]+)", text))
        return found

    def get(self, path, method="GET", **headers):
        return self.served.ask(method, path, None, headers, host="spend.example")

    def post(self, path, fields, **headers):
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self.served.ask("POST", path, urlencode(fields), form, host="spend.example")

    def page(self, path):
        """Look at a page, take the time to read it, and keep what its forms carry."""
        shown = self.get(path)
        self.wait()
        (found, *_) = re.findall(r'name="page" value="([^"]+)"', shown.text) or [""]
        return found

    def answer(self, path, do, number=1, **fields):
        """Answer as a person would: look, read, press."""
        page = self.page(path)
        return self.post(f"{path}/{number}", {"page": page, "do": do} | fields)

    def wait(self, time=SECONDS):
        self.place.now += time

    def alert(self, number=1):
        with reading(self.served.app.engine) as session:
            return store.get_alert(session, number)

    def replies(self, number=1):
        with reading(self.served.app.engine) as session:
            return store.replies_of(session, number)

    def deliver(self):
        """Send what waits."""
        from spendwatch.jobs import tell

        channels = build_channels(self.served.app, self.place.told)
        tell(self.served.app, channels)


def spikes(place, tenants):
    """Twenty steady days of each tenant, and one that is not."""
    days = 20
    for step in range(days + 1):
        day = FIRST + timedelta(days=step)
        cost = 900 if step == days else 100 + step % 3
        place.write_day(day, [f"{tenant},chat,gpt-4o,{cost}" for tenant in tenants])
    return FIRST + timedelta(days=days)


@contextmanager
def mailed(folder, tenants=("acme",), more="", environ=ENVIRON, *, openapi=False):
    """Have alerts mailed, and their pages served."""
    with mail_server(security="none") as (mail, port):
        place = Installation(folder, CONFIG, SETTINGS.format(port=port) + more)
        day = spikes(place, tenants)
        place.now += timedelta(days=21)
        app = place.app(environ)
        place.app = lambda *_: app
        place.judge_with(build_channels(app, place.told), day)
        served = Served(app, openapi=openapi)
        served.server.start()
        try:
            yield Mailed(place, mail, served)
        finally:
            assert served.server.stop()
            app.engine.dispose()
