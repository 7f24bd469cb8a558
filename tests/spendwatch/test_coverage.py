"""`spendwatch coverage`, and where a day is shown that may still change."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from detector.tables import USE_BY_IDS
from spendwatch.commands import covering, reports
from spendwatch.coverage import coverage_of
from spendwatch.coverage_words import gaps_of
from spendwatch.db import reading, writing
from spendwatch.jobs import pull_due_days, run_cycle
from spendwatch.standing import standing, work_lines
from tests.fakes import RecordingChannel
from tests.spendwatch.apps import DAY, NOW, ONE, an_app, used
from tests.spendwatch.installations import Installation
from tests.spendwatch.watched import HOUR, day_of, watching

FIRST = DAY - 6 * ONE


@pytest.fixture
def app(tmp_path):
    """Seven days of acme, and use of two subscriptions that are nobody's."""
    app = watching(an_app(tmp_path))
    for step in range(7):
        day = DAY - step * ONE
        rows = (day_of(day, usd=80), day_of(day, "", 15, "bu-0"), day_of(day, "", 5, "bu-1"))
        app.gateway.arrive(*rows, at=day_of(day, hour=23).start_at)
    app.gateway.remarks = ("the metric 'Reasoning Tokens' is not known",)
    return app


def found(app, first=FIRST, last=DAY):
    with reading(app.engine) as session:
        (source,) = coverage_of(app, session, first, last)
    return source


def names(app):
    return [gap.name for gap in gaps_of(found(app))]


def test_the_share_with_a_tenant_and_the_dearest_ids_are_told(app):
    pull_due_days(app, app.gateway, DAY)
    source = found(app)
    assert source.attributed_share == 0.8
    assert [(dict(each.ids)["subscription"], each.micro_usd) for each in source.causes] == [
        ("bu-0", 105_000_000), ("bu-1", 35_000_000),
    ]  # fmt: skip
    (api,) = source.apis
    assert (api.api, api.cost_micro_usd, api.calls) == ("chat", 700_000_000, 2_100)
    assert (api.unattributed_micro_usd, api.attributed_share) == (140_000_000, 0.8)
    assert source.ingested_at == day_of(DAY, hour=23).start_at
    assert source.remarks == app.gateway.remarks


def test_the_share_of_each_api_is_told_day_by_day(app, capsys):
    app.gateway.arrive(day_of(DAY, "", 20, "bu-2"))
    pull_due_days(app, app.gateway, DAY)
    (day, newest), (day_before, second), *_ = found(app).api_days
    assert (day, newest.api, newest.cost_micro_usd) == (DAY, "chat", 120_000_000)
    assert (day_before, second.attributed_share) == (DAY - ONE, 0.8)
    covering.print_coverage(app, 7, by_day=True)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"{DAY} chat 67 % $120 400 0 0 0 0 %" in lines
    assert f"{DAY - ONE} chat 80 % $100 300 0 0 0 0 %" in lines


def test_days_of_which_use_with_a_tenant_was_not_kept_tell_no_share(app):
    pull_due_days(app, app.gateway, DAY)
    with writing(app.engine) as session:
        mine = USE_BY_IDS.c.attributed, USE_BY_IDS.c.day < DAY
        session.connection().execute(delete(USE_BY_IDS).where(*mine))
    (_, newest), (_, second), *_ = found(app).api_days
    assert (newest.attributed_share, second.attributed_share) == (0.8, None)
    assert found(app).apis[0].attributed_share == 0.8


def test_an_api_that_is_known_to_cost_nothing_has_no_share(app, capsys):
    app.gateway.rows = []
    app.gateway.seen(DAY, api="embed", calls=5)
    app.gateway.arrive(day_of(DAY, "acme", model="novel"))
    pull_due_days(app, app.gateway, DAY)
    assert [each.attributed_share for each in found(app).apis] == [None, None]
    covering.print_coverage(app, 7)
    assert "embed unknown $0" in " ".join(capsys.readouterr().out.split())


def test_late_days_are_told_and_not_those_that_always_are(app):
    pull_due_days(app, app.gateway, DAY)
    assert "rows still arriving" not in names(app)
    app.clock.move(6 * HOUR)
    app.gateway.arrive(day_of(DAY - 5 * ONE, usd=1), day_of(DAY, usd=1))
    pull_due_days(app, app.gateway, DAY)
    assert found(app).late_days == (DAY - 5 * ONE,)
    assert "rows still arriving" in names(app)


