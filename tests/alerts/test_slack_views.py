from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import replies
from alerts.home import AlertEntry, BudgetEntry, HomePage
from alerts.model import AlertState, Teaching, Verdict
from alerts.notice import Line
from alerts.render.slack_home import home_view
from alerts.render.slack_views import (
    MAX_NOTE,
    Place,
    dismiss_view,
    list_view,
    notice_view,
    read_place,
    story_view,
    write_place,
)
from alerts.verdicts import preview
from tests.alerts.test_messages import in_state
from tests.builders import NOW, an_alert, full_spike, november, source_stale, spike
from tests.slack_bodies import GOLDEN, is_sound_view, looks_as, parts, texts

PLACE = Place(12, "C024BE91L", "1794550200.000100")
TITLE = "Acme: $1,284 on Thu 12 Nov, 3.9x normal"
STORY = (
    Line("13 Nov 06:10 UTC", "opened, day Thu 12 Nov: told to ops, sent 13 Nov 06:10 UTC"),
    Line("13 Nov 09:12 UTC", "alice acknowledged it (open -> acknowledged): on it"),
)


def previews(alert=None):
    alert = alert or an_alert(full_spike())
    others = [
        an_alert(replace(spike(november(day)), tenant="acme"), number=day) for day in (2, 5, 9)
    ]
    return [preview(alert, each, others, NOW, Teaching(), "Acme") for each in Verdict]


def entries(many):
    states = (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SNOOZED)
    return tuple(
        AlertEntry(number, f"Tenant {number}: $80 on Thu 12 Nov", "warning", states[number % 3])
        for number in range(1, many + 1)
    )


def a_page(**changes):
    values = {
        "alerts": (AlertEntry(12, TITLE, "critical", AlertState.OPEN), *entries(2)),
        "budgets": (
            BudgetEntry("Acme", 0.82, "82 % of $9,000 spent, cap on 21 Nov at this pace"),
            BudgetEntry("Bolt, feature chat", 0.04, "4 % of $1,000 spent"),
            BudgetEntry("Corp", None, "$12.40 spent, where nothing may be spent (cap $0)"),
        ),
        "silences": ("S-3 of ana until 14 Nov 06:10 UTC: Corp, spend spike (load test)",),
        "plans": ("P-2 of ana: Acme, up to $500 a day until Fri 20 Nov (launch)",),
        "health": "all 2 sources speak; Thu 12 Nov is judged",
        "drawn_at": NOW,
        **changes,
    }
    return HomePage(**values)


