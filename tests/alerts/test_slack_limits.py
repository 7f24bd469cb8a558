from __future__ import annotations

import pytest

from alerts.render.slack import SlackBody
from alerts.render.slack_limits import problems, view_problems
from alerts.render.slack_parts import (
    actions,
    bullets,
    button,
    header,
    option,
    paragraph,
    plain,
    rich,
    section,
    words,
)

FINE = [header("x")]


def a_button(**changes):
    return button("open", "Open", "12") | changes


def a_menu(options):
    return {"type": "static_select", "action_id": "a", "options": options}


def text(size):
    return {"type": "plain_text", "text": "x" * size}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "header", "text": text(151)}, "block 0: header text: 151, not 1 to 150"),
        ({"type": "header", "text": text(0)}, "block 0: header text: 0, not 1 to 150"),
        ({"type": "section", "text": text(3_001)}, "section text: 3,001, not 1 to 3,000"),
        ({"type": "image"}, "block 0: unknown type image"),
        (actions(a_button(text=text(76)))[0], "button text: 76, not 1 to 75"),
        (actions(a_button(value="x" * 2_001))[0], "button value: 2,001, not 1 to 2,000"),
        (actions(a_button(action_id="x" * 256))[0], "button action_id: 256, not 1 to 255"),
        (actions(a_button(), a_button())[0], "block 0: action_id open is there 2 times"),
        ({"type": "actions", "elements": []}, "actions elements: 0, not 1 to 25"),
        ({"type": "context", "elements": [text(1)] * 11}, "context elements: 11, not 1 to 10"),
        (actions(a_menu([]))[0], "static_select options: 0, not 1 to 100"),
        (actions(a_menu([option("a", "1"), option("b", "1")]))[0], "option 1 is there 2 times"),
        (actions(a_menu([option("a", "x" * 151)]))[0], "option value: 151, not 1 to 150"),
        (rich(section()), "block 0: empty rich_text_section"),
        (rich(bullets([])), "block 0: empty rich_text_list"),
        (rich(), "block 0: empty rich_text"),
        (rich(section(words(""))), "text text: 0, not 1 to 3,000"),
        (
            {"type": "section", "text": {"type": "mrkdwn", "text": "*b*"}},
            "block 0: mrkdwn, in which names are not inert",
        ),
    ],
)
def test_what_slack_refuses_in_one_block_is_said(block, said):
    found = problems(SlackBody("x", [block]))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (SlackBody("", FINE), "text: 0, not 1 to 150"),
        (SlackBody("x" * 151, FINE), "text: 151, not 1 to 150"),
        (SlackBody("x", []), "blocks: 0, not 1 to 10"),
        (SlackBody("x", FINE * 11), "blocks: 11, not 1 to 10"),
        (SlackBody("x", [paragraph("x" * 999)] * 9), "all text: 8,991, not 1 to 8,000"),
        (SlackBody("x", [paragraph('"' * 750)] * 8), "all JSON: 12,839, not 1 to 12,000"),
        (SlackBody("x", [FINE[0] | {"block_id": "a"}] * 2), "block_id a is there 2 times"),
    ],
)
def test_what_slack_refuses_of_a_whole_message_is_said(body, said):
    assert said in problems(body)


def test_a_message_that_slack_takes_has_no_problem_and_an_escape_counts_once():
    assert problems(SlackBody("&lt;" * 150, FINE)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": plain("x" * 25, 30)}, "view: modal title: 25, not 1 to 24"),
        ({"private_metadata": "x" * 3_001}, "view: modal private_metadata: 3,001, not 0 to 3,000"),
        ({"blocks": FINE * 101}, "blocks: 101, not 1 to 100"),
    ],
)
def test_what_slack_refuses_of_a_view_is_said(changes, said):
    view = {"type": "modal", "title": plain("x", 24), "blocks": FINE} | changes
    assert view_problems(view) == [said]


def test_a_view_of_a_quarter_million_characters_is_too_large():
    view = {"type": "home", "blocks": [paragraph("ж" * 999)] * 100}
    assert view_problems(view) == ["all JSON: 610,628, not 1 to 250,000"]