def test_days_without_a_row_and_partial_days_are_told(app):
    app.gateway.rows = [each for each in app.gateway.rows if each[1].start_at.date() != DAY - ONE]
    app.gateway.partial = {DAY}
    pull_due_days(app, app.gateway, DAY)
    source = found(app)
    assert (source.empty_days, source.partial_days) == ((DAY - ONE,), (DAY,))


def test_a_source_that_tells_nothing_of_itself_has_a_share_and_no_more(tmp_path):
    place = Installation(tmp_path)
    place.write_days(7, 100)
    app = place.app()
    with reading(app.engine) as session:
        (source,) = coverage_of(app, session, FIRST, DAY)
    assert (source.watched, source.apis, gaps_of(source)) == (False, (), ())


def test_the_report_is_printed_with_what_to_change(app, capsys):
    app.gateway.seen(DAY, calls=1_000, calls_without_tokens=200, streamed_calls=900)
    pull_due_days(app, app.gateway, DAY)
    covering.print_coverage(app, 7, as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "source gateway: 80 % of $700 has a tenant" in said
    assert "subscription bu-0, api chat $105" in said
    assert "- calls without tokens: 200 of 2,800 calls" in said
    assert "stream_options.include_usage" in said
    assert "- remark: the metric 'Reasoning Tokens' is not known" in said


def test_the_report_for_programs_has_every_id_and_gap(app, capsys):
    pull_due_days(app, app.gateway, DAY)
    covering.print_coverage(app, 7, as_json=True)
    (source,) = json.loads(capsys.readouterr().out)
    assert source["ids"][0] == {
        "ids": {"subscription": "bu-0", "api": "chat"}, "micro_usd": 105_000_000,
        "tokens": 52_500_000, "unpriced_tokens": 0, "requests": 700,
    }  # fmt: skip
    assert {"name", "what", "change"} == set(source["gaps"][0])


def test_hostile_ids_cannot_steer_the_terminal(app, capsys):
    app.gateway.arrive(day_of(DAY, "", 900, "\x1b]0;owned\x07\x1b[31m\u202ebad\n- remark: none"))
    pull_due_days(app, app.gateway, DAY)
    covering.print_coverage(app, 7, as_json=False)
    said = capsys.readouterr().out
    assert not any(char in said for char in "\x1b\x07\u202e")
    assert not any(line.startswith("- remark: none") for line in said.splitlines())


def test_many_ids_are_listed_up_to_a_number_and_the_rest_is_counted(app, capsys):
    app.gateway.arrive(*(day_of(DAY, "", 1, f"many-{number}") for number in range(30)))
    pull_due_days(app, app.gateway, DAY)
    covering.print_coverage(app, 7, as_json=False)
    assert "and 12 others: --json lists them" in capsys.readouterr().out


def test_the_command_runs_without_any_usage(tmp_path, capsys):
    place = Installation(tmp_path)
    assert place.run("coverage") == 0
    assert "source gateway: nothing is known to cost anything" in capsys.readouterr().out
    assert place.run("coverage", "--days", "0") == 2


# Provisional, or final


def judged_line(app):
    return dict(work_lines(standing(app), ZoneInfo("UTC")))["judged"]


def test_status_says_until_when_the_judged_day_may_change(app):
    run_cycle(app, {"desk": RecordingChannel(app.clock)})
    assert judged_line(app) == "Thu 12 Nov, may still change until 15 Nov 00:00"
    app.clock.now = NOW + 2 * ONE
    assert judged_line(app) == "Thu 12 Nov"


def test_a_day_is_final_48_hours_after_its_end_or_as_long_as_the_settings_say(tmp_path):
    app = an_app(tmp_path / "one")
    assert not app.is_final(DAY - 2 * ONE + ONE)
    assert app.is_final(DAY - 2 * ONE)
    app = an_app(tmp_path / "other", "[prices]\n")
    assert (app.final_at(DAY) - app.settled_at(DAY)) // HOUR == 46


def test_costs_say_which_days_may_change_and_which_lack_rows(app):
    app.gateway.partial = {DAY - 5 * ONE}
    pull_due_days(app, app.gateway, DAY)
    assert list(reports.provisional_words(app, FIRST, DAY)) == [
        "11 and 12 Nov may still change, until 15 Nov 00:00 in UTC",
        "partial, rows may be missing: 7 Nov",
    ]
    assert list(reports.provisional_words(app, FIRST, FIRST)) == []


def test_costs_of_final_days_say_nothing_more(tmp_path, capsys):
    place = Installation(tmp_path)
    place.write_days(3, 100)
    place.judge(used().start_at.date())
    capsys.readouterr()
    assert place.run("costs", "--from", "2026-09-01", "--to", "2026-09-03") == 0
    assert "may still change" not in capsys.readouterr().out
