"""What users of other tools complained about, and what we do instead; the thread is named in each.

The threads are GitHub issues of the named project; what they say is put in our own words.
"""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest

from alerts import store
from alerts.model import AlertState
from spendwatch.db import reading
from spendwatch.jobs import tell
from tests.fakes import RecordingChannel
from tests.spendwatch.installations import FIRST, Installation

SPIKE = FIRST + timedelta(days=35)
BUDGET = """
[[tenants]]
id = "acme"
[[tenants.budgets]]
cap = 1000
thresholds = [50]
forecast_thresholds = []
"""


def day(step):
    return FIRST + timedelta(days=step)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """What `steady` is a copy of."""
    return steady_place(tmp_path_factory.mktemp("lived"))


@pytest.fixture
def steady(lived, tmp_path):
    """35 steady days of acme at about $100, judged, with nothing told."""
    return lived.copy(tmp_path / "steady")


def steady_place(folder, extra=""):
    place = Installation(folder, extra=extra)
    place.write_days(35, 100)
    place.judge(day(34))
    place.read()
    return place


def spend(place, step, cost):
    place.write_day(day(step), [f"acme,chat,gpt-4o,{cost}"])
    place.judge(day(step))
    return place.read()


def state(place, number=1):
    with reading(place.app().engine) as session:
        return store.get_alert(session, number).state


def test_litellm_3738_a_budget_over_its_threshold_is_not_told_with_every_look(tmp_path):
    """ "budget alert sent on each request": an alert stays active until it is solved."""
    place = Installation(tmp_path, extra=BUDGET)
    told = [spend(place, step, 100) for step in range(12)]
    assert [index for index, words in enumerate(told) if "50 % threshold crossed" in words] == [4]


def test_litellm_16185_a_budget_alert_that_fired_once_fires_again_in_the_next_period(tmp_path):
    """An alert that was sent in one month never came again."""
    place = Installation(tmp_path, extra=f'{BUDGET}period = "weekly"\n')
    told = [spend(place, step, 100) for step in range(14)]  # weeks begin on 7 and 14 September
    spoke = [day(index) for index, words in enumerate(told) if "50 % threshold crossed" in words]
    assert spoke == [date(2026, 9, 5), date(2026, 9, 11)]


def test_nodejs_docs_samples_1536_looking_every_twenty_minutes_tells_once(steady):
    """Budget messages came every 20 minutes, and there was no way to acknowledge them."""
    assert "acme: $400" in spend(steady, 35, 400)
    for _ in range(6):
        steady.judge(SPIKE)
    assert steady.read() == ""


def test_acmon_29_what_became_true_while_nothing_ran_is_told_and_what_did_not_change_is_not(steady):
    """After a restart: unchanged is silent, newly true must be told."""
    assert "A-1" in spend(steady, 35, 400)
    for step, cost in ((36, 400), (37, 700)):
        steady.write_day(day(step), [f"acme,chat,gpt-4o,{cost}"])
    steady.judge(day(37))  # two days later, from a program that was started anew
    words = steady.read()
    assert words.count("worse, $700") == 1
    assert "$400 on" not in words


def test_service_checker_57_what_ended_while_nothing_ran_is_told_to_be_over(steady):
    """After a restart no all-clear was sent."""
    spend(steady, 35, 400)
    for step in range(36, 39):
        steady.write_day(day(step), ["acme,chat,gpt-4o,100"])
    steady.judge(day(38))
    assert steady.read().count("resolved, spend is normal again") == 1


def test_oncall_3161_an_acknowledgement_that_comes_after_the_end_does_not_open_it_again(steady):
    """An acknowledgement landed after the automatic resolve and re-opened the alert."""
    spend(steady, 35, 400)
    for step in (36, 37):
        spend(steady, step, 100)
    assert state(steady) is AlertState.RESOLVED
    assert steady.run("alerts", "ack", "1") == 0
    assert state(steady) is AlertState.RESOLVED
    assert spend(steady, 38, 100) == ""


