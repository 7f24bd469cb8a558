from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert

from detector.model import Rejection
from detector.pulls import (
    due_days,
    judged_before,
    judged_before_at,
    keep_rejections,
    newest_judged_day,
    note_pull_end,
    note_pull_start,
    pull_changes,
    pulls_since,
    source_days,
)
from detector.tables import JUDGED_DAY
from spendwatch.db import reading, writing
from tests.detector.ledgers import DAY, LATER, NEXT, NOW, cost, record

WINDOW = 30
MINUTE = timedelta(minutes=1)


def ago(days):
    return DAY - timedelta(days=days)


def rejected(*reasons, kept=False):
    return [
        Rejection("gateway", f"a.csv:{line}", reason, "a,b", kept=kept)
        for line, reason in enumerate(reasons, 2)
    ]


def pulled(engine, *rejections, first=DAY, last=DAY, source="gateway", error="", at=NOW, ends=True):
    """A pull with what it refused."""
    kept = sum(rejection.kept for rejection in rejections)
    with writing(engine) as session:
        number = note_pull_start(session, source, at)
        keep_rejections(session, number, rejections)
        ending = {"ended_at": at if ends else None, "first_day": first, "last_day": last,
                  "rejected": len(rejections) - kept, "kept": kept, "error": error}  # fmt: skip
        note_pull_end(session, number, ending)


def judged(engine, day, at):
    with writing(engine) as session:
        row = {"day": day, "judged_at": at, "method": "classic", "findings": 0}
        session.connection().execute(insert(JUDGED_DAY), [row])


def state(engine, day=DAY, in_service=("gateway",)):
    with reading(engine) as session:
        (found,) = source_days(session, day, WINDOW, in_service)
    return found


def steady(engine, *days, rows=2):
    for number in days:
        costs = [cost(1, f"t{n}", day=ago(number)) for n in range(rows)]
        record(engine, costs, day=ago(number))


def test_a_source_that_answered_is_described_by_its_rows(database):
    steady(database, 0, 1, 2)
    steady(database, 3, rows=5)
    found = state(database)
    assert (found.rows, found.usual_rows, found.last_day, found.error) == (2, 2, ago(1), "")


def test_fault_23_a_silent_source_is_known_by_its_usual_rows_and_last_day(database):
    steady(database, 2, 3)
    record(database, [], day=ago(1))
    found = state(database)
    assert (found.rows, found.usual_rows, found.last_day) == (0, 2, ago(2))


def test_a_source_in_service_that_never_answered_has_no_usual_rows(database):
    found = state(database)
    assert (found.source, found.rows, found.usual_rows, found.last_day) == ("gateway", 0, 0, None)


def test_a_source_never_spoke_if_it_was_asked_and_told_of_no_day(database):
    assert not state(database).never_spoke
    pulled(database)
    assert state(database).never_spoke
    steady(database, -3)
    assert not state(database).never_spoke, "it has told of a later day"


def test_what_is_usual_is_that_of_the_newest_days_with_rows_however_long_ago(database):
    steady(database, *range(100, 100 + WINDOW))
    steady(database, *range(200, 200 + 2 * WINDOW), rows=5)
    assert (state(database).usual_rows, state(database).last_day) == (2, ago(100))


def test_a_file_imported_once_is_no_service_that_can_fall_silent(database):
    steady(database, 1)
    pulled(database, *rejected("no tenant"), error="torn")
    found = state(database, in_service=())
    assert (found.source, found.usual_rows, found.error) == ("gateway", 0, "")
    assert found.rejected == 1


def test_fault_16_what_was_refused_is_counted_by_reason_and_placed(database):
    refused = rejected("negative tokens", "no tenant", "no tenant")
    pulled(database, *refused, *rejected("total differs", kept=True))
    found = state(database)
    assert (found.rejected, found.kept) == (3, 1)
    assert found.reasons == "no tenant (2); negative tokens (1); total differs (1)"
    assert found.first == "a.csv:2: a,b"


