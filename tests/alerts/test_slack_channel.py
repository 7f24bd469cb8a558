"""The channel and the real SDK against the strict local Slack."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from alerts.channels.base import ChannelError
from alerts.channels.opaque import opaque
from alerts.channels.slack import SlackChannel
from alerts.channels.slack_account import OTHER, SlackAccount, SlackFailure
from alerts.channels.slack_faults import Kind, fault_of
from alerts.model import Reason
from alerts.notice import Line, Receipt
from spendwatch.app import system_clock
from tests.builders import a_message, a_notification

HOUR = timedelta(hours=1)
AMBIGUOUS = ["drop", "reset", "status", "gateway", "html", "truncated", "empty"]


class Steady:
    """A clock for waiting: it is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def steady():
    return Steady()


@pytest.fixture
def account(slack, steady):
    slack.configure(burst=1_000)
    account = SlackAccount(slack.bot_token, slack.base_url, steady)
    steady.now += 2  # a start waits, as a process before it may have posted just now
    return account


@pytest.fixture
def told():
    return []


@pytest.fixture
def channel(slack, account, told):
    return SlackChannel(account, slack.channel, on_fault=told.append)


def note(key="one", **message):
    return replace(a_notification(key, **message), created_at=system_clock())


def refused(channel, notification=None, **arguments):
    with pytest.raises(ChannelError) as caught:
        channel.send(notification or note(), **arguments)
    return caught.value


def test_a_message_is_posted_with_its_text_its_buttons_and_an_opaque_key(slack, channel):
    receipt = channel.send(note())
    (message,) = slack.posted()
    assert receipt == Receipt("ops", f"{slack.channel}:{message.ts}", receipt.sent_at, stands=True)
    assert message.text.endswith("Acme: $80 on Thu 12 Nov, 4x normal")
    assert message.metadata["event_payload"] == {"key": opaque("one")}
    assert "one" not in str(message.metadata)
    assert slack.rejections() == []


def test_what_was_posted_is_found_by_its_key_and_nothing_else_is(slack, channel):
    receipt = channel.send(note())
    assert channel.find(note(), system_clock()) == receipt
    assert channel.find(note("other"), system_clock()) is None


def test_later_news_stands_below_and_is_found_there(slack, channel):
    root = channel.send(note())
    quiet = replace(note("two"), reason=Reason.REVISED)
    later = channel.send(quiet, root)
    assert not later.stands
    assert [each.text for each in slack.replies(slack.channel, root.reference.split(":")[1])]
    assert channel.find(note("two"), system_clock(), root) == later
    assert channel.find(note("two"), system_clock()) is None
    channel.send(replace(note("three"), reason=Reason.WORSE), root)
    assert channel.find(note("three"), system_clock()), "worse is shown in the conversation too"


def test_what_was_posted_is_changed_in_place(slack, channel):
    receipt = channel.send(note())
    for _ in range(2):
        assert channel.update(receipt, note(title="Acme: acknowledged")) == receipt
    (message,) = slack.posted()
    assert message.text.endswith("Acme: acknowledged")


def test_fault_54_too_many_calls_stop_this_conversation_for_as_long_as_slack_asks(
    slack, account, channel, steady
):
    other = SlackChannel(account, slack.add_conversation("C0OTHER", bot_is_member=True))
    slack.fault("ratelimited", "chat.postMessage", retry_after="30")
    error = refused(channel)
    assert (error.unsure, error.permanent, error.retry_after_s) == (False, False, 30)
    assert (channel.wait_s(), other.wait_s()) == (30, 0)
    other.send(note("other"))
    steady.now += 30
    assert channel.wait_s() == 0
    channel.send(note())
    assert len(slack.posted()) == 2


@pytest.mark.parametrize(("asked", "waits"), [(None, 30), ("soon", 30), ("86400", 900)])
def test_fault_55_a_wait_that_is_missing_or_senseless_has_a_sound_one(slack, channel, asked, waits):
    slack.fault("ratelimited", "chat.postMessage", retry_after=asked)
    assert refused(channel).retry_after_s == waits


@pytest.mark.parametrize("kind", AMBIGUOUS)
@pytest.mark.parametrize("commit", [True, False])
def test_fault_56_whatever_cannot_be_understood_may_have_been_sent_and_is_looked_up(
    slack, channel, kind, commit
):
    slack.fault(kind, "chat.postMessage", commit=commit)
    error = refused(channel)
    assert (error.unsure, error.permanent) == (True, False)
    found = channel.find(note(), system_clock())
    assert (found is not None) == commit
    assert len(slack.posted()) == commit
    assert len(slack.requests("chat.postMessage")) == 1, "the SDK must not post by itself again"


