"""What a page is, and when it is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from benchmarks.scoring import (
    Event,
    Truth,
    open_pages,
    read_alerts,
    read_events,
    read_steady,
    score,
)

DAY = date(2026, 3, 1)
LOOP = Event(
    "e1",
    "acme",
    "runaway_loop",
    "anomaly",
    DAY,
    DAY + timedelta(days=2),
    DAY + timedelta(days=6),
    "clear",
)


def on(*numbers, tenant="acme"):
    return {(tenant, DAY + timedelta(days=number)) for number in numbers}


def truth(*events, tenants=1):
    return Truth(events, tenants, DAY - timedelta(days=20), DAY + timedelta(days=40))


def pages(alerts, *events):
    found = score(alerts, truth(*events))
    return found.true, found.false, found.repeat


@pytest.mark.parametrize(
    ("days", "opened"),
    [
        ([], []),
        ([0, 1, 2], [0]),
        ([0, 2, 4], [0]),
        ([0, 3], [0, 3]),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 7]),
        ([6, 0], [0, 6]),
    ],
)
def test_a_page_joins_days_at_most_two_apart_for_a_week(days, opened):
    found = open_pages(DAY + timedelta(days=day) for day in days)
    assert found == [DAY + timedelta(days=day) for day in opened]


@pytest.mark.parametrize("day", [0, 2, 3])
def test_an_alert_until_the_day_after_an_incident_is_right_and_catches_it(day):
    found = score(on(day), truth(LOOP))
    assert (found.true, found.false, found.repeat, found.caught) == (1, 0, 0, 1)
    assert found.delay_days == day


@pytest.mark.parametrize("day", [-1, 7])
def test_an_alert_before_an_incident_or_long_after_it_is_wrong(day):
    found = score(on(day), truth(LOOP))
    assert (found.true, found.false, found.repeat, found.caught) == (0, 1, 0, 0)


@pytest.mark.parametrize("day", [4, 6])
def test_an_alert_while_an_incident_settles_is_neither_right_nor_wrong(day):
    assert pages(on(day), LOOP) == (0, 0, 1)


def test_a_second_page_of_an_incident_is_a_repeat():
    long = replace(LOOP, end=DAY + timedelta(days=20), grace_end=DAY + timedelta(days=20))
    assert pages(on(0, 10), long) == (1, 0, 1)


def test_a_page_that_opened_too_early_is_wrong_although_it_catches():
    found = score(on(-1, 0), truth(LOOP))
    assert (found.true, found.false, found.caught) == (0, 1, 1)


@pytest.mark.parametrize(("day", "counted"), [(-1, 1), (0, 0), (6, 0), (7, 1)])
def test_a_page_on_days_to_be_ignored_is_neither_until_they_have_settled(day, counted):
    assert pages(on(day), replace(LOOP, label="ignore")) == (0, counted, 1 - counted)


def test_a_page_of_a_legitimate_event_or_of_another_tenant_is_wrong():
    assert pages(on(1), replace(LOOP, label="legit")) == (0, 1, 0)
    assert pages(on(1, tenant="bolt"), LOOP) == (0, 1, 0)


def test_days_and_incidents_outside_of_the_judged_ones_do_not_count():
    early = replace(LOOP, start=DAY - timedelta(days=30), end=DAY - timedelta(days=28))
    found = score(on(-30, 60), truth(early))
    assert (found.true, found.false, found.repeat, found.incidents) == (0, 0, 0, 0)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)


def test_the_figures_are_shares_of_pages_of_incidents_and_of_tenant_months():
    other = replace(LOOP, name="e2", tenant="bolt")
    found = score(on(0, 20), truth(LOOP, other, tenants=2))
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert found.pages == pytest.approx(2 / (2 * 61 / 30.4375))


def test_the_core_asks_for_clear_incidents_of_steady_tenants_alone():
    subtle = replace(LOOP, name="e2", tier="subtle")
    leak = replace(LOOP, name="e3", kind="slow_leak")
    volatile = replace(LOOP, name="e4", tenant="bolt")
    legitimate = replace(LOOP, name="e5", label="legit")
    core = truth(LOOP, subtle, leak, volatile, legitimate, tenants=9).core(frozenset({"acme"}))
    labels = {event.name: event.label for event in core.events}
    assert labels == {"e1": "anomaly", "e2": "ignore", "e3": "ignore", "e5": "legit"}
    assert core.tenants == 1


def test_files_are_read_by_their_column_names(tmp_path):
    labels, tenants, alerts = (tmp_path / name for name in ("labels", "tenants", "alerts"))
    labels.write_text(
        "event_id,tenant,kind,label,start,end,grace_end,feature,tier\n"
        "e1,acme,runaway_loop,anomaly,2026-03-01,2026-03-03,2026-03-07,chat,clear\n"
    )
    tenants.write_text("tenant,class,first_day\nacme,steady,0\nbolt,volatile,0\n")
    alerts.write_text(
        "tenant,day,kind\nacme,2026-03-01,spend spike\nacme,2026-03-02,price change\n"
    )
    assert read_events(labels) == (LOOP,)
    assert read_steady(tenants) == {"acme"}
    assert read_alerts(alerts) == on(0)