def test_of_many_reasons_the_three_most_frequent_are_told(database):
    pulled(database, *rejected(*"ddddcccbba"))
    assert state(database).reasons == "d (4); c (3); b (2)"


def test_a_source_that_refused_nothing_has_no_reasons(database):
    pulled(database)
    found = state(database)
    assert (found.rejected, found.reasons, found.first) == (0, "", "")


def test_rows_refused_again_by_a_repeated_pull_count_once(database):
    for step in range(2):
        pulled(database, *rejected("no tenant"), at=NOW + MINUTE * step)
    assert (state(database).rejected, state(database).reasons) == (1, "no tenant (1)")


def test_a_failed_pull_is_forgotten_once_a_later_one_answered_for_its_days(database):
    pulled(database, *rejected("no tenant"), first=ago(2), error="timeout")
    assert state(database).error == "timeout"
    pulled(database, *rejected("no tenant"), first=ago(2), at=LATER)
    assert (state(database).error, state(database).rejected) == ("", 1)


def test_a_pull_that_came_to_no_day_is_forgotten_after_any_later_one(database):
    pulled(database, first=None, last=None, error="no such file")
    pulled(database, first=None, last=None, error="still no such file", at=LATER)
    assert state(database).error == "still no such file"
    pulled(database, at=LATER + MINUTE)
    assert state(database).error == ""


def test_the_newest_pull_says_whether_the_source_fails_whatever_window_it_had(database):
    pulled(database, first=ago(5), last=ago(3))
    pulled(database, first=ago(2), error="timeout", at=NOW + MINUTE)
    pulled(database, first=ago(5), last=ago(3), at=LATER)
    assert state(database).error == ""


def test_pulls_of_different_days_add_what_they_refused(database):
    pulled(database, *rejected("no tenant"), first=ago(1), last=ago(1))
    pulled(database, *rejected("no tenant"), at=LATER)
    assert state(database).rejected == 2


def test_what_was_told_with_the_day_before_is_not_told_again(database):
    pulled(database, *rejected("no tenant"), first=ago(3), last=ago(1))
    judged(database, ago(1), LATER)
    assert state(database).rejected == 0
    pulled(database, *rejected("no model"), at=LATER + MINUTE)
    assert state(database).reasons == "no model (1)"


def test_a_day_judged_again_is_told_what_it_was_told_however_late_the_one_before_it_was(database):
    pulled(database, *rejected("no tenant"), error="timeout")
    judged(database, ago(1), LATER)
    assert (state(database).rejected, state(database).error) == (1, "timeout")


def test_a_day_judged_again_is_not_told_what_pulls_of_later_days_refused(database):
    pulled(database, first=ago(3), last=ago(1))
    pulled(database, *rejected("no tenant"), error="timeout", at=LATER)
    assert (state(database, ago(1)).rejected, state(database, ago(1)).error) == (0, "")


def test_a_pull_that_was_killed_says_nothing(database):
    pulled(database, *rejected("no tenant"), ends=False)
    assert state(database).rejected == 0


def test_the_day_judged_before_is_the_newest_one_or_simply_yesterday(database):
    with reading(database) as session:
        assert (judged_before(session, DAY), judged_before_at(session, DAY)) == (ago(1), None)
    judged(database, ago(9), NOW)
    judged(database, ago(4), LATER)
    judged(database, NEXT, LATER)
    with reading(database) as session:
        assert (judged_before(session, DAY), judged_before_at(session, DAY)) == (ago(4), LATER)


def to_judge(engine, day=DAY, most=WINDOW):
    with reading(engine) as session:
        return due_days(session, day, most, again=True).every


def changes(engine, day=DAY):
    with reading(engine) as session:
        return sorted(pull_changes(session, day))


def test_the_newest_judged_day_is_none_before_a_day_was_judged(database):
    with reading(database) as session:
        assert newest_judged_day(session) is None
    for number in (4, 1, 2):
        judged(database, ago(number), NOW)
    with reading(database) as session:
        assert newest_judged_day(session) == ago(1)


