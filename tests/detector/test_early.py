"""What is told of a day that still runs, and what the finished day says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detect import Context, detect
from detector.early import detect_early, with_usual_rest
from detector.history import build_history
from detector.model import EVERYONE, MICRO, UNATTRIBUTED, FindingKind
from detector.rules import ROBUST_DAYS, RuleBook, Rules
from tests.detector.histories import (
    TODAY,
    acme,
    ago,
    bolt,
    book,
    corp,
    fleet,
    history_of,
    leave_out,
    partial,
    raise_floor,
    spend,
)
from tests.detector.test_robust import QUIET, TABLE, noise, others, tenant, use


def early(history, *lessons, method="classic", **rules):
    return detect_early(history, RuleBook(method, everyone=Rules(**rules)), Context(lessons))


def told(history, *lessons, **rules):
    return [each.tenant for each in early(history, *lessons, **rules).findings]


def test_spend_above_what_the_whole_day_may_cost_is_told_as_early():
    (finding,) = early(fleet(acme=130)).findings
    assert (finding.kind, finding.tenant) == (FindingKind.SPEND_SPIKE, "acme")
    assert finding.early
    assert (finding.actual_micro_usd, finding.expected_micro_usd) == (130 * MICRO, 100 * MICRO)


@pytest.mark.parametrize("so_far", [0, 40, 99, 124])
def test_spend_that_the_whole_day_may_cost_is_not_told(so_far):
    assert told(fleet(acme=so_far)) == []


def test_a_morning_without_much_use_is_no_drop_and_judges_nothing_else():
    judgement = early(fleet(acme=1, bolt=1, corp=0))
    assert judgement.findings == ()
    assert judgement.unjudged == {(kind, EVERYONE) for kind in FindingKind}


def test_an_empty_history_says_nothing():
    assert told(history_of()) == []


def test_it_is_off_for_whoever_wants_it_off():
    assert told(fleet(acme=130), early=False) == []
    everyone = RuleBook(tenants={"acme": Rules(early=False)})
    found = detect_early(fleet(acme=130, bolt=900), everyone)
    assert [each.tenant for each in found.findings] == ["bolt"]


@pytest.mark.parametrize(
    ("everyone", "acme", "expected"),
    [(True, True, True), (False, True, True), (True, False, True), (False, False, False)],
)
def test_a_book_knows_whether_anybody_is_told_early(everyone, acme, expected):
    rules = RuleBook(everyone=Rules(early=everyone), tenants={"acme": Rules(early=acme)})
    assert rules.early is expected


def test_use_without_a_tenant_is_left_to_the_finished_day():
    history = history_of(acme(), spend(UNATTRIBUTED, [*([100, 101, 99] * 10), 900]))
    assert told(history) == []


def test_what_answers_teach_holds_for_a_running_day():
    assert told(fleet(acme=140), raise_floor("acme", 50, TODAY)) == []
    assert told(fleet(acme=160), raise_floor("acme", 50, TODAY)) == ["acme"]
    hidden = history_of(acme(today=150), spend("dora", [*([100, 101] * 15), 130]))
    assert told(hidden, leave_out("acme", ago(1))) == ["acme", "dora"]


def test_the_finished_day_is_judged_as_if_nothing_had_been_told_early():
    history = fleet(acme=130)
    before = detect(history, book())
    early(history)
    after = detect(history, book())
    assert before == after
    assert bool(history.whole[-1])


AMOUNTS = st.integers(0, 400)


@settings(deadline=None)
@given(
    past=st.lists(AMOUNTS, min_size=30, max_size=30),
    so_far=AMOUNTS,
    rest=AMOUNTS,
    other=AMOUNTS,
)
def test_whatever_classic_tells_early_the_finished_day_tells_too(past, so_far, rest, other):
    whole = history_of(spend("acme", [*past, so_far + rest]), corp(), bolt(other))
    running = history_of(spend("acme", [*past, so_far]), corp(), bolt(other))
    finished = {each.tenant for each in detect(whole, book()).findings}
    assert {each for each in told(running) if each == "acme"} <= finished


# robust


def robust(rows, **rules):
    history = build_history([*rows, *others()], ago(ROBUST_DAYS), TODAY)
    everyone = replace(Rules(**QUIET), **rules)
    judged = detect_early(history, RuleBook("robust", everyone=everyone), Context(prices=TABLE))
    return [(each.tenant, each.rule, each.early) for each in judged.findings]


@pytest.mark.parametrize("today", [(1, 12, 1), (4, 4, 4), (0.2, 12, 0.1)])
def test_a_loop_is_told_by_robust_while_the_day_runs(today):
    assert robust(tenant("acme", 1, today)) == [("acme", "volume", True)]


def test_a_feature_that_had_its_hours_before_the_others_is_no_spike():
    # As it stands it is all of the tenant, which spent more than its day; the others come later.
    today, usual = (135, 0.3, 0.1), (60, 30, 10)
    morning = [
        row
        for number, (level, now) in enumerate(zip(usual, today, strict=True))
        for row in use("acme", [*(level * noise(30 + number, spread=0.35)), now],
                       feature=f"f{number}")
    ]  # fmt: skip
    assert robust(morning) == []
    history = build_history([*morning, *others()], ago(ROBUST_DAYS), TODAY)
    rules = RuleBook("robust", everyone=Rules(**QUIET))
    as_it_stands = detect(partial(history, TODAY), rules, Context(prices=TABLE)).findings
    assert [each.tenant for each in as_it_stands] == ["acme"]


def test_a_running_day_needs_half_a_point_more_than_a_finished_one():
    history = build_history([*tenant("acme", 1, (1, 7, 1)), *others()], ago(ROBUST_DAYS), TODAY)
    rules, context = RuleBook("robust", everyone=Rules(**QUIET)), Context(prices=TABLE)
    (finding,) = detect(history, rules, context).findings
    for bar, expected in ((finding.score - 0.4, []), (finding.score - 0.6, ["acme"])):
        book_ = replace(rules, everyone=replace(rules.everyone, bar=bar))
        assert [each.tenant for each in detect_early(history, book_, context).findings] == expected
    own = replace(rules, tenants={"acme": replace(rules.everyone, bar=finding.score - 0.4)})
    assert detect_early(history, own, context).findings == ()


# the rest of a usual day


def last(history, name="cost"):
    found = getattr(history, name)[:, -1].tolist()
    return {
        (key.tenant, key.feature): value for key, value in zip(history.keys, found, strict=True)
    }


def test_the_usual_rest_raises_what_is_below_its_median_day_and_nothing_else():
    rows = use("acme", [*([10, 20, 30] * 11), 5], feature="low")
    rows += use("acme", [*([10, 20, 30] * 11), 80], feature="high")
    history = build_history(rows, ago(33), TODAY)
    going_on = with_usual_rest(history)
    assert last(going_on) == {("acme", "high"): 80 * MICRO, ("acme", "low"): 20 * MICRO}
    assert last(going_on, "prompt")["acme", "low"] == 4 * last(history, "prompt")["acme", "low"]
    assert np.array_equal(going_on.cost[:, :-1], history.cost[:, :-1])
    assert last(history)["acme", "low"] == 5 * MICRO


def test_the_usual_rest_is_made_of_usable_days():
    rows = spend("acme", [*([10] * 14), *([90] * 16), 1])
    history = build_history(rows, ago(30), TODAY)
    assert last(with_usual_rest(history))["acme", "chat"] == 90 * MICRO
    ninety = [ago(days) for days in range(1, 17)]
    assert (
        last(with_usual_rest(history, [leave_out("acme", *ninety)]))["acme", "chat"] == 10 * MICRO
    )
    none = partial(history, *history.days)
    assert last(with_usual_rest(none)) == last(history)


def test_use_without_a_known_price_stays_as_it_is():
    history = build_history(spend("acme", [*([10] * 30), None]), ago(30), TODAY)
    assert last(with_usual_rest(history)) == {("acme", "chat"): 0}
    assert with_usual_rest(history_of()).keys == ()
