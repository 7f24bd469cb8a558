"""Digests, quiet hours, reminders and learning of a whole installation, settings to message."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlmodel import select

from alerts import outbox
from alerts.channels.console import ConsoleChannel
from alerts.model import Reason, Verb
from alerts.notice import Notification
from alerts.replies import Answer, answer
from alerts.tables import NotificationRow
from spendwatch import conversion, digests
from spendwatch.db import reading, writing
from spendwatch.jobs import run_cycle
from tests.builders import a_message
from tests.spendwatch.config_files import load, problems
from tests.spendwatch.installations import CONFIG, FIRST, Installation

SPIKE = FIRST + timedelta(days=35)
HOUR, ONE = timedelta(hours=1), timedelta(days=1)


def settings(receiver="", alerts=""):
    """The installation's settings, with a daily digest and whatever else the desk is given."""
    text = CONFIG.replace('digest = "off"\n', f"{receiver}\n")
    return text.replace('receiver = "desk"', f'receiver = "desk"\n{alerts}')


def place_with(folder, receiver="", alerts="", extra=""):
    """A few steady days of acme at about $100, the last of them judged on the morning after."""
    place = Installation(folder, settings(receiver, alerts), extra)
    place.write_days(3, 100, first=SPIKE - 3 * ONE)
    place.judge(SPIKE - ONE)
    return place


@pytest.fixture
def place(tmp_path):
    return place_with(tmp_path)


def at(day, hour, minute=0):
    return datetime.combine(day, time(hour, minute), UTC)


def run(place, now, day=None, receivers=("desk",)):
    """Run a cycle at a moment; return what each receiver was told."""
    place.now = now
    app = place.app()
    channel = ConsoleChannel(place.told, app.clock)
    run_cycle(app, dict.fromkeys(receivers, channel), day)
    return place.read()


def spend(place, cost, day=SPIKE, tenant="acme"):
    place.write_day(day, [f"{tenant},chat,gpt-4o,{cost}"])


def notifications(place):
    with reading(place.app().engine) as session:
        rows = session.exec(select(NotificationRow).order_by(NotificationRow.number)).all()
        return [(row.reason, row.receiver, row.key) for row in rows]


def digests_of(place):
    return [key for reason, _, key in notifications(place) if reason == Reason.DIGEST]


def test_a_fresh_installation_gets_its_first_digest_at_the_first_moment(place):
    assert place.read() == ""
    assert "digest" not in run(place, at(SPIKE, 7, 59))
    told = run(place, at(SPIKE, 8, 1))
    assert "[calm] daily digest to Mon 5 Oct: all quiet" in told
    assert "Judged  1 day: 5 Oct" in told
    assert "by 1 tenant" in told


def test_without_any_judgement_there_is_no_digest(tmp_path):
    place = Installation(tmp_path, settings())
    place.now = at(SPIKE, 9)
    assert digests.write_digests(place.app()) == ()
    assert notifications(place) == []


def test_a_digest_is_written_once_however_often_it_is_due(place):
    run(place, at(SPIKE, 8, 1))
    for minute in (2, 30, 59):
        assert run(place, at(SPIKE, 9, minute)) == ""
    assert digests_of(place) == [f"digest:desk:{SPIKE}"]


def test_fault_52_two_processes_write_a_digest_once(place):
    place.now = at(SPIKE, 8, 1)
    first, second = place.app(), place.app()
    with reading(second.engine) as session:
        due = digests.compose(second, session, ["desk"], place.now)
    assert len(digests.write_digests(first)) == 1
    # The other one has read before the first one wrote.
    late = digests._notification(due[0], SPIKE, place.now)
    assert digests._write_new(second, (late,)) == ()
    assert digests_of(place) == [f"digest:desk:{SPIKE}"]


def test_of_digests_missed_while_nothing_ran_one_is_sent_for_all_days(place):
    run(place, at(SPIKE, 8, 1))
    for step in range(4):
        spend(place, 100 + step, SPIKE + step * ONE)
    told = run(place, at(SPIKE + 4 * ONE, 9))
    assert told.count("] daily digest") == 1
    assert "Judged  4 days: 6 to 9 Oct" in told
    assert digests_of(place) == [f"digest:desk:{SPIKE}", f"digest:desk:{SPIKE + 4 * ONE}"]


def test_each_digest_covers_what_came_since_the_last(place):
    run(place, at(SPIKE, 8, 1))
    spend(place, 400)
    told = run(place, at(SPIKE + ONE, 8, 1))
    assert "daily digest to Tue 6 Oct: 1 alert needs an answer" in told
    assert "Spent   $400 by 1 tenant" in told
    for step in (1, 2):
        spend(place, 100, SPIKE + step * ONE)
        told = run(place, at(SPIKE + (step + 1) * ONE, 8, 1))
    assert "acme: resolved" in told
    assert "daily digest to Thu 8 Oct: all quiet" in told
    assert "came and went" not in told


