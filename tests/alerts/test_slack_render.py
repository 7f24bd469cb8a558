from __future__ import annotations

from dataclasses import asdict

import pytest

from alerts.digest import digest_message
from alerts.grouping import group_message
from alerts.model import AlertState, Verb
from alerts.notice import Action, Line
from alerts.render.slack import read_value, render_plain, render_slack
from alerts.render.slack_limits import unescaped
from alerts.service_words import stopped_message
from detector.model import FindingKind
from tests.alerts import test_digest, test_grouping, test_messages
from tests.alerts.test_messages import in_state
from tests.builders import DAY, NAMES, a_message, full_spike
from tests.slack_bodies import GOLDEN, is_sound, looks_as, parts, texts


def groups():
    for name, changes in test_grouping.CASES.items():
        flood = [
            each
            for each in test_grouping.FLOOD
            if name == "new" or each.kind is not FindingKind.PRICE_CHANGE
        ]
        news = test_grouping.news_of(flood, changes)
        yield f"group_{name}", (group_message(news, DAY, NAMES), None)


def digests():
    for name, (interim, who) in test_digest.CASES.items():
        yield f"digest_{name}", (digest_message(interim, test_digest.reader(**who)), None)


def of_one_alert():
    for finding, state in test_messages.CASES:
        name = f"{finding.kind.value.replace(' ', '_')}_{state}"
        yield name, (in_state(finding, state), 12)


CASES = dict([*of_one_alert(), *groups(), *digests()])
CASES["stopped"] = (stopped_message("the disk is full"), None)


@pytest.mark.parametrize("name", CASES)
def test_every_message_looks_as_its_golden_file_and_slack_takes_it(name):
    message, number = CASES[name]
    body = render_slack(message, number)
    is_sound(body)
    looks_as(f"message_{name}", asdict(body) | {"without_blocks": render_plain(message)})


def test_no_golden_file_of_a_message_is_left_over():
    wanted = {f"message_{name}" for name in CASES}
    assert {path.stem for path in GOLDEN.glob("message_*")} == wanted


def buttons(body):
    return {part["action_id"]: part for part in parts(body.blocks) if "action_id" in part}


def headline(body):
    return body.blocks[0]["text"]["text"]


@pytest.mark.parametrize(
    ("tone", "state", "icon"),
    [
        ("critical", None, "🔴"),
        ("critical", AlertState.OPEN, "🔴"),
        ("warning", AlertState.OPEN, "🟠"),
        ("notice", None, "🔵"),
        ("calm", AlertState.RESOLVED, "🟢"),
        ("critical", AlertState.ACKNOWLEDGED, "🟡"),
        ("warning", AlertState.SNOOZED, "🟡"),
        ("critical", AlertState.DISMISSED, "⚪"),
    ],
)
def test_the_circle_tells_how_grave_it_is_or_that_it_was_answered(tone, state, icon):
    message = a_message(tone=tone, state=state)
    assert headline(render_slack(message, 12)) == f"{icon} {message.title}"


def test_an_open_alert_takes_three_answers_and_can_be_opened():
    offered = buttons(render_slack(in_state(full_spike(), "opened"), 12))
    assert list(offered) == ["acknowledge", "dismiss", "snooze", "open"]
    assert offered["acknowledge"]["style"] == "primary"
    assert offered["dismiss"]["text"]["text"] == "Dismiss…"
    hours = [read_value(each["value"]) for each in offered["snooze"]["options"]]
    assert hours == [(12, 1), (12, 4), (12, 24), (12, 72), (12, 168)]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("acknowledged", {"dismiss": "Dismiss…", "undo": "Take it back"}),
        ("dismissed", {"dismiss": "Change the verdict…", "undo": "Take it back"}),
        ("resolved", {"dismiss": "Say why…"}),
    ],
)
def test_an_answered_alert_takes_what_it_still_takes(state, said):
    offered = buttons(render_slack(in_state(full_spike(), state), 12))
    assert {name: each["text"]["text"] for name, each in offered.items()} == {
        **said,
        "open": "Open",
    }


@pytest.mark.parametrize(("undoes", "value"), [(7, (12, 7)), (None, (12, None))])
def test_an_undo_names_the_reply_that_it_takes_back(undoes, value):
    take_back = Action("take it back", "spendwatch alerts undo 12", Verb.UNDO, undoes)
    body = render_slack(a_message(actions=(take_back,)), 12)
    assert read_value(buttons(body)["undo"]["value"]) == value


def test_of_two_actions_that_give_the_same_answer_there_is_one_button():
    twice = (Action("dismiss", "a", Verb.DISMISS), Action("say why", "b", Verb.DISMISS))
    body = render_slack(a_message(actions=twice), 12)
    assert buttons(body)["dismiss"]["text"]["text"] == "Dismiss…"
    is_sound(body)


def test_an_action_without_a_label_is_called_by_its_answer():
    body = render_slack(a_message(actions=(Action("", "a", Verb.UNDO),)), 12)
    assert buttons(body)["undo"]["text"]["text"] == "Undo"


@pytest.mark.parametrize(("about", "said"), [((12, 13), "See them"), ((12,), "See it")])
def test_a_message_about_many_takes_no_answer_but_shows_them(about, said):
    answers = in_state(full_spike(), "opened").actions
    offered = buttons(render_slack(a_message(actions=answers, about=about), None))
    assert {name: each["text"]["text"] for name, each in offered.items()} == {"list": said}