EMPTY = a_page(alerts=(), budgets=(), silences=(), plans=())
OPENED = in_state(full_spike(), "opened").actions
VIEWS = {
    "dismiss": dismiss_view(PLACE, TITLE, previews()),
    "dismiss_again": dismiss_view(PLACE, TITLE, previews(), "load test", Verdict.EXPECTED),
    "dismiss_what_teaches_nothing": dismiss_view(
        PLACE, "gateway: no usage since Wed 11 Nov", previews(an_alert(source_stale()))
    ),
    "story": story_view(PLACE, TITLE, STORY, OPENED),
    "story_of_nothing": story_view(Place(12), TITLE, ()),
    "list": list_view(entries(3)),
    "list_of_none": list_view(()),
    "notice": notice_view("A-12 was acknowledged by alice on 13 Nov 09:12 UTC; undo that first"),
    "home": home_view(a_page()),
    "home_empty": home_view(EMPTY),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_looks_as_its_golden_file_and_slack_takes_it(name):
    is_sound_view(VIEWS[name])
    looks_as(f"view_{name}", VIEWS[name])


def test_no_golden_file_of_a_view_is_left_over():
    assert {path.stem for path in GOLDEN.glob("view_*")} == {f"view_{name}" for name in VIEWS}


def test_a_note_is_as_long_as_a_reply_may_have_it():
    assert replies.MAX_NOTE == MAX_NOTE
    view = dismiss_view(PLACE, TITLE, previews(), "x" * 5_000)
    element = next(part for part in parts(view) if part.get("action_id") == "note")
    assert element["max_length"] == len(element["initial_value"]) == MAX_NOTE
    is_sound_view(view)


def test_each_verdict_says_what_it_does_and_what_it_would_have_covered():
    read = texts(VIEWS["dismiss"])
    assert "Expected" in read
    assert ": 12 Nov will stay out of Acme's baseline; would have covered none of" in " ".join(read)
    assert any("would have covered 3 of 3 other alerts like it" in text for text in read)


def test_what_every_verdict_does_is_said_once():
    read = texts(VIEWS["dismiss_what_teaches_nothing"])
    assert "Whichever you choose: kept on record, teaches nothing" in read


def test_a_view_remembers_its_alert_and_where_its_message_stands_and_no_more():
    kept = json.loads(VIEWS["dismiss"]["private_metadata"])
    assert kept == {"alert": 12, "channel": "C024BE91L", "ts": "1794550200.000100"}
    assert read_place(write_place(PLACE)) == PLACE


@pytest.mark.parametrize(
    "metadata",
    [
        "", "x", "[]", "{}", '{"alert": "12", "channel": "C1", "ts": "1.2"}',
        '{"alert": true, "channel": "C1", "ts": "1.2"}', '{"alert": 12, "channel": 1, "ts": ""}',
        '{"alert": 12, "channel": "C1"}',
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_not_read(metadata):
    assert read_place(metadata) is None


def test_a_story_is_answered_from_within():
    offered = [part["action_id"] for part in parts(VIEWS["story"]) if "action_id" in part]
    assert offered == ["acknowledge", "dismiss", "snooze"]


def test_a_story_of_empty_lines_says_that_there_is_nothing():
    view = story_view(PLACE, TITLE, [Line("", ""), Line("\u202e", " ")])
    assert "nothing was decided or answered so far" in texts(view)
    is_sound_view(view)


def test_of_a_long_story_the_newest_is_told():
    story = [Line(f"day {day}", "x" * 390) for day in range(1, 101)]
    view = story_view(PLACE, TITLE, story)
    read = texts(view)
    told = sum(text.startswith("day ") for text in read)
    assert "day 100" in read
    assert f"… {100 - told} earlier" in " ".join(read)
    is_sound_view(view)


def test_a_page_of_the_longest_texts_in_any_script_is_not_too_large():
    wide = "\u6771" * 2_000
    rows = tuple(AlertEntry(each, wide, "warning", AlertState.OPEN) for each in range(200))
    budgets = (BudgetEntry(wide, 0.5, wide),) * 300
    is_sound_view(home_view(a_page(alerts=rows, budgets=budgets, silences=(wide,) * 99)))
    is_sound_view(list_view(rows))
    is_sound_view(story_view(PLACE, wide, [Line("x", "y")] * 9_000))
    is_sound_view(story_view(PLACE, wide, [Line(wide, wide)] * 99))


def test_a_long_list_says_how_many_more_there_are():
    view = list_view(entries(120))
    assert texts(view)[-1] == "and 25 more: spendwatch alerts list"
    assert view["title"]["text"] == "120 alerts"
    is_sound_view(view)


def test_a_home_page_of_hundreds_shows_the_first_and_counts_the_rest():
    many = ("one line " * 40,) * 300
    budgets = tuple(BudgetEntry("n" * 300, share / 100, "w" * 2_000) for share in range(300))
    view = home_view(a_page(alerts=entries(300), budgets=budgets, silences=many, plans=many))
    is_sound_view(view)
    read = texts(view)
    assert "and 260 more: spendwatch alerts list" in read
    assert "and 280 more budgets" in read
    assert "and 280 more planned events" in read


def test_an_empty_home_page_says_so_plainly():
    read = texts(VIEWS["home_empty"])
    assert "Nothing waits for you. What needs an answer will appear here." in read
    assert "None of your tenants has a budget yet." in read


def test_when_it_was_drawn_is_shown_in_the_readers_own_time():
    later = home_view(replace(EMPTY, drawn_at=NOW + timedelta(hours=1)))
    (drawn,) = [part for part in parts(later) if part.get("type") == "date"]
    assert drawn["timestamp"] == int(NOW.timestamp()) + 3_600
    assert drawn["fallback"] == "13 Nov 07:10 UTC"
