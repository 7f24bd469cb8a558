from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.home import AlertEntry, BudgetEntry, HomePage
from alerts.messages import alert_message
from alerts.model import AlertState, Change, Verb, Verdict
from alerts.names import safe_name
from alerts.notice import Action, Line, Message
from alerts.render.slack import escaped, render_plain, render_slack
from alerts.render.slack_home import home_view
from alerts.render.slack_views import Place, dismiss_view, list_view, notice_view, story_view
from alerts.verdicts import Preview
from tests.alerts.test_names import HOSTILE
from tests.builders import NOW, a_reply, an_alert, driver, full_spike
from tests.slack_bodies import is_sound, is_sound_view, parts, texts

NAMES = [
    *HOSTILE,
    "_i_",
    "~s~",
    "`code`",
    "```block```",
    "https://evil.example/?a=1&b=2",
    "<https://evil.example|Sign in>",
    "&lt;!channel&gt;",
    "&amp;lt;",
    "<!subteam^S1|x>",
    "<!date^0^{date}|x>",
    ":rotating_light: @here @channel #general",
    "\u202e<!here>\u202c",
    "a" + "\u0489" * 200,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
    '\\"}]}',
]
LIVE = re.compile(r"[<>]|&(?!amp;|lt;|gt;)|(?<!\w)[*_~`]|[*_~`](?!\w)")
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def named(name):
    """A message with one name in every place where a name can stand."""
    finding = full_spike(tenant="t", drivers=(driver(name, name, 1, 900, volume=899),))
    reply = a_reply(Verb.DISMISS, Verdict.EXPECTED, name, actor=name)
    alert = an_alert(finding, state=AlertState.DISMISSED)
    effect = f"12 Nov will stay out of {safe_name(name)}'s baseline"
    return alert_message(alert, Change.UNCHANGED, {"t": name}, reply=reply, effect=effect)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_fault_92_a_hostile_name_is_inert_and_readable_in_slack(name):
    message = named(name)
    body = render_slack(message, 12)
    is_sound(body)
    assert {part["type"] for part in parts(body.blocks) if "text" in part} >= {"text", "header"}
    assert safe_name(name)[:40] in body.blocks[0]["text"]["text"]
    assert any(safe_name(name)[:40] in text for text in texts(body.blocks)[1:])


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_fault_92_a_hostile_name_is_inert_where_slack_reads_markup(name):
    message = named(name)
    for said in (render_slack(message, 12).text, render_plain(message)):
        assert LIVE.search(said) is None
        assert len(said) <= 3_500


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_fault_92_a_hostile_name_is_inert_in_every_view(name):
    seen = [Preview(each, "m", f"{name} stays out", (), 0, f", {name}") for each in Verdict]
    entry = AlertEntry(12, name, "critical", AlertState.OPEN)
    place = Place(12, "C1", "1.2")
    for view in (
        dismiss_view(place, name, seen, name),
        story_view(place, name, [Line(name, name)] * 3, named(name).actions),
        list_view([entry] * 3),
        notice_view(name, name),
        home_view(HomePage((entry,), (BudgetEntry(name, 1.0, name),), (name,), (name,), name, NOW)),
    ):
        is_sound_view(view)


def test_a_word_with_marks_inside_stays_as_it_is():
    assert escaped("acme_prod_2 a*b 3~4") == "acme_prod_2 a*b 3~4"


anything = st.text(max_size=300) | st.sampled_from(NAMES)
actions = st.builds(
    Action,
    label=anything,
    command=anything,
    verb=st.none() | st.sampled_from(Verb),
    undoes=st.none() | st.integers(min_value=1),
)
messages = st.builds(
    Message,
    tone=st.sampled_from(["critical", "warning", "notice", "calm"]),
    title=anything,
    lines=st.lists(st.builds(Line, label=anything, text=anything), max_size=30).map(tuple),
    actions=st.lists(actions, max_size=8).map(tuple),
    reference=anything,
    owner=anything | st.just("x" * 20_000) | st.from_regex(r"[UW][A-Z0-9]{6,40}"),
    state=st.none() | st.sampled_from(AlertState),
    about=st.lists(st.integers(min_value=1), max_size=3).map(tuple),
)


@MANY
@given(messages, st.none() | st.integers(min_value=1, max_value=10**12))
def test_any_message_is_within_all_limits(message, number):
    body = render_slack(message, number)
    is_sound(body)
    assert LIVE.search(body.text) is None


@MANY
@given(messages)
def test_any_message_can_be_told_without_blocks(message):
    said = render_plain(message)
    assert LIVE.search(said) is None
    assert len(said) <= 3_500
