"""What goes wrong on purpose goes wrong as it does with Slack, and the judge knows the truth."""

from __future__ import annotations

import http.client
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.slack.bodies import CHANNEL
from tests.slack.test_local_slack import history, post, refused_for_now


@pytest.fixture(autouse=True)
def no_rates(slack):
    slack.configure(burst=1000, workspace_posts_per_minute=1000)


@pytest.mark.parametrize("commit", [False, True])
@pytest.mark.parametrize(
    ("kind", "error"),
    [("drop", http.client.RemoteDisconnected), ("reset", ConnectionResetError)],
)
def test_a_connection_is_lost_before_or_after_the_message_is_there(slack, web, kind, error, commit):
    slack.fault(kind, "chat.postMessage", commit=commit)
    with pytest.raises(error) as caught:
        post(web)
    assert caught.type is error
    assert len(slack.posted()) == commit
    assert [each.committed for each in slack.requests()] == [commit]
    post(web)
    assert len(slack.posted()) == 1 + commit


def test_the_clients_own_habit_makes_a_duplicate(slack):
    """Why the service must not leave retries to the client."""
    slack.fault("drop", "chat.postMessage", commit=True)
    post(WebClient(slack.bot_token, base_url=slack.base_url))
    assert len(slack.posted()) == 2


def test_an_answer_that_comes_too_late_hides_a_message_that_is_there(slack):
    slack.fault("delay", "chat.postMessage", seconds=1.2)
    with pytest.raises(TimeoutError):
        post(WebClient(slack.bot_token, base_url=slack.base_url, timeout=1, retry_handlers=[]))
    assert len(slack.posted()) == 1


def test_a_slow_call_may_take_effect_after_the_caller_has_left(slack):
    slack.fault("delay", "chat.postMessage", seconds=1.3, commit=False)
    with pytest.raises(TimeoutError):
        post(WebClient(slack.bot_token, base_url=slack.base_url, timeout=1, retry_handlers=[]))
    assert slack.posted() == []
    slack.wait_until(lambda local: len(local.posted()) == 1)


@pytest.mark.parametrize("header", ["30", None, "soon", "999999"])
def test_a_wait_is_told_as_the_test_wants_it(slack, web, header):
    slack.fault("ratelimited", retry_after=header)
    with pytest.raises(SlackApiError) as caught:
        post(web)
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers.get("Retry-After") == header
    assert (slack.posted(), slack.ratelimited) == ([], 0)


@pytest.mark.parametrize(
    ("fault", "status", "committed"),
    [
        ({"kind": "status"}, 500, 0),
        ({"kind": "status", "status": 503, "commit": True}, 503, 1),
        ({"kind": "status", "status": 408}, 408, 0),
        ({"kind": "gateway"}, 502, 0),
        ({"kind": "html"}, 200, 1),
        ({"kind": "truncated"}, 200, 1),
        ({"kind": "empty"}, 200, 1),
    ],
)
def test_an_answer_that_is_no_answer_says_nothing_of_the_message(
    slack, web, fault, status, committed
):
    slack.fault(**fault)
    with pytest.raises(SlackApiError) as caught:
        post(web)
    assert caught.value.response.status_code == status
    assert len(slack.posted()) == committed


def test_an_error_is_told_as_the_test_wants_it(slack, web):
    slack.fault("error", error="fatal_error", commit=True)
    with pytest.raises(SlackApiError, match="fatal_error"):
        post(web)
    assert len(slack.posted()) == 1


def test_an_answer_may_lack_its_timestamp_or_name_another_channel(slack, web):
    slack.fault("no_ts")
    slack.fault("other_channel")
    said = web.chat_postMessage(channel=CHANNEL, text="x")
    assert ("ts" in said.data, "ts" in said["message"]) == (False, False)
    assert web.chat_postMessage(channel=CHANNEL, text="x")["channel"] == "C0OTHER"
    assert len(slack.posted(CHANNEL)) == 2


