"""What is not all there is not believed, and what changes later is told as a revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from alerts import store
from alerts.model import AlertState
from alerts.render.text import render_text
from detector.model import FindingKind
from detector.sources.base import SourceError
from detector.telemetry import api_days
from spendwatch.db import reading
from spendwatch.jobs import pull_due_days, run_cycle
from tests.detector.ledgers import revisions
from tests.fakes import RecordingChannel
from tests.spendwatch.apps import DAY, NOW, ONE, an_app, costs, pulls, wholes
from tests.spendwatch.watched import HOUR, day_of, watching

BUDGET = """
[[tenants]]
id = "acme"
[[tenants.budgets]]
cap = "1530.00"
period = "monthly"
thresholds = [80]
forecast_thresholds = []
"""


class Days:
    """Mornings of a service with a scripted gateway; what was told can be read."""

    def __init__(self, folder, text="", tenants=("acme",), **usage):
        self.app = watching(an_app(folder, text))
        self.gateway, self.clock = self.app.gateway, self.app.clock
        self.channel = RecordingChannel(self.clock)
        for step in range(1, 36):
            for who in tenants:
                self.used(DAY - step * ONE, who, 100 + step % 3, **usage)
        self.clock.now = NOW - ONE
        self.cycle()
        assert self.titles() == []
        self.clock.now = NOW

    def used(self, day, who="acme", usd=100, hours=(1, 23), **changes):
        """Use of a day, spread over some hours; there an hour after the last of them."""
        for hour in hours:
            row = day_of(day, who, usd / len(hours), hour=hour, **changes)
            self.gateway.arrive(row, at=day_of(day, hour=23).start_at + HOUR)

    def cycle(self):
        self.clock.now += timedelta(seconds=1)
        return run_cycle(self.app, {"desk": self.channel})

    def late(self, day, who="acme", usd=60, hour=13):
        """Rows reach the log store only now."""
        self.clock.move(6 * HOUR)
        self.gateway.arrive(day_of(day, who, usd, hour=hour))

    def titles(self):
        told = [each.message.title for each in self.channel.sent]
        self.channel.sent.clear()
        return told

    def texts(self):
        told = [render_text(each.message, colour=False) for each in self.channel.sent]
        self.channel.sent.clear()
        return "\n".join(told)

    def alerts(self, kind=None):
        with reading(self.app.engine) as session:
            return [each for each in store.list_alerts(session) if kind in (None, each.kind)]


@pytest.fixture
def days(tmp_path):
    return Days(tmp_path)


# Revisions


def test_fault_22_a_judged_day_that_grows_is_told_once_as_what_it_was_and_is_now(days):
    days.used(DAY, usd=300)
    days.cycle()
    assert days.titles() == ["acme: $300 on Thu 12 Nov, 3x normal"]
    days.late(DAY)
    days.cycle()
    assert " ".join(days.texts().split()).count("Was $300, now $360: 12 Nov was judged again") == 1
    days.cycle()
    assert days.titles() == []
    assert [row.micro_usd for row in revisions(days.app.engine)] == [300_000_000]


def test_rows_that_come_too_late_for_a_normal_day_raise_an_alert_of_it(days):
    days.used(DAY)
    days.cycle()
    assert days.titles() == []
    days.late(DAY, usd=300)
    days.cycle()
    assert days.titles() == ["acme: $400 on Thu 12 Nov, 4x normal"]


def test_a_drop_that_late_rows_explain_is_withdrawn(days):
    days.used(DAY, usd=20)
    days.cycle()
    assert days.titles() == ["acme: only $20 on Thu 12 Nov, 80 % below normal"]
    days.late(DAY, usd=80)
    days.cycle()
    (told,) = days.titles()
    assert told == "acme: withdrawn, Thu 12 Nov was $20, now $100"
    assert days.alerts()[0].state is AlertState.RESOLVED


def test_late_rows_of_an_older_judged_day_are_told_too(days):
    days.used(DAY, usd=300)
    days.cycle()
    for step in range(1, 7):
        days.clock.now = NOW + step * ONE
        days.used(DAY + step * ONE)
        days.cycle()
    days.titles()
    days.late(DAY, usd=120)
    days.cycle()
    assert costs(days.app)["acme", 0] == 420_000_000
    assert [row.micro_usd for row in revisions(days.app.engine)] == [300_000_000]
    assert days.alerts()[0].abnormal[0].actual_micro_usd == 420_000_000


def test_a_budget_crossed_by_late_rows_is_told_once(tmp_path):
    days = Days(tmp_path, BUDGET)
    days.used(DAY)
    days.cycle()
    assert days.titles() == []
    days.late(DAY - ONE, usd=20)
    days.cycle()
    assert len(days.alerts(FindingKind.BUDGET_THRESHOLD)) == 1
    (told,) = days.titles()
    assert told.startswith("acme: 81 % of $1,530 spent")
    days.cycle()
    assert days.titles() == []


# Partial days


def test_fault_25_a_rise_on_a_partial_day_is_told(days):
    days.gateway.partial = {DAY}
    days.used(DAY, usd=300)
    days.cycle()
    assert days.titles() == ["acme: $300 on Thu 12 Nov, 3x normal"]
    assert wholes(days.app)[0] is False


def test_fault_25_a_drop_on_a_partial_day_is_not_told_until_the_day_is_whole(days):
    days.gateway.partial = {DAY}
    days.used(DAY, usd=20)
    days.cycle()
    assert days.titles() == []
    days.gateway.partial = set()
    days.clock.move(6 * HOUR)
    days.cycle()
    assert days.titles() == ["acme: only $20 on Thu 12 Nov, 80 % below normal"]


def test_fault_25_a_partial_answer_that_lacks_a_tenant_does_not_make_it_zero(tmp_path):
    days = Days(tmp_path, tenants=("acme", "bolt"))
    days.used(DAY)
    days.used(DAY, "bolt")
    days.cycle()
    days.gateway.partial = {DAY, DAY - ONE, DAY - 2 * ONE}
    kept = days.gateway.rows
    days.gateway.forget("bolt")
    days.clock.move(6 * HOUR)
    days.cycle()
    assert (costs(days.app)["bolt", 0], days.titles()) == (100_000_000, [])
    days.gateway.rows, days.gateway.partial = kept, set()
    days.cycle()
    assert costs(days.app)["bolt", 0] == 100_000_000


def test_a_partial_day_is_in_no_baseline_and_ends_no_alert(days):
    days.used(DAY, usd=300)
    days.cycle()
    days.titles()
    for step in (1, 2, 3):
        days.clock.now = NOW + step * ONE
        days.gateway.partial |= {DAY + step * ONE}
        days.used(DAY + step * ONE, usd=10)
        days.cycle()
    assert not any("resolved" in title or "only" in title for title in days.titles())
    assert days.alerts()[0].state is AlertState.OPEN


def test_a_budget_alert_stays_where_a_partial_answer_knows_less(tmp_path):
    days = Days(tmp_path, BUDGET)
    days.used(DAY, usd=300)
    days.cycle()
    days.titles()
    days.gateway.partial = {DAY, DAY - ONE, DAY - 2 * ONE}
    days.gateway.rows = [
        (at, row if row.start_at.date() < DAY else replace(row, prompt_tokens=1))
        for at, row in days.gateway.rows
        if row.start_at.hour != 23
    ]
    days.clock.move(6 * HOUR)
    days.cycle()
    assert not any("resolved" in title for title in days.titles())


# A source that says nothing


def test_fault_23_no_rows_for_any_tenant_is_a_silent_source_and_no_drop(tmp_path):
    days = Days(tmp_path, tenants=("acme", "bolt"))
    days.cycle()
    told = days.texts()
    assert "source gateway: silent, no usage for Thu 12 Nov" in told
    assert "only $" not in told
    assert [alert.kind for alert in days.alerts()] == [FindingKind.SOURCE_STALE]


def test_a_source_that_never_told_of_anything_is_told_once_until_it_does(tmp_path):
    app = watching(an_app(tmp_path))
    channel = RecordingChannel(app.clock)
    for _ in range(2):
        run_cycle(app, {"desk": channel})
        app.clock.move(23 * HOUR)
    assert [each.message.title for each in channel.sent] == [
        "source gateway: silent, it gave no usage for any day so far"
    ]
    app.gateway.arrive(*(day_of(DAY + step * ONE) for step in range(4)))
    run_cycle(app, {"desk": channel})
    assert "it gives usage again" in channel.sent[-1].message.title


def test_fault_23_an_answer_that_is_suddenly_empty_takes_nothing_back(days):
    days.used(DAY)
    days.cycle()
    days.gateway.silent = True
    days.clock.move(6 * HOUR)
    days.cycle()
    assert costs(days.app)["acme", 0] == 100_000_000
    assert days.titles() == []


def test_telemetry_that_ends_hours_before_the_day_does_is_told_and_no_drop_is(days):
    days.used(DAY, usd=30, hours=(1, 9))
    days.cycle()
    told = days.texts()
    assert "source gateway: silent since 12 Nov 10:00 UTC, so Thu 12 Nov is not all there" in told
    assert "only $" not in told


def test_a_day_that_was_cut_off_is_judged_again_when_its_rest_has_come(days):
    days.used(DAY, usd=30, hours=(1, 9))
    days.cycle()
    days.titles()
    days.late(DAY, usd=70, hour=22)
    days.cycle()
    (told,) = days.titles()
    assert told.startswith("source gateway: withdrawn")


def test_a_rise_on_a_day_that_was_cut_off_is_told(days):
    days.used(DAY, usd=300, hours=(1, 9))
    days.cycle()
    assert "acme: $300 on Thu 12 Nov, 3x normal" in days.titles()


def test_a_source_that_is_always_done_by_noon_is_not_called_silent(tmp_path):
    days = Days(tmp_path, hours=(1, 11))
    days.used(DAY, hours=(1, 9))
    days.cycle()
    assert days.titles() == []


def test_a_source_whose_late_days_cannot_be_asked_is_failing(days):
    days.used(DAY)
    days.gateway.late_fails = ["no access to workspace W-1"]
    days.cycle()
    told = days.texts()
    assert "source gateway: cannot be read for Thu 12 Nov" in told
    assert "no access to workspace W-1" in told
    assert pulls(days.app)[-1].error


def test_nothing_is_judged_by_a_failed_pull_and_the_next_good_one_mends_it(days):
    days.used(DAY, usd=20)
    days.gateway.late_fails = ["no access to workspace W-1"]
    days.cycle()
    assert "only $" not in days.texts()
    days.clock.move(HOUR)
    days.cycle()
    told = days.titles()
    assert any(title.startswith("acme: only $20") for title in told)
    assert days.alerts(FindingKind.SOURCE_FAILING)[0].ended


# An attribution gap


def test_a_gap_names_the_ids_that_cost_most_and_counts_the_others(days):
    days.used(DAY)
    for number, usd in enumerate((40, 30, 20, 10, 5)):
        days.used(DAY, "", usd, feature=f"bu-{number}")
    days.cycle()
    told = days.texts()
    line = "most of it from subscription bu-0, api chat ($40); subscription bu-1, api chat ($30); "
    assert line + "subscription bu-2, api chat ($20); and 2 others" in " ".join(told.split())
    assert "bu-3" not in told


def test_hostile_ids_are_inert_in_the_message(days):
    days.used(DAY)
    days.used(DAY, "", 40, feature="\x1b[31m<!channel>\u202e\n[warning] bolt: $1")
    days.cycle()
    told = days.texts()
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert not any(line.startswith("[warning] bolt") for line in told.splitlines())


def test_ids_without_a_price_are_named_after_those_with_one(days):
    days.used(DAY)
    days.used(DAY, "", 40, feature="known")
    days.used(DAY, "", 400, feature="unknown", model="novel")
    days.cycle()
    told = " ".join(days.texts().split())
    assert "from subscription known, api chat ($40); subscription unknown" in told


def test_a_gap_tells_of_rows_whose_call_was_not_logged(days):
    days.used(DAY)
    days.used(DAY, "", 40, feature="bu-0")
    days.gateway.seen(DAY, calls=800, rows_without_call=200, newest_at=end_of(DAY))
    days.cycle()
    assert "200 rows of tokens whose call was not logged" in " ".join(days.texts().split())


def test_calls_without_tokens_above_the_bar_are_told_with_what_they_may_cost(days):
    days.used(DAY)
    tokenless(days, DAY, 300)
    days.cycle()
    told = " ".join(days.texts().split())
    assert "source gateway: 30 % of the calls of Thu 12 Nov told no tokens, about $" in told
    assert "300 of 1,000 calls are billed and in nobody's cost" in told


def test_calls_without_tokens_below_the_bar_are_not_told(days):
    days.used(DAY)
    tokenless(days, DAY, 250)
    days.cycle()
    assert days.titles() == []


def test_calls_without_tokens_are_told_once_while_they_last_and_when_they_end(days):
    for step in range(4):
        days.clock.now = NOW + step * ONE
        days.used(DAY + step * ONE)
        tokenless(days, DAY + step * ONE, 300 if step < 2 else 0)
        days.cycle()
    told = [title for title in days.titles() if "still unanswered" not in title]
    assert [title.split(",")[0] for title in told] == [
        "source gateway: 30 % of the calls of Thu 12 Nov told no tokens",
        "source gateway: resolved",
    ]


def tokenless(days, day, without):
    days.gateway.seen(
        day, calls=1_000, calls_without_tokens=without, streamed_calls=500, newest_at=end_of(day)
    )


def end_of(day):
    return datetime.combine(day, time(23), NOW.tzinfo)


def test_a_pull_that_breaks_off_keeps_no_telemetry_of_what_it_did_not_finish(days):
    days.used(DAY)
    days.gateway.fails = [""]
    with pytest.raises(SourceError):
        pull_due_days(days.app, days.gateway, DAY)
    with reading(days.app.engine) as session:
        assert api_days(session, DAY, DAY) == {}