def test_a_weekly_digest_comes_on_its_day(tmp_path):
    place = place_with(tmp_path, 'digest = "weekly"\ndigest_day = "wednesday"\ndigest_at = "18:30"')
    wednesday = SPIKE + ONE
    spend(place, 100)
    assert "digest" not in run(place, at(wednesday, 18, 29))
    assert "weekly digest to Tue 6 Oct" in run(place, at(wednesday, 18, 30))
    for step in range(6):
        spend(place, 100, wednesday + step * ONE)
    assert run(place, at(wednesday + 6 * ONE, 18, 30)) == ""
    spend(place, 100, wednesday + 6 * ONE)
    told = run(place, at(wednesday + 7 * ONE, 18, 30))
    assert "weekly digest to Tue 13 Oct" in told
    assert "7 days: 7 to 13 Oct" in told


def test_the_moment_is_in_the_receivers_time_zone(tmp_path):
    place = place_with(tmp_path, 'time_zone = "America/New_York"')
    assert "digest" not in run(place, at(SPIKE, 11, 59))
    assert "digest" in run(place, at(SPIKE, 12, 1))


def test_a_digest_that_is_off_is_never_written(tmp_path):
    place = place_with(tmp_path, 'digest = "off"')
    run(place, at(SPIKE + 5 * ONE, 9))
    assert digests_of(place) == []


OTHERS = """
[[receivers]]
kind = "console"
name = "bolt-team"

[[receivers]]
kind = "console"
name = "nobody"

[[tenants]]
id = "bolt"
name = "Bolt Ltd"
receiver = "bolt-team"
"""
BOTH = ("desk", "bolt-team")


def test_fault_94_every_receiver_reads_of_its_own_tenants_alone(tmp_path):
    place = place_with(tmp_path, extra=OTHERS)
    run(place, at(SPIKE, 8, 1), receivers=BOTH)
    place.write_day(SPIKE, ["acme,chat,gpt-4o,400", "bolt,chat,gpt-4o,700"])
    run(place, at(SPIKE + ONE, 8, 1), receivers=BOTH)
    with reading(place.app().engine) as session:
        rows = session.exec(select(NotificationRow).where(NotificationRow.reason == "digest"))
        said = {row.receiver: str(row.message) for row in rows}  # the newest of each
    assert said.keys() == {"desk", "bolt-team"}
    assert "acme" in said["desk"]
    assert "$400 by 1 tenant" in said["desk"]
    assert "Bolt" not in said["desk"]
    assert "bolt" not in said["desk"]
    assert "Bolt Ltd" in said["bolt-team"]
    assert "$700 by 1 tenant" in said["bolt-team"]
    assert "acme" not in said["bolt-team"]


def test_who_is_told_of_nobody_gets_no_digest(tmp_path):
    place = place_with(tmp_path, extra=OTHERS)
    run(place, at(SPIKE, 8, 1), receivers=BOTH)
    assert {receiver for _, receiver, _ in notifications(place)} == {"desk", "bolt-team"}


def test_messages_that_were_given_up_are_in_the_digest(place):
    lost = Notification("k", None, "desk", Reason.NEW, a_message(), place.now)
    with writing(place.app().engine) as session:
        outbox.add_notifications(session, [lost])
        session.exec(select(NotificationRow)).one().state = "dead"
    assert "digest to Mon 5 Oct: 1 message not delivered" in run(place, at(SPIKE, 8, 1))


def test_a_day_that_was_not_judged_is_told_loudly(place):
    run(place, at(SPIKE, 8, 1))
    place.now = at(SPIKE + 2 * ONE, 8, 1)
    digests.write_digests(place.app())
    with reading(place.app().engine) as session:
        rows = session.exec(select(NotificationRow).order_by(NotificationRow.number)).all()
        assert "NO DAY WAS JUDGED since 6 Oct 08:01 UTC" in str(rows[-1].message)
        assert "all quiet" not in str(rows[-1].message)


def test_a_model_without_a_price_makes_the_spend_a_lower_bound(place):
    run(place, at(SPIKE, 8, 1))
    place.write_day(
        SPIKE,
        ["acme,chat,gpt-9,1000,500", "acme,chat,gpt-4o,1000000,0"],
        header="date,tenant,feature,model,prompt_tokens,completion_tokens",
    )
    told = run(place, at(SPIKE + ONE, 8, 1))
    assert "at least $2.50 by 1 tenant" in told


def test_a_digest_looks_back_a_quarter_of_a_year_at_most(place):
    run(place, at(SPIKE, 8, 1))
    told = run(place, at(SPIKE + 300 * ONE, 8, 1))
    assert "Judged  92 days: " in " ".join(told.split("digest")[1:])