def test_a_fault_meets_the_calls_that_were_meant_as_often_as_was_meant(slack, web):
    slack.fault("error", "chat.postMessage", count=2, skip=1, match={"text": "meant"})
    post(web, "other")
    post(web, "meant for later")
    history(web)
    for _ in range(2):
        with pytest.raises(SlackApiError):
            post(web, "meant")
    post(web, "meant")
    assert [each.fault for each in slack.requests() if each.fault] == ["error", "error"]


@pytest.mark.parametrize("fault", [{"kind": "status"}, {"kind": "drop"}])
def test_an_upload_can_fail_on_its_way(slack, web, fault):
    slack.fault(**fault, method="upload")
    with pytest.raises((urllib.error.HTTPError, http.client.RemoteDisconnected)) as caught:
        web.files_upload_v2(file=b"x", filename="a.png", channel=CHANNEL)
    if isinstance(caught.value, urllib.error.HTTPError):
        caught.value.close()
    assert [each.committed for each in slack.requests("upload")] == [False]
    assert not slack.files()[0].received


def test_slack_can_be_as_if_not_there_and_come_back_with_all_it_knew(slack, web):
    post(web)
    slack.refuse_connections()
    with pytest.raises(urllib.error.URLError, match="refused"):
        post(web)
    assert len(slack.posted()) == 1
    slack.accept_connections()
    post(web)
    assert len(slack.posted()) == 2


def test_slack_can_hang(slack):
    web = WebClient(slack.bot_token, base_url=slack.base_url, timeout=1, retry_handlers=[])
    slack.freeze()
    try:
        with pytest.raises(TimeoutError):
            post(web)
    finally:
        slack.thaw()
    slack.wait_until(lambda local: len(local.posted()) == 1)


def outcomes(slack, web, seed):
    slack.reset()
    slack.configure(burst=1000, workspace_posts_per_minute=1000)
    slack.random_faults(
        seed, 0.5, kinds=["error", "gateway", "empty"], methods=["chat.postMessage"]
    )
    for number in range(30):
        try:
            post(web, str(number))
        except SlackApiError:
            continue
    slack.clear_faults()
    return [(each.fault, each.committed) for each in slack.requests("chat.postMessage")]


def test_faults_by_chance_are_the_same_for_the_same_seed(slack, web):
    first = outcomes(slack, web, seed=7)
    assert first == outcomes(slack, web, seed=7)
    assert first != outcomes(slack, web, seed=8)
    assert {fault for fault, _committed in first} == {None, "error", "gateway", "empty"}
    assert sum(each.committed for each in slack.requests()) == len(slack.posted())


def test_many_callers_at_once_are_counted_one_by_one(slack, web):
    slack.configure(burst=1)
    with ThreadPoolExecutor(8) as callers:
        waits = list(callers.map(lambda _: _posted(web), range(40)))
    assert waits.count(None) == len(slack.posted())
    assert slack.ratelimited == 40 - len(slack.posted())


def _posted(web):
    try:
        post(web)
    except SlackApiError as refusal:
        return refusal.response.headers["Retry-After"]
    return None


def test_a_fault_does_not_hold_up_other_calls(slack, web):
    slack.fault("delay", "chat.postMessage", seconds=1)
    with ThreadPoolExecutor(1) as caller:
        slow = caller.submit(post, web)
        slack.wait_until(lambda local: local.requests())
        begun = time.monotonic()
        history(web)
        assert time.monotonic() - begun < 0.5
        assert not slow.done()


def test_a_scripted_wait_and_a_real_one_are_told_apart(slack, web):
    slack.configure(burst=1)
    slack.fault("ratelimited", retry_after="5")
    assert refused_for_now(post, web) == 5
    post(web)
    assert refused_for_now(post, web) == 1
    report = slack.report()
    assert (report["ratelimited"], report["faults"]) == (1, {"ratelimited": 1})