def test_fault_57_a_message_that_arrived_although_nobody_answered_in_time_is_found(slack, steady):
    hasty = SlackChannel(
        SlackAccount(slack.bot_token, slack.base_url, steady, timeout_s=1), slack.channel
    )
    slack.fault("delay", "chat.postMessage", seconds=2, commit=True)
    assert refused(hasty).unsure
    slack.wait_until(lambda local: local.posted())
    assert hasty.find(note(), system_clock()) is not None


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api/", "http://nowhere.invalid/api/"])
def test_fault_58_what_nobody_could_be_reached_for_was_not_sent(slack, steady, address):
    channel = SlackChannel(SlackAccount(slack.bot_token, address, steady), slack.channel)
    error = refused(channel)
    assert (error.unsure, error.permanent) == (False, False)


@pytest.mark.parametrize("name", ["invalid_auth", "token_revoked", "account_inactive"])
def test_fault_59_a_refused_token_stops_everything_until_it_is_accepted_again(
    slack, account, channel, steady, name
):
    slack.revoke_tokens(name)
    error = refused(channel)
    assert (error.unsure, error.permanent) == (False, False)
    assert channel.wait_s() == channel.wait_s(edit=True) == 60
    assert account.refused == name
    steady.now += 60
    refused(channel)
    assert channel.wait_s() == 60
    assert len(slack.requests("chat.postMessage")) == 1, "only auth.test is asked"
    slack.revoke_tokens(None)
    steady.now += 60
    channel.send(note())
    assert account.refused == ""


def test_what_only_broke_in_the_look_whether_the_token_is_accepted_was_not_sent(
    slack, channel, steady
):
    slack.revoke_tokens("invalid_auth")
    refused(channel)
    steady.now += 60
    slack.fault("drop", "auth.test")
    assert not refused(channel).unsure


@pytest.mark.parametrize("broken", ["missing", "archived", "not a member"])
def test_fault_60_a_conversation_nobody_can_write_to_is_a_dead_letter(slack, account, broken):
    if broken == "archived":
        slack.archive(slack.channel)
    if broken == "not a member":
        slack.set_scopes("chat:write")
        slack.set_bot_membership(slack.channel, is_member=False)
    name = "C0MISSING" if broken == "missing" else slack.channel
    error = refused(SlackChannel(account, name))
    assert (error.permanent, error.unsure) == (True, False)


def test_what_is_not_permitted_in_one_conversation_stops_no_other(slack, account, channel):
    slack.fault("error", "chat.postMessage", error="no_permission")
    error = refused(channel)
    assert (error.permanent, error.curable, error.unsure) == (True, True, False)
    assert account.refused == ""
    other = SlackChannel(account, slack.add_conversation("C0OTHER"))
    assert other.wait_s() == 0
    assert other.send(note()).reference.startswith("C0OTHER:")


def test_fault_61_a_message_in_a_conversation_that_was_archived_cannot_be_changed(slack, channel):
    receipt = channel.send(note())
    slack.archive(slack.channel)
    with pytest.raises(ChannelError) as caught:
        channel.update(receipt, note())
    assert caught.value.permanent or caught.value.gone


def test_fault_62_a_message_that_somebody_deleted_is_gone(slack, channel):
    receipt = channel.send(note())
    slack.delete_message(slack.channel, receipt.reference.split(":")[1])
    with pytest.raises(ChannelError) as caught:
        channel.update(receipt, note())
    assert caught.value.gone


def test_news_below_a_message_that_somebody_deleted_stands_by_itself(slack, channel):
    root = channel.send(note())
    slack.delete_message(slack.channel, root.reference.split(":")[1])
    assert channel.send(note("two"), root).stands


@pytest.mark.parametrize("arrived", [True, False])
def test_news_whose_call_broke_below_a_message_that_somebody_deleted_is_looked_for_outside_of_it(
    slack, channel, arrived
):
    root = channel.send(note())
    slack.delete_message(slack.channel, root.reference.split(":")[1])
    slack.fault("drop", "chat.postMessage", commit=arrived)
    assert refused(channel, note("two"), root=root).unsure
    found = channel.find(note("two"), system_clock(), root)
    assert (found is not None and found.stands) == arrived


@pytest.mark.parametrize("name", ["thread_not_found", "cannot_reply_to_message"])
def test_what_takes_no_reply_is_gone_for_whoever_wants_to_reply(slack, channel, name):
    root = channel.send(note())
    slack.fault("error", "chat.postMessage", error=name)
    error = refused(channel, note("two"), root=root)
    assert (error.gone, error.permanent, error.unsure) == (True, False, False)


def test_a_right_that_is_missing_is_waited_for_as_a_token_is(slack, channel):
    slack.fault("error", "chat.postMessage", error="missing_scope")
    error = refused(channel)
    assert (error.permanent, error.unsure) == (False, False)


@pytest.mark.parametrize("name", ["invalid_blocks", "msg_blocks_too_long"])
def test_fault_63_what_slack_does_not_take_with_blocks_goes_out_as_text_at_once(
    slack, channel, told, name
):
    slack.fault("error", "chat.postMessage", error=name)
    channel.send(note())
    (message,) = slack.posted()
    assert "What: +$60 over the usual $20" in message.text
    assert name in told[0]


