"""The connection to Slack goes, in every way it can: it comes back, and no press is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from alerts.model import AlertState, Verb
from spendwatch.slack.connection import Waits
from tests.spendwatch.slack_office import Office, listening

REDELIVERED = 20
GONE = [
    ("refresh_requested", None),
    ("refresh_requested", 1.0),
    ("warning", None),
    ("link_disabled", None),
    ("link_disabled", 0.0),
    ("too_many_websockets", None),
]


SOON = Waits(ping_every_s=0.4, later_s=(0.05, 0.2), again_after_s=(0.05, 0.2))
"""What takes seconds takes tenths of them."""


@pytest.fixture
def told(request, tmp_path, slack):
    with listening(tmp_path, slack, waits=getattr(request, "param", SOON)) as office:
        office.tell()
        yield office


def opened_after(slack, number):
    """Wait until a newer connection stands than the one of this number."""
    slack.wait_until(
        lambda local: any(
            each["number"] > number and not each["leaving"] and not each["silent"]
            for each in local.connections()
        ),
        within_s=30,
    )


def press(office, action, **more):
    """Press what Slack sends again until somebody has taken it."""
    office.slack.configure(ack_within_s=0.5)
    return office.press(action, redeliver=REDELIVERED, **more)


def answers_work(office):
    """A press, and that to take it back, are each taken, stored once, and shown."""
    assert press(office, "acknowledge").acked
    office.slack.wait_until(lambda _local: "undo" in office.buttons())
    assert press(office, "undo").acked
    assert [reply.verb for reply in office.replies()] == [Verb.ACKNOWLEDGE, Verb.UNDO]
    assert office.slack.report()["strange_frames"] == []


@pytest.mark.parametrize(("reason", "close_after_s"), GONE)
def test_fault_71_a_connection_that_is_told_to_go_is_renewed(told, reason, close_after_s):
    assert told.slack.disconnect(reason, close_after_s) == 1
    answers_work(told)
    opened_after(told.slack, 1)


def test_fault_71_no_press_is_lost_while_the_connection_is_renewed(told):
    envelopes = []
    for round_ in range(30):
        if round_ % 10 == 5:
            opened_after(told.slack, 0)
            told.slack.disconnect()
        envelopes.append(told.press("acknowledge", wait=False, **unknown_button()).id)
    acked = told.slack.wait_until(
        lambda local: [each.id for each in local.envelopes() if each.acks][29:] and local
    )
    assert {each.id for each in acked.envelopes() if each.acks} >= set(envelopes)
    assert all(len(each.connections) == 1 for each in acked.envelopes())


def unknown_button():
    """Turn a press into one of a button that nobody knows, which is taken and does nothing."""
    return {"overrides": {"actions": [{"action_id": "none"}]}}


@pytest.mark.parametrize("told", [replace(SOON, read_for_s=0.1)], indirect=True)
def test_fault_71_what_slack_sends_until_it_knows_that_a_socket_is_left_is_heard(told):
    """Slack only warns, and goes on to use both sockets; the old one is left while presses come."""
    pressed = 0
    for number in range(1, 6):
        told.slack.disconnect("warning")
        while not any(_is(each, "closed", number) for each in _log(told.slack)):
            told.press("acknowledge", wait=False, **unknown_button())
            pressed += 1
    told.slack.wait_until(
        lambda local: sum(bool(each.acks) for each in local.envelopes()) == pressed
    )
    assert all(len(each.connections) == 1 for each in told.slack.envelopes())


def test_fault_71_the_new_socket_is_open_before_the_old_one_is_closed(told):
    told.slack.disconnect()
    told.slack.wait_until(lambda local: any(_is(each, "closed", 1) for each in _log(local)))
    events = [(each["event"], each["number"]) for each in _log(told.slack)]
    assert events == [("opened", 1), ("refresh_requested", 1), ("opened", 2), ("closed", 1)]


def _log(slack):
    return slack.connection_log()


def _is(entry, event, number):
    return (entry["event"], entry["number"]) == (event, number)


def test_fault_71_what_slack_sent_to_the_old_socket_is_heard(told):
    """Slack may not know yet that there is a new one: it sends to the one it told to go."""
    told.slack.disconnect()
    assert press(told, "acknowledge").acked
    opened_after(told.slack, 1)
    assert told.alert().state is AlertState.ACKNOWLEDGED
    (envelope,) = told.slack.envelopes()
    assert len(envelope.connections) == 1  # it was never sent again


@pytest.mark.parametrize("times", [1, 3])
def test_fault_71_a_connection_that_is_cut_is_renewed(told, times):
    for number in range(1, times + 1):
        assert told.slack.cut() == 1
        opened_after(told.slack, number)
    answers_work(told)


def test_fault_71_a_connection_that_looks_open_and_is_dead_is_renewed(told):
    told.slack.fall_silent()
    assert press(told, "acknowledge").acked
    opened_after(told.slack, 1)
    assert len(told.replies()) == 1


def test_fault_71_a_server_that_says_nothing_for_a_while_is_heard_again(told):
    told.slack.fall_silent(new_ones_too=True)
    told.slack.wait_until(lambda local: local.report()["connections_opened"] >= 3, within_s=30)
    told.slack.speak_again()
    answers_work(told)


def test_fault_71_a_server_that_is_gone_for_a_while_is_found_again(told):
    told.slack.refuse_connections()
    told.slack.cut()
    told.slack.wait_until(lambda _local: "slack_not_connected" in told.events())
    told.slack.accept_connections()
    answers_work(told)


def test_fault_71_each_try_has_an_address_of_its_own(told):
    """An address is good for one time: what failed with it would fail with it for ever."""
    before = len(told.slack.requests("apps.connections.open"))
    told.slack.configure(max_connections=0)
    told.slack.cut()
    told.slack.wait_until(
        lambda local: len(local.requests("apps.connections.open")) > before + 3, within_s=30
    )
    told.slack.configure(max_connections=10)
    answers_work(told)


def test_fault_71_one_connection_too_many_is_left_before_the_next_is_opened(told):
    told.slack.configure(max_connections=1)
    told.slack.disconnect()
    assert press(told, "acknowledge").acked
    opened_after(told.slack, 1)
    assert len(told.slack.connections()) == 1


@pytest.mark.parametrize("told", [replace(SOON, later_s=(0.1, 10.0))], indirect=True)
def test_where_each_new_socket_is_one_too_many_the_next_comes_ever_later(told):
    told.slack.configure(max_connections=0)
    told.slack.cut()
    asked = told.slack.wait_until(
        lambda local: local.requests("apps.connections.open")[4:] and local, within_s=30
    ).requests("apps.connections.open")
    waits = [later.at - earlier.at for earlier, later in pairwise(asked[-3:])]
    assert waits == sorted(waits)


@pytest.mark.parametrize("refusal", ["invalid_auth", "token_revoked", "account_inactive"])
def test_fault_71_an_app_token_that_is_refused_at_first_is_tried_again(tmp_path, slack, refusal):
    office = Office(tmp_path, slack, waits=SOON)
    office.tell()
    slack.revoke_tokens(refusal)
    office.listener.start()
    try:
        slack.wait_until(lambda _local: office.events().count("slack_not_connected") > 1)
        told = [each for each in office.log.entries if each["event"] == "slack_not_connected"]
        assert {each["error"] for each in told} == {refusal}
        slack.revoke_tokens(None)
        opened_after(slack, 0)
        answers_work(office)
        assert "slack_connected" in office.events()
    finally:
        office.listener.stop()
        office.desk.app.engine.dispose()
        office.app.engine.dispose()


def test_slack_that_is_asked_for_an_address_too_often_is_left_alone_for_as_long_as_it_asks(told):
    told.slack.fault("ratelimited", "apps.connections.open", retry_after="1")
    told.slack.cut()
    opened_after(told.slack, 1)
    refused = [each for each in told.log.entries if each["event"] == "slack_not_connected"]
    # Slack's own client may have been the one that asked.
    assert [each["again_in_s"] for each in refused] in ([], [1.0])
    assert len(told.slack.requests("apps.connections.open")) <= 4
