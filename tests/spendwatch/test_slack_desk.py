"""What people do in the strict local Slack, through the real SDK, to a real database."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event, Thread

import pytest

from alerts.model import AlertState, Verb, Verdict
from alerts.tables import PostingRow
from spendwatch.db import writing
from tests.builders import november, spike
from tests.spendwatch.slack_office import listening

BEN, CHANNEL = "U0BEN", "C0ALERTS"


@pytest.fixture
def office(tmp_path, slack):
    with listening(tmp_path, slack) as office:
        yield office


@pytest.fixture
def told(office):
    office.tell()
    return office


def shown(office, words):
    """Wait until the first message says so."""
    office.slack.wait_until(lambda _local: words in str(office.root.blocks))


def test_an_acknowledgement_is_stored_and_the_same_message_shows_who_has_it(told):
    pressed = told.press("acknowledge")
    assert (pressed.acked, pressed.failed) == (True, None)
    (reply,) = told.replies()
    assert (reply.verb, reply.actor, told.alert().state) == (
        Verb.ACKNOWLEDGE, "ana (U0ANA)", AlertState.ACKNOWLEDGED,
    )  # fmt: skip
    shown(told, "ana (U0ANA) acknowledged it")
    assert told.root.text.startswith("[critical] Acme: acknowledged, $1,284")
    assert told.buttons() == ["dismiss", "undo", "open"]
    assert len(told.slack.posted()) == 1
    assert told.slack.rejections() == []


def test_an_answer_is_taken_back_by_the_button_that_appears(told):
    told.press("acknowledge")
    shown(told, "acknowledged it")
    told.press("undo")
    told.slack.wait_until(lambda _local: "acknowledge" in told.buttons())
    assert told.alert().state is AlertState.OPEN
    assert [reply.verb for reply in told.replies()] == [Verb.ACKNOWLEDGE, Verb.UNDO]


def test_a_snooze_is_chosen_from_the_menu(told):
    told.press("snooze", choice="1:4")
    assert told.alert().state is AlertState.SNOOZED
    assert (told.alert().snoozed_until - told.place.now).total_seconds() == 4 * 3600
    shown(told, "snoozed it")


def test_a_dismissal_asks_why_says_what_that_teaches_and_is_stored(told):
    told.press("dismiss")
    (view,) = told.slack.wait_until(lambda local: local.views(local.ana))
    words = json.dumps(view.body)
    assert "will stay out of Acme's baseline" in words
    assert "Acme's floor rises to $1,192 until 13 Dec" in words
    told.slack.submit(view.id, {"verdict": "expected", "note": "a load test"})
    (reply,) = told.replies()
    assert (reply.verdict, reply.note) == (Verdict.EXPECTED, "a load test")
    shown(told, "dismissed it as expected")
    assert told.slack.views(told.slack.ana) == []
    assert told.slack.rejections() == []


def test_open_shows_the_whole_story_with_the_answers_it_takes(told):
    told.press("open")
    (view,) = told.slack.wait_until(lambda local: local.views(local.ana))
    assert "told to ops, sent" in str(view.body)
    told.slack.press_in_view(view.id, "acknowledge")
    assert told.alert().state is AlertState.ACKNOWLEDGED
    told.slack.wait_until(
        lambda local: "ana (U0ANA) acknowledged it" in str(local.views(local.ana)[0].body)
    )
    assert "'acknowledge'" not in str(told.slack.views(told.slack.ana)[0].body)
    shown(told, "acknowledged it")


def test_the_home_page_shows_what_waits_for_a_person(told):
    told.slack.open_home()
    home = told.slack.wait_until(lambda local: local.home(local.ana))
    assert "A-1 Acme: $1,284" in str(home.body)
    assert told.slack.rejections() == []


def test_the_owner_of_a_tenant_answers_for_it_and_for_nobody_else(office):
    told = office
    told.tell(spike(), spike(tenant="corp"))
    told.press("acknowledge", user=BEN)
    assert told.alert(1).state is AlertState.ACKNOWLEDGED
    other = next(each for each in told.slack.posted() if "Corp" in each.text)
    told.slack.press(told.slack.channel, other.ts, "acknowledge", user=BEN)
    told.slack.wait_until(lambda _local: told.said_to(BEN))
    assert told.alert(2).state is AlertState.OPEN
    assert "not yours to answer" in told.said_to(BEN)[-1]


def test_a_member_of_a_group_that_may_answer_does(tmp_path, slack):
    slack.add_user("U0CLEO", "cleo")
    slack.add_group("S0ONCALL", ["U0CLEO"])
    with listening(tmp_path, slack, may_answer=["S0ONCALL"]) as office:
        office.tell()
        office.press("acknowledge", user="U0CLEO")
        assert office.replies()[0].actor == "cleo (U0CLEO)"


def test_a_slow_slack_keeps_no_member_of_a_group_that_is_known_from_answering(tmp_path, slack):
    slack.add_group("S0ONCALL", [slack.ana])
    with listening(tmp_path, slack, may_answer=["S0ONCALL"]) as office:
        office.tell()
        slack.open_home()
        slack.wait_until(lambda local: local.home(local.ana))
        office.desk.allowed.steady = lambda: time.monotonic() + 1_000
        slack.fault("delay", "usergroups.users.list", count=9, seconds=5, commit=True)
        assert office.press("acknowledge").failed is None
        assert office.alert().state is AlertState.ACKNOWLEDGED


def test_a_group_that_slack_cannot_tell_of_is_asked_for_once_and_not_for_each_alert(
    tmp_path, slack
):
    with listening(tmp_path, slack, may_answer=["S0NONE"]) as office:
        office.tell(*(spike(tenant=f"tenant-{number}") for number in range(30)))
        slack.open_home()
        slack.wait_until(lambda local: local.home(local.ana))
        assert len(slack.requests("usergroups.users.list")) == 1


def test_whoever_is_refused_on_the_home_page_is_told_there(told):
    told.slack.open_home()
    home = told.slack.wait_until(lambda local: local.home(local.ana))
    told.slack.press_in_view(home.id, "open", overrides={"actions": [{"value": "77"}]})
    (view,) = told.slack.wait_until(lambda local: local.views(local.ana))
    assert "not yours to answer" in str(view.body)


def test_what_takes_long_to_show_keeps_no_answer_from_being_taken(told):
    told.slack.fault("delay", "chat.postEphemeral", count=9, seconds=4, commit=True)
    foreign = {"actions": [{"value": "77"}]}
    with ThreadPoolExecutor(9) as people:
        list(people.map(lambda _: told.press("acknowledge", overrides=foreign), range(9)))
    assert told.press("acknowledge").failed is None
    assert told.alert().state is AlertState.ACKNOWLEDGED


def test_fault_72_the_same_envelope_twice_has_one_effect(told):
    told.press("acknowledge", times=2)
    assert len(told.replies()) == 1


def test_fault_73_a_second_press_of_the_same_person_changes_nothing_and_says_nothing(told):
    told.press("acknowledge")
    told.press("acknowledge", stale=True)
    shown(told, "acknowledged it")
    assert len(told.replies()) == 1
    assert told.said_to("U0ANA") == []


def test_fault_74_of_two_people_the_second_is_told_who_was_first(tmp_path, slack):
    with listening(tmp_path, slack, may_answer=[slack.ana, slack.ben]) as office:
        office.tell()
        office.press("acknowledge")
        office.press("acknowledge", user=BEN, stale=True)
        slack.wait_until(lambda _local: office.said_to(BEN))
        assert "already acknowledged, by ana (U0ANA)" in office.said_to(BEN)[0]
        assert len(office.replies()) == 1


def test_fault_75_an_old_button_of_what_is_over_reopens_nothing_and_says_so(told):
    for day in (13, 14):
        told.tell_nothing(november(day))
    told.press("acknowledge", stale=True)
    told.slack.wait_until(lambda _local: told.said_to("U0ANA"))
    assert "already resolved" in told.said_to("U0ANA")[0]
    assert told.alert().state is AlertState.RESOLVED


@pytest.mark.parametrize(
    "overrides",
    [
        {"user": {"id": "U0STRANGER"}},
        {"team": {"id": "T0OTHER"}},
        {"user": {"team_id": "T0GUEST"}},
        {"api_app_id": "A0OTHER"},
    ],
    ids=["not allowed", "other workspace", "guest", "other app"],
)
def test_fault_77_whoever_may_not_answer_is_refused_privately(told, overrides):
    told.press("acknowledge", overrides=overrides, wait=True)
    told.slack.wait_until(lambda _local: "slack_deed_refused" in told.events())
    assert told.replies() == ()
    assert len(told.slack.posted()) == 1
    assert "acknowledged" not in told.root.text


@pytest.mark.parametrize("value", ["2", "999999999999999999"])
def test_fault_78_an_alert_that_is_not_there_is_refused_like_one_that_is_somebody_elses(
    told, value
):
    told.press("acknowledge", overrides={"actions": [{"value": value}]})
    (said,) = told.slack.wait_until(lambda _local: told.said_to("U0ANA"))
    assert said == "this alert is not known here, or it is not yours to answer"


@pytest.mark.parametrize(
    "more",
    [
        {"overrides": {"actions": [{"value": "1; drop"}]}},
        {"overrides": {"actions": [{"action_id": "launch"}]}},
        {"overrides": {"actions": [{"value": "x" * 100_000}]}},
        {"overrides": {"actions": []}},
        {"without": ["user"]},
        {"without": ["actions"]},
        {"without": ["team"]},
    ],
)
def test_fault_79_a_payload_that_was_tampered_with_is_acknowledged_and_does_nothing(told, more):
    assert told.press("acknowledge", **more).acks
    assert told.replies() == ()
    assert "slack_deed_failed" not in told.events()
    assert told.press("acknowledge").acked, "the next one works"


def test_fault_80_while_the_database_is_held_nobody_is_shown_a_false_tick(told, tmp_path):
    with closing(sqlite3.connect(tmp_path / "spendwatch.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        pressed = told.press("acknowledge")
        took_s = time.monotonic() - begun
        foreign.execute("ROLLBACK")
    assert pressed.failed is None
    assert took_s < 3
    told.slack.wait_until(lambda _local: told.said_to("U0ANA"))
    assert told.said_to("U0ANA") == ["not saved, try again"]
    assert told.replies() == ()
    assert "acknowledged" not in told.root.text


def test_fault_80_five_people_at_once_are_all_told_in_time_that_nothing_could_be_saved(
    office, tmp_path
):
    told = office
    told.tell(*(spike(tenant=f"tenant-{number}") for number in range(5)))
    with closing(sqlite3.connect(tmp_path / "spendwatch.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(5) as people:
            roots = [each.ts for each in told.slack.posted()]
            pressed = [*people.map(lambda ts: told.slack.press(CHANNEL, ts, "acknowledge"), roots)]
        foreign.execute("ROLLBACK")
    assert [each.failed for each in pressed] == [None] * 5


def test_an_answer_gets_in_between_while_the_service_writes_without_a_pause(told):
    ended = Event()

    def write():
        while not ended.is_set():
            with writing(told.app.engine) as session:
                session.connection().exec_driver_sql("UPDATE alert SET severity = severity")
                time.sleep(0.15)

    writers = [Thread(target=write) for _ in range(3)]
    for each in writers:
        each.start()
    try:
        pressed = [told.press("acknowledge", stale=True) for _ in range(8)]
    finally:
        ended.set()
        for each in writers:
            each.join()
    assert [each.failed for each in pressed] == [None] * 8
    assert "slack_answer_not_saved" not in told.events()
    assert told.alert().state is AlertState.ACKNOWLEDGED


def test_fault_80_a_form_that_could_not_be_saved_stays_open_and_says_so(told, tmp_path):
    told.press("dismiss")
    (view,) = told.slack.wait_until(lambda local: local.views(local.ana))
    with closing(sqlite3.connect(tmp_path / "spendwatch.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        told.slack.submit(view.id, {"verdict": "expected", "note": ""})
        foreign.execute("ROLLBACK")
    (still,) = told.slack.views(told.slack.ana)
    assert "not saved, try again" in str(still.errors)
    assert told.replies() == ()


def test_fault_81_a_trigger_that_ran_out_gets_words_instead_of_a_form(told):
    told.slack.fault("error", "views.open", error="expired_trigger_id")
    told.press("dismiss")
    (said,) = told.slack.wait_until(lambda _local: told.said_to("U0ANA"))
    assert "spendwatch alerts dismiss 1" in said


@pytest.mark.parametrize(
    ("note", "words"),
    [("x" * 1_001, "at most 1,000"), ("   ", "nothing to be read"), ("\u200b", "nothing to be")],
)
def test_fault_82_a_senseless_note_is_refused_below_its_field(told, note, words):
    told.press("dismiss")
    (view,) = told.slack.wait_until(lambda local: local.views(local.ana))
    told.slack.submit(view.id, {"verdict": "expected", "note": note})
    (still,) = told.slack.views(told.slack.ana)
    assert words in still.errors["note"]
    assert told.replies() == ()


def test_fault_82_a_form_that_is_sent_twice_counts_once_and_takes_an_emoji(told):
    told.press("dismiss")
    (view,) = told.slack.wait_until(lambda local: local.views(local.ana))
    told.slack.submit(view.id, {"verdict": "expected", "note": "🎉"}, times=2)
    assert [reply.note for reply in told.replies()] == ["🎉"]


def test_fault_83_a_menu_offers_no_time_of_its_own_making(told):
    for value in ("1:0", "1:99999", "1"):
        told.press("snooze", choice="1:4", overrides={
            "actions": [{"selected_option": {"value": value}}]})  # fmt: skip
    assert told.replies() == ()


def test_fault_84_an_answer_older_than_a_week_is_not_taken_back(told):
    told.press("acknowledge")
    shown(told, "acknowledged it")
    told.wait(days=8)
    told.press("undo")
    told.slack.wait_until(lambda _local: told.said_to("U0ANA"))
    assert "7 days" in told.said_to("U0ANA")[0]
    assert told.alert().state is AlertState.ACKNOWLEDGED


def test_fault_85_an_answer_keeps_the_name_and_the_id_of_whoever_gave_it(told):
    told.press("acknowledge", overrides={"user": {"name": "ana.lopez"}})
    assert told.replies()[0].actor == "ana.lopez (U0ANA)"


def test_a_click_tells_where_the_message_is_when_nothing_here_knows(told):
    with writing(told.app.engine) as session:
        session.delete(session.get(PostingRow, (1, "ops")))
    told.press("acknowledge")
    shown(told, "acknowledged it")


def test_more_than_five_at_once_are_one_message_with_its_list_below_and_a_button_to_each(office):
    office.tell(*(spike(tenant=f"tenant-{number}") for number in range(7)))
    (head, listed) = office.slack.posted()
    assert head.text == "[critical] 7 alerts at once on Thu 12 Nov: 7 spend spikes"
    assert listed.thread_ts == head.ts
    assert all(f"tenant-{number}: $1,284" in str(listed.blocks) for number in range(7))
    office.press("list")
    (view,) = office.slack.wait_until(lambda local: local.views(local.ana))
    assert str(view.body).count("'Open'") == 7
    office.slack.press_in_view(view.id, "open")
    office.slack.wait_until(lambda local: len(local.views(local.ana)) == 2)
    assert office.slack.rejections() == []


def test_fault_68_ten_thousand_alerts_of_one_run_are_at_most_six_posts(office):
    office.tell(*(spike(tenant=f"tenant-{number:05d}") for number in range(10_000)))
    posted = office.slack.posted()
    assert posted[0].text.startswith("[critical] 10,000 alerts at once")
    assert len(posted) <= 6
    assert "more" in str(posted[-1].blocks)
    assert office.slack.ratelimited == 0
    assert office.deliver().sent == 0
