"""The web server of `spendwatch run`: it begins and ends with the service, and hears Slack."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from urllib.error import HTTPError

from alerts import store
from spendwatch.db import reading
from tests.process.services import FILE, a_place, command, running, until
from tests.slack.fixtures import slack, slack_process
from tests.slack.identity import SIGNING_SECRET
from tests.spendwatch.installations import Installation

__all__ = ["slack", "slack_process"]

ANY_PORT = '\n[web]\nlisten = "127.0.0.1:0"\n'
IN_SLACK = """
[[receivers]]
kind = "slack"
name = "ops"
conversation = "{conversation}"
digest = "off"

[slack]
base_url = "{base_url}"
may_answer = ["{person}"]
post_apart_s = 0
"""
KEYS = "canary-key-that-links-are-signed-with"
TOKEN = "canary-token-of-the-web-server"  # noqa: S105 - made up


def get(address, path):
    """Ask, and return the status and what was told."""
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:  # noqa: S310 - ours
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_nothing_is_served_unless_it_is_asked_for(tmp_path):
    with running(Installation(tmp_path, FILE)) as service:
        service.wait_for("service_started")
        assert service.ask_to_end() == 0
    assert "web_started" not in [each["event"] for each in service.seen]


def test_it_is_served_until_the_end_which_no_slow_client_holds_up(tmp_path):
    with running(Installation(tmp_path, FILE, ANY_PORT)) as service:
        address = service.wait_for("web_started")["address"]
        assert get(address, "/healthz") == (200, {"alive": True})
        until(lambda: get(address, "/readyz")[0] == 200)
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            assert service.ask_to_end() == 0


def test_an_address_that_is_taken_is_told_before_anything_is_done(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        place = Installation(tmp_path, FILE, f'\n[web]\nlisten = "{listen}"\n')
        ended = command(place, "run")
    assert ended.returncode == 78
    (line,) = [each for each in ended.stderr.splitlines() if not each.startswith("{")]
    assert f"web.listen: {listen} cannot be had: Address already in use" in line
    assert "service_started" not in ended.stderr


def test_new_settings_move_it_and_an_address_that_is_taken_changes_nothing(tmp_path):
    place = Installation(tmp_path, FILE, ANY_PORT)
    with running(place) as service, socket.socket() as other:
        first = service.wait_for("web_started")["address"]
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        place.config.write_text(f'{FILE}\n[web]\nlisten = "127.0.0.1:{port}"\n')
        service.process.send_signal(signal.SIGHUP)
        (problem,) = service.wait_for("settings_refused")["problems"]
        assert "cannot be had" in problem
        assert get(first, "/healthz")[0] == 200
        other.close()
        service.process.send_signal(signal.SIGHUP)
        assert service.wait_for("web_started")["address"] == f"http://127.0.0.1:{port}"
        assert get(f"http://127.0.0.1:{port}", "/healthz")[0] == 200
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("web_started")
        assert get(f"http://127.0.0.1:{port}", "/healthz")[0] == 200, "the same address again"
        assert service.ask_to_end() == 0


def test_a_press_over_http_acknowledges_and_the_message_changes(tmp_path, slack):
    extra = ANY_PORT + IN_SLACK.format(
        conversation=slack.channel, base_url=slack.base_url, person=slack.ana
    )
    config = FILE.replace('receiver = "desk"', 'receiver = "ops"')
    place = a_place(tmp_path / "place", config, extra=extra)
    secrets = {
        "SPENDWATCH_SLACK__BOT_TOKEN": slack.bot_token,
        "SPENDWATCH_SLACK__SIGNING_SECRET": SIGNING_SECRET,
        "SPENDWATCH_WEB__SIGNING_KEYS": KEYS,
        "SPENDWATCH_WEB__TOKEN": TOKEN,
    }
    with running(place, env={**os.environ, **secrets}) as service:
        address = service.wait_for("web_started")["address"]
        slack.configure(request_url=f"{address}/slack")
        (root, *_) = slack.wait_until(lambda local: local.posted(), within_s=60)
        assert slack.press(root.channel, root.ts, "acknowledge").acked
        assert verbs(place, secrets) == ["acknowledge"]
        slack.wait_until(
            lambda local: "Take it back" in str(local.message(root.channel, root.ts).blocks)
        )
        assert slack.command("/spendwatch", "help").acked
        slack.wait_until(lambda local: local.ephemerals(slack.ana))
        assert service.ask_to_end() == 0
        service.seen += [json.loads(line) for line in service.process.stderr]
    assert slack.rejections() == []
    assert "slack_not_heard" not in [each["event"] for each in service.seen]
    for secret in secrets.values():
        assert secret not in str(service.seen)


def verbs(place, secrets):
    """What was answered to the first alert, as the database has it."""
    app = place.app(secrets)
    with reading(app.engine) as session:
        found = [reply.verb.value for reply in store.replies_of(session, 1)]
    app.engine.dispose()
    return found