def test_a_message_about_no_alert_has_no_buttons():
    body = render_slack(a_message(), None)
    assert [block["type"] for block in body.blocks] == ["header", "rich_text", "context"]


@pytest.mark.parametrize("owner", ["U024BE7LH", "W012A3CDE"])
def test_an_owner_who_is_a_member_is_mentioned_after_the_first_line(owner):
    body = render_slack(a_message(owner=owner, lines=(Line("What", "a"), Line("Why", "b"))), 12)
    assert body.blocks[1]["elements"][0]["elements"][-2:] == [
        {"type": "text", "text": " for "},
        {"type": "user", "user_id": owner},
    ]
    is_sound(body)


@pytest.mark.parametrize(
    "owner", ["aiko@example.com", "<!channel>", "<@U024BE7LH>", "U02", "u024be7lh", "S024BE7LH"]
)
def test_anybody_else_is_named_and_not_mentioned(owner):
    body = render_slack(a_message(owner=owner), 12)
    assert body.blocks[1]["elements"][0]["elements"][-1] == {
        "type": "text",
        "text": f" for {owner}",
    }
    assert "user" not in {part.get("type") for part in parts(body.blocks)}


def test_an_owner_is_called_where_there_is_no_line_at_all():
    body = render_slack(a_message(owner="U024BE7LH", lines=()), 12)
    assert {"type": "user", "user_id": "U024BE7LH"} in list(parts(body.blocks))


def test_a_message_without_lines_is_its_title_and_reference():
    bare = render_slack(a_message(lines=(), actions=()), None)
    assert [block["type"] for block in bare.blocks] == ["header", "context"]
    is_sound(bare)


def test_a_line_of_nothing_is_left_out_and_one_without_a_label_stands_alone():
    lines = (Line("", "alone"), Line("", ""), Line("Why", ""), Line("When", "now"))
    body = render_slack(a_message(lines=lines), 12)
    assert texts(body.blocks)[1:6] == ["alone", "Why", "\n", "When", " now"]


def layout(lines):
    """What stands below the first line: paragraphs as text, lists as lists of text."""
    body = render_slack(a_message(lines=(Line("What", "x"), *lines), actions=()), None)
    return [
        [texts(item)[0] for item in each["elements"]]
        if each["type"] == "rich_text_list"
        else "".join(texts(each))
        for each in body.blocks[2]["elements"]
    ]


def test_neighbours_with_the_same_label_are_a_list_below_it():
    lines = [Line("Spent", "$5"), Line("Open", "A-1"), Line("Open", "A-2"), Line("Over", "none")]
    assert layout(lines) == ["Spent $5\nOpen", ["A-1", "A-2"], "Over none"]


def test_lines_without_a_label_go_on_with_the_list_of_the_one_before():
    assert layout([Line("Held", "2"), Line("", "A-1"), Line("", "A-2")]) == [
        "Held 2",
        ["A-1", "A-2"],
    ]
    assert layout([Line("", "A-1"), Line("", "A-2")]) == [["A-1", "A-2"]]
    assert layout([Line("Open", "A-1"), Line("Open", ""), Line("", "A-3")]) == [
        "Open",
        ["A-1", "A-3"],
    ]


def test_what_is_too_long_loses_lines_from_its_end_and_says_how_many():
    lines = tuple(Line(f"L{place}", "word " * 150) for place in range(20))
    body = render_slack(a_message(lines=lines), 12)
    is_sound(body)
    read = texts(body.blocks)
    kept = sum(text.startswith("L") for text in read)
    assert 8 <= kept < 20
    assert f"… and {20 - kept} more lines" in read
    assert read[-1] == "A-12, spend spike, open"


def test_of_hundreds_of_lines_the_rest_is_counted():
    body = render_slack(a_message(lines=(Line("", "x"),) * 150), 12)
    assert "… and 50 more lines" in texts(body.blocks)


def test_a_long_title_is_cut_and_its_line_for_phones_is_cut_before_it_is_escaped():
    body = render_slack(a_message(title="<&>" * 100), 12)
    assert len(headline(body)) <= 150
    assert unescaped(body.text).startswith("[warning] <&><&>")
    assert len(unescaped(body.text)) == 150
    assert body.text.endswith("…")


def test_without_blocks_the_commands_stand_for_the_buttons():
    said = render_plain(in_state(full_spike(), "opened")).splitlines()
    assert said[0] == "[critical] Acme: $1,284 on Thu 12 Nov, 3.9x normal"
    assert "acknowledge: spendwatch alerts ack 12" in said
    assert said[-1] == "A-12, spend spike, open"


def test_without_blocks_what_is_too_long_loses_its_lines_first():
    message = a_message(lines=tuple(Line("L", "<" * 300) for _ in range(20)))
    said = render_plain(message)
    assert len(said) <= 3_500
    assert said.splitlines()[-3:] == [
        "…",
        "look closer: spendwatch alerts show 12",
        "A-12, spend spike, open",
    ]


@pytest.mark.parametrize("value", ["", "x", "12:", ":4", "12:4:1", "-1", "1.5", "١٢", "9" * 19])
def test_a_value_that_no_button_holds_is_not_read(value):
    assert read_value(value) is None
