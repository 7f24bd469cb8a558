"""What is explained is what was judged: each number can be worked out again, each what-if holds."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.codec import encode
from detector.detect import METHODS, Context, detect, weigh
from detector.explain import explain
from detector.explanation import Verdict
from detector.history import build_history
from detector.model import MICRO, FindingKind
from detector.quality import SourceDay
from detector.rules import ROBUST_DAYS, RuleBook, Rules
from detector.score import Scores, score_classic
from detector.what_if import find_otherwise
from tests.detector.histories import (
    TODAY,
    WINDOW,
    acme,
    ago,
    bolt,
    corp,
    history_of,
    leave_out,
    partial,
    raise_floor,
    restart,
    spend,
    unpulled,
)
from tests.detector.test_detect_properties import LESSONS, RULES, pasts
from tests.detector.test_detect_properties import TABLE as ANY_TABLE
from tests.detector.test_robust import (
    CHEAP,
    DEAR,
    QUIET,
    TABLE,
    noise,
    others,
    tenant,
    use,
)
from tests.detector.test_robust_properties import fleets

KNOWN = {"ln": math.log, "min": min, "max": max, "sum": sum, "abs": abs}


def robust(rows, *lessons, who="acme", context=None, **rules):
    history = build_history([*rows, *others()], ago(ROBUST_DAYS), TODAY)
    book = RuleBook(method="robust", everyone=replace(Rules(**QUIET), **rules))
    return explained(history, book, context or Context(lessons, TABLE), who)


def classic(*costs, lessons=(), who="acme", history=None, context=None, **rules):
    book = RuleBook(method="classic", window_days=WINDOW, everyone=Rules(**rules))
    return explained(history or history_of(*costs), book, context or Context(lessons), who)


def explained(history, book, context, who):
    """Explain, and check all that must hold of every explanation."""
    found = explain(history, book, context, who)
    agrees(found, history, book, context)
    again(json.loads(json.dumps(encode(found))))
    return found


def agrees(found, history, book, context):
    """The verdict is that of the judgement, and each what-if is true."""
    assert told(history, book, context, found.tenant) == found.finding
    assert (found.verdict is Verdict.TOLD) == (found.finding is not None)
    if found.finding:
        assert (found.trials[0].rule, found.trials[0].stands) == (found.finding.rule, True)
    for what_if in found.otherwise:
        if found.finding and what_if.name in ("bar", "z"):
            assert 0 <= what_if.value - found.finding.facts["quiet_bar"] <= 0.011
        if found.finding and what_if.name == "min_excess_micro_usd":
            assert 0 < what_if.value - found.finding.facts["quiet_micro_usd"] <= 0.011 * MICRO
        if what_if.what == "setting":
            changed = with_setting(book, found.tenant, what_if)
            assert direction(history, changed, context, found.tenant) == what_if.direction
        elif what_if.what == "cost" and used_today(history, found.tenant, what_if.name):
            turned, still = (
                direction(scaled(history, found.tenant, what_if.name, times), book, context,
                          found.tenant)
                for times in (what_if.factor, what_if.still)
            )  # fmt: skip
            assert (turned, still != turned) == (what_if.direction, True)


def again(facts):
    """Work every number out from the JSON alone."""
    for trial in facts["trials"]:
        for part in (*trial["checks"], *trial["terms"]):
            if part["formula"]:
                numbers = part["numbers"]
                made = eval(  # noqa: S307 - arithmetic that this very code wrote
                    part["formula"], KNOWN, {**numbers, "numbers": numbers.values()}
                )
                assert made == pytest.approx(number(part["value"]), rel=1e-6, abs=1e-6), part
        for term in trial["terms"]:
            share = (term["value"] - term["begins"]) / (term["full"] - term["begins"])
            assert term["most"] * min(max(share, 0), 1) == pytest.approx(term["points"])
        for check in trial["checks"]:
            if check["what"] == "points":
                earned = math.fsum(term["points"] for term in trial["terms"])
                assert trial["start"] + earned == pytest.approx(check["value"])


def number(value):
    return float(value["float"]) if isinstance(value, dict) else value


def told(history, book, context, who):
    spent = (FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP)
    found = detect(history, book, context).findings
    return next((each for each in found if each.tenant == who and each.kind in spent), None)


def direction(history, book, context, who):
    found = told(history, book, context, who)
    return 0 if found is None else 1 if found.kind is FindingKind.SPEND_SPIKE else -1


def with_setting(book, who, what_if):
    whole = what_if.name.endswith("_micro_usd") or what_if.name == "min_days"
    value = round(what_if.value) if whole else what_if.value
    rules = replace(book.of(who), **{what_if.name: value})
    return replace(book, tenants={**book.tenants, who: rules})


def mine(history, who, feature):
    return [
        row for row, key in enumerate(history.keys)
        if key.tenant == who and feature in (None, key.feature)
    ]  # fmt: skip


def used_today(history, who, feature):
    return history.cost[mine(history, who, feature), -1].any()


def scaled(history, who, feature, factor):
    parts = {}
    for name in ("cost", "prompt", "completion", "cached"):
        whole = getattr(history, name).astype(np.int64)
        for row in mine(history, who, feature):
            whole[row, -1] = round(int(whole[row, -1]) * factor)
        parts[name] = whole
    return history._replace(**parts)


def kinds(found):
    return {each.what for each in found.otherwise}


def terms(found):
    return [each for each in found.otherwise if each.what == "term"]


def test_a_spike_of_a_feature_is_explained_by_its_points():
    found = robust(tenant("acme", 1, (1, 8, 1)))
    trial = found.trials[0]
    assert (found.verdict, trial.rule, trial.feature) == (Verdict.TOLD, "volume", "f1")
    assert [each.points for each in trial.terms] == sorted(
        (each.points for each in trial.terms), reverse=True
    )
    assert kinds(found) == {"setting", "cost"}, "no term alone made it a spike"
    (cost,) = [each for each in found.otherwise if each.what == "cost"]
    assert cost.name == "f1"
    assert 100 * MICRO < cost.value < found.actual_micro_usd


def test_of_a_spike_just_above_the_bar_each_term_it_needed_is_named():
    found = robust(tenant("acme", 1, (1, 2.5, 1)))
    assert found.verdict is Verdict.TOLD
    needed = terms(found)
    assert needed
    assert all(each.value <= 0 for each in needed)


def test_an_ordinary_day_is_explained_by_what_it_lacked():
    found = robust(tenant("acme", 1))
    assert (found.verdict, found.finding) == (Verdict.BELOW_A_FLOOR, None)
    rise, drop = (each for each in found.otherwise if each.what == "cost")
    assert (rise.direction, drop.direction) == (1, -1)
    assert drop.value < found.actual_micro_usd < rise.value


def test_a_rise_above_the_floors_may_lie_below_the_bar():
    found = robust(tenant("acme", 1, (3, 3, 3)), bar=5.0)
    assert found.verdict is Verdict.BELOW_THE_BAR
    (bar,) = [each for each in found.otherwise if each.name == "bar"]
    assert 0.8 < bar.value < 0.9
    assert found.trials[0].missed.what == "points"


def test_a_drop_is_explained():
    found = robust(tenant("acme", 1, (0.02, 0.02, 0.02)))
    assert (found.verdict, found.trials[0].rule) == (Verdict.TOLD, "drop")
    (cost,) = [each for each in found.otherwise if each.what == "cost"]
    assert cost.value > found.actual_micro_usd


def test_where_two_features_rise_all_use_would_have_had_to_be_less():
    found = robust(tenant("acme", 1, (1, 8, 20)))
    (cost,) = [each for each in found.otherwise if each.what == "cost"]
    assert (cost.name, cost.value < found.actual_micro_usd) == (None, True)


def test_what_is_told_whatever_it_costs_has_no_cost_at_which_it_would_not_be():
    found = classic(acme(130), z=-1e6, direction="up", min_excess_micro_usd=0, min_excess_percent=0)
    assert found.verdict is Verdict.TOLD
    assert "cost" not in kinds(found)


def test_dearer_models_and_longer_prompts_are_explained_by_what_each_feature_adds():
    before = use("acme", [*(30 * noise(1)), 0], model=CHEAP, table_rate=1)
    after = use("acme", [0] * ROBUST_DAYS + [300], model=DEAR)
    rest = use("acme", [*(20 * noise(2)), 20], feature="other")
    found = robust([*before, *after, *rest])
    (mix,) = [each for each in found.trials[0].terms if each.name == "mix"]
    assert (found.trials[0].rule, set(mix.numbers)) == ("model mix", {"chat", "other"})
    longer = use("acme", [0] * ROBUST_DAYS + [240], completion=0.05)
    found = robust([*use("acme", [*(60 * noise(1)), 0]), *longer, *rest])
    assert found.trials[0].rule == "prompt length"


def test_where_tokens_are_not_told_the_cost_alone_is_explained():
    rows = [
        replace(row, prompt_tokens=None, completion_tokens=None)
        for row in use("acme", [*(100 * noise(1)), 200])
    ]
    found = robust(rows)
    assert (found.verdict, [each.rule for each in found.trials]) == (Verdict.TOLD, ["cost only"])


def test_a_young_tenant_is_explained_by_the_guard_and_a_silent_one_by_its_days():
    young = use("acme", [100, 100, 900])
    guarded = robust(young, young_guard_micro_usd=200 * MICRO)
    assert (guarded.verdict, guarded.trials[0].rule) == (Verdict.TOLD, "young tenant")
    found = robust(young)
    assert (found.verdict, found.trials[0].missed.what) == (Verdict.NOT_JUDGED, "usable days")


def test_a_first_spend_is_explained_by_dollars():
    found = robust(use("acme", [900]), first_spend_micro_usd=50 * MICRO)
    assert (found.verdict, found.trials[0].rule) == (Verdict.TOLD, "first spend")
    assert {each.name for each in found.otherwise} >= {"first_spend_micro_usd"}


def test_a_floor_that_an_answer_raised_is_named_as_what_kept_it_silent():
    lesson = raise_floor("acme", 10_000, TODAY)
    found = robust(tenant("acme", 1, (1, 8, 1)), lesson)
    assert (found.verdict, found.lessons) == (Verdict.BELOW_A_FLOOR, (lesson,))
    assert [each.name for each in found.otherwise if each.what == "lesson"] == [lesson.reason]


def test_days_left_out_are_named_with_their_reason_and_are_not_used():
    lesson = leave_out("acme", ago(2), reason="dismissed as expected")
    found = classic(
        acme(200), lessons=(lesson, leave_out("bolt", ago(3)), restart("acme", ago(99)))
    )
    assert [(each.day, each.reason) for each in found.left_out] == [
        (ago(2), "dismissed as expected")
    ]
    assert found.lessons == (lesson,)
    assert [each.day for each in found.days if not each.used] == [ago(2), TODAY]


def test_a_classic_spike_is_explained_by_its_z():
    found = classic(acme(130), bolt(), corp())
    trial = found.trials[0]
    z = trial.checks[-1]
    assert (trial.rule, z.value, z.bar) == ("z-score", pytest.approx(6), 3)
    mean = sum(each.compared_usd for each in found.days if each.used) / WINDOW
    assert z.numbers["mean"] == pytest.approx(mean)
    assert {each.name: each.value for each in found.otherwise if each.what == "setting"} == {
        "z": 6.01, "min_excess_micro_usd": 30_010_000, "min_excess_percent": 30.01,
    }  # fmt: skip


def test_a_classic_day_tells_from_which_cost_on_it_would_have_been_told():
    found = classic(acme(120), bolt(), corp())
    assert found.verdict is Verdict.BELOW_A_FLOOR
    costs = [each for each in found.otherwise if each.what == "cost"]
    assert [each.value / MICRO for each in costs] == pytest.approx([125, 75], abs=0.02)
    (percent,) = [each for each in found.otherwise if each.what == "setting"]
    assert (percent.name, percent.value) == ("min_excess_percent", 20)


def test_a_classic_tenant_that_stopped_is_explained_by_its_usual_day():
    found = classic(acme(0), bolt(), corp())
    assert found.verdict is Verdict.TOLD
    (cost,) = [each for each in found.otherwise if each.what == "cost"]
    assert cost.value / MICRO == pytest.approx(75, abs=0.1)


@pytest.mark.parametrize(
    ("history", "unwatched", "why"),
    [
        (partial(history_of(acme(10), bolt()), TODAY), (), "the day was pulled in part"),
        (history_of(acme(10), bolt()), ("acme",),
         "none of the tenant's sources answered for the day"),
        (history_of(acme(10), spend("acme", [None], feature="new"), bolt()), (),
         "some use of the day has no known price"),
        (unpulled(history_of(acme(10), bolt()), TODAY), (), "no data was pulled for the day"),
        (history_of(bolt()), (), "no use in the 31 days that are looked at"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_says_why(history, unwatched, why):
    found = classic(history=history, context=Context(unwatched=frozenset(unwatched)))
    assert (found.verdict, found.why, found.finding) == (Verdict.NOT_JUDGED, why, None)


def test_where_a_source_is_silent_nobody_is_judged():
    silent = SourceDay("gateway", rows=0, usual_rows=9)
    found = classic(acme(900), context=Context(sources=(silent,)))
    assert (found.verdict, found.why) == (Verdict.NOT_JUDGED, "no usage from gateway")


def test_a_direction_that_is_not_looked_for_is_the_gate():
    found = classic(acme(900), direction="down")
    rise = next(each for each in found.trials if each.direction == 1)
    assert (found.verdict is Verdict.TOLD, rise.missed.what) == (False, "rises are looked for")


def test_nobody_elses_name_or_number_is_in_an_explanation():
    rows = tenant("acme", 1, (1, 8, 1))
    told = json.dumps(encode(robust(rows, leave_out("t3", ago(2)))))
    assert not [name for name in ("t0", "t1", "t3", "t7") if f'"{name}"' in told]


def test_no_context_is_needed():
    found = explain(history_of(acme(130)), RuleBook(), None, "acme")
    assert found.verdict is Verdict.TOLD


@settings(deadline=None, max_examples=15)
@given(pasts(), RULES, LESSONS, st.sampled_from(["classic", "robust"]))
def test_whatever_the_past_the_explanation_is_the_judgement(rows, rules, lessons, method):
    history = build_history(rows, ago(25), TODAY)
    book = RuleBook(method=method, everyone=rules)
    for who in dict.fromkeys(key.tenant for key in history.keys):
        explained(history, book, Context(tuple(lessons), ANY_TABLE), who)


@settings(deadline=None, max_examples=10)
@given(fleets())
def test_of_three_months_too(rows):
    history = (
        build_history(rows, ago(ROBUST_DAYS), TODAY)
        if False
        else build_history(
            [row for row in rows if row.day >= ago(ROBUST_DAYS)], ago(ROBUST_DAYS), TODAY
        )
    )
    book = RuleBook(method="robust", everyone=Rules(first_spend_micro_usd=None))
    for who in dict.fromkeys(key.tenant for key in history.keys):
        explained(history, book, Context(prices=ANY_TABLE), who)


def test_centre_and_spread_of_a_share_follow_from_the_days_that_are_told():
    found = robust(tenant("acme", 1, (1, 8, 1)))
    facts = json.loads(json.dumps(encode(found)))
    trial = facts["trials"][0]
    month = slice(-29, -1)
    feature = np.array(trial["compared_usd"])
    rest = np.array([day["compared_usd"] for day in facts["days"]]) - feature
    odds = np.log(feature + 0.5) - np.log(rest + 0.5)
    usual = np.median(odds[month])
    apart = np.sort(np.abs(odds[month] - usual))
    mad = 1.4826 * np.median(apart)
    terms = {term["name"]: term for term in trial["terms"]}
    assert terms["share"]["numbers"]["usual"] == pytest.approx(usual)
    assert terms["share"]["numbers"]["spread"] == pytest.approx((28 * mad + 2 * 0.2) / 30)
    assert terms["share_tail"]["numbers"]["spread"] == pytest.approx(
        max(mad + 0.15, apart[-2] / 2.2)
    )
    assert terms["record"]["numbers"]["highest"] == pytest.approx(feature[month].max())
    assert terms["usd"]["numbers"]["change"] == pytest.approx(
        feature[-1] - np.median(feature[month])
    )


def test_a_method_that_needs_all_tenants_is_asked_for_all_of_them():
    history = build_history([*tenant("acme", 1, (1, 2.5, 1)), *others()], ago(ROBUST_DAYS), TODAY)
    book = RuleBook(method="robust", everyone=Rules(**QUIET))
    weighed = weigh(history, book, Context((), TABLE))
    index = weighed.evidence.groups.tenants.index("acme")
    trials = weighed.scores.account(index).trials
    whole = replace(weighed, scores=weighed.scores._replace(alone=None))
    found = find_otherwise(whole, index, trials)
    assert found == find_otherwise(weighed, index, trials)
    assert {each.what for each in found} == {"setting", "term", "cost"}


@pytest.mark.parametrize(("today", "verdict"), [(130, "told"), (101, "below the bar")])
def test_a_method_that_gives_no_account_is_explained_by_its_days(monkeypatch, today, verdict):
    def plain(evidence):
        return score_classic(evidence)._replace(
            account=Scores._field_defaults["account"], alone=None
        )

    monkeypatch.setitem(METHODS, "plain", plain)
    history, book = history_of(acme(today)), RuleBook(method="plain")
    found = explain(history, book, None, "acme")
    assert (found.verdict, found.trials, found.otherwise) == (verdict, (), ())
    assert found.days[-1].compared_usd == today
