"""A gateway's day explodes: its rows come in late ones and early ones, and it is told that day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from alerts import store
from alerts.model import AlertState
from spendwatch.db import reading
from tests.azure.local import LocalLogAnalytics
from tests.azure.workspaces import WORKSPACES, telemetry_of
from tests.detector.ledgers import read
from tests.service.serving import HOUR, ONE, serving
from tests.spendwatch.azure_place import Place, differences
from tests.spendwatch.local_identity import managed_identity

SPIKE = date(2026, 11, 19)
HALF = timedelta(minutes=30)
OPTIONS = {"first_day": "2026-11-01", "days": 22, "tenants": 4, "calls_a_day": 160,
           "spike": str(SPIKE)}  # fmt: skip
EXTRA = "[detection]\nmethod = 'classic'\nwindow_days = 14\nmin_days = 7\n"
WHO = "late-0"


def at(clock, day=SPIKE):
    return datetime.combine(day, time.fromisoformat(clock), UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with (
        LocalLogAnalytics(WORKSPACES, **OPTIONS) as local,
        managed_identity() as (variables, _asked),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in variables.items():
            patch.setenv(name, value)
        folder = tmp_path_factory.mktemp("early")
        zones = ("UTC", "America/New_York")
        yield Place(folder, local, telemetry_of(**OPTIONS), extra=EXTRA, zones=zones)


def spent(place):
    """What the ledger holds of the tenant's day that runs, in micro-dollars."""
    known = read(place.app().engine)
    return sum(row.micro_usd or 0 for row in known if (row.tenant, row.day) == (WHO, SPIKE))


@pytest.fixture(scope="module")
def lived(place):
    """Live from the morning of the day until it was judged; what was known at each tick."""
    known, wrong = {}, []
    place.now = at("06:00")
    with serving(place) as service:
        while place.now < at("09:00", SPIKE + ONE):
            place.local.engine("set_clock", at=place.now.isoformat())
            service.wait(timedelta(0))
            known[place.now] = spent(place)
            if place.now.hour % 6 == 0:
                truth = place.logs_truth(place.now)
                wrong += differences(of_day(place.ledger()), of_day(truth))
            service.wait(HALF if place.now < at("23:00") else 2 * HOUR, tick=False)
        told = service.told()
    place.local.engine("set_clock", at="")
    return known, wrong, told


def of_day(ledger):
    """What it holds of the day, by tenants that live by UTC: of others the day goes on."""
    return {key: row for key, row in ledger.items() if key[1] == SPIKE}


def messages(told):
    """When each message about the tenant's rise was written, and its title."""
    found = (words.splitlines() for words in told.split("== ")[1:])
    return [
        (datetime.fromisoformat(lines[0].split(" ", 1)[0]), lines[1])
        for lines in found
        if f'"spend spike:{WHO}:' in lines[0]
    ]


def test_at_any_hour_the_ledger_of_the_day_is_what_had_arrived_by_then(lived):
    assert lived[1] == []


def test_the_day_is_told_as_soon_as_what_had_arrived_is_more_than_it_may_cost(place, lived):
    known, _, told = lived
    ((written_at, title),) = messages(told)
    assert title.endswith("day still running")
    with reading(place.app().engine) as session:
        (alert,) = (each for each in store.list_alerts(session) if each.tenant == WHO)
    base = alert.finding.baseline
    most = base.mean_micro_usd + max(3 * base.spread_micro_usd, base.mean_micro_usd // 4)
    shown_at = min(moment for moment, micro_usd in known.items() if micro_usd > most)
    assert written_at - shown_at <= HOUR
    assert at("06:00") < shown_at < at("23:00")


def test_the_finished_day_is_the_same_alert_with_what_it_cost_in_the_end(place, lived):
    known, _, _ = lived
    with reading(place.app().engine) as session:
        (alert,) = (each for each in store.list_alerts(session) if each.tenant == WHO)
    assert (alert.state, alert.days, alert.finding.early) == (AlertState.OPEN, (SPIKE,), False)
    assert alert.finding.actual_micro_usd == known[max(known)]


def test_nobody_falls_because_a_day_has_just_begun(lived):
    assert "spend drop" not in lived[2].split("day still running")[0]
    assert "source" not in lived[2]
