"""What a finding says would have kept it quiet is what keeps it quiet, and not a step less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detect import Context, detect
from detector.history import build_history
from detector.model import MICRO
from detector.rules import ROBUST_DAYS, RuleBook, Rules
from tests.detector.histories import TODAY, acme, ago, fleet, history_of, judge, spend
from tests.detector.test_detect_properties import TABLE, lay, pasts
from tests.detector.test_robust import ALL, noise, tenant, use
from tests.detector.test_robust import judged as judged_robustly
from tests.detector.test_robust_properties import fleets, recent

RULES = st.builds(
    Rules,
    min_days=st.integers(1, 20),
    z=st.sampled_from([0.5, 2.0, 3.0]),
    bar=st.sampled_from([-9.0, -2.0, 0.0]),
    direction=st.sampled_from(["both", "up"]),
    min_excess_micro_usd=st.sampled_from([0, 5 * MICRO]),
    min_excess_percent=st.sampled_from([0.0, 25.0]),
)


def told(history, method, rules):
    book = RuleBook(method=method, everyone=rules)
    return {found.tenant: found for found in detect(history, book, Context((), TABLE)).findings}


def require_quiet(history, method, rules):
    setting = {"classic": "z", "robust": "bar"}[method]
    for name, found in told(history, method, rules).items():
        assert found.facts["method"] == method
        floor = found.facts["quiet_micro_usd"]
        # Floats of billions of dollars have no micro-dollars.
        unsure = floor // 10**14
        more = replace(rules, min_excess_micro_usd=floor + 1 + unsure)
        same = replace(rules, min_excess_micro_usd=max(floor - unsure, rules.min_excess_micro_usd))
        assert name not in told(history, method, more)
        assert name in told(history, method, same)
        if (bar := found.facts.get("quiet_bar")) is None:
            assert name in told(history, method, replace(rules, **{setting: 100.0}))
        elif np.isfinite(bar):
            assert name not in told(history, method, replace(rules, **{setting: bar}))
            less = float(np.nextafter(bar, -np.inf))
            assert name in told(history, method, replace(rules, **{setting: less}))


@settings(deadline=None)
@given(pasts(), RULES)
def test_classic_is_quiet_from_the_bar_and_above_the_floor_it_names(rows, rules):
    require_quiet(lay(rows), "classic", rules)


@settings(deadline=None, max_examples=60)
@given(fleets(), RULES)
def test_robust_is_quiet_from_the_bar_and_above_the_floor_it_names(rows, rules):
    require_quiet(build_history(recent(rows), ago(ROBUST_DAYS), TODAY), "robust", rules)


def test_a_z_score_names_itself_and_the_change():
    (found,) = judge(fleet(acme=130)).findings
    assert found.facts["quiet_bar"] == pytest.approx(6)
    assert found.facts["quiet_micro_usd"] == 30 * MICRO
    (fallen,) = judge(fleet(acme=70)).findings
    assert fallen.facts["quiet_bar"] == pytest.approx(6)


def test_what_is_judged_by_dollars_alone_no_bar_keeps_quiet():
    first = history_of(acme(), spend("dune", [90]))
    (found,) = judge(first).findings
    assert "quiet_bar" not in found.facts
    assert found.facts["quiet_micro_usd"] == 90 * MICRO
    bare = [
        replace(row, prompt_tokens=None, completion_tokens=None)
        for row in use("acme", [*(100 * noise(1)), 200])
    ]
    (found,) = judged_robustly(bare)
    assert (found.rule, "quiet_bar" in found.facts) == ("cost only", False)


def test_a_feature_that_rose_while_another_fell_is_quiet_only_where_both_are():
    rows = tenant("acme", 1, (0.02, 1.2, 1), level=(300, 10, 5))

    def of_acme(**rules):
        found = judged_robustly(rows, **{**ALL, **rules})
        return [each for each in found if each.tenant == "acme"]

    (risen,) = of_acme()
    (fallen,) = of_acme(bar=risen.score)
    assert (risen.rule, fallen.rule) == ("volume", "drop")
    assert risen.facts["quiet_bar"] == fallen.score > risen.score
    assert risen.facts["quiet_micro_usd"] == fallen.facts["quiet_micro_usd"] > 290 * MICRO
    assert of_acme(bar=fallen.score) == []
