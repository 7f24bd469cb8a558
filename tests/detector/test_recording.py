from __future__ import annotations

from datetime import timedelta

import pytest

from detector.model import SeriesKey
from detector.recording import SeriesIndex, mark_asked
from spendwatch.db import writing
from tests.detector.ledgers import (
    DAY,
    LATER,
    NEXT,
    NOW,
    cost,
    current,
    first_days,
    only,
    record,
    revisions,
    rows,
    source_days,
)

BEFORE, HOUR = DAY - timedelta(days=1), timedelta(hours=1)
ACME = ("gateway", "acme", "chat", DAY)
BOLT = ("gateway", "bolt", "chat", DAY)


def test_a_new_cost_is_kept_with_all_its_measures(database):
    recorded = record(database, [cost(cached_tokens=7, estimated=True, shadow=True, given=True)])

    assert (recorded.added, recorded.revised, recorded.zeroed, recorded.rows) == (1, 0, 0, 1)
    assert current(database) == {ACME: (3_000, 3, 0, 1_000, 100, 7, True, True, False, True)}
    assert (only(rows(database)).version, only(rows(database)).recorded_at) == (1, NOW)


def test_fault_19_an_unchanged_answer_writes_nothing(database):
    record(database, [cost()])
    again = record(database, [cost()], now=LATER)

    assert not again.changed
    assert (only(rows(database)).version, only(rows(database)).recorded_at) == (1, NOW)
    assert revisions(database) == []
    noted = source_days(database)["gateway", DAY]
    assert (noted.changed_at, noted.pulled_at) == (NOW, LATER)


def test_fault_22_a_late_change_makes_a_version_and_keeps_what_was(database):
    record(database, [cost(3_000)])
    record(database, [cost(4_000, requests=9)], now=LATER)

    now, (before,) = only(rows(database)), revisions(database)
    assert (now.micro_usd, now.requests, now.version, now.recorded_at) == (4_000, 9, 2, LATER)
    assert (before.micro_usd, before.requests, before.version, before.recorded_at) == (
        3_000, 3, 1, NOW,
    )  # fmt: skip
    assert (before.cause, before.replaced_at) == ("pull", LATER)
    assert source_days(database)["gateway", DAY].changed_at == LATER


def test_a_key_that_is_gone_gets_a_zero_version(database):
    record(database, [cost(), cost(5_000, "bolt", estimated=True, upper_bound=True)])
    recorded = record(database, [cost()], now=LATER)

    assert (recorded.added, recorded.revised, recorded.zeroed, recorded.rows) == (0, 0, 1, 1)
    assert current(database)[BOLT] == (0, 0, 0, 0, 0, 0, False, False, False, False)
    assert rows(database)[BOLT].version == 2
    assert [row.micro_usd for row in revisions(database)] == [5_000]


def test_a_key_that_stays_gone_is_zeroed_once(database):
    record(database, [cost(), cost(5_000, "bolt")])
    record(database, [cost()])

    assert not record(database, [cost()]).changed
    assert rows(database)[BOLT].version == 2


def test_a_key_that_comes_back_gets_a_third_version(database):
    for costs in ([cost()], [], [cost()]):
        record(database, costs)

    assert (only(rows(database)).micro_usd, only(rows(database)).version) == (3_000, 3)
    assert [(row.version, row.micro_usd) for row in revisions(database)] == [(1, 3_000), (2, 0)]


def test_use_attributed_late_to_another_tenant_does_not_count_twice(database):
    record(database, [cost(3_000, "unattributed")])
    record(database, [cost(3_000, "acme")])

    assert sum(values[0] for values in current(database).values()) == 3_000


def test_fault_25_a_partial_answer_removes_nothing(database):
    record(database, [cost(), cost(5_000, "bolt")])
    recorded = record(database, [cost(4_000)], whole=False)

    assert (recorded.revised, recorded.zeroed) == (1, 0)
    assert (current(database)[ACME][0], current(database)[BOLT][0]) == (4_000, 5_000)


def test_fault_25_an_empty_partial_answer_does_not_make_the_day_look_silent(database):
    record(database, [cost(), cost(5_000, "bolt")])
    record(database, [], whole=False)

    noted = source_days(database)["gateway", DAY]
    assert (noted.rows, noted.whole) == (2, False)


def test_rows_that_are_gone_do_not_count_as_rows_of_the_day(database):
    record(database, [cost(), cost(5_000, "bolt")])
    record(database, [cost()])
    record(database, [], whole=False)

    assert source_days(database)["gateway", DAY].rows == 1


def test_sums_of_slots_remove_what_they_no_longer_hold_even_on_a_partial_day(database):
    record(database, [cost(), cost(5_000, "bolt")], whole=False, all_so_far=True)
    recorded = record(database, [cost()], whole=False, all_so_far=True)

    assert (recorded.zeroed, recorded.rows, current(database)[BOLT][0]) == (1, 1, 0)
    assert not source_days(database)["gateway", DAY].whole


def test_a_day_that_becomes_whole_is_news_although_nothing_changed(database):
    record(database, [cost()], whole=False)
    record(database, [cost()], now=LATER)

    noted = source_days(database)["gateway", DAY]
    assert (noted.whole, noted.changed_at) == (True, LATER)


def test_a_day_that_becomes_partial_is_no_news(database):
    record(database, [cost()])
    record(database, [cost()], whole=False, now=LATER)

    noted = source_days(database)["gateway", DAY]
    assert (noted.whole, noted.changed_at) == (False, NOW)


