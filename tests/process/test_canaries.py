"""A whole run with a secret of every kind: none of them is in any file, log, answer or message."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import pytest

from spendwatch.settings_environment import SECRETS
from tests.outbound.receiving import receiving
from tests.process.services import FILE, a_place, command, running, told, until
from tests.slack.fixtures import slack, slack_process

__all__ = ["slack", "slack_process"]

KEY = "Y2FuYXJ5LW9mLXRoZS13ZWJob29rcy0wMTIzNDU2"
DATABASE = "SPENDWATCH_SERVICE__DATABASE_URL"
CANARIES = {
    "SPENDWATCH_SLACK__BOT_TOKEN": "xoxb-canary-bot-1",
    "SPENDWATCH_SLACK__APP_TOKEN": "xapp-canary-app-2",
    "SPENDWATCH_AZURE__CLIENT_SECRET": "canary-of-azure-3",
    "SPENDWATCH_SLACK__SIGNING_SECRET": "canary-that-slack-signs-with-7",
    "SPENDWATCH_WEB__TOKEN": "canary-of-the-web-server-8",
    "SPENDWATCH_WEB__SIGNING_KEYS": f"canary-of-links-9-{'k' * 32}",
    "SPENDWATCH_EMAIL__PASSWORD": "canary-of-the-mail-server-10",
    "SPENDWATCH_EMAIL__ACCESS_KEY": "canary-of-azures-mail-11",
    "SPENDWATCH_OUTBOUND__SIGNING_SECRET": f"whsec_{KEY}",
    "SPENDWATCH_OUTBOUND__HEARTBEAT_URL": "http://127.0.0.1:{port}/beat?canary-of-heartbeat-4",
    DATABASE: "postgresql://me:canary-of-database-6@127.0.0.1:1/x",
}
MORE = """
[[receivers]]
kind = "webhook"
name = "hook"
url = "http://127.0.0.1:{port}/in?canary-of-webhook-5"
[[receivers]]
kind = "email"
name = "people"
addresses = ["ann@example.com"]
[email]
sender = "spendwatch@example.com"
host = "127.0.0.1"
port = 9
user = "spendwatch"
timeout_s = 1
answers = "link"
[web]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1:8080"
[outbound]
private_hosts = ["127.0.0.1"]
timeout_s = 2
[[tenants]]
id = "acme"
receiver = "hook"
"""
TALK = """
[[receivers]]
kind = "slack"
name = "talk"
conversation = "C0ALERTS"
[slack]
base_url = "{slack}"
[[routes]]
tenant = "bolt"
receiver = "talk"
"""
NEEDLES = ("canary", KEY)


def where_they_stand(told):
    """Name what holds a secret that nothing should hold."""
    return [where for where, text in told.items() for each in NEEDLES if each in str(text)]


@pytest.fixture
def outside():
    with receiving() as server:
        # Whatever goes wrong has words for it: an error, a cut connection, a refusal.
        server.answers[:] = [(500, {}), "drop", (500, {}), "drop", (403, {})]
        yield server


@pytest.fixture
def place(tmp_path, outside, monkeypatch):
    for name, value in CANARIES.items():
        if name != DATABASE:
            monkeypatch.setenv(name, value.format(port=outside.port))
    more = MORE.format(port=outside.port)
    found = a_place(tmp_path / "place", FILE, extra=more, environ=os.environ)
    rows = ["acme,chat,gpt-4o,400", "bolt,chat,gpt-4o,900"]
    found.write_day(found.newest, rows)
    return found


def test_there_is_a_canary_of_every_kind():
    assert CANARIES.keys() == SECRETS.keys()


def test_point_15_no_secret_is_in_any_file_log_answer_or_message(place, slack, outside):
    said = {}
    with running(place) as service:
        service.wait_for("heartbeat_unconfirmed")
        until(lambda: "who was not reached" in told(place))
        service.process.kill()
        said["log"] = json.dumps(service.seen) + service.process.stderr.read()
    place.config.write_text(place.config.read_text() + TALK.format(slack=slack.base_url))
    with running(place) as service:
        service.wait_for("slack_refused")
        service.process.kill()
        said["log of Slack"] = json.dumps(service.seen) + service.process.stderr.read()
    for words in (
        ("status",), ("health",), ("outbox", "list"), ("check",), ("check", "--live"),
        ("test-send", "hook"), ("test-send", "talk"), ("test-send", "people"),
        ("routes", "explain"), ("alerts", "list"),
        ("status", "--json"), ("check", "--live", "--json"),
    ):  # fmt: skip
        done = command(place, *words)
        said[" ".join(words)] = done.stdout + done.stderr
    os.environ[DATABASE] = CANARIES[DATABASE]
    try:
        done = command(place, "status")
    finally:
        del os.environ[DATABASE]
    assert done.returncode != 0
    said["a database that is not there"] = done.stdout + done.stderr
    said |= {str(file): file.read_bytes() for file in place.folder.rglob("*") if file.is_file()}
    said["bodies"] = [each.body for each in outside.heard]
    said["Slack"] = [asdict(each) for each in slack.messages()]
    # What was called and with which token is what must be known there, and nowhere else.
    del said[str(place.config)]
    assert where_they_stand(said) == []
    assert "webhook" in said["outbox list"] or "hook" in said["outbox list"]