def test_fault_76_an_end_and_an_acknowledgement_at_the_same_moment_end_it_and_keep_the_answer(
    steady, capsys
):
    """The same thread, as a race: whoever comes first, nothing is lost and nothing re-opened."""
    spend(steady, 35, 400)
    spend(steady, 36, 100)
    steady.write_day(day(37), ["acme,chat,gpt-4o,100"])
    start, codes = threading.Barrier(2), []

    def acknowledge():
        start.wait()
        codes.append(steady.run("alerts", "ack", "1", "--as", "aiko"))

    person = threading.Thread(target=acknowledge)
    person.start()
    start.wait()
    steady.judge(day(37))
    person.join()
    assert codes == [0]
    assert state(steady) is AlertState.RESOLVED
    story = steady.json(capsys, "alerts", "why", "1")
    assert [each["actor"] for each in story if each["what"] == "acknowledge"] == ["aiko"]


def test_keep_5270_a_snooze_ends_by_itself_even_if_no_job_notes_it(steady, capsys):
    """What was dismissed until a time stayed hidden for ever: nothing expired it."""
    spend(steady, 35, 400)
    assert steady.run("alerts", "snooze", "1", "--for", "2h") == 0
    (hidden,) = steady.json(capsys, "alerts", "list")
    assert hidden["state"] == "snoozed"
    steady.now += timedelta(days=60)  # a later run of the same day: only time has passed
    steady.judge(SPIKE)
    assert steady.read().count("snooze over, $400") == 1
    (shown,) = steady.json(capsys, "alerts", "list")
    assert shown["state"] == "open"


def test_kubecost_2257_every_tenant_that_spikes_is_told_not_only_the_first(tmp_path):
    """With one webhook for all, only one alert was ever sent."""
    place = Installation(tmp_path)
    for step in range(36):
        wobble = step % 3 - 1
        cost = (400, 300) if step == 35 else (100 + wobble, 50 + wobble)
        rows = [f"acme,chat,gpt-4o,{cost[0]}", f"bolt,chat,gpt-4o,{cost[1]}"]
        place.write_day(day(step), rows)
    place.judge(day(35))
    words = place.read()
    assert words.count("acme: $400") == 1
    assert words.count("bolt: $300") == 1


def test_grafana_14515_a_silent_source_is_one_alert_and_not_one_for_everything_it_feeds(tmp_path):
    """ "Datasource down" was wanted once; every rule on it fired."""
    place = Installation(tmp_path)
    tenants = [f"tenant-{number}" for number in range(20)]
    for step in range(35):
        place.write_day(day(step), [f"{name},chat,gpt-4o,{100 + step % 3}" for name in tenants])
    place.judge(day(34))
    place.read()
    place.judge(day(35))
    words = place.read()
    assert words.count("source gateway: silent") == 1
    assert not any(name in words for name in tenants)


def test_oncall_3870_who_has_acknowledged_is_not_reminded(steady):
    """Reminders went out for alerts somebody was already working on."""
    spend(steady, 35, 400)
    assert steady.run("alerts", "ack", "1") == 0
    steady.now += timedelta(days=3)
    steady.judge(SPIKE)
    assert steady.read() == ""


def test_quota_monitor_235_two_deliveries_at_once_send_one_copy(steady):
    """Twelve copies of the same message arrived."""
    steady.write_day(SPIKE, ["acme,chat,gpt-4o,400"])
    app = steady.app()
    channel = RecordingChannel(app.clock)
    channel.fails = ["the receiver is busy"]
    steady.judge_with({"desk": channel}, SPIKE)
    assert channel.sent == []
    steady.now += timedelta(hours=1)
    both = [threading.Thread(target=tell, args=(app, {"desk": channel})) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert [each.message.title[:10] for each in channel.sent] == ["acme: $400"]
