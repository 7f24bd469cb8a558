"""The local Slack's Socket Mode behaves as Slack's, as the real client sees it."""

from __future__ import annotations

import time
import urllib.request

import pytest

from tests.slack.app import running
from tests.slack.bodies import CHANNEL, card, changed, home, modal, plain
from tests.slack.test_judging import refusal


@pytest.fixture
def app(slack):
    with running(slack) as app:
        yield app


@pytest.fixture
def ts(slack, web):
    return web.chat_postMessage(channel=CHANNEL, text="x", blocks=card())["ts"]


@pytest.fixture
def opened(slack, web, app, ts):
    """A modal that Ana has before her."""
    trigger = slack.press(CHANNEL, ts, "ack").trigger_id
    web.views_open(trigger_id=trigger, view=modal())
    return slack.views("U0ANA")[0]


def respond_to(url, body):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - it is our own server
        return answer.read()


def test_a_pressed_button_reaches_the_app_and_is_acknowledged(slack, app, ts):
    envelope = slack.press(CHANNEL, ts, "ack", user="U0BEN")
    assert (envelope.acked, envelope.failed) == (True, None)
    assert envelope.acks[0]["after_s"] < 1
    payload = app.heard[0].payload
    assert (payload["type"], payload["user"]["id"]) == ("block_actions", "U0BEN")
    assert payload["container"]["message_ts"] == payload["message"]["ts"] == ts
    action = payload["actions"][0]
    assert (action["action_id"], action["value"], action["block_id"]) == (
        "ack",
        "alert-1",
        "buttons",
    )


def test_an_option_is_chosen(slack, app, ts):
    slack.press(CHANNEL, ts, "snooze", choice="1d")
    slack.press(CHANNEL, ts, "more", choice="undo")
    chosen = [each.payload["actions"][0] for each in app.heard]
    assert [each["selected_option"]["value"] for each in chosen] == ["1d", "undo"]
    with pytest.raises(AssertionError, match="no option 2d"):
        slack.press(CHANNEL, ts, "snooze", choice="2d")


def test_a_payload_can_be_tampered_with(slack, app, ts):
    forged = {"team": {"id": "T0EVIL"}, "actions": [{"value": "alert-2"}]}
    slack.press(CHANNEL, ts, "ack", overrides=forged, without=["user"])
    payload = app.heard[0].payload
    assert (payload["team"]["id"], payload["team"]["domain"]) == ("T0EVIL", "local")
    assert payload["actions"][0]["value"] == "alert-2"
    assert payload["actions"][0]["action_id"] == "ack"
    assert "user" not in payload


def test_a_button_that_was_edited_away_is_pressed_only_on_a_stale_screen(slack, web, app, ts):
    web.chat_update(channel=CHANNEL, ts=ts, text="done", blocks=[])
    with pytest.raises(AssertionError, match="there is no ack"):
        slack.press(CHANNEL, ts, "ack")
    assert slack.press(CHANNEL, ts, "ack", stale=True).acked


def test_a_person_sees_an_answer_that_is_late_or_missing_as_a_failure(slack, app, ts):
    slack.configure(ack_within_s=0.3)
    app.delay_s = None
    assert slack.press(CHANNEL, ts, "ack").failed == "not acknowledged"
    app.delay_s = 0.5
    assert slack.press(CHANNEL, ts, "ack").failed == "not acknowledged"
    late = slack.wait_until(lambda local: [each for each in local.failures() if each.acks])
    assert late[0].acks[0]["after_s"] > 0.3
    assert not late[0].acked


def test_a_click_without_any_connection_fails_at_once(slack, ts):
    assert slack.press(CHANNEL, ts, "ack").failed == "no connection"
    assert slack.report()["failed_envelopes"] == 1


def test_the_same_envelope_can_come_twice(slack, app, ts):
    envelope = slack.press(CHANNEL, ts, "ack", times=2)
    slack.wait_until(lambda local: len(local.envelopes()[0].acks) == 2)
    assert [each.envelope_id for each in app.heard] == [envelope.id] * 2


