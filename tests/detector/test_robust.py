"""What `robust` wakes people for, and what it does not."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from detector.detect import Context, detect
from detector.history import build_history
from detector.model import MICRO, UNATTRIBUTED, CostDay, FindingKind, SeriesKey
from detector.price_table import PriceList, build_table
from detector.robust.situation import survey
from detector.rules import ROBUST_DAYS, RuleBook, Rules
from tests.detector.histories import TODAY, ago, evidence, leave_out, price, raise_floor

QUIET = {"first_spend_micro_usd": None, "young_guard_micro_usd": None}
DEAR, CHEAP = "gpt-4o", "gpt-4o-mini"
PRICES = (
    price(ago(900), "10", DEAR, output=Decimal(40)),
    price(ago(900), "1", CHEAP, output=Decimal(4)),
)
TABLE = build_table(PriceList(PRICES))
"""A million tokens of the dear model are $10, of the cheap one $1; completions four times that."""


def noise(seed, days=ROBUST_DAYS, spread=0.08):
    return np.exp(np.random.default_rng(seed).normal(0, spread, days))


def use(tenant, dollars, *, feature="chat", model=DEAR, completion=0.25, table_rate=10, last=TODAY):
    """A row a day worth these dollars, ``completion`` of them for completions; 0 is no row."""
    rows = []
    for step, amount in enumerate(dollars):
        if amount:
            prompt = amount * (1 - completion) / table_rate * 1e6
            out = amount * completion / (4 * table_rate) * 1e6
            rows.append(
                CostDay(
                    ago(len(dollars) - 1 - step), SeriesKey(tenant, feature, model),
                    round(amount * MICRO), 10, 0, round(prompt), round(out),
                )
            )  # fmt: skip
    return rows


def tenant(name, seed, today=(1.0, 1.0, 1.0), level=(60, 30, 10), **changes):
    """Three features with some noise; ``today`` multiplies what each costs on the judged day."""
    rows = []
    for index, (usual, times) in enumerate(zip(level, today, strict=True)):
        days = [*(usual * noise(seed * 10 + index)), usual * times]
        rows += use(name, days, feature=f"f{index}", **changes)
    return rows


def others(count=8):
    return [row for number in range(count) for row in tenant(f"t{number}", number + 50)]


def judged(rows, *lessons, table=TABLE, **rules):
    history = build_history([*rows, *others()], ago(ROBUST_DAYS), TODAY)
    book = RuleBook(method="robust", everyone=replace(Rules(**QUIET), **rules))
    return detect(history, book, Context(lessons, table)).findings


def told(rows, *lessons, **rules):
    return [(each.tenant, each.rule) for each in judged(rows, *lessons, **rules)]


def test_an_ordinary_day_says_nothing():
    assert told(tenant("acme", 1)) == []


@pytest.mark.parametrize("today", [(1, 8, 1), (1, 1, 20), (3, 3, 3)])
def test_a_feature_in_a_loop_or_a_whole_tenant_is_a_spike(today):
    (found,) = judged(tenant("acme", 1, today))
    assert (found.tenant, found.kind, found.rule) == ("acme", FindingKind.SPEND_SPIKE, "volume")
    assert found.score > 0


def test_the_feature_and_the_signs_with_most_points_are_among_the_facts():
    (found,) = judged(tenant("acme", 1, (1, 8, 1)))
    assert found.facts["feature"] == "f1"
    signs = [found.facts[f"sign_{number}"] for number in (1, 2, 3)]
    assert all(re.search(r"\d", sign) for sign in signs)
    assert any("its share of the tenant" in sign for sign in signs)
    assert found.facts["bar"] == 0
    assert found.expected_micro_usd == pytest.approx(100 * MICRO, rel=0.05)


def test_a_switch_to_a_dearer_model_is_told_as_one():
    before = use("acme", [*(30 * noise(1)), 0], model=CHEAP, table_rate=1)
    after = use("acme", [0] * ROBUST_DAYS + [300], model=DEAR)
    rest = use("acme", [*(20 * noise(2)), 20], feature="other")
    assert told([*before, *after, *rest]) == [("acme", "model mix")]


def test_prompts_that_grow_for_the_same_answers_are_told_as_longer_prompts():
    before = use("acme", [*(60 * noise(1)), 0], completion=0.25)
    after = use("acme", [0] * ROBUST_DAYS + [240], completion=0.05)
    rest = use("acme", [*(20 * noise(2)), 20], feature="other")
    assert told([*before, *after, *rest]) == [("acme", "prompt length")]


def test_a_price_change_pages_nobody():
    dearer = price(TODAY, "30", DEAR, output=Decimal(120))
    table = build_table(PriceList((*PRICES, dearer)))
    rows = tenant("acme", 1)
    tripled = [
        replace(row, micro_usd=3 * row.micro_usd) if row.day == TODAY else row for row in rows
    ]
    assert told(tripled, table=table) == []


def test_a_tenant_that_falls_to_a_rest_is_a_drop():
    (found,) = judged(tenant("acme", 1, (0.02, 0.02, 0.02)))
    assert (found.kind, found.rule, found.tenant) == (FindingKind.SPEND_DROP, "drop", "acme")


def test_use_that_stops_altogether_is_nobodys_alarm():
    assert told(tenant("acme", 1, (0, 0, 0))) == []


def test_a_drop_that_many_share_is_none_of_theirs():
    rows = [row for number in range(12) for row in tenant(f"a{number}", number, (0.02,) * 3)]
    assert told(rows) == []


def test_what_appears_without_a_tenant_speaks_for_a_drop():
    lost = [row for row in tenant(UNATTRIBUTED, 3, level=(9, 1, 1)) if row.day != TODAY]
    found = use(UNATTRIBUTED, [0] * ROBUST_DAYS + [99], feature="f0")
    alone = judged(tenant("acme", 1, (0.02,) * 3))
    mirrored = [
        each for each in judged([*tenant("acme", 1, (0.02,) * 3), *lost, *found])
        if each.tenant == "acme"
    ]  # fmt: skip
    assert mirrored[0].score > alone[0].score


def test_what_others_rise_by_changes_nothing_of_a_rise():
    (alone,) = judged(tenant("acme", 1, (3, 3, 3)))
    crowd = [row for number in range(6) for row in tenant(f"a{number}", number, (3, 3, 3))]
    shared = judged([*crowd, *tenant("acme", 1, (3, 3, 3))])
    assert [each for each in shared if each.tenant == "acme"] == [alone]


def test_a_drop_counts_less_the_more_others_fall_with_it():
    def score(falling):
        names = range(falling)
        rows = [row for name in names for row in tenant(f"a{name}", name, (0.2,) * 3)]
        return scores_of(judged([*rows, *tenant("acme", 1, (0.02,) * 3)], **ALL), "acme")[0]

    assert score(0) > score(1) > score(2) > score(3) > score(4) == score(5)


def test_weekends_are_no_drops_and_mondays_no_spikes():
    weekday = [ago(ROBUST_DAYS - step).weekday() for step in range(ROBUST_DAYS + 1)]
    shape = np.where(np.array(weekday) > 4, 0.2, 1.0)
    for today in range(7):
        days = 100 * np.roll(shape, today) * np.append(noise(today), 1)
        assert told(use("acme", days)) == []


def test_where_tokens_are_not_told_the_cost_alone_is_judged():
    def bare(today):
        rows = use("acme", [*(100 * noise(1)), today])
        return [replace(row, prompt_tokens=None, completion_tokens=None) for row in rows]

    assert told(bare(110)) == []
    assert told(bare(200)) == [("acme", "cost only")]
    assert told(bare(2)) == [], "no drops"


def test_a_feature_without_tokens_that_rises_hides_no_drop_of_one_that_tells_them():
    rows = tenant("acme", 1, (0.02,) * 3)
    fresh = use("acme", [0] * ROBUST_DAYS + [0.2], feature="bare")
    bare = [replace(row, prompt_tokens=None, completion_tokens=None) for row in fresh]
    assert [rule for _, rule in told([*rows, *bare])] == ["drop"]
    lost = [replace(row, prompt_tokens=None, completion_tokens=None) for row in rows]
    assert told([*lost, *fresh]) == [], "drops are not told without tokens"


def test_a_cost_that_was_seen_twice_in_a_month_is_no_surprise():
    days = [*(100 * noise(1)), 200]
    rows = {at: [*days[:-9], at, *days[-8:]] for at in (150, 100)}
    again = {at: [*each[:-20], at, *each[-19:]] for at, each in rows.items()}

    def bare(days):
        rows = use("acme", days)
        return [replace(row, prompt_tokens=None, completion_tokens=None) for row in rows]

    assert told(bare(rows[150])) == told(bare(again[100])) == [("acme", "cost only")]
    assert told(bare(again[150])) == []


def test_a_feature_that_is_new_today_is_not_one_without_tokens():
    rows = use("acme", [*(100 * noise(1)), 100])
    fresh = use("acme", [0] * ROBUST_DAYS + [30], feature="new")
    assert ("acme", "cost only") not in told([*rows, *fresh])


@pytest.mark.parametrize(
    ("rules", "heard"),
    [({}, 1), ({"bar": 20.0}, 0), ({"direction": "down"}, 0),
     ({"min_excess_micro_usd": 10_000 * MICRO}, 0), ({"min_excess_percent": 5_000.0}, 0),
     ({"min_days": 62}, 0)],
)  # fmt: skip
def test_bar_floors_direction_and_least_days_hold(rules, heard):
    assert len(judged(tenant("acme", 1, (1, 8, 1)), **rules)) == heard


def test_direction_up_leaves_drops_out():
    assert told(tenant("acme", 1, (0.02,) * 3), direction="up") == []


def test_a_rise_that_nobody_looks_for_hides_no_drop():
    rows = tenant("acme", 1, (0.02, 8, 1), level=(60, 5, 1))
    rules = {
        direction: dict(told(rows, direction=direction, **ALL)) for direction in ("both", "down")
    }
    assert (rules["both"]["acme"], rules["down"]["acme"]) == ("volume", "drop")


def test_young_tenants_and_first_spends_are_judged_by_dollars():
    young = use("acme", [100, 100, 900])
    assert told(young) == []
    assert told(young, young_guard_micro_usd=200 * MICRO) == [("acme", "young tenant")]
    first = use("acme", [900])
    assert told(first, first_spend_micro_usd=50 * MICRO) == [("acme", "first spend")]


def test_a_day_that_an_answer_left_out_is_in_no_evidence():
    rows = tenant("acme", 1, (1, 8, 1))
    spoilt = [
        replace(row, micro_usd=50 * row.micro_usd, prompt_tokens=50 * row.prompt_tokens)
        if row.day in (ago(1), ago(2), ago(7)) and row.key.feature == "f1" else row
        for row in rows
    ]  # fmt: skip
    lesson = leave_out("acme", ago(1), ago(2), ago(7))
    (clean,) = judged(rows, lesson)
    (taught,) = judged(spoilt, lesson)
    assert taught == clean
    assert judged(spoilt) != [clean]


ALL = {"bar": -20.0, "min_excess_micro_usd": 0, "min_excess_percent": 0.0}
"""Rules that tell of everybody who has a score."""


@pytest.mark.parametrize(
    ("rows", "spoils"),
    [
        # A feature that begins today has no past, whatever was booked to it by mistake.
        (
            [*tenant("acme", 1), *use("acme", [0] * ROBUST_DAYS + [90], feature="new")],
            use("acme", [40] + [0] * 20, feature="new"),
        ),
        # Who has one feature has no share to speak of.
        (use("acme", [*(60 * noise(1)), 200]), use("acme", [40] + [0] * 20, feature="f")),
    ],
)
def test_a_feature_of_a_left_out_day_alone_was_never_there(rows, spoils):
    lesson = leave_out("acme", ago(20))
    clean = judged(rows, lesson, **ALL)
    assert "acme" in {each.tenant for each in clean}
    assert judged([*rows, *spoils], lesson, **ALL) == clean
    assert judged([*rows, *spoils], **ALL) != judged(rows, **ALL)


def test_tokens_of_a_left_out_day_do_not_make_a_tenant_one_that_tells_them():
    rows = use("acme", [*(100 * noise(1)), 200])
    bare = [replace(row, prompt_tokens=None, completion_tokens=None) for row in rows]
    odd = [whole if whole.day == ago(9) else row for row, whole in zip(bare, rows, strict=True)]
    assert told(odd, leave_out("acme", ago(9))) == [("acme", "cost only")]
    assert ("acme", "volume") in told(odd, **ALL)


def test_no_answer_about_one_tenant_moves_the_score_of_another():
    """Without its answers bolt falls with acme to a ninth; with them it is where it always was."""
    risen = [scaled(row, 9) if TODAY > row.day > ago(21) else row for row in tenant("bolt", 2)]
    rows = [*tenant("acme", 1, (0.02,) * 3), *risen]
    without = judged(rows, **ALL)
    answered = judged(rows, leave_out("bolt", *map(ago, range(1, 21))), **ALL)
    assert scores_of(answered, "bolt") != scores_of(without, "bolt")
    assert [each for each in answered if each.tenant != "bolt"] == [
        each for each in without if each.tenant != "bolt"
    ]


def scores_of(findings, name):
    return [each.score for each in findings if each.tenant == name]


def scaled(row, times):
    return replace(
        row,
        micro_usd=row.micro_usd * times,
        prompt_tokens=row.prompt_tokens * times,
        completion_tokens=row.completion_tokens * times,
    )


def test_a_raised_floor_holds():
    rows = tenant("acme", 1, (1, 8, 1))
    assert told(rows, raise_floor("acme", 10_000, TODAY)) == []


@pytest.mark.parametrize("rows", [use("acme", [100, 100, 900]), use("acme", [900])])
def test_floors_hold_for_young_tenants_and_first_spends_too(rows):
    rules = {"young_guard_micro_usd": 200 * MICRO, "first_spend_micro_usd": 50 * MICRO}
    assert len(told(rows, **rules)) == 1
    assert len(told(rows, raise_floor("acme", 800, TODAY), **rules)) == 1
    assert told(rows, raise_floor("acme", 901, TODAY), **rules) == []


def test_it_looks_two_months_back_whatever_the_window_of_classic_is():
    assert RuleBook(method="robust", window_days=30).history_days == ROBUST_DAYS
    assert RuleBook(method="robust", window_days=90).history_days == 90
    assert RuleBook(window_days=30).history_days == 30


def test_with_no_tenant_there_is_nothing_to_say():
    history = build_history(others(), ago(ROBUST_DAYS), TODAY)
    empty = history._replace(
        keys=(), **{name: getattr(history, name)[:0]
                    for name in ("cost", "unknown", "given", "prompt", "completion", "cached")}
    )  # fmt: skip
    assert detect(empty, RuleBook(method="robust"), Context(prices=TABLE)).findings == ()


def test_a_day_is_taken_in_with_the_rates_of_its_series_alone():
    with pytest.raises(ValueError, match="the rates of the series are not there"):
        survey(evidence([[1.0] * 62]))
