"""The first run: history is pulled and judged, goes on after a kill, and only today speaks."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date, timedelta
from itertools import chain
from pathlib import Path

import pytest

from alerts import store
from alerts.model import AlertState
from detector.history import consecutive_days
from detector.sources.base import SourceError, Window
from detector.tables import JUDGED_DAY
from spendwatch.backfilling import days_to_backfill, days_to_judge, judge_history, pull_history
from spendwatch.db import reading
from spendwatch.digests import compose
from spendwatch.jobs import run_cycle
from spendwatch.situation import learning_until
from tests.fakes import RecordingChannel
from tests.spendwatch.apps import (
    DAY,
    NOW,
    ONE,
    FakeSource,
    an_app,
    costs,
    price,
    table,
    tenant,
    used,
)
from tests.spendwatch.watched import HOUR, day_of, watching

ROOT = Path(__file__).parents[2]
FIRST = DAY - 44 * ONE
ALL = Window(FIRST, DAY)


def filled(folder, text="", spend=None):
    """A service that has pulled nothing yet; its gateway holds 45 days of acme."""
    app = watching(an_app(folder, text))
    for step, day in enumerate(consecutive_days(FIRST, DAY)):
        usd = (spend or {}).get((DAY - day).days, 100 + step % 3)
        for hour in (1, 23):
            app.gateway.arrive(
                day_of(day, usd=usd / 2, hour=hour), at=day_of(day, hour=23).start_at
            )
    return app


def backfilled(app, window=ALL):
    """What `spendwatch backfill` does, without its words."""
    days = days_to_backfill(app, app.gateway, window)
    if days:
        pull_history(app, app.gateway, days)
    return list(judge_history(app, days_to_judge(app, window)))


def told(app):
    return [message.title for message in messages(app)]


def messages(app):
    channel = RecordingChannel(app.clock)
    run_cycle(app, {"desk": channel})
    return [each.message for each in channel.sent]


def alerts_of(app):
    with reading(app.engine) as session:
        return store.list_alerts(session)


def judged_days(app):
    with reading(app.engine) as session:
        rows = session.connection().execute(JUDGED_DAY.select().order_by(JUDGED_DAY.c.day)).all()
    return {row.day: row.silently for row in rows}


def test_stretches_that_meet_inside_local_days_ask_and_count_each_day_once(tmp_path):
    text = tenant("acme", "Asia/Tokyo") + tenant("bolt", "America/Phoenix")
    app = watching(an_app(tmp_path, text))
    first, last = DAY - 13 * ONE, DAY - ONE
    for day in consecutive_days(first - ONE, last + ONE):
        rows = [day_of(day, who, 1, hour=hour) for hour in range(24) for who in ("acme", "bolt")]
        app.gateway.arrive(*rows, at=day_of(day, hour=23).start_at)
    report = pull_history(app, app.gateway, consecutive_days(first, last))
    asked = [consecutive_days(each.first_day, each.last_day) for each in app.gateway.asked]
    assert sorted(chain(*asked)) == list(consecutive_days(first - ONE, last + ONE))
    assert (report.added, report.revised) == (26, 0)
    assert costs(app) == {
        (who, -step): 24_000_000 for who in ("acme", "bolt") for step in range(1, 14)
    }


def test_a_day_that_begins_before_the_first_row_is_counted_as_far_as_it_is_known(tmp_path):
    app = watching(an_app(tmp_path, tenant("bolt", "America/Phoenix")))
    last = DAY - 5 * ONE
    app.gateway.arrive(*(day_of(last + ONE, "bolt", 1, hour=hour) for hour in range(24)))
    pull_history(app, app.gateway, consecutive_days(last - 9 * ONE, last + 5 * ONE))
    assert costs(app) == {("bolt", -5): 7_000_000, ("bolt", -4): 17_000_000}


def test_every_day_is_pulled_and_counted_once(tmp_path):
    app, steps = filled(tmp_path), []
    days = days_to_backfill(app, app.gateway, ALL)
    pull_history(app, app.gateway, days, on_step=steps.append)
    assert sorted(steps) == [day.isoformat() for day in consecutive_days(FIRST, DAY)]
    assert len(costs(app)) == 45


def test_days_that_hold_nothing_are_counted_too(tmp_path):
    app, steps = filled(tmp_path), []
    app.gateway.rows = [
        each for each in app.gateway.rows if each[1].start_at.date() >= DAY - 9 * ONE
    ]
    pull_history(app, app.gateway, consecutive_days(FIRST, DAY), on_step=steps.append)
    assert len(steps) == 45


def test_days_that_are_whole_and_final_are_not_asked_again(tmp_path):
    app = filled(tmp_path)
    backfilled(app)
    assert days_to_backfill(app, app.gateway, ALL) == (DAY - ONE, DAY)


def test_a_partial_day_is_asked_again(tmp_path):
    app = filled(tmp_path)
    app.gateway.partial = {DAY - 20 * ONE}
    backfilled(app)
    assert DAY - 20 * ONE in days_to_backfill(app, app.gateway, ALL)


def test_a_day_pulled_before_it_was_final_is_asked_again(tmp_path):
    app = filled(tmp_path)
    app.clock.now = NOW - 10 * ONE
    backfilled(app, Window(FIRST, DAY - 10 * ONE))
    app.clock.now = NOW
    wanted = days_to_backfill(app, app.gateway, Window(FIRST, DAY - 9 * ONE))
    assert wanted == (DAY - 11 * ONE, DAY - 10 * ONE, DAY - 9 * ONE)


def test_a_source_that_cannot_tell_late_days_is_asked_for_every_day_again(tmp_path):
    app, source = an_app(tmp_path), FakeSource(used(), used(DAY - ONE))
    for _ in range(2):
        days = days_to_backfill(app, source, Window(DAY - ONE, DAY))
        pull_history(app, source, days)
    assert source.asked == [Window(DAY - ONE, DAY)] * 2


KILLED = """
import os, signal, sys
from pathlib import Path
from spendwatch.backfilling import days_to_backfill, days_to_judge, judge_history, pull_history
from tests.spendwatch.test_backfilling import ALL, filled