def test_a_warning_in_quiet_hours_is_held_back_and_told_once_after_them(tmp_path):
    place = place_with(tmp_path, 'quiet_hours = "22:00-07:30"\ntime_zone = "Europe/Berlin"')
    spend(place, 400)
    morning = SPIKE + ONE
    assert "acme" not in run(place, at(morning, 5))
    shown = place_story(place)
    assert "held back (quiet hours" in shown
    told = run(place, at(morning, 5, 30))
    assert told.count("acme: $400") == 1
    assert "back until now: quiet hours" in told
    for hour in (6, 7, 12):
        assert "acme: $400 on Tue 6 Oct" not in run(place, at(morning, hour)).split("digest")[0]


def test_a_digest_missed_at_its_time_waits_for_the_end_of_the_quiet_hours(tmp_path):
    place = place_with(tmp_path, 'quiet_hours = "22:00-07:30"')
    run(place, at(SPIKE, 8, 1))
    spend(place, 100)
    spend(place, 100, SPIKE + ONE)
    night = SPIKE + 2 * ONE
    assert run(place, at(night, 3)) == ""
    assert run(place, at(night, 7, 29)) == ""
    assert "daily digest to Wed 7 Oct" in run(place, at(night, 7, 30))
    assert "digest" not in run(place, at(night, 7, 45))
    assert digests_of(place) == [f"digest:desk:{SPIKE}", f"digest:desk:{SPIKE + ONE}"]


def test_a_digest_whose_time_lies_in_the_quiet_hours_comes_at_their_end_every_day(tmp_path):
    place = place_with(tmp_path, 'quiet_hours = "22:00-07:00"\ndigest_at = "06:00"')
    for step in (1, 2):
        spend(place, 100, SPIKE + (step - 1) * ONE)
        assert "digest" not in run(place, at(SPIKE + step * ONE, 6, 1))
        assert "daily digest" in run(place, at(SPIKE + step * ONE, 7))


def place_story(place):
    """What `alerts show 1` says was decided."""
    from alerts import store

    with reading(place.app().engine) as session:
        decisions = store.decisions_of(session, 1)
    return " ".join(f"held back ({each.reason} {each.detail})" for each in decisions)


def test_what_is_critical_speaks_in_quiet_hours(tmp_path):
    place = place_with(tmp_path, 'quiet_hours = "00:00-23:59"')
    spend(place, 4_000)
    assert "[critical] acme: $4,000" in run(place, at(SPIKE + ONE, 5))


@pytest.mark.parametrize(
    ("hours", "reminded"), [("24", True), ("25", False), ('"off"', False)], ids=str
)
def test_what_nobody_answered_is_told_once_more(tmp_path, hours, reminded):
    place = place_with(tmp_path, 'digest = "off"', f"reminder_hours = {hours}")
    spend(place, 400)
    spend(place, 400, SPIKE + ONE)
    first = at(SPIKE + ONE, 7)
    assert "acme: $400" in run(place, first)
    told = run(place, first + 24 * HOUR)
    assert ("acme: still unanswered" in told) is reminded
    assert "unanswered" not in run(place, first + 24 * HOUR + HOUR / 2)


def test_what_was_answered_is_not_told_once_more(tmp_path):
    place = place_with(tmp_path, 'digest = "off"')
    spend(place, 400)
    spend(place, 400, SPIKE + ONE)
    run(place, at(SPIKE + ONE, 7))
    app = place.app()
    with writing(app.engine) as session:
        given = Answer(Verb.ACKNOWLEDGE, "ana")
        answer(session, 1, given, app.clock(), conversion.teaching(app.settings))
    assert "unanswered" not in run(place, at(SPIKE + 2 * ONE, 9))


def test_the_first_spike_of_a_learning_installation_goes_to_the_digest_alone(tmp_path):
    place = Installation(tmp_path, settings(alerts="learning_days = 2"))
    place.write_days(3, 100, first=SPIKE - 3 * ONE)
    spend(place, 400)
    assert run(place, at(SPIKE + ONE, 7)) == ""
    told = run(place, at(SPIKE + ONE, 8, 1))
    assert "daily digest to Tue 6 Oct: 1 held back" in told
    assert "(learning)" in told
    spend(place, 400, SPIKE + ONE, "bolt")
    assert "bolt" not in run(place, at(SPIKE + 2 * ONE, 7))


def test_after_learning_a_spike_speaks(tmp_path):
    place = place_with(tmp_path, alerts="learning_days = 1")
    spend(place, 400)
    assert "acme: $400" in run(place, at(SPIKE + ONE, 7))


