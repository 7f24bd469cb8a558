"""What holds for the judgement of every day."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detect import Context, detect
from detector.history import build_history
from detector.model import MICRO, CostDay, FindingKind, SeriesKey
from detector.rules import RuleBook, Rules
from tests.detector.histories import TODAY, ago, leave_out, price, prices, raise_floor, restart

TENANTS = ("acme", "bolt", "corp")
AMOUNTS = st.none() | st.integers(-(10**8), 10**9) | st.sampled_from([0, 10**18, 5 * 10**8])
KEYS = st.tuples(
    st.sampled_from(TENANTS), st.sampled_from(["", "chat"]), st.sampled_from(["m", "n"])
).map(lambda parts: SeriesKey(*parts))
COSTS = st.lists(
    st.builds(
        CostDay,
        st.integers(0, 25).map(ago),
        KEYS,
        AMOUNTS,
        prompt_tokens=st.integers(1000, 10**7),
        completion_tokens=st.integers(0, 10**6),
        given=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda cost: (cost.day, cost.key),
)
RULES = st.builds(
    Rules,
    min_days=st.integers(1, 20),
    z=st.floats(0, 4),
    min_excess_micro_usd=st.integers(0, 20 * MICRO),
    min_excess_percent=st.floats(0, 50),
)
LESSONS = st.lists(
    st.one_of(
        st.builds(leave_out, st.sampled_from(TENANTS), st.integers(-2, 25).map(ago)),
        st.builds(restart, st.sampled_from(TENANTS), st.integers(-2, 25).map(ago)),
        st.builds(raise_floor, st.sampled_from(TENANTS), st.integers(0, 50), st.just(TODAY)),
    ),
    max_size=3,
)
TABLE = prices(
    price(ago(400), "1", "m"), price(ago(400), "2", "n"), price(ago(9), "3", "n"),
    price(TODAY, "2", "m"),
)  # fmt: skip


@st.composite
def steady(draw):
    """Draw a tenant that costs about the same each day since some day, and today what it likes."""
    tenant, level = draw(st.sampled_from(TENANTS)), draw(st.integers(1, 500))
    since = draw(st.sampled_from([25, 25, 20, 3]) | st.integers(0, 25))
    today = draw(st.sampled_from([0, 0.5, 1, 3, 20]))
    tokens = [round(level * 10**6 * (1 + days % 3 / 10)) for days in range(since + 1)]
    tokens[0] = round(tokens[0] * today)
    key = SeriesKey(tenant, "chat", "m")
    return [
        CostDay(ago(days), key, used, 1, 0, used, 0) for days, used in enumerate(tokens) if used
    ]


@st.composite
def pasts(draw):
    """Draw steady tenants with other costs strewn over them, rows in any order."""
    rows = [row for rows in draw(st.lists(steady(), min_size=1, max_size=3)) for row in rows]
    return draw(st.permutations([*rows, *draw(COSTS | st.just([]))]))


def lay(rows, last=TODAY):
    return build_history([row for row in rows if row.day <= last], ago(25), last)


def judged(history, rules, lessons=(), table=TABLE):
    return detect(history, RuleBook(everyone=rules), Context(tuple(lessons), table))


@settings(deadline=None)
@given(pasts(), RULES, LESSONS)
def test_the_order_of_the_rows_does_not_matter(rows, rules, lessons):
    assert judged(lay(rows), rules, lessons) == judged(lay(rows[::-1]), rules, lessons)


@settings(deadline=None)
@given(pasts(), RULES, LESSONS)
def test_another_tenant_changes_nothing_for_the_others(rows, rules, lessons):
    for tenant in TENANTS:
        # Somebody must be left on every day, or the day itself would be missing.
        bystander = [CostDay(ago(days), SeriesKey("zed"), 5 * MICRO) for days in range(26)]
        alone = [row for row in rows if row.key.tenant == tenant]
        whole = judged(lay([*rows, *bystander]), rules, lessons)
        part = judged(lay([*alone, *bystander]), rules, lessons)
        assert [f for f in whole.findings if f.tenant == tenant] == list(part.findings)


@settings(deadline=None)
@given(pasts(), RULES, LESSONS)
def test_every_finding_adds_up_and_means_what_it_says(rows, rules, lessons):
    for finding in judged(lay(rows), rules, lessons).findings:
        sign = 1 if finding.kind is FindingKind.SPEND_SPIKE else -1
        change = finding.actual_micro_usd - finding.expected_micro_usd
        assert sum(driver.change_micro_usd for driver in finding.drivers) == change
        assert change == sum(
            driver.volume_micro_usd + driver.price_micro_usd + driver.mix_micro_usd
            for driver in finding.drivers
        )
        # Expected costs of a few drivers are rounded one by one.
        assert change * sign >= rules.min_excess_micro_usd - 3
        assert finding.magnitude == abs(change)


@settings(deadline=None)
@given(pasts(), RULES, LESSONS)
def test_the_days_of_a_finding_are_all_accounted_for(rows, rules, lessons):
    history = lay(rows)
    for finding in judged(history, rules, lessons).findings:
        base = finding.baseline
        since = max(history.first_days[finding.tenant], history.days[0])
        assert base.used_days + len(base.left_out) == (TODAY - since).days
        assert base.used_days == finding.facts["usable_days"]
        assert all(day.day < TODAY for day in base.left_out)


@settings(deadline=None)
@given(pasts(), st.integers(1, 20), LESSONS)
def test_days_before_a_tenants_first_one_do_not_matter(rows, min_days, lessons):
    rules = Rules(min_days=min_days)
    longer = build_history(rows, ago(29), TODAY)
    pairs = zip(
        judged(lay(rows), rules, lessons).findings,
        judged(longer, rules, lessons).findings,
        strict=True,
    )
    for short, long in pairs:
        assert (short.tenant, short.rule, short.drivers) == (long.tenant, long.rule, long.drivers)
        assert short.baseline.left_out == long.baseline.left_out
        assert np.isclose(short.score or 0, long.score or 0, rtol=1e-9)


@settings(deadline=None)
@given(pasts(), RULES)
def test_fault_11_other_prices_for_the_same_use_change_no_score(rows, rules):
    use = [row for row in rows if row.micro_usd is not None and row.key.model == "m"]
    same = [CostDay(row.day, row.key, row.prompt_tokens, 1, 0, row.prompt_tokens, 0) for row in use]
    dearer = [
        CostDay(row.day, row.key, row.micro_usd * (2 if row.day == TODAY else 1), 1, 0,
                row.prompt_tokens, 0)
        for row in same
    ]  # fmt: skip
    flat = prices(price(ago(400), "2", "m"))
    doubled = [
        CostDay(row.day, row.key, 2 * row.micro_usd, 1, 0, row.prompt_tokens, 0) for row in same
    ]
    expected = judged(lay(doubled), rules, table=flat).findings
    found = judged(lay(dearer), rules).findings
    assert [(f.tenant, f.kind) for f in found] == [(f.tenant, f.kind) for f in expected]
    for one, other in zip(found, expected, strict=True):
        assert np.isclose(one.score or 0, other.score or 0, rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(pasts(), RULES, LESSONS, COSTS)
def test_a_judged_day_never_depends_on_later_days_bit_for_bit(rows, rules, lessons, later):
    moved = [
        CostDay(TODAY + timedelta(days=1 + (TODAY - cost.day).days), cost.key, cost.micro_usd,
                prompt_tokens=cost.prompt_tokens, given=cost.given)
        for cost in later
    ]  # fmt: skip
    longer = build_history([*rows, *moved], ago(25), TODAY + timedelta(days=26))
    assert judged(longer.window(25, 26), rules, lessons) == judged(lay(rows), rules, lessons)
