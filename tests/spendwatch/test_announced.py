"""What silences and planned events hold back in the cycles that follow, and what comes after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerts import announcements, store
from alerts.model import Change, Reason
from detector.model import Severity
from spendwatch.app import system_clock
from spendwatch.db import reading, writing
from tests.alerts.test_holds import plan, silence
from tests.spendwatch.installations import CONFIG, FIRST, Installation

ONE = timedelta(days=1)
SPIKE = FIRST + 35 * ONE
DESK = 'name = "desk"\n'
# No digest: whatever is read here was told of an alert.
ALERTS_ALONE = CONFIG.replace('digest = "off"\n', "").replace(DESK, f'{DESK}digest = "off"\n')
SILENCE = """
[[silences]]
tenant = "ACME"
kind = "spend-spike"
severity = "warning"
until = 2026-10-08T00:00:00
comment = "load test"
"""
PLAN = """
[[planned_events]]
tenant = "acme"
first_day = 2026-10-06
last_day = 2026-10-07
ceiling = 500
comment = "migration"
"""
ADD = ("silence", "add", "--comment", "migration")


def steady(folder, first=FIRST, **options):
    """35 steady days of acme at about $100, all judged and nothing told."""
    place = Installation(folder, config=ALERTS_ALONE, **options)
    place.write_days(35, 100, first=first)
    place.judge(first + 34 * ONE)
    assert place.read() == ""
    return place


def spend(place, day, cost):
    """Let acme spend and judge the day; return what was told."""
    place.write_day(day, [f"acme,chat,gpt-4o,{cost}"])
    place.judge(day)
    return place.read()


def announce(place, announced, store_it=announcements.add_silence):
    with writing(place.app().engine) as session:
        store_it(session, announced, place.now)


def silenced(place, lasting, **changes):
    """Silence acme from now on, for so long."""
    begin, end = place.now - ONE, place.now + lasting
    announce(place, replace(silence(**changes), starts_at=begin, ends_at=end))


def decisions(place, number=1):
    with reading(place.app().engine) as session:
        found = store.decisions_of(session, number)
    return [(each.change, each.reason, each.notified) for each in found]


def printed(place, capsys, *arguments):
    capsys.readouterr()
    assert place.run(*arguments) == 0
    return capsys.readouterr().out


def test_a_silenced_spike_is_told_once_the_silence_ends_and_still_holds(tmp_path):
    place = steady(tmp_path)
    silenced(place, 3 * ONE)
    assert spend(place, SPIKE, 400) == ""
    assert decisions(place) == [(Change.OPENED, Reason.SILENCED, False)]
    assert spend(place, SPIKE + ONE, 400) == ""
    told = spend(place, SPIKE + 2 * ONE, 400)
    assert told.count("acme: $400") == 1
    assert "Held     back until now: silenced" in told
    assert decisions(place)[-1] == (Change.RELEASED, Reason.NEW, True)
    place.judge(SPIKE + 2 * ONE)
    assert place.read() == ""


def test_a_decision_says_which_silence_held_it_back_and_why(tmp_path):
    place = steady(tmp_path)
    silenced(place, 9 * ONE)
    spend(place, SPIKE, 400)
    with reading(place.app().engine) as session:
        (decision,) = store.decisions_of(session, 1)
    assert decision.detail.startswith("S-1 by alice, until ")
    assert decision.detail.endswith(": migration")


def test_a_spike_that_ends_while_it_is_silenced_is_never_told(tmp_path):
    place = steady(tmp_path)
    silenced(place, 4 * ONE)
    assert spend(place, SPIKE, 400) == ""
    told = [spend(place, SPIKE + step * ONE, 100) for step in range(1, 8)]
    assert "".join(told) == ""
    assert not any(notified for _, _, notified in decisions(place))


def test_a_silence_of_one_severity_lets_a_graver_spike_through(tmp_path):
    place = steady(tmp_path)
    silenced(place, 9 * ONE, severity=Severity.WARNING)
    assert spend(place, SPIKE, 400) == ""
    assert "[critical] acme: $900" in spend(place, SPIKE + ONE, 900)


def test_the_preview_counts_what_was_told_in_the_last_thirty_days(tmp_path, capsys):
    first = (system_clock() - 40 * ONE).date()
    place = steady(tmp_path, first)
    spend(place, first + 35 * ONE, 400)
    seen = place.json(capsys, *ADD, "--kind", "spend-spike", "--for", "4h", "--preview")
    assert seen["preview"] == {
        "told": 1, "held_back": 1, "kinds": {"spend spike": 1}, "newest": ["A-1"],
    }  # fmt: skip
    words = printed(place, capsys, *ADD, "--tenant", "a*", "--for", "4h", "--preview")
    assert "would have held back 1 of 1 message of the last 30 days: 1 spend spike" in words
    assert "newest: A-1 spend spike acme" in words
    words = printed(place, capsys, *ADD, "--severity", "notice", "--for", "4h", "--preview")
    assert "would have held back none of 1 message of the last 30 days\n" in words


def test_planned_spend_is_told_once_and_only_above_its_ceiling(tmp_path, capsys):
    tomorrow = system_clock().date() + ONE
    place = steady(tmp_path, tomorrow - 35 * ONE)
    money = ("--ceiling", "500", "--comment", "migration")
    span = ("--from", str(tomorrow), "--to", str(tomorrow + 2 * ONE))
    words = printed(place, capsys, "planned", "add", "--tenant", "acme", *span, *money)
    assert "P-1: up to $500 a day are planned for acme from " in words
    assert spend(place, tomorrow, 450) == ""
    assert decisions(place) == [(Change.OPENED, Reason.PLANNED, False)]
    told = spend(place, tomorrow + ONE, 900)
    assert told.count("acme: $900") == 1
    assert "$500 a day was planned until " in told
    assert "(migration); this is $400 above it" in told.replace("\n           ", " ")
    assert "Held     back until now: planned" in told
    place.judge(tomorrow + ONE)
    assert place.read() == ""


def planned(folder, days):
    """Steady days, all judged, and a plan of $500 a day for those that come next."""
    place = steady(folder)
    last = SPIKE + (days - 1) * ONE
    announce(place, plan(SPIKE, last, ceiling=500), announcements.add_planned_event)
    return place


def test_a_plan_that_begins_today_can_be_taken_back_as_if_it_had_never_been(tmp_path, capsys):
    place = planned(tmp_path, days=1)
    words = printed(place, capsys, "planned", "end", "1", "--as", "bob")
    assert (
        words
        == "P-1 taken back by bob: none of its days was judged yet, none is planned any more\n"
    )
    assert "acme: $450" in spend(place, SPIKE, 450)


def test_a_plan_that_is_ended_keeps_what_was_judged_and_no_day_more(tmp_path, capsys):
    place = planned(tmp_path, days=9)
    assert spend(place, SPIKE, 450) == ""
    words = printed(place, capsys, "planned", "end", "1", "--as", "bob")
    assert words == "P-1 ended by bob: Tue 6 Oct was judged and is its last day\n"
    place.judge(SPIKE)
    assert place.read() == "", "what was held back as planned stays so"
    assert "acme: $450" in spend(place, SPIKE + ONE, 450)


def test_a_plan_can_be_ended_until_its_last_day_is_judged(tmp_path, capsys):
    place = planned(tmp_path, days=2)
    announce(place, plan(SPIKE, ceiling=500), announcements.add_planned_event)
    spend(place, SPIKE, 100)
    ended = place.json(capsys, "planned", "end", "1", "--as", "bob")
    assert (ended["last_day"], ended["state"]) == (str(SPIKE), "ended by bob")
    assert place.run("planned", "end", "2") == 1
    assert "P-2 is over: its last day, Tue 6 Oct, was judged" in capsys.readouterr().err


def test_the_preview_of_a_plan_shows_which_spikes_its_ceiling_would_have_held_back(
    tmp_path, capsys
):
    today = system_clock().date()
    place = steady(tmp_path, today - 40 * ONE)
    spend(place, today - 5 * ONE, 400)
    asked = ("planned", "add", "--tenant", "acme", "--comment", "x", "--from", str(today + ONE))
    words = printed(place, capsys, *asked, "--ceiling", "400", "--preview")
    assert "would have held back 1 of 1 message of the last 30 days: 1 spend spike" in words
    assert "newest: A-1 spend spike acme" in words
    words = printed(place, capsys, *asked, "--ceiling", "399", "--preview")
    assert "would have held back none of 1 message of the last 30 days\n" in words
    facts = place.json(capsys, *asked, "--ceiling", "400")
    assert (facts["stored"], facts["preview"]["newest"]) == (True, ["A-1"])


def test_planned_spend_that_ends_within_its_ceiling_is_never_told(tmp_path):
    place = steady(tmp_path)
    announce(place, plan(SPIKE, SPIKE + ONE, ceiling=500), announcements.add_planned_event)
    told = [spend(place, SPIKE + step * ONE, 450 if step < 2 else 100) for step in range(6)]
    assert "".join(told) == ""


def test_planned_days_stay_out_of_the_next_baseline_spike_or_not(tmp_path):
    place = steady(tmp_path)
    announce(place, plan(SPIKE, SPIKE + ONE, ceiling=500), announcements.add_planned_event)
    spend(place, SPIKE, 450)
    spend(place, SPIKE + ONE, 100)
    told = spend(place, SPIKE + 2 * ONE, 400)
    assert "28 of 30 days; 2 left out: 6 and 7 Oct planned: migration" in told.replace(
        "\n           ", " "
    )


def test_an_answer_about_a_planned_day_is_named_before_the_plan(tmp_path):
    place = steady(tmp_path)
    announce(place, plan(SPIKE, ceiling=200), announcements.add_planned_event)
    spend(place, SPIKE, 400)
    assert place.run("alerts", "dismiss", "1", "--verdict", "real") == 0
    for step in (1, 2):
        spend(place, SPIKE + step * ONE, 100)
    told = spend(place, SPIKE + 3 * ONE, 400)
    assert "1 left out: 6 Oct dismissed as real" in told.replace("\n           ", " ")


def test_a_silence_of_the_settings_holds_back_and_expires_by_itself(tmp_path):
    place = steady(tmp_path, extra=SILENCE)
    assert spend(place, SPIKE, 400) == ""
    assert decisions(place) == [(Change.OPENED, Reason.SILENCED, False)]
    assert spend(place, SPIKE + ONE, 400).count("acme: $400") == 1


def test_a_planned_event_of_the_settings_holds_back_up_to_its_ceiling(tmp_path):
    place = steady(tmp_path, extra=PLAN)
    assert spend(place, SPIKE, 500) == ""
    assert "$500 a day was planned until Wed 7 Oct" in spend(place, SPIKE + ONE, 501)