def test_more_news_than_the_settings_allow_is_one_message(tmp_path):
    place = place_with(tmp_path, alerts='group_above = 2\nreminder_hours = "off"')
    run(place, at(SPIKE, 8, 1))
    place.write_day(SPIKE, [f"new-{number},chat,gpt-4o,90" for number in range(3)])
    told = run(place, at(SPIKE + ONE, 7))
    assert "alerts at once" in told
    assert "[warning] new-1" not in told
    told = run(place, at(SPIKE + ONE, 8, 1))
    assert "daily digest to Tue 6 Oct: 3 alerts need an answer" in told
    assert "Held back" not in told


def test_a_digest_moved_to_a_later_hour_is_not_written_again_that_day(place):
    run(place, at(SPIKE, 8, 1))
    place.config.write_text(settings('digest_at = "10:00"'), encoding="utf-8")
    assert run(place, at(SPIKE, 10, 1)) == ""
    assert "digest" in run(place, at(SPIKE + ONE, 10, 1))


def test_the_command_shows_the_digest_and_sends_nothing(place, capsys):
    run(place, at(SPIKE, 8, 1))
    before = notifications(place)
    (shown,) = place.json(capsys, "digest")
    assert (shown["receiver"], shown["every"]) == ("desk", "daily")
    assert shown["since"].startswith(f"{SPIKE}T08:01")
    assert notifications(place) == before
    assert place.run("digest", "--receiver", "desk") == 0
    assert "\n  for desk\n" in capsys.readouterr().out


def test_the_command_shows_every_receiver_that_is_told_of_somebody(tmp_path, capsys):
    place = place_with(tmp_path, extra=OTHERS)
    capsys.readouterr()
    assert place.run("digest") == 0
    out = capsys.readouterr().out
    assert "  for desk\n\n" in out
    assert "  for bolt-team\n" in out
    assert "for nobody" not in out


def test_the_command_before_any_judgement_says_so(tmp_path, capsys):
    place = Installation(tmp_path, settings('digest = "off"'))
    assert place.run("digest") == 0
    assert "[warning] digest: NO DAY WAS EVER JUDGED" in capsys.readouterr().out


def test_an_unknown_receiver_is_refused_with_the_nearest(place, capsys):
    assert place.run("digest", "--receiver", "dask") == 2
    assert "did you mean desk?" in capsys.readouterr().err


RECEIVER = '[[receivers]]\nkind = "console"\nname = "ops"\n'


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("quiet_hours", '"22-7"', 'two different times of day such as "22:00-07:00", or "off"'),
        ("quiet_hours", '"22:00-24:00"', "two different times of day"),
        ("quiet_hours", '"08:00-08:00"', "two different times of day"),
        ("quiet_hours", "7", "two different times of day"),
        ("time_zone", '"Berlin"', "did you mean Europe/Berlin?"),
        ("digest", '"hourly"', "daily"),
        ("digest_at", '"8:00"', 'must be a time of day such as "08:00", not'),
        ("digest_at", "8", "must be a time of day"),
        ("digest_day", '"Monday"', "monday"),
    ],
)
def test_fault_5_a_wrong_setting_of_a_receiver_is_refused_with_its_line(
    tmp_path, key, value, words
):
    (problem,) = problems(tmp_path, f"{RECEIVER}{key} = {value}\n")
    assert problem.startswith(f"config.toml:4: receivers[0].{key}: ")
    assert words in problem


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("reminder_hours", "0", 'must be a whole number from 1 to 720 or "off", not 0'),
        ("reminder_hours", '"never"', 'or "off"'),
        ("group_above", "0", "must be a whole number from 1 to 1000"),
        ("learning_days", "-1", "must be a whole number from 0 to 365"),
    ],
)
def test_a_wrong_setting_of_alerts_is_refused_with_its_range(tmp_path, key, value, words):
    enough = f'{RECEIVER}[alerts]\nreceiver = "ops"\n{key} = {value}\n'
    (problem,) = problems(tmp_path, "", enough=enough)
    assert problem.startswith(f"config.toml:6: alerts.{key}: ")
    assert words in problem


def test_a_receiver_takes_the_time_zone_of_the_service(tmp_path):
    found = load(tmp_path, '[service]\ntime_zone = "Asia/Tokyo"\n')
    assert found.receivers[0].time_zone == "Asia/Tokyo"
    wrong = problems(tmp_path, '[service]\ntime_zone = "Tokio"\n')
    assert len(wrong) == 1


def test_the_environment_can_switch_reminders_off(tmp_path):
    found = load(tmp_path, "", {"SPENDWATCH_ALERTS__REMINDER_HOURS": "off"})
    assert conversion.alert_rules(found).remind_after is None
    found = load(tmp_path, "", {"SPENDWATCH_ALERTS__REMINDER_HOURS": "12"})
    assert conversion.alert_rules(found).remind_after == 12 * HOUR