def test_what_is_not_acknowledged_can_come_again(slack, app, ts):
    slack.configure(ack_within_s=0.2)
    app.delay_s = None
    assert slack.press(CHANNEL, ts, "ack", redeliver=2).failed == "not acknowledged"
    assert len(app.heard) == 3


def test_a_click_need_not_be_waited_for(slack, app, ts):
    app.delay_s = 0.2
    envelope = slack.press(CHANNEL, ts, "ack", wait=False)
    assert envelope.acks == []
    slack.wait_until(lambda local: local.envelopes()[0].acked)


def test_a_trigger_opens_one_modal_within_three_seconds(slack, web, app, ts):
    slack.configure(trigger_s=0.6)
    trigger = slack.press(CHANNEL, ts, "ack").trigger_id
    web.views_open(trigger_id=trigger, view=modal())
    said = refusal(web.views_open, trigger_id=trigger, view=modal())
    assert said["error"] == "exchanged_trigger_id"
    trigger = slack.press(CHANNEL, ts, "ack").trigger_id
    time.sleep(0.65)
    said = refusal(web.views_open, trigger_id=trigger, view=modal())
    assert said["error"] == "expired_trigger_id"


def test_a_modal_is_sent_with_what_was_filled_in(slack, app, opened):
    assert slack.submit(opened.id, {"note": "launch", "choice": "planned"}).acked
    view = app.heard[-1].payload["view"]
    assert (view["callback_id"], view["private_metadata"]) == ("expected", "alert-1")
    assert view["state"]["values"]["note"]["text"]["value"] == "launch"
    assert view["state"]["values"]["reason"]["choice"]["selected_option"]["value"] == "planned"
    assert slack.views() == []


def test_a_modal_that_is_refused_stays_with_its_errors(slack, app, opened):
    app.answer = lambda _request: {"response_action": "errors", "errors": {"note": "too long"}}
    assert slack.submit(opened.id, {"note": "x" * 3001}).acked
    assert slack.views()[0].errors == {"note": "too long"}


def test_a_modal_is_replaced_covered_or_cleared_by_the_answer(slack, app, opened):
    app.answer = lambda _request: {"response_action": "update", "view": modal(title=plain("2nd"))}
    slack.submit(opened.id, {})
    assert slack.views()[0].body["title"]["text"] == "2nd"
    app.answer = lambda _request: {"response_action": "push", "view": modal()}
    slack.submit(opened.id, {})
    assert slack.views()[1].previous_id == opened.id
    app.answer = lambda _request: {"response_action": "clear"}
    slack.submit(slack.views()[1].id, {})
    assert slack.views() == []


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "update", "view": changed(modal(), "title", None)},
        {"response_action": "dance"},
    ],
)
def test_an_answer_without_sense_is_a_failure_that_the_person_sees(slack, app, opened, answer):
    app.answer = lambda _request: answer
    assert slack.submit(opened.id, {}).failed.startswith("invalid_arguments")
    assert slack.rejections()[-1].method == "view_submission"


def test_a_modal_is_updated_pushed_and_closed(slack, web, app, opened):
    said = refusal(web.views_update, view_id=opened.id, hash="old", view=modal())
    assert said["error"] == "hash_conflict"
    updated = web.views_update(
        view_id=opened.id, hash=opened.hash, view=modal(notify_on_close=True)
    )
    assert updated["view"]["hash"] != opened.hash
    for _ in range(2):
        trigger = slack.press(CHANNEL, _ts(slack), "ack").trigger_id
        web.views_push(trigger_id=trigger, view=modal())
    trigger = slack.press(CHANNEL, _ts(slack), "ack").trigger_id
    said = refusal(web.views_push, trigger_id=trigger, view=modal())
    assert said["error"] == "push_limit_reached"
    assert slack.close(opened.id).acked
    assert app.heard[-1].payload["type"] == "view_closed"
    gone = refusal(web.views_update, view_id=opened.id, view=modal())
    assert gone["error"] == "not_found"


def _ts(slack):
    return slack.posted()[0].ts


