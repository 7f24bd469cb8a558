"""The local Slack's Web API behaves as Slack's, as the real client sees it."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.slack.bodies import CHANNEL, card, metadata, modal
from tests.slack.local import LocalSlack
from tests.slack.test_judging import refusal

BOT_METHODS = ["chat.postMessage", "chat.update", "conversations.history", "views.open"]


def post(web, text="x", **more):
    return web.chat_postMessage(channel=CHANNEL, text=text, **more)["ts"]


def history(web, **more):
    return web.conversations_history(channel=CHANNEL, **more)["messages"]


def refused_for_now(call, *arguments, **named):
    """How long Slack says to wait."""
    with pytest.raises(SlackApiError) as caught:
        call(*arguments, **named)
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    return int(caught.value.response.headers["Retry-After"])


def test_the_process_is_there_within_a_second_and_forgets_at_once(web, slack):
    begun = time.monotonic()
    with LocalSlack() as other:
        assert other.messages() == []
        assert time.monotonic() - begun < 3  # a busy machine is allowed for
    post(web)
    begun = time.monotonic()
    slack.reset()
    assert time.monotonic() - begun < 1
    assert (slack.messages(), slack.requests(), slack.report()["messages"]) == ([], [], 0)


def test_requests_are_written_down_only_where_a_folder_is_given(tmp_path):
    with LocalSlack(folder=tmp_path) as local:
        WebClient(local.bot_token, base_url=local.base_url).auth_test()
        line = json.loads((tmp_path / "requests.jsonl").read_text())
    assert (line["method"], line["ok"]) == ("auth.test", True)


def test_the_real_client_finds_out_who_it_is(web, slack):
    said = web.auth_test()
    assert (said["user_id"], said["team_id"]) == (slack.bot_user, "T0LOCAL")
    assert "chat:write" in said.headers["X-OAuth-Scopes"]


@pytest.mark.parametrize("method", BOT_METHODS)
@pytest.mark.parametrize(
    ("token", "error"),
    [
        (None, "not_authed"),
        ("xoxb-other", "invalid_auth"),
        ("xapp-local-app", "not_allowed_token_type"),
    ],
)
def test_a_call_with_a_wrong_token_is_refused(slack, method, token, error):
    web = WebClient(token, base_url=slack.base_url, retry_handlers=[])
    assert refusal(web.api_call, method)["error"] == error


def test_a_connection_is_opened_with_the_app_token_alone(slack, web):
    said = refusal(web.apps_connections_open, app_token=slack.bot_token)
    assert said["error"] == "not_allowed_token_type"
    url = web.apps_connections_open(app_token=slack.app_token)["url"]
    assert url.startswith(f"ws://127.0.0.1:{slack.port}/link/?ticket=")


def test_revoked_tokens_are_refused_until_they_are_good_again(slack, web):
    slack.revoke_tokens("account_inactive")
    assert refusal(web.auth_test)["error"] == "account_inactive"
    slack.revoke_tokens(None)
    assert web.auth_test()["ok"]


def test_a_missing_scope_is_named(slack, web):
    slack.set_scopes("channels:read", "chat:write")
    said = refusal(web.conversations_history, channel=CHANNEL)
    assert (said["error"], said["needed"]) == ("missing_scope", "channels:history")
    assert said["provided"] == "channels:read,chat:write"
    assert refusal(web.users_info, user="U0ANA")["needed"] == "users:read"


def test_a_method_that_slack_does_not_have_is_refused(web):
    assert refusal(web.api_call, "chat.shout")["error"] == "unknown_method"


def test_where_the_app_may_write_depends_on_the_conversation(slack, web):
    slack.add_conversation("C0OUT", bot_is_member=False)
    slack.add_conversation("C0OLD", archived=True)
    slack.add_conversation("G0SECRET", kind="private", bot_is_member=False)
    slack.set_scopes("chat:write", "channels:history", "groups:history")
    errors = {
        name: refusal(web.chat_postMessage, channel=name, text="x")["error"]
        for name in ("C0OUT", "C0OLD", "C0NONE", "G0SECRET")
    }
    assert errors == {
        "C0OUT": "not_in_channel",
        "C0OLD": "is_archived",
        "C0NONE": "channel_not_found",
        "G0SECRET": "channel_not_found",
    }
    assert refusal(web.conversations_history, channel="C0OUT")["error"] == "not_in_channel"
    slack.set_scopes("chat:write", "chat:write.public")
    assert web.chat_postMessage(channel="C0OUT", text="x")["ok"]


def test_a_conversation_says_what_it_is(slack, web):
    slack.archive(CHANNEL)
    slack.set_bot_membership(CHANNEL, is_member=False)
    said = web.conversations_info(channel=CHANNEL)["channel"]
    assert (said["name"], said["is_member"], said["is_archived"]) == ("alerts", False, True)


def test_people_and_groups_are_found(slack, web):
    slack.add_user("U0EVE", "eve", team_id="T0OTHER", is_restricted=True)
    slack.add_group("S0OPS", ["U0ANA", "U0BEN"])
    assert web.users_info(user="U0EVE")["user"]["is_restricted"]
    assert web.usergroups_users_list(usergroup="S0OPS")["users"] == ["U0ANA", "U0BEN"]
    assert refusal(web.users_info, user="U0NONE")["error"] == "user_not_found"
    assert refusal(web.usergroups_users_list, usergroup="S0")["error"] == "no_such_subteam"


def test_a_direct_message_reaches_one_person(slack, web):
    direct = web.conversations_open(users=["U0ANA"])["channel"]["id"]
    assert web.chat_postMessage(channel="U0ANA", text="x")["channel"] == direct
    assert [each.text for each in slack.posted(direct)] == ["x"]


def test_an_edit_is_remembered_with_what_it_replaced(slack, web):
    ts = post(web, "before", blocks=card(), metadata=metadata())
    web.chat_update(channel=CHANNEL, ts=ts, text="after")
    message = slack.message(CHANNEL, ts)
    assert [each.text for each in message.versions] == ["before", "after"]
    assert (message.blocks, message.metadata) == ([], metadata())
    assert message.edits[0].by == slack.bot_user
    web.chat_update(channel=CHANNEL, ts=ts, text="after", metadata={})
    assert slack.message(CHANNEL, ts).metadata is None


def test_only_what_is_there_and_ones_own_can_be_edited(slack, web):
    gone, theirs = post(web), slack.say(CHANNEL, "hello")
    slack.delete_message(CHANNEL, gone)
    edits = {"gone": gone, "theirs": theirs, "never": "1.000000"}
    errors = {
        name: refusal(web.chat_update, channel=CHANNEL, ts=ts, text="x")["error"]
        for name, ts in edits.items()
    }
    assert errors == {
        "gone": "message_not_found",
        "theirs": "cant_update_message",
        "never": "message_not_found",
    }
    slack.configure(burst=5)
    ts = post(web)
    slack.archive(CHANNEL)
    assert refusal(web.chat_update, channel=CHANNEL, ts=ts, text="x")["error"] == "is_inactive"


def test_a_message_can_be_deleted_once(slack, web):
    ts = post(web)
    web.chat_delete(channel=CHANNEL, ts=ts)
    assert slack.message(CHANNEL, ts).deleted_by == slack.bot_user
    assert refusal(web.chat_delete, channel=CHANNEL, ts=ts)["error"] == "message_not_found"


def test_an_ephemeral_is_seen_by_one_member_and_not_in_history(slack, web):
    web.chat_postEphemeral(channel=CHANNEL, user="U0ANA", text="only you")
    assert [(each.user, each.text) for each in slack.ephemerals()] == [("U0ANA", "only you")]
    assert history(web) == []
    said = refusal(web.chat_postEphemeral, channel=CHANNEL, user="U0EVE", text="x")
    assert said["error"] == "user_not_in_channel"


def test_replies_are_in_the_thread_and_not_in_history(slack, web):
    slack.configure(burst=5)
    ts = post(web, "parent")
    reply = post(web, "reply", thread_ts=ts)
    post(web, "for all", thread_ts=ts, reply_broadcast=True)
    assert [each["text"] for each in history(web)] == ["for all", "parent"]
    thread = web.conversations_replies(channel=CHANNEL, ts=ts)["messages"]
    assert [each["text"] for each in thread] == ["parent", "reply", "for all"]
    assert thread[0]["reply_count"] == 2
    assert refusal(post, web, thread_ts=reply)["error"] == "cannot_reply_to_message"
    unknown = refusal(web.conversations_replies, channel=CHANNEL, ts="1.000000")
    assert unknown["error"] == "thread_not_found"


def test_a_reply_to_what_is_not_there_becomes_a_message_without_any_error(slack, web):
    said = web.chat_postMessage(channel=CHANNEL, text="lost", thread_ts="1.000000")
    assert "thread_ts" not in said["message"]
    assert slack.posted()[0].asked_thread_ts == "1.000000"
    assert slack.posted()[0].thread_ts is None


def test_a_deleted_parent_stays_as_a_stone(slack, web):
    slack.configure(burst=5)
    ts = post(web)
    post(web, thread_ts=ts)
    slack.delete_message(CHANNEL, ts)
    assert history(web)[0]["subtype"] == "tombstone"


def test_history_is_read_in_pages_between_two_moments(slack, web):
    slack.fill(CHANNEL, 1200)
    first = web.conversations_history(channel=CHANNEL, limit=999)
    cursor = first["response_metadata"]["next_cursor"]
    second = web.conversations_history(channel=CHANNEL, limit=999, cursor=cursor)
    assert (first["has_more"], second["has_more"]) == (True, False)
    stamps = [each["ts"] for page in (first, second) for each in page["messages"]]
    assert (len(stamps), stamps) == (1200, sorted(set(stamps), reverse=True))
    assert len(history(web, oldest=stamps[3])) == 3
    assert len(history(web, oldest=stamps[3], inclusive=True)) == 4
    assert len(history(web, latest=stamps[-3])) == 2


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"limit": 1000}, "invalid_limit"),
        ({"cursor": "nonsense"}, "invalid_cursor"),
        ({"oldest": "yesterday"}, "invalid_ts_oldest"),
        ({"latest": "1e9"}, "invalid_ts_latest"),
    ],
)
def test_history_refuses_what_it_cannot_read(web, asked, error):
    assert refusal(history, web, **asked)["error"] == error


def test_metadata_is_told_only_to_who_asks(web):
    post(web, metadata=metadata())
    assert "metadata" not in history(web)[0]
    assert history(web, include_all_metadata=True)[0]["metadata"] == metadata()


def test_history_may_be_behind(slack, web):
    slack.reset(speed=4)
    slack.configure(history_lag_s=4, per_minute={"conversations.history": 10_000})
    ts = post(web, "before")
    assert history(web) == []
    time.sleep(4 / 4)
    web.chat_update(channel=CHANNEL, ts=ts, text="after")
    assert [each["text"] for each in history(web)] == ["before"]
    slack.wait_until(lambda _: [each["text"] for each in history(web)] == ["after"])


def test_messages_can_be_dated(slack, web):
    slack.set_time(1_747_202_400)
    assert post(web).startswith("1747202400.")


def test_a_conversation_takes_one_message_a_second(slack, web):
    slack.add_conversation("C0OTHER")
    post(web)
    assert refused_for_now(post, web) == 1
    assert web.chat_postMessage(channel="C0OTHER", text="x")["ok"]
    time.sleep(1)
    post(web)
    assert (slack.ratelimited, len(slack.posted(CHANNEL))) == (1, 2)


def test_a_burst_can_be_allowed_for(slack, web):
    slack.configure(burst=3)
    for _ in range(3):
        post(web)
    refused_for_now(post, web)
    assert len(slack.posted(CHANNEL)) == 3


def test_time_can_be_made_to_run_faster(slack, web):
    slack.reset(speed=4)
    post(web)
    refused_for_now(post, web)
    time.sleep(1 / 4)
    post(web)
    assert (slack.ratelimited, len(slack.posted(CHANNEL))) == (1, 2)


def test_a_wait_can_be_told_in_slacks_seconds(slack, web):
    slack.reset(speed=20)
    slack.configure(retry_after_in="slack", posts_per_second=0.1)
    post(web)
    assert 9 <= refused_for_now(post, web) <= 10


def test_a_workspace_takes_so_many_messages_a_minute(slack, web):
    slack.configure(workspace_posts_per_minute=2)
    for name in ("C0A", "C0B", "C0C"):
        slack.add_conversation(name)
    for name in ("C0A", "C0B"):
        web.chat_postMessage(channel=name, text="x")
    assert 58 <= refused_for_now(web.chat_postMessage, channel="C0C", text="x") <= 60


def test_a_method_takes_as_many_calls_a_minute_as_its_tier(slack, web):
    slack.add_group("S0OPS", ["U0ANA"])
    for _ in range(20):
        web.usergroups_users_list(usergroup="S0OPS")
    assert 58 <= refused_for_now(web.usergroups_users_list, usergroup="S0OPS") <= 60
    slack.configure(per_minute={"conversations.history": 1})
    history(web)
    refused_for_now(history, web)
    assert slack.report()["ratelimited_by_method"] == {
        "usergroups.users.list": 1,
        "conversations.history": 1,
    }


def test_an_upload_is_ready_only_after_a_while(slack, web):
    slack.reset(speed=4)
    slack.configure(file_delay_s=4, burst=5)
    ts = post(web, "parent")
    upload = {"channel": CHANNEL, "thread_ts": ts, "filename": "chart.png", "title": "30 days"}
    name = web.files_upload_v2(file=b"picture", **upload)["file"]["id"]
    assert web.files_info(file=name)["file"]["mimetype"] == ""
    image = {"type": "image", "alt_text": "30 days", "slack_file": {"id": name}}
    shown = {"channel": CHANNEL, "text": "x", "blocks": [image]}
    said = refusal(web.chat_postMessage, **shown)
    assert said["errors"] == ["invalid slack file [json-pointer:/blocks/0/slack_file]"]
    slack.wait_until(lambda local: local.files()[0].ready)
    assert web.files_info(file=name)["file"]["mimetype"] == "image/png"
    assert web.chat_postMessage(**shown)["ok"]
    assert slack.replies(CHANNEL, ts)[0].files == [name]


def test_an_upload_may_never_be_ready_and_must_be_whole(slack, web):
    slack.configure(file_delay_s=None)
    name = web.files_upload_v2(file=b"x", filename="a.png", channel=CHANNEL)["file"]["id"]
    assert not slack.files()[0].ready
    again = refusal(web.files_completeUploadExternal, files=[{"id": name, "title": "x"}])
    assert again["error"] == "file_not_found"
    short = web.files_getUploadURLExternal(filename="b.png", length=5)
    missing = refusal(web.files_completeUploadExternal, files=[{"id": short["file_id"]}])
    assert missing["error"] == "file_not_found"


def test_a_trigger_is_needed_to_open_a_modal(web):
    assert refusal(web.views_open, trigger_id="1.x", view=modal())["error"] == "invalid_trigger_id"


def test_requests_are_remembered_with_what_became_of_them(slack, web):
    ts = post(web, client_msg_id="6f8f8f9e")
    refused_for_now(post, web)
    first, second = slack.requests("chat.postMessage")
    assert (first.status, first.ok, first.committed, first.ts) == (200, True, True, ts)
    assert (second.status, second.error, second.committed) == (429, "ratelimited", False)
    assert slack.posted()[0].client_msg_id == "6f8f8f9e"


def test_what_a_test_asks_for_must_make_sense(slack):
    with pytest.raises(AssertionError, match="no such setting: brust"):
        slack.configure(brust=3)
    with pytest.raises(AssertionError, match="no message"):
        slack.press(CHANNEL, "1.0", "ack")


@pytest.mark.parametrize(
    ("body", "error"), [(b"{", "invalid_json"), (b"[1]", "json_not_object"), (b"", "not_authed")]
)
def test_a_body_that_is_no_json_object_is_refused(slack, body, error):
    headers = {"Content-Type": "application/json;charset=utf-8"}
    request = urllib.request.Request(slack.base_url + "auth.test", body, headers)  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - it is our own server
        assert json.load(answer) == {"ok": False, "error": error}


def test_an_unknown_control_is_not_found(slack):
    request = urllib.request.Request(f"http://127.0.0.1:{slack.port}/_control/none", data=b"")
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(request)  # noqa: S310 - it is our own server
    caught.value.close()
