"""Days that still run: which they are, what is known of them, and that they count as nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts import store
from alerts.messages import alert_message
from alerts.model import Change
from detector.model import MICRO, FindingKind, Grain
from detector.sources.base import Window
from spendwatch import charts
from spendwatch.commands.reports import provisional_words
from spendwatch.db import reading
from spendwatch.judging import judge
from spendwatch.running_days import (
    changed_at,
    judge_running_days,
    pull_running_days,
    running_days,
    tells_parts_of_days,
)
from tests.fakes import FakeClock
from tests.spendwatch.apps import DAY, ONE, FakeSource, an_app, slot, tenant, told, used

HOUR = timedelta(hours=1)
DOLLAR = 500_000
"""Prompt tokens."""


def at(hour, minute=0, day=DAY):
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def spent(begin, dollars, who="acme", **changes):
    tokens = {"prompt_tokens": int(dollars * DOLLAR), "completion_tokens": 0}
    return slot(begin, who, **{**tokens, **changes})


def a_past(zone_hours=0, days=30, who="acme"):
    """Days of $96, $4 an hour, that begin so many hours before the UTC day does."""
    first = at(0) - days * ONE - zone_hours * HOUR
    return [spent(first + step * HOUR, 4, who) for step in range(days * 24)]


def made(folder, text="", *, now, zone="UTC", **changes):
    app = an_app(folder, text, zone=zone, clock=FakeClock(now))
    told(app, *a_past(**changes))
    return app


def judged(app):
    return [each.judgement for each in judge_running_days(app)]


@pytest.mark.parametrize(
    ("zones", "now", "days"),
    [
        (("UTC",), at(1), (-1, 0)),
        (("UTC",), at(2), (0,)),
        (("UTC",), at(23, 59), (0,)),
        (("Asia/Tokyo", "America/New_York"), at(6), (-1, 0)),
        (("Asia/Tokyo", "America/New_York"), at(16), (0, 1)),
        (("Pacific/Kiritimati", "Pacific/Midway"), at(10, 30), (-1, 0, 1)),
    ],
)
def test_the_days_that_run_are_those_that_have_begun_and_are_not_settled(
    tmp_path, zones, now, days
):
    text = "".join(tenant(f"t{number}", zone) for number, zone in enumerate(zones))
    app = an_app(tmp_path, text, zone=zones[0], clock=FakeClock(now))
    assert running_days(app) == tuple(DAY + step * ONE for step in days)


def test_where_days_settle_late_only_the_newest_are_looked_at(tmp_path):
    late = an_app(tmp_path, clock=FakeClock(at(12)))
    settings = late.settings.model_copy(
        update={"service": late.settings.service.model_copy(update={"settle_hours": 72})}
    )
    assert running_days(replace(late, settings=settings)) == (DAY - 2 * ONE, DAY - ONE, DAY)


def test_a_source_of_whole_days_tells_no_parts_of_them(tmp_path):
    app = an_app(tmp_path)
    told(app, used())
    assert not tells_parts_of_days(app, "gateway")
    told(app, slot(at(3), "bolt"), name="logs")
    assert tells_parts_of_days(app, "logs")


def test_the_days_that_run_are_asked_for_alone(tmp_path):
    app = an_app(tmp_path, clock=FakeClock(at(12)))
    source = FakeSource(slot(at(3)), slot(at(3) - ONE))
    assert pull_running_days(app, source).rows == 1
    assert source.asked == [Window(DAY, DAY)]


def test_what_changes_is_known_and_nothing_is_known_of_a_day_without_use(tmp_path):
    app = made(tmp_path, now=at(9))
    assert changed_at(app) is None
    told(app, spent(at(8), 3))
    assert changed_at(app) == at(9)
    app.clock.move(HOUR)
    told(app, spent(at(8), 3))
    assert changed_at(app) == at(9)
    told(app, spent(at(8), 3), spent(at(9), 3))
    assert changed_at(app) == at(10)


def test_a_running_day_is_told_with_the_hour_until_which_it_is_known(tmp_path):
    app = made(tmp_path, now=at(14, 5))
    told(app, spent(at(9), 60), spent(at(12), 100))
    app.clock.move(25 * timedelta(minutes=1))
    (judgement,) = judged(app)
    (finding,) = judgement.findings
    assert (judgement.day, finding.kind, finding.early) == (DAY, FindingKind.SPEND_SPIKE, True)
    assert (finding.facts["by"], finding.facts["data_until"]) == ("14:30 UTC", "13:00")
    assert "day_over" not in finding.facts
    # 13 of 24 hours had usually been spent by then.
    assert finding.facts["course_micro_usd"] == pytest.approx(160 * 24 / 13 * MICRO, abs=1)
    assert finding.facts["rest_micro_usd"] == pytest.approx((160 + 96 * 11 / 24) * MICRO, abs=1)


def test_each_tenant_has_the_clock_of_its_own_zone(tmp_path):
    tokyo = tenant("acme", "Asia/Tokyo")
    app = made(tmp_path, tokyo, now=at(4, 10), zone_hours=9)
    told(app, spent(at(0), 160))
    (judgement,) = judged(app)
    (finding,) = judgement.findings
    assert (judgement.day, finding.facts["by"]) == (DAY, "13:10 JST")
    assert finding.facts["data_until"] == "10:00"
    assert finding.facts["course_micro_usd"] == pytest.approx(160 * 24 / 10 * MICRO, abs=1)


def test_a_day_that_is_over_for_its_tenant_and_not_settled_is_heading_nowhere(tmp_path):
    tokyo = tenant("acme", "Asia/Tokyo") + tenant("bolt", "America/New_York")
    app = made(tmp_path, tokyo, now=at(20), zone_hours=9)
    told(app, spent(at(0), 160))
    (judgement,) = judged(app)
    (finding,) = judgement.findings
    assert finding.facts["day_over"] == 1
    assert finding.facts["by"] == "13 Nov 05:00 JST"
    assert "course_micro_usd" not in finding.facts


def test_quarters_of_an_hour_are_known_to_the_quarter(tmp_path):
    app = made(tmp_path, now=at(14, 5))
    told(app, spent(at(12, 15), 160, grain=Grain.QUARTER_HOUR))
    (judgement,) = judged(app)
    assert judgement.findings[0].facts["data_until"] == "12:30"


def test_a_day_told_as_a_whole_is_told_early_without_an_hour(tmp_path):
    app = an_app(tmp_path, clock=FakeClock(at(14)))
    past = [used(DAY - step * ONE, prompt_tokens=96 * DOLLAR, completion_tokens=0)
            for step in range(1, 31)]  # fmt: skip
    told(app, *past, used(prompt_tokens=160 * DOLLAR, completion_tokens=0))
    (judgement,) = judged(app)
    assert judgement.findings[0].facts["by"] == "14:00 UTC"
    assert {"data_until", "course_micro_usd"}.isdisjoint(judgement.findings[0].facts)


def test_the_course_of_other_tenants_is_not_counted_and_aliases_are(tmp_path):
    text = tenant("acme", aliases=("acme-old",))
    app = an_app(tmp_path, text, clock=FakeClock(at(12, 30)))
    evenings = [spent(at(20) - step * ONE, 400, "bolt") for step in range(1, 31)]
    told(app, *a_past(who="acme-old"), *evenings, spent(at(11), 160, "acme-old"))
    (judgement,) = judged(app)
    (finding,) = judgement.findings
    assert finding.tenant == "acme"
    assert finding.facts["course_micro_usd"] == 320 * MICRO


def test_a_budget_stands_where_it_is_with_what_was_spent_so_far(tmp_path):
    budget = '[[tenants]]\nid = "acme"\nbudgets = [{ cap = 5000 }]\n'
    app = made(tmp_path, budget, now=at(14))
    told(app, spent(at(12), 160))
    (judgement,) = judged(app)
    (finding,) = judgement.findings
    assert finding.budget.spent_micro_usd == (11 * 96 + 160) * MICRO


def test_a_day_that_was_judged_for_good_is_not_judged_as_running(tmp_path):
    app = made(tmp_path, now=at(1, day=DAY + ONE))
    told(app, spent(at(12), 160))
    assert [each.day for each in judged(app)] == [DAY]
    judge(app, DAY)
    assert judged(app) == []


def test_a_day_that_is_not_settled_is_part_of_no_baseline(tmp_path):
    app = made(tmp_path, now=at(1, day=DAY + ONE))
    told(app, spent(at(12), 2), spent(at(0, day=DAY + ONE), 160))
    (judgement,) = judged(app)
    (finding,) = judgement.findings
    assert finding.day == DAY + ONE
    assert (finding.baseline.low_micro_usd, finding.baseline.used_days) == (96 * MICRO, 29)
    left = [(each.day, each.reason) for each in finding.baseline.left_out]
    assert left == [(DAY, "only partly pulled")]


def test_nobody_else_is_judged_by_a_day_that_runs(tmp_path):
    app = made(tmp_path, now=at(14))
    told(app, spent(at(12), 160))
    (run,) = judge_running_days(app)
    with reading(app.engine) as session:
        (alert,) = store.list_alerts(session)
    assert alert.fingerprint == f"spend spike:acme::{DAY}"
    assert run.judgement.unjudged >= {(kind, "*") for kind in FindingKind}
    assert [each.change for each in run.told.taken] == [Change.OPENED]
    assert [each.told.taken for each in judge_running_days(app)] == [()]


def test_the_chart_shows_what_the_day_has_cost_so_far(tmp_path):
    app = made(tmp_path, now=at(14))
    told(app, spent(at(12), 160))
    (judgement,) = judged(app)
    chart = charts._chart(app, judgement.findings[0])
    assert chart.title == "Spend a day, 30 days to Thu 12 Nov, so far"
    assert chart.micro_usd[-2:] == (96 * MICRO, 160 * MICRO)


def test_a_day_that_runs_is_no_failure_of_its_source(tmp_path):
    app = made(tmp_path, now=at(14))
    told(app, spent(at(12), 160))
    assert list(provisional_words(app, DAY - 9 * ONE, DAY)) == [
        "10 to 12 Nov may still change, until 15 Nov 00:00 in UTC",
        "not settled, only what is known so far: 12 Nov",
    ]


def test_a_message_of_a_running_day_says_all_of_it(tmp_path):
    app = made(tmp_path, now=at(14, 5))
    told(app, spent(at(12), 160))
    list(judge_running_days(app))
    with reading(app.engine) as session:
        (alert,) = store.list_alerts(session)
    message = alert_message(alert, Change.OPENED, {})
    assert message.title == "acme: $160 on Thu 12 Nov, 1.7x normal, day still running"
    lines = {line.label: line.text for line in message.lines}
    assert lines["What"] == "+$64 over the usual $96 by 14:05 UTC, with data until 13:00"
    assert lines["Course"].startswith("about $295 by midnight if it goes on like this, $204 if")
