"""A program is posted each message, signed, at least once and under one id."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import jsonschema
import pytest
from sqlmodel import select

from alerts import outbox
from alerts.channels.base import ChannelError
from alerts.channels.opaque import opaque
from alerts.channels.outbound_http import OutboundHttp, trusting
from alerts.channels.public_addresses import Private
from alerts.channels.webhook import WebhookChannel, sign
from alerts.delivery import Whom, deliver
from alerts.model import Reason
from alerts.notice import Receipt
from alerts.render.webhook import OTHER, TYPES, render_webhook
from alerts.tables import NotificationRow
from spendwatch.app import system_clock
from spendwatch.db import writing
from tests.builders import NOW, a_message, a_notification
from tests.fakes import FakeClock, RecordingChannel
from tests.outbound.receiving import receiving

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/webhooks.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs/webhooks.schema.json").read_text(encoding="utf-8"))
KEY, NEXT = b"k" * 32, b"n" * 32
HERE = Private.of(["127.0.0.0/8"])


@pytest.fixture
def program():
    with receiving() as server:
        yield server


def channel_to(program, keys=(KEY,), clock=None, timeout_s=5.0, private=HERE):
    http = OutboundHttp(trusting(), private, timeout_s)
    url = f"http://127.0.0.1:{program.port}/in?token=hunter2"
    return WebhookChannel(http, url, keys, clock or FakeClock())


def refused(program, *answers, **options):
    program.answers[:] = answers
    with pytest.raises(ChannelError) as caught:
        channel_to(program, **options).send(a_notification())
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_a_message_is_posted_as_the_schema_says(program):
    receipt = channel_to(program).send(a_notification())
    (request,) = program.heard
    body = json.loads(request.body)
    jsonschema.validate(body, SCHEMA)
    key = "spend spike:acme::2026-11-12:1:ops"
    assert body["id"] == request.headers["webhook-id"] == f"msg_{opaque(key)}"
    assert receipt == Receipt("ops", body["id"], NOW)
    assert (request.method, request.path) == ("POST", "/in?token=hunter2")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_type_that_the_schema_knows(reason):
    body = render_webhook(replace(a_notification(), reason=reason), f"msg_{opaque('x')}")
    jsonschema.validate(body, SCHEMA)
    assert body["reason"] == reason.value
    known = {*TYPES.values(), OTHER}
    assert set(SCHEMA["properties"]["type"]["enum"]) == known


def test_the_example_in_the_page_is_what_is_posted():
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    told = a_notification(receiver="billing")
    assert json.loads(shown) == render_webhook(told, f"msg_{opaque(told.key)}")


def test_the_body_holds_the_message_and_nothing_beside_it(program):
    """A message names only tenants that its receiver may see; what is posted adds none."""
    told = a_notification("spend spike:umbrella::2026-11-12:1:ops", title="Acme: $5", owner="Ada")
    channel_to(program).send(told, Receipt("ops", "umbrella's root", NOW))
    (request,) = program.heard
    sent = (request.body + repr(request.headers).encode()).decode()
    assert "umbrella" not in sent.casefold()
    ours = {"msg_" + opaque(told.key), "alert.opened", "new", "2026-11-13T06:10:00Z", "ops"}
    message = told.message
    allowed = ours | {
        message.title, message.reference, message.owner, message.tone,
        *message.listed, *(part for line in message.lines for part in (line.label, line.text)),
        *(part for each in message.actions for part in (each.label, each.command)),
        *([message.state.value] if message.state else []),
    }  # fmt: skip
    assert set(texts_in(json.loads(request.body))) <= allowed


def texts_in(value):
    """Every text in a JSON value that is no key."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def test_the_signature_is_that_of_standard_webhooks():
    """The example that its own libraries are tested with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def seconds_ago(many):
    return str(int(system_clock().timestamp()) - many)


def receivers_check():
    """The lines of the page, as somebody would paste them."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    names = {}
    exec(code, names)  # noqa: S102 - that it works is what the page says
    return names["is_signed"]


def test_the_lines_of_the_page_tell_what_is_ours_and_fresh_from_all_else(program):
    channel_to(program, keys=(KEY, NEXT), clock=system_clock).send(a_notification())
    (request,) = program.heard
    is_signed = receivers_check()
    for key in (KEY, NEXT):
        secret = "whsec_" + base64.b64encode(key).decode()
        assert is_signed(secret, request.headers, request.body)
    assert not is_signed(base64.b64encode(b"x" * 32).decode(), request.headers, request.body)
    assert not is_signed(secret, request.headers, request.body + b" ")
    earlier = str(int(request.headers["webhook-timestamp"]) - 9)
    for name, value in (("webhook-id", "msg_x"), ("webhook-timestamp", earlier)):
        assert not is_signed(secret, {**request.headers, name: value}, request.body)
    old = seconds_ago(301)
    signature = sign([KEY], request.headers["webhook-id"], int(old), request.body)
    stale = {"webhook-timestamp": old, "webhook-signature": signature}
    secret = base64.b64encode(KEY).decode()
    assert not is_signed(secret, {**request.headers, **stale}, request.body)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_whatever_begins_with_2_is_a_receipt(program, status):
    program.answers[:] = [(status, {})]
    assert channel_to(program).send(a_notification()).receiver == "ops"


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 413, 422])
def test_what_would_be_refused_again_is_given_up_and_can_be_mended(program, status):
    error = refused(program, (status, {"Location": "http://127.0.0.1:1/"}))
    assert (error.permanent, error.curable, error.unsure) == (True, True, False)
    assert f"HTTP {status}" in str(error)
    assert len(program.heard) == 1