def test_fault_10_an_unknown_cost_is_kept_as_unknown_and_never_as_0(database):
    record(database, [cost(None)])

    assert only(rows(database)).micro_usd is None
    assert only(rows(database)).prompt_tokens == 1_000


def test_an_unknown_cost_without_tokens_is_zeroed_too_when_it_is_gone(database):
    nothing = {"requests": 0, "prompt_tokens": None, "completion_tokens": None}
    record(database, [cost(None, **nothing)])
    record(database, [])

    assert only(rows(database)).micro_usd == 0


def test_sources_do_not_touch_each_others_costs(database):
    record(database, [cost(1_000)], source="gateway")
    record(database, [cost(2_000)], source="import")
    record(database, [], source="import")

    costs = {key[0]: row.micro_usd for key, row in rows(database).items()}
    assert costs == {"gateway": 1_000, "import": 0}


def test_days_do_not_touch_each_other(database):
    record(database, [cost(1_000)])
    record(database, [cost(2_000, day=NEXT)], day=NEXT)
    record(database, [], day=NEXT)

    assert [row.micro_usd for row in rows(database).values()] == [1_000, 0]


def test_the_first_day_of_a_series_moves_back_and_never_forward(database):
    for day in (NEXT, BEFORE, DAY):
        record(database, [cost(day=day)], day=day)

    assert first_days(database) == {("gateway", "acme", "chat"): BEFORE}


def test_two_costs_of_one_key_are_a_mistake_and_not_lost(database):
    with pytest.raises(ValueError, match=r"zip\(\)"):
        record(database, [cost(1_000), cost(2_000)])

    assert rows(database) == {}


def test_a_series_that_another_process_created_meanwhile_is_found(database):
    key = SeriesKey("acme", "chat", "gpt-4o")
    with writing(database) as session:
        stale = SeriesIndex(session, "gateway")
    record(database, [cost()])

    with writing(database) as session:
        (number,) = stale.ids(session, {key: NEXT})
    assert number == only(rows(database)).series_id


def test_an_index_that_lags_behind_does_not_move_a_first_day_forward(database):
    key = SeriesKey("acme", "chat", "gpt-4o")
    record(database, [cost(day=NEXT)], day=NEXT)
    with writing(database) as session:
        stale = SeriesIndex(session, "gateway")
    record(database, [cost(day=BEFORE)], day=BEFORE)

    with writing(database) as session:
        stale.ids(session, {key: DAY})
    assert first_days(database) == {("gateway", "acme", "chat"): BEFORE}


def test_days_that_were_asked_for_in_vain_are_noted_and_others_left_alone(database):
    record(database, [cost()])
    with writing(database) as session:
        mark_asked(session, "gateway", [BEFORE, DAY], {BEFORE}, now=LATER)

    rows = source_days(database).items()
    noted = {day: (row.rows, row.whole, row.pulled_at) for (_, day), row in rows}
    assert noted == {BEFORE: (0, False, LATER), DAY: (1, True, NOW)}


def test_a_day_asked_for_in_vain_again_is_no_news_but_was_asked_for_later(database):
    for now in (NOW, LATER):
        with writing(database) as session:
            mark_asked(session, "gateway", [BEFORE], (), now=now)

    (row,) = source_days(database).values()
    assert (row.pulled_at, row.changed_at) == (LATER, NOW)


def test_a_day_may_have_more_series_than_a_statement_has_parameters(database):
    costs = [cost(1, f"tenant-{number}") for number in range(33_000)]
    assert record(database, costs).added == 33_000
    assert record(database, [cost(2, "tenant-0")]).zeroed == 32_999


# a day that is not settled


def test_a_day_that_grows_before_it_is_settled_makes_no_revision(database):
    for hour in range(3):
        growing = cost(3_000 * (hour + 1))
        record(database, [growing], now=LATER - (3 - hour) * HOUR, settled_at=LATER)
    assert (only(rows(database)).micro_usd, only(rows(database)).version) == (9_000, 1)
    assert revisions(database) == []


def test_the_first_answer_of_a_settled_day_is_its_first_version_and_the_next_revises_it(database):
    record(database, [cost(3_000)], now=NOW, settled_at=LATER)
    record(database, [cost(4_000)], now=LATER, settled_at=LATER)
    assert (only(rows(database)).version, revisions(database)) == (1, [])
    record(database, [cost(5_000)], now=LATER + HOUR, settled_at=LATER)
    assert only(rows(database)).version == 2
    assert [each.micro_usd for each in revisions(database)] == [4_000]


def test_what_was_as_it_is_before_it_was_settled_is_revised_as_anything_else(database):
    record(database, [cost(3_000)], now=NOW, settled_at=LATER)
    record(database, [cost(3_000)], now=LATER, settled_at=LATER)  # not written again
    record(database, [cost(5_000)], now=LATER + HOUR, settled_at=LATER)
    assert only(rows(database)).version == 2
    assert [each.micro_usd for each in revisions(database)] == [3_000]


def test_all_there_is_so_far_removes_what_is_not_in_it_and_is_not_whole(database):
    record(database, [cost(), cost(5_000, "bolt")], whole=False, all_so_far=True)
    record(database, [cost()], whole=False, all_so_far=True)
    assert rows(database)["gateway", "bolt", "chat", DAY].micro_usd == 0
    assert not source_days(database)["gateway", DAY].whole