def test_fault_64_the_whole_history_since_is_looked_through(slack, channel):
    receipt = channel.send(note())
    slack.fill(slack.channel, 1_000)
    assert channel.find(note(), system_clock() - HOUR) == receipt
    assert len(slack.requests("conversations.history")) > 4


def test_fault_64_where_the_history_may_not_be_looked_at_now_nobody_says_that_it_is_not_there(
    slack, channel, steady
):
    slack.fault("ratelimited", "conversations.history", retry_after="20")
    for wait_s in (20, 20):
        with pytest.raises(ChannelError) as caught:
            channel.find(note(), system_clock())
        assert caught.value.retry_after_s == wait_s
    assert len(slack.requests("conversations.history")) == 1
    steady.now += 20
    assert channel.find(note(), system_clock()) is None


def test_fault_65_without_the_right_to_look_a_message_says_that_it_may_be_the_second(
    slack, channel, told
):
    slack.set_scopes("chat:write")
    assert channel.find(note(), system_clock()) is None
    assert "channels:history" in told[0]
    channel.send(note(), again=1)
    assert "for the second time" in str(slack.posted()[0].blocks)
    channel.send(note("new"))
    assert "for the second time" not in str(slack.posted()[1].blocks)


@pytest.mark.parametrize("kind", ["no_ts", "other_channel"])
def test_fault_66_an_answer_without_its_message_is_no_receipt(slack, channel, kind):
    slack.fault(kind, "chat.postMessage")
    assert refused(channel).unsure


def test_fault_70_a_limit_that_two_conversations_meet_stops_all_of_them(
    slack, account, channel, steady
):
    second, third = (
        SlackChannel(account, slack.add_conversation(name, bot_is_member=True))
        for name in ("C0TWO", "C0THREE")
    )
    slack.fault("ratelimited", "chat.postMessage", retry_after="30", count=2)
    refused(channel)
    assert third.wait_s() == 0
    refused(second)
    assert third.wait_s() == 30


def test_a_method_that_slack_asks_to_wait_with_is_not_called_meanwhile_and_others_are(
    slack, account, steady
):
    slack.fault("ratelimited", "usergroups.users.list", retry_after="30")
    for _ in range(2):
        with pytest.raises(SlackFailure) as caught:
            account.call(OTHER, "usergroups_users_list", usergroup="S0ONE")
        assert caught.value.fault.retry_after_s == 30
    assert len(slack.requests("usergroups.users.list")) == 1
    account.call(OTHER, "auth_test")
    steady.now += 30
    with pytest.raises(SlackFailure, match="no_such_subteam"):
        account.call(OTHER, "usergroups_users_list", usergroup="S0ONE")


def test_posts_in_one_conversation_are_kept_a_second_apart(slack, account, channel, steady):
    other = SlackChannel(account, slack.add_conversation("C0OTHER", bot_is_member=True))
    channel.send(note())
    assert channel.wait_s() == pytest.approx(1.05)
    assert (other.wait_s(), channel.wait_s(edit=True)) == (0, 0)
    steady.now += 1.05
    assert channel.wait_s() == 0


def test_fault_92_hostile_names_reach_slack_as_they_are_and_do_nothing(slack, channel):
    name = "<!channel> <@U0ANA> *b* <script> & `x`"
    channel.send(note(title=name, lines=(Line("What", name),)))
    (message,) = slack.posted()
    assert "&lt;!channel&gt;" in message.text
    assert "mrkdwn" not in str(message.blocks)
    assert slack.rejections() == []


def test_fault_97_no_token_is_in_any_error(slack, account, channel):
    for kind in (*AMBIGUOUS, "ratelimited"):
        slack.fault(kind, "chat.postMessage")
        assert slack.bot_token not in f"{refused(channel)!r}"
    assert slack.bot_token not in repr(account.client.__class__)


def test_a_look_is_not_fooled_by_somebody_elses_metadata(slack, channel):
    slack.say(slack.channel, f"key {opaque('one')}")
    assert channel.find(note(), system_clock()) is None


def test_the_message_is_not_there_at_once_for_a_look(slack, account, channel):
    slack.configure(history_lag_s=0.5)
    channel.send(note())
    assert channel.find(note(), system_clock()) is None
    time.sleep(0.6)
    assert channel.find(note(), system_clock()) is not None


def test_a_message_with_all_that_there_is_keeps_every_limit(slack, channel):
    lines = tuple(Line(f"Line {number}", "x" * 900) for number in range(40))
    channel.send(note(lines=lines, title="t" * 400, reference="r" * 3_000))
    assert slack.rejections() == []
    assert a_message().title


@pytest.mark.parametrize(("status", "body"), [(429, []), (200, []), (500, [1]), (200, "x")])
def test_an_answer_of_another_shape_is_an_error_like_any_other(status, body):
    response = SlackResponse(
        client=None, http_verb="POST", api_url="", req_args={}, data=body, headers={},
        status_code=status,
    )  # fmt: skip
    fault = fault_of(SlackApiError("", response))
    assert fault.kind is (Kind.LIMITED if status == 429 else Kind.UNSURE)