def test_what_is_gone_is_given_up_for_good(program):
    error = refused(program, (410, {}))
    assert (error.permanent, error.curable) == (True, False)


@pytest.mark.parametrize(
    "answer", [(500, {}), (502, {}), (503, {}), (408, {}), (425, {}), (100, {}), "drop"]
)
def test_what_may_have_arrived_is_posted_again(program, answer):
    error = refused(program, answer)
    assert (error.permanent, error.unsure, error.retry_after_s) == (False, True, None)


def test_a_program_that_hangs_is_left_in_time(program):
    error = refused(program, "hang", timeout_s=0.2)
    assert (error.permanent, error.unsure) == (False, True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "waits_s"),
    [("7", 7), ("0", 0), ("99999", 900), ("-1", 30), ("soon", 30), ("nan", 30),
     (format_datetime(NOW + timedelta(seconds=40), usegmt=True), 40),
     (format_datetime(NOW - timedelta(seconds=40), usegmt=True), 30)],
)  # fmt: skip
def test_a_program_that_asks_to_wait_is_left_alone_so_long(program, status, asked, waits_s):
    error = refused(program, (status, {"Retry-After": asked}))
    assert (error.permanent, error.unsure, error.retry_after_s) == (False, False, waits_s)


def test_too_many_without_a_time_is_half_a_minute(program):
    assert refused(program, (429, {})).retry_after_s == 30


def test_fault_96_an_address_that_must_not_be_called_is_given_up_and_can_be_mended(program):
    error = refused(program, (200, {}), private=Private())
    assert (error.permanent, error.curable, error.unsure) == (True, True, False)
    assert program.heard == []


def test_what_is_changed_is_posted_anew(program):
    channel = channel_to(program)
    channel.update(Receipt("ops", "msg_1", NOW), a_notification(title="now so"))
    assert json.loads(program.heard[0].body)["message"]["title"] == "now so"


# With the outbox.


def delivered(database, program, clock, notifications, **channels):
    with writing(database) as session:
        for each in notifications:
            outbox.add_once(session, each)
    known = {"ops": channel_to(program, clock=clock), **channels}
    return deliver(lambda: writing(database), known, clock, whom=Whom("desk"))


def row_of(database, key):
    with writing(database) as session:
        row = session.exec(select(NotificationRow).where(NotificationRow.key == key)).one()
        return row.state, row.attempts, row.error


def alone(key="one", **changes):
    return replace(a_notification(key, **changes), alert_number=None)


def test_a_message_that_may_have_arrived_comes_again_under_its_id_and_is_receipted(
    database, program
):
    clock, desk = FakeClock(), RecordingChannel()
    program.answers[:] = ["drop", (500, {}), (200, {})]
    for _ in range(3):
        delivered(database, program, clock, [alone()], desk=desk)
        clock.move(timedelta(minutes=1))
    assert len({each.headers["webhook-id"] for each in program.heard}) == 1
    assert len(program.heard) == 3
    assert len({each.headers["webhook-timestamp"] for each in program.heard}) == 3
    assert row_of(database, "one")[:2] == ("sent", 3)
    assert desk.sent == []


def test_a_program_that_refuses_a_message_leaves_a_dead_letter_that_somebody_hears_of(
    database, program
):
    desk = RecordingChannel()
    program.answers[:] = [(404, {})]
    clock = FakeClock()
    delivered(database, program, clock, [alone()], desk=desk)
    delivered(database, program, clock, [], desk=desk)
    assert row_of(database, "one") == ("dead", 1, "the webhook answered HTTP 404")
    (told,) = desk.sent
    assert (
        told.message.lines[-1].text == "to ops, who was not reached: the webhook answered HTTP 404"
    )
    assert len(program.heard) == 1


def test_while_a_program_asks_to_wait_nothing_is_posted_to_it(database, program):
    clock = FakeClock()
    program.answers[:] = [(429, {"Retry-After": "60"}), (200, {})]
    delivered(database, program, clock, [alone("one"), alone("two")])
    assert len(program.heard) == 1
    clock.move(timedelta(seconds=59))
    delivered(database, program, clock, [])
    assert len(program.heard) == 1
    clock.move(timedelta(seconds=2))
    delivered(database, program, clock, [])
    assert len(program.heard) == 3


def test_fault_92_a_hostile_name_stays_inside_its_text(program):
    hostile = 'x","tone":"calm"}\r\nwebhook-id: msg_other\r\n\r\n\u202e\U0001f600'
    channel_to(program).send(a_notification(title=hostile))
    (request,) = program.heard
    assert json.loads(request.body)["message"]["title"] == hostile
    assert request.body.isascii()
    assert a_message().tone == json.loads(request.body)["tone"]
