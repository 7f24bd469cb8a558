"""The local Slack refuses what Slack refuses, and takes the rest."""

from __future__ import annotations

import json

import pytest
from slack_sdk.errors import SlackApiError

from tests.slack.bodies import (
    BROKEN_CARDS,
    BROKEN_MESSAGES,
    BROKEN_VIEWS,
    CHANNEL,
    card,
    changed,
    home,
    metadata,
    modal,
    sections,
)


def refusal(call, *arguments, **named):
    """What Slack says to a call that it refuses."""
    with pytest.raises(SlackApiError) as caught:
        call(*arguments, **named)
    assert caught.value.response.status_code == 200
    return caught.value.response.data


def names(places):
    return [f"{place[0]}-{number}" for number, place in enumerate(places)]


@pytest.fixture(autouse=True)
def no_rates(slack):
    slack.configure(burst=1000, workspace_posts_per_minute=1000)


def test_a_message_with_every_kind_of_block_is_taken(web):
    posted = web.chat_postMessage(channel=CHANNEL, text="x", blocks=card(), metadata=metadata())
    assert posted["message"]["metadata"] == metadata()


@pytest.mark.parametrize(("path", "value", "place"), BROKEN_CARDS, ids=names(BROKEN_CARDS))
def test_a_block_that_is_broken_in_one_place_is_refused_with_that_place(
    slack, web, path, value, place
):
    body = changed(card(), path, value)
    said = refusal(web.chat_postMessage, channel=CHANNEL, text="x", blocks=body)
    assert said["error"] == "invalid_blocks"
    assert any(each.endswith(f"[json-pointer:{place}]") for each in said["errors"])
    assert said["response_metadata"]["messages"] == [f"[ERROR] {each}" for each in said["errors"]]
    assert slack.messages() == []
    assert [each.error for each in slack.rejections()] == ["invalid_blocks"]


@pytest.mark.parametrize(("changes", "error"), BROKEN_MESSAGES)
def test_a_message_that_is_broken_as_a_whole_is_refused(slack, web, changes, error):
    body = {"channel": CHANNEL, "text": "x", "blocks": card(), **changes}
    body = {name: value for name, value in body.items() if value is not None}
    assert refusal(web.api_call, "chat.postMessage", json=body)["error"] == error
    assert slack.messages() == []


def test_the_longest_message_that_was_ever_taken_is_taken(web):
    blocks = [*sections(3, 3000), *sections(1, 597)]
    assert web.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)["ok"]


@pytest.mark.parametrize(("path", "value", "place"), BROKEN_VIEWS, ids=names(BROKEN_VIEWS))
def test_a_view_that_is_broken_in_one_place_is_refused_with_that_place(web, path, value, place):
    said = refusal(web.views_open, trigger_id="any", view=changed(modal(), path, value))
    assert said["error"] == "invalid_arguments"
    assert any(each.endswith(f"[json-pointer:{place}]") for each in said["errors"])


def test_a_view_of_more_than_250_kilobytes_is_refused(web):
    many = [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2000}] * 10}] * 13
    assert refusal(web.views_open, trigger_id="any", view=modal(blocks=many))["error"] == (
        "view_too_large"
    )


def test_a_home_is_taken_and_a_modal_is_none(web):
    assert web.views_publish(user_id="U0ANA", view=home())["view"]["id"].startswith("V")
    said = refusal(web.views_publish, user_id="U0ANA", view=modal())
    assert said["errors"] == ["must be home [json-pointer:/view/type]"]


def test_blocks_in_a_form_are_judged_like_those_in_json(slack, web):
    arguments = {"channel": CHANNEL, "text": "x", "blocks": json.dumps(card())}
    assert web.api_call("chat.postMessage", params=arguments)["ok"]
    arguments["blocks"] = json.dumps(changed(card(), "0/text", None))
    assert refusal(web.api_call, "chat.postMessage", params=arguments)["error"] == "invalid_blocks"


def test_a_text_of_more_than_40000_characters_is_cut_with_a_warning(slack, web):
    said = web.chat_postMessage(channel=CHANNEL, text="x" * 40_001)
    assert said["warning"] == "message_truncated"
    assert len(slack.messages()[0].text) == 40_000


def test_an_edit_of_more_than_4000_characters_is_refused(web):
    posted = web.chat_postMessage(channel=CHANNEL, text="x" * 4001)
    edit = {"channel": CHANNEL, "ts": posted["ts"]}
    assert refusal(web.chat_update, **edit, text="x" * 4001)["error"] == "msg_too_long"
    assert web.chat_update(**edit, text="x" * 4000)["ok"]