def test_home_is_opened_published_and_used(slack, web, app):
    slack.open_home("U0BEN")
    event = app.heard[0].payload["event"]
    assert (event["type"], event["user"], event["tab"]) == ("app_home_opened", "U0BEN", "home")
    web.views_publish(user_id="U0BEN", view=home())
    view = slack.home("U0BEN")
    assert slack.press_in_view(view.id, "ack", user="U0BEN").acked
    assert app.heard[1].payload["container"] == {"type": "view", "view_id": view.id}


def test_a_slash_command_is_answered_to_who_typed_it(slack, app):
    app.answer = lambda _request: {"text": "all is well"}
    slack.command("/spend", "acme", user="U0BEN")
    assert app.heard[0].payload["text"] == "acme"
    assert [(each.user, each.text) for each in slack.ephemerals()] == [("U0BEN", "all is well")]
    app.answer = lambda _request: {"blocks": [{"type": "headline"}]}
    assert slack.command("/spend").failed.startswith("invalid_blocks")


def test_a_response_url_works_five_times(slack, app, ts):
    url = slack.press(CHANNEL, ts, "ack").response_url
    assert respond_to(url, b'{"replace_original": true, "text": "done"}') == b"ok"
    assert slack.message(CHANNEL, ts).text == "done"
    for _ in range(4):
        respond_to(url, b'{"text": "only you"}')
    assert len(slack.ephemerals("U0ANA")) == 4
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        respond_to(url, b'{"text": "once more"}')
    assert b"used_url" in caught.value.read()


@pytest.mark.parametrize("close_after_s", [None, 1.0])
def test_the_real_client_comes_back_after_a_refresh(slack, app, ts, close_after_s):
    slack.disconnect("refresh_requested", close_after_s)
    slack.wait_until(
        lambda local: any(not each["leaving"] for each in local.connections()), within_s=3
    )
    assert slack.press(CHANNEL, ts, "ack").acked
    told, back = (_when(slack, "refresh_requested", 1), _when(slack, "opened", 2))
    assert back - told < 1  # deaf for less than a second


def _when(slack, event, number):
    log = slack.connection_log()
    return next(
        each["monotonic_s"] for each in log if each["number"] == number and each["event"] == event
    )


@pytest.mark.parametrize("reason", ["warning", "link_disabled", "too_many_websockets"])
def test_other_reasons_to_go_are_told(slack, app, reason):
    assert slack.disconnect(reason) == 1
    slack.wait_until(lambda local: local.report()["connections_opened"] == 2)


def test_the_real_client_comes_back_after_a_cut(slack, app, ts):
    assert slack.cut() == 1
    slack.wait_until(lambda local: local.report()["connections_opened"] == 2)
    assert slack.press(CHANNEL, ts, "ack").acked


def test_a_silent_connection_swallows_clicks_until_the_client_notices(slack, ts):
    slack.configure(ack_within_s=0.3)
    with running(slack, ping_interval_s=0.5) as app:
        slack.fall_silent()
        assert slack.press(CHANNEL, ts, "ack").failed == "not acknowledged"
        assert app.heard == []
        slack.wait_until(lambda local: any(not each["silent"] for each in local.connections()), 15)


def test_an_envelope_goes_to_any_of_several_connections(slack, ts):
    with running(slack), running(slack):
        slack.wait_until(lambda local: len(local.connections()) == 2)
        envelopes = [slack.press(CHANNEL, ts, "ack") for _ in range(20)]
    assert {number for each in envelopes for number in each.connections} == {1, 2}


def test_there_are_no_more_connections_than_are_allowed(slack):
    slack.configure(max_connections=1)
    with running(slack), running(slack):
        time.sleep(0.2)
        assert [each["number"] for each in slack.connections()] == [1]


def test_a_ticket_opens_one_socket(slack, web):
    url = web.apps_connections_open(app_token=slack.app_token)["url"].replace("ws:", "http:")
    with pytest.raises(urllib.error.HTTPError, match="408") as caught:
        urllib.request.urlopen(url.replace("ticket=", "ticket=x"))  # noqa: S310 - our own server
    caught.value.close()