def test_fault_22_a_judged_day_whose_usage_changed_since_is_judged_again(database):
    steady(database, 1, 2)
    for number in (1, 2):
        judged(database, ago(number), NOW + MINUTE)
    assert to_judge(database) == (DAY,)
    record(database, [cost(9, "t0", day=ago(2))], day=ago(2), now=LATER)
    assert to_judge(database) == (ago(2), DAY)


def test_a_judged_day_that_was_pulled_again_unchanged_is_not(database):
    steady(database, 1)
    judged(database, ago(1), NOW + MINUTE)
    costs = [cost(1, f"t{n}", day=ago(1)) for n in range(2)]
    record(database, costs, day=ago(1), now=LATER)
    assert to_judge(database) == (DAY,)


def test_a_judged_day_that_has_become_whole_is_judged_again(database):
    record(database, [cost(day=ago(1))], day=ago(1), whole=False)
    judged(database, ago(1), NOW + MINUTE)
    record(database, [cost(day=ago(1))], day=ago(1), now=LATER)
    assert to_judge(database) == (ago(1), DAY)


def test_fault_49_days_missed_while_nothing_ran_are_judged_in_their_order(database):
    judged(database, ago(3), NOW)
    assert to_judge(database) == (ago(2), ago(1), DAY)
    assert to_judge(database, most=2) == (ago(1), DAY)


def test_the_first_day_ever_judged_has_missed_none(database):
    steady(database, 0, 1, 2)
    assert to_judge(database) == (DAY,)


def test_a_day_that_was_judged_and_did_not_change_is_not_due(database):
    steady(database, 0, 1)
    for number in (0, 1):
        judged(database, ago(number), NOW + MINUTE)
    with reading(database) as session:
        assert due_days(session, DAY, WINDOW).every == ()
    record(database, [cost(9, "t0")], now=LATER)
    with reading(database) as session:
        due = due_days(session, DAY, WINDOW)
    assert (due.missed, due.changed) == ((), (DAY,))


def test_how_sources_answered_is_known_since_a_moment(database):
    pulled(database, ends=False)
    pulled(database)
    with reading(database) as session:
        assert pulls_since(session, LATER + MINUTE, DAY) == {}
        (asked, answered) = pulls_since(session, NOW - MINUTE, DAY)["gateway"]
    assert asked.ended_at is None
    assert (answered.ended_at is not None, answered.error) == (True, "")


def test_a_source_that_was_asked_for_older_days_alone_has_not_answered_for_the_newest(database):
    pulled(database, first=ago(9), last=ago(5))
    with reading(database) as session:
        assert pulls_since(session, NOW - MINUTE, DAY) == {}
        assert len(pulls_since(session, NOW - MINUTE, ago(5))["gateway"]) == 1


def test_a_source_asked_for_newer_days_alone_has_not_answered_for_the_settled_one(
    database,
):
    pulled(database, first=DAY, last=NEXT)
    with reading(database) as session:
        assert pulls_since(session, NOW - MINUTE, ago(1)) == {}
        assert len(pulls_since(session, NOW - MINUTE, NEXT)["gateway"]) == 1


def test_a_pull_changes_a_day_where_it_adds_or_revises(database):
    record(database, [cost(), cost(5, "bolt")])
    assert changes(database) == [("acme", NOW), ("bolt", NOW)]
    record(database, [cost(9), cost(5, "bolt")], now=LATER)
    assert changes(database) == [("acme", LATER), ("bolt", NOW)]
    assert changes(database, NEXT) == []


def test_a_change_of_price_is_no_change_by_a_pull(database):
    record(database, [cost()])
    record(database, [cost(9)], now=LATER, cause="price")
    assert [at for _, at in changes(database)].count(LATER) == 0


def test_later_days_wait_for_their_turn(database):
    record(database, [cost()], now=NOW)
    judged(database, NEXT, NOW)
    record(database, [cost(day=NEXT)], day=NEXT, now=LATER)
    assert to_judge(database) == (DAY,)


def test_days_before_any_use_are_not_judged(database):
    record(database, [cost(day=NEXT)], day=NEXT, now=NOW)
    assert to_judge(database) == ()
