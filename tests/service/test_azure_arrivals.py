"""Rows arrive minutes, hours and two days late while a service runs: its ledger converges."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from tests.azure.local import LocalLogAnalytics
from tests.azure.workspaces import WORKSPACES, telemetry_of
from tests.service.serving import HOUR, ONE, serving
from tests.spendwatch.azure_place import Place, differences
from tests.spendwatch.local_identity import managed_identity

FIRST, SPIKE = date(2026, 11, 5), date(2026, 11, 19)
CHANGE = re.compile(r"Was +\$([0-9.]+), now \$([0-9.]+): 19 Nov was judged again")
OPTIONS = {"first_day": "2026-11-01", "days": 23, "tenants": 6, "calls_a_day": 240,
           "spike": str(SPIKE)}  # fmt: skip
EXTRA = "[detection]\nmethod = 'classic'\nwindow_days = 14\nmin_days = 7\nearly = false\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A gateway whose service is started on the morning before the day of the spike."""
    with (
        LocalLogAnalytics(WORKSPACES, **OPTIONS) as local,
        managed_identity() as (variables, _asked),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in variables.items():
            patch.setenv(name, value)
        folder = tmp_path_factory.mktemp("arrivals")
        zones = ("UTC", "America/New_York")
        yield Place(folder, local, telemetry_of(**OPTIONS), extra=EXTRA, zones=zones)


def known_days(place, rows):
    """Those of days that were asked for, are over and are settled."""
    last = place.last_day()
    return {key: row for key, row in rows.items() if FIRST <= key[1] <= last}


def live(place, days):
    """Live so many days, six hours at a time; give what was told and where the ledger was wrong."""
    wrong = []
    with serving(place) as service:
        for _ in range(days * 4):
            place.local.engine("set_clock", at=place.now.isoformat())
            service.wait(timedelta(0))
            truth = known_days(place, place.logs_truth(place.now))
            wrong += differences(known_days(place, place.ledger()), truth)
            service.wait(6 * HOUR, tick=False)
    return service, wrong


@pytest.fixture(scope="module")
def lived(place):
    place.now = place.telemetry.shape.begin + 17 * ONE + 8 * HOUR
    service, wrong = live(place, 6)
    place.local.engine("set_clock", at="")
    return service, wrong


def messages(service, kind):
    """Each message of a kind: when, its title, and what the amount was and is now."""
    found = []
    for words in service.told().split("== ")[1:]:
        head, title, *_ = words.splitlines()
        if f'"{kind}:' in head:
            changed = CHANGE.search(words)
            found.append((head[:16], title, changed.groups() if changed else ()))
    return found


def test_after_every_pull_the_ledger_is_what_had_arrived_by_then(lived):
    assert lived[1] == []


def test_in_the_end_the_ledger_is_the_truth(place, lived):
    last = place.last_day() - 2 * ONE  # of later days rows may still come
    held, truth = (
        {key: row for key, row in known_days(place, rows).items() if key[1] <= last}
        for rows in (place.ledger(), place.logs_truth())
    )
    assert len(held) >= 6 * 15
    assert differences(held, truth) == []


def test_no_message_is_told_twice(lived):
    service, _ = lived
    keys = [line.split('"')[1] for line in service.told().splitlines() if line.startswith("== ")]
    assert len(keys) == len(set(keys)) >= 8
    for kind in ("spend spike", "spend drop"):
        told = [each[1:] for each in messages(service, kind)]
        assert len(told) == len(set(told)) > 2


def test_fault_22_each_revision_is_told_once_from_what_was_told_to_what_is(lived):
    first, *later = messages(lived[0], "spend spike")
    assert first == ("2026-11-20T08:00", "[warning] late-0: $160 on Thu 19 Nov, 2x normal", ())
    revised = [changed for _, _, changed in later if changed]
    amounts = ["160", *(now for _, now in revised)]
    assert [was for was, _ in revised] == amounts[:-1]
    assert [int(each) for each in amounts] == sorted({int(each) for each in amounts})
    assert amounts[-1] == "320"


def test_a_drop_is_told_of_a_settled_day_alone_and_withdrawn_when_its_rows_arrive(lived):
    first, *later = messages(lived[0], "spend drop")
    settled_at = "2026-11-20T07:00"  # two hours after midnight in New York
    assert first[0] >= settled_at
    assert "late-1: only $" in first[1]
    assert re.match(r"\[calm] late-1: withdrawn, Thu 19 Nov was \$\d+, now \$\d+$", later[-1][1])
    assert not [title for _, title, _ in (first, *later) if "late-1: " not in title]


def test_a_pull_asks_once_for_late_rows_and_for_few_days(place, lived):
    assert len(lived[0].logged("usage_recorded")) == 24
    texts = [each.query for each in place.local.requests()]
    assert sum("let since" in text for text in texts) == 24
    # The first one asks for the days of the baseline, each later one for five or six UTC days.
    assert len(texts) - 24 <= 20 + 23 * 7
