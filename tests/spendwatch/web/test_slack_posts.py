"""Slack over HTTP: signed posts of the local Slack, the real server, the same desk."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from urllib.parse import urlencode

import pytest

from alerts.model import AlertState, Verb
from spendwatch.db import writing
from spendwatch.slack import taking
from spendwatch.slack.desk import Reaction
from spendwatch.slack.serving import build_hands
from spendwatch.slack.signatures import MOST_BYTES
from tests.builders import NOW
from tests.slack.identity import SIGNING_SECRET
from tests.slack.posting import FORM, body_of, signed
from tests.spendwatch.slack_office import Office
from tests.spendwatch.web.served import LISTEN, serving

NOW_S = int(NOW.timestamp())
BEFORE = "an-older-signing-secret"
ENVIRON = {"SPENDWATCH_SLACK__SIGNING_SECRET": f"{SIGNING_SECRET}\n{BEFORE}"}
NOTHING = {"type": "block_actions", "canary": "canary-in-body"}


@contextmanager
def office_over_http(folder, slack, hands=None):
    """Have an office to which Slack posts what people do."""
    office = Office(folder, slack, extra=LISTEN, environ=ENVIRON)
    hands = hands or build_hands(office.desk, office.desk.log)
    with serving(office.desk.app, hands=hands) as served:
        office.served = served
        slack.configure(request_url=f"{served.server.address}/slack", signed_at=NOW_S)
        office.tell()
        yield office
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


@pytest.fixture
def office(tmp_path, slack):
    with office_over_http(tmp_path, slack) as office:
        yield office


def post(office, body, headers=None, *, path="/slack/actions", kind=FORM):
    headers = signed(body, NOW_S) if headers is None else headers
    return office.served.ask("POST", path, body, {"Content-Type": kind} | headers)


def a_press(office, action="acknowledge"):
    """What Slack posts when Ana presses a button, without its being posted."""
    office.slack.configure(request_url="http://127.0.0.1:9")
    (made,) = office.press(action).posts
    return made["body"].encode()


def nothing_happened(office):
    return office.replies() == () and office.alert().state is AlertState.OPEN


def test_a_press_is_committed_before_slack_is_told_and_shown_then(office):
    envelope = office.press("acknowledge")
    assert envelope.acked
    assert envelope.response is None
    assert [(reply.verb, reply.actor) for reply in office.replies()] == [
        (Verb.ACKNOWLEDGE, "ana (U0ANA)")
    ]
    office.slack.wait_until(lambda _local: "undo" in office.buttons())


def test_a_form_is_opened_filled_in_and_closed(office):
    office.press("dismiss")
    (view,) = office.slack.wait_until(lambda local: local.views())
    wrong = office.slack.submit(view.id, {"verdict": None})
    assert wrong.response["response_action"] == "errors"
    assert office.slack.submit(view.id, {"verdict": "real", "note": "a loop"}).acked
    assert office.slack.views() == []
    assert office.alert().state is AlertState.DISMISSED


def test_the_home_page_is_shown_to_whoever_opens_it(office):
    assert office.slack.open_home().acked
    office.slack.wait_until(lambda local: local.home())


def test_what_is_typed_is_answered_afterwards(office):
    assert office.slack.command("/spendwatch", "help").acked
    office.slack.wait_until(lambda local: local.ephemerals("U0ANA"))


def test_slacks_question_whether_anybody_is_here_is_answered_only_where_it_is_signed(office):
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"}).encode()
    answer = post(office, body, path="/slack/events", kind="application/json")
    assert (answer.status, answer.json) == (200, {"challenge": "3eZbrw1a"})
    assert post(office, body, {}, path="/slack/events", kind="application/json").status == 401


def test_an_event_that_is_told_again_is_taken_once(office):
    office.slack.configure(ack_within_s=3)
    (made,) = office.slack.open_home().posts
    office.slack.wait_until(lambda local: local.home())
    before = len(office.slack.requests("views.publish"))
    for retry in (1, 2):
        body = made["body"].encode()
        again = signed(body, NOW_S + retry) | {"X-Slack-Retry-Num": str(retry)}
        answer = post(office, body, again, path="/slack/events", kind="application/json")
        assert answer.status == 200
    office.press("acknowledge")
    office.slack.wait_until(lambda _local: "undo" in office.buttons())
    assert len(office.slack.requests("views.publish")) == before


def test_while_the_secret_is_replaced_both_are_good(office):
    body = a_press(office)
    for secret, status in ((BEFORE, 200), (SIGNING_SECRET, 200), ("a-third", 401)):
        assert post(office, body, signed(body, NOW_S, secret)).status == status
    assert len(office.replies()) == 1


FORGERIES = {
    "nothing": lambda body: {},
    "no time": lambda body: signed(body, NOW_S) | {"X-Slack-Request-Timestamp": ""},
    "another body": lambda body: signed(body + b" ", NOW_S),
    "another secret": lambda body: signed(body, NOW_S, "not-ours"),
    "no secret": lambda body: signed(body, NOW_S, ""),
    "an older version": lambda body: _changed(body, "v0=", "v1="),
    "no version": lambda body: _changed(body, "v0=", ""),
    "no ASCII": lambda body: signed(body, NOW_S) | {"X-Slack-Signature": "v0=\xe4\xf6"},
    "a bit": lambda body: (
        signed(body, NOW_S)
        | {"X-Slack-Signature": signed(body, NOW_S)["X-Slack-Signature"][:-1] + "g"}
    ),
    "301 s old": lambda body: signed(body, NOW_S - 301),
    "10 min ahead": lambda body: signed(body, NOW_S + 600),
    "no number": lambda body: signed(body, NOW_S) | {"X-Slack-Request-Timestamp": "soon"},
}


def _changed(body, old, new):
    headers = signed(body, NOW_S)
    return headers | {"X-Slack-Signature": headers["X-Slack-Signature"].replace(old, new)}


@pytest.mark.parametrize("path", ["/slack/actions", "/slack/commands", "/slack/events"])
def test_fault_86_what_is_not_signed_by_slack_does_nothing_and_is_not_logged(office, path):
    body = a_press(office) + b"&canary=canary-in-body"
    for name, made in FORGERIES.items():
        answer = post(office, body, made(body), path=path)
        assert answer.status == 401, name
        assert set(answer.json) == {"error"}
    assert nothing_happened(office)
    refused = office.served.logged("slack_post_refused")
    assert [each["client"] for each in refused] == ["127.0.0.1"] * len(FORGERIES)
    assert "canary" not in str(office.served.log.entries + office.log.entries)
    assert SIGNING_SECRET not in str(office.served.log.entries)


def test_fault_87_a_post_that_comes_again_is_answered_and_has_no_second_effect(office):
    body = a_press(office)
    first = post(office, body)
    office.slack.wait_until(lambda _local: "undo" in office.buttons())
    assert office.slack.press(office.slack.channel, office.root.ts, "undo").failed
    edits = len(office.slack.requests("chat.update"))
    with ThreadPoolExecutor(4) as many:
        again = list(many.map(lambda _: post(office, body).status, range(8)))
    assert (first.status, set(again)) == (200, {200})
    assert len(office.replies()) == 1
    assert len(office.slack.requests("chat.update")) == edits


def test_fault_87_what_is_older_or_from_the_future_is_refused(office):
    body = a_press(office)
    for off_s in (-3_600, -301, 301, 600):
        assert post(office, body, signed(body, NOW_S + off_s)).status == 401
    assert nothing_happened(office)


UNREADABLE = [
    (lambda body: body + b"&" + body, 400),
    (lambda body: body + b"&payload=", 400),
    (lambda _body: b"payload=", 400),
    (lambda _body: b"payload=nothing", 400),
    (lambda _body: b"payload=[1,2]", 400),
    (lambda _body: b"payload=" + b"[" * 100_000, 400),
    (lambda _body: b"payload=" + b'{"a":' * 40_000, 400),
    (lambda _body: b"payload=%ff%fe", 400),
    (lambda _body: b"\xff\xfe", 401),
    (lambda _body: b"", 400),
    (lambda _body: b"other=1", 400),
    (lambda _body: b"&".join(b"f%d=1" % each for each in range(200)), 400),
    (lambda _body: b"payload=" + b"9" * 5_000, 400),
    (lambda body: body.replace(b"block_actions", b"block_action_"), 200),
    (lambda _body: b"payload={}", 200),
]


def test_fault_88_what_is_signed_and_cannot_be_read_does_nothing(office):
    whole = a_press(office)
    for made, status in UNREADABLE:
        body = made(whole)
        assert post(office, body).status == status, body[:80]
    assert nothing_happened(office)
    assert not office.served.logged("web_failed")


def test_fault_88_ten_megabytes_are_refused_before_they_are_hashed(office):
    body = b"payload=" + b"x" * 10_000_000
    assert post(office, body).status == 413
    assert post(office, b"x" * (MOST_BYTES + 1)).status == 413
    assert post(office, b"x" * MOST_BYTES).status == 400, "hashed, and read in vain"
    compressed = signed(b"x", NOW_S) | {"Content-Encoding": "gzip"}
    assert post(office, b"x", compressed).status == 415
    assert not office.served.logged("slack_post_refused")


def test_another_form_than_slacks_is_refused(office):
    body = a_press(office)
    assert post(office, body, kind="application/json").status == 415
    assert post(office, b"{}", path="/slack/events").status == 415
    assert office.served.get("/slack/actions").status == 405


def test_an_answer_that_cannot_be_saved_is_told_so_in_time(office):
    with writing(office.app.engine):
        envelope = office.press("acknowledge")
    assert envelope.acked, "within the three seconds that Slack waits"
    office.slack.wait_until(lambda _local: office.said_to("U0ANA"))
    assert office.said_to("U0ANA") == ["not saved, try again"]
    assert office.press("acknowledge").acked


def test_a_desk_that_hangs_keeps_no_probe_waiting_and_others_are_told(tmp_path, slack, monkeypatch):
    monkeypatch.setattr(taking, "MOST_WAITING", 10)
    go_on = Event()

    def receive(_kind, _payload):
        go_on.wait(30)
        return Reaction()

    office = Office(tmp_path, slack, extra=LISTEN, environ=ENVIRON)
    hands = taking.Hands(receive, office.desk.log)
    with serving(office.app, hands=hands) as served, ThreadPoolExecutor(10) as many:
        office.served = served
        bodies = [urlencode({"payload": json.dumps({"n": each})}).encode() for each in range(11)]
        waiting = [many.submit(post, office, body) for body in bodies[:10]]
        slack.wait_until(lambda _local: hands.full)
        assert served.get("/healthz").status == 200
        assert post(office, bodies[10]).status == 503
        go_on.set()
        assert {each.result().status for each in waiting} == {200}


def test_what_comes_after_is_done_also_where_nobody_waits_for_the_answer(tmp_path, slack):
    done, go_on = Event(), Event()

    def receive(_kind, _payload):
        go_on.wait(30)
        return Reaction(work=(done.set,))

    office = Office(tmp_path, slack, extra=LISTEN, environ=ENVIRON)
    with serving(office.app, hands=taking.Hands(receive, office.desk.log)) as served:
        body = body_of("interactive", NOTHING)[1]
        lines = [f"{name}: {value}" for name, value in signed(body, NOW_S).items()]
        head = ["POST /slack/actions HTTP/1.1", "Host: localhost", f"Content-Type: {FORM}"]
        head += [*lines, f"Content-Length: {len(body)}", "", ""]
        with served.connected() as connection:
            connection.sendall("\r\n".join(head).encode() + body)
        go_on.set()
        assert done.wait(10)


def test_posts_without_a_secret_are_not_served(tmp_path, slack):
    office = Office(tmp_path, slack, extra=LISTEN)
    assert build_hands(office.desk, office.desk.log) is None
    with serving(office.app) as served:
        assert served.ask("POST", "/slack/actions", b"payload={}").status == 404