app, die_at, part = filled(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
steps = []

def step(words):
    steps.append(words)
    if len(steps) == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

days = days_to_backfill(app, app.gateway, ALL)
pull_history(app, app.gateway, days, on_step=step if part == "pull" else lambda _words: None)
list(judge_history(app, days_to_judge(app, ALL), step))
"""


def killed(folder, die_at, part):
    command = [sys.executable, "-c", KILLED, str(folder), str(die_at), part]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("die_at", [1, 23, 44])
def test_fault_51_a_backfill_that_was_killed_goes_on_where_it_stopped(tmp_path, die_at):
    killed(tmp_path / "killed", die_at, "pull")
    app = filled(tmp_path / "killed")
    backfilled(app)
    asked = app.gateway.days_asked()
    whole = filled(tmp_path / "whole")
    backfilled(whole)
    assert costs(app) == costs(whole)
    # Newest first, five days at a time: of those that were done only the two that are not final.
    done = [day for day in consecutive_days(FIRST, DAY) if day > DAY - (die_at // 5) * 5 * ONE]
    again = [day for day in done if day >= DAY - ONE]
    assert asked == sorted({*consecutive_days(FIRST, DAY)} - {*done} | {*again})


def test_fault_51_judging_history_that_was_killed_goes_on_where_it_stopped(tmp_path):
    killed(tmp_path, 20, "judge")
    app = filled(tmp_path)
    assert len(judged_days(app)) == 19
    assert len(backfilled(app)) == 45 - 19
    assert list(judged_days(app)) == list(consecutive_days(FIRST, DAY))


def test_history_is_judged_in_silence(tmp_path):
    app = filled(tmp_path, spend={20: 400, 19: 5, 9: 500})
    backfilled(app)
    assert {alert.state for alert in alerts_of(app)} == {AlertState.RESOLVED}
    assert len(alerts_of(app)) >= 2
    assert told(app) == []
    assert judged_days(app)[DAY] is False
    assert judged_days(app)[DAY - ONE] is True


def test_only_what_is_open_today_speaks_and_says_since_when(tmp_path):
    app = filled(tmp_path, spend={20: 150, 1: 300, 0: 900})
    backfilled(app)
    (message,) = messages(app)
    assert message.title.startswith("acme: $900 on Thu 12 Nov")
    found = {line.label: line.text for line in message.lines}
    assert found["Found"] == "in history that was judged in silence; it lasts until today"
    assert not {"Late", "Held"} & found.keys()
    assert alerts_of(app)[0].days == (DAY - ONE, DAY)


def test_the_first_digest_does_not_tell_history(tmp_path):
    app = filled(tmp_path, spend={20: 400, 5: 500})
    app.clock.now = NOW
    backfilled(app)
    with reading(app.engine) as session:
        (digest,) = compose(app, session, ["desk"], app.clock())
    assert digest.interim.ended == ()
    assert digest.interim.held == ()


def test_a_price_that_changed_long_ago_is_no_news(tmp_path):
    app = filled(tmp_path)
    rates = {"input": "3", "cached_input": "1", "output": "10"}
    changed = DAY - 20 * ONE
    prices = table(price(day=date(2024, 1, 1)), price(day=changed, rates=rates))
    app = watching(an_app(tmp_path, prices=prices, clock=app.clock), app.gateway)
    backfilled(app)
    assert not any(alert.kind == "price change" for alert in alerts_of(app))


def test_learning_begins_with_the_first_day_that_was_judged_for_people(tmp_path):
    app = filled(tmp_path, "\nlearning_days = 7\n")
    backfilled(app)
    with reading(app.engine) as session:
        assert learning_until(app, session) == DAY + 7 * ONE


def test_history_before_a_running_service_is_judged_and_its_own_days_are_left_to_it(tmp_path):
    app = filled(tmp_path)
    app.clock.now = NOW - 3 * ONE
    told(app)
    app.clock.now = NOW
    judged = backfilled(app)
    assert [each.judgement.day for each in judged] == list(consecutive_days(FIRST, DAY - 4 * ONE))
    assert DAY not in judged_days(app)


def test_a_day_of_history_that_changes_is_judged_again_and_stays_history(tmp_path):
    app = filled(tmp_path)
    backfilled(app)
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 10 * ONE, usd=1))
    told(app)
    assert judged_days(app)[DAY - 10 * ONE] is True


def test_history_is_not_judged_before_all_of_it_is_there(tmp_path):
    app = filled(tmp_path)
    app.gateway.fails = [DAY - 9 * ONE]
    with pytest.raises(SourceError):
        backfilled(app)
    assert judged_days(app) == {}
    backfilled(app)
    assert len(judged_days(app)) == 45


def test_rows_that_arrive_during_a_backfill_are_seen_by_the_first_cycle(tmp_path):
    app = filled(tmp_path)

    def meanwhile(_row):
        app.gateway.on_row = lambda _row: None
        app.clock.move(timedelta(minutes=10))
        app.gateway.arrive(day_of(DAY, usd=7, hour=2), day_of(DAY - 30 * ONE, usd=7, hour=2))

    app.gateway.on_row = meanwhile
    backfilled(app)
    told(app)
    assert (costs(app)["acme", 0], costs(app)["acme", -30]) == (109_000_000, 109_000_000)
