"""What an explanation says in words, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from detector.explanation import (
    Check,
    Explanation,
    LookedAtDay,
    Otherwise,
    ScoredTerm,
    Stage,
    Trial,
    Verdict,
)
from detector.model import MICRO, Baseline, Effect, LeftOutDay, Lesson, SeriesKey
from detector.price_chain import Metered, PricedUse
from detector.price_table import Price
from spendwatch.explain_words import (
    AnswerInForce,
    Explained,
    RevisedDay,
    sections_of,
    verdict,
)
from tests.builders import spike

DAY = date(2026, 11, 12)
AT = datetime(2026, 11, 13, 6, 10, tzinfo=UTC)
RATE = {"input": Decimal("2.50"), "output": Decimal(10)}
PRICE = Price("gpt-4o", "global", date(2024, 5, 13), RATE)
METERS = (Metered("input", 1_000, Decimal("2.50"), Decimal(2_500)),)
USE = PricedUse("gateway", SeriesKey("acme", "chat", "gpt-4o"), 1_000, None, 0, 2_500, 2_500,
                meters=METERS, price=PRICE, listed_in="USD")  # fmt: skip
BAR = Check("points", 2.5, 0.5, "points", Stage.BAR, met=True, strict=True, setting="bar")
FLOOR = Check("change in dollars", 4.0, 5.0, "$", Stage.FLOOR, met=False,
              setting="min_excess_micro_usd")  # fmt: skip
TERM = ScoredTerm("share", "its share rose", 9.0, "sd", 2.0, 8.0, 2.7, 2.7, "a / b",
                  {"a": 9.0, "b": 1.0})  # fmt: skip
QUIET = replace(TERM, name="crowd", sentence="nobody rises with it", points=0.0)
TRIAL = Trial("volume", 1, (BAR,), 1.0, (TERM, QUIET), "chat", (9.0, 12.0))
DAYS = tuple(LookedAtDay(DAY - timedelta(back), 10 * MICRO, 10.0, back > 0) for back in (2, 1, 0))
BASE = Baseline(2, 2, 10 * MICRO, MICRO, 9 * MICRO, 11 * MICRO)


def explanation(**changes):
    told = Explanation("acme", DAY, "robust", Verdict.TOLD, finding=spike(DAY), trials=(TRIAL,),
                       days=DAYS, baseline=BASE, actual_micro_usd=12 * MICRO,
                       expected_micro_usd=10 * MICRO)  # fmt: skip
    return replace(told, **changes)


def explained(use=(USE,), **changes):
    answers, revisions = changes.pop("answers", ()), changes.pop("revisions", ())
    remarks = changes.pop("remarks", ())
    return Explained(explanation(**changes), "Acme", use, answers, revisions, remarks)


def text(found):
    lines = []
    for section in sections_of(found):
        lines += [section.title, *section.lines, *(" | ".join(row) for row in section.rows)]
    return "\n".join(lines)


def silent(trial=None, verdict=Verdict.BELOW_A_FLOOR, **changes):
    trials = (trial or Trial("volume", 1, (FLOOR, BAR)),)
    return explanation(verdict=verdict, finding=None, trials=trials, **changes)


def test_a_told_day_names_its_rule_and_the_bar_it_is_above():
    assert verdict(explanation()) == (
        "told as a spend spike, rule z-score: points 2.50, above 0.50 (bar)"
    )
    young = Check("cost above the mean", 300.0, 200.0, "$", Stage.BAR, met=True)
    assert verdict(explanation(trials=(Trial("z-score", 1, (young,)),))) == (
        "told as a spend spike, rule z-score: cost above the mean $300, at least $200"
    )


def test_a_silent_day_names_what_was_missed_first():
    assert verdict(silent()) == (
        "silent, below a floor; nearest was volume: change in dollars $4, at least $5 "
        "(min_excess_usd) is asked for"
    )
    gate = Check("rises are looked for", 0.0, 1.0, "", Stage.GATE, met=False)
    assert verdict(silent(Trial("volume", 1, (gate,)), Verdict.NOT_JUDGED)) == (
        "not judged; nearest was volume: it is not so that rises are looked for"
    )
    assert "more than 0.50 (bar) is asked for" in verdict(
        silent(Trial("volume", 1, (replace(BAR, met=False, value=0.2),)), Verdict.BELOW_THE_BAR)
    )


def test_what_was_not_judged_says_why():
    blind = Explanation("acme", DAY, "robust", Verdict.NOT_JUDGED, "no data was pulled for the day")
    found = Explained(blind, "Acme")
    assert text(found) == (
        "\nAcme on Thu 12 Nov 2026: not judged, no data was pulled for the day\n"
        "use\nnone on this day"
    )


def test_a_method_without_an_account_still_has_its_verdict():
    assert verdict(explanation(trials=())) == "told as a spend spike, rule z-score"
    assert verdict(replace(silent(), trials=())) == "silent, below a floor"


def test_the_sum_of_the_points_is_shown_and_what_gave_none_is_named_below():
    said = text(explained())
    assert "its share rose | a 9, b 1 | 2.00 sd | 8.00 sd | 2.7 | 2.70" in said
    assert "the sum begins at |  |  |  |  | 1.00" in said
    assert "sum |  |  |  |  | 3.70" in said
    assert "nothing from: nobody rises with it" in said
    assert "nothing from" not in text(explained(trials=(replace(TRIAL, terms=(TERM,)),)))


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (USE, "chat | gpt-4o | global since 2024-05-13 | 1,000 |  | 0 | 2.5 |  |  | under $0.01"),
        (replace(USE, stated=True), "| stated by the source |"),
        (replace(USE, price=None, meters=(), micro_usd=None, why_unknown="x"),
         "| no price is known | 1,000 |  | 0 |  |  |  | unknown"),
        (replace(USE, price=replace(PRICE, tenant="acme", deployment="east"), dropped_suffix=True),
         "for this tenant for east; date suffix dropped |"),
        (replace(USE, listed_in="EUR", shadow=True, upper_bound=True, now_micro_usd=None),
         "since 2024-05-13, in EUR; shadow rate; upper bound; now unknown |"),
        (replace(USE, key=SeriesKey("acme", "", "", "East", "batch")),
         "(no feature) | East (batch) | gpt-4o global since"),
        (replace(USE, key=SeriesKey("acme")), "(no feature) | (no model) | gpt-4o global"),
    ],
)  # fmt: skip
def test_each_use_names_its_price(use, words):
    assert words in text(explained((use,)))


def test_sources_are_named_where_there_are_several_and_an_unknown_cost_makes_a_lower_bound():
    other = replace(USE, source="azure", micro_usd=None)
    said = text(explained((USE, other)))
    assert "chat (gateway) |" in said
    assert "chat (azure) |" in said
    assert "at least under $0.01" in said


def test_days_left_out_and_raised_floors_name_the_answers_behind_them():
    days = frozenset({DAY - timedelta(2)})
    left = Lesson("acme", Effect.LEAVE_OUT, "dismissed as expected", days=days)
    floor = Lesson("acme", Effect.RAISE_FLOOR, "dismissed as a false alarm",
                   until_day=date(2026, 12, 9), floor_micro_usd=300 * MICRO)  # fmt: skip
    other = replace(left, days=frozenset({DAY - timedelta(40)}))
    answers = [AnswerInForce(3 + step, "alice", AT, each)
               for step, each in enumerate((left, floor, other))]  # fmt: skip
    gone = (LeftOutDay(DAY - timedelta(2), left.reason), LeftOutDay(DAY - timedelta(1), "no data"))
    said = text(explained(answers=answers, left_out=gone, lessons=(left, floor, other)))
    assert "left out: 10 Nov dismissed as expected (A-3, alice on 13 Nov 06:10 UTC)" in said
    assert "left out: 11 Nov no data\n" in said
    assert "floor raised to $300 until 9 Dec (A-4, alice on 13 Nov 06:10 UTC)" in said
    assert "2 of 2 days, 10 Nov to 11 Nov\n" in said


def test_levels_that_look_further_back_and_a_tenant_without_days_say_so():
    further = replace(BASE, window_days=1, used_days=1)
    assert "1 of 1 day, 11 Nov to 11 Nov; levels and spreads look 1 day further back" in text(
        explained(baseline=further)
    )
    nothing = replace(BASE, window_days=0, used_days=0)
    said = text(explained(baseline=nothing, days=DAYS[-1:]))
    assert "compared with\n0 of 0 days\n" in said + "\n"
    assert "expected" not in said


def test_what_would_have_turned_it_is_said_each_by_itself():
    found = (
        Otherwise("setting", "min_excess_micro_usd", 12_500_000.0),
        Otherwise("setting", "bar", 2.51),
        Otherwise("term", "share", -0.2),
        Otherwise("cost", "chat", 11 * MICRO, 0, 0.5, 0.51),
        Otherwise("cost", "", 11 * MICRO, 0, 0.5, 0.51),
        Otherwise("cost", None, 11 * MICRO, 0, 0.5, 0.51, of_usual=True),
    )
    said = text(explained(otherwise=found))
    for words in (
        "it would have stayed silent, each by itself",
        "with min_excess_usd at 12.50 or more",
        "with bar at 2.51 or more",
        'without "its share rose": -0.20 points',
        "had the day cost $11: 50 % of the use of feature chat\n",
        "had the day cost $11: 50 % of the use without a feature",
        "had the day cost $11: 50 % of all its use of a usual day",
    ):
        assert words in said


def test_of_a_silent_day_it_is_said_what_would_have_been_told():
    found = (
        Otherwise("setting", "bar", 0.1, 1),
        Otherwise("lesson", "dismissed as a false alarm", 0.0, 1),
        Otherwise("cost", None, 3 * MICRO, -1, 0.3, 0.31),
    )
    said = text(Explained(silent(otherwise=found), "Acme"))
    for words in (
        "it would have been told, each by itself",
        "with bar at 0.1 or less, as a spike",
        "without the floor that an answer raised (dismissed as a false alarm), as a spike",
        "had the day cost $3: 30 % of all its use, as a drop",
    ):
        assert words in said


def test_revisions_and_remarks_stand_on_top():
    revised = (RevisedDay(None, 12 * MICRO, AT, "price"), RevisedDay(1, 2, AT, "pull"))
    said = text(explained(revisions=revised, remarks=("A-1 tells of $900 on Thu 12 Nov",)))
    assert "  A-1 tells of $900 on Thu 12 Nov" in said
    assert "  revised 13 Nov 06:10 UTC: some of the day was unknown, is $12 (price)" in said
    assert "pull" not in said


def test_hostile_names_and_numbers_without_end_are_harmless():
    evil = "\x1b[31m<b>\n"
    endless = replace(BAR, value=float("inf"))
    many = replace(TERM, unit="ln", numbers={f"{evil}{number}": 1.0 for number in range(9)})
    trial = replace(TRIAL, checks=(endless,), terms=(many,), feature=evil)
    said = text(Explained(explanation(trials=(trial,)), evil))
    assert "\x1b" not in said
    assert "points infinite, above 0.50" in said
    assert ", 3 more | 7.39x | 2980.96x |" in said


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("share", "900 %"), ("ln $", "$8,103"), ("%", "9.0 %"), ("days", "9"), ("$", "$9")],
)
def test_each_unit_is_written_as_people_do(unit, shown):
    check = replace(BAR, value=9.0, unit=unit)
    assert f"points {shown}, above" in verdict(explanation(trials=(Trial("v", 1, (check,)),)))
